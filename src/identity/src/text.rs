//! Folding of Japanese text, so that the same name or address written by two systems becomes the same text.

/// Substitute characters: JPKI certificates and many systems write the right one for the left one.
const VARIANTS: [(char, char); 34] = [
    ('髙', '高'),
    ('﨑', '崎'),
    ('嵜', '崎'),
    ('𠮷', '吉'),
    ('邊', '辺'),
    ('邉', '辺'),
    ('齋', '斎'),
    ('斉', '斎'),
    ('齊', '斎'),
    ('濵', '浜'),
    ('濱', '浜'),
    ('澤', '沢'),
    ('德', '徳'),
    ('栁', '柳'),
    ('桒', '桑'),
    ('廣', '広'),
    ('國', '国'),
    ('櫻', '桜'),
    ('龍', '竜'),
    ('瀧', '滝'),
    ('惠', '恵'),
    ('眞', '真'),
    ('靜', '静'),
    ('榮', '栄'),
    ('圓', '円'),
    ('嶋', '島'),
    ('嶌', '島'),
    ('塚', '塚'),
    ('曻', '昇'),
    ('彌', '弥'),
    ('鐵', '鉄'),
    ('黑', '黒'),
    ('凜', '凛'),
    ('羽', '羽'),
];

const HALF_KANA: &str = "ｦｧｨｩｪｫｬｭｮｯｰｱｲｳｴｵｶｷｸｹｺｻｼｽｾｿﾀﾁﾂﾃﾄﾅﾆﾇﾈﾉﾊﾋﾌﾍﾎﾏﾐﾑﾒﾓﾔﾕﾖﾗﾘﾙﾚﾛﾜﾝ";
const FULL_KANA: &str = "ヲァィゥェォャュョッーアイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワン";
const PLAIN: &str = "ウカキクケコサシスセソタチツテトハヒフヘホ";
const VOICED: &str = "ヴガギグゲゴザジズゼゾダヂヅデドバビブベボ";

fn pair(from: &str, to: &str, c: char) -> Option<char> {
    from.chars().zip(to.chars()).find(|(f, _)| *f == c).map(|(_, t)| t)
}

fn is_variant_selector(c: char) -> bool {
    ('\u{E0100}'..='\u{E01EF}').contains(&c) || ('\u{FE00}'..='\u{FE0F}').contains(&c)
}

/// Full-width ASCII to ASCII, half-width kana to full-width (with their marks), variant selectors and all spaces removed.
pub(crate) fn width(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let c = match c {
            c if is_variant_selector(c) || c.is_whitespace() => continue,
            '！'..='～' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
            'ﾞ' | '\u{3099}' => match out.pop() {
                Some(last) => pair(PLAIN, VOICED, last).unwrap_or(last),
                None => continue,
            },
            'ﾟ' | '\u{309a}' => match out.pop() {
                Some(last) => pair("ハヒフヘホ", "パピプペポ", last).unwrap_or(last),
                None => continue,
            },
            c => pair(HALF_KANA, FULL_KANA, c).unwrap_or(c),
        };
        out.push(c);
    }
    out
}

/// A name as far as two systems agree about it: width folded, substitute characters, upper case, middle dots and commas removed.
pub(crate) fn degraded_name(text: &str) -> String {
    width(text)
        .chars()
        .filter(|c| !matches!(c, '・' | '･' | ',' | '.'))
        .map(|c| VARIANTS.iter().find(|(from, _)| *from == c).map_or(c, |(_, to)| *to))
        .flat_map(char::to_uppercase)
        .collect()
}

/// A reading: width folded, hiragana as katakana.
pub(crate) fn kana(text: &str) -> String {
    degraded_name(text)
        .chars()
        .map(|c| match c {
            'ぁ'..='ゖ' => char::from_u32(u32::from(c) + 0x60).unwrap_or(c),
            c => c,
        })
        .collect()
}

/// An address as far as two systems agree about it: without prefecture and county, and `大字川北4874番地2` as `川北4874-2`.
pub(crate) fn address(text: &str, prefecture: &str, county: &str) -> String {
    let mut rest = degraded_name(text);
    for lead in [prefecture, county] {
        let lead = degraded_name(lead);
        if let Some(after) = rest.strip_prefix(lead.as_str()).filter(|_| !lead.is_empty()) {
            rest = after.to_owned();
        }
    }
    for (from, to) in [
        ("大字", ""),
        ("番地の", "-"),
        ("番地", "-"),
        ("丁目", "-"),
        ("番", "-"),
        ("号", "-"),
        ("‐", "-"),
        ("‑", "-"),
        ("–", "-"),
        ("—", "-"),
        ("−", "-"),
        ("ー", "-"),
    ] {
        rest = rest.replace(from, to);
    }
    let mut out = String::with_capacity(rest.len());
    for c in rest.chars() {
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
        ] {
            assert_eq!(degraded_name(a), degraded_name(b), "{a}");
        }
        assert_ne!(degraded_name("都農花子"), degraded_name("都農花"));
    }

    #[test]
    fn readings_meet_in_every_width() {
        assert_eq!(kana("ﾂﾉ ﾊﾅｺ"), "ツノハナコ");
        assert_eq!(kana("ﾅｶﾞﾄﾓ ﾊﾟｵﾛ"), "ナガトモパオロ");
        assert_eq!(kana("ながとも"), "ナガトモ");
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
        ] {
            assert_eq!(fold(same), "都農町川北4874-2", "{same}");
        }
        assert_ne!(fold("都農町大字川北4874番地2"), fold("都農町大字川北4874番地3"));
    }
}
