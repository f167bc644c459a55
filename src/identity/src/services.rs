//! What every part of this room works with.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::hmac;
use tsunagu_domain::{Assurance, Catalogue, Clock, IdGen, Problem, TenantId, Timestamp, TsunoId};
use tsunagu_policy::{Asked, Principal, View, decide};
use tsunagu_store::Store;
use tsunagu_store::access::{Access, AccessLog, Action, Decision};

/// Storage, time, randomness, the access log, the catalogue. Cheap to clone.
#[derive(Clone)]
pub struct Services {
    /// Where everything durable goes.
    pub store: Arc<dyn Store>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub ids: Arc<dyn IdGen>,
    /// Where every access to personal data is written down.
    pub log: Arc<dyn AccessLog>,
    /// What is personal, in which classes, for what purposes.
    pub catalogue: Arc<Catalogue>,
}

impl fmt::Debug for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Services(…)")
    }
}

impl Services {
    /// The view of a task of this room.
    pub(crate) fn view(&self, tenant: &TenantId, task: &'static str) -> Result<View, Problem> {
        decide(&Asked {
            tenant,
            catalogue: &self.catalogue,
            now: self.clock.micros(),
            principal: Principal::Platform { task },
        })
        .map_err(Problem::from)
    }

    /// A record of access by `actor`, with nothing said yet about types and grant.
    pub(crate) fn access(&self, actor: String, subject: Option<TsunoId>, action: Action) -> Access {
        Access {
            at: self.clock.micros(),
            request: self.ids.uuid(),
            actor,
            subjects: subject.into_iter().collect(),
            purpose: None,
            grant: None,
            grant_version: None,
            action,
            types: Vec::new(),
            attributes: Vec::new(),
            decision: Decision::Allowed,
            reason: String::new(),
            count: 0,
        }
    }
}

/// The secret of the platform from which digests of personal data are keyed: without it nobody can test guesses against them.
#[derive(Clone)]
pub struct DigestKey(hmac::Key);

impl fmt::Debug for DigestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DigestKey(…)")
    }
}

impl DigestKey {
    /// From 32 secret bytes. Losing or changing them loses all match keys.
    pub fn new(secret: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// The digest of some texts for one use. Lengths are part of it, so that texts cannot run into one another.
    pub(crate) fn digest(&self, usage: &str, texts: &[&str]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.0);
        for text in std::iter::once(&usage).chain(texts) {
            context.update(&(text.len() as u64).to_be_bytes());
            context.update(text.as_bytes());
        }
        let mut out = [0; 32];
        out.copy_from_slice(context.sign().as_ref());
        out
    }
}

/// Microseconds of so many seconds.
pub(crate) const fn seconds(seconds: i64) -> Timestamp {
    seconds * 1_000_000
}

/// The moment of authentication in whole seconds, as tokens carry it.
pub(crate) fn auth_seconds(assurance: &Assurance) -> i64 {
    assurance.auth_time.div_euclid(1_000_000)
}
