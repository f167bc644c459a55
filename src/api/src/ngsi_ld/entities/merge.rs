//! Merge Entity (clause 5.6.17, binding 6.5.3.4).

use actix_web::{HttpRequest, HttpResponse, web};

use crate::body::Capped;
use crate::ngsi_ld::asked::OnOne;
use crate::ngsi_ld::docs::{FragmentBody, Problems};
use crate::ngsi_ld::entities::updated;
use crate::{Failure, Gateway};

/// Merge into an entity
///
/// What the body names is merged as in RFC 7396, with `urn:ngsi-ld:null` deleting; everything else stays.
#[utoipa::path(
    patch,
    path = "/ngsi-ld/v1/entities/{entityId}",
    tag = "NGSI-LD entities",
    params(("entityId" = String, Path, description = "Entity id, a URI")),
    request_body(content((FragmentBody = "application/json"), (FragmentBody = "application/ld+json"), (FragmentBody = "application/merge-patch+json"))),
    responses(
        (status = 204, description = "Merged and durable"),
        (status = 404, description = "Absent or hidden", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        Problems,
    ),
    security(("bearer" = []))
)]
pub(crate) async fn merge(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    body: Capped,
) -> Result<HttpResponse, Failure> {
    let (on, text) = OnOne::with_body(&gateway, &request, &body).await?;
    let request = on.caller.request();
    let done = gateway.broker.merge(&request, on.target(), text, &on.context).await?;
    Ok(updated(&on.caller, &done))
}
