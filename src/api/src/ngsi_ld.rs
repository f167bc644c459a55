//! The NGSI-LD HTTP binding (TS 104-175 clause 6), as far as it is built: entities and their attributes, batches of them, discovery, the past,
//! subscriptions.

mod asked;
pub(crate) mod attributes;
pub(crate) mod attrs;
pub(crate) mod batch;
pub(crate) mod contexts;
mod discovery;
pub(crate) mod docs;
pub(crate) mod entities;
pub(crate) mod info;
mod negotiate;
mod representation;
pub(crate) mod source_subscriptions;
pub(crate) mod sources;
pub(crate) mod subscriptions;
pub(crate) mod temporal;
pub(crate) mod types;

use std::borrow::Cow;

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
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
                    (Method::DELETE, web::delete().to(entities::purge)),
                    // A slash at the end is not kept, so the id is what is missing here.
                    (Method::PUT, web::put().to(entities::without_id)),
                    (Method::PATCH, web::patch().to(entities::without_id)),
                ],
            ))
            .service(resource(
                "/entityOperations/query",
                [(Method::POST, web::post().to(entities::query_by_post))],
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
            // `/entities//attrs/…`, the empty part gone or not: "attrs" is no URI and so no id.
            .service(
                web::resource([
                    "/entities//attrs",
                    "/entities//attrs/{attrId}",
                    "/entities/attrs/{attrId}",
                ])
                .to(entities::without_id),
            )
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
            ))
            .service(resource("/types", [(Method::GET, web::get().to(types::list))]))
            .service(resource("/types/{type}", [(Method::GET, web::get().to(types::retrieve))]))
            .service(resource("/attributes", [(Method::GET, web::get().to(attributes::list))]))
            .service(resource(
                "/attributes/{attrId}",
                [(Method::GET, web::get().to(attributes::retrieve))],
            ))
            .service(resource(
                "/info/sourceIdentity",
                [(Method::GET, web::get().to(info::source_identity))],
            ))
            .configure(batch::configure)
            .configure(subscriptions::configure)
            .configure(temporal::configure)
            .configure(contexts::configure)
            .configure(sources::configure)
            .configure(source_subscriptions::configure),
    );
}

/// Every answer repeats the tenant that the request named, problems too (clause 6.3.14), and writes its headers as the standard does: names
/// are the same in any case, but there are clients that look for `Location` alone.
async fn echo_tenant(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let named = request.headers().get(&TENANT_HEADER).cloned();
    let mut response = next.call(request).await?;
    response.response_mut().head_mut().set_camel_case_headers(true);
    if let Some(tenant) = named {
        response.headers_mut().insert(TENANT_HEADER, tenant);
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

/// An id as a segment of a path.
pub(crate) fn segment(id: &str) -> Cow<'_, str> {
    // A colon may stand in a path segment and is what people expect to see there.
    if id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b':')) {
        return Cow::Borrowed(id);
    }
    let encoded = url::form_urlencoded::byte_serialize(id.as_bytes()).collect::<String>();
    Cow::Owned(encoded.replace("%3A", ":").replace('+', "%20"))
}

#[cfg(test)]
mod tests {
    use actix_web::http::{Method, StatusCode};
    use actix_web::test::{TestRequest, call_service, init_service};

    use super::*;

    #[actix_web::test]
    async fn a_path_with_an_empty_entity_id_is_a_bad_request() {
        let app = init_service(actix_web::App::new().configure(configure)).await;
        for (method, path) in [
            (Method::POST, "/ngsi-ld/v1/entities//attrs"),
            (Method::PATCH, "/ngsi-ld/v1/entities//attrs"),
            (Method::PATCH, "/ngsi-ld/v1/entities//attrs/speed"),
            (Method::PUT, "/ngsi-ld/v1/entities//attrs/speed"),
            (Method::DELETE, "/ngsi-ld/v1/entities//attrs/speed"),
            (Method::DELETE, "/ngsi-ld/v1/temporal/entities//attrs/speed"),
        ] {
            let request = TestRequest::with_uri(path).method(method.clone()).to_request();
            let answer = call_service(&app, request).await;
            assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{method} {path}");
            let request = TestRequest::with_uri("/ngsi-ld/v1/entities/a/b/c").to_request();
            assert_eq!(call_service(&app, request).await.status(), StatusCode::NOT_FOUND);
        }
    }
}
