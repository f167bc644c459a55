//! `/connectors/v1/{name}/dead-letters`

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use tsunagu_connect::Replay;
use tsunagu_domain::Problem;
use utoipa::ToSchema;

use super::{failure, operator};
use crate::body::Capped;
use crate::params::Params;
use crate::staff::json;
use crate::{Failure, Gateway};

/// List what a connector could not take over
///
/// Where each came from and what is wrong with it, never what it holds. It waits for a month to be tried again.
#[utoipa::path(get, path = "/connectors/v1/{name}/dead-letters", tag = "Connectors",
    params(
        ("name" = String, Path, description = "Name of the connector", example = "juki"),
        ("limit" = Option<usize>, Query, description = "At most so many, 1 to 1000", example = 100),
        ("after" = Option<String>, Query, description = "`after` of the page before"),
    ),
    responses(
        (status = 200, description = "Some of them, and where to go on", body = serde_json::Value),
        (status = 403, description = "Not staff", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 404, description = "No such connector", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
    ),
    security(("bearer" = []))
)]
pub(crate) async fn list(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    name: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let staff = operator(&gateway, &request, &name).await?;
    let params = Params::read(&request, &["limit", "after"])?;
    let limit = params.number("limit", 100, 1_000)?.max(1);
    let connectors = &gateway.connectors;
    let found = connectors.dead_letters(&staff.tenant, &name, params.get("after"), limit).await;
    let found = found.map_err(|error| failure(&error))?;
    Ok(HttpResponse::Ok().json(found.ok_or_else(Problem::not_found)?))
}

/// Which dead letters to try again.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReplayBody {
    /// Their ids; all of the connector when left out.
    #[serde(default)]
    ids: Option<Vec<String>>,
}

/// Try again what a connector could not take over
///
/// After its mapping or whatever else was mended. What something later has overtaken is dropped. The answer does not wait for it; what is refused
/// again stays in the list.
#[utoipa::path(post, path = "/connectors/v1/{name}/dead-letters/replay", tag = "Connectors",
    params(("name" = String, Path, description = "Name of the connector", example = "juki")),
    request_body = ReplayBody,
    responses(
        (status = 202, description = "They are tried again"),
        (status = 400, description = "Not the expected body", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 403, description = "Not staff", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 404, description = "No such connector", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
    ),
    security(("bearer" = []))
)]
pub(crate) async fn replay(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    name: web::Path<String>,
    body: Capped,
) -> Result<HttpResponse, Failure> {
    let staff = operator(&gateway, &request, &name).await?;
    let ReplayBody { ids } = json(&gateway, &body, r#"{"ids":["…"]}, or {} for all"#)?;
    let replay = ids.map_or(Replay::All, Replay::These);
    let asked = gateway.connectors.replay(&staff.tenant, &name, &replay).await;
    asked.map_err(|error| failure(&error))?.ok_or_else(Problem::not_found)?;
    Ok(HttpResponse::Accepted().finish())
}

/// Forget something that a connector could not take over
#[utoipa::path(delete, path = "/connectors/v1/{name}/dead-letters/{id}", tag = "Connectors",
    params(
        ("name" = String, Path, description = "Name of the connector", example = "juki"),
        ("id" = String, Path, description = "Its id", example = "00000000000000000000000000000000000000000000000000000000000000aa"),
    ),
    responses(
        (status = 204, description = "It is gone"),
        (status = 403, description = "Not staff", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 404, description = "There is none of this id", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
    ),
    security(("bearer" = []))
)]
pub(crate) async fn dismiss(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Failure> {
    let (name, id) = path.into_inner();
    let staff = operator(&gateway, &request, &name).await?;
    let gone = gateway.connectors.dismiss(&staff.tenant, &name, &id).await;
    if gone.map_err(|error| failure(&error))? {
        Ok(HttpResponse::NoContent().finish())
    } else {
        Err(Problem::not_found().into())
    }
}
