//! The HTTP side of the authorization server: forms in, JSON out, errors as OAuth says them. The pages (`/oauth/authorize`, login) are elsewhere.

pub(crate) mod endpoints;
pub(crate) mod metadata;
pub(crate) mod pairwise;

use std::fmt;

use actix_web::http::{Method, StatusCode, header};
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use serde::Serialize;
use tsunagu_identity::{ErrorCode, Form, OAuthError};

use crate::body::Capped;
use crate::resource::resource;

const FORM: &str = "application/x-www-form-urlencoded";

pub(crate) fn configure(cfg: &mut ServiceConfig) {
    let get = || Method::GET;
    let post = || Method::POST;
    cfg.service(resource("/oauth/par", [(post(), web::post().to(endpoints::par))]))
        .service(resource("/oauth/token", [(post(), web::post().to(endpoints::token))]))
        .service(resource("/oauth/introspect", [(post(), web::post().to(endpoints::introspect))]))
        .service(resource("/oauth/pairwise-ids", [(post(), web::post().to(pairwise::names))]))
        .service(resource("/oauth/revoke", [(post(), web::post().to(endpoints::revoke))]))
        .service(resource(
            "/oauth/userinfo",
            [
                (get(), web::get().to(endpoints::userinfo)),
                (post(), web::post().to(endpoints::post_userinfo)),
            ],
        ))
        .service(resource("/oauth/jwks", [(get(), web::get().to(metadata::jwks))]));
    for path in ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"] {
        cfg.service(resource(path, [(get(), web::get().to(metadata::server))]));
    }
    // RFC 9728 puts the path of the resource behind the well-known name; the short one is what our challenges name.
    for path in
        ["/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/ngsi-ld"]
    {
        cfg.service(resource(path, [(get(), web::get().to(metadata::resource_server))]));
    }
}

/// An OAuth error on its way out.
#[derive(Debug)]
pub(crate) struct OAuthFailure(OAuthError);

impl From<OAuthError> for OAuthFailure {
    fn from(error: OAuthError) -> Self {
        Self(error)
    }
}

impl fmt::Display for OAuthFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl ResponseError for OAuthFailure {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.0.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        never_kept(&mut response);
        // Every 401 names the way in (RFC 9110 section 15.5.2): a token (RFC 6750 section 3), or the client's assertion in the form.
        let challenge = match self.0.error {
            ErrorCode::InvalidToken => Some("Bearer error=\"invalid_token\""),
            ErrorCode::InvalidClient => Some("Bearer error=\"invalid_client\""),
            ErrorCode::InsufficientScope => {
                Some("Bearer error=\"insufficient_scope\", scope=\"openid\"")
            }
            _ => None,
        };
        if let Some(challenge) = challenge {
            response.insert_header((header::WWW_AUTHENTICATE, challenge));
        }
        response.json(&self.0)
    }
}

fn never_kept(response: &mut actix_web::HttpResponseBuilder) {
    response
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::PRAGMA, "no-cache"));
}

/// An answer that nobody may keep.
fn answer(status: StatusCode, body: &impl Serialize) -> HttpResponse {
    let mut response = HttpResponse::build(status);
    never_kept(&mut response);
    response.json(body)
}

/// The posted form. Parameters in the address are not looked at (RFC 6749 section 2.3.1).
fn form(request: &HttpRequest, body: &Capped) -> Result<Form, OAuthFailure> {
    let media_type =
        request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = media_type.and_then(|value| value.split(';').next()).unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case(FORM) {
        let why = format!("send the parameters as {FORM} in the body");
        return Err(OAuthError::new(ErrorCode::InvalidRequest, why).into());
    }
    Ok(Form::read(&body.0)?)
}

#[cfg(test)]
mod tests {
    use actix_web::body::to_bytes;
    use actix_web::test::TestRequest;
    use serde_json::{Value, json};

    use super::*;

    fn read(media_type: Option<&str>, uri: &str, body: &str) -> Result<Form, OAuthFailure> {
        let mut request = TestRequest::post().uri(uri);
        if let Some(media_type) = media_type {
            request = request.insert_header((header::CONTENT_TYPE, media_type));
        }
        form(&request.to_http_request(), &Capped(web::BytesMut::from(body)))
    }

    #[test]
    fn parameters_come_as_a_form_in_the_body_and_once() {
        for media_type in [FORM, "Application/X-WWW-Form-Urlencoded; charset=UTF-8"] {
            let form = read(Some(media_type), "/oauth/token?code=b", "code=a").unwrap();
            assert_eq!(form.get("code"), Some("a"));
        }
        for media_type in [None, Some("application/json"), Some("multipart/form-data; boundary=x")]
        {
            let refused = read(media_type, "/oauth/token", "code=a").unwrap_err();
            assert_eq!(refused.status_code(), StatusCode::BAD_REQUEST);
        }
        assert!(read(Some(FORM), "/oauth/token", "code=a&code=b").is_err());
        let form = read(Some(FORM), "/oauth/token?code=b", "").unwrap();
        assert_eq!(form.get("code"), None);
    }

    #[actix_web::test]
    async fn errors_are_those_of_oauth_and_never_kept() {
        for (code, name, status, challenge) in [
            (ErrorCode::InvalidGrant, "invalid_grant", 400, None),
            (
                ErrorCode::InvalidClient,
                "invalid_client",
                401,
                Some("Bearer error=\"invalid_client\""),
            ),
            (ErrorCode::InvalidToken, "invalid_token", 401, Some("Bearer error=\"invalid_token\"")),
            (ErrorCode::InvalidAuthorizationDetails, "invalid_authorization_details", 400, None),
            (ErrorCode::TemporarilyUnavailable, "temporarily_unavailable", 503, None),
        ] {
            let response = OAuthFailure::from(OAuthError::new(code, "why")).error_response();
            assert_eq!(response.status().as_u16(), status);
            let header =
                |name| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
            assert_eq!(header(header::CACHE_CONTROL).as_deref(), Some("no-store"));
            assert_eq!(header(header::WWW_AUTHENTICATE).as_deref(), challenge);
            let body = to_bytes(response.into_body()).await.ok().unwrap();
            let body: Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(body, json!({"error": name, "error_description": "why"}));
        }
    }
}
