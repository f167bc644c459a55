//! What a connector that gives data implements.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tsunagu_ngsi_ld::Entity;

use crate::{Manifest, RowReport};

/// How far a source has been read: opaque to everybody but the source, which must be able to go on from any it ever gave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(pub String);

/// One entity and where it came from.
#[derive(Debug, Clone)]
pub struct Item {
    /// The entity.
    pub entity: Entity,
    /// Name of the file or resource.
    pub input: String,
    /// Line in it, from 1.
    pub line: u64,
}

/// What one poll gave.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Entities to take over. Their number is bounded by the source.
    pub items: Vec<Item>,
    /// Refusals and warnings of the source itself; `accepted` is counted by the runner.
    pub report: RowReport,
    /// Where to go on when all of this is taken over.
    pub cursor: Cursor,
    /// Whether there is more to read at once.
    pub more: bool,
}

/// Why nothing could be read. Texts never hold data of the input.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// The outside system or the platform does not answer now; trying again later is right.
    #[error("not available: {0}")]
    Unavailable(String),
    /// It is set up wrongly; trying again does not help until somebody mends it.
    #[error("set up wrongly: {0}")]
    Config(String),
}

/// A system that gives data.
#[async_trait]
pub trait Source: Send + Sync + 'static {
    /// What it is.
    fn manifest(&self) -> &Manifest;

    /// Reads on from `cursor` (`None`: from the beginning). The same cursor on the same input gives the same batch.
    async fn poll(&mut self, cursor: Option<&Cursor>) -> Result<Batch, ConnectError>;

    /// Everything up to `cursor` has been taken over and will not be asked for again.
    async fn acknowledge(&mut self, cursor: &Cursor) -> Result<(), ConnectError>;
}
