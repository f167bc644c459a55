//! Delete Attribute Instance from Temporal Evolution of an Entity (clause 5.6.15, binding 6.22.3.2).

use actix_web::{HttpRequest, HttpResponse, web};
use tsunagu_broker::{InstanceName, Target};

use super::{attribute, instance};
use crate::caller::Caller;
use crate::ngsi_ld::docs::Problems;
use crate::ngsi_ld::entities::{echo_tenant, entity_id, selection};
use crate::ngsi_ld::negotiate;
use crate::params::Params;
use crate::{Failure, Gateway};

/// Forget an instance of an attribute in the past
///
/// One instance, by its `instanceId`, is taken out of the temporal evolution; what the entity is now does not change.
#[utoipa::path(
    delete,
    path = "/ngsi-ld/v1/temporal/entities/{entityId}/attrs/{attrId}/{instanceId}",
    tag = "NGSI-LD temporal evolution",
    params(
        ("entityId" = String, Path, description = "Entity id, a URI"),
        ("attrId" = String, Path, description = "Attribute name"),
        ("instanceId" = String, Path, description = "Identity of the instance, as retrieved"),
    ),
    responses(
        (status = 204, description = "Forgotten and durable"),
        (status = 404, description = "Absent or hidden", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        Problems,
    ),
    security(("bearer" = []))
)]
pub(crate) async fn delete_instance(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let caller = Caller::of(&gateway, &request).await?;
    let params = Params::read(&request, &["type", "local"])?;
    let context = negotiate::linked(&gateway, &request).await?;
    let id = entity_id(&request)?;
    let (name, instance) = (attribute(&request, &context)?, instance(&request)?);
    let types = selection(&params, &context)?;
    let target = Target { id: &id, types: types.as_ref() };
    let name = InstanceName { attribute: &name, instance: &instance };
    gateway.broker.forget_instance(&caller.request(), target, name, &context).await?;
    let mut response = HttpResponse::NoContent();
    echo_tenant(&mut response, &caller);
    Ok(response.finish())
}
