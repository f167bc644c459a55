//! What programs find out by themselves.

use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::Data;
use serde::Serialize;

use crate::{Failure, Gateway};

/// Public and the same for everybody; five minutes are short enough for a new key to be noticed.
fn public(body: &impl Serialize) -> HttpResponse {
    HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "public, max-age=300")).json(body)
}

/// The public keys that verify tokens
#[utoipa::path(get, path = "/oauth/jwks", tag = "Authorization",
    responses((status = 200, description = "A JWK set", body = Object)))]
pub(crate) async fn jwks(gateway: Data<Gateway>) -> Result<HttpResponse, Failure> {
    Ok(public(&gateway.authorization.jwks().await?))
}

/// Metadata of the authorization server
///
/// The same document at `/.well-known/oauth-authorization-server` (RFC 8414).
#[utoipa::path(get, path = "/.well-known/openid-configuration", tag = "Authorization",
    responses((status = 200, description = "Metadata", body = Object)))]
pub(crate) async fn server(gateway: Data<Gateway>) -> HttpResponse {
    public(&gateway.authorization.metadata())
}

/// Metadata of the NGSI-LD resource (RFC 9728)
#[utoipa::path(get, path = "/.well-known/oauth-protected-resource", tag = "Authorization",
    responses((status = 200, description = "Metadata", body = Object)))]
pub(crate) async fn resource_server(gateway: Data<Gateway>) -> HttpResponse {
    public(&gateway.authorization.resource_metadata())
}
