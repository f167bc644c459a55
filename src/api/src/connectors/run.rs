//! `POST /connectors/v1/{name}/run` and `/probe`

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::json;
use tsunagu_domain::Problem;

use super::operator;
use crate::{Failure, Gateway};

/// Ask a connector for something new now
///
/// Whatever its schedule says. The answer does not wait for it; the runs tell what came.
#[utoipa::path(post, path = "/connectors/v1/{name}/run", tag = "Connectors",
    params(("name" = String, Path, description = "Name of the connector", example = "juki")),
    responses(
        (status = 202, description = "It is asked"),
        (status = 403, description = "Not staff", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 404, description = "No such connector", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
    ),
    security(("bearer" = []))
)]
pub(crate) async fn run(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    name: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    operator(&gateway, &request, &name).await?;
    if gateway.connectors.run_now(&name) {
        Ok(HttpResponse::Accepted().finish())
    } else {
        Err(Problem::not_found().into())
    }
}

/// Ask whether the other side of a connector is there
///
/// Nothing is taken over or sent.
#[utoipa::path(post, path = "/connectors/v1/{name}/probe", tag = "Connectors",
    params(("name" = String, Path, description = "Name of the connector", example = "juki")),
    responses(
        (status = 200, description = "Whether it is there, and what is wrong if not", body = serde_json::Value),
        (status = 403, description = "Not staff", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 404, description = "No such connector, or nothing to ask", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
    ),
    security(("bearer" = []))
)]
pub(crate) async fn probe(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    name: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    operator(&gateway, &request, &name).await?;
    let probed = gateway.connectors.probe(&name).await.ok_or_else(Problem::not_found)?;
    let error = probed.as_ref().err().map(ToString::to_string);
    Ok(HttpResponse::Ok().json(json!({ "reachable": probed.is_ok(), "error": error })))
}
