//! `/admin/v1/identity-reviews` and `/admin/v1/link-reviews`: what a person at the counter decides about residents.

mod decide_identity;
mod decide_link;
mod identity_reviews;
mod link_reviews;

use actix_web::HttpRequest;
use actix_web::http::Method;
use actix_web::web::{self, ServiceConfig};
use serde::de::DeserializeOwned;
use tsunagu_domain::{ProblemCode, TsunoId};
use tsunagu_store::access::{Access, Action, Decision};

use tsunagu_staff::{Object, Role};

use crate::actors::{Staff, on_duty};
use crate::resource::resource;
use crate::{Failure, Gateway};

pub(crate) use decide_identity::{__path_decide_identity, decide_identity};
pub(crate) use decide_link::{__path_decide_link, decide_link};
pub(crate) use identity_reviews::{__path_identity_reviews, identity_reviews};
pub(crate) use link_reviews::{__path_link_reviews, link_reviews};

pub(crate) fn configure(cfg: &mut ServiceConfig) {
    cfg.service(resource(
        "/admin/v1/identity-reviews",
        [(Method::GET, web::get().to(identity_reviews))],
    ))
    .service(resource(
        "/admin/v1/identity-reviews/{reference}/decision",
        [(Method::POST, web::post().to(decide_identity))],
    ))
    .service(resource("/admin/v1/link-reviews", [(Method::GET, web::get().to(link_reviews))]))
    .service(resource(
        "/admin/v1/link-reviews/{tsunoId}/decision",
        [(Method::POST, web::post().to(decide_link))],
    ));
}

/// The counter: its queues are a standing duty of the role (ADR 0016), and open to tools of the town hall.
async fn counter(
    gateway: &Gateway,
    request: &HttpRequest,
    kind: &'static str,
    act: &'static str,
    id: &str,
) -> Result<Staff, Failure> {
    on_duty(gateway, request, Role::Counter, Object::new(kind, act, id)).await
}

/// What the queues are called in records of access.
const IDENTITY_REVIEW: &str = "urn:tsunagu:type:IdentityReview";
const LINK_REVIEW: &str = "urn:tsunagu:type:LinkReview";

/// The record of staff looking at a queue in which these people are named.
fn looked_at(
    gateway: &Gateway,
    staff: &Staff,
    request: String,
    queue: &'static str,
    mut subjects: Vec<TsunoId>,
) -> Access {
    subjects.sort_unstable();
    subjects.dedup();
    Access {
        at: gateway.clock.micros(),
        request,
        actor: staff.actor.clone(),
        count: subjects.len() as u64,
        subjects,
        purpose: None,
        grant: None,
        grant_version: None,
        action: Action::Query,
        types: vec![queue.to_owned()],
        attributes: Vec::new(),
        decision: Decision::Allowed,
        reason: staff.reason.to_owned(),
    }
}

fn read<T: DeserializeOwned>(body: &[u8], form: &str) -> Result<T, Failure> {
    serde_json::from_slice(body)
        .map_err(|_| Failure::new(ProblemCode::InvalidRequest, format!("the body must be {form}")))
}
