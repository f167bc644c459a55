//! `GET /v2/heartbeat`

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::actors::named_tenant;
use crate::{Failure, Gateway};

/// Whether the record of use can be asked.
#[derive(Serialize, ToSchema)]
pub(crate) struct HeartbeatResponse {
    /// `OK` or `FAIL`.
    status: &'static str,
    message: &'static str,
}

/// Whether the record of use answers
#[utoipa::path(get, path = "/v2/heartbeat", tag = "Residents", responses(
    (status = 200, description = "The log was asked, and this is how it is", body = HeartbeatResponse),
))]
pub(crate) async fn heartbeat(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let tenant = named_tenant(&gateway, &request)?;
    let answer = match gateway.audit.since(&tenant).await {
        Ok(_) => HeartbeatResponse { status: "OK", message: "the record of use answers" },
        Err(_) => {
            HeartbeatResponse { status: "FAIL", message: "the record of use does not answer" }
        }
    };
    Ok(HttpResponse::Ok().json(answer))
}
