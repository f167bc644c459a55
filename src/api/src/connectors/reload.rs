//! `POST /connectors/v1/reload`

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, rt, web};
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
    // In a task of its own: a caller that goes away must not leave connectors stopped and not started again.
    let connectors = Arc::clone(&gateway.connectors);
    let reloading = rt::spawn(async move { connectors.reload().await });
    let Ok(reloaded) = reloading.await else {
        let detail = "the connectors were not read anew; the log of the gateway tells why";
        return Err(Problem::new(ProblemCode::InternalError, detail).into());
    };
    match reloaded {
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
