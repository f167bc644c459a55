//! How often one caller may ask. The steps of the request path that refuse with 429 (RFC 6585 section 4): an address before anything is read, a
//! client and a resident as soon as their token is verified.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::header::HeaderMap;
use ipnet::IpNet;
use tsunagu_domain::{Problem, ProblemCode};
use tsunagu_identity::AccessToken;
use tsunagu_shared_state::{RateLimits, Verdict, Whose};

use crate::{Failure, Gateway};

/// Where each begun login or asked token makes a record.
const LOGINS: [&str; 4] = ["/login", "/oauth/par", "/oauth/authorize", "/oauth/token"];
/// What proxies say of who asked them; the last of the list is what the last proxy saw.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// The limits in force.
pub struct Rates {
    /// Where it is counted.
    pub limits: Arc<dyn RateLimits>,
    /// Whose word on the address of a caller is believed.
    pub proxies: Vec<IpNet>,
}

impl Rates {
    async fn admit(&self, whose: Whose, who: &str) -> Result<(), Failure> {
        match self.limits.admit(whose, who).await {
            Verdict::Admitted => Ok(()),
            Verdict::Refused { retry_after } => Err(refused(whose, retry_after)),
        }
    }

    /// The address that asks, as far as it can be known, and as one block where one customer has many.
    fn address(&self, peer: IpAddr, headers: &HeaderMap) -> String {
        match forwarded(peer, headers, &self.proxies).to_canonical() {
            IpAddr::V4(address) => address.to_string(),
            // A connection is given 2^64 addresses.
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
            }
        }
    }
}

/// Follows the list of addresses from the end, as long as those who wrote it are believed.
fn forwarded(peer: IpAddr, headers: &HeaderMap, proxies: &[IpNet]) -> IpAddr {
    let believed =
        |address: &IpAddr| proxies.iter().any(|net| net.contains(&address.to_canonical()));
    let mut at = peer;
    let values: Vec<_> = headers.get_all(FORWARDED_FOR).filter_map(|v| v.to_str().ok()).collect();
    let mut hops = values.iter().rev().flat_map(|value| value.rsplit(','));
    while believed(&at) {
        let Some(next) = hops.next().and_then(|hop| hop.trim().parse().ok()) else { break };
        at = next;
    }
    at
}

fn refused(whose: Whose, retry_after: Duration) -> Failure {
    let seconds = retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0);
    let what = match whose {
        Whose::Address => "this address asks",
        Whose::Login => "this address begins logins or asks for tokens",
        Whose::Client => "this client asks",
        Whose::Resident => "this client asks about this resident",
    };
    let detail = format!("{what} too often; ask again after {seconds} seconds");
    let mut failure = Failure::from(Problem::new(ProblemCode::TooManyRequests, detail));
    failure.retry_after = Some(seconds);
    failure
}

/// Refuses what an address asks beyond its quota, before anything else is done for it.
pub async fn admit_address(gateway: &Gateway, request: &HttpRequest) -> Result<(), Failure> {
    let Some(rates) = &gateway.rates else { return Ok(()) };
    let Some(peer) = request.peer_addr() else { return Ok(()) };
    let address = rates.address(peer.ip(), request.headers());
    rates.admit(Whose::Address, &address).await?;
    if LOGINS.iter().any(|path| request.path().starts_with(path)) {
        rates.admit(Whose::Login, &address).await?;
    }
    Ok(())
}

/// Refuses what a client asks beyond its quota, in all or about one resident.
pub(crate) async fn admit_client(gateway: &Gateway, token: &AccessToken) -> Result<(), Failure> {
    let Some(rates) = &gateway.rates else { return Ok(()) };
    let client = format!("{} {}", token.tenant, token.client);
    rates.admit(Whose::Client, &client).await?;
    match token.subject {
        Some(subject) => rates.admit(Whose::Resident, &format!("{client} {subject}")).await,
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    fn seen(peer: &str, lists: &[&'static str]) -> String {
        let proxies = ["10.0.0.0/8", "fd00::/8"].map(|net| net.parse().unwrap());
        let mut headers = HeaderMap::new();
        for list in lists {
            let name = HeaderName::from_static(FORWARDED_FOR);
            headers.append(name, HeaderValue::from_static(list));
        }
        forwarded(peer.parse().unwrap(), &headers, &proxies).to_string()
    }

    #[test]
    fn only_proxies_are_believed() {
        assert_eq!(seen("203.0.113.9", &["198.51.100.1"]), "203.0.113.9");
        assert_eq!(seen("10.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        // What the caller wrote before the proxy added its own counts for nothing.
        assert_eq!(seen("10.0.0.1", &["192.0.2.7, 198.51.100.1"]), "198.51.100.1");
        assert_eq!(seen("10.0.0.1", &["192.0.2.7", "198.51.100.1"]), "198.51.100.1");
        // Two proxies in a row.
        assert_eq!(seen("fd00::1", &["192.0.2.7, 198.51.100.1, 10.0.0.2"]), "198.51.100.1");
        assert_eq!(seen("::ffff:10.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        // Without a list, or with nonsense in it, it is the proxy who asks.
        assert_eq!(seen("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(seen("10.0.0.1", &["198.51.100.1, unknown"]), "10.0.0.1");
    }
}
