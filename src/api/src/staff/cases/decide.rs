//! `POST /staff/v1/cases/{id}/approve`, `…/deny` and `…/close`

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use tsunagu_staff::Decision;
use utoipa::ToSchema;

use super::object;
use crate::actors::StaffCaller;
use crate::body::Capped;
use crate::staff::json;
use crate::{Failure, Gateway};

/// A decision about a case.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct VerdictBody {
    /// Why.
    #[serde(default)]
    note: String,
}

/// Approve a case about several residents
///
/// For approvers, and not for whose case it is. It is open from now on for the hours that it names, and for nothing else than what it describes: a case
/// is never changed.
#[utoipa::path(post, path = "/staff/v1/cases/{id}/approve", tag = "Staff",
    params(("id" = String, Path, description = "Number of the case")),
    request_body = VerdictBody,
    responses(
        (status = 204, description = "It is open"),
        (status = 401, description = "No session of staff", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 403, description = "Not an approver, one's own case, or a token", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 404, description = "No such case", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 409, description = "It does not wait", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
    ))]
pub(crate) async fn approve(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    id: web::Path<String>,
    body: Capped,
) -> Result<HttpResponse, Failure> {
    decide(&gateway, &request, &id, &body, Decision::Approve, "case-approve").await
}

/// Deny a case about several residents
///
/// For approvers, and not for whose case it is.
#[utoipa::path(post, path = "/staff/v1/cases/{id}/deny", tag = "Staff",
    params(("id" = String, Path, description = "Number of the case")),
    request_body = VerdictBody,
    responses(
        (status = 204, description = "It is denied"),
        (status = 401, description = "No session of staff", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 403, description = "Not an approver, one's own case, or a token", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 404, description = "No such case", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 409, description = "It does not wait", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
    ))]
pub(crate) async fn deny(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    id: web::Path<String>,
    body: Capped,
) -> Result<HttpResponse, Failure> {
    decide(&gateway, &request, &id, &body, Decision::Deny, "case-deny").await
}

async fn decide(
    gateway: &Gateway,
    request: &HttpRequest,
    id: &str,
    body: &Capped,
    decision: Decision,
    act: &'static str,
) -> Result<HttpResponse, Failure> {
    let caller = StaffCaller::of(gateway, request, object(act, id)).await?;
    let VerdictBody { note } = json(gateway, body, r#"{"note":"…"}"#)?;
    gateway.cases.decide(&caller.tenant, &caller.acting, id, decision, &note).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Close a case
///
/// For whose it is. Nothing is read in it any more.
#[utoipa::path(post, path = "/staff/v1/cases/{id}/close", tag = "Staff",
    params(("id" = String, Path, description = "Number of the case")),
    responses(
        (status = 204, description = "Closed"),
        (status = 401, description = "No session of staff", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 403, description = "Not one's own, or a token", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 404, description = "No such case", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
    ))]
pub(crate) async fn close(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let caller = StaffCaller::of(&gateway, &request, object("case-close", &id)).await?;
    gateway.cases.close(&caller.tenant, &caller.acting, &id).await?;
    Ok(HttpResponse::NoContent().finish())
}
