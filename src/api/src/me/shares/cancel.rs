//! `POST /me/share-codes/{id}/cancel`

use actix_web::{HttpRequest, HttpResponse, web};

use super::ShareBody;
use crate::actors::SessionCaller;
use crate::consents::personal;
use crate::{Failure, Gateway};

/// Takes a share code back, and every consent that came from it, from the next request on
///
/// Repeating it changes nothing.
#[utoipa::path(post, path = "/me/share-codes/{id}/cancel", tag = "Residents",
    params(
        ("id" = String, Path, description = "The first eight characters of the code"),
        ("X-CSRF-Token" = Option<String>, Header, description = "The session's secret, unless the Origin header is this site's"),
    ),
    responses(
        (status = 200, description = "The code as it is now", body = ShareBody),
        (status = 401, description = "No session, or too weak a login", body = crate::openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Sent by another site's page", body = crate::openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "Absent, or not one's own", body = crate::openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn cancel(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let caller = SessionCaller::of(&gateway, &request).await?;
    caller.meant(&gateway, &request)?;
    let id = request.match_info().get("id").unwrap_or_default();
    let share = gateway.ledger.cancel_share(&caller.tenant, &caller.resident(), id).await?;
    Ok(personal(&ShareBody::new(&share, gateway.clock.micros())))
}
