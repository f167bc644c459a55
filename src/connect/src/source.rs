//! What gives records when it is asked.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tsunagu_ngsi_ld::Entity;

use crate::RowReport;

/// How far a source has been read: opaque to everybody but the source, which must be able to go on from any it ever gave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(pub String);

/// What came.
#[derive(Debug, Clone)]
pub enum Payload {
    /// An entity, of a connector that makes them itself.
    Entity(Box<Entity>),
    /// A record in the other side's own form; the connector's mapping makes entities of it.
    Record(Box<RawValue>),
}

/// One thing that came, and where it came from.
#[derive(Debug, Clone)]
pub struct Item {
    /// What.
    pub payload: Payload,
    /// Name of the file or resource. Never part of an address that may hold a secret.
    pub input: String,
    /// Line or number in it, from 1.
    pub line: u64,
}

impl Item {
    /// An entity.
    pub fn entity(entity: Entity, input: impl Into<String>, line: u64) -> Self {
        Self { payload: Payload::Entity(Box::new(entity)), input: input.into(), line }
    }

    /// A record.
    pub fn record(record: Box<RawValue>, input: impl Into<String>, line: u64) -> Self {
        Self { payload: Payload::Record(record), input: input.into(), line }
    }
}

/// What one poll gave.
#[derive(Debug, Clone)]
pub struct Batch {
    /// What is to be taken over. Their number is bounded by the source.
    pub items: Vec<Item>,
    /// Refusals and warnings of the source itself; `accepted` is counted by the runner.
    pub report: RowReport,
    /// Where to go on when all of this is taken over.
    pub cursor: Cursor,
    /// Whether there is more to read at once.
    pub more: bool,
}

/// Why nothing could be read or sent. Texts never hold data, addresses or secrets.
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
    /// Reads on from `cursor` (`None`: from the beginning). The same cursor on the same input gives the same batch.
    async fn poll(&mut self, cursor: Option<&Cursor>) -> Result<Batch, ConnectError>;

    /// Everything up to `cursor` has been taken over and will not be asked for again. It may be told twice, or not at all after a crash.
    async fn acknowledge(&mut self, cursor: &Cursor) -> Result<(), ConnectError>;
}
