//! The way out, as connectors see it.

mod endpoint;

use std::fmt;

use async_trait::async_trait;
use secrecy::{ExposeSecret as _, SecretString};
use tsunagu_outbound::{Method, Outbound, OutboundError, Request};
use url::Url;

use crate::ConnectError;

pub use endpoint::{Auth, Client, Endpoint};

/// One call. Debug output shows neither address nor content.
#[derive(Clone)]
pub struct Call {
    /// `GET`, `POST`, …
    pub method: &'static str,
    /// Where to.
    pub url: Url,
    /// Headers, in order.
    pub headers: Vec<(String, SecretString)>,
    /// Media type and body.
    pub body: Option<(&'static str, Vec<u8>)>,
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("method", &self.method).finish_non_exhaustive()
    }
}

impl Call {
    /// `GET`.
    pub fn get(url: Url) -> Self {
        Self { method: "GET", url, headers: Vec::new(), body: None }
    }

    /// `POST` of JSON.
    pub fn post_json(url: Url, media: &'static str, json: Vec<u8>) -> Self {
        Self { method: "POST", url, headers: Vec::new(), body: Some((media, json)) }
    }

    /// With a header more.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<SecretString>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}

/// An answer. Debug output shows its status alone.
#[derive(Clone)]
pub struct Reply {
    /// Status.
    pub status: u16,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The whole body, bounded.
    pub body: Vec<u8>,
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").field("status", &self.status).finish_non_exhaustive()
    }
}

impl Reply {
    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// Whether the status is 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// Nothing was sent.
    #[error("{0}")]
    NotSent(String),
    /// It was sent, or may have been, and no whole answer came.
    #[error("{0}")]
    Lost(String),
}

impl From<HttpError> for ConnectError {
    fn from(error: HttpError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

/// Calls over HTTP. Redirects are answers; size and time are capped; private addresses are refused unless the operator allows them.
#[async_trait]
pub trait Http: Send + Sync + 'static {
    /// Sends once. Every status is an answer.
    async fn send(&self, call: Call) -> Result<Reply, HttpError>;
}

#[async_trait]
impl Http for Outbound {
    async fn send(&self, call: Call) -> Result<Reply, HttpError> {
        let unsent = |error: OutboundError| HttpError::NotSent(error.to_string());
        let method = Method::from_bytes(call.method.as_bytes())
            .map_err(|_| HttpError::NotSent("the method is not valid".to_owned()))?;
        let mut request = Request::new(method, call.url);
        for (name, value) in &call.headers {
            request = request.header(name, value.expose_secret()).map_err(unsent)?;
        }
        if let Some((media, body)) = call.body {
            request = request.body(media, body);
        }
        match Self::send(self, request).await {
            Ok(response) => {
                let text = |value: &tsunagu_outbound::HeaderValue| {
                    String::from_utf8_lossy(value.as_bytes()).into_owned()
                };
                let headers = response.headers.iter();
                let headers = headers.map(|(name, value)| (name.as_str().to_owned(), text(value)));
                Ok(Reply {
                    status: response.status,
                    headers: headers.collect(),
                    body: response.body.to_vec(),
                })
            }
            Err(
                error @ (OutboundError::Refused(_)
                | OutboundError::Malformed(_)
                | OutboundError::Unresolved
                | OutboundError::Setup),
            ) => Err(unsent(error)),
            // A connection that failed may have failed after the call arrived: only asking tells.
            Err(error) => Err(HttpError::Lost(error.to_string())),
        }
    }
}
