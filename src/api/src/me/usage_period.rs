//! `GET /v2/usagePeriod`

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use tsunagu_consent::Wish;
use tsunagu_domain::{Problem, to_iso};
use utoipa::ToSchema;

use crate::actors::SessionCaller;
use crate::consents::personal;
use crate::params::Params;
use crate::{Failure, Gateway};

/// Since when uses of data are on record, until now.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UsagePeriodResponse {
    /// ISO 8601; now when there is none yet.
    period_start: String,
}

/// How far back the record goes
#[utoipa::path(get, path = "/v2/usagePeriod", tag = "Residents", responses(
    (status = 200, description = "Since when, until now", body = UsagePeriodResponse),
    (status = 401, description = "No session, or too weak a login", body = crate::openapi::ProblemBody, content_type = "application/problem+json"),
))]
pub(crate) async fn usage_period(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let caller = SessionCaller::acting(&gateway, &request, Wish::See).await?;
    Params::read(&request, &[])?;
    let since = gateway.audit.since(&caller.tenant).await.map_err(Problem::from)?;
    let period_start = to_iso(since.unwrap_or_else(|| gateway.clock.micros()));
    Ok(personal(&UsagePeriodResponse { period_start }))
}
