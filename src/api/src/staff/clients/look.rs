//! `GET /staff/v1/clients` and `GET /staff/v1/clients/{id}`

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use tsunagu_domain::Problem;
use tsunagu_staff::Role;
use utoipa::ToSchema;

use super::{ClientBody, object};
use crate::actors::StaffCaller;
use crate::consents::personal;
use crate::{Failure, Gateway};

/// Who may look at clients.
const LOOK: [Role; 3] = [Role::Operator, Role::Approver, Role::Auditor];

/// Every client that there is or was.
#[derive(Serialize, ToSchema)]
pub(crate) struct ClientsBody {
    clients: Vec<ClientBody>,
}

/// List clients with what became of them
///
/// For operators, approvers and auditors.
#[utoipa::path(get, path = "/staff/v1/clients", tag = "Staff",
    responses(
        (status = 200, description = "By id", body = ClientsBody),
        (status = 401, description = "No session of staff", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 403, description = "Not the role, or a token", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
    ))]
pub(crate) async fn list(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let what = object("clients-look", "");
    let caller = StaffCaller::of(&gateway, &request, what).await?;
    caller.demand(&gateway, &LOOK, what).await?;
    let found = gateway.staff.clients.list(&caller.tenant).await?;
    Ok(personal(&ClientsBody { clients: found.into_iter().map(ClientBody::from).collect() }))
}

/// Retrieve a client with what became of it
///
/// For operators, approvers and auditors.
#[utoipa::path(get, path = "/staff/v1/clients/{id}", tag = "Staff",
    params(("id" = String, Path, description = "Its `client_id`")),
    responses(
        (status = 200, description = "The client", body = ClientBody),
        (status = 401, description = "No session of staff", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 403, description = "Not the role, or a token", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 404, description = "There never was one", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
    ))]
pub(crate) async fn retrieve(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let what = object("clients-look", &id);
    let caller = StaffCaller::of(&gateway, &request, what).await?;
    caller.demand(&gateway, &LOOK, what).await?;
    let found = gateway.staff.clients.get(&caller.tenant, &super::id(&id)?).await?;
    Ok(personal(&ClientBody::from(found.ok_or_else(Problem::not_found)?)))
}
