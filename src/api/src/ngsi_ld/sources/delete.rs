//! Delete Context Source Registration (clause 5.9.4, binding 6.9.3.3).

use actix_web::{HttpRequest, HttpResponse, web};

use super::registration_id;
use crate::caller::Caller;
use crate::ngsi_ld::docs::Problems;
use crate::ngsi_ld::entities::echo_tenant;
use crate::params::Params;
use crate::{Failure, Gateway};

/// Delete a registration
///
/// Only clients with `manages_sources` may do so.
#[utoipa::path(
    delete,
    path = "/ngsi-ld/v1/csourceRegistrations/{registrationId}",
    tag = "NGSI-LD context sources",
    params(("registrationId" = String, Path, description = "Id of the registration, a URI")),
    responses(
        (status = 204, description = "Deleted and durable"),
        (status = 404, description = "There is none", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        Problems,
    ),
    security(("bearer" = []))
)]
pub(crate) async fn delete(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let caller = Caller::of(&gateway, &request).await?;
    Params::read(&request, &[])?;
    let id = registration_id(&request)?;
    gateway.sources.delete(&caller.view, &id).await?;
    let mut response = HttpResponse::NoContent();
    echo_tenant(&mut response, &caller);
    Ok(response.finish())
}
