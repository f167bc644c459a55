//! `GET /me/access-log`

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use tsunagu_audit::Seen;
use tsunagu_consent::Wish;
use tsunagu_domain::{TenantId, to_iso};
use tsunagu_store::access::{AccessLog, Action, Decision};
use utoipa::ToSchema;

use super::{ACCESS_LOG_TYPE, period, words};
use crate::actors::SessionCaller;
use crate::consents::personal;
use crate::params::Params;
use crate::{Failure, Gateway};

/// One access to the resident's data.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AccessBody {
    /// The place of its entry in the log, for its proof; unknown for entries of the first form.
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<u64>,
    /// When, ISO 8601.
    at: String,
    /// Who, as a code.
    actor: String,
    /// Who, in words.
    actor_ja: String,
    actor_en: String,
    /// What and why, in words.
    action_ja: String,
    action_en: String,
    /// What, as a code.
    #[schema(value_type = String)]
    action: Action,
    /// `allowed` or `denied`.
    #[schema(value_type = String)]
    decision: Decision,
    /// Why it was decided so, as a code.
    reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    purpose: Option<String>,
    /// The case in which staff looked.
    #[serde(skip_serializing_if = "Option::is_none")]
    case: Option<String>,
    /// Consent id.
    #[serde(skip_serializing_if = "Option::is_none")]
    consent: Option<String>,
    /// Expanded entity types.
    types: Vec<String>,
    /// Expanded attribute names.
    attributes: Vec<String>,
    /// Id of the request, for asking about it.
    request_id: String,
}

impl AccessBody {
    /// An access in codes and in words.
    pub(super) async fn new(
        gateway: &Gateway,
        tenant: &TenantId,
        Seen { index, access }: Seen,
    ) -> Result<Self, Failure> {
        let who = words::who(gateway, tenant, &access).await?;
        let what = words::what(&gateway.catalogue, &access);
        Ok(Self {
            index,
            at: to_iso(access.at),
            case: tsunagu_staff::told(&access).and_then(|told| told.case),
            actor: words::code(access.actor),
            actor_ja: who.ja,
            actor_en: who.en,
            action_ja: what.ja,
            action_en: what.en,
            action: access.action,
            decision: access.decision,
            reason: access.reason,
            purpose: access.purpose,
            consent: access.grant,
            types: access.types,
            attributes: access.attributes,
            request_id: access.request,
        })
    }
}

/// Accesses to the resident's data, newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct AccessLogBody {
    /// How many there are in the period.
    total: u64,
    accesses: Vec<AccessBody>,
}

/// Who did what with one's own data, denied attempts included
#[utoipa::path(get, path = "/me/access-log", tag = "Residents",
    params(
        ("Tsunagu-Acting-For" = Option<String>, Header, description = "Id of the delegation under which one acts for another"),
        ("periodStart" = Option<String>, Query, description = "Not before, ISO 8601"),
        ("periodEnd" = Option<String>, Query, description = "Not after, ISO 8601"),
        ("offset" = Option<u64>, Query, description = "Leaving out so many of the newest"),
        ("limit" = Option<u64>, Query, description = "At most so many; 1000 by default and at most"),
    ),
    responses(
        (status = 200, description = "Newest first", body = AccessLogBody),
        (status = 401, description = "No session, or too weak a login", body = crate::openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn access_log(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let caller = SessionCaller::acting(&gateway, &request, Wish::See).await?;
    let params = Params::read(&request, &["periodStart", "periodEnd", "offset", "limit"])?;
    let (total, accesses) = read(&gateway, &caller, &params).await?;
    let mut bodies = Vec::with_capacity(accesses.len());
    for seen in accesses {
        bodies.push(AccessBody::new(&gateway, &caller.tenant, seen).await?);
    }
    Ok(personal(&AccessLogBody { total, accesses: bodies }))
}

/// The asked part of the record; reading it is on record as well, from the next time on.
pub(super) async fn read(
    gateway: &Gateway,
    caller: &SessionCaller,
    params: &Params,
) -> Result<(u64, Vec<Seen>), Failure> {
    let period = period(params)?;
    let about = gateway.audit.accesses_about(&caller.tenant, caller.subject(), period).await;
    let about = about.map_err(tsunagu_domain::Problem::from)?;
    let access = caller.reads_own(gateway, ACCESS_LOG_TYPE, about.accesses.len());
    gateway.audit.record(&caller.tenant, &access).await?;
    Ok((about.total, about.accesses))
}
