//! Add Attributes to Temporal Evolution of an Entity (clause 5.6.12, binding 6.20.3.1).

use actix_web::{HttpRequest, HttpResponse, web};

use crate::body::Capped;
use crate::ngsi_ld::asked::{OnOne, done};
use crate::ngsi_ld::docs::{Problems, TemporalBody};
use crate::{Failure, Gateway};

/// Add attributes to the temporal evolution of an entity
///
/// Instances are added to the past of an entity that has one; what the entity is now does not change. Instances observed at the same moment take the
/// place of those there were.
#[utoipa::path(
    post,
    path = "/ngsi-ld/v1/temporal/entities/{entityId}/attrs",
    tag = "NGSI-LD temporal evolution",
    params(("entityId" = String, Path, description = "Entity id, a URI")),
    request_body(content((TemporalBody = "application/json"), (TemporalBody = "application/ld+json"))),
    responses(
        (status = 204, description = "Added and durable"),
        (status = 404, description = "Absent or hidden", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        Problems,
    ),
    security(("bearer" = []))
)]
pub(crate) async fn append(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    body: Capped,
) -> Result<HttpResponse, Failure> {
    let (on, text) = OnOne::with_body(&gateway, &request, &body).await?;
    let asked = on.caller.request();
    gateway.broker.provide_attributes(&asked, on.target(), text, &on.context).await?;
    Ok(done(&on.caller))
}
