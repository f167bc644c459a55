//! `POST /me/close`

use actix_web::{HttpRequest, HttpResponse, web};

use crate::actors::SessionCaller;
use crate::{Failure, Gateway};

/// Closes one's own Tsuno ID for good
///
/// Every consent is withdrawn, every session ends, and no login leads to the id any more; it is never given out again. Needs a login of
/// the last five minutes. The record of access stays.
#[utoipa::path(post, path = "/me/close", tag = "Residents",
    params(
        ("X-CSRF-Token" = Option<String>, Header, description = "The session's secret, unless the Origin header is this site's"),
    ),
    responses(
        (status = 204, description = "Closed"),
        (status = 401, description = "No session, or a login that is too old or too weak", body = crate::openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Sent by another site's page", body = crate::openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn close(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let caller = SessionCaller::of(&gateway, &request).await?;
    caller.meant(&gateway, &request)?;
    caller.lately(&gateway)?;
    let (tenant, subject) = (&caller.tenant, caller.subject());
    gateway.ledger.withdraw_all(tenant, &caller.resident()).await?;
    gateway.residents.close(tenant, subject, &caller.request_id, &gateway.sessions).await?;
    Ok(HttpResponse::NoContent().finish())
}
