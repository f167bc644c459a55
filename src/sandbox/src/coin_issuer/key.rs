//! The `Idempotency-Key` header: one string of RFC 8941, 3.3.3.

use actix_web::HttpRequest;

use crate::http::Refusal;

const MAX_LENGTH: usize = 255;

/// The key of a request, without its quotes.
pub(super) fn of(request: &HttpRequest) -> Result<String, Refusal> {
    let refuse = |text| Refusal::bad_request("idempotency_key", text);
    let mut headers = request.headers().get_all("Idempotency-Key");
    let header = headers.next().ok_or_else(|| refuse("the header Idempotency-Key is missing"))?;
    if headers.next().is_some() {
        return Err(refuse("the header Idempotency-Key is repeated"));
    }
    header.to_str().ok().and_then(parse).ok_or_else(|| {
        refuse("Idempotency-Key must be 1 to 255 printable characters in double quotes")
    })
}

/// The content of a quoted string that nothing follows.
fn parse(header: &str) -> Option<String> {
    let mut key = String::new();
    let mut rest = header.trim().strip_prefix('"')?.chars();
    loop {
        match rest.next()? {
            '"' => break,
            '\\' => key.push(rest.next().filter(|c| matches!(c, '"' | '\\'))?),
            c @ ' '..='~' => key.push(c),
            _ => return None,
        }
    }
    (rest.next().is_none() && !key.is_empty() && key.len() <= MAX_LENGTH).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn only_quoted_strings_are_keys() {
        assert_eq!(parse(r#""award-1""#).as_deref(), Some("award-1"));
        assert_eq!(parse(r#""a\"b\\c""#).as_deref(), Some(r#"a"b\c"#));
        for wrong in ["award-1", r#""""#, r#""a"#, r#""a"b"#, r#""a";x=1"#, r#""\a""#, "\"ä\""] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
        assert!(parse(&format!("\"{}\"", "k".repeat(255))).is_some());
        assert!(parse(&format!("\"{}\"", "k".repeat(256))).is_none());
    }
}
