//! Delete Attribute from Temporal Evolution of an Entity (clause 5.6.13, binding 6.21.3.1).

use actix_web::{HttpRequest, HttpResponse, web};
use tsunagu_broker::Target;

use super::attribute;
use crate::caller::Caller;
use crate::ngsi_ld::docs::Problems;
use crate::ngsi_ld::entities::{echo_tenant, entity_id, selection};
use crate::ngsi_ld::negotiate;
use crate::params::Params;
use crate::{Failure, Gateway};

/// Forget the temporal evolution of an attribute
///
/// Of the default instance, of the one of `datasetId`, or with `deleteAll=true` of all of them.
#[utoipa::path(
    delete,
    path = "/ngsi-ld/v1/temporal/entities/{entityId}/attrs/{attrId}",
    tag = "NGSI-LD temporal evolution",
    params(
        ("entityId" = String, Path, description = "Entity id, a URI"),
        ("attrId" = String, Path, description = "Attribute name"),
        ("datasetId" = Option<String>, Query, description = "Which instance, a URI"),
        ("deleteAll" = Option<bool>, Query, description = "All instances"),
    ),
    responses(
        (status = 204, description = "Forgotten and durable"),
        (status = 404, description = "Absent or hidden", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        Problems,
    ),
    security(("bearer" = []))
)]
pub(crate) async fn delete_attribute(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let caller = Caller::of(&gateway, &request).await?;
    let params = Params::read(&request, &["type", "local", "datasetId", "deleteAll"])?;
    let context = negotiate::linked(&gateway, &request).await?;
    let id = entity_id(&request)?;
    let name = attribute(&request, &context)?;
    let types = selection(&params, &context)?;
    let target = Target { id: &id, types: types.as_ref() };
    let all = params.flag("deleteAll")?;
    let dataset = params.get("datasetId").filter(|id| *id != "@none");
    let broker = &gateway.broker;
    broker.forget_attribute(&caller.request(), target, &name, &context, dataset, all).await?;
    let mut response = HttpResponse::NoContent();
    echo_tenant(&mut response, &caller);
    Ok(response.finish())
}
