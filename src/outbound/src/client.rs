//! The guarded HTTP client.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use url::Url;

use crate::{OutboundError, Policy, Request, Resolve, Response, SystemResolver};

/// So many targets keep their open connections.
const KEPT_CLIENTS: usize = 64;

/// A connection pool serves one host at one set of checked addresses.
type Pinned = (String, bool, Vec<SocketAddr>);

/// Makes calls to the outside under one [`Policy`]. Cheap to share in an `Arc`.
pub struct Outbound {
    pub(crate) policy: Policy,
    resolver: Arc<dyn Resolve>,
    clients: Mutex<HashMap<Pinned, reqwest::Client>>,
}

impl fmt::Debug for Outbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbound").field("policy", &self.policy).finish_non_exhaustive()
    }
}

impl Outbound {
    /// With the resolver of the operating system.
    pub fn new(policy: Policy) -> Self {
        Self::with_resolver(policy, Arc::new(SystemResolver))
    }

    /// With another resolver.
    pub fn with_resolver(policy: Policy, resolver: Arc<dyn Resolve>) -> Self {
        Self { policy, resolver, clients: Mutex::default() }
    }

    /// `GET` without further headers.
    pub async fn get(&self, url: &Url) -> Result<Response, OutboundError> {
        self.send(Request::get(url.clone())).await
    }

    /// `POST` of a form.
    pub async fn post_form(
        &self,
        url: &Url,
        fields: &[(&str, &str)],
    ) -> Result<Response, OutboundError> {
        self.send(Request::post_form(url.clone(), fields)).await
    }

    /// Sends a request once, within the caps. Every status is an answer; only a missing answer is an error.
    pub async fn send(&self, request: Request) -> Result<Response, OutboundError> {
        match tokio::time::timeout(self.policy.timeout, self.exchange(request)).await {
            Ok(done) => done,
            Err(_) => Err(OutboundError::Timeout),
        }
    }

    /// Whether the guard would let a call to this URL out: for refusing a bad target when it is registered.
    pub async fn check(&self, url: &Url) -> Result<(), OutboundError> {
        self.addresses(url).await.map(|_| ())
    }

    async fn exchange(&self, request: Request) -> Result<Response, OutboundError> {
        let (host, addresses) = self.addresses(&request.url).await?;
        let client = self.client(host, request.url.scheme() == "https", addresses)?;
        let mut answer = client
            .request(request.method, request.url)
            .headers(request.headers)
            .body(request.body)
            .send()
            .await
            .map_err(|error| transport(&error))?;
        let length = answer.content_length().unwrap_or(0);
        if usize::try_from(length).map_or(true, |length| length > self.policy.max_bytes) {
            return Err(OutboundError::TooLarge);
        }
        let mut body = BytesMut::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| transport(&error))? {
            if body.len() + chunk.len() > self.policy.max_bytes {
                return Err(OutboundError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        let body: Bytes = body.freeze();
        Ok(Response { status: answer.status().as_u16(), headers: answer.headers().clone(), body })
    }

    /// The host and its checked addresses. One bad address refuses the whole name: which one a connection takes is chance.
    async fn addresses(&self, url: &Url) -> Result<(String, Vec<SocketAddr>), OutboundError> {
        let (host, port) = self.policy.check_url(url)?;
        self.checked(host, port).await
    }

    /// The same for a broker of messages.
    pub(crate) async fn addresses_for_mqtt(
        &self,
        url: &Url,
    ) -> Result<(String, Vec<SocketAddr>), OutboundError> {
        let (host, port) = self.policy.check_mqtt_url(url)?;
        self.checked(host, port).await
    }

    async fn checked(
        &self,
        host: String,
        port: u16,
    ) -> Result<(String, Vec<SocketAddr>), OutboundError> {
        let mut ips: Vec<IpAddr> = match host.parse() {
            Ok(ip) => vec![ip],
            Err(_) => self.resolver.resolve(&host).await.map_err(|_| OutboundError::Unresolved)?,
        };
        ips.sort_unstable();
        ips.dedup();
        if ips.is_empty() {
            return Err(OutboundError::Unresolved);
        }
        for ip in &ips {
            self.policy
                .check_address(&host, port, *ip)
                .inspect_err(|refusal| tracing::warn!(%refusal, "outbound call refused"))?;
        }
        Ok((host, ips.into_iter().map(|ip| SocketAddr::new(ip, port)).collect()))
    }

    fn client(
        &self,
        host: String,
        tls: bool,
        addresses: Vec<SocketAddr>,
    ) -> Result<reqwest::Client, OutboundError> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (host, tls, addresses);
        if let Some(client) = clients.get(&key) {
            return Ok(client.clone());
        }
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            // Names are the same in any case, but receivers in the wild compare them as people write them.
            .http1_title_case_headers()
            .timeout(self.policy.timeout)
            .user_agent(concat!("tsunagu/", env!("CARGO_PKG_VERSION")))
            .resolve_to_addrs(&key.0, &key.2);
        if !tls {
            // Plain HTTP needs no root certificates, and a machine without any can still make it.
            builder = builder.tls_certs_only(std::iter::empty());
        }
        let client = builder.build().map_err(|_| OutboundError::Setup)?;
        if clients.len() >= KEPT_CLIENTS {
            clients.clear();
        }
        clients.insert(key, client.clone());
        Ok(client)
    }
}

fn transport(error: &reqwest::Error) -> OutboundError {
    if error.is_timeout() {
        OutboundError::Timeout
    } else if error.is_builder() {
        OutboundError::Malformed("the http client refused the request")
    } else {
        OutboundError::Connection
    }
}
