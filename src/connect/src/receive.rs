//! What takes what the other side sends by itself: calls to the gateway, or messages over a connection that is held.
//!
//! Whatever comes is kept in the connector's inbox on disk before the other side is told that it arrived; from there it goes the way of
//! what is polled.

use async_trait::async_trait;
use serde_json::value::RawValue;
use tokio_util::sync::CancellationToken;
use tsunagu_domain::Timestamp;

use crate::ConnectError;

/// A call to the gateway's own address for a connector. Debug output would show data, so there is none.
#[derive(Clone, Copy)]
pub struct Incoming<'a> {
    /// Method, upper case.
    pub method: &'a str,
    /// The whole URI as the sender called it, e.g. `https://data.town.example/connectors/v1/health/messages`.
    pub uri: &'a str,
    /// Headers as they came, names in lower case.
    pub headers: &'a [(String, String)],
    /// The body.
    pub body: &'a [u8],
    /// Now.
    pub now: Timestamp,
}

impl Incoming<'_> {
    /// The only header of this name; `None` when there is none or several.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(other, _)| other == name);
        match (found.next(), found.next()) {
            (Some((_, value)), None) => Some(value),
            _ => None,
        }
    }
}

/// A call that is to be kept.
#[derive(Debug, Clone)]
pub struct Accepted {
    /// The sender's own name for it: what comes twice under one name is kept once.
    pub id: String,
    /// Until when the sender may still repeat it; its name is remembered so long. Microseconds since the epoch.
    pub repeats_until: Timestamp,
    /// The records in it.
    pub records: Vec<Box<RawValue>>,
}

/// Why a call is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAccepted {
    /// Nobody proved to have sent it, or too long ago. Says no more on purpose.
    #[error("the message is not signed as agreed, or not in time")]
    Unproven,
    /// It is signed, and still nothing that can be kept.
    #[error("the message is signed, but its body is not what was agreed")]
    Malformed,
}

/// A connector that is called. Deciding is pure: time comes in, nothing goes out.
pub trait Receiver: Send + Sync + 'static {
    /// Whether the call is taken, and what is in it.
    fn accept(&self, incoming: &Incoming<'_>) -> Result<Accepted, NotAccepted>;
}

/// Why something is not kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotKept {
    /// It holds an individual number, which is never kept; sending it again does not help.
    #[error("it holds an individual number (個人番号), which is never taken over")]
    IndividualNumber,
    /// It holds more records than the inbox ever has room for; sending it again does not help.
    #[error("it holds more records than the connector's inbox has room for ({most})")]
    TooMany {
        /// So many there may be.
        most: u32,
    },
    /// A record of it is larger than anything that is kept; sending it again does not help.
    #[error("a record of it is larger than what can be kept")]
    TooLarge,
    /// It cannot be kept now; the other side is to send it again later.
    #[error(transparent)]
    Now(#[from] ConnectError),
}

/// Where a listener puts what came.
#[async_trait]
pub trait Inbox: Send + Sync {
    /// Keeps it. When this answers, it is on disk, or was before; only then may the other side be told.
    async fn keep(&self, accepted: Accepted) -> Result<(), NotKept>;
}

/// A connector that holds a connection over which records come.
#[async_trait]
pub trait Listener: Send + Sync + 'static {
    /// Listens until told to stop or until the connection ends. The runtime calls it again after a wait.
    async fn listen(
        &mut self,
        inbox: &dyn Inbox,
        shutdown: &CancellationToken,
    ) -> Result<(), ConnectError>;
}
