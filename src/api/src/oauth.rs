//! The HTTP side of the authorization server: forms in, JSON out, errors as OAuth says them. The pages (`/oauth/authorize`, login) are elsewhere.

pub(crate) mod endpoints;
pub(crate) mod metadata;

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
    cfg.service(resource(
        "/oauth/par",
        [(post(), web::post().to(endpoints::par))],
    ))
    .service(resource(
        "/oauth/token",
        [(post(), web::post().to(endpoints::token))],
    ))
    .service(resource(
        "/oauth/introspect",
        [(post(), web::post().to(endpoints::introspect))],
    ))
    .service(resource(
        "/oauth/revoke",
        [(post(), web::post().to(endpoints::revoke))],
    ))
    .service(resource(
        "/oauth/userinfo",
        [
            (get(), web::get().to(endpoints::userinfo)),
            (post(), web::post().to(endpoints::userinfo)),
        ],
    ))
    .service(resource(
        "/oauth/jwks",
        [(get(), web::get().to(metadata::jwks))],
    ));
    for path in [
        "/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server",
    ] {
        cfg.service(resource(path, [(get(), web::get().to(metadata::server))]));
    }
    // RFC 9728 puts the path of the resource behind the well-known name; the short one is what our challenges name.
    for path in [
        "/.well-known/oauth-protected-resource",
        "/.well-known/oauth-protected-resource/ngsi-ld",
    ] {
        cfg.service(resource(
            path,
            [(get(), web::get().to(metadata::resource_server))],
        ));
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
        // RFC 6750 section 3: only a refused token is answered with a challenge; clients do not authenticate by a header.
        let challenge = match self.0.error {
            ErrorCode::InvalidToken => Some("Bearer error=\"invalid_token\""),
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
    let media_type = request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let essence = media_type
        .and_then(|value| value.split(';').next())
        .unwrap_or_default()
        .trim();
    if !essence.eq_ignore_ascii_case(FORM) {
        let why = format!("send the parameters as {FORM} in the body");
        return Err(OAuthError::new(ErrorCode::InvalidRequest, why).into());
    }
    Ok(Form::read(&body.0)?)
}
