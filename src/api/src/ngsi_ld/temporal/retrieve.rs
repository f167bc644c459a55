//! Retrieve Temporal Evolution of an Entity (clause 5.7.3, binding 6.19.3.1).

use actix_web::{HttpRequest, HttpResponse, web};
use tsunagu_broker::Target;

use super::{ask, cover};
use crate::caller::Caller;
use crate::ngsi_ld::docs::{Problems, RepresentationParams, TemporalBody};
use crate::ngsi_ld::entities::{echo_tenant, entity_id, selection};
use crate::ngsi_ld::{negotiate, representation};
use crate::params::Params;
use crate::{Failure, Gateway};

/// In the standard, not here yet.
const NOT_YET: [&str; 2] = ["entityMap", "jsonKeys"];

/// Retrieve the temporal evolution of an entity
///
/// What it is now are its last instances. Shows what the token, the consent behind it now and its purpose let be seen; a deleted entity has a
/// past too. `options` or `format` is `normalized`, `concise`, `temporalValues` or `aggregatedValues`.
#[utoipa::path(
    get,
    path = "/ngsi-ld/v1/temporal/entities/{entityId}",
    tag = "NGSI-LD temporal evolution",
    params(
        ("entityId" = String, Path, description = "Entity id, a URI"),
        ask::TemporalParams,
        RepresentationParams,
    ),
    responses(
        (status = 200, description = "The entity over time", content((TemporalBody = "application/json"), (TemporalBody = "application/ld+json"))),
        (status = 206, description = "There was too much: the part of the time that `Content-Range` names", headers(("Content-Range" = String, description = "`date-time`, from, to, number"))),
        (status = 404, description = "Absent or hidden", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        Problems,
    ),
    security((), ("bearer" = []))
)]
pub(crate) async fn retrieve(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let caller = Caller::of(&gateway, &request).await?;
    let media = negotiate::accepted(&request)?;
    let known = [&representation::KNOWN[..], &ask::KNOWN, &["type", "local"], &NOT_YET].concat();
    let params = Params::read(&request, &known)?;
    representation::refuse_unbuilt(&params, &NOT_YET)?;
    let context = negotiate::linked(&gateway, &request).await?;
    let id = entity_id(&request)?;
    let (temporal, options) = ask::read(&gateway, &params, &context, media)?;
    let types = selection(&params, &context)?;
    let target = Target { id: &id, types: types.as_ref() };
    let broker = &gateway.broker;
    let evolved =
        broker.retrieve_evolution(&caller.request(), target, &temporal, &context, &options).await?;
    let mut response = HttpResponse::Ok();
    negotiate::describe(&mut response, media, &context);
    echo_tenant(&mut response, &caller);
    crate::ngsi_ld::personal(&mut response, evolved.ticket.as_ref());
    cover(&mut response, evolved.part);
    Ok(response.body(evolved.body))
}
