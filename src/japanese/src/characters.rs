//! Characters one by one: what must not pass silently, and which character stands in for which.

/// What is the matter with a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// From a private-use area (外字): what it means is known only to the system that wrote it. Decoders give it without an error, so that bytes
    /// of code page 932 from `F0 40` on look like success.
    Gaiji,
    /// U+FFFD, which stands for bytes that could not be decoded.
    Undecodable,
    /// Not printed: a control character, a mark of direction or of no width, or none at all.
    Control,
    /// A reference such as `&#134071;`, which some system wrote in the place of a character that its encoding lacks.
    Reference,
    /// 〓, which old systems print for a character they do not have.
    Replaced,
}

impl Trouble {
    /// The rule's name in reports.
    pub fn rule(self) -> &'static str {
        match self {
            Self::Gaiji => "gaiji",
            Self::Undecodable => "character-undecodable",
            Self::Control => "character-control",
            Self::Reference => "character-reference",
            Self::Replaced => "character-replaced",
        }
    }
}

/// Whether it is from a private-use area: U+E000…U+F8FF, planes 15 and 16.
pub fn is_private_use(c: char) -> bool {
    matches!(c, '\u{E000}'..='\u{F8FF}' | '\u{F0000}'..='\u{FFFFD}' | '\u{100000}'..='\u{10FFFD}')
}

/// Whether it selects a glyph of the character before (IVS and the standardized sequences): it stays in what is stored and counts for nothing in
/// a comparison.
pub fn is_variation_selector(c: char) -> bool {
    matches!(c, '\u{FE00}'..='\u{FE0F}' | '\u{E0100}'..='\u{E01EF}')
}

pub(crate) fn is_invisible(c: char) -> bool {
    let line = matches!(c, '\t' | '\n' | '\r');
    let formats = matches!(c, '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}');
    let none = matches!(c, '\u{FDD0}'..='\u{FDEF}') || u32::from(c) & 0xFFFE == 0xFFFE;
    (c.is_control() && !line) || formats || none
}

/// Everything that is the matter with a text: where (characters before it, from 0) and what.
pub fn troubles(text: &str) -> impl Iterator<Item = (usize, Trouble)> + '_ {
    text.char_indices().enumerate().filter_map(|(at, (byte, c))| {
        let trouble = match c {
            c if is_private_use(c) => Trouble::Gaiji,
            '\u{FFFD}' => Trouble::Undecodable,
            '〓' => Trouble::Replaced,
            '&' if reference(text.get(byte..).unwrap_or_default()).is_some() => Trouble::Reference,
            c if is_invisible(c) => Trouble::Control,
            _ => return None,
        };
        Some((at, trouble))
    })
}

/// The character of a numeric reference at the beginning of a text, and the bytes it takes there.
fn reference(text: &str) -> Option<(char, usize)> {
    // The longest are ten bytes: whoever writes many beginnings of one makes nobody look for their ends.
    let end = text.bytes().take(12).position(|byte| byte == b';')?;
    let body = text.get(..end)?.strip_prefix("&#")?;
    let code = match body.strip_prefix(['x', 'X']) {
        Some(digits) if digits.len() <= 6 => u32::from_str_radix(digits, 16).ok()?,
        None if body.len() <= 7 && body.bytes().all(|b| b.is_ascii_digit()) => body.parse().ok()?,
        _ => return None,
    };
    char::from_u32(code).map(|c| (c, body.len() + 3))
}

/// The text with the characters that references stand for, when there are any: what the writer is likely to have meant.
pub fn without_references(text: &str) -> Option<String> {
    let (mut out, mut rest, mut any) = (String::with_capacity(text.len()), text, false);
    while let Some(c) = rest.chars().next() {
        let (c, bytes) = match reference(rest) {
            Some(found) => {
                any = true;
                found
            }
            None => (c, c.len_utf8()),
        };
        out.push(c);
        rest = rest.get(bytes..).unwrap_or_default();
    }
    any.then_some(out)
}

/// How many characters a reader sees, with a selected glyph as one; never bytes.
pub fn count(text: &str) -> usize {
    text.chars().filter(|c| !is_variation_selector(*c)).count()
}

/// Characters and their substitutes: JPKI certificates and many systems write the right one for the left one. A small table of our own, of
/// surnames that are frequent; it serves to find, not to replace. Compatibility ideographs that Unicode decomposes are not in it:
/// [`crate::keys`] folds them anyway.
const SUBSTITUTES: [(char, char); 56] = [
    ('髙', '高'),
    ('﨑', '崎'),
    ('嵜', '崎'),
    ('碕', '崎'),
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
    ('桺', '柳'),
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
    ('曻', '昇'),
    ('彌', '弥'),
    ('鐵', '鉄'),
    ('黑', '黒'),
    ('凜', '凛'),
    ('冨', '富'),
    ('峯', '峰'),
    ('槇', '槙'),
    ('實', '実'),
    ('條', '条'),
    ('壽', '寿'),
    ('學', '学'),
    ('會', '会'),
    ('淺', '浅'),
    ('關', '関'),
    ('縣', '県'),
    ('藏', '蔵'),
    ('豐', '豊'),
    ('與', '与'),
    ('萬', '万'),
    ('禮', '礼'),
    ('兒', '児'),
    ('增', '増'),
    ('薗', '園'),
    ('桧', '檜'),
    ('蘆', '芦'),
    ('鷗', '鴎'),
];

/// The substitute of a character, when it has one here.
pub fn substitute(c: char) -> Option<char> {
    SUBSTITUTES.iter().find(|(from, _)| *from == c).map(|(_, to)| *to)
}
