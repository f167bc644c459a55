//! Delete Attribute (clause 5.6.5, binding 6.7.3.2).

use actix_web::{HttpRequest, HttpResponse, web};
use tsunagu_broker::Target;

use crate::caller::Caller;
use crate::ngsi_ld::docs::Problems;
use crate::ngsi_ld::entities::{entity_id, path_part, selection, updated};
use crate::ngsi_ld::negotiate;
use crate::params::Params;
use crate::{Failure, Gateway};

/// Delete an attribute
///
/// The default instance, the one of `datasetId`, or with `deleteAll=true` all of them.
#[utoipa::path(
    delete,
    path = "/ngsi-ld/v1/entities/{entityId}/attrs/{attrId}",
    tag = "NGSI-LD attributes",
    params(
        ("entityId" = String, Path, description = "Entity id, a URI"),
        ("attrId" = String, Path, description = "Attribute name"),
        ("datasetId" = Option<String>, Query, description = "Which instance, a URI"),
        ("deleteAll" = Option<bool>, Query, description = "All instances"),
    ),
    responses(
        (status = 204, description = "Deleted and durable"),
        (status = 404, description = "Absent or hidden", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        Problems,
    ),
    security(("bearer" = []))
)]
pub(crate) async fn delete(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let caller = Caller::of(&gateway, &request).await?;
    let params = Params::read(&request, &["type", "local", "datasetId", "deleteAll"])?;
    let context = negotiate::linked(&gateway, &request).await?;
    let id = entity_id(&request)?;
    let types = selection(&params, &context)?;
    let target = Target { id: &id, types: types.as_ref() };
    let name = path_part(&request, "attrId")?;
    let all = params.flag("deleteAll")?;
    let dataset = params.get("datasetId").filter(|id| *id != "@none");
    let broker = &gateway.broker;
    let done =
        broker.delete_attribute(&caller.request(), target, &name, &context, dataset, all).await?;
    Ok(updated(&caller, &done))
}
