//! `POST /consents/v1/{id}/resume`

use actix_web::{HttpRequest, HttpResponse, web};
use tsunagu_consent::Wish;

use super::{ConsentBody, changed, id};
use crate::actors::SessionCaller;
use crate::{Failure, Gateway};

/// Puts a paused consent in force again
///
/// Only in the resident's own session, after a login of the last five minutes. What is not paused is left as it is.
#[utoipa::path(post, path = "/consents/v1/{id}/resume", tag = "Consents",
    params(
        ("Tsunagu-Acting-For" = Option<String>, Header, description = "Id of the delegation under which one acts for another"),
        ("id" = String, Path, description = "Consent id"),
        ("X-CSRF-Token" = Option<String>, Header, description = "The session's secret, unless the Origin header is this site's"),
    ),
    responses(
        (status = 200, description = "The consent as it is now", body = ConsentBody),
        (status = 401, description = "No session, or its login is too old", body = crate::openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "Absent, or not one's own", body = crate::openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn resume(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let caller = SessionCaller::acting(&gateway, &request, Wish::Change).await?;
    caller.meant(&gateway, &request)?;
    let done = gateway.ledger.resume(&caller.tenant, &caller.resident(), id(&request)).await?;
    changed(&gateway, &caller, done).await
}
