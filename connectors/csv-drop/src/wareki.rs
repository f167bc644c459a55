//! Dates as Japanese files write them → ISO 8601. Nothing is guessed: what has two meanings is refused.

use chrono::NaiveDate;

/// Why a text is no date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DateRefusal {
    /// Part of it is given as not known (不詳, 不明).
    Unknown,
    /// It is not written in a form that has one meaning.
    Form,
    /// There is no such day in the calendar.
    Impossible,
    /// The era does not have that day (昭和70年).
    OutsideEra,
    /// Before 1873 the calendar was another one: the day cannot be converted by rule.
    OldCalendar,
}

impl DateRefusal {
    /// The rule's name in reports.
    pub fn rule(self) -> &'static str {
        match self {
            Self::Unknown => "date-unknown",
            Self::Form => "date-form",
            Self::Impossible => "date-impossible",
            Self::OutsideEra => "date-outside-era",
            Self::OldCalendar => "date-old-calendar",
        }
    }
}

struct Era {
    names: &'static [&'static str],
    letter: char,
    /// Year 1 of the era in the common calendar.
    first_year: i32,
    first: (i32, u32, u32),
    last: (i32, u32, u32),
}

/// On the day of a change both eras are in use.
const ERAS: [Era; 5] = [
    Era {
        names: &["令和", "㋿", "令"],
        letter: 'R',
        first_year: 2019,
        first: (2019, 5, 1),
        last: (9999, 12, 31),
    },
    Era {
        names: &["平成", "㍻", "平"],
        letter: 'H',
        first_year: 1989,
        first: (1989, 1, 8),
        last: (2019, 4, 30),
    },
    Era {
        names: &["昭和", "㍼", "昭"],
        letter: 'S',
        first_year: 1926,
        first: (1926, 12, 25),
        last: (1989, 1, 7),
    },
    Era {
        names: &["大正", "㍽", "大"],
        letter: 'T',
        first_year: 1912,
        first: (1912, 7, 30),
        last: (1926, 12, 25),
    },
    Era {
        names: &["明治", "㍾", "明"],
        letter: 'M',
        first_year: 1868,
        first: (1868, 1, 25),
        last: (1912, 7, 30),
    },
];

/// Reads `令和6年4月1日`, `R6.4.1`, `㋿元年５月１日`, `S600315`, `1985-03-15`, `1985/3/15`, `1985年3月15日` and `19850315`, with digits and
/// letters of either width.
pub fn parse_date(text: &str) -> Result<NaiveDate, DateRefusal> {
    if ["不詳", "不明"].iter().any(|word| text.contains(word)) {
        return Err(DateRefusal::Unknown);
    }
    let plain: String = text.chars().map(narrow).filter(|c| !c.is_whitespace()).collect();
    let (era, rest) = split_era(&plain);
    let [year, month, day] = numbers(rest, era.is_some()).ok_or(DateRefusal::Form)?;
    let Some(era) = era else {
        let year = i32::try_from(year).map_err(|_| DateRefusal::Form)?;
        return NaiveDate::from_ymd_opt(year, month, day).ok_or(DateRefusal::Impossible);
    };
    if year == 0 {
        return Err(DateRefusal::OutsideEra);
    }
    let year = i32::try_from(year)
        .ok()
        .and_then(|year| era.first_year.checked_add(year - 1))
        .ok_or(DateRefusal::Form)?;
    let date = NaiveDate::from_ymd_opt(year, month, day).ok_or(DateRefusal::Impossible)?;
    let bound = |(year, month, day)| NaiveDate::from_ymd_opt(year, month, day);
    if bound(era.first).is_some_and(|first| date < first)
        || bound(era.last).is_some_and(|last| date > last)
    {
        return Err(DateRefusal::OutsideEra);
    }
    if bound((1873, 1, 1)).is_some_and(|change| date < change) {
        return Err(DateRefusal::OldCalendar);
    }
    Ok(date)
}

/// Full-width digits, letters and marks → ASCII.
fn narrow(c: char) -> char {
    match c {
        '！'..='～' => char::from_u32(u32::from(c) - 0xFEE0).unwrap_or(c),
        '‐' | '‑' | '−' | 'ー' => '-',
        '・' => '.',
        other => other,
    }
}

