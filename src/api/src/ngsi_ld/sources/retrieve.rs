//! Retrieve Context Source Registration (clause 5.10.1, binding 6.9.3.1).

use actix_web::{HttpRequest, HttpResponse, web};
use tsunagu_ngsi_ld::source::render;

use super::{RegistrationBody, registration_id, shape};
use crate::caller::Caller;
use crate::ngsi_ld::docs::Problems;
use crate::ngsi_ld::entities::echo_tenant;
use crate::ngsi_ld::negotiate;
use crate::params::Params;
use crate::{Failure, Gateway};

/// Retrieve a registration
///
/// `contextSourceInfo`, which can hold secrets of the source, is shown to clients with `manages_sources` only.
#[utoipa::path(
    get,
    path = "/ngsi-ld/v1/csourceRegistrations/{registrationId}",
    tag = "NGSI-LD context sources",
    params(
        ("registrationId" = String, Path, description = "Id of the registration, a URI"),
        ("options" = Option<String>, Query, description = "`sysAttrs` shows when it was created and changed"),
    ),
    responses(
        (status = 200, description = "The registration", content((RegistrationBody = "application/json"), (RegistrationBody = "application/ld+json"))),
        (status = 404, description = "There is none, or its time is over", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        Problems,
    ),
    security((), ("bearer" = []))
)]
pub(crate) async fn retrieve(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let caller = Caller::of(&gateway, &request).await?;
    let media = negotiate::accepted(&request)?;
    let params = Params::read(&request, &["options"])?;
    let shape = shape(&caller, &params, media)?;
    let context = negotiate::linked(&gateway, &request).await?;
    let id = registration_id(&request)?;
    let registration = gateway.sources.retrieve(&caller.view, &id).await?;
    let mut response = HttpResponse::Ok();
    negotiate::describe(&mut response, media, &context);
    echo_tenant(&mut response, &caller);
    Ok(response.body(render(&registration, &context, shape).to_string()))
}
