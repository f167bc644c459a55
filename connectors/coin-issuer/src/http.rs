//! The one HTTP call that the connector makes, as it needs it.

use async_trait::async_trait;
use secrecy::SecretString;
use url::Url;

/// A request.
#[derive(Debug)]
pub struct Call {
    /// Where to.
    pub url: Url,
    /// For `Authorization: Bearer`.
    pub bearer: SecretString,
    /// Value of `Idempotency-Key`, quoted as a structured-field string.
    pub idempotency_key: Option<String>,
    /// JSON to POST; without it the call is a GET.
    pub json: Option<Vec<u8>>,
}

/// An answer, whatever its status.
#[derive(Debug, Clone)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// The whole body.
    pub body: Vec<u8>,
}

/// There was no answer. Texts name no address and no content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// Nothing was sent.
    #[error("{0}")]
    NotSent(String),
    /// It may have arrived.
    #[error("{0}")]
    Lost(String),
}

/// Whoever can make the call.
#[async_trait]
pub trait Http: Send + Sync + 'static {
    /// Makes it once, without repeating and without following redirects.
    async fn send(&self, call: Call) -> Result<Reply, HttpError>;
}
