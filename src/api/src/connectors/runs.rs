//! The runs of one connector.

use actix_web::{HttpRequest, HttpResponse, web};
use tsunagu_domain::Problem;

use super::{failure, operator};
use crate::{Failure, Gateway};

/// List the runs of a connector
///
/// The latest first, with what was taken over and every finding by line, column, rule and remedy; never a value.
#[utoipa::path(
    get,
    path = "/connectors/v1/{name}/runs",
    tag = "Connectors",
    params(("name" = String, Path, description = "Name of the connector", example = "juki")),
    responses(
        (status = 200, description = "Reports of runs", body = serde_json::Value),
        (status = 403, description = "Not staff", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 404, description = "No such connector", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
    ),
    security(("bearer" = []))
)]
pub(crate) async fn runs(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    name: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let staff = operator(&gateway, &request, &name).await?;
    let found =
        gateway.connectors.runs(&staff.tenant, &name).await.map_err(|error| failure(&error))?;
    Ok(HttpResponse::Ok().json(found.ok_or_else(Problem::not_found)?))
}
