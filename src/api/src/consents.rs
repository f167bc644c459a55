//! `/consents/v1`: a resident's own consents, and a client's own with pairwise ids. Only the resident changes them; nobody gives one
//! here: that takes the page that shows the notice.

mod body;
mod confirm;
mod deletion;
mod keys;
mod list;
mod notice;
mod pause;
mod receipt;
mod resume;
mod retrieve;
mod verify;
mod withdraw;

use actix_web::http::Method;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use tsunagu_consent::{Changed, Consent};
use tsunagu_domain::Problem;
use tsunagu_store::access::AccessLog as _;

pub(crate) use body::{ConsentBody, ConsentsBody, TextBody};
pub(crate) use confirm::{__path_confirm, confirm};
pub(crate) use deletion::{
    __path_deleted, __path_deletion, __path_deletions, deleted, deletion, deletions,
};
pub(crate) use keys::{__path_keys, keys};
pub(crate) use list::{__path_list, list, listed};
pub(crate) use notice::{__path_notice, notice};
pub(crate) use pause::{__path_pause, pause};
pub(crate) use receipt::{__path_receipt, receipt};
pub(crate) use resume::{__path_resume, resume};
pub(crate) use retrieve::{__path_retrieve, retrieve};
pub(crate) use verify::{__path_verify, verify};
pub(crate) use withdraw::{__path_withdraw, withdraw};

use crate::actors::{Party, SessionCaller};
use crate::resource::resource;
use crate::{Failure, Gateway};

/// What consents are called in records of access.
pub(crate) const CONSENT_TYPE: &str = "Consent";

pub(crate) fn configure(cfg: &mut ServiceConfig) {
    cfg.service(
        web::scope("/consents/v1")
            .service(resource("", [(Method::GET, web::get().to(list))]))
            // Before what would take these words as ids.
            .service(resource("/keys", [(Method::GET, web::get().to(keys))]))
            .service(resource("/receipts/verify", [(Method::POST, web::post().to(verify))]))
            .service(resource("/{id}/notice", [(Method::GET, web::get().to(notice))]))
            .service(resource("/deletions", [(Method::GET, web::get().to(deletions))]))
            .service(resource(
                "/{id}/deletion",
                [(Method::GET, web::get().to(deletion)), (Method::POST, web::post().to(deleted))],
            ))
            .service(resource("/{id}", [(Method::GET, web::get().to(retrieve))]))
            .service(resource("/{id}/withdraw", [(Method::POST, web::post().to(withdraw))]))
            .service(resource("/{id}/confirm", [(Method::POST, web::post().to(confirm))]))
            .service(resource("/{id}/pause", [(Method::POST, web::post().to(pause))]))
            .service(resource("/{id}/resume", [(Method::POST, web::post().to(resume))]))
            .service(resource("/{id}/receipt", [(Method::GET, web::get().to(receipt))])),
    );
}

/// The id in the path.
fn id(request: &HttpRequest) -> &str {
    request.match_info().get("id").unwrap_or_default()
}

/// The consent of the path, if it is one of theirs; absent and another's look the same.
async fn own(gateway: &Gateway, party: &Party, id: &str) -> Result<Consent, Failure> {
    let found = gateway.ledger.get(party.tenant(), id).await?;
    Ok(found.filter(|consent| party.owns(consent)).ok_or_else(Problem::not_found)?)
}

/// What a resident's change of a consent led to. Where nothing happened, the answer is a look like any other and on record as one.
async fn changed(
    gateway: &Gateway,
    caller: &SessionCaller,
    changed: Changed,
) -> Result<HttpResponse, Failure> {
    if !changed.happened {
        let access = caller.reads_own(gateway, CONSENT_TYPE, 1);
        gateway.audit.record(&caller.tenant, &access).await?;
    }
    let now = gateway.clock.micros();
    Ok(personal(&ConsentBody::new(&changed.consent, caller.subject(), now, &[])))
}

/// A JSON answer with personal data.
pub(crate) fn personal(body: &impl Serialize) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((actix_web::http::header::CACHE_CONTROL, "no-store"))
        .json(body)
}
