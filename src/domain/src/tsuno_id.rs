//! The Tsuno ID: 128 random bits that name one resident and mean nothing else.

use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use memchr::memmem;
use serde::{Deserialize, Serialize};

use crate::IdGen;

/// What the entity id of a person begins with, before a Tsuno ID or a pairwise id.
pub const PERSON_URN: &str = "urn:ngsi-ld:Person:";

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const DIGITS: usize = 26;

/// The common resident id: random, never derived from anything, never re-used.
///
/// Its text is 26 characters of Crockford base 32 and one check character (Luhn mod 32), which finds every single
/// mistyped character. Reading is forgiving: lower case, hyphens, and `I L O` for `1 1 0` are accepted. A pairwise id has the
/// same form, so that nothing but the gateway can tell them apart; 26 characters hold two bits more than an id has, and in a pairwise id
/// they say which key of its sector made it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TsunoId {
    bits: [u8; 16],
    /// 0 to 3; 0 but for pairwise ids of sectors whose key was changed.
    key: u8,
}

/// The text is not 27 characters of Crockford base 32 with a right check character.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a Tsuno ID: expected 26 base-32 characters and a matching check character")]
pub struct InvalidTsunoId;

impl TsunoId {
    /// A fresh id.
    pub fn generate(ids: &dyn IdGen) -> Self {
        Self::from_bytes(ids.bytes16())
    }

    /// The id with these bits.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self { bits: bytes, key: 0 }
    }

    /// The pairwise id with these bits, made by the key of this generation.
    pub(crate) const fn of_generation(bits: [u8; 16], generation: u32) -> Self {
        Self { bits, key: (generation % 4) as u8 }
    }

    /// Whether a key of this generation may have made it.
    pub(crate) const fn is_of_generation(self, generation: u32) -> bool {
        self.key == (generation % 4) as u8
    }

    /// Reads a pairwise id, of whichever key; as a Tsuno ID is read otherwise.
    pub fn read_pairwise(text: &str) -> Result<Self, InvalidTsunoId> {
        let mut digits = [0u8; DIGITS + 1];
        let mut filled = 0;
        for byte in text.bytes().filter(|b| *b != b'-') {
            let slot = digits.get_mut(filled).ok_or(InvalidTsunoId)?;
            *slot = digit_of(byte).ok_or(InvalidTsunoId)?;
            filled += 1;
        }
        let (value_digits, check) = digits.split_last_chunk::<1>().ok_or(InvalidTsunoId)?;
        let value_digits: [u8; DIGITS] = value_digits.try_into().map_err(|_| InvalidTsunoId)?;
        if filled != DIGITS + 1 || check_digit(&value_digits) != check[0] {
            return Err(InvalidTsunoId);
        }
        // The upper two of 130 bits fall out.
        let value = value_digits.iter().fold(0u128, |acc, d| (acc << 5) | u128::from(*d));
        Ok(Self { bits: value.to_be_bytes(), key: value_digits[0] >> 3 })
    }

    /// The 128 bits.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.bits
    }

    /// The NGSI-LD entity id, `urn:ngsi-ld:Person:<id>`.
    pub fn urn(&self) -> String {
        format!("{PERSON_URN}{self}")
    }

    /// Reads an entity id of the form `urn:ngsi-ld:Person:<id>`; anything else is `None`.
    pub fn from_urn(urn: &str) -> Option<Self> {
        urn.strip_prefix(PERSON_URN)?.parse().ok()
    }

    /// The id that a text begins with, in any spelling, and what follows; `None` when letters or digits follow at once.
    pub(crate) fn at_start(text: &str) -> Option<(Self, &str)> {
        let digits = text.bytes().enumerate().filter(|(_, b)| *b != b'-');
        let (last, _) = digits.take_while(|(_, b)| b.is_ascii_alphanumeric()).nth(DIGITS)?;
        let (id, after) = text.split_at_checked(last + 1)?;
        let ends = !after.starts_with(|c: char| c.is_ascii_alphanumeric());
        Self::read_pairwise(id).ok().filter(|_| ends).map(|id| (id, after))
    }

    /// Whether a text holds the entity id of a person, by itself or inside of something longer.
    pub fn is_named_in(text: &str) -> bool {
        // Every text of every write comes by here, and hardly any names a person.
        static URN: LazyLock<memmem::Finder<'static>> =
            LazyLock::new(|| memmem::Finder::new(PERSON_URN));
        URN.find(text.as_bytes()).is_some()
            && text.split(PERSON_URN).skip(1).any(|tail| Self::at_start(tail).is_some())
    }

    /// For people: groups of four with hyphens, e.g. `7K3M-9PQX-…`.
    pub fn grouped(&self) -> String {
        let text = self.to_string();
        let mut out = String::with_capacity(text.len() + 6);
        for (i, c) in text.chars().enumerate() {
            if i > 0 && i % 4 == 0 {
                out.push('-');
            }
            out.push(c);
        }
        out
    }

    fn digits(self) -> [u8; DIGITS] {
        let mut value = u128::from_be_bytes(self.bits);
        let mut digits = [0; DIGITS];
        for digit in digits.iter_mut().rev() {
            *digit = (value & 31) as u8;
            value >>= 5;
        }
        digits[0] |= self.key << 3;
        digits
    }
}

