//! `GET /imports/v1/loads` and `GET /imports/v1/loads/{id}`

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::{LoadBody, load_of, object};
use crate::actors::StaffCaller;
use crate::consents::personal;
use crate::{Failure, Gateway};

/// Loads.
#[derive(Serialize, ToSchema)]
pub(crate) struct LoadsBody {
    loads: Vec<LoadBody>,
}

/// List loads
///
/// Of every layout, the latest first, at most 50 of each. For counter, operators, approvers and auditors. Nothing that is written in a file is in it.
#[utoipa::path(get, path = "/imports/v1/loads", tag = "Imports",
    responses(
        (status = 200, description = "The loads", body = LoadsBody),
        (status = 401, description = "No session of staff", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 403, description = "Not the role, or a token", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
    ))]
pub(crate) async fn list(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let caller = StaffCaller::of(&gateway, &request, object("imports-look", "")).await?;
    let mut loads = Vec::new();
    if caller.tenant == *gateway.imports.tenant() {
        loads = gateway.imports.list(&caller.acting).await?;
    }
    Ok(personal(&LoadsBody { loads: loads.into_iter().map(LoadBody::from).collect() }))
}

/// Retrieve a load
///
/// For counter, operators, approvers and auditors.
#[utoipa::path(get, path = "/imports/v1/loads/{id}", tag = "Imports",
    params(("id" = String, Path, description = "Layout and number", example = "juki-12")),
    responses(
        (status = 200, description = "The load", body = LoadBody),
        (status = 401, description = "No session of staff", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 403, description = "Not the role, or a token", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 404, description = "No such load", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
    ))]
pub(crate) async fn retrieve(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let caller = StaffCaller::of(&gateway, &request, object("import-look", &id)).await?;
    let id = load_of(&gateway, &caller, &id)?;
    Ok(personal(&LoadBody::from(gateway.imports.get(&caller.acting, &id).await?)))
}
