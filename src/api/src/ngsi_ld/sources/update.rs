//! Update Context Source Registration (clause 5.9.3, binding 6.9.3.2).

use actix_web::{HttpRequest, HttpResponse, web};

use super::{RegistrationBody, registration_id};
use crate::body::Capped;
use crate::caller::Caller;
use crate::ngsi_ld::docs::Problems;
use crate::ngsi_ld::entities::echo_tenant;
use crate::ngsi_ld::negotiate;
use crate::params::Params;
use crate::{Failure, Gateway};

/// Change a registration
///
/// Members of the body replace those of the registration; `null` takes one away. Only clients with `manages_sources` may do so.
#[utoipa::path(
    patch,
    path = "/ngsi-ld/v1/csourceRegistrations/{registrationId}",
    tag = "NGSI-LD context sources",
    params(("registrationId" = String, Path, description = "Id of the registration, a URI")),
    request_body(content((RegistrationBody = "application/json"), (RegistrationBody = "application/ld+json"))),
    responses(
        (status = 204, description = "Changed and durable"),
        (status = 404, description = "There is none", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 409, description = "Another source or an entity here contradicts it", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        Problems,
    ),
    security(("bearer" = []))
)]
pub(crate) async fn update(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    body: Capped,
) -> Result<HttpResponse, Failure> {
    let caller = Caller::of(&gateway, &request).await?;
    Params::read(&request, &[])?;
    caller.view.may_manage_sources()?;
    let id = registration_id(&request)?;
    let (text, context) = negotiate::document(&gateway, &request, &body).await?;
    gateway.sources.update(&caller.view, &id, text, &context).await?;
    let mut response = HttpResponse::NoContent();
    echo_tenant(&mut response, &caller);
    Ok(response.finish())
}
