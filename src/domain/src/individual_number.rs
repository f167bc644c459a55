//! The guard against the individual number (個人番号, "My Number"): it is never accepted, stored or logged.
//!
//! Two rules. A field *named* for it is refused whatever it holds. Elsewhere, in personal data, twelve digits with the right
//! check digit are refused, together or in groups of four as the card prints them, full-width too, also as a number with an
//! exponent ([`is_in_power`]), spread over a list ([`is_spread`]) and over texts beside each other ([`is_spread_over`]). Digits that touch a
//! Latin letter or a thirteenth digit are part of something else, and so are UUIDs. One number of twelve digits in eleven has a right
//! check digit by chance: an id or time stamp of exactly twelve digits can be refused by mistake; give it a letter or a separator.

/// Whether a field of this name is meant for the individual number.
pub fn is_field_name(name: &str) -> bool {
    // Every attribute of every write comes by here, so a word is spelled out only where its first letter stands.
    name.bytes().enumerate().any(|(at, byte)| {
        let word = match byte {
            b'm' | b'M' => "mynumber",
            b'i' | b'I' => "individualnumber",
            // The last one begins the sign of the unit kelvin, a capital k.
            b'k' | b'K' | 0xe2 => "kojinbango",
            // What 個 and マ begin with.
            0xe5 => "個人番号",
            0xe3 => "マイナンバー",
            _ => return false,
        };
        name.get(at..).is_some_and(|rest| spells(rest, word))
    })
}

/// Whether the last part of an IRI, which people call the term, is meant for the individual number.
pub fn is_name_of_term(iri: &str) -> bool {
    is_field_name(iri.rsplit(['/', '#']).next().unwrap_or(iri))
}

/// Whether the letters and digits of the text begin with those of the word, which is in lower case.
fn spells(text: &str, word: &str) -> bool {
    let mut plain = text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase);
    word.chars().all(|c| plain.next() == Some(c))
}

/// Whether the text holds what can be an individual number: twelve digits with a right check digit.
pub fn is_in(text: &str) -> bool {
    // Nothing shorter can hold one, and nearly every value is shorter.
    if text.len() < 12 {
        return false;
    }
    let mut run: Vec<u8> = Vec::with_capacity(12);
    let mut state = Run::Clean;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if state != Run::InWord
            && run.is_empty()
            && let Some(after) = skip_uuid(rest)
        {
            rest = after;
            state = Run::InWord;
            continue;
        }
        rest = rest.get(c.len_utf8()..).unwrap_or_default();
        match digit(c) {
            Some(digit) if state != Run::InWord => {
                run.push(digit);
                state = Run::Digits;
            }
            // A separator keeps a run going where the card has one.
            None if is_separator(c) && state == Run::Digits && [4, 8].contains(&run.len()) => {
                state = Run::Gap;
            }
            other => {
                let in_word = other.is_some() || c.is_ascii_alphabetic();
                if !in_word && is_individual_number(&run) {
                    return true;
                }
                run.clear();
                state = if in_word { Run::InWord } else { Run::Clean };
            }
        }
    }
    is_individual_number(&run)
}

/// Whether the text holds a number with an exponent that is an individual number when written out, as `1.23456789018e11`.
pub fn is_in_power(text: &str) -> bool {
    if text.len() < 12 || !text.bytes().any(|byte| matches!(byte, b'e' | b'E')) {
        return false;
    }
    let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '-');
    text.split(|c| !part(c)).any(|word| written_out(word).is_some_and(|d| is_individual_number(&d)))
}

/// The digits of a whole number that is written with an exponent.
fn written_out(word: &str) -> Option<Vec<u8>> {
    let word = word.trim_start_matches(['-', '+']);
    let (mantissa, exponent) = word.split_once(['e', 'E'])?;
    let exponent: i64 = exponent.parse().ok()?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut digits: Vec<u8> = whole
        .chars()
        .chain(fraction.chars())
        .map(|c| c.to_digit(10).and_then(|d| u8::try_from(d).ok()))
        .collect::<Option<_>>()?;
    let point = i64::try_from(whole.len()).ok()?.checked_add(exponent)?;
    // Longer than any of ours, and than anything that should be written out.
    let point = usize::try_from(point).ok().filter(|point| *point <= 64)?;
    if digits.len() < point {
        digits.resize(point, 0);
    }
    if digits.split_off(point).iter().any(|digit| *digit != 0) {
        return None;
    }
    let zeros = digits.len().saturating_sub(12);
    digits.iter().take(zeros).all(|digit| *digit == 0).then(|| digits.split_off(zeros))
}

