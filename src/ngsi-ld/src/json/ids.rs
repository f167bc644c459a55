//! Rewriting identifiers inside JSON text, so that a caller can show and accept other names for
//! the same thing.

use std::borrow::Cow;

use super::{string_of, write_string};

/// Replaces, in JSON text, every string token that contains `marker` and for which `f` gives
/// another text. Tokens are compared after unescaping, names of members included.
///
/// `body` is expected to be JSON; other text comes back unchanged or partly changed, never longer
/// than its strings allow.
pub fn rewrite_ids<'a>(
    body: &'a str,
    marker: &str,
    f: &dyn Fn(&str) -> Option<String>,
) -> Cow<'a, str> {
    if !may_contain(body, marker) {
        return Cow::Borrowed(body);
    }
    let mut out = Vec::with_capacity(body.len() + 64);
    if !rewrite_into(body, marker, &|id| f(id).map(Cow::Owned), &mut out) {
        return Cow::Borrowed(body);
    }
    String::from_utf8(out).map_or(Cow::Borrowed(body), Cow::Owned)
}

/// An escape could hide the marker, so text with a backslash counts as suspicious.
fn may_contain(body: &str, marker: &str) -> bool {
    memchr::memmem::find(body.as_bytes(), marker.as_bytes()).is_some()
        || memchr::memchr(b'\\', body.as_bytes()).is_some()
}

/// [`rewrite_ids`] straight into a buffer. Writes the whole of `body`; true if anything changed.
pub(crate) fn rewrite_into(
    body: &str,
    marker: &str,
    f: &dyn for<'b> Fn(&'b str) -> Option<Cow<'b, str>>,
    out: &mut Vec<u8>,
) -> bool {
    if !may_contain(body, marker) {
        out.extend_from_slice(body.as_bytes());
        return false;
    }
    let mut changed = false;
    let mut rest = body;
    while let Some((before, tail)) = rest.split_once('"') {
        out.extend_from_slice(before.as_bytes());
        let Some(end) = closing_quote(tail.as_bytes()) else {
            out.push(b'"');
            rest = tail;
            break;
        };
        // `end` is the place of an ASCII quote, so both cuts are at character boundaries.
        let (Some(token), Some(next)) =
            (rest.get(before.len()..before.len() + end + 2), tail.get(end + 1..))
        else {
            break;
        };
        let new = string_of(token).filter(|text| text.contains(marker));
        match new.as_ref().and_then(|text| f(text).filter(|new| new != text)) {
            Some(new) => {
                write_string(&new, out);
                changed = true;
            }
            None => out.extend_from_slice(token.as_bytes()),
        }
        rest = next;
    }
    out.extend_from_slice(rest.as_bytes());
    changed
}

/// Where the string that `inside` begins in ends.
fn closing_quote(inside: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let offset = memchr::memchr2(b'"', b'\\', inside.get(at..)?)?;
        if inside.get(at + offset) == Some(&b'"') {
            return Some(at + offset);
        }
        at += offset + 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairwise(id: &str) -> Option<String> {
        id.strip_prefix("urn:p:").map(|rest| format!("urn:p:x-{rest}"))
    }

    #[test]
    fn rewrites_whole_strings_only() {
        let body = r#"{"a":"urn:p:1","b":["say \"urn:p:2\"",{"urn:p:3":4}],"c":"\u0075rn:p:5"}"#;
        assert_eq!(
            rewrite_ids(body, "urn:p:", &pairwise),
            r#"{"a":"urn:p:x-1","b":["say \"urn:p:2\"",{"urn:p:x-3":4}],"c":"urn:p:x-5"}"#
        );
    }

    #[test]
    fn leaves_the_rest_alone() {
        for body in [r#"{"a":"b\n"}"#, "[1,2]", "\"", "\"\\", "urn:p:1", "\"urn:p:"] {
            let out = rewrite_ids(body, "urn:p:", &pairwise);
            assert!(matches!(out, Cow::Borrowed(_)), "{body}");
            assert_eq!(out, body);
        }
    }
}
