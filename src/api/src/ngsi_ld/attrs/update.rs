//! Update Attributes (clause 5.6.2, binding 6.6.3.2).

use actix_web::{HttpRequest, HttpResponse, web};

use crate::body::Capped;
use crate::ngsi_ld::asked::OnOne;
use crate::ngsi_ld::docs::{FragmentBody, Problems};
use crate::ngsi_ld::entities::updated;
use crate::{Failure, Gateway};

/// Update attributes
///
/// Replaces attributes, instance by instance, and adds new ones; `urn:ngsi-ld:null` deletes. What could not be done is reported.
#[utoipa::path(
    patch,
    path = "/ngsi-ld/v1/entities/{entityId}/attrs",
    tag = "NGSI-LD attributes",
    params(("entityId" = String, Path, description = "Entity id, a URI")),
    request_body(content((FragmentBody = "application/json"), (FragmentBody = "application/ld+json"))),
    responses(
        (status = 204, description = "All updated and durable"),
        (status = 207, description = "Some were not; the body says which and why"),
        (status = 404, description = "Absent or hidden", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        Problems,
    ),
    security(("bearer" = []))
)]
pub(crate) async fn update(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    body: Capped,
) -> Result<HttpResponse, Failure> {
    let (on, text) = OnOne::with_body(&gateway, &request, &body).await?;
    let request = on.caller.request();
    let done = gateway.broker.update(&request, on.target(), text, &on.context).await?;
    Ok(updated(&on.caller, &done))
}
