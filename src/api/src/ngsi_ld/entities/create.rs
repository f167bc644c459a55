//! Create Entity (clause 5.6.1, binding 6.4.3.1).

use actix_web::{HttpRequest, HttpResponse, web};

use crate::body::Capped;
use crate::caller::Caller;
use crate::ngsi_ld::asked::created;
use crate::ngsi_ld::docs::{EntityBody, Problems};
use crate::ngsi_ld::negotiate;
use crate::params::Params;
use crate::{Failure, Gateway};

/// Create an entity
///
/// Answers when the entity, what follows from it and its record of access are on disk. The body is normalized, concise or simplified. A
/// personal entity needs a consent of the person with the action `write`, or a registration as publisher of its type.
#[utoipa::path(
    post,
    path = "/ngsi-ld/v1/entities",
    tag = "NGSI-LD entities",
    request_body(content(
        (EntityBody = "application/json"),
        (EntityBody = "application/ld+json"),
    )),
    responses(
        (status = 201, description = "Created and durable", headers(("Location" = String, description = "Path of the entity"))),
        (status = 409, description = "An entity of this id exists already", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        Problems,
    ),
    security(("bearer" = []))
)]
pub(crate) async fn create(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    body: Capped,
) -> Result<HttpResponse, Failure> {
    let caller = Caller::of(&gateway, &request).await?;
    Params::read(&request, &["local"])?;
    let (text, context) = negotiate::document(&gateway, &request, &body).await?;
    let new = gateway.broker.create(&caller.request(), text, &context).await?;
    Ok(created(&caller, "entities", &new.id).finish())
}
