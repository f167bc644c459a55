//! When a connector is asked, how much it may bring, and how long it is left alone after failures.

use chrono::{DateTime, Days, FixedOffset, NaiveTime};
use serde::{Deserialize, Serialize};
use tsunagu_domain::Timestamp;

const SECOND: i64 = 1_000_000;
/// The town's hours: UTC+9 all year.
const TOWN: i32 = 9 * 3600;

/// When to ask for something new.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Schedule {
    /// So many seconds after the last time.
    EverySeconds(u32),
    /// At these times of each day, by the town's clock (UTC+9), e.g. `["02:30"]`.
    Daily(Vec<Hour>),
}

impl Default for Schedule {
    fn default() -> Self {
        Self::EverySeconds(10)
    }
}

/// A time of day, `HH:MM`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Hour(NaiveTime);

impl TryFrom<String> for Hour {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let time = NaiveTime::parse_from_str(&text, "%H:%M");
        time.map(Self).map_err(|_| "a time of day is written like 02:30".to_owned())
    }
}

impl Schedule {
    pub(crate) fn check(&self) -> Result<(), String> {
        match self {
            Self::EverySeconds(0) => Err("every-seconds is at least 1".to_owned()),
            Self::Daily(times) if times.is_empty() => {
                Err("daily names at least one time, e.g. [\"02:30\"]".to_owned())
            }
            _ => Ok(()),
        }
    }

    /// The first moment after `last` at which to ask.
    pub fn after(&self, last: Timestamp) -> Timestamp {
        match self {
            Self::EverySeconds(seconds) => last.saturating_add(i64::from(*seconds) * SECOND),
            Self::Daily(times) => daily(times, last).unwrap_or(i64::MAX),
        }
    }
}

fn daily(times: &[Hour], last: Timestamp) -> Option<Timestamp> {
    let zone = FixedOffset::east_opt(TOWN)?;
    let last = DateTime::from_timestamp_micros(last)?.with_timezone(&zone);
    let on = |days: u64| {
        let date = last.date_naive().checked_add_days(Days::new(days))?;
        let moments = times.iter().filter_map(move |hour| {
            date.and_time(hour.0).and_local_timezone(zone).single().filter(|at| *at > last)
        });
        moments.min()
    };
    on(0).or_else(|| on(1)).map(|at| at.timestamp_micros())
}

/// How much of a connector there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Caps {
    /// Items taken over in a second; no cap when left out.
    pub items_per_second: Option<u32>,
    /// Refused items that are kept to be tried again; what is refused beyond is only reported.
    pub dead_letters: u32,
    /// Messages that may wait in the inbox; more are refused, so that the sender keeps them.
    pub inbox: u32,
}

impl Default for Caps {
    fn default() -> Self {
        Self { items_per_second: None, dead_letters: 10_000, inbox: 100_000 }
    }
}

impl Caps {
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.items_per_second == Some(0) || self.dead_letters == 0 || self.inbox == 0 {
            return Err("a cap of 0 lets nothing through; leave it out or give a number".to_owned());
        }
        Ok(())
    }
}

/// Whether a connector is asked at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Circuit {
    /// It works.
    Closed,
    /// It failed several times in a row and is left alone for a while.
    Open,
    /// It was left alone long enough: one try decides.
    HalfOpen,
}

/// Counts failures in a row and says when to try again. Pure: time and chance come in.
#[derive(Debug, Clone, Copy, Default)]
pub struct Breaker {
    failures: u32,
    until: Timestamp,
}

/// After so many failures in a row the circuit is open.
const OPENS_AFTER: u32 = 3;
/// The first wait after a failure, microseconds; doubled after each further one.
const FIRST_WAIT: i64 = SECOND;
/// The longest.
const LONGEST_WAIT: i64 = 15 * 60 * SECOND;

impl Breaker {
    /// It worked.
    pub fn succeed(&mut self) {
        *self = Self::default();
    }

    /// It failed. Half of the wait is certain and half is chance, so that those that failed together do not come back together.
    pub fn fail(&mut self, now: Timestamp, chance: u8) {
        let doubled = FIRST_WAIT.saturating_mul(1 << self.failures.min(20)).min(LONGEST_WAIT);
        self.failures = self.failures.saturating_add(1);
        self.until = now.saturating_add(doubled / 2 + doubled / 2 * i64::from(chance) / 255);
    }

    /// Failures in a row.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// The first moment at which it may be asked.
    pub fn ready_at(&self) -> Timestamp {
        self.until
    }

    /// Where it stands.
    pub fn circuit(&self, now: Timestamp) -> Circuit {
        match self.failures {
            n if n < OPENS_AFTER => Circuit::Closed,
            _ if now < self.until => Circuit::Open,
            _ => Circuit::HalfOpen,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        DateTime::parse_from_rfc3339(text).unwrap().timestamp_micros()
    }

    #[test]
    fn daily_times_are_the_towns() {
        let schedule: Schedule = serde_json::from_str(r#"{"daily":["02:30","14:00"]}"#).unwrap();
        for (last, next) in [
            ("2026-11-30T02:29:59+09:00", "2026-11-30T02:30:00+09:00"),
            ("2026-11-30T02:30:00+09:00", "2026-11-30T14:00:00+09:00"),
            ("2026-11-30T23:00:00+09:00", "2026-12-01T02:30:00+09:00"),
            ("2026-12-31T20:00:00Z", "2027-01-01T14:00:00+09:00"),
        ] {
            assert_eq!(schedule.after(at(last)), at(next), "{last}");
        }
        assert_eq!(
            Schedule::EverySeconds(5).after(at("2026-11-30T00:00:00Z")),
            at("2026-11-30T00:00:05Z")
        );
        assert!(serde_json::from_str::<Schedule>(r#"{"daily":["2:3 am"]}"#).is_err());
        assert!(Schedule::Daily(Vec::new()).check().is_err());
    }

    #[test]
    fn the_circuit_opens_waits_longer_and_closes_again() {
        let mut breaker = Breaker::default();
        let mut waits = Vec::new();
        let mut now = 0;
        for n in 0..30 {
            assert_eq!(breaker.circuit(now) == Circuit::Closed, n < OPENS_AFTER);
            breaker.fail(now, 255);
            waits.push(breaker.ready_at() - now);
            assert_eq!(breaker.circuit(now) == Circuit::Open, n + 1 >= OPENS_AFTER);
            now = breaker.ready_at();
        }
        assert!(waits.is_sorted());
        assert_eq!((waits[0], waits[29]), (FIRST_WAIT, LONGEST_WAIT));
        breaker.fail(now, 0);
        assert_eq!(breaker.ready_at() - now, LONGEST_WAIT / 2);
        breaker.succeed();
        assert_eq!((breaker.circuit(now), breaker.failures()), (Circuit::Closed, 0));
    }
}
