//! What happened to a consent.

use serde::{Deserialize, Serialize};
use tsunagu_domain::{Assurance, Timestamp};

use crate::State;

/// One entry of a consent's history; never changed once written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// Version of this form.
    pub v: u32,
    /// Its number within the consent, from 1: the consent's version after it.
    pub seq: u64,
    /// The new state.
    pub state: State,
    /// When, microseconds since the epoch.
    pub at: Timestamp,
    /// By whom. Only `resident` so far.
    pub by: String,
    /// The proof of who it was.
    pub assurance: Assurance,
    /// Why, as a code: `asked`, `replaced`, `own-wish`.
    pub reason: String,
}
