//! The way of a notification to its receiver.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tsunagu_outbound::{Method, Outbound, OutboundError, Request};
use url::Url;

use super::Pair;

/// A notification, written and ready to leave. Debug output shows nothing of it.
#[derive(Clone)]
pub struct Message {
    /// Where to.
    pub uri: String,
    /// Media type of the body.
    pub media: &'static str,
    /// The `Link` header to the @context, unless the body carries it.
    pub link: Option<String>,
    /// The tenant header.
    pub tenant: Option<String>,
    /// What the receiver is told beside (clause 5.2.15).
    pub receiver_info: Vec<Pair>,
    /// How to send (clause 5.2.15).
    pub notifier_info: Vec<Pair>,
    /// How long to wait for an answer, if the subscription says so.
    pub timeout: Option<Duration>,
    /// JSON.
    pub body: Bytes,
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Message(…)")
    }
}

/// Why a notification did not arrive, without what the receiver said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// It may work another time.
    #[error("{0}")]
    Later(String),
    /// It will never work like this.
    #[error("{0}")]
    Never(String),
}

/// Sends notifications.
#[async_trait]
pub trait Notifier: Send + Sync + 'static {
    /// Sends one, once.
    async fn notify(&self, message: &Message) -> Result<(), SendError>;
}

#[async_trait]
impl Notifier for Outbound {
    async fn notify(&self, message: &Message) -> Result<(), SendError> {
        let url: Url = message
            .uri
            .parse()
            .map_err(|_| SendError::Never("the uri of the endpoint is no URL".to_owned()))?;
        let sending = post(self, message, url);
        match message.timeout {
            Some(timeout) => tokio::time::timeout(timeout, sending).await.unwrap_or_else(|_| {
                Err(SendError::Later("the receiver did not answer in time".to_owned()))
            }),
            None => sending.await,
        }
    }
}

/// Binding over HTTP (clause 6.3.8).
async fn post(outbound: &Outbound, message: &Message, url: Url) -> Result<(), SendError> {
    let malformed = |error: OutboundError| SendError::Never(error.to_string());
    let mut request = Request::new(Method::POST, url);
    for Pair { key, value } in &message.receiver_info {
        request = request.header(key, value).map_err(malformed)?;
    }
    if let Some(link) = &message.link {
        request = request.header("link", link).map_err(malformed)?;
    }
    if let Some(tenant) = &message.tenant {
        request = request.header("ngsild-tenant", tenant).map_err(malformed)?;
    }
    request = request.body(message.media, message.body.clone());
    match outbound.send(request).await {
        Ok(answer) if answer.is_success() => Ok(()),
        Ok(answer) => {
            let why = format!("the receiver answered {}", answer.status);
            // These may be the receiver's trouble or its pace; any other refusal is about this very notification.
            let later =
                answer.status >= 500 || matches!(answer.status, 401 | 403 | 404 | 408 | 425 | 429);
            Err(if later { SendError::Later(why) } else { SendError::Never(why) })
        }
        // What came back is too long to be read, but it came back.
        Err(OutboundError::TooLarge) => Ok(()),
        Err(error @ OutboundError::Malformed(_)) => Err(malformed(error)),
        Err(error) => Err(SendError::Later(error.to_string())),
    }
}
