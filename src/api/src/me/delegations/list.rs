//! `GET /me/delegations`

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use tsunagu_store::access::AccessLog as _;
use utoipa::ToSchema;

use super::{DELEGATION_TYPE, DelegationBody};
use crate::actors::SessionCaller;
use crate::consents::personal;
use crate::params::Params;
use crate::{Failure, Gateway};

/// Delegations, the newest first.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DelegationsBody {
    /// Who may act for oneself, or might.
    for_me: Vec<DelegationBody>,
    /// For whom oneself may act, or might.
    by_me: Vec<DelegationBody>,
}

/// Who may act for oneself, and for whom oneself may act
#[utoipa::path(get, path = "/me/delegations", tag = "Residents",
    responses(
        (status = 200, description = "Newest first, the last hundred of each", body = DelegationsBody),
        (status = 401, description = "No session, or too weak a login", body = crate::openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn list(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let caller = SessionCaller::of(&gateway, &request).await?;
    Params::read(&request, &[])?;
    let (tenant, me) = (&caller.tenant, caller.subject());
    let for_me = gateway.ledger.delegations_of(tenant, me).await?;
    let by_me = gateway.ledger.delegations_to(tenant, me).await?;
    let access = caller.reads_own(&gateway, DELEGATION_TYPE, for_me.len() + by_me.len());
    gateway.audit.record(tenant, &access).await?;
    let now = gateway.clock.micros();
    let bodies = |all: &[tsunagu_consent::Delegation]| {
        all.iter().map(|delegation| DelegationBody::new(delegation, now)).collect()
    };
    Ok(personal(&DelegationsBody { for_me: bodies(&for_me), by_me: bodies(&by_me) }))
}
