//! `POST /staff/v1/clients/{id}/approve` and `…/deny`

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use tsunagu_staff::Decision;
use utoipa::ToSchema;

use super::object;
use crate::actors::StaffCaller;
use crate::body::Capped;
use crate::staff::json;
use crate::{Failure, Gateway};

/// A decision.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DecideBody {
    /// The revision of the application that was seen.
    revision: u32,
    /// Why.
    #[serde(default)]
    note: String,
}

/// Approve an application
///
/// For approvers who had no hand in it. It must be the revision that was seen. The client is active at once here, and in every other process within
/// half a second.
#[utoipa::path(post, path = "/staff/v1/clients/{id}/approve", tag = "Staff",
    params(("id" = String, Path, description = "Its `client_id`")),
    request_body = DecideBody,
    responses(
        (status = 204, description = "It is active"),
        (status = 401, description = "No session of staff", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 403, description = "Not an approver, one's own application, or a token", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 404, description = "There never was one", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 409, description = "Nothing waits, or another revision", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
    ))]
pub(crate) async fn approve(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    id: web::Path<String>,
    body: Capped,
) -> Result<HttpResponse, Failure> {
    decide(&gateway, &request, &id, &body, Decision::Approve, "client-approve").await
}

/// Deny an application
///
/// For approvers, and for whoever made it, to take it back.
#[utoipa::path(post, path = "/staff/v1/clients/{id}/deny", tag = "Staff",
    params(("id" = String, Path, description = "Its `client_id`")),
    request_body = DecideBody,
    responses(
        (status = 204, description = "Nothing waits any more"),
        (status = 401, description = "No session of staff", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 403, description = "Neither an approver nor one's own application, or a token", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 404, description = "There never was one", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 409, description = "Nothing waits, or another revision", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
    ))]
pub(crate) async fn deny(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    id: web::Path<String>,
    body: Capped,
) -> Result<HttpResponse, Failure> {
    decide(&gateway, &request, &id, &body, Decision::Deny, "client-deny").await
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
    let id = super::id(id)?;
    let DecideBody { revision, note } = json(gateway, body, r#"{"revision":1,"note":"…"}"#)?;
    let lives = &gateway.staff.clients;
    lives.decide(&caller.tenant, &caller.acting, &id, revision, decision, &note).await?;
    Ok(HttpResponse::NoContent().finish())
}
