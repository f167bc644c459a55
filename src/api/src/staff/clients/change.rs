//! `POST /staff/v1/clients/{id}/suspend`, `…/resume` and `…/end`

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use tsunagu_staff::Change;
use utoipa::ToSchema;

use super::object;
use crate::actors::StaffCaller;
use crate::body::Capped;
use crate::staff::json;
use crate::{Failure, Gateway};

/// Why.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeBody {
    /// In their words.
    note: String,
}

/// Suspend a client
///
/// For operators and approvers, alone. It does nothing from now on: here at once, in every other process within half a second.
#[utoipa::path(post, path = "/staff/v1/clients/{id}/suspend", tag = "Staff",
    params(("id" = String, Path, description = "Its `client_id`")),
    request_body = ChangeBody,
    responses(
        (status = 204, description = "Suspended"),
        (status = 401, description = "No session of staff", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 403, description = "Not the role, or a token", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 404, description = "There never was one", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 409, description = "Not active", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
    ))]
pub(crate) async fn suspend(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    id: web::Path<String>,
    body: Capped,
) -> Result<HttpResponse, Failure> {
    change(&gateway, &request, &id, &body, Change::Suspend, "client-suspend").await
}

/// Let a suspended client act again
///
/// For approvers, and not for the one who suspended it.
#[utoipa::path(post, path = "/staff/v1/clients/{id}/resume", tag = "Staff",
    params(("id" = String, Path, description = "Its `client_id`")),
    request_body = ChangeBody,
    responses(
        (status = 204, description = "Active"),
        (status = 401, description = "No session of staff", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 403, description = "Not an approver, the one who suspended it, or a token", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 404, description = "There never was one", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 409, description = "Not suspended, or suspended in the configuration", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
    ))]
pub(crate) async fn resume(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    id: web::Path<String>,
    body: Capped,
) -> Result<HttpResponse, Failure> {
    change(&gateway, &request, &id, &body, Change::Resume, "client-resume").await
}

/// End a suspended client for good
///
/// For approvers, and not for the one who suspended it. Every consent for it ends, it is ordered to delete, its id is never given again; its name stays for
/// the history of residents.
#[utoipa::path(post, path = "/staff/v1/clients/{id}/end", tag = "Staff",
    params(("id" = String, Path, description = "Its `client_id`")),
    request_body = ChangeBody,
    responses(
        (status = 204, description = "Ended"),
        (status = 401, description = "No session of staff", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 403, description = "Not an approver, the one who suspended it, or a token", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 404, description = "There never was one", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 409, description = "Not suspended", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
    ))]
pub(crate) async fn end(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    id: web::Path<String>,
    body: Capped,
) -> Result<HttpResponse, Failure> {
    change(&gateway, &request, &id, &body, Change::End, "client-end").await
}

async fn change(
    gateway: &Gateway,
    request: &HttpRequest,
    id: &str,
    body: &Capped,
    change: Change,
    act: &'static str,
) -> Result<HttpResponse, Failure> {
    let caller = StaffCaller::of(gateway, request, object(act, id)).await?;
    let id = super::id(id)?;
    let ChangeBody { note } = json(gateway, body, r#"{"note":"…"}"#)?;
    let lives = &gateway.staff.clients;
    lives.change(&caller.tenant, &caller.acting, &id, change, &note).await?;
    Ok(HttpResponse::NoContent().finish())
}
