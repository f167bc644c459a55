//! Serve @context (clause 5.13.4, binding 6.30.3.1).

use actix_web::{HttpRequest, HttpResponse, web};

use super::{Details, truth};
use crate::caller::Caller;
use crate::ngsi_ld::docs::Problems;
use crate::ngsi_ld::entities::{echo_tenant, path_part};
use crate::ngsi_ld::negotiate;
use crate::params::Params;
use crate::{Failure, Gateway};

/// Serve an @context
///
/// The document of one that is kept here, or with `details=true` what is known of it. Copies of others' documents are not served.
#[utoipa::path(
    get,
    path = "/ngsi-ld/v1/jsonldContexts/{contextId}",
    tag = "NGSI-LD @contexts",
    params(
        ("contextId" = String, Path, description = "Local id, or URL (percent-encoded)"),
        ("details" = Option<bool>, Query, description = "Whether to tell what is known of it instead"),
    ),
    responses(
        (status = 200, description = "An object with the member `@context`, or the details", body = Details),
        (status = 404, description = "There is none", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 422, description = "A copy of somebody else's, without `details=true`", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        Problems,
    ),
    security((), ("bearer" = []))
)]
pub(crate) async fn serve(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let caller = Caller::of(&gateway, &request).await?;
    let media = negotiate::accepted(&request)?;
    let params = Params::read(&request, &["details"])?;
    let name = path_part(&request, "contextId")?;
    let contexts = gateway.broker.contexts();
    let mut response = HttpResponse::Ok();
    echo_tenant(&mut response, &caller);
    response.content_type(media.name());
    if truth(&params, "details")? {
        return Ok(response.json(Details::from(contexts.details(&caller.view, &name).await?)));
    }
    Ok(response.body(contexts.serve(&caller.view, &name).await?))
}
