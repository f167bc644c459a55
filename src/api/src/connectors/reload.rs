//! `POST /connectors/v1/reload`

use actix_web::{HttpRequest, HttpResponse, web};
use tsunagu_connect::NotApplied;
use tsunagu_domain::{Problem, ProblemCode};

use super::operator;
use crate::{Failure, Gateway};

/// Read the connectors' settings anew
///
/// Connectors whose settings changed are started anew, the others run on. If anything is wrong, nothing changes and the answer says what. Each gateway
/// reads its own configuration.
#[utoipa::path(post, path = "/connectors/v1/reload", tag = "Connectors",
    responses(
        (status = 200, description = "What was started, restarted and stopped", body = serde_json::Value),
        (status = 400, description = "The settings are wrong; everything runs on as before", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
        (status = 403, description = "Not staff", content_type = "application/problem+json", body = crate::openapi::ProblemBody),
    ),
    security(("bearer" = []))
)]
pub(crate) async fn reload(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    operator(&gateway, &request, "reload").await?;
    match gateway.connectors.reload().await {
        Ok(applied) => Ok(HttpResponse::Ok().json(applied)),
        // Settings hold no personal data, and findings no secrets.
        Err(error @ (NotApplied::Wrong(_) | NotApplied::NotBuilt(_))) => {
            Err(Problem::new(ProblemCode::InvalidRequest, error.to_string()).into())
        }
        Err(error @ NotApplied::Unreadable(_)) => {
            tracing::error!(%error, "connectors were not read anew");
            let detail = "the configuration cannot be read; the log of the gateway tells why";
            Err(Problem::new(ProblemCode::InvalidRequest, detail).into())
        }
    }
}
