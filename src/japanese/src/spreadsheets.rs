//! What spreadsheet programs do to values, and how to give them cells that they leave alone.

use crate::characters::{is_invisible, is_variation_selector};

/// Whether a value is a number as a spreadsheet shows long ones: `5.00E+03`. Digits of it are lost.
pub fn is_exponent(text: &str) -> bool {
    let Some((number, power)) = text.trim().split_once(['E', 'e']) else { return false };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    let power = power.strip_prefix(['+', '-']).unwrap_or_default();
    digits(whole) && digits(part) && digits(power)
}

/// Whether a value is a date that a spreadsheet made of something like a lot number: `4月2日`, `2-Apr`.
pub fn is_made_date(text: &str) -> bool {
    let text = text.trim();
    let digits =
        |text: &str| (1..=2).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    let japanese = text
        .strip_suffix('日')
        .and_then(|text| text.split_once('月'))
        .is_some_and(|(month, day)| digits(month) && digits(day));
    let months =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let english = text.split_once('-').is_some_and(|(one, two)| {
        (digits(one) && months.contains(&two)) || (digits(two) && months.contains(&one))
    });
    japanese || english
}

/// What is wrong with a value that should be so many digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DigitTrouble {
    /// It is a number with an exponent: digits are lost for good.
    Exponent,
    /// Zeros at its beginning are lost; this is what it should be, if nothing else is.
    ZerosLost(String),
    /// It is something else.
    Other,
}

/// Holds a value against the number of digits that its layout gives.
pub fn digits(text: &str, width: usize) -> Result<(), DigitTrouble> {
    if is_exponent(text) {
        return Err(DigitTrouble::Exponent);
    }
    let count = text.chars().count();
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) || count > width {
        return Err(DigitTrouble::Other);
    }
    if count < width { Err(DigitTrouble::ZerosLost(format!("{text:0>width$}"))) } else { Ok(()) }
}

/// The text of a cell that no spreadsheet takes for a formula: an apostrophe is put before what begins like one (CWE-1236), also when that shows
/// only once space and what is not seen before it are gone, as encodings without variation selectors write it.
pub fn cell(text: &str) -> String {
    let unseen = |c: char| c.is_whitespace() || is_variation_selector(c) || is_invisible(c);
    let begins = ['=', '+', '-', '@', '＝', '＋', '－', '＠', '|', '\u{2212}'];
    let formula =
        text.trim_start_matches(unseen).starts_with(begins) || text.starts_with(['\t', '\r', '\n']);
    if formula { format!("'{text}") } else { text.to_owned() }
}
