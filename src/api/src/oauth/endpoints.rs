//! The endpoints of the authorization server that programs call.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use tsunagu_identity::{ErrorCode, OAuthError};
use utoipa::ToSchema;

use super::{OAuthFailure, answer, form};
use crate::Gateway;
use crate::body::Capped;

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
    /// A JWT signed with ES256: iss and sub are the client id, aud is the issuer (one text), jti is used once, exp within five minutes.
    client_assertion: String,
    /// The client id.
    client_id: Option<String>,
    /// `code`
    response_type: String,
    /// One of the registered URIs, exactly.
    redirect_uri: String,
    /// `openid`, or `openid ngsi-ld`
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
    /// The NGSI-LD resource.
    resource: Option<String>,
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
    /// `authorization_code` or `client_credentials`
    grant_type: String,
    /// For `authorization_code`.
    code: Option<String>,
    /// For `authorization_code`: as in the pushed request.
    redirect_uri: Option<String>,
    /// For `authorization_code`.
    code_verifier: Option<String>,
    /// For `client_credentials`: `ngsi-ld`
    scope: Option<String>,
}

/// A request about one token.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct AboutToken {
    /// `urn:ietf:params:oauth:client-assertion-type:jwt-bearer`
    client_assertion_type: String,
    /// As for a pushed request, with a jti of its own.
    client_assertion: String,
    /// The access token.
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
    let pushed = gateway.authorization.par(&form(&request, &body)?).await?;
    Ok(answer(StatusCode::CREATED, &pushed))
}

/// Get tokens
#[utoipa::path(post, path = "/oauth/token", tag = "Authorization",
    request_body(content = TokenForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "access_token, token_type, expires_in, scope; after a login id_token, grant_id, authorization_details", body = Object),
        (status = 400, description = "Refused", body = OAuthErrorBody),
        (status = 401, description = "The client did not prove who it is", body = OAuthErrorBody),
    ))]
pub(crate) async fn token(
    gateway: Data<Gateway>,
    request: HttpRequest,
    body: Capped,
) -> Result<HttpResponse, OAuthFailure> {
    let tokens = gateway.authorization.token(&form(&request, &body)?).await?;
    Ok(answer(StatusCode::OK, &tokens))
}

/// Ask about an access token of one's own (RFC 7662)
#[utoipa::path(post, path = "/oauth/introspect", tag = "Authorization",
    request_body(content = AboutToken, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "active, and what the token says; of other clients' tokens only that they are not active", body = Object),
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

/// Revoke an access token of one's own (RFC 7009)
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
    let token = crate::caller::bearer(&gateway, &request)?;
    let Some(token) = token else {
        let why = "send the access token of a login in the Authorization header";
        return Err(OAuthFailure::from(OAuthError::new(ErrorCode::InvalidToken, why)).into());
    };
    let claims = gateway.authorization.userinfo(token).await.map_err(OAuthFailure::from)?;
    Ok(answer(StatusCode::OK, &claims))
}
