//! What happened to a consent.

use serde::{Deserialize, Serialize};
use tsunagu_domain::{Assurance, Timestamp};

use crate::{ActedBy, ConsentedData, NoticeShown, State};

/// Why something happened to a consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// The resident was asked for it and answered.
    Asked,
    /// The resident made a share code, and the client redeemed it.
    ShareCode,
    /// A newer one for the same client and purpose took its place.
    Replaced,
    /// The resident wished it.
    OwnWish,
    /// The resident left the platform.
    AccountClosed,
    /// The registration of the client was ended.
    ClientEnded,
    /// Its period will be over in 30 days or less. The state stays.
    EndsSoon,
    /// Its period is over.
    PeriodOver,
    /// The catalogue has more in a class that it covers, and the resident is asked anew. The state stays.
    CatalogueWidened,
    /// The resident agreed to what was new. The state stays.
    Reconsented,
    /// The resident did not agree to what was new. The state stays.
    ReconsentDeclined,
    /// What was new was not agreed to by the deadline.
    ReconsentMissed,
    /// The resident, of age by now, stands by what a guardian gave. The state stays.
    Confirmed,
}

impl Reason {
    /// Its name in stored and sent JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::ShareCode => "share-code",
            Self::Replaced => "replaced",
            Self::OwnWish => "own-wish",
            Self::AccountClosed => "account-closed",
            Self::ClientEnded => "client-ended",
            Self::EndsSoon => "ends-soon",
            Self::PeriodOver => "period-over",
            Self::CatalogueWidened => "catalogue-widened",
            Self::Reconsented => "reconsented",
            Self::ReconsentDeclined => "reconsent-declined",
            Self::Confirmed => "confirmed",
            Self::ReconsentMissed => "reconsent-missed",
        }
    }

    /// Whether the state before the event is the state after it: the event tells something else.
    pub fn keeps_state(self) -> bool {
        matches!(
            self,
            Self::EndsSoon
                | Self::CatalogueWidened
                | Self::Reconsented
                | Self::ReconsentDeclined
                | Self::Confirmed
        )
    }
}

/// One entry of a consent's history; never changed once written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// Version of this form.
    pub v: u32,
    /// Its number within the consent, from 1: the consent's version after it.
    pub seq: u64,
    /// The state after it.
    pub state: State,
    /// When, microseconds since the epoch.
    pub at: Timestamp,
    /// By whom: `resident`; `guardian:<delegation>`, `family:<delegation>` or `counter` in their place; `platform` for what time and the catalogue
    /// bring.
    pub by: String,
    /// The proof of who it was; the lowest for the platform.
    pub assurance: Assurance,
    /// Why.
    pub reason: Reason,
    /// The notice that was answered, where one was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<NoticeShown>,
    /// The data that this event is about, where it is not the whole consent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub data: Vec<ConsentedData>,
    /// Who acted in place of the resident, if somebody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acted_by: Option<ActedBy>,
}

impl Event {
    /// By whom without saying who: `resident`, `guardian`, `family`, `counter` or `platform`.
    pub fn kind_of_actor(&self) -> &str {
        self.by.split(':').next().unwrap_or_default()
    }
}
