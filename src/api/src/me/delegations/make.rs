//! `POST /me/delegations`

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use tsunagu_consent::{DelegationScope, NewDelegation};
use tsunagu_domain::{Problem, ProblemCode, TsunoId, day_ends};
use utoipa::ToSchema;

use super::DelegationBody;
use crate::actors::SessionCaller;
use crate::body::Capped;
use crate::params::wrong;
use crate::{Failure, Gateway};

/// Whom one lets act for oneself.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct NewDelegationBody {
    /// Their Tsuno ID.
    delegate: String,
    /// What they are shown as one's own name.
    principal_name: String,
    /// What oneself is shown as theirs.
    delegate_name: String,
    /// `see`, `consent` or `both`.
    #[schema(value_type = String, example = "both")]
    scope: DelegationScope,
    /// The last day in Japan, within a year.
    #[schema(example = "2027-03-31")]
    last_day: String,
}

/// Lets somebody of the family act for oneself
///
/// Needs a login of the last five minutes at level 2. A delegate sees the consents and, as the scope says, who saw the data; they can change consents if the
/// scope says so. They cannot let anybody else act, take the data out, share it by a code or close the Tsuno ID.
#[utoipa::path(post, path = "/me/delegations", tag = "Residents",
    params(("X-CSRF-Token" = Option<String>, Header, description = "The session's secret, unless the Origin header is this site's")),
    request_body = NewDelegationBody,
    responses(
        (status = 201, description = "In force from now on", body = DelegationBody),
        (status = 400, description = "No such delegation can be", body = crate::openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No session, or a login that is too old or too weak", body = crate::openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Sent by another site's page, or by somebody who acts for another", body = crate::openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "Nobody has this Tsuno ID", body = crate::openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn make(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    body: Capped,
) -> Result<HttpResponse, Failure> {
    let caller = SessionCaller::of(&gateway, &request).await?;
    caller.meant(&gateway, &request)?;
    caller.lately(&gateway)?;
    let text = body.json(gateway.limits.max_depth)?;
    let asked: NewDelegationBody = serde_json::from_str(text).map_err(|_| {
        let detail = "the body must be {delegate, principalName, delegateName, scope, lastDay}";
        Failure::new(ProblemCode::InvalidRequest, detail)
    })?;
    let delegate: TsunoId =
        asked.delegate.parse().map_err(|_| wrong("delegate", "is a Tsuno ID"))?;
    let until =
        day_ends(&asked.last_day).ok_or_else(|| wrong("lastDay", "is a day such as 2027-03-31"))?;
    if gateway.residents.get(&caller.tenant, delegate).await?.is_none() {
        return Err(Problem::not_found().at("delegate").into());
    }
    let new = NewDelegation {
        delegate,
        principal_name: asked.principal_name,
        delegate_name: asked.delegate_name,
        scope: asked.scope,
        until,
    };
    let made = gateway.ledger.delegate(&caller.tenant, &caller.resident(), &new).await?;
    Ok(HttpResponse::Created()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(DelegationBody::new(&made, gateway.clock.micros())))
}
