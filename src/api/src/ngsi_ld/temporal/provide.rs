//! Create or Update Temporal Evolution of an Entity (clause 5.6.11, binding 6.18.3.1).

use actix_web::{HttpRequest, HttpResponse, web};

use crate::body::Capped;
use crate::caller::Caller;
use crate::ngsi_ld::asked::{created, done};
use crate::ngsi_ld::docs::{Problems, TemporalBody};
use crate::ngsi_ld::negotiate;
use crate::params::Params;
use crate::{Failure, Gateway};

/// Provide the temporal evolution of an entity
///
/// Adds instances to what is known, or makes an entity known by them: then it is there as its last instances say. The same attribute observed at
/// the same moment again replaces what was said before.
#[utoipa::path(
    post,
    path = "/ngsi-ld/v1/temporal/entities",
    tag = "NGSI-LD temporal evolution",
    request_body(content((TemporalBody = "application/json"), (TemporalBody = "application/ld+json"))),
    responses(
        (status = 201, description = "Created and durable", headers(("Location" = String, description = "Path of the evolution"))),
        (status = 204, description = "Added and durable"),
        (status = 409, description = "An entity of this id exists already, out of sight", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        Problems,
    ),
    security(("bearer" = []))
)]
pub(crate) async fn provide(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    body: Capped,
) -> Result<HttpResponse, Failure> {
    let caller = Caller::of(&gateway, &request).await?;
    Params::read(&request, &["local"])?;
    let (text, context) = negotiate::document(&gateway, &request, &body).await?;
    let provided = gateway.broker.provide_evolution(&caller.request(), text, &context).await?;
    if provided.created {
        return Ok(created(&caller, "temporal/entities", &provided.id).finish());
    }
    Ok(done(&caller))
}
