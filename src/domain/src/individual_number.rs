//! The guard against the individual number (個人番号, "My Number"): it is never accepted, stored or logged.
//!
//! Two rules. A field *named* for it is refused whatever it holds. Elsewhere, in personal data, a run of exactly twelve
//! digits with the right check digit is refused; digits may be full-width and grouped by hyphens or spaces. One run of
//! twelve in eleven random ones has a right check digit, so ids of twelve digits can be refused by mistake: give them a letter.

/// Whether a field of this name is meant for the individual number.
pub fn is_field_name(name: &str) -> bool {
    let plain: String = name
        .chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect();
    [
        "個人番号",
        "マイナンバー",
        "mynumber",
        "individualnumber",
        "kojinbango",
    ]
    .iter()
    .any(|word| plain.contains(word))
}

/// Whether the text holds what can be an individual number: twelve digits with a right check digit.
pub fn is_in(text: &str) -> bool {
    let mut run: Vec<u8> = Vec::with_capacity(12);
    let mut gap = false;
    for c in text.chars() {
        match digit(c) {
            Some(d) => {
                run.push(d);
                gap = false;
            }
            // One separator inside a run keeps it going, two end it.
            None if is_separator(c) && !gap && !run.is_empty() => gap = true,
            None => {
                if is_individual_number(&run) {
                    return true;
                }
                run.clear();
                gap = false;
            }
        }
    }
    is_individual_number(&run)
}

fn digit(c: char) -> Option<u8> {
    match c {
        '0'..='9' => u8::try_from(u32::from(c) - u32::from('0')).ok(),
        '０'..='９' => u8::try_from(u32::from(c) - u32::from('０')).ok(),
        _ => None,
    }
}

fn is_separator(c: char) -> bool {
    matches!(
        c,
        '-' | ' ' | '\u{3000}' | '‐' | '‑' | '–' | '－' | 'ー' | '・'
    )
}

/// The check digit rule of the ordinance (総務省令第85号第5条): weights 2..7 over the eleven digits from the right.
fn is_individual_number(digits: &[u8]) -> bool {
    let Ok(digits): Result<[u8; 12], _> = digits.try_into() else {
        return false;
    };
    let [payload @ .., check] = digits;
    let sum: u32 = payload
        .iter()
        .rev()
        .zip([2u32, 3, 4, 5, 6, 7, 2, 3, 4, 5, 6])
        .map(|(d, weight)| u32::from(*d) * weight)
        .sum();
    let expected = match sum % 11 {
        0 | 1 => 0,
        rest => 11 - rest,
    };
    u32::from(check) == expected
}

#[cfg(test)]
mod tests {
    use super::*;

    // An invented number whose check digit is right: 12345678901 and 8.
    const RIGHT: &str = "123456789018";

    #[test]
    fn found_in_every_usual_spelling() {
        for text in [
            RIGHT,
            "1234-5678-9018",
            "1234 5678 9018",
            "１２３４５６７８９０１８",
            "番号は１２３４－５６７８－９０１８です",
            "a123456789018b",
        ] {
            assert!(is_in(text), "{text}");
        }
    }

    #[test]
    fn other_numbers_pass() {
        for text in [
            "123456789012",
            "0985-25-1111",
            "12345678901",
            "1234567890180",
            "2026-11-23T09:00:00Z",
            "",
        ] {
            assert!(!is_in(text), "{text}");
        }
    }

    #[test]
    fn field_names() {
        for name in [
            "個人番号",
            "myNumber",
            "my_number",
            "individual-number",
            "マイナンバー",
        ] {
            assert!(is_field_name(name), "{name}");
        }
        for name in ["number", "phoneNumber", "住民番号", "name"] {
            assert!(!is_field_name(name), "{name}");
        }
    }
}
