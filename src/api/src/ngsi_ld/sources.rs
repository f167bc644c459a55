//! `/csourceRegistrations` and `/csourceRegistrations/{registrationId}` (clauses 5.9, 5.10): one file for each verb.

mod delete;
mod query;
mod register;
mod retrieve;
mod update;

use actix_web::HttpRequest;
use actix_web::http::Method;
use actix_web::web::{self, ServiceConfig};
use tsunagu_ngsi_ld::source::Shape;
use utoipa::ToSchema;

pub(crate) use delete::delete;
pub(crate) use query::query;
pub(crate) use register::register;
pub(crate) use retrieve::retrieve;
pub(crate) use update::update;

// The documentation of each, for the list in `openapi`.
pub(crate) use delete::__path_delete;
pub(crate) use query::__path_query;
pub(crate) use register::__path_register;
pub(crate) use retrieve::__path_retrieve;
pub(crate) use update::__path_update;

use super::entities::path_part;
use super::negotiate::Media;
use crate::Failure;
use crate::caller::Caller;
use crate::params::{Params, wrong};
use crate::resource::resource;

pub(crate) fn configure(cfg: &mut ServiceConfig) {
    cfg.service(resource(
        "/csourceRegistrations",
        [(Method::POST, web::post().to(register)), (Method::GET, web::get().to(query))],
    ))
    .service(resource(
        "/csourceRegistrations/{registrationId}",
        [
            (Method::GET, web::get().to(retrieve)),
            (Method::PATCH, web::patch().to(update)),
            (Method::DELETE, web::delete().to(delete)),
        ],
    ));
}

/// A context source registration (clause 5.2.9).
#[derive(ToSchema)]
#[schema(value_type = Object)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct RegistrationBody(serde_json::Value);

/// The id of the registration in the path.
fn registration_id(request: &HttpRequest) -> Result<String, Failure> {
    let id = path_part(request, "registrationId")?;
    tsunagu_ngsi_ld::parse::check_uri(&id).map_err(|error| error.at("registrationId"))?;
    Ok(id)
}

/// How registrations are shown to this caller: what is sent along to sources only to who manages them.
fn shape(caller: &Caller, params: &Params, media: Media) -> Result<Shape, Failure> {
    let options = params.list("options")?;
    if options.iter().any(|option| !["sysAttrs", "normalized", "count"].contains(option)) {
        return Err(wrong("options", "is sysAttrs or absent"));
    }
    Ok(Shape {
        sys_attrs: options.contains(&"sysAttrs"),
        secrets: caller.view.may_manage_sources().is_ok(),
        embed_context: media == Media::LdJson,
    })
}
