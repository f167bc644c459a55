//! `/admin/v1/identity-reviews` and `/admin/v1/link-reviews`: what a person at the counter decides about residents.

mod decide_identity;
mod decide_link;
mod identity_reviews;
mod link_reviews;

use actix_web::http::Method;
use actix_web::web::{self, ServiceConfig};
use serde::de::DeserializeOwned;
use tsunagu_domain::{ProblemCode, TsunoId};
use tsunagu_store::access::{Access, Action, Decision};

use crate::actors::Staff;
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

/// The record of staff looking at a queue in which these people are named.
fn looked_at(
    gateway: &Gateway,
    staff: &Staff,
    request: String,
    queue: &str,
    mut subjects: Vec<TsunoId>,
) -> Access {
    subjects.sort_unstable();
    subjects.dedup();
    Access {
        at: gateway.clock.micros(),
        request,
        actor: format!("client:{}", staff.client),
        count: subjects.len() as u64,
        subjects,
        purpose: None,
        grant: None,
        grant_version: None,
        action: Action::Query,
        types: vec![format!("urn:tsunagu:type:{queue}")],
        attributes: Vec::new(),
        decision: Decision::Allowed,
        reason: "staff".to_owned(),
    }
}

fn read<T: DeserializeOwned>(body: &[u8], form: &str) -> Result<T, Failure> {
    serde_json::from_slice(body)
        .map_err(|_| Failure::new(ProblemCode::InvalidRequest, format!("the body must be {form}")))
}
