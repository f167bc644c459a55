//! `GET /staff/v1/me`

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use tsunagu_staff::Object;
use utoipa::ToSchema;

use crate::actors::StaffCaller;
use crate::consents::personal;
use crate::{Failure, Gateway};

/// Who is logged in.
#[derive(Serialize, ToSchema)]
pub(super) struct MeBody {
    /// What the log calls them, behind `staff:`.
    name: String,
    /// `counter`, `operator`, `auditor`, `approver`: those that they have now.
    roles: Vec<&'static str>,
}

/// Who the member of staff of this session is, and what they may do
#[utoipa::path(get, path = "/staff/v1/me", tag = "Staff",
    responses(
        (status = 200, description = "Name and roles", body = MeBody),
        (status = 401, description = "No session of staff", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 403, description = "A token, not a person", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
    ))]
pub(crate) async fn me(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let object = Object::new("urn:tsunagu:type:StaffMember", "staff-me", "");
    let caller = StaffCaller::of(&gateway, &request, object).await?;
    let member = caller.acting.member;
    let roles = member.roles.iter().map(|role| role.as_str()).collect();
    Ok(personal(&MeBody { name: member.name, roles }))
}
