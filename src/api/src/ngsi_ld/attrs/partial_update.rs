//! Partial Attribute Update (clause 5.6.4, binding 6.7.3.1).

use actix_web::{HttpRequest, HttpResponse, web};

use crate::body::Capped;
use crate::ngsi_ld::asked::OnOne;
use crate::ngsi_ld::docs::{FragmentBody, Problems};
use crate::ngsi_ld::entities::{path_part, updated};
use crate::{Failure, Gateway};

/// Update parts of an attribute
///
/// Members of the body take the place of those that are there, `urn:ngsi-ld:null` removes one. The instance is the one with the `datasetId` of the body, or
/// the default one.
#[utoipa::path(
    patch,
    path = "/ngsi-ld/v1/entities/{entityId}/attrs/{attrId}",
    tag = "NGSI-LD attributes",
    params(
        ("entityId" = String, Path, description = "Entity id, a URI"),
        ("attrId" = String, Path, description = "Attribute name"),
    ),
    request_body(content((FragmentBody = "application/json"), (FragmentBody = "application/ld+json"))),
    responses(
        (status = 204, description = "Updated and durable"),
        (status = 404, description = "Absent or hidden", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        Problems,
    ),
    security(("bearer" = []))
)]
pub(crate) async fn partial_update(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    body: Capped,
) -> Result<HttpResponse, Failure> {
    let (on, text) = OnOne::with_body(&gateway, &request, &body).await?;
    let (name, asked) = (path_part(&request, "attrId")?, on.caller.request());
    let broker = &gateway.broker;
    let done = broker.partial_update(&asked, on.target(), &name, text, &on.context).await?;
    Ok(updated(&on.caller, &done))
}
