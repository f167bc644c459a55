//! Share codes: a resident shows somebody a code, and whoever redeems it sees what the resident chose, for as long as they chose.

pub(crate) mod code;
pub(crate) mod notice;

use serde::{Deserialize, Serialize};
use tsunagu_domain::{Assurance, ClientId, Problem, Text, Timestamp, TsunoId};

use crate::{ConsentedData, ConsentedPurpose, NoticeShown};
pub use notice::ShareNotice;

/// The version of the form that is written.
pub(crate) const FORM: u32 = 1;
/// After so many wrong tries by one client a code is dead.
pub const WRONG_TRIES: u32 = 3;
/// After so many wrong tries by all clients together a code is dead.
pub(crate) const WRONG_TRIES_IN_ALL: u32 = 10;
/// So many tries that led to nothing a client has in one hour, whatever the codes.
pub const FAILURES_IN_AN_HOUR: i64 = 30;
/// So many codes of one resident may be good at once.
pub(crate) const OPEN_AT_ONCE: usize = 20;
/// The longest that a code may be redeemed, minutes: a day.
pub const REDEEMABLE_AT_MOST: u32 = 24 * 60;
/// So often at most may one code be redeemed.
pub const USES_AT_MOST: u32 = 20;

/// What a resident wants to share by a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewShare {
    /// Purpose code: one that the catalogue opens to share codes.
    pub purpose: String,
    /// Codes of the data classes. Read only.
    pub data_classes: Vec<String>,
    /// For so many minutes from now the data may be read; five at least, the days of the purpose at most.
    pub minutes: u32,
    /// For so many minutes from now the code may be redeemed; at most a day, and no longer than the data may be read.
    pub redeem_minutes: u32,
    /// So often the code may be redeemed, each time for a consent of its own.
    pub uses: u32,
}

/// What was made.
#[derive(Clone)]
pub struct Shared {
    /// The code for showing, e.g. `7K3M9-…`. It is nowhere kept: nobody can show it again.
    pub code: String,
    /// What it stands for.
    pub share: ShareCode,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("share", &self.share.id).finish_non_exhaustive()
    }
}

/// One use of a code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Redemption {
    /// By whom.
    pub client: ClientId,
    /// What residents know it as.
    pub client_name: Text,
    /// The consent that it got.
    pub consent: String,
    /// When.
    pub at: Timestamp,
}

/// Tries with a wrong secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrongTries {
    pub(crate) client: ClientId,
    pub(crate) times: u32,
}

/// A share code as it is kept: without its secret. Times are microseconds since the epoch.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShareCode {
    /// Version of this form.
    pub v: u32,
    /// The first eight characters of the code, which name it.
    pub id: String,
    /// SHA-256 of the rest.
    pub(crate) secret: [u8; 32],
    /// Whose data.
    pub subject: TsunoId,
    /// What for.
    pub purpose: ConsentedPurpose,
    /// Which data: no consent from this code covers more.
    pub data: Vec<ConsentedData>,
    /// When it was made.
    pub made_at: Timestamp,
    /// First moment at which it cannot be redeemed any more.
    pub redeem_until: Timestamp,
    /// First moment at which no consent from it is in force any more.
    pub until: Timestamp,
    /// So often it may be redeemed.
    pub uses: u32,
    /// Who did.
    pub redeemed: Vec<Redemption>,
    pub(crate) wrong: Vec<WrongTries>,
    /// When the resident took it back.
    pub cancelled_at: Option<Timestamp>,
    /// What the resident was shown when they made it.
    pub notice: NoticeShown,
    /// The proof of who made it.
    pub(crate) assurance: Assurance,
    /// Version of the catalogue that the data was taken from.
    pub(crate) catalogue_version: u32,
    /// How long who redeems it may keep what they read, days.
    pub data_life_days: u32,
}

impl std::fmt::Debug for ShareCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ShareCode").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Whether a code can be redeemed, or why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ShareState {
    /// It can.
    Open,
    /// It was, as often as it may.
    Used,
    /// Its time is over.
    Expired,
    /// The resident took it back.
    Cancelled,
    /// Somebody tried too many wrong secrets.
    Locked,
}

impl ShareState {
    /// Its name in JSON and in records of access.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Used => "used",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
            Self::Locked => "locked",
        }
    }
}

impl ShareCode {
    /// Whether it can be redeemed at a moment, or why not.
    pub fn state(&self, now: Timestamp) -> ShareState {
        let wrong = |tries: &WrongTries| tries.times;
        let in_all: u32 = self.wrong.iter().map(wrong).sum();
        if self.cancelled_at.is_some() {
            ShareState::Cancelled
        } else if in_all >= WRONG_TRIES_IN_ALL || self.wrong.iter().any(|t| t.times >= WRONG_TRIES)
        {
            ShareState::Locked
        } else if self.redeemed.len() >= self.uses as usize {
            ShareState::Used
        } else if !(self.made_at..self.redeem_until).contains(&now) {
            ShareState::Expired
        } else {
            ShareState::Open
        }
    }

    pub(crate) fn tried_wrongly(&mut self, client: &ClientId) {
        match self.wrong.iter_mut().find(|tries| tries.client == *client) {
            Some(tries) => tries.times += 1,
            None => self.wrong.push(WrongTries { client: client.clone(), times: 1 }),
        }
    }
}

/// The client that redeems a code, as it is registered.
#[derive(Debug, Clone)]
pub struct Redeemer<'a> {
    /// Who.
    pub client: &'a ClientId,
    /// What residents know it as.
    pub name: &'a Text,
    /// Purposes that it is registered for.
    pub purposes: &'a [String],
    /// Data classes that it is registered for.
    pub data_classes: &'a [String],
    /// Whether its tokens are bound to its key: without that nothing sensitive is opened.
    pub bound: bool,
    /// Id of the request.
    pub request: &'a str,
}

/// Why a code was not redeemed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotRedeemed {
    /// Absent, wrong, used, over, taken back and locked look the same.
    #[error("the share code is unknown, used, expired or taken back; ask the resident for another")]
    Unknown,
    /// The client may not have what the code stands for.
    #[error("the client is not registered for the purpose and all data classes of this share code")]
    NotRegistered,
    /// The code stands for sensitive data and the tokens would serve whoever bears them.
    #[error("tokens for sensitive data are bound to a key")]
    Unbound,
    /// Too many tries of this client led to nothing.
    #[error("too many share codes of this client were wrong; try again in an hour")]
    TooMany,
    /// It could not be done.
    #[error(transparent)]
    Failed(#[from] Problem),
}

impl From<tsunagu_store::StoreError> for NotRedeemed {
    fn from(error: tsunagu_store::StoreError) -> Self {
        Self::Failed(error.into())
    }
}

/// Where a consent comes from, when a resident did not answer a client's request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Basis {
    /// A share code of the resident that the client redeemed.
    ShareCode {
        /// The id of the code.
        id: String,
        /// When the resident made it.
        made_at: Timestamp,
    },
}
