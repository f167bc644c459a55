//! `/temporal/entities`, its sub-resources and `/temporal/entityOperations/query` (clauses 6.18 to 6.22, 6.24): one file for each verb.

mod append;
mod ask;
mod delete;
mod delete_attribute;
mod delete_instance;
mod modify_instance;
mod provide;
mod query;
mod query_by_post;
mod retrieve;

use actix_web::http::{Method, StatusCode};
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use tsunagu_broker::Part;
use tsunagu_domain::{Problem, ProblemCode, to_iso};
use tsunagu_ngsi_ld::Context;
use tsunagu_ngsi_ld::parse::{check_name, check_uri};

pub(crate) use append::append;
pub(crate) use delete::delete;
pub(crate) use delete_attribute::delete_attribute;
pub(crate) use delete_instance::delete_instance;
pub(crate) use modify_instance::modify_instance;
pub(crate) use provide::provide;
pub(crate) use query::query;
pub(crate) use query_by_post::query_by_post;
pub(crate) use retrieve::retrieve;

// The documentation of each, for the list in `openapi`.
pub(crate) use append::__path_append;
pub(crate) use delete::__path_delete;
pub(crate) use delete_attribute::__path_delete_attribute;
pub(crate) use delete_instance::__path_delete_instance;
pub(crate) use modify_instance::__path_modify_instance;
pub(crate) use provide::__path_provide;
pub(crate) use query::__path_query;
pub(crate) use query_by_post::__path_query_by_post;
pub(crate) use retrieve::__path_retrieve;

use crate::Failure;
use crate::ngsi_ld::entities::{path_part, without_id};
use crate::resource::resource;

pub(super) fn configure(cfg: &mut ServiceConfig) {
    cfg.service(resource(
        "/temporal/entities",
        [(Method::POST, web::post().to(provide)), (Method::GET, web::get().to(query))],
    ))
    .service(resource(
        "/temporal/entityOperations/query",
        [(Method::POST, web::post().to(query_by_post))],
    ))
    // An empty id, gone or not: "attrs" is no URI and so none.
    .service(
        web::resource(["/temporal/entities/attrs", "/temporal/entities//attrs"]).to(without_id),
    )
    .service(
        web::resource([
            "/temporal/entities/attrs/{attrId}",
            "/temporal/entities//attrs/{attrId}",
            "/temporal/entities/attrs/{attrId}/{instanceId}",
            "/temporal/entities//attrs/{attrId}/{instanceId}",
        ])
        .to(without_id),
    )
    .service(resource(
        "/temporal/entities/{entityId}/attrs//{instanceId}",
        [(Method::DELETE, web::delete().to(without_attribute))],
    ))
    .service(resource(
        "/temporal/entities/{entityId}",
        [(Method::GET, web::get().to(retrieve)), (Method::DELETE, web::delete().to(delete))],
    ))
    .service(resource(
        "/temporal/entities/{entityId}/attrs",
        [(Method::POST, web::post().to(append))],
    ))
    .service(resource(
        "/temporal/entities/{entityId}/attrs/{attrId}",
        [(Method::DELETE, web::delete().to(delete_attribute))],
    ))
    .service(resource(
        "/temporal/entities/{entityId}/attrs/{attrId}/{instanceId}",
        [
            (Method::PATCH, web::patch().to(modify_instance)),
            (Method::DELETE, web::delete().to(delete_instance)),
        ],
    ));
}

/// The answer to an operation on an instance whose attribute was left out.
async fn without_attribute() -> Result<HttpResponse, Failure> {
    let detail = "the path has no attribute name; it belongs behind /attrs/";
    Err(Problem::new(ProblemCode::BadRequestData, detail).at("attrId").into())
}

/// The name of the attribute in the path, checked and not expanded.
fn attribute(request: &HttpRequest, context: &Context) -> Result<String, Failure> {
    let name = path_part(request, "attrId")?;
    check_name(&name, context).map_err(|error| error.at("attrId"))?;
    Ok(name)
}

/// The identity of the instance in the path.
fn instance(request: &HttpRequest) -> Result<String, Failure> {
    let id = path_part(request, "instanceId")?;
    check_uri(&id).map_err(|error| error.at("instanceId"))?;
    Ok(id)
}

/// 206 with the part of the time that is covered, when it is not all (clause 6.3.10).
fn cover(response: &mut HttpResponseBuilder, part: Option<Part>) {
    let Some(Part { from, to, size }) = part else {
        return;
    };
    response.status(StatusCode::PARTIAL_CONTENT);
    let size = size.map_or_else(|| "*".to_owned(), |size| size.to_string());
    let range = format!("date-time {}-{}/{size}", to_iso(from), to_iso(to));
    response.insert_header(("Content-Range", range));
}
