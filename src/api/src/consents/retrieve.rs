//! `GET /consents/v1/{id}`

use actix_web::{HttpRequest, HttpResponse, web};
use tsunagu_store::access::AccessLog;

use super::{CONSENT_TYPE, ConsentBody, id, own, personal};
use crate::actors::Party;
use crate::{Failure, Gateway};

/// One consent with its history
#[utoipa::path(get, path = "/consents/v1/{id}", tag = "Consents",
    params(("id" = String, Path, description = "Consent id: the grant id of tokens")),
    responses(
        (status = 200, description = "The consent", body = ConsentBody),
        (status = 404, description = "Absent, or not one's own", body = crate::openapi::ProblemBody, content_type = "application/problem+json"),
    ),
    security((), ("bearer" = [])))]
pub(crate) async fn retrieve(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let party = Party::of(&gateway, &request).await?;
    let consent = own(&gateway, &party, id(&request)).await?;
    let mut events = gateway.ledger.events(party.tenant(), &consent.id).await?;
    if let Party::Client(_) = &party {
        // A service is told that somebody acted for the resident, and not who.
        for event in &mut events {
            event.acted_by = None;
        }
    }
    let access = party.reads(&gateway, CONSENT_TYPE, vec![consent.subject]);
    gateway.audit.record(party.tenant(), &access).await?;
    let subject = party.outward(consent.subject);
    Ok(personal(&ConsentBody::new(&consent, subject, gateway.clock.micros(), &events)))
}
