//! `POST /consents/v1/{id}/confirm`

use actix_web::{HttpRequest, HttpResponse, web};

use super::{ConsentBody, changed, id};
use crate::actors::SessionCaller;
use crate::{Failure, Gateway};

/// Stands by a consent that a guardian gave, now that one is of age
///
/// Needs a login of the last five minutes. Until then, and without it, the consent goes on as it was given. Repeating it changes nothing.
#[utoipa::path(post, path = "/consents/v1/{id}/confirm", tag = "Consents",
    params(
        ("id" = String, Path, description = "Consent id"),
        ("X-CSRF-Token" = Option<String>, Header, description = "The session's secret, unless the Origin header is this site's"),
    ),
    responses(
        (status = 200, description = "The consent as it is now", body = ConsentBody),
        (status = 401, description = "No session, or a login that is too old or too weak", body = crate::openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "Absent, or not one's own", body = crate::openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn confirm(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let caller = SessionCaller::of(&gateway, &request).await?;
    caller.meant(&gateway, &request)?;
    let done = gateway.ledger.confirm(&caller.tenant, &caller.resident(), id(&request)).await?;
    changed(&gateway, &caller, done).await
}
