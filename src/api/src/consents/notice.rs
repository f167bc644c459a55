//! `GET /consents/v1/{id}/notice`

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use tsunagu_domain::Problem;
use tsunagu_store::access::AccessLog;

use super::{CONSENT_TYPE, id, own};
use crate::actors::Party;
use crate::{Failure, Gateway};

/// The notice that was answered, in the exact bytes that were shown
///
/// Their SHA-256 is `noticeSha256` of the consent and stands in its receipt.
#[utoipa::path(get, path = "/consents/v1/{id}/notice", tag = "Consents",
    params(("id" = String, Path, description = "Consent id")),
    responses(
        (status = 200, description = "A part of a page, without styles and scripts", body = String, content_type = "text/html"),
        (status = 404, description = "Absent, not one's own, or answered before notices were kept", body = crate::openapi::ProblemBody, content_type = "application/problem+json"),
    ),
    security((), ("bearer" = [])))]
pub(crate) async fn notice(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let party = Party::of(&gateway, &request).await?;
    let consent = own(&gateway, &party, id(&request)).await?;
    let bytes = gateway.ledger.notice(party.tenant(), &consent.notice).await?;
    let bytes = bytes.ok_or_else(Problem::not_found)?;
    let access = party.reads(&gateway, CONSENT_TYPE, vec![consent.subject]);
    gateway.audit.record(party.tenant(), &access).await?;
    Ok(HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header((header::CONTENT_LANGUAGE, consent.notice.lang.as_str()))
        .insert_header((header::CONTENT_SECURITY_POLICY, "sandbox; default-src 'none'"))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(bytes))
}
