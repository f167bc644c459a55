//! Delete Attribute from Temporal Evolution of an Entity (clause 5.6.13, binding 6.21.3.1).

use actix_web::{HttpRequest, HttpResponse, web};

use super::attribute;
use crate::ngsi_ld::asked::{OnOne, done};
use crate::ngsi_ld::docs::Problems;
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
    let on = OnOne::of(&gateway, &request, &["type", "local", "datasetId", "deleteAll"]).await?;
    let name = attribute(&request, &on.context)?;
    let all = on.params.flag("deleteAll")?;
    let dataset = on.params.get("datasetId").filter(|id| *id != "@none");
    let (broker, asked) = (&gateway.broker, on.caller.request());
    broker.forget_attribute(&asked, on.target(), &name, &on.context, dataset, all).await?;
    Ok(done(&on.caller))
}
