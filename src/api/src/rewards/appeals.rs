//! Appeals that wait for the town, and its answers.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use tsunagu_domain::{Problem, ProblemCode, TsunoId};
use tsunagu_rewards::{Answer, AwardUid, Outcome};
use tsunagu_staff::{Object, Role};
use tsunagu_store::access::{Access, AccessLog as _, Action};
use utoipa::ToSchema;

use crate::actors::{StaffCaller, read};
use crate::body::Capped;
use crate::params::Params;
use crate::{Failure, Gateway, request_id};

/// What appeals are called in records of refusals.
const APPEAL_TYPE: &str = "urn:tsunagu:type:CoinAppeal";
/// At most so many at once.
const MOST: usize = 1_000;

/// The record of a member of staff with appeals of these people.
fn access(
    gateway: &Gateway,
    caller: &StaffCaller,
    request: &HttpRequest,
    mut subjects: Vec<TsunoId>,
) -> Access {
    let count = subjects.len();
    subjects.sort_unstable();
    subjects.dedup();
    let (id, actor) = (request_id::of(request), caller.acting.actor());
    read(gateway, &id, actor, subjects, "Coins", "staff", count)
}

/// List the appeals that wait
///
/// For operators, in a session of their own: those that wait longest first. A person appears only as the account at the issuer; each look is in
/// that person's access log. `grantable` says how many coins can be granted after all.
#[utoipa::path(
    get,
    path = "/rewards/v1/appeals",
    tag = "Coins",
    params(("limit" = Option<usize>, Query, description = "At most so many, 1 to 1000; 100 unless told")),
    responses(
        (status = 200, description = "Appeals with `award`, `account`, `rule`, `label`, `day`, `reason`, `text`, `at` and `grantable`", body = serde_json::Value),
        (status = 401, description = "No session of staff", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 403, description = "Not an operator, or a token", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
    ),
)]
pub(crate) async fn appeals(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let object = Object::new(APPEAL_TYPE, "coins-appeals", "");
    let caller = StaffCaller::looking(&gateway, &request, object).await?;
    caller.demand(&gateway, &[Role::Operator], object).await?;
    let params = Params::read(&request, &["limit"])?;
    let limit = params.number("limit", 100, MOST)?.max(1);
    let found = gateway.rewards.appeals(&caller.tenant, limit).await?;
    let mut response = HttpResponse::Ok();
    if !found.is_empty() {
        let subjects = found.iter().map(|appeal| appeal.subject).collect();
        let entry = access(&gateway, &caller, &request, subjects);
        let ticket = gateway.audit.record(&caller.tenant, &entry).await?;
        crate::ngsi_ld::personal(&mut response, Some(&ticket));
    }
    Ok(response.json(found))
}

/// The answer.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AnswerBody {
    /// `grant`: the coins are granted after all. `uphold`: it stays as it was decided.
    #[schema(value_type = String)]
    answer: Outcome,
    /// Why, for the resident to read: 1 to 500 characters.
    text: String,
}

/// Answer an appeal
///
/// For operators, in a session of their own; once. The resident reads the answer beside the decision. What is granted is ordered at once, against the
/// budget and the period of the rule but not against the limits of a person. Coins can be granted where only a limit was in the way of them, not
/// where the activity itself did not count. One entry in the access log of the person.
#[utoipa::path(
    post,
    path = "/rewards/v1/appeals/{award}/answer",
    tag = "Coins",
    params(("award" = String, Path, description = "The award")),
    request_body = AnswerBody,
    responses(
        (status = 204, description = "Answered"),
        (status = 400, description = "No such answer, no text, or an individual number in it", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 401, description = "No session of staff", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 403, description = "Not an operator, or a token", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 404, description = "Nobody appealed about such an award", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 409, description = "It is answered, or there are no coins to grant", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
    ),
)]
pub(crate) async fn answer(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    award: web::Path<String>,
    body: Capped,
) -> Result<HttpResponse, Failure> {
    let object = Object::new(APPEAL_TYPE, "coins-answer", &award);
    let caller = StaffCaller::of(&gateway, &request, object).await?;
    caller.demand(&gateway, &[Role::Operator], object).await?;
    let uid: AwardUid = award.parse().map_err(|_| Problem::not_found())?;
    let tenant = &caller.tenant;
    let subject = gateway.rewards.appealed_by(tenant, uid).await?.ok_or_else(Problem::not_found)?;
    let AnswerBody { answer: outcome, text } = serde_json::from_slice(&body.0).map_err(|_| {
        Failure::new(
            ProblemCode::InvalidRequest,
            r#"the body must be {"answer":"grant" or "uphold","text":"…"}, the text 1 to 500 characters"#,
        )
    })?;
    let answer = Answer { outcome, text, by: caller.acting.actor(), at: gateway.clock.micros() };
    let entry = access(&gateway, &caller, &request, vec![subject]);
    let recorded = gateway.audit.ops(&Access { action: Action::Write, ..entry })?;
    gateway.rewards.answer(tenant, uid, &answer, &recorded).await?;
    Ok(HttpResponse::NoContent().finish())
}
