//! The endpoints of the authorization server that programs call.

use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use tsunagu_identity::{ErrorCode, OAuthError};
use utoipa::ToSchema;

use super::{OAuthFailure, answer, form};
use crate::Gateway;
use crate::body::Capped;
use crate::presented::{self, Sent};

/// An error of OAuth (RFC 6749 section 5.2).
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct OAuthErrorBody {
    /// The code.
    #[schema(example = "invalid_grant")]
    error: String,
    /// What is wrong and how to mend it.
    #[schema(example = "the code was used before; what it gave is revoked")]
    error_description: String,
}

/// A pushed authorization request (RFC 9126).
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct PushForm {
    /// `urn:ietf:params:oauth:client-assertion-type:jwt-bearer`
    client_assertion_type: String,
    /// A JWT signed with PS256, ES256 or `EdDSA`: iss and sub are the client id, aud is the issuer (one text), jti is used once, exp within five minutes.
    client_assertion: String,
    /// The client id.
    client_id: Option<String>,
    /// `code`
    response_type: String,
    /// One of the registered URIs, exactly.
    redirect_uri: String,
    /// `openid`, with or without `ngsi-ld` and `offline_access` (for a refresh token)
    scope: String,
    /// PKCE challenge.
    code_challenge: String,
    /// `S256`
    code_challenge_method: String,
    /// Given back as it is.
    state: Option<String>,
    /// Put into the ID token.
    nonce: Option<String>,
    /// The login may be so many seconds old.
    max_age: Option<u32>,
    /// `none` (no page is shown; what would need one is an error), `login` (the resident authenticates now), `consent` (is asked although there is a consent)
    prompt: Option<String>,
    /// The level of the login, or levels of which the lowest suffices: `urn:tsunagu:acr:2`, `urn:tsunagu:acr:3`
    acr_values: Option<String>,
    /// For what tokens are wanted, several times for several resources: the NGSI-LD resource, which it is without, or those that the client is registered for.
    resource: Option<Vec<String>>,
    /// Thumbprint of the key whose DPoP proof must redeem the code (RFC 9449 section 10); a DPoP header says the same.
    dpop_jkt: Option<String>,
    /// JSON: `[{"type":"resident_data","purpose":"…","data_classes":["…"],"actions":["read","write"]}]`
    authorization_details: Option<String>,
}

/// A token request.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct TokenForm {
    /// `urn:ietf:params:oauth:client-assertion-type:jwt-bearer`
    client_assertion_type: String,
    /// As for a pushed request, with a jti of its own.
    client_assertion: String,
    /// `authorization_code`, `refresh_token`, `client_credentials` or `urn:tsunagu:grant-type:share-code`
    grant_type: String,
    /// For `authorization_code`.
    code: Option<String>,
    /// For `authorization_code`: as in the pushed request.
    redirect_uri: Option<String>,
    /// For `authorization_code`.
    code_verifier: Option<String>,
    /// For `refresh_token`; good for one use.
    refresh_token: Option<String>,
    /// For `urn:tsunagu:grant-type:share-code`: the code that a resident showed.
    share_code: Option<String>,
    /// For `refresh_token`: what was granted, or less. For `client_credentials`: `ngsi-ld`. For a share code `ngsi-ld`, with or without `offline_access`
    scope: Option<String>,
    /// For what the token is, several times for several resources: all that were asked for before, or some of them.
    resource: Option<Vec<String>>,
}

/// A request about one token.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct AboutToken {
    /// `urn:ietf:params:oauth:client-assertion-type:jwt-bearer`
    client_assertion_type: String,
    /// As for a pushed request, with a jti of its own.
    client_assertion: String,
    /// An access token or a refresh token.
    token: String,
}

/// Push an authorization request
///
/// The answer's `request_uri` goes, with the client id, into the address of `/oauth/authorize` to which the resident's browser is sent.
#[utoipa::path(post, path = "/oauth/par", tag = "Authorization",
    request_body(content = PushForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 201, description = "request_uri and expires_in", body = Object),
        (status = 400, description = "Refused", body = OAuthErrorBody),
        (status = 401, description = "The client did not prove who it is", body = OAuthErrorBody),
    ))]
pub(crate) async fn par(
    gateway: Data<Gateway>,
    request: HttpRequest,
    body: Capped,
) -> Result<HttpResponse, OAuthFailure> {
    let sent = Sent::of(&gateway, &request);
    let pushed = gateway.authorization.par(&form(&request, &body)?, &sent.possession()).await?;
    Ok(answer(StatusCode::CREATED, &pushed))
}

