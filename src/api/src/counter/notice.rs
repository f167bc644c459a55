//! `POST /counter/v1/notice`

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::{AskedBody, asked, clerk, read};
use crate::body::Capped;
use crate::{Failure, Gateway};

/// What is to be read to a resident.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CounterNoticeBody {
    /// `ja` or `en`.
    lang: &'static str,
    /// The text, in lines.
    text: String,
    /// SHA-256 of its UTF-8 bytes, hexadecimal: `noticeRead` of the record of assisted mode.
    sha256: String,
}

/// The notice to read to a resident before they consent at the counter
///
/// It tells nothing about anybody.
#[utoipa::path(post, path = "/counter/v1/notice", tag = "Counter",
    request_body = AskedBody,
    responses(
        (status = 200, description = "The text", body = CounterNoticeBody),
        (status = 400, description = "This cannot be asked", body = crate::openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Not staff", body = crate::openapi::ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])))]
pub(crate) async fn notice(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    body: Capped,
) -> Result<HttpResponse, Failure> {
    let staff = clerk(&gateway, &request, "counter-notice").await?;
    let body: AskedBody =
        read(&gateway, &body, "{client, purpose, dataClasses, actions, days, lang}")?;
    let consent = asked(&gateway, &staff.tenant, &body).await?;
    let (notice, _) = gateway.ledger.counter_notice(&consent, &body.lang)?;
    let (lang, text, sha256) = (notice.lang, notice.text, notice.sha256);
    Ok(HttpResponse::Ok().json(CounterNoticeBody { lang, text, sha256 }))
}
