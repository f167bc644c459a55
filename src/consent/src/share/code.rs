//! The text of a share code: 34 characters of Crockford base 32 and a check character, in groups of five.
//!
//! The first eight name the code, the other 26 are its secret (128 bits). Reading is forgiving as with Tsuno IDs: case, hyphens, spaces, and
//! `I L O` for `1 1 0`. A single mistyped character is found by the check character (Luhn mod 32), so that it is no wrong try.

use aws_lc_rs::digest::{SHA256, digest};
use tsunagu_domain::IdGen;

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const NAME: usize = 8;
const SECRET: usize = 26;
const GROUP: usize = 5;

/// A code as it was made or read: its name, and the digest of its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Presented {
    pub(crate) name: String,
    pub(crate) secret: [u8; 32],
}

/// A fresh code as text, and what is kept of it.
pub(crate) fn generate(ids: &dyn IdGen) -> (String, Presented) {
    let name = digits(ids.bytes16()).into_iter().skip(SECRET - NAME);
    let mut digits: Vec<u8> = name.chain(digits(ids.bytes16())).collect();
    let presented = presented(&digits);
    digits.push(check(&digits));
    let text = spelled(&digits);
    let groups: Vec<&str> =
        (0..text.len()).step_by(GROUP).filter_map(|at| text.get(at..at + GROUP)).collect();
    (groups.join("-"), presented)
}

/// Reads a code as somebody typed it; `None` when it is none.
pub(crate) fn read(text: &str) -> Option<Presented> {
    let written = text.bytes().filter(|c| !matches!(c, b'-' | b' '));
    let digits: Option<Vec<u8>> = written.take(NAME + SECRET + 2).map(digit).collect();
    let digits = digits.filter(|digits| digits.len() == NAME + SECRET + 1)?;
    let (last, digits) = digits.split_last()?;
    (check(digits) == *last).then(|| presented(digits))
}

fn presented(digits: &[u8]) -> Presented {
    let (name, secret) = digits.split_at_checked(NAME).unwrap_or_default();
    let mut hashed = [0; 32];
    hashed.copy_from_slice(digest(&SHA256, spelled(secret).as_bytes()).as_ref());
    Presented { name: spelled(name), secret: hashed }
}

fn spelled(digits: &[u8]) -> String {
    let letter = |digit: &u8| ALPHABET.get(usize::from(*digit)).copied().map_or('?', char::from);
    digits.iter().map(letter).collect()
}

/// 26 digits of 128 bits, of which the first has but three.
fn digits(bytes: [u8; 16]) -> [u8; SECRET] {
    let mut value = u128::from_be_bytes(bytes);
    let mut digits = [0; SECRET];
    for digit in digits.iter_mut().rev() {
        *digit = (value & 31) as u8;
        value >>= 5;
    }
    digits
}

fn digit(c: u8) -> Option<u8> {
    let c = match c.to_ascii_uppercase() {
        b'I' | b'L' => b'1',
        b'O' => b'0',
        other => other,
    };
    ALPHABET.iter().position(|letter| *letter == c).and_then(|at| u8::try_from(at).ok())
}

/// Luhn mod 32 over the digits, from the right.
fn check(digits: &[u8]) -> u8 {
    let addends = digits.iter().rev().enumerate().map(|(i, digit)| {
        let addend = u32::from(*digit) * if i % 2 == 0 { 2 } else { 1 };
        addend / 32 + addend % 32
    });
    ((32 - addends.sum::<u32>() % 32) % 32) as u8
}

#[cfg(test)]
mod tests {
    use tsunagu_domain::SeededIds;

    use super::*;

    #[test]
    fn a_code_is_read_however_it_is_written() {
        let (text, made) = generate(&SeededIds::new(5));
        assert_eq!(text.len(), 35 + 6);
        assert_eq!(made.name.len(), NAME);
        for written in
            [text.clone(), text.to_lowercase(), text.replace('-', ""), text.replace('-', " ")]
        {
            assert_eq!(read(&written), Some(made.clone()), "{written}");
        }
        let (other, another) = generate(&SeededIds::new(6));
        assert!(other != text && another.secret != made.secret && another.name != made.name);
    }

    #[test]
    fn every_single_mistyped_character_is_found() {
        let (text, _) = generate(&SeededIds::new(7));
        let plain = text.replace('-', "");
        for at in 0..plain.len() {
            for letter in ALPHABET {
                let mut typed = plain.clone().into_bytes();
                if typed[at] == *letter {
                    continue;
                }
                typed[at] = *letter;
                assert_eq!(read(std::str::from_utf8(&typed).unwrap()), None);
            }
        }
        for wrong in
            ["", "-", "U", "あ", plain.split_at(1).1, &format!("{plain}0"), &"0".repeat(100_000)]
        {
            assert_eq!(read(wrong), None);
        }
    }
}
