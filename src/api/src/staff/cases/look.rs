//! `GET /staff/v1/cases` and `GET /staff/v1/cases/{id}`

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::{CaseBody, object};
use crate::actors::StaffCaller;
use crate::consents::personal;
use crate::{Failure, Gateway};

/// Cases.
#[derive(Serialize, ToSchema)]
pub(crate) struct CasesBody {
    cases: Vec<CaseBody>,
}

/// List one's own cases, and for approvers those that need two persons
///
/// The newest first. What is seen in a case is not here.
#[utoipa::path(get, path = "/staff/v1/cases", tag = "Staff",
    responses(
        (status = 200, description = "The newest first", body = CasesBody),
        (status = 401, description = "No session of staff", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 403, description = "Not the role, or a token", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
    ))]
pub(crate) async fn list(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let caller = StaffCaller::of(&gateway, &request, object("cases-look", "")).await?;
    let now = gateway.clock.micros();
    let found = gateway.cases.list(&caller.tenant, &caller.acting).await?;
    let cases = found.iter().map(|case| CaseBody::new(case, now)).collect();
    Ok(personal(&CasesBody { cases }))
}

/// Retrieve a case
///
/// For whose it is, and for approvers where it needs two persons.
#[utoipa::path(get, path = "/staff/v1/cases/{id}", tag = "Staff",
    params(("id" = String, Path, description = "Number of the case")),
    responses(
        (status = 200, description = "The case", body = CaseBody),
        (status = 401, description = "No session of staff", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 403, description = "Not the role, or a token", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 404, description = "None that one may see", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
    ))]
pub(crate) async fn retrieve(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let caller = StaffCaller::of(&gateway, &request, object("case-look", &id)).await?;
    let case = gateway.cases.get(&caller.tenant, &caller.acting, &id).await?;
    Ok(personal(&CaseBody::new(&case, gateway.clock.micros())))
}
