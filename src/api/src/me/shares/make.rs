//! `POST /me/share-codes`

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use tsunagu_consent::{Confirmed, NewShare};
use tsunagu_domain::ProblemCode;
use utoipa::ToSchema;

use super::ShareBody;
use crate::actors::SessionCaller;
use crate::body::Capped;
use crate::{Failure, Gateway};

/// What to share.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct NewShareBody {
    /// Purpose code: one that the catalogue opens to share codes.
    #[schema(example = "consultation")]
    purpose: String,
    /// Codes of data classes of the purpose. Read only.
    data_classes: Vec<String>,
    /// How long the data may be read, minutes: five at least, the days of the purpose at most.
    #[schema(example = 60)]
    minutes: u32,
    /// How long the code may be redeemed, minutes; 10 by default, a day at most.
    #[serde(default = "ten")]
    #[schema(example = 10)]
    redeem_minutes: u32,
    /// How often it may be redeemed; once by default.
    #[serde(default = "one")]
    #[schema(example = 1)]
    uses: u32,
    /// The language of the notice that the resident confirmed.
    #[serde(default = "ja")]
    #[schema(example = "ja")]
    lang: String,
    /// Its SHA-256, from `/me/share-codes/notice` with the same values.
    notice_sha256: String,
}

fn ten() -> u32 {
    10
}

fn one() -> u32 {
    1
}

fn ja() -> String {
    "ja".to_owned()
}

/// A share code that was just made.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MadeBody {
    /// For showing, as text or QR. It is nowhere kept and cannot be shown again.
    code: String,
    share_code: ShareBody,
}

/// Makes a share code
///
/// Needs a login of the last five minutes at level 2, and that the resident confirmed the notice of exactly this.
#[utoipa::path(post, path = "/me/share-codes", tag = "Residents",
    params(("X-CSRF-Token" = Option<String>, Header, description = "The session's secret, unless the Origin header is this site's")),
    request_body = NewShareBody,
    responses(
        (status = 201, description = "The code, this once", body = MadeBody),
        (status = 400, description = "This cannot be shared, or another notice was confirmed", body = crate::openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No session, or a login that is too old or too weak", body = crate::openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Sent by another site's page", body = crate::openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "Twenty codes are good already", body = crate::openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn make(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    body: Capped,
) -> Result<HttpResponse, Failure> {
    let caller = SessionCaller::of(&gateway, &request).await?;
    caller.meant(&gateway, &request)?;
    let text = body.json(gateway.limits.max_depth)?;
    let asked: NewShareBody = serde_json::from_str(text).map_err(|_| {
        let detail = "the body must be {purpose, dataClasses, minutes, noticeSha256} and optionally redeemMinutes, uses, lang";
        Failure::new(ProblemCode::InvalidRequest, detail)
    })?;
    let new = NewShare {
        purpose: asked.purpose,
        data_classes: asked.data_classes,
        minutes: asked.minutes,
        redeem_minutes: asked.redeem_minutes,
        uses: asked.uses,
    };
    let now = gateway.clock.micros();
    let confirmed = Confirmed { lang: &asked.lang, sha256: &asked.notice_sha256, shown_at: now };
    let made = gateway.ledger.share(&caller.tenant, &caller.resident(), &new, confirmed).await?;
    let share_code = ShareBody::new(&made.share, now);
    Ok(HttpResponse::Created()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(MadeBody { code: made.code, share_code }))
}
