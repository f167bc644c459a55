//! What all servers of the sandbox do with HTTP: refusals, parameters, bearer keys, pages.

use std::borrow::Cow;
use std::fmt;

use actix_web::http::header::{self, ContentType, HeaderValue};
use actix_web::http::{StatusCode, header::HeaderMap};
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::Error;

/// A refusal, answered as `{"error": <code>, "error_description": <text>}` (RFC 6749, 5.2).
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) code: Cow<'static, str>,
    pub(crate) description: String,
    challenge: Option<&'static str>,
}

impl Refusal {
    pub(crate) fn new(
        status: StatusCode,
        code: impl Into<Cow<'static, str>>,
        description: impl Into<String>,
    ) -> Self {
        Self { status, code: code.into(), description: description.into(), challenge: None }
    }

    pub(crate) fn bad_request(
        code: impl Into<Cow<'static, str>>,
        description: impl Into<String>,
    ) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, description)
    }

    pub(crate) fn not_found(description: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", description)
    }

    /// 401 with a `WWW-Authenticate` challenge.
    pub(crate) fn unauthorized(
        challenge: &'static str,
        code: impl Into<Cow<'static, str>>,
        description: impl Into<String>,
    ) -> Self {
        let refusal = Self::new(StatusCode::UNAUTHORIZED, code, description);
        Self { challenge: Some(challenge), ..refusal }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.description)
    }
}

impl ResponseError for Refusal {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        response.insert_header((header::CACHE_CONTROL, "no-store"));
        if let Some(challenge) = self.challenge {
            response.insert_header((header::WWW_AUTHENTICATE, challenge));
        }
        response.json(json!({"error": self.code, "error_description": self.description}))
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "server_error", error.to_string())
    }
}

/// Query or form parameters, each at most once (RFC 6749, 3.1 and 3.2). An empty one is absent.
#[derive(Debug, Clone)]
pub(crate) struct Params(Vec<(String, String)>);

impl Params {
    pub(crate) fn parse(encoded: &[u8]) -> Result<Self, Refusal> {
        let mut params: Vec<(String, String)> = Vec::new();
        for (name, value) in url::form_urlencoded::parse(encoded) {
            if params.iter().any(|(seen, _)| *seen == name) {
                return Err(Refusal::bad_request("invalid_request", "a parameter is repeated"));
            }
            params.push((name.into_owned(), value.into_owned()));
        }
        Ok(Self(params))
    }

    /// Reads a body that must be `application/x-www-form-urlencoded`.
    pub(crate) fn form(request: &HttpRequest, body: &[u8]) -> Result<Self, Refusal> {
        if mime(request.headers()) == Some("application/x-www-form-urlencoded") {
            Self::parse(body)
        } else {
            Err(Refusal::bad_request(
                "invalid_request",
                "the body must be application/x-www-form-urlencoded",
            ))
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(seen, _)| seen == name)?;
        Some(value.as_str()).filter(|value| !value.is_empty())
    }

    pub(crate) fn required(&self, name: &'static str) -> Result<&str, Refusal> {
        self.get(name).ok_or_else(|| {
            Refusal::bad_request("invalid_request", format!("parameter {name} is missing"))
        })
    }
}

/// The media type of a body, without its parameters.
pub(crate) fn mime(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    value.split(';').next().map(str::trim)
}

/// Whether the caller is a browser: only then are pages written, everybody else gets JSON.
pub(crate) fn wants_page(request: &HttpRequest) -> bool {
    let accept = request.headers().get(header::ACCEPT).map(HeaderValue::to_str);
    matches!(accept, Some(Ok(accept)) if accept.contains("text/html"))
}

/// The credentials of `Authorization: <scheme> …`; the scheme's case does not matter.
pub(crate) fn credentials<'a>(request: &'a HttpRequest, scheme: &str) -> Option<&'a str> {
    let value = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
    let (given, rest) = value.split_once(' ')?;
    given.eq_ignore_ascii_case(scheme).then(|| rest.trim())
}

/// Id and secret of Basic credentials; both are form-encoded (RFC 6749, 2.3.1).
pub(crate) fn basic_credentials(encoded: &str) -> Option<(String, String)> {
    let bytes = STANDARD.decode(encoded).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (id, secret) = text.split_once(':')?;
    Some((form_decode(id)?, form_decode(secret)?))
}

fn form_decode(text: &str) -> Option<String> {
    // a value alone would be taken for a name, and `&` or `=` in it would split it
    if text.contains(['&', '=']) {
        return Some(text.to_owned());
    }
    let (name, _) = url::form_urlencoded::parse(text.as_bytes()).next()?;
    Some(name.into_owned())
}

/// Refuses a request whose bearer key is not `key`.
pub(crate) fn require_key(request: &HttpRequest, key: &str) -> Result<(), Refusal> {
    match credentials(request, "Bearer") {
        Some(given) if same_secret(given, key) => Ok(()),
        Some(_) => Err(Refusal::unauthorized(
            r#"Bearer error="invalid_token""#,
            "invalid_token",
            "the bearer key is not the right one",
        )),
        None => Err(Refusal::unauthorized("Bearer", "unauthorized", "a bearer key is needed")),
    }
}

/// Compares secrets without telling by time how much of them agrees.
pub(crate) fn same_secret(one: &str, other: &str) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(one.as_bytes(), other.as_bytes()).is_ok()
}

/// A page that loads nothing and cannot be framed. `body` is HTML: escape what goes into it.
pub(crate) fn page(status: StatusCode, title: &str, body: &str) -> HttpResponse {
    let title = escape(title);
    HttpResponse::build(status)
        .content_type(ContentType::html())
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::REFERRER_POLICY, "no-referrer"))
        .insert_header((
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
        ))
        .body(format!(
            "<!doctype html>\n<html lang=\"ja\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
             <title>{title}</title><style>{STYLE}</style></head>\
             <body><main><h1>{title}</h1>\n{body}\n</main></body></html>\n"
        ))
}

const STYLE: &str = "body{font-family:sans-serif;line-height:1.7;margin:0;background:#f6f6f2;\
color:#1a1a1a}main{max-width:40rem;margin:0 auto;padding:1rem}h1{font-size:1.4rem}\
label{display:block;padding:.4rem 0}button,.button{font:inherit;padding:.7rem 1.2rem;margin:.3rem \
.3rem .3rem 0;border:2px solid #14532d;border-radius:.4rem;background:#fff;color:#14532d}\
.note{border-left:.3rem solid #b45309;padding-left:.8rem}";

/// Text as HTML.
pub(crate) fn escape(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            c => html.push(c),
        }
    }
    html
}
