//! `GET /metrics`

use actix_web::{HttpRequest, HttpResponse, web};
use tsunagu_connect::OPEN_METRICS;

use super::{failure, operator};
use crate::{Failure, Gateway};

/// Watch the connectors
///
/// Counters and states of every connector in the text form of `OpenMetrics` 1.0, as Prometheus collects it: what came, was taken over, repeated, refused
/// or waits, whether the circuit is open, and when it last worked. Counters are those of this gateway since it started. Names of connectors and numbers,
/// nothing of what they carry. For the operator, as the list of connectors is.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "Connectors",
    responses(
        (status = 200, description = "How the connectors do", content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8", body = String),
        (status = 403, description = "Not staff", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
    ),
    security(("bearer" = []))
)]
pub(crate) async fn metrics(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let staff = operator(&gateway, &request, "").await?;
    let text = gateway.connectors.metrics(&staff.tenant).await.map_err(|error| failure(&error))?;
    Ok(HttpResponse::Ok().content_type(OPEN_METRICS).body(text))
}
