//! Year, month and day of a date whose era is taken away.

/// A part of a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Number(u32),
    /// Given as not known, or left out.
    Unknown,
}

/// The three parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Parts {
    pub(super) year: Part,
    pub(super) month: Part,
    pub(super) day: Part,
}

const UNKNOWN: [&str; 2] = ["不詳", "不明"];

/// Whether nothing is left when these words are taken away.
fn is_only(text: &str, words: &[&str]) -> bool {
    let mut rest = text.to_owned();
    for word in UNKNOWN.iter().chain(words) {
        rest = rest.replace(word, "");
    }
    rest.is_empty()
}

fn says_unknown(text: &str) -> bool {
    UNKNOWN.iter().any(|word| text.contains(word))
}

/// Whether a text says of a whole date that it is not known.
pub(super) fn is_all_unknown(text: &str) -> bool {
    let filler = |digit: char| {
        let digits: String = text.chars().filter(|c| !matches!(c, '-' | '/' | '.')).collect();
        digits.len() >= 6 && digits.chars().all(|c| c == digit)
    };
    (says_unknown(text) && is_only(text, &["生年", "年", "月", "日", "元号", "以下"]))
        || filler('0')
        || filler('9')
}

impl Parts {
    /// Marked as years, months and days or with one mark throughout, or as digits of fixed width.
    pub(super) fn read(text: &str, era: bool) -> Option<Self> {
        if let Some((year, rest)) = text.split_once('年') {
            return Self::words(year, rest, era);
        }
        let width = if era { 2 } else { 4 };
        let mark = ['-', '/', '.'].into_iter().find(|mark| text.contains(*mark));
        let (year, month, day) = if let Some(mark) = mark {
            let mut parts = text.split(mark);
            let found = (parts.next()?, parts.next()?, parts.next());
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
            (year, month, Some(day))
        };
        Some(Self {
            year: year_of(year, era)?,
            month: part(month)?,
            day: day.map_or(Some(Part::Unknown), part)?,
        })
    }

    fn words(year: &str, rest: &str, era: bool) -> Option<Self> {
        let year = year_of(year, era)?;
        let unknown = Self { year, month: Part::Unknown, day: Part::Unknown };
        if is_only(rest, &["月", "日", "以下"]) {
            return Some(unknown);
        }
        let (month, rest) = rest.split_once('月')?;
        let month = part(month)?;
        if is_only(rest, &["日", "以下"]) {
            return Some(Self { month, ..unknown });
        }
        Some(Self { year, month, day: part(rest.strip_suffix('日')?)? })
    }
}

fn year_of(text: &str, era: bool) -> Option<Part> {
    if says_unknown(text) && is_only(text, &[]) {
        return Some(Part::Unknown);
    }
    // 元年 is the first year of an era.
    if era && text == "元" {
        return Some(Part::Number(1));
    }
    let widths = if era { 1..=2 } else { 4..=4 };
    number(text, widths, era).map(Part::Number)
}

/// A month or a day: a number, or one of the ways to say that it is not known.
fn part(text: &str) -> Option<Part> {
    if says_unknown(text) && is_only(text, &[]) || matches!(text, "00" | "99") {
        return Some(Part::Unknown);
    }
    number(text, 1..=2, true).map(Part::Number)
}

fn number(text: &str, widths: std::ops::RangeInclusive<usize>, kanji: bool) -> Option<u32> {
    if widths.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit()) {
        return text.parse().ok();
    }
    if kanji { kanji_number(text) } else { None }
}

/// 一 to 九十九, as numbers are written out.
fn kanji_number(text: &str) -> Option<u32> {
    let digit = |text: &str| {
        let mut chars = text.chars();
        let c = chars.next()?;
        let at = "一二三四五六七八九".chars().position(|d| d == c)?;
        chars.next().is_none().then_some(u32::try_from(at).ok()? + 1)
    };
    match text.split_once('十') {
        None => digit(text),
        Some((tens, ones)) => {
            let tens = if tens.is_empty() { 1 } else { digit(tens)? };
            let ones = if ones.is_empty() { 0 } else { digit(ones)? };
            Some(tens * 10 + ones)
        }
    }
}
