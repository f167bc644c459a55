//! `GET /consents/v1`

use actix_web::{HttpRequest, HttpResponse, web};
use tsunagu_consent::{Listed, Part};
use tsunagu_store::access::AccessLog;

use super::{CONSENT_TYPE, ConsentBody, ConsentsBody, personal};
use crate::actors::Party;
use crate::params::Params;
use crate::{Failure, Gateway};

/// One's own consents: a resident's, or those for the client of the token, with pairwise ids
#[utoipa::path(get, path = "/consents/v1", tag = "Consents",
    params(
        ("offset" = Option<u64>, Query, description = "Leaving out so many of the newest"),
        ("limit" = Option<u64>, Query, description = "At most so many; 100 by default, 1000 at most"),
    ),
    responses(
        (status = 200, description = "Newest first", body = ConsentsBody),
        (status = 401, description = "Neither token nor session", body = crate::openapi::ProblemBody, content_type = "application/problem+json"),
    ),
    security((), ("bearer" = [])))]
pub(crate) async fn list(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let party = Party::of(&gateway, &request).await?;
    listed(&gateway, &request, &party).await
}

/// The consents of a party, on record before they are sent.
pub(crate) async fn listed(
    gateway: &Gateway,
    request: &HttpRequest,
    party: &Party,
) -> Result<HttpResponse, Failure> {
    let params = Params::read(request, &["offset", "limit"])?;
    let part = Part {
        offset: params.number("offset", 0, usize::MAX)?,
        limit: params.number("limit", 100, 1000)?,
    };
    let Listed { total, consents } = match party {
        Party::Resident(caller) => {
            gateway.ledger.of_subject(&caller.tenant, caller.subject(), part).await?
        }
        Party::Client(caller) => match caller.subject {
            None => gateway.ledger.of_client(&caller.tenant, &caller.client.id, part).await?,
            // A token of one resident tells of that resident only.
            Some(subject) => {
                let all = Part { offset: 0, limit: usize::MAX };
                let mut listed = gateway.ledger.of_subject(&caller.tenant, subject, all).await?;
                listed.consents.retain(|consent| party.owns(consent));
                listed.total = listed.consents.len() as u64;
                listed.consents =
                    listed.consents.into_iter().skip(part.offset).take(part.limit).collect();
                listed
            }
        },
    };
    let subjects = consents.iter().map(|consent| consent.subject).collect();
    let access = party.reads(gateway, CONSENT_TYPE, subjects);
    gateway.audit.record(party.tenant(), &access).await?;
    let now = gateway.clock.micros();
    let body = |consent| ConsentBody::new(consent, party.outward(consent.subject), now, &[]);
    Ok(personal(&ConsentsBody { total, consents: consents.iter().map(body).collect() }))
}
