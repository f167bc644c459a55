//! How a request presents its access token: in the `Authorization` header only, with the proof that it is the sender's.

use std::sync::Arc;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _, HttpRequest, web};
use tsunagu_domain::{Problem, ProblemCode};
use tsunagu_identity::{AccessToken, Possession, ProofError, Scheme, TokenError};

use crate::{Failure, Gateway, error, rates};

/// The proof of a request (RFC 9449 section 4.1).
const PROOF: HeaderName = HeaderName::from_static("dpop");
/// The nonce for the next proof (RFC 9449 section 8.2).
const NONCE: HeaderName = HeaderName::from_static("dpop-nonce");
const FORM: &str = "application/x-www-form-urlencoded";

/// A request as its proof has to describe it.
pub(crate) struct Sent<'r> {
    method: &'r str,
    target: String,
    proof: Option<&'r str>,
    certificate: Option<Vec<u8>>,
}

impl<'r> Sent<'r> {
    /// The request as its sender wrote it to the public address, wherever this process listens.
    pub(crate) fn of(gateway: &Gateway, request: &'r HttpRequest) -> Self {
        let mut proofs = request.headers().get_all(PROOF);
        let first = proofs.next().map(|value| value.to_str().unwrap_or_default());
        // Two proofs are none: which of them would count?
        let proof = if proofs.next().is_some() { Some("") } else { first };
        Self {
            method: request.method().as_str(),
            target: format!("{}{}", gateway.base_url, request.uri().path()),
            proof,
            certificate: gateway.proxies.certificate(request),
        }
    }

    pub(crate) fn possession(&self) -> Possession<'_> {
        Possession {
            method: self.method,
            target: &self.target,
            proof: self.proof,
            certificate: self.certificate.as_deref(),
        }
    }
}

/// Puts the nonce for the next proof on every answer to a request with a proof, and on those that ask for one.
pub async fn supply_nonce(
    gateway: web::Data<Gateway>,
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let proves = |value: &HeaderValue| {
        value.as_bytes().get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"dpop "))
    };
    let wanted = request.headers().contains_key(PROOF)
        || request.headers().get(header::AUTHORIZATION).is_some_and(proves);
    let mut response = next.call(request).await?;
    if wanted && let Ok(nonce) = HeaderValue::try_from(gateway.authorization.dpop_nonce()) {
        response.headers_mut().insert(NONCE, nonce);
    }
    Ok(response)
}

/// The token of a request, verified: not expired, not revoked, and its sender's. `None` when no token came.
pub(crate) async fn token(
    gateway: &Gateway,
    request: &HttpRequest,
) -> Result<Option<Arc<AccessToken>>, Failure> {
    let Some((scheme, text)) = credentials(gateway, request)? else {
        return Ok(None);
    };
    let sent = Sent::of(gateway, request);
    match gateway.authorization.verify_presented(scheme, text, &sent.possession()).await {
        Ok(token) => {
            rates::admit_client(gateway, &token).await?;
            Ok(Some(token))
        }
        Err(TokenError::Unavailable(problem)) => Err(problem.into()),
        Err(error) => {
            tracing::debug!(%error, "a token was refused");
            Err(refused(gateway, scheme, &error))
        }
    }
}

/// Scheme and token, which may come in the `Authorization` header only (RFC 6750 section 2.1, RFC 9700 section 4.3.2).
fn credentials<'r>(
    gateway: &Gateway,
    request: &'r HttpRequest,
) -> Result<Option<(Scheme, &'r str)>, Failure> {
    let names = url::form_urlencoded::parse(request.query_string().as_bytes());
    if names.into_iter().any(|(name, _)| name == "access_token") {
        let detail = "a token in the address ends up in logs; send it in the Authorization header";
        return Err(Problem::new(ProblemCode::InvalidRequest, detail).at("access_token").into());
    }
    let mut values = request.headers().get_all(header::AUTHORIZATION);
    let Some(value) = values.next() else {
        if request.content_type().eq_ignore_ascii_case(FORM) {
            let detail = "no token is taken from a form; send it in the Authorization header";
            return Err(Problem::new(ProblemCode::InvalidRequest, detail).into());
        }
        return Ok(None);
    };
    let text = std::str::from_utf8(value.as_bytes()).ok().filter(|_| values.next().is_none());
    let credentials = text.and_then(|text| {
        let (scheme, token) = text.split_once(' ')?;
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "bearer" => Scheme::Bearer,
            "dpop" => Scheme::Dpop,
            _ => return None,
        };
        Some((scheme, token.trim()))
    });
    credentials.map(Some).ok_or_else(|| {
        let detail = "send one header 'Authorization: DPoP <token>', or 'Bearer <token>' with a token that is not bound to a key";
        unauthorized(gateway, "invalid_request", detail)
    })
}

fn refused(gateway: &Gateway, scheme: Scheme, error: &TokenError) -> Failure {
    let (code, detail) = match error {
        TokenError::Proof(ProofError::Nonce) => ("use_dpop_nonce", error.to_string()),
        TokenError::Proof(_) => ("invalid_dpop_proof", error.to_string()),
        TokenError::Audience | TokenError::Certificate(_) | TokenError::Scheme => {
            ("invalid_token", error.to_string())
        }
        _ => {
            let detail = "the access token is not valid (unknown, expired or revoked); get a new one at /oauth/token";
            ("invalid_token", detail.to_owned())
        }
    };
    let bound = scheme == Scheme::Dpop || *error == TokenError::Scheme;
    let challenge = if bound { dpop(gateway, code) } else { bearer(gateway, code) };
    Failure::new(ProblemCode::Unauthorized, detail).challenged(challenge)
}

/// A 401 with its challenges (RFC 6750 section 3, RFC 9449 section 7.1, RFC 9728 section 5.1).
pub(crate) fn unauthorized(gateway: &Gateway, error: &str, detail: &str) -> Failure {
    let challenge = format!("{}, {}", bearer(gateway, error), dpop(gateway, error));
    Failure::new(ProblemCode::Unauthorized, detail).challenged(challenge)
}

/// A 401 for a token whose login is not strong or fresh enough (RFC 9470 section 3), under the scheme of the token.
pub(crate) fn step_up(gateway: &Gateway, token: &AccessToken, problem: Problem) -> Failure {
    let scheme = match token.token_type() {
        "DPoP" => dpop(gateway, ""),
        _ => bearer(gateway, ""),
    };
    let challenge = error::step_up(&format!("{scheme},"), problem.step_up);
    Failure::from(problem).challenged(challenge)
}

fn bearer(gateway: &Gateway, error: &str) -> String {
    format!("Bearer {}", parameters(gateway, error))
}

fn dpop(gateway: &Gateway, error: &str) -> String {
    format!("DPoP algs=\"PS256 ES256 EdDSA\", {}", parameters(gateway, error))
}

fn parameters(gateway: &Gateway, error: &str) -> String {
    let metadata = format!("{}/.well-known/oauth-protected-resource", gateway.base_url);
    let error = if error.is_empty() { String::new() } else { format!(", error=\"{error}\"") };
    format!("resource_metadata=\"{metadata}\"{error}")
}
