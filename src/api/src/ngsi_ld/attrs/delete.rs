//! Delete Attribute (clause 5.6.5, binding 6.7.3.2).

use actix_web::{HttpRequest, HttpResponse, web};

use crate::ngsi_ld::asked::OnOne;
use crate::ngsi_ld::docs::Problems;
use crate::ngsi_ld::entities::{path_part, updated};
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
    let on = OnOne::of(&gateway, &request, &["type", "local", "datasetId", "deleteAll"]).await?;
    let name = path_part(&request, "attrId")?;
    let all = on.params.flag("deleteAll")?;
    let dataset = on.params.get("datasetId").filter(|id| *id != "@none");
    let (broker, asked) = (&gateway.broker, on.caller.request());
    let done =
        broker.delete_attribute(&asked, on.target(), &name, &on.context, dataset, all).await?;
    Ok(updated(&on.caller, &done))
}
