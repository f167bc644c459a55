//! Decisions on activities, for staff.

use actix_web::{HttpRequest, HttpResponse, web};
use tsunagu_domain::Timestamp;
use tsunagu_rewards::AwardUid;
use tsunagu_store::access::AccessLog as _;

use super::access;
use crate::actors::staff;
use crate::params::{Params, wrong};
use crate::{Failure, Gateway, request_id};

/// List decisions on coins
///
/// The latest first. A person appears only as the account at the issuer; each look is in that person's access log all the same.
#[utoipa::path(
    get,
    path = "/rewards/v1/grants",
    tag = "Coins",
    params(
        ("limit" = Option<usize>, Query, description = "At most so many, 1 to 1000"),
        ("open" = Option<bool>, Query, description = "`true`: only orders without an outcome, those that wait longest first"),
        ("before" = Option<String>, Query, description = "`<at>.<award>` of the last one of the previous page"),
    ),
    responses(
        (status = 200, description = "Decisions with state and reason", body = serde_json::Value),
        (status = 403, description = "Not staff", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
    ),
    security(("bearer" = []))
)]
pub(crate) async fn grants(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let staff = staff(&gateway, &request).await?;
    let params = Params::read(&request, &["limit", "before", "open"])?;
    let limit = params.number("limit", 100, gateway.limits.max_page)?.max(1);
    let before = params.get("before").map(|text| {
        position(text).ok_or_else(|| wrong("before", "is <at>.<award> of an answer before"))
    });
    let found = match (params.get("open"), before.transpose()?) {
        (None | Some("false"), before) => {
            gateway.rewards.grants(&staff.tenant, before, limit).await?
        }
        (Some("true"), None) => gateway.rewards.open(&staff.tenant, limit).await?,
        (Some("true"), Some(_)) => {
            return Err(wrong("before", "does not go with open: all that waits is one page"));
        }
        (Some(_), _) => return Err(wrong("open", "is true or false")),
    };
    let mut response = HttpResponse::Ok();
    if !found.is_empty() {
        let mut subjects: Vec<_> = found.iter().map(|grant| grant.subject).collect();
        subjects.sort_unstable();
        subjects.dedup();
        let entry = access(
            staff.actor,
            staff.reason,
            request_id::of(&request),
            gateway.clock.micros(),
            subjects,
            found.len(),
        );
        let ticket = gateway.audit.record(&staff.tenant, &entry).await?;
        crate::ngsi_ld::personal(&mut response, Some(&ticket));
    }
    Ok(response.json(found))
}

fn position(text: &str) -> Option<(Timestamp, AwardUid)> {
    let (at, award) = text.split_once('.')?;
    Some((at.parse().ok()?, award.parse().ok()?))
}
