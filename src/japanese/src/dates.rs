//! Dates as Japanese files write them → ISO 8601, as far as they are known. Nothing is guessed: what has two meanings is refused.

mod parts;

use std::fmt;

use chrono::{Duration, NaiveDate};

use parts::{Part, Parts};

/// A date, or what is known of it. Shown as ISO 8601: `1985-03-15`, `1985-03` or `1985`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// All of it.
    Day(NaiveDate),
    /// Year and month.
    Month(i32, u32),
    /// The year.
    Year(i32),
}

impl fmt::Display for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Day(day) => write!(f, "{day}"),
            Self::Month(year, month) => write!(f, "{year:04}-{month:02}"),
            Self::Year(year) => write!(f, "{year:04}"),
        }
    }
}

impl Known {
    /// Whether year, month and day are known.
    pub fn is_whole(self) -> bool {
        matches!(self, Self::Day(_))
    }

    /// Its first and its last day; `None` when there is no such month or year.
    fn span(self) -> Option<(NaiveDate, NaiveDate)> {
        let before =
            |year, month| Some(NaiveDate::from_ymd_opt(year, month, 1)? - Duration::days(1));
        match self {
            Self::Day(day) => Some((day, day)),
            Self::Month(year, month) => {
                let first = NaiveDate::from_ymd_opt(year, month, 1)?;
                let last = if month == 12 { before(year + 1, 1) } else { before(year, month + 1) };
                Some((first, last?))
            }
            Self::Year(year) => {
                Some((NaiveDate::from_ymd_opt(year, 1, 1)?, NaiveDate::from_ymd_opt(year, 12, 31)?))
            }
        }
    }
}

/// How a file writes an era as a number: 1 明治, 2 大正, 3 昭和, 4 平成, 5 令和. Specifications differ in the width, so only the layout of a file can
/// say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EraCodes {
    /// It does not.
    #[default]
    None,
    /// With one digit: `3600315`.
    One,
    /// With two digits: `03600315`.
    Two,
}

/// A date that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Read {
    /// What is known of it.
    pub date: Known,
    /// Whether the text says that it is only about right (頃, 推定, 上旬).
    pub about: bool,
}

/// Why a text is no date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DateRefusal {
    /// It is given as not known, without as much as a year (不詳, `00000000`).
    Unknown,
    /// It is not written in a form that has one meaning.
    Form,
    /// The year has two digits and no era.
    TwoDigitYear,
    /// It begins with a digit that may stand for an era, and the layout does not say that it does.
    EraCode,
    /// It is the number by which a spreadsheet counts days; this is that day, if it is one.
    Serial(NaiveDate),
    /// There is no such day in the calendar.
    Impossible,
    /// The era does not have that day (昭和70年). This is the same year counted on, if the year is right and the era is not.
    OutsideEra(Option<Known>),
    /// Before 1873 the calendar was another one: the day cannot be converted by rule.
    OldCalendar,
}

