//! Choosing a text of a `LanguageProperty` (clause 4.15, RFC 4647 lookup).

use std::borrow::Cow;

use crate::json::members;

/// The entry of a language map that suits `wanted` best, `wanted` being written as in
/// `Accept-Language`: what is asked for, else the default (`@none`), else English, else the first.
pub(super) fn choose<'m>(map: &'m str, wanted: &str) -> Option<(Cow<'m, str>, &'m str)> {
    let entries: Vec<_> = members(map).filter_map(Result::ok).collect();
    let mut ranges: Vec<(&str, f32)> = wanted
        .split(',')
        .filter_map(|range| {
            let mut parts = range.split(';').map(str::trim);
            let tag = parts.next().filter(|tag| !tag.is_empty())?;
            let quality = parts.find_map(|part| part.strip_prefix("q="));
            let quality = quality.map_or(Some(1.0), |q| q.parse().ok())?;
            (quality > 0.0).then_some((tag, quality))
        })
        .collect();
    ranges.sort_by(|a, b| b.1.total_cmp(&a.1));
    let exact = |tag: &str| entries.iter().find(|(have, _)| have.eq_ignore_ascii_case(tag));
    let narrower = |tag: &str| {
        entries.iter().find(|(have, _)| {
            have.split_once('-').is_some_and(|(base, _)| base.eq_ignore_ascii_case(tag))
        })
    };
    ranges
        .iter()
        .take_while(|(tag, _)| *tag != "*")
        .find_map(|(tag, _)| {
            let base = tag.split_once('-').map_or(*tag, |(base, _)| base);
            exact(tag).or_else(|| exact(base)).or_else(|| narrower(base))
        })
        .or_else(|| exact("@none"))
        .or_else(|| exact("en"))
        .or_else(|| entries.first())
        .cloned()
}

#[cfg(test)]
mod tests {
    use super::choose;

    #[test]
    fn follows_the_wishes() {
        let map = r#"{"fr":"f","en":"e","ja":"j","zh-Hant":"z"}"#;
        for (wanted, tag) in [
            ("ja", "ja"),
            ("JA-jp", "ja"),
            ("de, fr;q=0.3, ja;q=0.8", "ja"),
            ("zh", "zh-Hant"),
            ("de", "en"),
            ("*", "en"),
            ("", "en"),
            ("ja;q=0", "en"),
        ] {
            assert_eq!(choose(map, wanted).unwrap().0, tag, "{wanted}");
        }
        assert_eq!(choose(r#"{"fr":"f","@none":"n"}"#, "ja").unwrap().1, "\"n\"");
        assert_eq!(choose("{}", "ja"), None);
    }
}
