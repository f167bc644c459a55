//! `GET /me/share-codes/notice`

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use tsunagu_consent::NewShare;
use utoipa::ToSchema;

use crate::actors::SessionCaller;
use crate::consents::personal;
use crate::params::{Params, wrong};
use crate::{Failure, Gateway};

/// What a resident confirms before a share code is made.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ShareNoticeBody {
    /// `ja` or `en`.
    lang: &'static str,
    /// The text, in lines.
    text: String,
    /// SHA-256 of its UTF-8 bytes, hexadecimal: says in `POST /me/share-codes` what was confirmed.
    sha256: String,
}

/// The notice to confirm before a share code is made
///
/// It tells nothing about anybody.
#[utoipa::path(get, path = "/me/share-codes/notice", tag = "Residents",
    params(
        ("purpose" = String, Query, description = "Purpose code: one that the catalogue opens to share codes"),
        ("dataClasses" = String, Query, description = "Codes of data classes of the purpose, separated by commas"),
        ("minutes" = u32, Query, description = "How long the data may be read"),
        ("redeemMinutes" = Option<u32>, Query, description = "How long the code may be redeemed; 10 by default"),
        ("uses" = Option<u32>, Query, description = "How often it may be redeemed; once by default"),
        ("lang" = Option<String>, Query, description = "`ja` by default, or `en`"),
    ),
    responses(
        (status = 200, description = "The text", body = ShareNoticeBody),
        (status = 400, description = "This cannot be shared", body = crate::openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No session, or too weak a login", body = crate::openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn notice(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    SessionCaller::of(&gateway, &request).await?;
    let known = ["purpose", "dataClasses", "minutes", "redeemMinutes", "uses", "lang"];
    let params = Params::read(&request, &known)?;
    let number = |name: &str, default| {
        let number = params.number(name, default, u32::MAX as usize)?;
        u32::try_from(number).map_err(|_| wrong(name, "is too large"))
    };
    let new = NewShare {
        purpose: params.get("purpose").unwrap_or_default().to_owned(),
        data_classes: params.list("dataClasses")?.into_iter().map(str::to_owned).collect(),
        minutes: number("minutes", 0)?,
        redeem_minutes: number("redeemMinutes", 10)?,
        uses: number("uses", 1)?,
    };
    let notice = gateway.ledger.share_notice(&new, params.get("lang").unwrap_or("ja"))?;
    let (lang, text, sha256) = (notice.lang, notice.text, notice.sha256);
    Ok(personal(&ShareNoticeBody { lang, text, sha256 }))
}