/// Get tokens
///
/// Tokens are bound to the key of the `DPoP` proof that comes along (RFC 9449); only clients registered for bearer tokens may leave it out. A proof needs
/// a nonce: the first answer asks for it with `use_dpop_nonce` and brings it in `DPoP-Nonce`, every later one brings the next.
#[utoipa::path(post, path = "/oauth/token", tag = "Authorization",
    request_body(content = TokenForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "access_token, token_type, expires_in, scope; after a login id_token, refresh_token (asked for with offline_access), grant_id, authorization_details", body = Object),
        (status = 400, description = "Refused", body = OAuthErrorBody),
        (status = 401, description = "The client did not prove who it is", body = OAuthErrorBody),
    ))]
pub(crate) async fn token(
    gateway: Data<Gateway>,
    request: HttpRequest,
    body: Capped,
) -> Result<HttpResponse, OAuthFailure> {
    let sent = Sent::of(&gateway, &request);
    let tokens = gateway.authorization.token(&form(&request, &body)?, &sent.possession()).await?;
    Ok(answer(StatusCode::OK, &tokens))
}

/// Ask about a token of one's own, or for one's own resource (RFC 7662)
///
/// A resource server learns about tokens whose audience is its resource, with the names that it has for residents.
#[utoipa::path(post, path = "/oauth/introspect", tag = "Authorization",
    request_body(content = AboutToken, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "active, and what the token says; of any other token only that it is not active", body = Object),
        (status = 401, description = "The client did not prove who it is", body = OAuthErrorBody),
    ))]
pub(crate) async fn introspect(
    gateway: Data<Gateway>,
    request: HttpRequest,
    body: Capped,
) -> Result<HttpResponse, OAuthFailure> {
    let told = gateway.authorization.introspect(&form(&request, &body)?).await?;
    Ok(answer(StatusCode::OK, &told))
}

/// Revoke a token of one's own (RFC 7009)
///
/// Every token of the same authorization ends with it, within half a second on every replica.
#[utoipa::path(post, path = "/oauth/revoke", tag = "Authorization",
    request_body(content = AboutToken, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "It does not work any more, or never did"),
        (status = 401, description = "The client did not prove who it is", body = OAuthErrorBody),
    ))]
pub(crate) async fn revoke(
    gateway: Data<Gateway>,
    request: HttpRequest,
    body: Capped,
) -> Result<HttpResponse, OAuthFailure> {
    gateway.authorization.revoke(&form(&request, &body)?).await?;
    let mut done = HttpResponse::Ok();
    super::never_kept(&mut done);
    Ok(done.finish())
}

/// Who logged in
///
/// The resident's identifier as this client sees it (`sub`), the same as in the ID token. Everything else is read through NGSI-LD.
#[utoipa::path(get, path = "/oauth/userinfo", tag = "Authorization", security(("bearer" = [])),
    responses(
        (status = 200, description = "sub", body = Object),
        (status = 401, description = "No valid access token", body = OAuthErrorBody),
        (status = 403, description = "The token is not from a login", body = OAuthErrorBody),
    ))]
pub(crate) async fn userinfo(
    gateway: Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, actix_web::Error> {
    tell(&gateway, &request).await
}

/// The same by POST (`OpenID` Connect Core section 5.3.1), with the token in the header all the same.
pub(crate) async fn post_userinfo(
    gateway: Data<Gateway>,
    request: HttpRequest,
    body: Bytes,
) -> Result<HttpResponse, actix_web::Error> {
    if url::form_urlencoded::parse(&body).any(|(name, _)| name == "access_token") {
        let why = "no token is taken from a form; send it in the Authorization header";
        return Err(OAuthFailure::from(OAuthError::new(ErrorCode::InvalidRequest, why)).into());
    }
    tell(&gateway, &request).await
}

async fn tell(gateway: &Gateway, request: &HttpRequest) -> Result<HttpResponse, actix_web::Error> {
    let Some(token) = presented::token(gateway, request).await? else {
        let why = "send the access token of a login in the Authorization header";
        return Err(OAuthFailure::from(OAuthError::new(ErrorCode::InvalidToken, why)).into());
    };
    let claims = gateway.authorization.userinfo(&token).await.map_err(OAuthFailure::from)?;
    Ok(answer(StatusCode::OK, &claims))
}
