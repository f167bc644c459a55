//! A resident asks the town to look at a decision about coins again.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use tsunagu_domain::{Problem, ProblemCode};
use tsunagu_rewards::AwardUid;
use tsunagu_store::access::{Access, AccessLog as _, Action};
use utoipa::ToSchema;

use crate::actors::SessionCaller;
use crate::body::Capped;
use crate::{Failure, Gateway};

/// What the resident says.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AppealBody {
    /// At most 500 characters; may be left out.
    #[serde(default)]
    text: String,
}

/// Ask the town to look at it again
///
/// For an activity that earned nothing or whose coins were taken back, once. The answer is with the decision in `GET /me/coins`.
#[utoipa::path(
    post,
    path = "/me/coins/{award}/appeal",
    tag = "Coins",
    params(
        ("award" = String, Path, description = "The award"),
        ("X-CSRF-Token" = Option<String>, Header, description = "The session's secret, unless the Origin header is this site's"),
    ),
    request_body = AppealBody,
    responses(
        (status = 204, description = "The town has been asked"),
        (status = 400, description = "Not such a body, a text that is too long, or an individual number in it", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 401, description = "No session, or one that is too weak", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 403, description = "Sent by another site's page, or by a delegate", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 404, description = "The resident has no such award", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 409, description = "It has its coins, or the town was asked before", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
    )
)]
pub(crate) async fn appeal(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    award: web::Path<String>,
    body: Capped,
) -> Result<HttpResponse, Failure> {
    let caller = SessionCaller::of(&gateway, &request).await?;
    caller.meant(&gateway, &request)?;
    let uid: AwardUid = award.parse().map_err(|_| Problem::not_found())?;
    let body: AppealBody = serde_json::from_slice(&body.0).map_err(|_| {
        Failure::new(
            ProblemCode::InvalidRequest,
            r#"the body must be {"text":"…"} with at most 500 characters, or {}"#,
        )
    })?;
    let (tenant, subject) = (&caller.tenant, caller.subject());
    let entry = Access { action: Action::Write, ..caller.reads_own(&gateway, "Coins", 1) };
    let recorded = gateway.audit.ops(&entry)?;
    let at = gateway.clock.micros();
    gateway.rewards.appeal(tenant, (subject, uid), &body.text, at, &recorded).await?;
    Ok(HttpResponse::NoContent().finish())
}
