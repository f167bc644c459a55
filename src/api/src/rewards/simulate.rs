//! Candidate rules, tried on the past.

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::NaiveDate;
use serde::Deserialize;
use tsunagu_domain::ProblemCode;
use tsunagu_rewards::Rules;
use tsunagu_store::access::AccessLog as _;
use utoipa::ToSchema;

use super::access;
use crate::actors::staff;
use crate::body::Capped;
use crate::{Failure, Gateway, request_id};

/// Rules, and on which days they are tried.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SimulationBody {
    /// As in the file of rules: `{"v": 1, "rules": [...]}`.
    #[schema(value_type = Object)]
    rules: Box<serde_json::value::RawValue>,
    /// First day of activity.
    #[schema(value_type = String, format = Date)]
    from: NaiveDate,
    /// The day after the last one.
    #[schema(value_type = String, format = Date)]
    to: NaiveDate,
}

/// Try rules on the past
///
/// Runs candidate rules over the stored activities of some days, in the order in which they came, as if each had been written under a consent and
/// by a resident. Nothing is written and nobody is paid; nothing in the answer is about a person. Whose activities were read has one entry
/// about it in their access log. One simulation runs at a time.
#[utoipa::path(
    post,
    path = "/rewards/v1/simulations",
    tag = "Coins",
    request_body = SimulationBody,
    responses(
        (status = 200, description = "`activities`, `persons`, and for each rule `grants`, `coins`, `persons`, `most_of_one_person`, `budget` and `refused` by reason", body = serde_json::Value),
        (status = 400, description = "The rules cannot be used, or too many activities are of these days", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 403, description = "Not staff", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 429, description = "Another simulation is running", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
    ),
    security(("bearer" = []))
)]
pub(crate) async fn simulate(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    body: Capped,
) -> Result<HttpResponse, Failure> {
    let staff = staff(&gateway, &request).await?;
    let body: SimulationBody = serde_json::from_slice(&body.0).map_err(|_| {
        Failure::new(
            ProblemCode::InvalidRequest,
            r#"the body must be {"rules":{"v":1,"rules":[…]},"from":"YYYY-MM-DD","to":"YYYY-MM-DD"}"#,
        )
    })?;
    let rules = Rules::read(body.rules.get().as_bytes())
        .map_err(|error| Failure::new(ProblemCode::InvalidRequest, error.to_string()))?;
    let days = (body.from, body.to);
    let (found, people) = gateway.rewards.simulate(&staff.tenant, &rules, days).await?;
    let mut response = HttpResponse::Ok();
    if !people.is_empty() {
        let count = usize::try_from(found.activities).unwrap_or(usize::MAX);
        let (at, request) = (gateway.clock.micros(), request_id::of(&request));
        let entry = access(staff.actor, "reward-simulation", request, at, people, count);
        let ticket = gateway.audit.record(&staff.tenant, &entry).await?;
        crate::ngsi_ld::personal(&mut response, Some(&ticket));
    }
    Ok(response.json(found))
}
