//! What takes something from the platform: entities, or orders that must be carried out once.

use async_trait::async_trait;
use serde_json::value::RawValue;

use crate::ConnectError;

/// A change that the owner of the connector may see, cut to what they may see.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Its own id, the same for every try.
    pub id: String,
    /// The notification as NGSI-LD has it (clause 5.3.1), with its `data`.
    pub notification: Box<RawValue>,
}

/// Why something was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SinkError {
    /// Trying again later is right.
    #[error("not available: {0}")]
    Later(String),
    /// It will never be taken like this.
    #[error("refused: {0}")]
    Never(String),
}

/// A system that takes entities. The same delivery may come twice, and those of one entity come in order.
#[async_trait]
pub trait Sink: Send + Sync + 'static {
    /// Hands one over. When this answers, the other side has it.
    async fn deliver(&self, delivery: &Delivery) -> Result<(), SinkError>;
}

/// An order as it is sent.
#[derive(Debug, Clone)]
pub struct Order {
    /// Names the order for ever: the idempotency key.
    pub key: String,
    /// What is ordered, in the form that the connector's documentation tells.
    pub body: Box<RawValue>,
}

/// An order as the other side holds it.
#[derive(Debug, Clone)]
pub struct Held {
    /// The other side's own number for it, if it gives one.
    pub reference: Option<String>,
    /// What it holds, in the same form as it was ordered.
    pub body: Box<RawValue>,
}

/// Why an order was not confirmed. Texts never hold what was ordered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// It was understood and will not be carried out, now or later.
    #[error("refused: {0}")]
    Refused(String),
    /// It may have been carried out: the answer was lost, late or unreadable. [`Command::find`] tells.
    #[error("the outcome is unknown: {0}")]
    Unknown(String),
    /// It was certainly not carried out.
    #[error("not available: {0}")]
    Unavailable(String),
}

/// A system that carries out orders, each once.
///
/// Who orders marks the order as sent before it is sent, and asks [`Command::find`] before anything is sent again.
#[async_trait]
pub trait Command: Send + Sync + 'static {
    /// Orders it. The same key with the same body is carried out once.
    async fn send(&self, order: &Order) -> Result<Held, CommandError>;

    /// The order under this key, if the other side holds one. Errors say nothing about whether it does.
    async fn find(&self, key: &str) -> Result<Option<Held>, CommandError>;
}

/// Asks whether the other side is there, without changing anything.
#[async_trait]
pub trait Probe: Send + Sync + 'static {
    /// Comes back when it answered as it should.
    async fn probe(&self) -> Result<(), ConnectError>;
}
