//! `/me/share-codes`: codes by which a resident shares what they choose with whoever they show them to. A client redeems one at the token
//! endpoint.

mod cancel;
mod list;
mod make;
mod notice;

use serde::Serialize;
use tsunagu_consent::{Redemption, ShareCode, ShareState};
use tsunagu_domain::{Timestamp, to_iso};
use utoipa::ToSchema;

pub(crate) use cancel::{__path_cancel, cancel};
pub(crate) use list::{__path_list, list};
pub(crate) use make::{__path_make, make};
pub(crate) use notice::{__path_notice, notice};

use crate::consents::TextBody;

/// What share codes are called in records of access.
const SHARE_TYPE: &str = "ShareCode";

/// Who redeemed a code.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct RedemptionBody {
    client: String,
    client_name: TextBody,
    /// The consent that it got, as in `/me/consents`.
    consent: String,
    /// ISO 8601.
    at: String,
}

impl From<&Redemption> for RedemptionBody {
    fn from(redemption: &Redemption) -> Self {
        Self {
            client: redemption.client.to_string(),
            client_name: (&redemption.client_name).into(),
            consent: redemption.consent.clone(),
            at: to_iso(redemption.at),
        }
    }
}

/// A share code, without its secret. Times are ISO 8601.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ShareBody {
    /// The first eight characters of the code.
    id: String,
    /// `open`, `used`, `expired`, `cancelled`, or `locked` after too many wrong tries.
    #[schema(value_type = String)]
    state: ShareState,
    /// Purpose code.
    purpose: String,
    purpose_text: TextBody,
    /// Codes of the data classes.
    data_classes: Vec<String>,
    made_at: String,
    /// Until when it can be redeemed.
    redeem_until: String,
    /// Until when the data can be read.
    until: String,
    /// How often it can be redeemed in all.
    uses: u32,
    redeemed: Vec<RedemptionBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cancelled_at: Option<String>,
}

impl ShareBody {
    pub(super) fn new(share: &ShareCode, now: Timestamp) -> Self {
        let mut data_classes: Vec<_> = share.data.iter().map(|part| part.class.clone()).collect();
        data_classes.dedup();
        Self {
            id: share.id.clone(),
            state: share.state(now),
            purpose: share.purpose.code.clone(),
            purpose_text: (&share.purpose.text).into(),
            data_classes,
            made_at: to_iso(share.made_at),
            redeem_until: to_iso(share.redeem_until),
            until: to_iso(share.until),
            uses: share.uses,
            redeemed: share.redeemed.iter().map(Into::into).collect(),
            cancelled_at: share.cancelled_at.map(to_iso),
        }
    }
}
