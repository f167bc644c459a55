//! Retrieve Entity (clause 5.7.1, binding 6.5.3.1).

use actix_web::{HttpRequest, HttpResponse, web};
use tsunagu_broker::Target;

use super::{echo_tenant, entity_id, selection, shown_as};
use crate::caller::Caller;
use crate::ngsi_ld::docs::{EntityBody, FeatureBody, JoinParams, Problems, RepresentationParams};
use crate::ngsi_ld::{negotiate, representation};
use crate::params::Params;
use crate::{Failure, Gateway};

/// In the standard, not here yet.
const NOT_YET: [&str; 1] = ["entityMap"];

/// Retrieve an entity
///
/// Shows what the token, the consent behind it and its purpose let be seen; what is hidden and what is absent give the same 404. The record
/// of access to personal data is on disk before the answer leaves; its index is in `Audit-Entry`.
#[utoipa::path(
    get,
    path = "/ngsi-ld/v1/entities/{entityId}",
    tag = "NGSI-LD entities",
    params(
        ("entityId" = String, Path, description = "Entity id, a URI", example = "urn:ngsi-ld:Building:001"),
        RepresentationParams,
        JoinParams,
    ),
    responses(
        (status = 200, description = "The entity", content((EntityBody = "application/json"), (EntityBody = "application/ld+json"), (FeatureBody = "application/geo+json"))),
        (status = 203, description = "The entity in the words of the version that `Prefer: ngsi-ld=…` names", content((EntityBody = "application/json"))),
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
    let media = negotiate::accepted_for_entities(&request)?;
    let preferences = negotiate::Preferences::of(&request);
    let own = [&representation::KNOWN[..], &representation::JOIN].concat();
    let known = [&own[..], &["type", "local", "jsonKeys"], &NOT_YET].concat();
    let params = Params::read(&request, &known)?;
    representation::refuse_unbuilt(&params, &NOT_YET)?;
    let context = negotiate::linked(&gateway, &request).await?;
    let options = representation::of_entities(&params, &context, media, preferences)?;
    let id = entity_id(&request)?;
    let types = selection(&params, &context)?;
    let target = Target { id: &id, types: types.as_ref() };
    let answer = gateway.broker.retrieve(&caller.request(), target, &context, &options).await?;
    let mut response = shown_as(answer.amended);
    negotiate::describe(&mut response, media, &context);
    preferences.applied(&mut response, media);
    echo_tenant(&mut response, &caller);
    crate::ngsi_ld::personal(&mut response, answer.ticket.as_ref());
    Ok(response.body(answer.body))
}
