//! `POST /consents/v1/{id}/pause`

use actix_web::{HttpRequest, HttpResponse, web};
use tsunagu_consent::Wish;

use super::{ConsentBody, changed, id};
use crate::actors::SessionCaller;
use crate::{Failure, Gateway};

/// Puts a consent out of force until it is resumed, from the next request on
///
/// Only in the resident's own session. Repeating it changes nothing.
#[utoipa::path(post, path = "/consents/v1/{id}/pause", tag = "Consents",
    params(
        ("Tsunagu-Acting-For" = Option<String>, Header, description = "Id of the delegation under which one acts for another"),
        ("id" = String, Path, description = "Consent id"),
        ("X-CSRF-Token" = Option<String>, Header, description = "The session's secret, unless the Origin header is this site's"),
    ),
    responses(
        (status = 200, description = "The consent as it is now", body = ConsentBody),
        (status = 401, description = "No session", body = crate::openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "Absent, or not one's own", body = crate::openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn pause(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let caller = SessionCaller::acting(&gateway, &request, Wish::Change).await?;
    caller.meant(&gateway, &request)?;
    let done = gateway.ledger.pause(&caller.tenant, &caller.resident(), id(&request)).await?;
    changed(&gateway, &caller, done).await
}
