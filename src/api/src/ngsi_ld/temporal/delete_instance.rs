//! Delete Attribute Instance from Temporal Evolution of an Entity (clause 5.6.15, binding 6.22.3.2).

use actix_web::{HttpRequest, HttpResponse, web};
use tsunagu_broker::InstanceName;

use super::{attribute, instance};
use crate::ngsi_ld::asked::{OF_ONE, OnOne, done};
use crate::ngsi_ld::docs::Problems;
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
    let on = OnOne::of(&gateway, &request, &OF_ONE).await?;
    let (name, instance) = (attribute(&request, &on.context)?, instance(&request)?);
    let name = InstanceName { attribute: &name, instance: &instance };
    let asked = on.caller.request();
    gateway.broker.forget_instance(&asked, on.target(), name, &on.context).await?;
    Ok(done(&on.caller))
}
