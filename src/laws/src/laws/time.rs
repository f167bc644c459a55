//! Times, durations and conditions on them.

use tsunagu_japanese::dates::{EraCodes, Known, read as read_date};
use tsunagu_ngsi_ld::temporal::{Duration, TemporalQuery};
use tsunagu_ngsi_ld::time::{format_date_time, parse_date, parse_date_time, parse_time};

use super::{NOW, given, lines, same};
use crate::Held;

pub(super) const WORDS: &[&str] = &[
    "2026-02-28",
    "T23:59:59.999999Z",
    "9999-12-31",
    "0000-01-01",
    "2024-02-29",
    "P1Y2M3DT4H5M6S",
    "P1W",
    "PT0.5S",
    "P0D",
    "before",
    "after",
    "between",
    "observedAt",
    "createdAt",
    "modifiedAt",
    "deletedAt",
];

pub(super) const ERA_WORDS: &[&str] = &[
    "令和",
    "平成",
    "昭和",
    "大正",
    "明治",
    "元年",
    "年",
    "月",
    "日",
    "R6.4.1",
    "S60",
    "㋿",
    "１",
    "1985-03-15",
    "19850315",
    "H31",
];

const DAY: i64 = 86_400_000_000;

/// What is written reads as the same moment.
pub(super) fn moment(bytes: &[u8]) -> Held {
    let Ok(text) = std::str::from_utf8(bytes) else { return Ok(false) };
    let at = parse_date_time(text);
    if let Some(at) = at {
        let written = format_date_time(at);
        same(&written, &parse_date_time(&written), &Some(at))?;
    }
    let date = parse_date(text);
    if let Some(date) = date {
        same("a date begins a day", &date.rem_euclid(DAY), &0)?;
        same("its beginning", &parse_date_time(&format!("{text}T00:00:00Z")), &Some(date))?;
    }
    let time = parse_time(text);
    if let Some(time) = time
        && !(0..DAY).contains(&time)
    {
        return Err(format!("{time} µs are no time of the day"));
    }
    Ok(at.is_some() || date.is_some() || time.is_some())
}

/// A moment lies in the period that it falls in, and the next one begins where that ends.
pub(super) fn duration(bytes: &[u8]) -> Held {
    let Ok(text) = std::str::from_utf8(bytes) else { return Ok(false) };
    let Ok(duration) = Duration::parse(text) else { return Ok(false) };
    if duration.is_zero() {
        return Ok(true);
    }
    for (origin, at) in [(0, 0), (0, NOW), (NOW, 0), (NOW, NOW + DAY), (-NOW, NOW)] {
        let (from, to) = duration.period(origin, at);
        if !(from <= at && at < to) {
            return Err(format!("{at} is not from {from} to {to}"));
        }
    }
    Ok(true)
}

/// Lines: `timerel`, `timeAt`, `endTimeAt`, `timeproperty`. What lies before is not after.
pub(super) fn query(bytes: &[u8]) -> Held {
    let Some([relation, at, end, property]) = lines(bytes) else { return Ok(false) };
    let read =
        |relation| TemporalQuery::read(Some(relation), given(at), given(end), given(property));
    let Ok(query) = read(relation) else { return Ok(false) };
    if let (Ok(before), Ok(after)) = (read("before"), read("after")) {
        for moment in [0, NOW, NOW - 1, before.to.unwrap_or_default()] {
            if before.holds(moment) && after.holds(moment) {
                return Err(format!("{moment} is before and after"));
            }
        }
    }
    if query.is_open() {
        return Err("a relation leaves it open".to_owned());
    }
    Ok(true)
}

/// A date of a Japanese era, as far as it is known, is a date of our calendar, which reads as itself.
pub(super) fn wareki(bytes: &[u8]) -> Held {
    let Ok(text) = std::str::from_utf8(bytes) else { return Ok(false) };
    let mut read = false;
    for codes in [EraCodes::None, EraCodes::One, EraCodes::Two] {
        let Ok(found) = read_date(text, codes) else { continue };
        let written = match found.date {
            // Four digits alone are no date that anybody can be sure of.
            Known::Year(year) => format!("{year}年"),
            date => date.to_string(),
        };
        let again = read_date(&written, EraCodes::None).ok().map(|again| again.date);
        same("read again", &again, &Some(found.date))?;
        read = true;
    }
    Ok(read)
}
