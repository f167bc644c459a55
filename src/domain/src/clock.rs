//! Time as a parameter.

use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

/// Microseconds since the Unix epoch, UTC. The one form in which the platform stores system times.
pub type Timestamp = i64;

/// Where "now" comes from. Production uses [`SystemClock`], tests move a [`ManualClock`].
pub trait Clock: Send + Sync + 'static {
    /// The present moment.
    fn now(&self) -> DateTime<Utc>;

    /// The present moment in microseconds since the epoch.
    fn micros(&self) -> Timestamp {
        self.now().timestamp_micros()
    }

    /// The present moment in whole seconds since the epoch (the `NumericDate` of RFC 7519).
    fn seconds(&self) -> i64 {
        self.now().timestamp()
    }
}

/// Writes a [`Timestamp`] as ISO 8601 with microseconds and `Z`, e.g. `2026-11-23T09:00:00.000000Z`.
pub fn to_iso(at: Timestamp) -> String {
    DateTime::from_timestamp_micros(at)
        .unwrap_or_default()
        .to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// The clock of the machine.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}

/// A clock that stands still until moved.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock standing at `start`.
    pub fn at(start: DateTime<Utc>) -> Self {
        Self(AtomicI64::new(start.timestamp_micros()))
    }

    /// Moves the clock by `delta`, backwards too.
    pub fn advance(&self, delta: TimeDelta) {
        let micros = delta.num_microseconds().unwrap_or(i64::MAX);
        self.0.fetch_add(micros, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.0.load(Ordering::SeqCst)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_when_told() {
        let clock = ManualClock::at(DateTime::from_timestamp(1_700_000_000, 0).unwrap());
        assert_eq!(clock.seconds(), 1_700_000_000);
        clock.advance(TimeDelta::seconds(-5));
        assert_eq!(clock.seconds(), 1_699_999_995);
        assert_eq!(to_iso(clock.micros()), "2023-11-14T22:13:15.000000Z");
    }
}
