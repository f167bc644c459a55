//! The record of access: what is written down before personal data leaves, or as it comes in.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tsunagu_domain::{Problem, TenantId, Timestamp, TsunoId};

use crate::{Op, Receipt};

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// One entity was read.
    Read,
    /// Entities were searched or counted.
    Query,
    /// Entities were sent to a subscriber.
    Notify,
    /// An entity or attribute was created, changed or deleted.
    Write,
    /// Claims about a person were given to a client.
    Identify,
    /// A consent was given, refused, withdrawn or otherwise changed.
    Consent,
    /// A municipal record was linked to a person.
    Link,
}

/// The decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// Done.
    Allowed,
    /// Refused, or found hidden.
    Denied,
}

/// One access to personal data. Names and counts, never values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Access {
    /// When, microseconds since the epoch.
    pub at: Timestamp,
    /// Id of the request.
    pub request: String,
    /// Who: `client:<id>`, `resident`, `platform:<task>`, `connector:<name>`.
    pub actor: String,
    /// Whom the data is about. Empty when no one could be told (a search that found nothing).
    pub subjects: Vec<TsunoId>,
    /// Purpose code, when under a consent.
    pub purpose: Option<String>,
    /// Consent id.
    pub grant: Option<String>,
    /// Consent version.
    pub grant_version: Option<u64>,
    /// What was done.
    pub action: Action,
    /// Expanded entity types.
    pub types: Vec<String>,
    /// Expanded attribute names.
    pub attributes: Vec<String>,
    /// The decision.
    pub decision: Decision,
    /// Why: the ids of the policies that decided, separated by spaces, e.g. `consented-reading`, `own-data`, `publisher`; or a code of the problem
    /// table, e.g. `ResourceNotFound`; or what another room calls it, e.g. `userinfo`.
    pub reason: String,
    /// How many entities.
    pub count: u64,
}

/// Proof that an access is on disk. Whoever answers with personal data must hold one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// Index of the entry in the log.
    pub index: u64,
}

/// Where accesses are written down.
#[async_trait]
pub trait AccessLog: Send + Sync + 'static {
    /// The operations that write this access down; for putting it in the transaction of a write. [`Self::ticket`] then gives the
    /// ticket. There is exactly one [`Op::Append`] among them.
    fn ops(&self, access: &Access) -> Result<Vec<Op>, Problem>;

    /// Writes the access down now and answers when it is on disk.
    async fn record(&self, tenant: &TenantId, access: &Access) -> Result<Ticket, Problem>;

    /// The ticket for an access that was written with other things in one transaction; `nth` counts the appended entries of the set.
    fn ticket(&self, receipt: &Receipt, nth: usize) -> Option<Ticket> {
        receipt.appended.get(nth).map(|index| Ticket { index: *index })
    }
}
