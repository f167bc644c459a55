//! Modify Attribute Instance in Temporal Evolution of an Entity (clause 5.6.14, binding 6.22.3.1).

use actix_web::{HttpRequest, HttpResponse, web};
use tsunagu_broker::InstanceName;

use super::{attribute, instance};
use crate::body::Capped;
use crate::ngsi_ld::asked::{OnOne, done};
use crate::ngsi_ld::docs::{FragmentBody, Problems};
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
    let (on, text) = OnOne::with_body(&gateway, &request, &body).await?;
    let (name, instance) = (attribute(&request, &on.context)?, instance(&request)?);
    let name = InstanceName { attribute: &name, instance: &instance };
    let (broker, asked) = (&gateway.broker, on.caller.request());
    broker.modify_instance(&asked, on.target(), name, text, &on.context).await?;
    Ok(done(&on.caller))
}
