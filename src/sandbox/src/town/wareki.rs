//! Dates in Japanese eras.

use chrono::NaiveDate;

use super::{date, parts};

/// The era of a date since 1868, its letter, and the year in it.
fn era(day: NaiveDate) -> (&'static str, char, i32) {
    let eras = [
        ("令和", 'R', date(2019, 5, 1)),
        ("平成", 'H', date(1989, 1, 8)),
        ("昭和", 'S', date(1926, 12, 25)),
        ("大正", 'T', date(1912, 7, 30)),
    ];
    let (year, ..) = parts(day);
    for (name, letter, first) in eras {
        if day >= first {
            let (first_year, ..) = parts(first);
            return (name, letter, year - first_year + 1);
        }
    }
    ("明治", 'M', year - 1867)
}

/// 昭和60年3月15日; the first year is 元年.
pub(super) fn long(day: NaiveDate) -> String {
    let (name, _, year) = era(day);
    let (_, month, number) = parts(day);
    let year = if year == 1 { "元".to_owned() } else { year.to_string() };
    format!("{name}{year}年{month}月{number}日")
}

/// S60.3.15
pub(super) fn short(day: NaiveDate) -> String {
    let (_, letter, year) = era(day);
    let (_, month, number) = parts(day);
    format!("{letter}{year}.{month}.{number}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eras_change_on_their_days() {
        assert_eq!(long(date(1985, 3, 15)), "昭和60年3月15日");
        assert_eq!(long(date(1989, 1, 7)), "昭和64年1月7日");
        assert_eq!(long(date(1989, 1, 8)), "平成元年1月8日");
        assert_eq!(long(date(2019, 4, 30)), "平成31年4月30日");
        assert_eq!(short(date(2019, 5, 1)), "R1.5.1");
        assert_eq!(short(date(1926, 12, 24)), "T15.12.24");
        assert_eq!(short(date(1912, 7, 29)), "M45.7.29");
    }
}
