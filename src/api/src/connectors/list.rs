//! All connectors.

use actix_web::{HttpRequest, HttpResponse, web};

use super::{failure, operator};
use crate::{Failure, Gateway};

/// List the connectors
///
/// Each with its last run.
#[utoipa::path(
    get,
    path = "/connectors/v1",
    tag = "Connectors",
    responses(
        (status = 200, description = "Connectors with their last runs", body = serde_json::Value),
        (status = 403, description = "Not staff", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
    ),
    security(("bearer" = []))
)]
pub(crate) async fn list(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let staff = operator(&gateway, &request, "").await?;
    let list = gateway.connectors.list(&staff.tenant).await.map_err(|error| failure(&error))?;
    Ok(HttpResponse::Ok().json(list))
}
