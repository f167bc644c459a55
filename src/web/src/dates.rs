//! Days and times as people in Japan read them.

use chrono::{DateTime, Datelike, FixedOffset, NaiveDate, Timelike, Weekday};
use serde::Serialize;
use tsunagu_domain::Timestamp;

use crate::locale::Lang;

/// Japan Standard Time, seconds east of UTC. Japan has no summer time.
const JST: i32 = 9 * 3600;

fn japan(at: Timestamp) -> DateTime<FixedOffset> {
    let utc = DateTime::from_timestamp_micros(at).unwrap_or_default();
    match FixedOffset::east_opt(JST) {
        Some(zone) => utc.with_timezone(&zone),
        None => utc.fixed_offset(),
    }
}

/// A day for the eye and for machines (`<time datetime>`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Day {
    /// `2026-11-23`.
    pub(crate) iso: String,
    /// 2026年11月23日（月）, or Mon, 23 Nov 2026.
    pub(crate) text: String,
}

/// The day in Japan.
pub(crate) fn day(lang: Lang, at: Timestamp) -> Day {
    of_date(lang, japan(at).date_naive())
}

/// A day of the calendar.
pub(crate) fn of_date(lang: Lang, date: NaiveDate) -> Day {
    let text = match lang {
        Lang::Ja => {
            let weekday = match date.weekday() {
                Weekday::Mon => '月',
                Weekday::Tue => '火',
                Weekday::Wed => '水',
                Weekday::Thu => '木',
                Weekday::Fri => '金',
                Weekday::Sat => '土',
                Weekday::Sun => '日',
            };
            format!("{}年{}月{}日（{weekday}）", date.year(), date.month(), date.day())
        }
        Lang::En => date.format("%a, %-d %b %Y").to_string(),
    };
    Day { iso: date.format("%Y-%m-%d").to_string(), text }
}

/// The time of day in Japan, `15:04`.
pub(crate) fn time(at: Timestamp) -> String {
    let at = japan(at);
    format!("{}:{:02}", at.hour(), at.minute())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_midnight_in_japan() {
        // 2026-11-22T15:00:00Z is midnight of the 23rd in Japan.
        let midnight = 1_795_359_600_000_000;
        assert_eq!(day(Lang::Ja, midnight).text, "2026年11月23日（月）");
        assert_eq!(day(Lang::Ja, midnight - 1).iso, "2026-11-22");
        assert_eq!(day(Lang::En, midnight).text, "Mon, 23 Nov 2026");
        assert_eq!(time(midnight), "0:00");
    }
}
