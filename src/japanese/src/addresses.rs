//! The parts of an address. What was written stays as it is: these stand beside it, with how sure they are.

use crate::keys::is_dash;

/// The prefectures, in the order of their codes.
pub const PREFECTURES: [&str; 47] = [
    "北海道",
    "青森県",
    "岩手県",
    "宮城県",
    "秋田県",
    "山形県",
    "福島県",
    "茨城県",
    "栃木県",
    "群馬県",
    "埼玉県",
    "千葉県",
    "東京都",
    "神奈川県",
    "新潟県",
    "富山県",
    "石川県",
    "福井県",
    "山梨県",
    "長野県",
    "岐阜県",
    "静岡県",
    "愛知県",
    "三重県",
    "滋賀県",
    "京都府",
    "大阪府",
    "兵庫県",
    "奈良県",
    "和歌山県",
    "鳥取県",
    "島根県",
    "岡山県",
    "広島県",
    "山口県",
    "徳島県",
    "香川県",
    "愛媛県",
    "高知県",
    "福岡県",
    "佐賀県",
    "長崎県",
    "熊本県",
    "大分県",
    "宮崎県",
    "鹿児島県",
    "沖縄県",
];

/// What is known of the own municipality. Of others there is no table: their addresses are not taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Town {
    /// E.g. `宮崎県`.
    pub prefecture: String,
    /// E.g. `児湯郡`; empty for a city.
    pub county: String,
    /// E.g. `都農町`.
    pub name: String,
    /// Code with check digit, e.g. `454061`.
    pub code: Option<String>,
    /// Its places (大字), e.g. `大字川北`. Empty: not known.
    pub places: Vec<String>,
}

/// The parts of an address, in one width. What is not found is empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Parts {
    /// 都道府県.
    pub prefecture: String,
    /// 郡.
    pub county: String,
    /// 市区町村.
    pub municipality: String,
    /// 大字, as the town's table writes it.
    pub oaza: String,
    /// 字 (小字), without that word.
    pub koaza: String,
    /// Lot (地番) with hyphens: `4874-2`.
    pub lot: String,
    /// What stands behind the lot.
    pub building: String,
    /// Code of the municipality with check digit.
    pub code: String,
    /// 0 to 100. 100: written in full, of the own town, in one of its places, with a lot. Less for what was left out (prefecture 10, county 5) or
    /// is doubtful (a place that is not in the table 30, 字 without that word 10, no lot 40). Of another municipality 30, of none 0.
    pub confidence: u8,
}

/// The check digit of a municipality's code (全国地方公共団体コード) of five digits; `None` when they are not.
pub fn check_digit(five: &str) -> Option<char> {
    if five.len() != 5 {
        return None;
    }
    let digits = five.chars().map(|c| c.to_digit(10)).collect::<Option<Vec<_>>>()?;
    let sum: u32 = digits.iter().zip([6, 5, 4, 3, 2]).map(|(digit, weight)| digit * weight).sum();
    char::from_digit((11 - sum % 11) % 10, 10)
}

/// Whether it is a code of six digits whose last one is right.
pub fn is_code(text: &str) -> bool {
    let mut digits = text.chars();
    let last = digits.next_back();
    last.is_some() && check_digit(digits.as_str()) == last
}

