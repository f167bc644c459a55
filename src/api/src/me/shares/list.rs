//! `GET /me/share-codes`

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use tsunagu_store::access::AccessLog as _;
use utoipa::ToSchema;

use super::{SHARE_TYPE, ShareBody};
use crate::actors::SessionCaller;
use crate::consents::personal;
use crate::params::Params;
use crate::{Failure, Gateway};

/// Share codes, the newest first.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SharesBody {
    share_codes: Vec<ShareBody>,
}

/// One's own share codes, with who redeemed them
#[utoipa::path(get, path = "/me/share-codes", tag = "Residents",
    params(("limit" = Option<u64>, Query, description = "At most so many; 20 by default, 100 at most")),
    responses(
        (status = 200, description = "Newest first; the codes themselves are nowhere kept", body = SharesBody),
        (status = 401, description = "No session, or too weak a login", body = crate::openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn list(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let caller = SessionCaller::of(&gateway, &request).await?;
    let limit = Params::read(&request, &["limit"])?.number("limit", 20, 100)?;
    let shares = gateway.ledger.shares(&caller.tenant, caller.subject(), limit).await?;
    let access = caller.reads_own(&gateway, SHARE_TYPE, shares.len());
    gateway.audit.record(&caller.tenant, &access).await?;
    let now = gateway.clock.micros();
    let share_codes = shares.iter().map(|share| ShareBody::new(share, now)).collect();
    Ok(personal(&SharesBody { share_codes }))
}
