//! The lexical rules: names, URIs, scopes, times.

use crate::context::Context;
use crate::error::Error;
use crate::json::{elements, is_array, string_of};
use crate::time::parse_date_time;

/// Calls `each` on a string, or on every string of a non-empty array.
pub(super) fn each_string(
    value: &str,
    what: &str,
    each: &mut dyn FnMut(&str) -> Result<(), Error>,
) -> Result<(), Error> {
    let wrong = || Error::bad(format!("{what} is neither a string nor an array of strings"));
    if !is_array(value) {
        return each(&string_of(value).ok_or_else(wrong)?);
    }
    let mut any = false;
    for (index, element) in elements(value).enumerate() {
        any = true;
        let text = string_of(element?).ok_or_else(wrong)?;
        each(&text).map_err(|e| e.under(&index.to_string()))?;
    }
    if any { Ok(()) } else { Err(Error::bad(format!("{what} is an empty array"))) }
}

/// A URI or IRI (clause 5.2.1): a scheme, a colon, and something after it, without spaces, control
/// characters or characters that cannot be seen.
pub fn check_uri(uri: &str) -> Result<(), Error> {
    let (scheme, rest) = uri.split_once(':').unwrap_or(("", uri));
    let mut letters = scheme.bytes();
    let valid_scheme = letters.next().is_some_and(|b| b.is_ascii_alphabetic())
        && letters.all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    if !valid_scheme || rest.is_empty() {
        return Err(Error::bad("an identifier is not a URI")
            .remedy("begin it with a scheme, for example urn:ngsi-ld:Building:001"));
    }
    let plain = |b: u8| b.is_ascii_alphanumeric() || is_mark(b);
    let allowed = |c: char| match u8::try_from(c).ok().filter(u8::is_ascii) {
        Some(b) => plain(b),
        None => c.is_alphanumeric() && !is_filler(c),
    };
    if !rest.bytes().all(plain) && !rest.chars().all(allowed) {
        return Err(Error::bad("an identifier has a character that a URI cannot have")
            .remedy("percent-encode it, or remove hidden characters"));
    }
    Ok(())
}

/// What RFC 3986 has in URIs beside letters and digits.
fn is_mark(b: u8) -> bool {
    matches!(
        b,
        b'-' | b'.'
            | b'_'
            | b'~'
            | b':'
            | b'/'
            | b'?'
            | b'#'
            | b'['
            | b']'
            | b'@'
            | b'!'
            | b'$'
            | b'&'
            | b'\''
            | b'('
            | b')'
            | b'*'
            | b'+'
            | b','
            | b';'
            | b'='
            | b'%'
    )
}

/// The name of a type or attribute (clause 4.6.2): letters, digits and `_`, beginning with a
/// letter, with or without a prefix; or an absolute IRI.
pub fn check_name(name: &str, ctx: &Context) -> Result<(), Error> {
    if plain(name) {
        return Ok(());
    }
    if name.contains(':') && !name.starts_with('@') && check_uri(&ctx.expand(name)).is_ok() {
        return Ok(());
    }
    Err(Error::bad("a name has a character that names cannot have")
        .remedy("use letters, digits and _ only, beginning with a letter"))
}

fn plain(name: &str) -> bool {
    if name.is_ascii() {
        return name.as_bytes().first().is_some_and(u8::is_ascii_alphabetic)
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    }
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c.is_alphabetic() && !is_filler(c))
        && chars.all(|c| (c.is_alphanumeric() && !is_filler(c)) || c == '_')
}

/// Letters to Unicode that nobody can see: the fillers of Hangul, which are ignored when shown.
fn is_filler(c: char) -> bool {
    matches!(c, '\u{115F}' | '\u{1160}' | '\u{3164}' | '\u{FFA0}')
}

/// A scope (clause 4.18): levels of letters, digits and `_`, each after a `/` and beginning with a letter.
pub(crate) fn check_scope(scope: &str) -> Result<(), Error> {
    let levels = scope.strip_prefix('/').unwrap_or(scope);
    if levels.split('/').all(is_plain_name) {
        return Ok(());
    }
    Err(Error::bad("a scope is not of the form /level/level")
        .remedy("use letters, digits and _ in each level, beginning with a letter"))
}

/// A name without a prefix, or one level of a scope.
pub(crate) fn is_plain_name(level: &str) -> bool {
    plain(level)
}

/// A `DateTime` in a member.
pub(super) fn date_time(value: &str, what: &str) -> Result<String, Error> {
    let text = string_of(value).filter(|text| parse_date_time(text).is_some());
    text.map(std::borrow::Cow::into_owned).ok_or_else(|| {
        Error::bad(format!("{what} is not a DateTime"))
            .remedy("write it in UTC, for example 2026-04-01T00:00:00Z")
    })
}