/// Whether texts that stand beside each other (values of a list, members of an object, attributes of an entity) are an individual number
/// together: texts of as many digits each, at most four, with twelve digits in all and no such text more. `None` parts its neighbours.
pub fn is_spread_over<'a>(texts: impl IntoIterator<Item = Option<&'a str>>) -> bool {
    let mut run: Vec<u8> = Vec::new();
    let mut each = 0;
    texts.into_iter().chain([None]).any(|text| {
        // Four digits have at most twelve bytes, and most texts do not even begin with one.
        let text = text.map(str::trim).filter(|text| (1..=12).contains(&text.len()));
        let next: Option<Vec<u8>> = text.and_then(|text| text.chars().map(digit).collect());
        let next = next.filter(|digits| digits.len() <= 4).unwrap_or_default();
        if next.len() == each {
            run.extend(next);
            return false;
        }
        let ended = is_individual_number(&run);
        each = next.len();
        run = next;
        ended
    })
}

/// Whether the elements of a list are an individual number: texts as in [`is_spread_over`], or twelve numbers of one digit. Longer numbers are
/// left alone, for measurements look like that.
pub fn is_spread(texts: &[&str], numbers: &[&str]) -> bool {
    let single = numbers.len() == 12 && numbers.iter().all(|number| number.len() == 1);
    is_spread_over(texts.iter().map(|text| Some(*text)))
        || (single && is_spread_over(numbers.iter().map(|number| Some(*number))))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Run {
    /// The next digit begins a run.
    Clean,
    /// The last character was a digit of the run.
    Digits,
    /// The last character was a separator inside the run.
    Gap,
    /// Inside a word of Latin letters and digits: its digits are no number.
    InWord,
}

/// What follows a UUID at the beginning of the text.
fn skip_uuid(text: &str) -> Option<&str> {
    let head = text.get(..36)?;
    let fits = head.bytes().enumerate().all(|(at, b)| match at {
        8 | 13 | 18 | 23 => b == b'-',
        _ => b.is_ascii_hexdigit(),
    });
    if fits { text.get(36..) } else { None }
}

fn digit(c: char) -> Option<u8> {
    match c {
        '0'..='9' => u8::try_from(u32::from(c) - u32::from('0')).ok(),
        '０'..='９' => u8::try_from(u32::from(c) - u32::from('０')).ok(),
        _ => None,
    }
}

fn is_separator(c: char) -> bool {
    matches!(c, '-' | ' ' | '\u{3000}' | '‐' | '‑' | '–' | '－' | 'ー' | '・')
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
            "\"123456789018\"",
            "[1,123456789018]",
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
    fn powers_are_written_out() {
        for text in [
            "1.23456789018e11",
            "123456789018e0",
            "1234567890180E-1",
            "0.123456789018e+12",
            "[3,1.23456789018E11]",
            "-1.23456789018e11",
        ] {
            assert!(is_in_power(text), "{text}");
        }
        for text in [
            "1.23456789012e11",
            "1.23456789018e12",
            "12345678901.85e0",
            "1.23456789018e99999999999",
            "1.2e3.4e5.6e7",
            "https://example.org/e1/e2",
        ] {
            assert!(!is_in_power(text), "{text}");
        }
    }

    #[test]
    fn lists_are_put_together() {
        let single = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "0", "1", "8"];
        assert!(is_spread(&single, &[]) && is_spread(&[], &single));
        assert!(is_spread(&["1234", "5678", "9018"], &[]));
        assert!(is_spread(&["１２３４", "5678", "9018"], &[]));
        assert!(!is_spread(&["1234", "5678", "9012"], &[]));
        assert!(!is_spread(&[], &["1234", "5678", "9018"]), "steps of three days");
        assert!(!is_spread(&["12", "3", "45678901", "8"], &[]));
        assert!(is_spread(&["12", "34", "56", "78", "90", "18"], &[]));
        assert!(is_spread(&["a", "1234", " 5678", "9018", "12345"], &[]));
        assert!(!is_spread(&["1234", "and", "5678", "9018"], &[]));
        assert!(!is_spread(&["1", "123456", "123456", "789018"], &[]), "dates");
        assert!(!is_spread(&[&single[..], &["3"]].concat(), &[]), "thirteen answers");
        assert!(is_spread_over([None, Some("1234"), Some("5678"), Some("9018"), None]));
        assert!(!is_spread_over([Some("1234"), None, Some("5678"), Some("9018")]));
    }

    #[test]
    fn field_names() {
        for name in [
            "個人番号",
            "myNumber",
            "my_number",
            "MY NUMBER",
            "oldMyNumber2",
            "individual-number",
            "マイナンバー",
            "旧my-number",
            "kojin_bango",
            "\u{212a}ojin-bango",
        ] {
            assert!(is_field_name(name), "{name}");
        }
        for name in ["number", "phoneNumber", "住民番号", "name", "my", "myNumbe", "mymynumbe"]
        {
            assert!(!is_field_name(name), "{name}");
        }
    }
}
