//! `GET /v2/findUsage`

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use tsunagu_consent::Wish;
use tsunagu_domain::{Problem, ProblemCode, TsunoId, to_iso};
use utoipa::ToSchema;

use super::{access_log, words};
use crate::actors::SessionCaller;
use crate::consents::personal;
use crate::params::{Params, wrong};
use crate::{Failure, Gateway};

/// One use of data.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Usage {
    /// When, ISO 8601.
    logtime: String,
    /// What and why, for people (Japanese).
    action: String,
    /// Who, as a code.
    receiver_code: String,
    /// Who (Japanese).
    receiver_name: String,
    /// Through which system.
    receiver_system: String,
}

/// Uses of data, newest first.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FindUsageResponse {
    /// How many there are in the period, whatever the limit.
    total_usages: u64,
    usages: Vec<Usage>,
}

/// Uses of one's own data, in the shape of the Estonian data tracker
#[utoipa::path(get, path = "/v2/findUsage", tag = "Residents",
    params(
        ("Tsunagu-Acting-For" = Option<String>, Header, description = "Id of the delegation under which one acts for another"),
        ("userCode" = String, Query, description = "The Tsuno ID of the session, or of whom one acts for"),
        ("periodStart" = Option<String>, Query, description = "Not before, ISO 8601"),
        ("periodEnd" = Option<String>, Query, description = "Not after, ISO 8601"),
        ("offset" = Option<u64>, Query, description = "Leaving out so many"),
        ("limit" = Option<u64>, Query, description = "At most so many; 1000 by default and at most"),
    ),
    responses(
        (status = 200, description = "Newest first", body = FindUsageResponse),
        (status = 401, description = "No session, or too weak a login", body = crate::openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Another person's code", body = crate::openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn find_usage(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let caller = SessionCaller::acting(&gateway, &request, Wish::See).await?;
    let known = ["userCode", "periodStart", "periodEnd", "offset", "limit"];
    let params = Params::read(&request, &known)?;
    let code = params.get("userCode").ok_or_else(|| wrong("userCode", "is missing"))?;
    // Whoever acts for another asks about that one, and says under what.
    if code.parse::<TsunoId>() != Ok(caller.subject()) {
        let detail =
            "userCode is the Tsuno ID of the session's own resident, or of whom one acts for";
        return Err(Problem::new(ProblemCode::Forbidden, detail).at("userCode").into());
    }
    let (total_usages, accesses) = access_log::read(&gateway, &caller, &params).await?;
    let mut usages = Vec::with_capacity(accesses.len());
    for access in accesses.into_iter().map(|seen| seen.access) {
        usages.push(Usage {
            logtime: to_iso(access.at),
            action: words::what(&gateway.catalogue, &access).ja,
            receiver_name: words::who(&gateway, &caller.tenant, &access).await?.ja,
            receiver_code: words::code(access.actor),
            receiver_system: "tsunagu".to_owned(),
        });
    }
    Ok(personal(&FindUsageResponse { total_usages, usages }))
}
