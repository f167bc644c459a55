//! Replace Attribute (clause 5.6.19, binding 6.7.3.3).

use actix_web::{HttpRequest, HttpResponse, web};

use crate::body::Capped;
use crate::ngsi_ld::asked::OnOne;
use crate::ngsi_ld::docs::{FragmentBody, Problems};
use crate::ngsi_ld::entities::{path_part, updated};
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
    let (on, text) = OnOne::with_body(&gateway, &request, &body).await?;
    let (name, asked) = (path_part(&request, "attrId")?, on.caller.request());
    let broker = &gateway.broker;
    let done = broker.replace_attribute(&asked, on.target(), &name, text, &on.context).await?;
    Ok(updated(&on.caller, &done))
}
