//! `/jsonldContexts` and `/jsonldContexts/{contextId}` (clause 5.13): one file for each verb.

mod add;
mod delete;
mod list;
mod serve;

use actix_web::http::Method;
use actix_web::web::{self, ServiceConfig};
use tsunagu_broker::{ContextDetails, ContextKind};
use tsunagu_domain::{Problem, ProblemCode, to_iso};
use utoipa::ToSchema;

pub(crate) use add::add;
pub(crate) use delete::delete;
pub(crate) use list::list;
pub(crate) use serve::serve;

// The documentation of each, for the list in `openapi`.
pub(crate) use add::__path_add;
pub(crate) use delete::__path_delete;
pub(crate) use list::__path_list;
pub(crate) use serve::__path_serve;

use crate::Failure;
use crate::params::Params;
use crate::resource::resource;

pub(crate) fn configure(cfg: &mut ServiceConfig) {
    cfg.service(resource(
        "/jsonldContexts",
        [(Method::POST, web::post().to(add)), (Method::GET, web::get().to(list))],
    ))
    .service(resource(
        "/jsonldContexts/{contextId}",
        [(Method::GET, web::get().to(serve)), (Method::DELETE, web::delete().to(delete))],
    ));
}

/// What is known of an @context (clause 5.13.4.5).
#[derive(serde::Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Details {
    /// Where it is served, or where its copy comes from.
    #[serde(rename = "URL")]
    url: String,
    /// Its name here; of a copy, its URL.
    local_id: String,
    /// `Hosted`, `Cached` or `ImplicitlyCreated`.
    #[schema(value_type = String)]
    kind: ContextKind,
    /// Since when it is here.
    created_at: String,
    /// When it was used last, since the process began.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_usage: Option<String>,
    /// How often it was used since the process began.
    number_of_hits: u64,
}

impl From<ContextDetails> for Details {
    fn from(known: ContextDetails) -> Self {
        Self {
            url: known.url,
            local_id: known.local_id,
            kind: known.kind,
            created_at: to_iso(known.created_at),
            last_usage: known.last_usage.map(to_iso),
            number_of_hits: known.hits,
        }
    }
}

/// A truth among the parameters; anything else is wrong data here, not a wrong request (clauses 5.13.3.4, 5.13.5.4).
fn truth(params: &Params, name: &str) -> Result<bool, Failure> {
    match params.get(name) {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(bad(name, "is true or false")),
    }
}

fn bad(name: &str, rule: &str) -> Failure {
    let detail = format!("the parameter {name} {rule}");
    Problem::new(ProblemCode::BadRequestData, detail).at(name).into()
}
