//! Replace Entity (clause 5.6.18, binding 6.5.3.3).

use actix_web::{HttpRequest, HttpResponse, web};

use crate::body::Capped;
use crate::ngsi_ld::asked::OnOne;
use crate::ngsi_ld::docs::{EntityBody, Problems};
use crate::ngsi_ld::entities::updated;
use crate::{Failure, Gateway};

/// Replace an entity
///
/// All attributes that the caller may write are replaced by those of the body; `createdAt` stays.
#[utoipa::path(
    put,
    path = "/ngsi-ld/v1/entities/{entityId}",
    tag = "NGSI-LD entities",
    params(("entityId" = String, Path, description = "Entity id, a URI")),
    request_body(content((EntityBody = "application/json"), (EntityBody = "application/ld+json"))),
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
    let request = on.caller.request();
    let done = gateway.broker.replace(&request, on.target(), text, &on.context).await?;
    Ok(updated(&on.caller, &done))
}
