//! Delete Entity (clause 5.6.6, binding 6.5.3.2).

use actix_web::{HttpRequest, HttpResponse, web};

use crate::ngsi_ld::asked::{OF_ONE, OnOne, done};
use crate::ngsi_ld::docs::Problems;
use crate::{Failure, Gateway};

/// Delete an entity
///
/// A personal entity is deleted only by whoever wrote all of it.
#[utoipa::path(
    delete,
    path = "/ngsi-ld/v1/entities/{entityId}",
    tag = "NGSI-LD entities",
    params(("entityId" = String, Path, description = "Entity id, a URI")),
    responses(
        (status = 204, description = "Deleted and durable"),
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
    gateway.broker.delete(&on.caller.request(), on.target()).await?;
    Ok(done(&on.caller))
}
