//! Days and ages as the town counts them: in the time zone of Japan, which has no summer time.

use chrono::{Datelike, Days, FixedOffset, NaiveDate, NaiveTime};

use crate::Timestamp;

const JAPAN_SECONDS: i32 = 9 * 3600;
/// From this age on one is of age (Civil Code article 4).
const OF_AGE: i32 = 18;

/// The first moment of a day in Japan, microseconds since the epoch. The day is written `2026-11-30`.
pub fn day_begins(day: &str) -> Option<Timestamp> {
    begins(NaiveDate::parse_from_str(day, "%Y-%m-%d").ok()?)
}

/// The first moment after a day in Japan.
pub fn day_ends(day: &str) -> Option<Timestamp> {
    let day = NaiveDate::parse_from_str(day, "%Y-%m-%d").ok()?;
    begins(day.checked_add_days(Days::new(1))?)
}

/// The moment at which somebody born on this day comes of age: the beginning of the eighteenth birthday. An age is reached with the end of the day
/// before (年齢計算ニ関スル法律), so whoever was born on 29 February reaches it with the end of 28 February, in every year.
pub fn comes_of_age(birth_date: &str) -> Option<Timestamp> {
    let born = NaiveDate::parse_from_str(birth_date, "%Y-%m-%d").ok()?;
    let year = born.year() + OF_AGE;
    let birthday = NaiveDate::from_ymd_opt(year, born.month(), born.day());
    begins(birthday.or_else(|| NaiveDate::from_ymd_opt(year, 3, 1))?)
}

fn begins(day: NaiveDate) -> Option<Timestamp> {
    let japan = FixedOffset::east_opt(JAPAN_SECONDS)?;
    let moment = day.and_time(NaiveTime::MIN).and_local_timezone(japan).single()?;
    Some(moment.timestamp_micros())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::to_iso;

    #[test]
    fn one_comes_of_age_as_the_birthday_begins_in_japan() {
        for (born, of_age) in [
            ("2008-11-30", "2026-11-29T15:00:00.000000Z"),
            ("2008-01-01", "2025-12-31T15:00:00.000000Z"),
            // Born on a leap day: the year of the age has none, so it is the end of 28 February.
            ("2008-02-29", "2026-02-28T15:00:00.000000Z"),
            ("2008-02-28", "2026-02-27T15:00:00.000000Z"),
            ("2008-03-01", "2026-02-28T15:00:00.000000Z"),
            ("2080-02-29", "2098-02-28T15:00:00.000000Z"),
        ] {
            assert_eq!(comes_of_age(born).map(to_iso).as_deref(), Some(of_age), "{born}");
        }
        for wrong in ["", "2008-02-30", "20080229", "平成20年2月29日"] {
            assert_eq!(comes_of_age(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_day_ends_where_the_next_begins() {
        assert_eq!(day_ends("2026-12-31"), day_begins("2027-01-01"));
        assert_eq!(
            day_begins("2026-12-01").map(to_iso).as_deref(),
            Some("2026-11-30T15:00:00.000000Z")
        );
        assert_eq!(day_ends("2026-02-30"), None);
    }
}
