//! `POST /me/delegations/{id}/end`

use actix_web::{HttpRequest, HttpResponse, web};

use super::DelegationBody;
use crate::actors::SessionCaller;
use crate::consents::personal;
use crate::{Failure, Gateway};

/// Ends a delegation, from the next request on
///
/// The resident ends those that they made, the delegate gives up any. The authority of a guardian is ended at the counter. Repeating it changes nothing.
#[utoipa::path(post, path = "/me/delegations/{id}/end", tag = "Residents",
    params(
        ("id" = String, Path, description = "Id of the delegation"),
        ("X-CSRF-Token" = Option<String>, Header, description = "The session's secret, unless the Origin header is this site's"),
    ),
    responses(
        (status = 200, description = "The delegation as it is now", body = DelegationBody),
        (status = 401, description = "No session, or too weak a login", body = crate::openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Sent by another site's page, or a guardian of oneself", body = crate::openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "Absent, or none of one's own", body = crate::openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn end(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let caller = SessionCaller::of(&gateway, &request).await?;
    caller.meant(&gateway, &request)?;
    let id = request.match_info().get("id").unwrap_or_default();
    let ended = gateway.ledger.end_delegation(&caller.tenant, &caller.resident(), id).await?;
    Ok(personal(&DelegationBody::new(&ended, gateway.clock.micros())))
}
