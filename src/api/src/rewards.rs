//! `/rewards/v1` and `/me/coins`: rules, decisions, appeals, comparisons with the issuer, and a resident's coins.

mod appeal;
mod appeals;
mod coins;
mod decide;
mod grants;
mod reconciliations;
mod rules;
mod simulate;

use actix_web::http::Method;
use actix_web::web::{self, ServiceConfig};
use tsunagu_domain::{Timestamp, TsunoId};
use tsunagu_ngsi_ld::Context;
use tsunagu_store::access::{Access, Action, Decision};

use crate::resource::resource;

pub(crate) use appeal::{__path_appeal, appeal};
pub(crate) use appeals::{__path_answer, __path_appeals, answer, appeals};
pub(crate) use coins::{__path_coins, coins};
pub(crate) use decide::{__path_decide, decide};
pub(crate) use grants::{__path_grants, grants};
pub(crate) use reconciliations::{__path_reconciliations, reconciliations};
pub(crate) use rules::{__path_rules, rules};
pub(crate) use simulate::{__path_simulate, simulate};

pub(crate) fn configure(cfg: &mut ServiceConfig) {
    cfg.service(resource("/rewards/v1/rules", [(Method::GET, web::get().to(rules))]))
        .service(resource("/rewards/v1/grants", [(Method::GET, web::get().to(grants))]))
        .service(resource(
            "/rewards/v1/grants/{award}/decision",
            [(Method::POST, web::post().to(decide))],
        ))
        .service(resource("/rewards/v1/simulations", [(Method::POST, web::post().to(simulate))]))
        .service(resource(
            "/rewards/v1/reconciliations",
            [(Method::GET, web::get().to(reconciliations))],
        ))
        .service(resource("/rewards/v1/appeals", [(Method::GET, web::get().to(appeals))]))
        .service(resource(
            "/rewards/v1/appeals/{award}/answer",
            [(Method::POST, web::post().to(answer))],
        ))
        .service(resource("/me/coins", [(Method::GET, web::get().to(coins))]))
        .service(resource("/me/coins/{award}/appeal", [(Method::POST, web::post().to(appeal))]));
}

/// The record of a look at coins: whose, by whom, how many.
fn access(
    actor: String,
    reason: &str,
    request: String,
    at: Timestamp,
    subjects: Vec<TsunoId>,
    count: usize,
) -> Access {
    let context = Context::core();
    let expand = |term: &&str| context.expand(term).into_owned();
    Access {
        at,
        request,
        actor,
        subjects,
        purpose: None,
        grant: None,
        grant_version: None,
        action: Action::Query,
        types: vec![expand(&"CoinGrant")],
        attributes: ["amount", "activityDate", "state"].iter().map(expand).collect(),
        decision: Decision::Allowed,
        reason: reason.to_owned(),
        count: count as u64,
    }
}
