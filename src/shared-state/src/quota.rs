//! Quotas, and who is measured against them.

use std::num::NonZeroU32;
use std::time::Duration;

use async_trait::async_trait;
use serde::Deserialize;

/// How much may be asked: on average, and at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quota {
    /// Requests a minute that are taken for ever.
    pub per_minute: NonZeroU32,
    /// Requests that are taken at once after a pause.
    pub burst: NonZeroU32,
}

impl Quota {
    /// The time after which one more request is due.
    pub(crate) fn interval(self) -> Duration {
        Duration::from_mins(1) / self.per_minute.get()
    }
}

/// Who has asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Whose {
    /// An address of the network, whatever it asks.
    Address,
    /// An address that begins logins, pushes requests or asks for tokens.
    Login,
    /// A client, with any of its tokens.
    Client,
    /// A resident, through one client.
    Resident,
}

impl Whose {
    /// Every kind.
    pub(crate) const ALL: [Self; 4] = [Self::Address, Self::Login, Self::Client, Self::Resident];

    /// Its name in configuration, keys and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Login => "login",
            Self::Client => "client",
            Self::Resident => "resident",
        }
    }
}

/// The quotas of a gateway. What is left out is not limited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Quotas {
    /// Of each address.
    pub address: Option<Quota>,
    /// Of each address, for logins and tokens.
    pub login: Option<Quota>,
    /// Of each client.
    pub client: Option<Quota>,
    /// Of each resident through one client.
    pub resident: Option<Quota>,
}

impl Quotas {
    /// The quota of one kind.
    pub fn of(&self, whose: Whose) -> Option<Quota> {
        match whose {
            Whose::Address => self.address,
            Whose::Login => self.login,
            Whose::Client => self.client,
            Whose::Resident => self.resident,
        }
    }
}

/// Whether a request is within its quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is.
    Admitted,
    /// It is not, but would be after this time.
    Refused {
        /// How long to wait.
        retry_after: Duration,
    },
}

/// Where it is known how much was asked lately.
#[async_trait]
pub trait RateLimits: Send + Sync + 'static {
    /// Counts one request of `who` and says whether it is within the quota of its kind. A refused request is not counted. Always admitted
    /// where the kind has no quota.
    async fn admit(&self, whose: Whose, who: &str) -> Verdict;
}
