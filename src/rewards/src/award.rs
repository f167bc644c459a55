//! Awards: one decision about one activity under one rule, made once and kept for ever.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use tsunagu_domain::{Text, Timestamp, TsunoId, hex};

use crate::Reason;

/// What an award is known by, here and at the issuer: SHA-256 of person, rule, its version, period and activity. Text form: 64 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AwardUid([u8; 32]);

/// The text is not 64 lower-case hex digits.
#[derive(Debug, thiserror::Error)]
#[error("not an award id: expected 64 lower-case hex digits")]
pub struct InvalidAwardUid;

impl AwardUid {
    /// The id of this award. The same activity gives the same id, for ever.
    pub(crate) fn of(
        subject: TsunoId,
        rule: &str,
        version: u32,
        day: NaiveDate,
        activity: &str,
    ) -> Self {
        let (version, day) = (version.to_be_bytes(), day.to_string());
        let parts: [&[u8]; 5] =
            [subject.as_bytes(), rule.as_bytes(), &version, day.as_bytes(), activity.as_bytes()];
        Self(hash(b"tsunagu award v1", &parts))
    }

    /// What the issuer knows the one award of a period by, whichever activity earns it.
    pub(crate) fn of_period(subject: TsunoId, rule: &str, version: u32, period: &str) -> Self {
        let version = version.to_be_bytes();
        let parts: [&[u8]; 4] = [subject.as_bytes(), rule.as_bytes(), &version, period.as_bytes()];
        Self(hash(b"tsunagu award of a period v1", &parts))
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    pub(crate) fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

/// SHA-256 over parts that are told apart by their lengths.
pub(crate) fn hash(domain: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in [&[domain], parts].concat() {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    let mut out = [0; 32];
    out.copy_from_slice(context.finish().as_ref());
    out
}

impl fmt::Display for AwardUid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for AwardUid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AwardUid({self})")
    }
}

impl FromStr for AwardUid {
    type Err = InvalidAwardUid;

    fn from_str(text: &str) -> Result<Self, InvalidAwardUid> {
        let digit = |b: u8| match b {
            b'0'..=b'9' => Ok(b - b'0'),
            b'a'..=b'f' => Ok(b - b'a' + 10),
            _ => Err(InvalidAwardUid),
        };
        let text: &[u8; 64] = text.as_bytes().try_into().map_err(|_| InvalidAwardUid)?;
        let mut out = [0; 32];
        for (byte, pair) in out.iter_mut().zip(text.chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Ok(Self(out))
    }
}

impl Serialize for AwardUid {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex(&self.0))
    }
}

impl<'de> Deserialize<'de> for AwardUid {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Where an award stands. Only later states follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// The activity was written.
    Received,
    /// It earns coins.
    Eligible,
    /// It earns none; the reason says why.
    Rejected,
    /// The coins are set aside in the budget and the order waits.
    Reserved,
    /// The order may have reached the issuer.
    Sent,
    /// The issuer's answer was lost; it is being asked.
    Unknown,
    /// The issuer has granted the coins.
    Confirmed,
    /// The issuer refused, or it was taken back; the coins are in the budget again.
    Reversed,
}

impl State {
    /// Every state, in order.
    pub const ALL: [Self; 8] = [
        Self::Received,
        Self::Eligible,
        Self::Rejected,
        Self::Reserved,
        Self::Sent,
        Self::Unknown,
        Self::Confirmed,
        Self::Reversed,
    ];

    /// The byte that orders the states in stored keys.
    pub(crate) fn rank(self) -> u8 {
        self as u8
    }

    pub(crate) fn of_rank(rank: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.rank() == rank)
    }
}

/// One decision, as stored. It never changes; what becomes of it is in its states.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Award {
    /// Version of this format: 1.
    pub v: u32,
    /// What it is known by.
    pub uid: AwardUid,
    /// What the issuer knows it by, when that is not its uid: a rule that grants once in a period has one key for the period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<AwardUid>,
    /// Who.
    pub subject: TsunoId,
    /// The same person as the issuer knows them.
    pub account: String,
    /// By which rule.
    pub rule: String,
    /// Version of the rule.
    pub rule_version: u32,
    /// The rule's label at that time.
    pub label: Text,
    /// For which activity (entity id).
    pub activity: String,
    /// Client that wrote the activity.
    pub client: Option<String>,
    /// Consent that the activity was written under.
    pub grant: Option<String>,
    /// Day of the activity.
    pub day: NaiveDate,
    /// Coins: those that were at stake when a limit or the standing of the person decided, which is told by its states.
    pub amount: i64,
    /// Why none, where the activity itself decided.
    pub reason: Option<Reason>,
    /// When it was decided, microseconds since the epoch.
    pub at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_depends_on_every_part_and_its_text_is_read_back() {
        let (a, b) = (TsunoId::from_bytes([1; 16]), TsunoId::from_bytes([2; 16]));
        let day = |d| NaiveDate::from_ymd_opt(2026, 11, d).unwrap();
        let all = [
            AwardUid::of(a, "walk", 1, day(1), "urn:x"),
            AwardUid::of(b, "walk", 1, day(1), "urn:x"),
            AwardUid::of(a, "wal", 1, day(1), "urn:x"),
            AwardUid::of(a, "walk", 2, day(1), "urn:x"),
            AwardUid::of(a, "walk", 1, day(2), "urn:x"),
            AwardUid::of(a, "walk", 1, day(1), "urn:y"),
        ];
        for (i, one) in all.iter().enumerate() {
            assert!(all.iter().skip(i + 1).all(|other| other != one));
            assert_eq!(one.to_string().parse::<AwardUid>().unwrap(), *one);
        }
        for wrong in ["", "0", &"G".repeat(64), &"A".repeat(64), &"0".repeat(65)] {
            assert!(wrong.parse::<AwardUid>().is_err());
        }
    }

    #[test]
    fn ranks_order_the_states() {
        for (n, state) in State::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(state.rank()), n);
            assert_eq!(State::of_rank(state.rank()), Some(state));
        }
        assert_eq!(State::of_rank(8), None);
    }
}
