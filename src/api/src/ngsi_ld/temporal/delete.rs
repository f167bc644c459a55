//! Delete Temporal Evolution of an Entity (clause 5.6.16, binding 6.19.3.2).

use actix_web::{HttpRequest, HttpResponse, web};

use crate::ngsi_ld::asked::{OF_ONE, OnOne, done};
use crate::ngsi_ld::docs::Problems;
use crate::{Failure, Gateway};

/// Forget the temporal evolution of an entity
///
/// What the entity is now stays as it is, and its evolution begins anew with the next change. An entity that is known by its provided evolution
/// only is deleted with it.
#[utoipa::path(
    delete,
    path = "/ngsi-ld/v1/temporal/entities/{entityId}",
    tag = "NGSI-LD temporal evolution",
    params(("entityId" = String, Path, description = "Entity id, a URI")),
    responses(
        (status = 204, description = "Forgotten and durable"),
        (status = 404, description = "Absent or hidden", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        Problems,
    ),
    security(("bearer" = []))
)]
pub(crate) async fn delete(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let on = OnOne::of(&gateway, &request, &OF_ONE).await?;
    gateway.broker.forget_evolution(&on.caller.request(), on.target()).await?;
    Ok(done(&on.caller))
}
