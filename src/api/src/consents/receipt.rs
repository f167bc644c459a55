//! `GET /consents/v1/{id}/receipt`

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use tsunagu_consent::{Capacity, Reader};
use tsunagu_store::access::AccessLog;

use super::{CONSENT_TYPE, id, own};
use crate::actors::Party;
use crate::{Failure, Gateway};

/// The signed receipt of a consent (ISO/IEC TS 27560 as a compact JWS, ES256)
#[utoipa::path(get, path = "/consents/v1/{id}/receipt", tag = "Consents",
    params(("id" = String, Path, description = "Consent id")),
    responses(
        (status = 200, description = "A compact JWS; the copy for a client names the person by pairwise id; `entity_id` of an event is the kind alone of who acted, but for the resident", body = String, content_type = "application/jose"),
        (status = 404, description = "Absent, or not one's own", body = crate::openapi::ProblemBody, content_type = "application/problem+json"),
    ),
    security((), ("bearer" = [])))]
pub(crate) async fn receipt(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let party = Party::of(&gateway, &request).await?;
    let consent = own(&gateway, &party, id(&request)).await?;
    let reader = match &party {
        Party::Resident(caller) if matches!(caller.resident().acting, Capacity::Themselves) => {
            Reader::Resident
        }
        _ => Reader::Other(party.outward(consent.subject)),
    };
    let jws = gateway.ledger.receipt(party.tenant(), &consent.id, reader).await?;
    let access = party.reads(&gateway, CONSENT_TYPE, vec![consent.subject]);
    gateway.audit.record(party.tenant(), &access).await?;
    let name = format!("attachment; filename=\"consent-receipt-{}.jws\"", consent.receipt_id);
    Ok(HttpResponse::Ok()
        .content_type("application/jose")
        .insert_header((header::CONTENT_DISPOSITION, name))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(jws))
}
