//! Keys published by somebody else at a `jwks_uri`.

use std::fmt;
use std::sync::Arc;

use tokio::sync::Mutex;
use tsunagu_domain::{Clock, Timestamp};
use tsunagu_outbound::{Outbound, OutboundError};
use url::Url;

use super::{Algorithm, Jwk, JwkSet};

/// Keys older than this are fetched again before use, so that a withdrawn key stops counting.
const MAX_AGE: i64 = 600_000_000;
/// An unknown `kid` or a failure fetches again at most this often, or a stranger's tokens would make us hammer the publisher.
const MIN_PAUSE: i64 = 30_000_000;

#[derive(Default)]
struct Cached {
    /// What was fetched, and when.
    keys: Option<(Timestamp, JwkSet)>,
    /// When fetching last failed.
    failed: Option<Timestamp>,
}

/// A JWK set at a URL, cached.
pub(crate) struct RemoteKeys {
    url: Url,
    outbound: Arc<Outbound>,
    clock: Arc<dyn Clock>,
    cached: Mutex<Cached>,
}

impl fmt::Debug for RemoteKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteKeys").finish_non_exhaustive()
    }
}

impl RemoteKeys {
    pub(crate) fn new(url: Url, outbound: Arc<Outbound>, clock: Arc<dyn Clock>) -> Self {
        Self { url, outbound, clock, cached: Mutex::default() }
    }

    /// The key of this `kid` and algorithm; `None` when the publisher has no such key.
    pub(crate) async fn find(
        &self,
        kid: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<Option<Jwk>, OutboundError> {
        let now = self.clock.micros();
        let mut cached = self.cached.lock().await;
        if let Some((at, keys)) = &cached.keys {
            let age = now.saturating_sub(*at);
            let found = keys.find(kid, algorithm);
            if age < MAX_AGE && (found.is_some() || age < MIN_PAUSE) {
                return Ok(found.cloned());
            }
        }
        if cached.failed.is_some_and(|at| now.saturating_sub(at) < MIN_PAUSE) {
            return Err(OutboundError::Connection);
        }
        match self.fetch().await {
            Ok(keys) => {
                let found = keys.find(kid, algorithm).cloned();
                *cached = Cached { keys: Some((now, keys)), failed: None };
                Ok(found)
            }
            Err(error) => {
                cached.failed = Some(now);
                Err(error)
            }
        }
    }

    async fn fetch(&self) -> Result<JwkSet, OutboundError> {
        let answer = self.outbound.get(&self.url).await?;
        if !answer.is_success() {
            return Err(OutboundError::Malformed("the jwk set could not be fetched"));
        }
        answer.json().map_err(|_| OutboundError::Malformed("what was fetched is no jwk set"))
    }
}
