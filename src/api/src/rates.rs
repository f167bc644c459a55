//! How often one caller may ask. The steps of the request path that refuse with 429 (RFC 6585 section 4): an address before anything is read, a
//! client and a resident as soon as their token is verified.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpRequest;
use tsunagu_domain::{Problem, ProblemCode};
use tsunagu_identity::AccessToken;
use tsunagu_shared_state::{RateLimits, Verdict, Whose};

use crate::{Failure, Gateway};

/// Where each begun login or asked token makes a record.
const LOGINS: [&str; 7] = [
    "/login",
    "/staff/login",
    "/oauth/par",
    "/oauth/authorize",
    "/oauth/token",
    "/oauth/end-session",
    "/oauth/pairwise-ids",
];

/// The limits in force.
pub struct Rates {
    /// Where it is counted.
    pub limits: Arc<dyn RateLimits>,
}

impl Rates {
    async fn admit(&self, whose: Whose, who: &str) -> Result<(), Failure> {
        match self.limits.admit(whose, who).await {
            Verdict::Admitted => Ok(()),
            Verdict::Refused { retry_after } => Err(refused(whose, retry_after)),
        }
    }
}

/// An address, as one block where one customer has many.
fn block(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        // A connection is given 2^64 addresses.
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
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
    let address = block(gateway.proxies.asker(peer.ip(), request.headers()));
    rates.admit(Whose::Address, &address).await?;
    // As the routes read it: escapes make no other path.
    let path = request.match_info().get_ref().path();
    if LOGINS.iter().any(|login| path.starts_with(login)) {
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
