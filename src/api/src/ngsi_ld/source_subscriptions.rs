//! `/csourceSubscriptions` and `/csourceSubscriptions/{subscriptionId}` (clause 5.11): one file for each verb.

mod create;
mod delete;
mod query;
mod retrieve;
mod update;

use actix_web::http::Method;
use actix_web::web::{self, ServiceConfig};

use crate::resource::resource;

pub(crate) use create::create;
pub(crate) use delete::delete;
pub(crate) use query::query;
pub(crate) use retrieve::retrieve;
pub(crate) use update::update;

// The documentation of each, for the list in `openapi`.
pub(crate) use create::__path_create;
pub(crate) use delete::__path_delete;
pub(crate) use query::__path_query;
pub(crate) use retrieve::__path_retrieve;
pub(crate) use update::__path_update;

use super::subscriptions::subscription_id;

pub(crate) fn configure(cfg: &mut ServiceConfig) {
    cfg.service(resource(
        "/csourceSubscriptions",
        [(Method::POST, web::post().to(create)), (Method::GET, web::get().to(query))],
    ))
    .service(resource(
        "/csourceSubscriptions/{subscriptionId}",
        [
            (Method::GET, web::get().to(retrieve)),
            (Method::PATCH, web::patch().to(update)),
            (Method::DELETE, web::delete().to(delete)),
        ],
    ));
}
