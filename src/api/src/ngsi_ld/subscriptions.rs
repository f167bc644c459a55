//! `/subscriptions` and `/subscriptions/{subscriptionId}`: one file for each verb.

mod create;
mod delete;
mod query;
mod retrieve;
pub(super) mod shared;
mod update;

use actix_web::http::Method;
use actix_web::web::{self, ServiceConfig};
use tsunagu_ngsi_ld::parse::check_uri;

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

use super::entities::path_part;
use crate::Failure;
use crate::params::{Params, wrong};
use crate::resource::resource;

pub(crate) fn configure(cfg: &mut ServiceConfig) {
    cfg.service(resource(
        "/subscriptions",
        [(Method::POST, web::post().to(create)), (Method::GET, web::get().to(query))],
    ))
    .service(resource(
        "/subscriptions/{subscriptionId}",
        [
            (Method::GET, web::get().to(retrieve)),
            (Method::PATCH, web::patch().to(update)),
            (Method::DELETE, web::delete().to(delete)),
        ],
    ));
}

/// The id of the subscription in the path.
pub(super) fn subscription_id(request: &actix_web::HttpRequest) -> Result<String, Failure> {
    let id = path_part(request, "subscriptionId")?;
    check_uri(&id).map_err(|error| error.at("subscriptionId"))?;
    Ok(id)
}

/// Whether the members of the system are asked for.
pub(super) fn sys_attrs(params: &Params) -> Result<bool, Failure> {
    let options = params.list("options")?;
    if options.iter().any(|option| !matches!(*option, "sysAttrs" | "count")) {
        return Err(wrong("options", "is sysAttrs"));
    }
    Ok(options.contains(&"sysAttrs"))
}
