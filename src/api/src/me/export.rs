//! `GET /me/export`

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use serde_json::value::RawValue;
use tsunagu_audit::Period;
use tsunagu_broker::Request;
use tsunagu_consent::Part;
use tsunagu_domain::{Problem, ProblemCode, to_iso};
use tsunagu_identity::{Suspension, Verdict};
use tsunagu_ngsi_ld::Context;
use tsunagu_policy::{Asked, Principal};
use tsunagu_rewards::CoinsView;
use tsunagu_store::access::Access;
use utoipa::ToSchema;

use super::access_log::AccessBody;
use super::delegations::DelegationBody;
use super::shares::ShareBody;
use crate::actors::SessionCaller;
use crate::consents::ConsentBody;
use crate::{Failure, Gateway};

/// What is told beside entities, as the record of access names it.
const BESIDE: [&str; 5] = ["Consent", "ShareCode", "Delegation", "Coins", "AccessLog"];
/// So many share codes are told, the newest.
const SHARES: usize = 1000;

/// Where the person was found to live, and how.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ResidencyBody {
    /// `resident`, `non-resident` or `needs-counter`.
    #[schema(value_type = String)]
    verdict: Verdict,
    /// ISO 8601.
    decided_at: String,
    /// When the identity provider verified the address, in its own words.
    verified_at: Option<String>,
    /// E.g. `login:xid`.
    method: String,
    /// Why what is for residents has stopped, if it has: `moved-out`, `elsewhere`, `proof-due`.
    #[schema(value_type = Vec<String>)]
    suspended: Vec<Suspension>,
}

/// Everything that is kept about a person.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ExportBody {
    /// Version of this form.
    version: u8,
    /// ISO 8601.
    made_at: String,
    tsuno_id: String,
    residency: Option<ResidencyBody>,
    /// NGSI-LD entities, normalized, in the core @context.
    #[schema(value_type = Vec<Object>)]
    entities: Box<RawValue>,
    consents: Vec<ConsentBody>,
    share_codes: Vec<ShareBody>,
    /// Who may act for the person, or might.
    delegations_for_me: Vec<DelegationBody>,
    /// For whom the person may act, or might.
    delegations_by_me: Vec<DelegationBody>,
    #[schema(value_type = Object)]
    coins: CoinsView,
    /// Who got what: the accesses of services that were allowed.
    provisions: Vec<AccessBody>,
    /// All accesses, denied attempts and one's own included, newest first.
    access_log: Vec<AccessBody>,
}

/// Takes out everything that is kept about oneself
///
/// Needs a login of the last five minutes. The record of access has one entry for it.
#[utoipa::path(get, path = "/me/export", tag = "Residents",
    responses(
        (status = 200, description = "A file of JSON", body = ExportBody),
        (status = 401, description = "No session, or a login that is too old or too weak", body = crate::openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn export(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let caller = SessionCaller::of(&gateway, &request).await?;
    caller.lately(&gateway)?;
    let (tenant, subject) = (&caller.tenant, caller.subject());
    let now = gateway.clock.micros();
    let period = Period::newest(usize::MAX);
    let about = gateway.audit.accesses_about(tenant, subject, period).await;
    let about = about.map_err(Problem::from)?;
    let mut access_log = Vec::with_capacity(about.accesses.len());
    let mut provisions = Vec::new();
    for seen in about.accesses {
        if is_provision(&seen.access) {
            provisions.push(AccessBody::new(&gateway, tenant, seen.clone()).await?);
        }
        access_log.push(AccessBody::new(&gateway, tenant, seen).await?);
    }
    let part = Part { offset: 0, limit: usize::MAX };
    let listed = gateway.ledger.of_subject(tenant, subject, part).await?;
    let mut consents = Vec::with_capacity(listed.consents.len());
    for consent in &listed.consents {
        let events = gateway.ledger.events(tenant, &consent.id).await?;
        consents.push(ConsentBody::new(consent, subject, now, &events));
    }
    let shares = gateway.ledger.shares(tenant, subject, SHARES).await?;
    let for_me = gateway.ledger.delegations_of(tenant, subject).await?;
    let by_me = gateway.ledger.delegations_to(tenant, subject).await?;
    let coins = gateway.rewards.all_coins_of(tenant, subject).await?;
    let suspended = gateway.residents.suspensions(tenant, subject).await?;
    let resident = gateway.residents.get(tenant, subject).await?;
    let residency = resident.map(|resident| ResidencyBody {
        verdict: resident.residency.verdict,
        decided_at: to_iso(resident.residency.decided_at),
        verified_at: resident.residency.verified_at,
        method: resident.residency.method,
        suspended,
    });
    // Last, because this writes the access down: what fails before it was not given.
    let asked = Asked {
        tenant,
        catalogue: &gateway.catalogue,
        now,
        principal: Principal::Resident { subject, assurance: &caller.session.assurance },
    };
    let view = gateway.policies.decide(&asked).map_err(Problem::from)?;
    let asked = Request { view: &view, id: &caller.request_id };
    let beside = BESIDE.map(|kind| format!("urn:tsunagu:type:{kind}"));
    let answer = gateway.broker.take_out(&asked, &beside, &Context::core()).await?;
    let entities = String::from_utf8(answer.body).ok().and_then(|t| RawValue::from_string(t).ok());
    let broken = || Problem::new(ProblemCode::InternalError, "an entity is not readable");
    let body = ExportBody {
        version: 1,
        made_at: to_iso(now),
        tsuno_id: subject.to_string(),
        residency,
        entities: entities.ok_or_else(broken)?,
        consents,
        share_codes: shares.iter().map(|share| ShareBody::new(share, now)).collect(),
        delegations_for_me: for_me.iter().map(|of| DelegationBody::new(of, now)).collect(),
        delegations_by_me: by_me.iter().map(|of| DelegationBody::new(of, now)).collect(),
        coins,
        provisions,
        access_log,
    };
    let mut response = HttpResponse::Ok();
    crate::ngsi_ld::personal(&mut response, answer.ticket.as_ref());
    response.insert_header(("Content-Disposition", "attachment; filename=\"tsuno-id.json\""));
    Ok(response.json(body))
}

/// Whether a service got something about the person.
fn is_provision(access: &Access) -> bool {
    use tsunagu_store::access::{Action, Decision};
    let got =
        matches!(access.action, Action::Read | Action::Query | Action::Notify | Action::Identify);
    got && access.decision == Decision::Allowed && access.actor.starts_with("client:")
}
