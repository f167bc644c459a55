//! What every answer carries, and what every form must bring.

use actix_web::HttpResponseBuilder;
use actix_web::cookie::{Cookie, SameSite, time::Duration};
use actix_web::http::header;
use aws_lc_rs::digest;
use url::form_urlencoded;

/// The cookie that remembers the language. It says nothing about its bearer.
pub(crate) const LANG_COOKIE: &str = "lang";

/// Adds the headers that every answer of this room carries. `form_targets` are the origins, besides our own, that a form on the page may
/// end at: browsers hold redirects after a form against this list.
pub(crate) fn headers(
    mut builder: HttpResponseBuilder,
    form_targets: &[String],
) -> HttpResponseBuilder {
    let mut policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
        .to_owned();
    for target in form_targets {
        policy.push(' ');
        policy.push_str(target);
    }
    builder
        .insert_header((header::CONTENT_SECURITY_POLICY, policy))
        .insert_header((header::REFERRER_POLICY, "no-referrer"))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::X_FRAME_OPTIONS, "DENY"))
        .insert_header(("cross-origin-opener-policy", "same-origin"))
        .insert_header(("permissions-policy", "camera=(), geolocation=(), microphone=()"))
        .insert_header((header::CACHE_CONTROL, "no-store"));
    builder
}

/// The origin of an address as a source of a content security policy; `None` for what cannot be one.
pub(crate) fn origin(address: &str) -> Option<String> {
    let (scheme, rest) = address.split_once("://")?;
    let host = rest.split(['/', '?', '#']).next()?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
    let fits = matches!(scheme, "https" | "http") && !host.is_empty() && host.chars().all(plain);
    fits.then(|| format!("{scheme}://{host}"))
}

/// SHA-256, hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(64);
    for byte in digest::digest(&digest::SHA256, bytes).as_ref() {
        for digit in [byte >> 4, byte & 15] {
            out.extend(char::from_digit(u32::from(digit), 16));
        }
    }
    out
}

/// The value of a parameter of a query.
pub(crate) fn parameter(query: &str, name: &str) -> Option<String> {
    form_urlencoded::parse(query.as_bytes())
        .find(|(n, _)| n == name)
        .map(|(_, value)| value.into_owned())
}

/// A query with these parameters.
pub(crate) fn query(parameters: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish()
}

/// The query with one parameter replaced or added.
pub(crate) fn with_parameter(query: &str, name: &str, value: &str) -> String {
    let others = form_urlencoded::parse(query.as_bytes()).filter(|(n, _)| n != name);
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(others)
        .append_pair(name, value)
        .finish()
}

/// The cookie of the language, kept for a year.
pub(crate) fn lang_cookie(code: &'static str, secure: bool) -> Cookie<'static> {
    Cookie::build(LANG_COOKIE, code)
        .path("/")
        .secure(secure)
        .http_only(true)
        .same_site(SameSite::Lax)
        .max_age(Duration::days(365))
        .finish()
}

/// Whether `target` is an address on this site to which a browser may be sent: a path, and nothing that browsers read as another host.
pub(crate) fn is_local(target: &str) -> bool {
    let bytes = target.as_bytes();
    bytes.first() == Some(&b'/')
        && !matches!(bytes.get(1), Some(b'/' | b'\\'))
        && !target.contains('\\')
        && bytes.iter().all(|b| (0x21..0x7f).contains(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_this_site_are_local() {
        for good in ["/", "/consents?x=1", "/oauth/authorize?client_id=a&request_uri=urn:b"] {
            assert!(is_local(good), "{good}");
        }
        for bad in
            ["", "//evil.example", "/\\evil.example", "https://evil.example", "/a\nb", "/a\\b", "a"]
        {
            assert!(!is_local(bad), "{bad}");
        }
    }

    #[test]
    fn an_origin_cannot_smuggle_a_policy() {
        assert_eq!(origin("https://app.example/cb?x=1").as_deref(), Some("https://app.example"));
        assert_eq!(origin("http://127.0.0.1:8080/cb").as_deref(), Some("http://127.0.0.1:8080"));
        for bad in ["https://a.example; script-src *", "javascript://x", "https:///x", "a.example"]
        {
            assert_eq!(origin(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_parameter_is_replaced_in_its_query() {
        let query = "request_uri=urn%3Aa&lang=ja";
        assert_eq!(parameter(query, "request_uri").as_deref(), Some("urn:a"));
        assert_eq!(with_parameter(query, "lang", "en"), "request_uri=urn%3Aa&lang=en");
        assert_eq!(with_parameter("", "lang", "en"), "lang=en");
    }
}