/// Luhn mod 32 over the digits, from the right.
fn check_digit(digits: &[u8; DIGITS]) -> u8 {
    let mut sum = 0u32;
    for (i, digit) in digits.iter().rev().enumerate() {
        let addend = u32::from(*digit) * if i % 2 == 0 { 2 } else { 1 };
        sum += addend / 32 + addend % 32;
    }
    ((32 - sum % 32) % 32) as u8
}

fn digit_of(c: u8) -> Option<u8> {
    let c = match c.to_ascii_uppercase() {
        b'I' | b'L' => b'1',
        b'O' => b'0',
        other => other,
    };
    ALPHABET.iter().position(|a| *a == c).and_then(|at| u8::try_from(at).ok())
}

impl fmt::Display for TsunoId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.digits();
        let mut text = [0u8; DIGITS + 1];
        for (at, digit) in text.iter_mut().zip(digits.iter().chain([&check_digit(&digits)])) {
            *at = ALPHABET[usize::from(*digit)];
        }
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

/// A Tsuno ID is personal: debug output, which ends in logs, shows none of it.
impl fmt::Debug for TsunoId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TsunoId(…)")
    }
}

impl FromStr for TsunoId {
    type Err = InvalidTsunoId;

    fn from_str(text: &str) -> Result<Self, InvalidTsunoId> {
        Self::read_pairwise(text).ok().filter(|id| id.key == 0).ok_or(InvalidTsunoId)
    }
}

impl Serialize for TsunoId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TsunoId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::read_pairwise(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SeededIds;

    #[test]
    fn text_and_bits_are_the_same_id() {
        let ids = SeededIds::new(1);
        for _ in 0..200 {
            let id = TsunoId::generate(&ids);
            assert_eq!(id.to_string().parse(), Ok(id));
            assert_eq!(id.grouped().to_lowercase().parse(), Ok(id));
            assert_eq!(TsunoId::from_urn(&id.urn()), Some(id));
        }
    }

    #[test]
    fn every_single_mistyped_character_is_found() {
        let text = TsunoId::generate(&SeededIds::new(2)).to_string();
        for at in 0..text.len() {
            for c in ALPHABET {
                let mut wrong = text.clone().into_bytes();
                if wrong[at] == *c {
                    continue;
                }
                wrong[at] = *c;
                let wrong = String::from_utf8(wrong).unwrap();
                assert_eq!(wrong.parse::<TsunoId>(), Err(InvalidTsunoId), "at {at}");
            }
        }
    }

    #[test]
    fn what_is_not_an_id_is_refused() {
        for wrong in ["", "0", "都農", &"0".repeat(26), &"0".repeat(28), &"Z".repeat(27)] {
            assert!(wrong.parse::<TsunoId>().is_err());
        }
        assert!(TsunoId::from_urn("urn:ngsi-ld:Person:jane").is_none());
    }

    #[test]
    fn a_pairwise_id_says_which_key_made_it_and_is_no_tsuno_id() {
        let bits = [0xff; 16];
        for generation in 0..8 {
            let id = TsunoId::of_generation(bits, generation);
            let text = id.to_string();
            assert_eq!(TsunoId::read_pairwise(&text), Ok(id));
            assert_eq!(serde_json::from_value::<TsunoId>(serde_json::json!(text)).unwrap(), id);
            assert!(id.is_of_generation(generation) && !id.is_of_generation(generation + 1));
            assert_eq!(text.parse::<TsunoId>().is_ok(), generation % 4 == 0, "{generation}");
            assert!(TsunoId::is_named_in(&id.urn()));
        }
    }

    #[test]
    fn debug_output_tells_nothing() {
        let id = TsunoId::generate(&SeededIds::new(3));
        assert_eq!(format!("{id:?}"), "TsunoId(…)");
    }
}
