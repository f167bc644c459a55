//! What calls the operator allows.

use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;
use url::Url;

use crate::Refusal;
use crate::address::{is_public, within};

/// A target that may be called although its address is not public: `host:port` (a name or an address), or an address block
/// such as `127.0.0.0/8`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Allow {
    /// This host as written in the URL, at this port, whatever it resolves to.
    Host {
        /// Name or address, lower case, IPv6 without brackets.
        host: String,
        /// Port.
        port: u16,
    },
    /// Any target that resolves into this block.
    Net {
        /// First address.
        net: IpAddr,
        /// Length of the prefix.
        bits: u8,
    },
}

/// The text is neither `host:port` nor an address block.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an allowed target: expected host:port or an address block such as 10.1.0.0/16")]
pub struct InvalidAllow;

impl FromStr for Allow {
    type Err = InvalidAllow;

    fn from_str(text: &str) -> Result<Self, InvalidAllow> {
        if let Some((net, bits)) = text.split_once('/') {
            let net: IpAddr = net.parse().map_err(|_| InvalidAllow)?;
            let bits: u8 = bits.parse().map_err(|_| InvalidAllow)?;
            let longest = if net.is_ipv4() { 32 } else { 128 };
            return if bits <= longest { Ok(Self::Net { net, bits }) } else { Err(InvalidAllow) };
        }
        let (host, port) = text.rsplit_once(':').ok_or(InvalidAllow)?;
        let port = port.parse().map_err(|_| InvalidAllow)?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        let plain = host.parse::<IpAddr>().is_ok() || !host.contains([':', '@', '?', '#']);
        if host.is_empty() || !plain { Err(InvalidAllow) } else { Ok(Self::Host { host, port }) }
    }
}

impl TryFrom<String> for Allow {
    type Error = InvalidAllow;
    fn try_from(text: String) -> Result<Self, InvalidAllow> {
        text.parse()
    }
}

/// What calls are allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Targets allowed although their address is not public.
    pub allow_private: Vec<Allow>,
    /// URL schemes, of `https` and `http`.
    pub schemes: Vec<String>,
    /// Ports; empty means any. A target allowed as `host:port` brings its own.
    pub ports: Vec<u16>,
    /// Longest answer taken, bytes.
    pub max_bytes: usize,
    /// Longest time for one call from name resolution to the last byte.
    pub timeout: Duration,
}

impl Default for Policy {
    /// `https` to public addresses at port 443, 1 MiB, 10 seconds.
    fn default() -> Self {
        Self {
            allow_private: Vec::new(),
            schemes: vec!["https".to_owned()],
            ports: vec![443],
            max_bytes: 1 << 20,
            timeout: Duration::from_secs(10),
        }
    }
}

impl Policy {
    /// Checks what the URL alone shows, and gives its host and port.
    pub(crate) fn check_url(&self, url: &Url) -> Result<(String, u16), Refusal> {
        let web = matches!(url.scheme(), "http" | "https");
        if !web || !self.schemes.iter().any(|scheme| scheme == url.scheme()) {
            return Err(Refusal::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refusal::UserInfo);
        }
        let port = url.port_or_known_default().ok_or(Refusal::Port)?;
        self.check_target(url, port, self.ports.is_empty() || self.ports.contains(&port))
    }

    /// The same for a broker of messages. `mqtts` goes where `https` does, `mqtt` where `http` does; their own ports are open beside those
    /// of the web, and the URL may say who we are to the broker.
    pub(crate) fn check_mqtt_url(&self, url: &Url) -> Result<(String, u16), Refusal> {
        let (web, default) = match url.scheme() {
            "mqtts" => ("https", 8883),
            "mqtt" => ("http", 1883),
            _ => return Err(Refusal::Scheme),
        };
        if !self.schemes.iter().any(|scheme| scheme == web) {
            return Err(Refusal::Scheme);
        }
        let port = url.port().unwrap_or(default);
        let known = port == default || self.ports.is_empty() || self.ports.contains(&port);
        self.check_target(url, port, known)
    }

    fn check_target(&self, url: &Url, port: u16, known: bool) -> Result<(String, u16), Refusal> {
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(Refusal::NoHost)?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        if known || self.names(&host, port) { Ok((host, port)) } else { Err(Refusal::Port) }
    }

    /// Checks an address that the host stands for.
    pub(crate) fn check_address(
        &self,
        host: &str,
        port: u16,
        address: IpAddr,
    ) -> Result<(), Refusal> {
        let in_net = |allow: &Allow| match allow {
            Allow::Net { net, bits } => within(address, *net, *bits),
            Allow::Host { .. } => false,
        };
        let allowed =
            is_public(address) || self.names(host, port) || self.allow_private.iter().any(in_net);
        if allowed { Ok(()) } else { Err(Refusal::Address) }
    }

    fn names(&self, host: &str, port: u16) -> bool {
        self.allow_private.iter().any(
            |allow| matches!(allow, Allow::Host { host: h, port: p } if h == host && *p == port),
        )
    }
}
