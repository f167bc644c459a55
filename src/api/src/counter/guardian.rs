//! `POST /counter/v1/guardians`

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use tsunagu_consent::{Authority, AuthorityEvidence, Counter, DelegationScope, NewGuardian};
use tsunagu_domain::{Problem, ProblemCode, comes_of_age, day_ends};
use utoipa::ToSchema;

use super::{clerk, known, read};
use crate::body::Capped;
use crate::me::delegations::DelegationBody;
use crate::params::wrong;
use crate::{Failure, Gateway, request_id};

/// The legal representative of a minor.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct GuardianBody {
    /// Tsuno ID of the minor.
    principal: String,
    /// Tsuno ID of the guardian.
    delegate: String,
    /// What the guardian is shown as the minor's name.
    principal_name: String,
    /// What the minor is shown as the guardian's name.
    delegate_name: String,
    /// `see`, `consent` or `both`.
    #[schema(value_type = String, example = "both")]
    scope: DelegationScope,
    /// The last day of the authority in Japan, if it ends before the minor comes of age.
    last_day: Option<String>,
    /// What shows it: `municipal-record`, `family-register` or `court-order`.
    #[schema(value_type = String)]
    evidence: AuthorityEvidence,
    /// Where that is filed.
    reference: String,
    /// Who at the counter, as a tool of the town hall says. In a session of staff it is the member whose session it is, whatever is said here.
    clerk: Option<String>,
}

/// Records the guardian of a minor
///
/// It ends with the day before the eighteenth birthday, counted in Japan from the verified date of birth, without anything having to be done.
#[utoipa::path(post, path = "/counter/v1/guardians", tag = "Counter",
    request_body = GuardianBody,
    responses(
        (status = 201, description = "In force from now on", body = DelegationBody),
        (status = 400, description = "Of age, without a verified date of birth, or incomplete", body = crate::openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Not staff", body = crate::openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "Nobody has one of the Tsuno IDs", body = crate::openapi::ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])))]
pub(crate) async fn guardian(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    body: Capped,
) -> Result<HttpResponse, Failure> {
    let staff = clerk(&gateway, &request, "counter-guardian").await?;
    let form = "{principal, delegate, principalName, delegateName, scope, evidence, reference, clerk} and optionally lastDay";
    let body: GuardianBody = read(&gateway, &body, form)?;
    let tenant = &staff.tenant;
    let principal = known(&gateway, tenant, &body.principal).await?;
    let delegate = known(&gateway, tenant, &body.delegate).await?;
    let until = match &body.last_day {
        Some(day) => {
            Some(day_ends(day).ok_or_else(|| wrong("lastDay", "is a day such as 2027-03-31"))?)
        }
        None => None,
    };
    let born = gateway.residents.birth_date(tenant, principal).await?;
    let of_age = born.as_deref().and_then(comes_of_age).ok_or_else(|| {
        let detail = "there is no verified date of birth of this resident";
        Problem::new(ProblemCode::BadRequestData, detail).at("principal")
    })?;
    let new = NewGuardian {
        principal,
        delegate,
        principal_name: body.principal_name,
        delegate_name: body.delegate_name,
        scope: body.scope,
        until,
        of_age,
        authority: Authority {
            evidence: body.evidence,
            reference: body.reference,
            recorded_by: staff.clerk(body.clerk),
        },
    };
    let actor = &staff.actor;
    let by = Counter { actor, request: &request_id::of(&request) };
    let made = gateway.ledger.record_guardian(tenant, &by, new).await?;
    Ok(HttpResponse::Created()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(DelegationBody::new(&made, gateway.clock.micros())))
}
