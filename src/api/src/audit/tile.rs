//! `GET /audit/v1/tile/{path}`

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use tsunagu_audit::{TilePath, bundle_is_open};
use tsunagu_domain::Problem;

use super::failed;
use crate::actors::{auditor, named_tenant};
use crate::params::Params;
use crate::{Failure, Gateway};

/// A tile of hashes, or a bundle of entries (C2SP `tlog-tiles`)
///
/// Paths are `<level>/<index>[.p/<width>]` for hashes and `entries/<index>[.p/<width>]` for entries. The entries of the tree are commitments and tell
/// nothing; bundles from before there were commitments need an auditor's token.
#[utoipa::path(get, path = "/audit/v1/tile/{path}", tag = "Audit",
    params(("path" = String, Path, description = "E.g. `0/x001/x234/067` or `entries/000.p/8`")),
    responses(
        (status = 200, description = "The bytes", body = [u8], content_type = "application/octet-stream"),
        (status = 401, description = "Entries of the first version need a token", body = crate::openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "The signed log has no such tile", body = crate::openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn tile(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    Params::read(&request, &[])?;
    let text = request.match_info().get("path").unwrap_or_default();
    let path: TilePath = text.parse().map_err(|_| Problem::not_found())?;
    let tenant = named_tenant(&gateway, &request)?;
    let bytes = gateway.audit.tile(&tenant, &path).await.map_err(failed)?;
    let bytes = bytes.ok_or_else(Problem::not_found)?;
    if path.level.is_none() && !bundle_is_open(&bytes) {
        return bundle(&gateway, &request, &path).await;
    }
    Ok(HttpResponse::Ok()
        .content_type("application/octet-stream")
        .insert_header((header::CACHE_CONTROL, "public, max-age=31536000, immutable"))
        .body(bytes))
}

/// A bundle of the first version names people: for auditors, and on record before it is sent.
async fn bundle(
    gateway: &Gateway,
    request: &HttpRequest,
    path: &TilePath,
) -> Result<HttpResponse, Failure> {
    let (tenant, reader) = auditor(gateway, request).await?;
    let bytes = gateway.audit.tile(&tenant, path).await.map_err(failed)?;
    let bytes = bytes.ok_or_else(Problem::not_found)?;
    let from = path.index.saturating_mul(256);
    gateway
        .audit
        .read_entries(&tenant, &reader, from, usize::from(path.width))
        .await
        .map_err(failed)?;
    Ok(HttpResponse::Ok()
        .content_type("application/octet-stream")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(bytes))
}
