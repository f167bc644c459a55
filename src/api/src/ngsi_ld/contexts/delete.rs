//! Delete and reload @context (clause 5.13.5, binding 6.30.3.2).

use actix_web::{HttpRequest, HttpResponse, web};

use super::truth;
use crate::caller::Caller;
use crate::ngsi_ld::docs::Problems;
use crate::ngsi_ld::entities::{echo_tenant, path_part};
use crate::params::Params;
use crate::{Failure, Gateway};

/// Delete an @context, or load a copy anew
///
/// Data that was written with it stays as it is. A copy that is deleted is loaded again when it is used again; one that cannot be reloaded
/// stays. Only writers of open data may do so.
#[utoipa::path(
    delete,
    path = "/ngsi-ld/v1/jsonldContexts/{contextId}",
    tag = "NGSI-LD @contexts",
    params(
        ("contextId" = String, Path, description = "Local id, or URL (percent-encoded)"),
        ("reload" = Option<bool>, Query, description = "Whether to load a copy anew; only for copies"),
    ),
    responses(
        (status = 204, description = "Deleted or reloaded"),
        (status = 404, description = "There is none", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 504, description = "It cannot be reloaded", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        Problems,
    ),
    security(("bearer" = []))
)]
pub(crate) async fn delete(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let caller = Caller::of(&gateway, &request).await?;
    let params = Params::read(&request, &["reload"])?;
    let reload = truth(&params, "reload")?;
    let name = path_part(&request, "contextId")?;
    gateway.broker.contexts().delete(&caller.view, &name, reload).await?;
    let mut response = HttpResponse::NoContent();
    echo_tenant(&mut response, &caller);
    Ok(response.finish())
}