/// Takes an address apart.
pub fn parse(text: &str, town: &Town) -> Parts {
    // One width, but with the spaces, which part a building from a lot.
    let folded: Vec<String> = text.split_whitespace().map(crate::keys::width).collect();
    let folded = folded.join(" ");
    let mut parts = Parts::default();
    let (mut rest, mut lost) = (folded.trim(), 0u8);
    if let Some((name, after)) = lead(rest, &PREFECTURES) {
        name.clone_into(&mut parts.prefecture);
        rest = after;
        if name != town.prefecture {
            parts.confidence = 30;
            return parts;
        }
    } else {
        lost += 10;
    }
    if !town.county.is_empty() {
        match strip(rest, &town.county) {
            Some(after) => rest = after,
            None => lost += 5,
        }
    }
    let Some(after) = strip(rest, &town.name) else {
        parts.confidence = if parts.prefecture.is_empty() { 0 } else { 30 };
        return parts;
    };
    parts.prefecture.clone_from(&town.prefecture);
    parts.county.clone_from(&town.county);
    parts.municipality.clone_from(&town.name);
    parts.code = town.code.clone().unwrap_or_default();
    rest = place(after, town, &mut parts, &mut lost);
    rest = small_place(rest, &mut parts, &mut lost);
    rest = lot(rest, &mut parts);
    if parts.lot.is_empty() {
        lost += 40;
    }
    parts.building = rest.trim().to_owned();
    parts.confidence = 100u8.saturating_sub(lost);
    parts
}

fn strip<'t>(text: &'t str, lead: &str) -> Option<&'t str> {
    text.strip_prefix(crate::keys::width(lead).as_str()).map(str::trim_start)
}

fn lead<'t>(text: &'t str, names: &[&'static str]) -> Option<(&'static str, &'t str)> {
    // They are written in the one width already.
    names.iter().find_map(|name| Some((*name, text.strip_prefix(name)?.trim_start())))
}

fn is_digit(c: char) -> bool {
    c.is_ascii_digit()
}

fn place<'t>(text: &'t str, town: &Town, parts: &mut Parts, lost: &mut u8) -> &'t str {
    for name in &town.places {
        let short = name.strip_prefix("大字").unwrap_or(name);
        if let Some(after) = strip(text, name).or_else(|| strip(text, short)) {
            parts.oaza.clone_from(name);
            return after;
        }
    }
    let Some(after) = text.strip_prefix("大字") else {
        *lost += 30;
        return text;
    };
    let end = after.find(|c| is_digit(c) || c == '字' || c == ' ').unwrap_or(after.len());
    let (name, rest) = after.split_at_checked(end).unwrap_or((after, ""));
    parts.oaza = format!("大字{name}");
    *lost += 30;
    rest.trim_start()
}

fn small_place<'t>(text: &'t str, parts: &mut Parts, lost: &mut u8) -> &'t str {
    let (marked, text) = match text.strip_prefix('字') {
        Some(after) => (true, after),
        None => (false, text),
    };
    if text.starts_with("無番地") || text.starts_with("番外地") {
        return text;
    }
    let Some((name, rest)) = text.find(is_digit).and_then(|end| text.split_at_checked(end)) else {
        return text;
    };
    name.trim().clone_into(&mut parts.koaza);
    *lost += u8::from(!marked && !name.trim().is_empty()) * 10;
    rest
}

/// `4874番地2`, `4874番地の2`, `4874-2`, `4874番2号`: numbers with words or marks between them.
fn lot<'t>(text: &'t str, parts: &mut Parts) -> &'t str {
    for none in ["無番地", "番外地"] {
        if let Some(rest) = text.strip_prefix(none) {
            none.clone_into(&mut parts.lot);
            return rest;
        }
    }
    let mut rest = text;
    loop {
        let end = rest.find(|c| !is_digit(c)).unwrap_or(rest.len());
        let Some((number, after)) =
            rest.split_at_checked(end).filter(|(number, _)| !number.is_empty())
        else {
            return rest;
        };
        if !parts.lot.is_empty() {
            parts.lot.push('-');
        }
        parts.lot.push_str(number);
        let mut next = after;
        for word in ["番地", "丁目", "番", "号"] {
            if let Some(after) = next.strip_prefix(word) {
                next = after;
                break;
            }
        }
        let joined = next.strip_prefix(['の', 'ノ']).or_else(|| next.strip_prefix(is_dash));
        let goes_on = joined.unwrap_or(next);
        // A room (101号室) is no part of a lot.
        let room = goes_on.trim_start_matches(is_digit).starts_with("号室");
        if (joined.is_none() && next.len() == after.len()) || !goes_on.starts_with(is_digit) || room
        {
            return next;
        }
        rest = goes_on;
    }
}
