//! Delete Entity (clause 5.6.6, binding 6.5.3.2).

use actix_web::{HttpRequest, HttpResponse, web};
use tsunagu_broker::Target;

use super::{echo_tenant, entity_id, selection};
use crate::caller::Caller;
use crate::ngsi_ld::docs::Problems;
use crate::ngsi_ld::negotiate;
use crate::params::Params;
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
    let caller = Caller::of(&gateway, &request).await?;
    let params = Params::read(&request, &["type", "local"])?;
    let context = negotiate::linked(&gateway, &request).await?;
    let id = entity_id(&request)?;
    let types = selection(&params, &context)?;
    let target = Target { id: &id, types: types.as_ref() };
    gateway.broker.delete(&caller.request(), target).await?;
    let mut response = HttpResponse::NoContent();
    echo_tenant(&mut response, &caller);
    Ok(response.finish())
}
