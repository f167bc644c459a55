//! `GET /audit/v1/payload/{path}`

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use tsunagu_audit::TilePath;
use tsunagu_domain::Problem;

use super::failed;
use crate::actors::auditor;
use crate::params::Params;
use crate::{Failure, Gateway};

/// What is kept beside a bundle of entries, for auditors
///
/// Each opens the commitment of its entry: persons and statement with their salts, length first; an erased one has length 0. With these files in
/// `payload/` beside checkpoint and tiles, the log is verified offline. Reading them is itself an entry that the residents named in them can see.
#[utoipa::path(get, path = "/audit/v1/payload/{path}", tag = "Audit",
    params(("path" = String, Path, description = "Which bundle, e.g. `x001/x234/067` or `000.p/8`")),
    responses(
        (status = 200, description = "The bytes", body = [u8], content_type = "application/octet-stream"),
        (status = 401, description = "No auditor's token", body = crate::openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "The token has not the scope `audit`", body = crate::openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "The signed log has no such bundle", body = crate::openapi::ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])))]
pub(crate) async fn payload(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let (tenant, reader) = auditor(&gateway, &request).await?;
    Params::read(&request, &[])?;
    let text = request.match_info().get("path").unwrap_or_default();
    let path: TilePath = format!("entries/{text}").parse().map_err(|_| Problem::not_found())?;
    let bytes = gateway.audit.read_payloads(&tenant, &reader, &path).await.map_err(failed)?;
    let bytes = bytes.ok_or_else(Problem::not_found)?;
    Ok(HttpResponse::Ok()
        .content_type("application/octet-stream")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(bytes))
}
