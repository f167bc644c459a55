//! A resident's own coins.

use actix_web::{HttpRequest, HttpResponse, web};
use tsunagu_store::access::AccessLog as _;

use crate::actors::SessionCaller;
use crate::{Failure, Gateway};

/// See one's own coins
///
/// Coins granted, coins on their way, and every decision with its reason.
#[utoipa::path(
    get,
    path = "/me/coins",
    tag = "Coins",
    responses(
        (status = 200, description = "`balance`, `pending` and `grants`", body = serde_json::Value),
        (status = 401, description = "No session, or one that is too weak", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
    )
)]
pub(crate) async fn coins(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let caller = SessionCaller::of(&gateway, &request).await?;
    let tenant = &caller.tenant;
    let view = gateway.rewards.coins_of(tenant, caller.subject()).await?;
    let entry = caller.reads_own(&gateway, "Coins", view.grants.len());
    let ticket = gateway.audit.record(tenant, &entry).await?;
    let mut response = HttpResponse::Ok();
    crate::ngsi_ld::personal(&mut response, Some(&ticket));
    Ok(response.json(view))
}
