//! Replace Attribute (clause 5.6.19, binding 6.7.3.3).

use actix_web::{HttpRequest, HttpResponse, web};
use tsunagu_broker::Target;

use crate::body::Capped;
use crate::caller::Caller;
use crate::ngsi_ld::docs::{FragmentBody, Problems};
use crate::ngsi_ld::entities::{entity_id, path_part, selection, updated};
use crate::ngsi_ld::negotiate;
use crate::params::Params;
use crate::{Failure, Gateway};

/// Replace an attribute
///
/// The instance with the `datasetId` of the body, or the default one without, is replaced whole; others stay. An attribute that is not there is not made.
#[utoipa::path(
    put,
    path = "/ngsi-ld/v1/entities/{entityId}/attrs/{attrId}",
    tag = "NGSI-LD attributes",
    params(
        ("entityId" = String, Path, description = "Entity id, a URI"),
        ("attrId" = String, Path, description = "Attribute name"),
    ),
    request_body(content((FragmentBody = "application/json"), (FragmentBody = "application/ld+json"))),
    responses(
        (status = 204, description = "Replaced and durable"),
        (status = 404, description = "Absent or hidden", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        Problems,
    ),
    security(("bearer" = []))
)]
pub(crate) async fn replace(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    body: Capped,
) -> Result<HttpResponse, Failure> {
    let caller = Caller::of(&gateway, &request).await?;
    let params = Params::read(&request, &["type", "local"])?;
    let (text, context) = negotiate::document(&gateway, &request, &body).await?;
    let id = entity_id(&request)?;
    let types = selection(&params, &context)?;
    let target = Target { id: &id, types: types.as_ref() };
    let name = path_part(&request, "attrId")?;
    let broker = &gateway.broker;
    let done = broker.replace_attribute(&caller.request(), target, &name, text, &context).await?;
    Ok(updated(&caller, &done))
}
