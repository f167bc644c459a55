//! `GET /audit/v1/checkpoint`

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};

use super::failed;
use crate::actors::named_tenant;
use crate::params::Params;
use crate::{Failure, Gateway};

/// Signed size and root of the log (C2SP `tlog-checkpoint`)
///
/// With witnesses configured it is the newest checkpoint that enough of them cosigned (C2SP `tlog-cosignature`).
#[utoipa::path(get, path = "/audit/v1/checkpoint", tag = "Audit", responses(
    (status = 200, description = "A signed note: origin, size, root, with the signatures of log and witnesses", body = String, content_type = "text/plain"),
))]
pub(crate) async fn checkpoint(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    Params::read(&request, &[])?;
    let tenant = named_tenant(&gateway, &request)?;
    let note = gateway.audit.shown(&tenant).await.map_err(failed)?;
    Ok(HttpResponse::Ok()
        .content_type("text/plain; charset=utf-8")
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .body(note))
}
