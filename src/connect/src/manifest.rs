//! What a connector says of itself.

use serde::{Deserialize, Serialize};
use tsunagu_domain::Text;

/// Which way data goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// The outside system gives data.
    Inbound,
    /// The outside system takes orders.
    Outbound,
}

/// What staff are shown of a connector. It holds no secret and no address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Its name: the client under which its data is published. 1 to 64 of `a-z 0-9 - _`.
    pub name: String,
    /// Which connector it is, e.g. `csv-drop`.
    pub kind: String,
    /// What people call it.
    pub title: Text,
    /// Which way data goes.
    pub direction: Direction,
    /// Entity types that it publishes (terms or IRIs).
    pub entity_types: Vec<String>,
}