impl DateRefusal {
    /// The rule's name in reports.
    pub fn rule(self) -> &'static str {
        match self {
            Self::Unknown => "date-unknown",
            Self::Form => "date-form",
            Self::TwoDigitYear => "date-two-digit-year",
            Self::EraCode => "date-era-code",
            Self::Serial(_) => "date-serial",
            Self::Impossible => "date-impossible",
            Self::OutsideEra(_) => "date-outside-era",
            Self::OldCalendar => "date-old-calendar",
        }
    }

    /// What may have been meant, in ISO 8601, for a person to decide about.
    pub fn suggestion(self) -> Option<String> {
        match self {
            Self::Serial(day) => Some(day.to_string()),
            Self::OutsideEra(meant) => meant.map(|date| date.to_string()),
            _ => None,
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

/// In the order of their codes. On the day of a change both eras are in use.
const ERAS: [Era; 5] = [
    Era {
        names: &["明治", "㍾", "明"],
        letter: 'M',
        first_year: 1868,
        first: (1868, 1, 25),
        last: (1912, 7, 30),
    },
    Era {
        names: &["大正", "㍽", "大"],
        letter: 'T',
        first_year: 1912,
        first: (1912, 7, 30),
        last: (1926, 12, 25),
    },
    Era {
        names: &["昭和", "㍼", "昭"],
        letter: 'S',
        first_year: 1926,
        first: (1926, 12, 25),
        last: (1989, 1, 7),
    },
    Era {
        names: &["平成", "㍻", "平"],
        letter: 'H',
        first_year: 1989,
        first: (1989, 1, 8),
        last: (2019, 4, 30),
    },
    Era {
        names: &["令和", "㋿", "令"],
        letter: 'R',
        first_year: 2019,
        first: (2019, 5, 1),
        last: (9999, 12, 31),
    },
];

/// No record is of a year before.
const FIRST_YEAR: i32 = 1800;

/// Words that say that a date is only about right. The first or last third of a month is no day.
const ABOUT: [&str; 7] = ["推定", "およそ", "頃", "ごろ", "上旬", "中旬", "下旬"];

/// Reads `令和6年4月1日`, `R6.4.1`, `㋿元年５月１日`, `S600315`, `昭和六十年三月十五日`, `1985-03-15`, `1985/3/15`, `1985年3月15日` and `19850315`, with
/// digits and letters of either width, and with the codes of eras that the layout has. Parts that are not known are 不詳, 不明, `00` or `99`, or
/// left out behind a year or month that is marked as one.
pub fn read(text: &str, codes: EraCodes) -> Result<Read, DateRefusal> {
    let mut plain: String = text.chars().map(narrow).filter(|c| !c.is_whitespace()).collect();
    let length = plain.len();
    for word in ABOUT {
        plain = plain.replace(word, "");
    }
    let about = plain.len() != length;
    if parts::is_all_unknown(&plain) {
        return Err(DateRefusal::Unknown);
    }
    let (era, rest) = split_era(&plain, codes);
    let Some(parts) = Parts::read(rest, era.is_some()) else {
        return Err(unclear(&plain));
    };
    known(era, &parts).map(|date| Read { date, about })
}

fn known(era: Option<&Era>, parts: &Parts) -> Result<Known, DateRefusal> {
    let shape = |year| match (parts.month, parts.day) {
        (Part::Unknown, Part::Unknown) => Ok(Known::Year(year)),
        (Part::Number(month), Part::Unknown) => Ok(Known::Month(year, month)),
        (Part::Number(month), Part::Number(day)) => {
            NaiveDate::from_ymd_opt(year, month, day).map(Known::Day).ok_or(DateRefusal::Impossible)
        }
        (Part::Unknown, Part::Number(_)) => Err(DateRefusal::Form),
    };
    let unknown_year = |refusal| {
        let rest = (parts.month, parts.day) == (Part::Unknown, Part::Unknown);
        if rest { DateRefusal::Unknown } else { refusal }
    };
    let Part::Number(year) = parts.year else { return Err(unknown_year(DateRefusal::Form)) };
    let year = i32::try_from(year).map_err(|_| DateRefusal::Form)?;
    let Some(era) = era else {
        if year < FIRST_YEAR {
            // Four digits that are no year of a record: the code of an era and the year in it (`0360`), or a slip.
            let coded = matches!(year, 100..=599);
            return Err(unknown_year(if coded {
                DateRefusal::EraCode
            } else {
                DateRefusal::Impossible
            }));
        }
        let date = shape(year)?;
        return date.span().map(|_| date).ok_or(DateRefusal::Impossible);
    };
    if year == 0 {
        return Err(unknown_year(DateRefusal::OutsideEra(None)));
    }
    let date = shape(era.first_year + year - 1)?;
    let (from, to) = date.span().ok_or(DateRefusal::Impossible)?;
    let bound = |(year, month, day)| NaiveDate::from_ymd_opt(year, month, day);
    if bound(era.first).is_some_and(|first| to < first)
        || bound(era.last).is_some_and(|last| from > last)
    {
        return Err(DateRefusal::OutsideEra(Some(date)));
    }
    if bound((1873, 1, 1)).is_some_and(|change| from < change) {
        return Err(DateRefusal::OldCalendar);
    }
    Ok(date)
}

/// What a text without one meaning looks like.
fn unclear(plain: &str) -> DateRefusal {
    let digits: Vec<&str> =
        plain.split(['-', '/', '.', '年', '月', '日']).filter(|p| !p.is_empty()).collect();
    if !digits.iter().all(|part| part.bytes().all(|b| b.is_ascii_digit())) {
        return DateRefusal::Form;
    }
    match digits.as_slice() {
        [year, _, _] if year.len() <= 2 => DateRefusal::TwoDigitYear,
        [code, year, _, _] if code.len() <= 2 && year.len() <= 2 => DateRefusal::EraCode,
        [number] if number.len() == 6 => DateRefusal::TwoDigitYear,
        [number] if number.len() == 7 && number.starts_with(['1', '2', '3', '4', '5']) => {
            DateRefusal::EraCode
        }
        // Day 0 of a spreadsheet, which believes that 1900 was a leap year.
        [number] if number.len() == 5 && plain.len() == 5 => {
            let day = number.parse().ok().and_then(Duration::try_days);
            let zero = NaiveDate::from_ymd_opt(1899, 12, 30);
            zero.zip(day)
                .and_then(|(zero, day)| zero.checked_add_signed(day))
                .map_or(DateRefusal::Form, DateRefusal::Serial)
        }
        _ => DateRefusal::Form,
    }
}

/// Full-width digits, letters and marks → ASCII.
fn narrow(c: char) -> char {
    match c {
        '！'..='～' => char::from_u32(u32::from(c) - 0xFEE0).unwrap_or(c),
        '‐' | '‑' | '−' | 'ー' => '-',
        '・' | '･' => '.',
        other => other,
    }
}

fn split_era(text: &str, codes: EraCodes) -> (Option<&'static Era>, &str) {
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
    let width = match codes {
        EraCodes::None => return (None, text),
        EraCodes::One => 1,
        EraCodes::Two => 2,
    };
    let numbered = || {
        let (code, rest) = text.split_at_checked(width)?;
        let era = ERAS.get(code.parse::<usize>().ok()?.checked_sub(1)?)?;
        let marks = rest.matches(['-', '/', '.']).count();
        // `3-60-03-15` or `3600315`; `3/60/3/15` has one mark more than a date, and eight digits with a code of one are of our calendar.
        let marked = marks == 3 && rest.starts_with(['-', '/', '.']);
        let plain = marks == 0 && rest.len() == 6 && rest.bytes().all(|b| b.is_ascii_digit());
        (marked || plain).then(|| (era, rest.trim_start_matches(['-', '/', '.'])))
    };
    numbered().map_or((None, text), |(era, rest)| (Some(era), rest))
}
