//! `GET /consents/v1/keys`

use actix_web::HttpResponse;
use actix_web::web::Data;
use serde_json::json;

use crate::Gateway;

/// The public keys of receipts and of deletion orders (RFC 7517)
#[utoipa::path(get, path = "/consents/v1/keys", tag = "Consents",
    responses((status = 200, description = "A JWK set", body = serde_json::Value)))]
pub(crate) async fn keys(gateway: Data<Gateway>) -> HttpResponse {
    HttpResponse::Ok().json(json!({"keys": [gateway.ledger.receipt_key()]}))
}
