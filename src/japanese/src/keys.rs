//! Search keys: the same name, reading or address written by two systems becomes the same text.
//!
//! Only here is text normalised (NFKC: half-width kana, ①, ㋿, ㈱ and the compatibility ideographs, which NFC would change as well).

use icu_normalizer::ComposingNormalizerBorrowed;

use crate::characters::{is_variation_selector, substitute};

const SMALL: &str = "ァィゥェォッャュョヮヵヶ";
const BIG: &str = "アイウエオツヤユヨワカケ";
const VOICED: &str = "ヴガギグゲゴザジズゼゾダデドバビブベボパピプペポ";
const PLAIN: &str = "ウカキクケコサシスセソタテトハヒフヘホハヒフヘホ";

fn pair(from: &str, to: &str, c: char) -> Option<char> {
    from.chars().zip(to.chars()).find(|(f, _)| *f == c).map(|(_, t)| t)
}

/// One width, one form and no spaces: NFKC, without variation selectors.
pub fn width(text: &str) -> String {
    if text.is_ascii() {
        return text.chars().filter(|c| !c.is_whitespace()).collect();
    }
    let base: String = text.chars().filter(|c| !is_variation_selector(*c)).collect();
    let folded = ComposingNormalizerBorrowed::new_nfkc().normalize(&base);
    folded.chars().filter(|c| !c.is_whitespace()).collect()
}

/// A name as far as two systems agree about it: [`width`], substitute characters, upper case, without middle dots, commas and full stops.
pub fn name(text: &str) -> String {
    width(text)
        .chars()
        .filter(|c| !matches!(c, '・' | ',' | '.' | '、'))
        .map(|c| substitute(c).unwrap_or(c))
        .flat_map(char::to_uppercase)
        .collect()
}

/// Whether it is one of the marks that are written for a hyphen, a minus or the mark of a long vowel.
pub(crate) fn is_dash(c: char) -> bool {
    matches!(c, '-' | '‐' | '‑' | '‒' | '–' | '—' | '―' | '−' | '－' | 'ー' | 'ｰ' | '─')
}

/// A reading: [`name`], with hiragana as katakana and one mark for long vowels.
pub fn kana(text: &str) -> String {
    name(text)
        .chars()
        .map(|c| match c {
            'ぁ'..='ゖ' => char::from_u32(u32::from(c) + 0x60).unwrap_or(c),
            c if is_dash(c) => 'ー',
            c => c,
        })
        .collect()
}

/// A reading without what is known to be wrong often: small letters are big ones, voiced ones are not, and long vowels have no mark. Agreement is
/// a hint, not a proof.
pub fn loose_kana(text: &str) -> String {
    kana(text)
        .chars()
        .filter(|c| *c != 'ー')
        .map(|c| match c {
            'ヂ' => 'ジ',
            'ヅ' => 'ズ',
            'ヲ' => 'オ',
            c => pair(SMALL, BIG, c).unwrap_or(c),
        })
        .map(|c| pair(VOICED, PLAIN, c).unwrap_or(c))
        .collect()
}

/// An address without prefecture and county, and `大字川北4874番地2` as `川北4874-2`.
pub fn address(text: &str, prefecture: &str, county: &str) -> String {
    let mut rest = name(text);
    for lead in [prefecture, county] {
        let lead = name(lead);
        if let Some(after) = rest.strip_prefix(lead.as_str()).filter(|_| !lead.is_empty()) {
            rest = after.to_owned();
        }
    }
    for (from, to) in [
        ("大字", ""),
        ("番地の", "-"),
        ("番地ノ", "-"),
        ("番地", "-"),
        ("丁目", "-"),
        ("番", "-"),
        ("号", "-"),
    ] {
        rest = rest.replace(from, to);
    }
    let mut out = String::with_capacity(rest.len());
    for c in rest.chars() {
        let c = if is_dash(c) { '-' } else { c };
        if c != '-' || !out.ends_with('-') {
            out.push(c);
        }
    }
    out.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_written_by_two_systems_meet() {
        for (a, b) in [
            ("髙鍋　さくら", "高鍋さくら"),
            ("葛\u{E0100}城 誠", "葛城　誠"),
            ("𠮷田勇", "吉田 勇"),
            ("ＮＧＵＹＥＮ　ＶＡＮ　ＡＮＨ", "Nguyen Van Anh"),
            ("渡邊一", "渡邉一"),
            ("マリア・クルス", "ﾏﾘｱ ｸﾙｽ"),
            ("か\u{3099}", "が"),
        ] {
            assert_eq!(name(a), name(b), "{a}");
        }
        assert_ne!(name("都農花子"), name("都農花"));
    }

    #[test]
    fn readings_meet_in_every_width() {
        assert_eq!(kana("ﾂﾉ ﾊﾅｺ"), "ツノハナコ");
        assert_eq!(kana("ﾅｶﾞﾄﾓ ﾊﾟｵﾛ"), "ナガトモパオロ");
        assert_eq!(kana("ながとも"), "ナガトモ");
        assert_eq!(kana("ゆ－こ"), kana("ユーコ"));
    }

    #[test]
    fn known_faults_of_readings_meet_loosely_alone() {
        for (a, b) in [
            ("シヨウコ", "ショウコ"),
            ("ナカトモ", "ナガトモ"),
            ("ミヅキ", "ミズキ"),
            ("ユーコ", "ユコ"),
        ] {
            assert_ne!(kana(a), kana(b), "{a}");
            assert_eq!(loose_kana(a), loose_kana(b), "{a}");
        }
        assert_ne!(loose_kana("ハナコ"), loose_kana("ハナエ"));
        assert_eq!(VOICED.chars().count(), PLAIN.chars().count());
        assert_eq!(SMALL.chars().count(), BIG.chars().count());
    }

    #[test]
    fn addresses_written_by_two_systems_meet() {
        let fold = |text: &str| address(text, "宮崎県", "児湯郡");
        for same in [
            "宮崎県児湯郡都農町大字川北4874番地2",
            "宮崎県都農町大字川北４８７４番地の２",
            "児湯郡都農町川北4874-2",
            "都農町 大字川北 4874－2",
            "都農町大字川北4874ー2番地",
            "都農町川北4874−2",
        ] {
            assert_eq!(fold(same), "都農町川北4874-2", "{same}");
        }
        assert_ne!(fold("都農町大字川北4874番地2"), fold("都農町大字川北4874番地3"));
    }
}
