//! What operators ask: `/livez`, `/readyz`, `/version`.

use actix_web::http::Method;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpResponse, Responder};
use serde::Serialize;
use tsunagu_store::Log;
use utoipa::ToSchema;

use crate::Gateway;
use crate::resource::resource;

pub(crate) fn configure(cfg: &mut ServiceConfig) {
    cfg.service(resource("/livez", [(Method::GET, web::get().to(livez))]))
        .service(resource("/readyz", [(Method::GET, web::get().to(readyz))]))
        .service(resource("/version", [(Method::GET, web::get().to(version))]));
}

/// Whether the process lives
#[utoipa::path(get, path = "/livez", tag = "Operations", responses((status = 200, description = "It does")))]
pub(crate) async fn livez() -> impl Responder {
    "ok"
}

/// Whether each part works.
#[derive(Serialize, ToSchema)]
pub(crate) struct Ready {
    /// Whether the store answers.
    store: bool,
}

/// Whether requests can be served
#[utoipa::path(get, path = "/readyz", tag = "Operations", responses(
    (status = 200, description = "They can", body = Ready),
    (status = 503, description = "A part does not answer", body = Ready),
))]
pub(crate) async fn readyz(gateway: web::Data<Gateway>) -> HttpResponse {
    let store = match gateway.tenants.first() {
        Some(tenant) => gateway.store.log_size(tenant, Log("audit")).await.is_ok(),
        None => false,
    };
    let mut response = if store { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    response.json(Ready { store })
}

/// What runs here.
#[derive(Serialize, ToSchema)]
pub(crate) struct Version {
    /// The product.
    name: &'static str,
    /// Its version.
    #[serde(rename = "version")]
    release: &'static str,
    /// The NGSI-LD version of the binding.
    ngsi_ld: &'static str,
}

/// What runs here
#[utoipa::path(get, path = "/version", tag = "Operations", responses((status = 200, description = "Name and version", body = Version)))]
pub(crate) async fn version() -> impl Responder {
    web::Json(Version { name: "tsunagu", release: env!("CARGO_PKG_VERSION"), ngsi_ld: "1.9.1" })
}
