//! The NGSI-LD HTTP binding (TS 104-175 clause 6), as far as it is built: entities and their attributes.

pub(crate) mod attrs;
pub(crate) mod contexts;
pub(crate) mod docs;
pub(crate) mod entities;
pub(crate) mod info;
mod negotiate;
mod representation;
pub(crate) mod sources;

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::HeaderName;
use actix_web::middleware::{Next, from_fn};
use actix_web::web::ServiceConfig;

use crate::caller::TENANT_HEADER;
use crate::resource::resource;

/// Where the binding lives (clause 6.3.2).
pub(crate) const BASE: &str = "/ngsi-ld/v1";
/// Where @contexts are served; their local ids follow.
pub const CONTEXTS: &str = "/ngsi-ld/v1/jsonldContexts/";

pub(crate) fn configure(cfg: &mut ServiceConfig) {
    use actix_web::http::Method;
    use actix_web::web;
    cfg.service(
        web::scope(BASE)
            .wrap(from_fn(echo_tenant))
            .service(resource(
                "/entities",
                [
                    (Method::POST, web::post().to(entities::create)),
                    (Method::GET, web::get().to(entities::query)),
                    // A slash at the end is not kept, so the id is what is missing here.
                    (Method::PUT, web::put().to(entities::without_id)),
                    (Method::PATCH, web::patch().to(entities::without_id)),
                ],
            ))
            // `/entities//attrs`, the empty part gone: "attrs" is no URI and so no id.
            .service(web::resource("/entities/attrs").to(entities::without_id))
            .service(web::resource("/entities/attrs/{attrId}").to(entities::without_id))
            .service(resource(
                "/jsonldContexts",
                [
                    (Method::POST, web::post().to(contexts::add)),
                    (Method::GET, web::get().to(contexts::list)),
                ],
            ))
            .service(resource(
                "/jsonldContexts/{contextId}",
                [
                    (Method::GET, web::get().to(contexts::serve)),
                    (Method::DELETE, web::delete().to(contexts::delete)),
                ],
            ))
            .service(resource(
                "/csourceRegistrations",
                [
                    (Method::POST, web::post().to(sources::register)),
                    (Method::GET, web::get().to(sources::query)),
                ],
            ))
            .service(resource(
                "/csourceRegistrations/{registrationId}",
                [
                    (Method::GET, web::get().to(sources::retrieve)),
                    (Method::PATCH, web::patch().to(sources::update)),
                    (Method::DELETE, web::delete().to(sources::delete)),
                ],
            ))
            .service(resource(
                "/info/sourceIdentity",
                [(Method::GET, web::get().to(info::source_identity))],
            ))
            .service(resource(
                "/entities/{entityId}",
                [
                    (Method::GET, web::get().to(entities::retrieve)),
                    (Method::PUT, web::put().to(entities::replace)),
                    (Method::PATCH, web::patch().to(entities::merge)),
                    (Method::DELETE, web::delete().to(entities::delete)),
                ],
            ))
            .service(resource(
                "/entities/{entityId}/attrs",
                [
                    (Method::POST, web::post().to(attrs::append)),
                    (Method::PATCH, web::patch().to(attrs::update)),
                ],
            ))
            .service(resource(
                "/entities/{entityId}/attrs/{attrId}",
                [
                    (Method::PATCH, web::patch().to(attrs::partial_update)),
                    (Method::PUT, web::put().to(attrs::replace)),
                    (Method::DELETE, web::delete().to(attrs::delete)),
                ],
            )),
    );
}

/// Every answer repeats the tenant that the request named, problems too (clause 6.3.14).
async fn echo_tenant(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let named = request.headers().get(TENANT_HEADER).cloned();
    let mut response = next.call(request).await?;
    if let Some(tenant) = named {
        response.headers_mut().insert(HeaderName::from_static("ngsild-tenant"), tenant);
    }
    Ok(response)
}

/// An answer with personal data names its entry in the access log and is never kept by caches.
pub(crate) fn personal(
    response: &mut actix_web::HttpResponseBuilder,
    ticket: Option<&tsunagu_store::access::Ticket>,
) {
    if let Some(ticket) = ticket {
        response.insert_header(("Audit-Entry", ticket.index.to_string()));
        response.insert_header((actix_web::http::header::CACHE_CONTROL, "no-store"));
    }
}
