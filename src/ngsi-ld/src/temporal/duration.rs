//! Durations of ISO 8601 and the periods that they cut time into.

use crate::error::Error;
use crate::time::add_months;

/// A duration (clause 4.5.19): months, which are of different lengths, and the rest in µs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Duration {
    months: i64,
    micros: i64,
}

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;

impl Duration {
    /// Reads a duration such as `P1DT12H` or `PT0S`.
    pub fn parse(text: &str) -> Result<Self, Error> {
        read(text).ok_or_else(|| {
            Error::bad("aggrPeriodDuration is not an ISO 8601 duration")
                .at("aggrPeriodDuration")
                .remedy("write for example PT1H, P1D or P1M")
        })
    }

    /// Whether it stands for all of the time there is.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self == Self::default()
    }

    /// The period that a moment falls in, when the first one begins at `origin`: from, to.
    #[must_use]
    pub fn period(self, origin: i64, at: i64) -> (i64, i64) {
        let start = |n: i64| {
            let shift = n.saturating_mul(self.micros);
            add_months(origin, n.saturating_mul(self.months)).saturating_add(shift)
        };
        // About right, then exactly.
        let about = self.months.saturating_mul(30 * DAY).saturating_add(self.micros).max(1);
        let mut n = at.saturating_sub(origin).div_euclid(about);
        while start(n) > at {
            n -= 1;
        }
        while start(n + 1) <= at {
            n += 1;
        }
        (start(n), start(n + 1))
    }
}

fn read(text: &str) -> Option<Duration> {
    let body = text.strip_prefix('P')?;
    let (date, time) = match body.split_once('T') {
        Some((_, "")) => return None,
        Some((date, time)) => (date, time),
        None if body.is_empty() => return None,
        None => (body, ""),
    };
    let mut duration = Duration::default();
    let mut add = |count: f64, unit: i64, months: i64| {
        // Above this a period could not be told from all of time.
        if !(0.0..=1e6).contains(&count) {
            return None;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_precision_loss,
            reason = "small enough"
        )]
        let micros = (count * unit as f64).round() as i64;
        if months > 0 {
            #[expect(clippy::cast_possible_truncation, reason = "small enough")]
            let whole = count as i64;
            duration.months = duration.months.checked_add(whole * months)?;
        }
        duration.micros = duration.micros.checked_add(micros)?;
        Some(())
    };
    for (count, unit, fraction) in parts(date)? {
        match unit {
            'Y' if !fraction => add(count, 0, 12)?,
            'M' if !fraction => add(count, 0, 1)?,
            'W' => add(count, 7 * DAY, 0)?,
            'D' => add(count, DAY, 0)?,
            _ => return None,
        }
    }
    for (count, unit, _) in parts(time)? {
        match unit {
            'H' => add(count, 3_600 * SECOND, 0)?,
            'M' => add(count, 60 * SECOND, 0)?,
            'S' => add(count, SECOND, 0)?,
            _ => return None,
        }
    }
    Some(duration)
}

/// Numbers with their units, and whether they have a fraction.
fn parts(text: &str) -> Option<Vec<(f64, char, bool)>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c: char| c.is_ascii_alphabetic())?;
        let (number, tail) = rest.split_at_checked(end)?;
        let plain = number.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        let count = number.parse().ok().filter(|_| plain)?;
        let unit = tail.chars().next()?;
        parts.push((count, unit, number.contains('.')));
        rest = tail.get(1..)?;
    }
    Some(parts)
}

#[cfg(test)]
mod tests {
    use super::Duration;
    use crate::time::{format_date_time, parse_date_time};

    fn period(duration: &str, origin: &str, at: &str) -> (String, String) {
        let moment = |text| parse_date_time(text).unwrap();
        let (from, to) = Duration::parse(duration).unwrap().period(moment(origin), moment(at));
        (format_date_time(from), format_date_time(to))
    }

    #[test]
    fn periods_follow_the_calendar() {
        for (duration, origin, at, from, to) in [
            (
                "PT1H",
                "2020-08-01T12:03:00Z",
                "2020-08-01T14:07:00Z",
                "2020-08-01T14:03:00Z",
                "2020-08-01T15:03:00Z",
            ),
            (
                "P1D",
                "2020-08-01T12:03:00Z",
                "2020-08-01T12:03:00Z",
                "2020-08-01T12:03:00Z",
                "2020-08-02T12:03:00Z",
            ),
            (
                "P1M",
                "2020-01-31T00:00:00Z",
                "2020-03-01T00:00:00Z",
                "2020-02-29T00:00:00Z",
                "2020-03-31T00:00:00Z",
            ),
            (
                "P1Y",
                "2019-01-01T00:00:00Z",
                "2021-12-31T23:00:00Z",
                "2021-01-01T00:00:00Z",
                "2022-01-01T00:00:00Z",
            ),
            (
                "PT1H",
                "2020-01-01T00:00:00Z",
                "2019-12-31T23:59:59Z",
                "2019-12-31T23:00:00Z",
                "2020-01-01T00:00:00Z",
            ),
            (
                "P1W",
                "2020-01-01T00:00:00Z",
                "2020-01-08T00:00:00Z",
                "2020-01-08T00:00:00Z",
                "2020-01-15T00:00:00Z",
            ),
        ] {
            assert_eq!(
                period(duration, origin, at),
                (from.to_owned(), to.to_owned()),
                "{duration}"
            );
        }
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for wrong in
            ["", "P", "PT", "1D", "bogus", "P1H", "PT1D", "P-1D", "PT1", "P1.5M", "PT1e3S", "P1DT"]
        {
            assert!(Duration::parse(wrong).is_err(), "{wrong}");
        }
        assert!(Duration::parse("PT0S").unwrap().is_zero());
        assert_eq!(Duration::parse("PT0.5S"), Duration::parse("PT0.500S"));
    }
}