fn split_era(text: &str) -> (Option<&'static Era>, &str) {
    for era in &ERAS {
        for name in era.names {
            if let Some(rest) = text.strip_prefix(name) {
                return (Some(era), rest);
            }
        }
        if let Some(rest) = text.strip_prefix([era.letter, era.letter.to_ascii_lowercase()]) {
            return (Some(era), rest.strip_prefix('.').unwrap_or(rest));
        }
    }
    (None, text)
}

/// Year, month and day, marked as years, months and days or with one mark throughout, or as digits of fixed width.
fn numbers(text: &str, era: bool) -> Option<[u32; 3]> {
    let year_digits = if era { 1..=2 } else { 4..=4 };
    let width = if era { 2 } else { 4 };
    let (year, month, day) = if let Some((year, rest)) = text.split_once('年') {
        let (month, rest) = rest.split_once('月')?;
        (year, month, rest.strip_suffix('日')?)
    } else if let Some(mark) = ['-', '/', '.'].into_iter().find(|mark| text.contains(*mark)) {
        let mut parts = text.split(mark);
        let found = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() {
            return None;
        }
        found
    } else {
        let (year, rest) = text.split_at_checked(width)?;
        let (month, day) = rest.split_at_checked(2)?;
        if day.len() != 2 {
            return None;
        }
        (year, month, day)
    };
    let number = |digits: &str, widths: std::ops::RangeInclusive<usize>| {
        let fits = widths.contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        fits.then(|| digits.parse().ok()).flatten()
    };
    // 元年 is the first year of an era.
    let year = if era && year == "元" { Some(1) } else { number(year, year_digits) };
    Some([year?, number(month, 1..=2)?, number(day, 1..=2)?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_usual_form() {
        for (text, iso) in [
            ("令和6年4月1日", "2024-04-01"),
            ("令和元年5月1日", "2019-05-01"),
            ("㋿元年５月１日", "2019-05-01"),
            ("㋿6年4月1日", "2024-04-01"),
            ("令6.4.1", "2024-04-01"),
            ("R6.4.1", "2024-04-01"),
            ("r06/04/01", "2024-04-01"),
            ("R.6.4.1", "2024-04-01"),
            ("Ｒ６．４．１", "2024-04-01"),
            ("平成31年4月30日", "2019-04-30"),
            ("㍻元年1月8日", "1989-01-08"),
            ("H1-1-8", "1989-01-08"),
            ("昭和64年1月7日", "1989-01-07"),
            ("昭和60年３月１５日", "1985-03-15"),
            ("S600315", "1985-03-15"),
            ("昭和元年12月25日", "1926-12-25"),
            ("大正15年12月25日", "1926-12-25"),
            ("大正元年7月30日", "1912-07-30"),
            ("明治45年7月30日", "1912-07-30"),
            ("明治6年1月1日", "1873-01-01"),
            ("1985-03-15", "1985-03-15"),
            ("1985/3/15", "1985-03-15"),
            ("1985年3月15日", "1985-03-15"),
            ("19850315", "1985-03-15"),
            (" 昭和 60年 3月 15日 ", "1985-03-15"),
            ("令和6年2月29日", "2024-02-29"),
        ] {
            assert_eq!(parse_date(text).map(|date| date.to_string()), Ok(iso.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_is_no_day_or_has_two_meanings_is_refused() {
        use DateRefusal::{Form, Impossible, OldCalendar, OutsideEra, Unknown};
        for (text, why) in [
            ("令和5年2月29日", Impossible),
            ("平成3年2月30日", Impossible),
            ("2026-13-01", Impossible),
            ("昭和70年1月1日", OutsideEra),
            ("昭和64年1月8日", OutsideEra),
            ("平成31年5月1日", OutsideEra),
            ("令和元年4月30日", OutsideEra),
            ("令和0年5月1日", OutsideEra),
            ("明治5年12月3日", OldCalendar),
            ("昭和10年不詳", Unknown),
            ("不明", Unknown),
            ("60.3.15", Form),
            ("3600315", Form),
            ("85/3/15", Form),
            ("1985-03", Form),
            ("1985-3-15-1", Form),
            ("1985.3/15", Form),
            ("元年5月1日", Form),
            ("昭和六十年三月十五日", Form),
            ("", Form),
            ("S60", Form),
            ("令和-6年4月1日", Form),
            ("令和100年1月1日", Form),
            ("31121", Form),
        ] {
            assert_eq!(parse_date(text), Err(why), "{text}");
        }
    }
}
