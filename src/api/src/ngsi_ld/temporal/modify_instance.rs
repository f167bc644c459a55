//! Modify Attribute Instance in Temporal Evolution of an Entity (clause 5.6.14, binding 6.22.3.1).

use actix_web::{HttpRequest, HttpResponse, web};
use tsunagu_broker::{InstanceName, Target};

use super::{attribute, instance};
use crate::body::Capped;
use crate::caller::Caller;
use crate::ngsi_ld::docs::{FragmentBody, Problems};
use crate::ngsi_ld::entities::{echo_tenant, entity_id, selection};
use crate::ngsi_ld::negotiate;
use crate::params::Params;
use crate::{Failure, Gateway};

/// Correct an instance of an attribute in the past
///
/// Members that the body names are replaced; the instance keeps its identity. What the entity is now stays, unless it is a copy of its history.
#[utoipa::path(
    patch,
    path = "/ngsi-ld/v1/temporal/entities/{entityId}/attrs/{attrId}/{instanceId}",
    tag = "NGSI-LD temporal evolution",
    params(
        ("entityId" = String, Path, description = "Entity id, a URI"),
        ("attrId" = String, Path, description = "Attribute name"),
        ("instanceId" = String, Path, description = "Identity of the instance, as retrieved"),
    ),
    request_body(content((FragmentBody = "application/json"), (FragmentBody = "application/ld+json"))),
    responses(
        (status = 204, description = "Corrected and durable"),
        (status = 404, description = "Absent or hidden", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        Problems,
    ),
    security(("bearer" = []))
)]
pub(crate) async fn modify_instance(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    body: Capped,
) -> Result<HttpResponse, Failure> {
    let caller = Caller::of(&gateway, &request).await?;
    let params = Params::read(&request, &["type", "local"])?;
    let (text, context) = negotiate::document(&gateway, &request, &body).await?;
    let id = entity_id(&request)?;
    let (name, instance) = (attribute(&request, &context)?, instance(&request)?);
    let types = selection(&params, &context)?;
    let target = Target { id: &id, types: types.as_ref() };
    let name = InstanceName { attribute: &name, instance: &instance };
    let broker = &gateway.broker;
    broker.modify_instance(&caller.request(), target, name, text, &context).await?;
    let mut response = HttpResponse::NoContent();
    echo_tenant(&mut response, &caller);
    Ok(response.finish())
}
