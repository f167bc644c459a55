//! `POST /staff/v1/clients`

use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use tsunagu_identity::Client;
use tsunagu_staff::Role;
use utoipa::ToSchema;

use super::object;
use crate::actors::StaffCaller;
use crate::body::Capped;
use crate::staff::json;
use crate::{Failure, Gateway};

/// What is applied for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApplyBody {
    /// The registration as it would be, with the members that `[[clients]]` of the configuration has.
    #[schema(value_type = Object)]
    client: Client,
    /// Why: what a second person and the log are to know.
    note: String,
}

/// What was taken down.
#[derive(Serialize, ToSchema)]
pub(crate) struct AppliedBody {
    id: String,
    /// What an approval has to name.
    revision: u32,
}

/// Apply for a client, or for a change of one
///
/// For operators. Sent again for the same id it changes the application, which then has another revision. A second person approves it; nobody who
/// had a hand in it can.
#[utoipa::path(post, path = "/staff/v1/clients", tag = "Staff",
    request_body = ApplyBody,
    responses(
        (status = 201, description = "It waits for approval", body = AppliedBody),
        (status = 400, description = "No registration that makes sense, or no reason", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 401, description = "No session of staff", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 403, description = "Not an operator, or a token", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 409, description = "The id is of the configuration, or of a client that has ended", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
    ))]
pub(crate) async fn apply(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    body: Capped,
) -> Result<HttpResponse, Failure> {
    let what = object("client-apply", "");
    let caller = StaffCaller::of(&gateway, &request, what).await?;
    caller.demand(&gateway, &[Role::Operator], what).await?;
    let ApplyBody { client, note } =
        json(&gateway, &body, r#"{"client":{"id":"…",…},"note":"…"}"#)?;
    let lives = &gateway.staff.clients;
    let revision = lives.apply(&caller.tenant, &caller.acting, &client, &note).await?;
    Ok(HttpResponse::Created()
        .insert_header(("Location", format!("/staff/v1/clients/{}", client.id)))
        .json(AppliedBody { id: client.id.to_string(), revision }))
}
