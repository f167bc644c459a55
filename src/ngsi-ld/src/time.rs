//! Times as the standard writes them (clause 4.6.3): UTC, ISO 8601, and as µs since the epoch.

use std::io::Write as _;

const DAY: i64 = 86_400_000_000;

/// Reads a `DateTime` such as `2026-04-01T09:00:00.5Z` into µs since the epoch (UTC).
///
/// The `Z` is mandatory, a fraction of up to six digits may follow the seconds after `.` or `,`.
/// Anything else gives `None`.
#[must_use]
pub fn parse_date_time(text: &str) -> Option<i64> {
    let (date, time) = text.split_once('T')?;
    parse_date(date)?.checked_add(parse_time(time)?)
}

/// Reads a `Date` (`2026-04-01`) into µs since the epoch at midnight UTC.
#[must_use]
pub fn parse_date(text: &str) -> Option<i64> {
    let [year @ .., b'-', m1, m2, b'-', d1, d2] = text.as_bytes() else {
        return None;
    };
    if year.len() != 4 {
        return None;
    }
    let year = digits(year)?;
    let (month, day) = (digits(&[*m1, *m2])?, digits(&[*d1, *d2])?);
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let last = match month {
        4 | 6 | 9 | 11 => 30,
        2 => 28 + i64::from(leap),
        1..=12 => 31,
        _ => return None,
    };
    if day < 1 || day > last {
        return None;
    }
    Some(days_from_civil(year, month, day) * DAY)
}

/// Reads a `Time` (`09:00:00Z`) into µs since midnight.
#[must_use]
pub fn parse_time(text: &str) -> Option<i64> {
    let body = text.strip_suffix('Z')?;
    let (clock, fraction) = match body.split_once(['.', ',']) {
        Some((clock, fraction)) => (clock, Some(fraction)),
        None => (body, None),
    };
    let [hour @ .., b':', m1, m2, b':', s1, s2] = clock.as_bytes() else {
        return None;
    };
    if hour.len() != 2 {
        return None;
    }
    let (hour, minute, second) = (digits(hour)?, digits(&[*m1, *m2])?, digits(&[*s1, *s2])?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let micros = match fraction {
        None => 0,
        Some(f) if (1..=6).contains(&f.len()) => {
            let scale = 10_i64.pow(u32::try_from(6 - f.len()).ok()?);
            digits(f.as_bytes())? * scale
        }
        Some(_) => return None,
    };
    Some(((hour * 60 + minute) * 60 + second) * 1_000_000 + micros)
}

/// Writes µs since the epoch as a `DateTime`, with no more fraction digits than needed (0, 3, 6).
pub fn write_date_time(micros: i64, out: &mut Vec<u8>) {
    let (days, rest) = (micros.div_euclid(DAY), micros.rem_euclid(DAY));
    let (year, month, day) = civil_from_days(days);
    let (seconds, fraction) = (rest / 1_000_000, rest % 1_000_000);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    // Writing to a Vec cannot fail.
    let _infallible =
        write!(out, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
    let _infallible = if fraction == 0 {
        write!(out, "Z")
    } else if fraction % 1000 == 0 {
        write!(out, ".{:03}Z", fraction / 1000)
    } else {
        write!(out, ".{fraction:06}Z")
    };
}

/// [`write_date_time`] into a string.
#[must_use]
pub fn format_date_time(micros: i64) -> String {
    let mut out = Vec::with_capacity(27);
    write_date_time(micros, &mut out);
    String::from_utf8(out).unwrap_or_default()
}

/// So many months later, at the same time of the day; the last day of a month where the day is not in it.
pub(crate) fn add_months(micros: i64, months: i64) -> i64 {
    if months == 0 {
        return micros;
    }
    let (days, rest) = (micros.div_euclid(DAY), micros.rem_euclid(DAY));
    let (year, month, day) = civil_from_days(days);
    let all = (year * 12 + month - 1).saturating_add(months);
    let (year, month) = (all.div_euclid(12), all.rem_euclid(12) + 1);
    let (next_year, next_month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    let first = days_from_civil(year, month, 1);
    let length = days_from_civil(next_year, next_month, 1) - first;
    (first + day.min(length) - 1).saturating_mul(DAY).saturating_add(rest)
}

fn digits(bytes: &[u8]) -> Option<i64> {
    bytes.iter().try_fold(0, |sum, b| b.is_ascii_digit().then(|| sum * 10 + i64::from(b - b'0')))
}

/// Days since 1970-01-01 of a proleptic Gregorian date; March-based years make leap days last.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        for text in [
            "1970-01-01T00:00:00Z",
            "2024-02-29T23:59:59.999Z",
            "2026-04-01T09:00:00.000001Z",
            "1912-07-30T00:00:00Z",
            "9999-12-31T23:59:59Z",
        ] {
            let micros = parse_date_time(text).unwrap();
            assert_eq!(format_date_time(micros), text);
        }
        assert_eq!(parse_date_time("2000-03-01T00:00:00Z"), Some(951_868_800_000_000));
    }

    #[test]
    fn refuses_what_is_no_utc_time() {
        for text in [
            "2026-04-01T09:00:00",
            "2026-04-01T09:00:00+09:00",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-04-01T24:00:00Z",
            "2026-04-01",
            "2026-04-01T09:00:00.Z",
            "令和8年4月1日",
            "",
        ] {
            assert_eq!(parse_date_time(text), None, "{text}");
        }
    }
}
