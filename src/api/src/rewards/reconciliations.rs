//! What the daily comparisons with the coin issuer found, for staff.

use actix_web::{HttpRequest, HttpResponse, web};
use tsunagu_store::access::AccessLog as _;

use super::access;
use crate::actors::staff;
use crate::params::Params;
use crate::{Failure, Gateway, request_id};

/// Days at once, at most: each has up to 10,000 differences, and each of them a person.
const MOST_DAYS: usize = 31;

/// List the comparisons with the coin issuer
///
/// One for each day that is over, the latest first: sums of both sides, and every award about which decisions, ledger and the issuer's statement
/// do not agree. A list never changes. Who reads of differences is in the access log of the people they are about.
#[utoipa::path(
    get,
    path = "/rewards/v1/reconciliations",
    tag = "Coins",
    params(("limit" = Option<usize>, Query, description = "At most so many days, 1 to 31; 31 unless told")),
    responses(
        (status = 200, description = "Days with `decisions`, `grants`, `coins`, `lines`, `net`, `found` and `differences`", body = serde_json::Value),
        (status = 400, description = "More days than that", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 403, description = "Not staff", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
    ),
    security(("bearer" = []))
)]
pub(crate) async fn reconciliations(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let staff = staff(&gateway, &request).await?;
    let params = Params::read(&request, &["limit"])?;
    let limit = params.number("limit", MOST_DAYS, MOST_DAYS)?.max(1);
    let found = gateway.rewards.reconciliations(&staff.tenant, limit).await?;
    let mut response = HttpResponse::Ok();
    let differences: Vec<_> = found.iter().flat_map(|day| day.differences.clone()).collect();
    if !differences.is_empty() {
        let entry = access(
            staff.actor,
            staff.reason,
            request_id::of(&request),
            gateway.clock.micros(),
            gateway.rewards.people_in(&staff.tenant, &differences).await?,
            differences.len(),
        );
        let ticket = gateway.audit.record(&staff.tenant, &entry).await?;
        crate::ngsi_ld::personal(&mut response, Some(&ticket));
    }
    Ok(response.json(found))
}
