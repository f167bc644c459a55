//! An address with what proves who we are there, as connectors' settings have it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use url::Url;

use super::{Call, Http, HttpError, Reply};
use crate::kind::{Finding, Secret};
use crate::{ConnectError, Host};

/// Where an outside system is, and how we prove who we are.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// Its address, `https://…`; without user information, which would stand in plain sight.
    pub url: Url,
    /// How we prove who we are.
    #[serde(default)]
    pub auth: Option<Auth>,
    /// Further headers that are no secret.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
}

/// A proof of who we are.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Auth {
    /// `Authorization: Bearer` (RFC 6750).
    Bearer(Secret),
    /// `Authorization: Basic` (RFC 7617).
    Basic {
        /// User name.
        user: String,
        /// Password.
        password: Secret,
    },
    /// A header of the other side's own.
    Header {
        /// Its name.
        name: String,
        /// Its value.
        value: Secret,
    },
}

impl Endpoint {
    /// What is wrong with it; `at` is its place in the settings.
    pub fn check(&self, connector: &str, at: &str) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut wrong = |what: &str| findings.push(Finding::new(connector, at, what));
        if !matches!(self.url.scheme(), "http" | "https") || self.url.host().is_none() {
            wrong("the url begins with https:// (or http:// inside the town's own network)");
        }
        if !self.url.username().is_empty() || self.url.password().is_some() {
            wrong("the url must not hold a user name or password; use `auth`");
        }
        if self.headers.keys().any(|name| name.eq_ignore_ascii_case("authorization")) {
            wrong("a header `authorization` would stand in plain sight; use `auth`");
        }
        findings
    }

    /// Reads the secret and gives what makes calls.
    pub fn open(&self, host: &Host) -> Result<Client, ConnectError> {
        let mut headers: Vec<(String, SecretString)> = self
            .headers
            .iter()
            .map(|(name, value)| (name.clone(), SecretString::from(value.clone())))
            .collect();
        match &self.auth {
            None => {}
            Some(Auth::Bearer(secret)) => {
                let value = format!("Bearer {}", secret.read()?.expose_secret());
                headers.push(("authorization".to_owned(), value.into()));
            }
            Some(Auth::Basic { user, password }) => {
                let both = format!("{user}:{}", password.read()?.expose_secret());
                let value = format!("Basic {}", STANDARD.encode(both));
                headers.push(("authorization".to_owned(), value.into()));
            }
            Some(Auth::Header { name, value }) => headers.push((name.clone(), value.read()?)),
        }
        Ok(Client { http: Arc::clone(&host.http), url: self.url.clone(), headers })
    }
}

/// Makes calls to one outside system.
#[derive(Clone)]
pub struct Client {
    http: Arc<dyn Http>,
    url: Url,
    headers: Vec<(String, SecretString)>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client(…)")
    }
}

impl Client {
    /// The address of the settings.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Makes a call with our proof. It goes to the system of the settings alone: a link to another host gets nothing of ours.
    pub async fn send(&self, mut call: Call) -> Result<Reply, HttpError> {
        let origin = |url: &Url| url.origin();
        if origin(&call.url) != origin(&self.url) {
            return Err(HttpError::NotSent("it is not the host of the settings".to_owned()));
        }
        call.headers.splice(0..0, self.headers.iter().cloned());
        self.http.send(call).await
    }

    /// Makes a call that reads: what is not an answer of success is an error.
    pub async fn read(&self, call: Call) -> Result<Reply, ConnectError> {
        Self::answered(self.send(call).await?)
    }

    /// The reply, if it is an answer of success.
    pub fn answered(reply: Reply) -> Result<Reply, ConnectError> {
        match reply.status {
            200..=299 | 304 => Ok(reply),
            401 | 403 => Err(ConnectError::Config(format!(
                "the other side does not let us in (status {})",
                reply.status
            ))),
            300..=399 => Err(ConnectError::Unavailable(format!(
                "the other side sends us elsewhere (status {}), which is not followed",
                reply.status
            ))),
            status => Err(ConnectError::Unavailable(format!("the other side answered {status}"))),
        }
    }

    /// `GET` of JSON.
    pub async fn get(&self, url: Url) -> Result<Reply, ConnectError> {
        self.read(Call::get(url).header("accept", "application/json".to_owned())).await
    }
}
