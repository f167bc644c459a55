//! What staff decide about an award whose outcome is in doubt.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use tsunagu_domain::{Problem, ProblemCode, individual_number};
use tsunagu_rewards::{AwardUid, Decided, Decision};
use tsunagu_staff::{Object, Role};
use tsunagu_store::access::{Access, AccessLog as _, Action};
use utoipa::ToSchema;

use super::access;
use crate::actors::StaffCaller;
use crate::body::Capped;
use crate::{Failure, Gateway, request_id};

/// What awards are called in records of refusals.
const GRANT_TYPE: &str = "urn:tsunagu:type:CoinGrant";
/// Longest reason, characters.
const LONGEST: usize = 500;

/// The decision.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DecisionBody {
    /// `confirm`: the issuer has granted it. `reverse`: it is taken back, at the issuer too.
    #[schema(value_type = String)]
    decision: Decided,
    /// Why, 1 to 500 characters; nothing about the person.
    why: String,
}

/// Decide about an award
///
/// For operators, in a session of their own: orders whose outcome stays unknown, and to take a grant back. Who decided and why is kept with the award. It is carried out at
/// once where the issuer is not needed, else as soon as it answers. One entry in the access log of the person.
#[utoipa::path(
    post,
    path = "/rewards/v1/grants/{award}/decision",
    tag = "Coins",
    params(("award" = String, Path, description = "The award")),
    request_body = DecisionBody,
    responses(
        (status = 204, description = "Noted; it is being carried out"),
        (status = 400, description = "No such decision, no reason, or an individual number in it", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 401, description = "No session of staff", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 403, description = "Not an operator, or a token", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 404, description = "No such award", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 409, description = "It has its outcome, or a decision is being carried out that the issuer has not refused", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
    ),
)]
pub(crate) async fn decide(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    award: web::Path<String>,
    body: Capped,
) -> Result<HttpResponse, Failure> {
    let object = Object::new(GRANT_TYPE, "coins-decide", &award);
    let caller = StaffCaller::of(&gateway, &request, object).await?;
    caller.demand(&gateway, &[Role::Operator], object).await?;
    let uid: AwardUid = award.parse().map_err(|_| Problem::not_found())?;
    let found = gateway.rewards.find(&caller.tenant, uid).await?.ok_or_else(Problem::not_found)?;
    let wanted = || {
        Failure::new(
            ProblemCode::InvalidRequest,
            r#"the body must be {"decision":"confirm" or "reverse","why":"…"}, the reason 1 to 500 characters"#,
        )
    };
    let body: DecisionBody = serde_json::from_slice(&body.0).map_err(|_| wanted())?;
    let why = body.why.trim();
    if why.is_empty() || why.chars().count() > LONGEST {
        return Err(wanted());
    }
    if individual_number::is_in(why) {
        let detail = "an individual number (個人番号) may not be sent to this platform";
        return Err(Problem::new(ProblemCode::IndividualNumber, detail).at("/why").into());
    }
    let at = gateway.clock.micros();
    let decision = Decision {
        v: 1,
        award: uid,
        decided: body.decision,
        by: caller.acting.actor(),
        why: why.to_owned(),
        at,
    };
    let entry = access(
        caller.acting.actor(),
        "staff",
        request_id::of(&request),
        at,
        vec![found.subject],
        1,
    );
    let recorded = gateway.audit.ops(&Access { action: Action::Write, ..entry })?;
    gateway.rewards.decide(&caller.tenant, &decision, &recorded).await?;
    Ok(HttpResponse::NoContent().finish())
}
