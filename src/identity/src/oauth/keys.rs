//! The keys that sign tokens: read again when half a second old, so that every replica signs with the same one and a removed one counts nowhere.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use tsunagu_domain::{Problem, ProblemCode, TenantId, Timestamp};
use tsunagu_store::{Expect, Scan, WriteSet};

use crate::jose::{Jwk, JwkSet, KeyFailure};
use crate::person::internal;
use crate::records::{self, SIGNING_KEYS};
use crate::services::seconds;
use crate::{Services, SigningKey};

/// A new key is published for so long before it signs, seconds: twice as long as others may keep the published set.
const PUBLISHED_BEFORE: i64 = 600;
/// A key that signs no more is kept for so long, seconds: longer than any token that it signed lives.
const KEPT_AFTER: i64 = 3_600;
/// What another process did to the keys is noticed within this, microseconds.
const ASK_AGAIN: Timestamp = 500_000;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredKey {
    kid: String,
    /// Base64.
    pkcs8: String,
    /// First moment at which it signs.
    #[serde(default)]
    signs_from: Timestamp,
}

/// A key with its place in the store.
struct Placed {
    name: Vec<u8>,
    version: u64,
    key: SigningKey,
    signs_from: Timestamp,
}

/// The keys of one moment, newest first.
struct Ring(Vec<Placed>);

impl Ring {
    /// The newest key whose time has come; the oldest when that of none has.
    fn signing(&self, now: Timestamp) -> Option<&Placed> {
        self.0.iter().find(|placed| placed.signs_from <= now).or(self.0.last())
    }

    fn find(&self, kid: &str) -> Option<&Placed> {
        self.0.iter().find(|placed| placed.key.kid() == kid)
    }
}

/// What a key is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyRole {
    /// Published, so that others know it when its time comes.
    Upcoming,
    /// Signs.
    Signing,
    /// Verifies what it signed before.
    Verifying,
}

/// A key as an operator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyState {
    /// Its id, the thumbprint of RFC 7638: two keys cannot have the same.
    pub kid: String,
    /// What it is there for.
    pub role: KeyRole,
    /// Since when, or from when on, it signs; the epoch for the first one.
    pub signs_from: Timestamp,
}

/// The signing keys of a municipality.
#[derive(Clone)]
pub struct SigningKeys(Arc<Inner>);

struct Inner {
    services: Services,
    tenant: TenantId,
    ring: RwLock<Arc<Ring>>,
    asked: AtomicI64,
}

impl fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKeys(…)")
    }
}

fn unusable(_: KeyFailure) -> Problem {
    internal("a signing key could not be used")
}

impl SigningKeys {
    /// Reads the keys from the store; makes and stores the first one when there is none.
    pub async fn load(services: &Services, tenant: &TenantId) -> Result<Self, Problem> {
        let mut ring = read(services, tenant).await?;
        if ring.0.is_empty() {
            // Whoever loses this race uses the winner's key.
            if let Some(kid) = make(services, tenant, b"00000001", 0).await? {
                tracing::info!(kid, "the first signing key was made");
            }
            ring = read(services, tenant).await?;
        }
        if ring.0.is_empty() {
            return Err(internal("there is no signing key"));
        }
        Ok(Self(Arc::new(Inner {
            services: services.clone(),
            tenant: tenant.clone(),
            ring: RwLock::new(Arc::new(ring)),
            asked: AtomicI64::new(services.clock.micros()),
        })))
    }

    /// The keys as they are in the store, half a second ago at most.
    async fn ring(&self) -> Result<Arc<Ring>, Problem> {
        let inner = &self.0;
        let now = inner.services.clock.micros();
        let asked = inner.asked.load(Ordering::Relaxed);
        if !(asked..asked.saturating_add(ASK_AGAIN)).contains(&now) {
            let ring = Arc::new(read(&inner.services, &inner.tenant).await?);
            *inner.ring.write().unwrap_or_else(PoisonError::into_inner) = ring;
            inner.asked.store(now, Ordering::Relaxed);
        }
        Ok(Arc::clone(&inner.ring.read().unwrap_or_else(PoisonError::into_inner)))
    }

    /// The key that signs now.
    pub async fn current(&self) -> Result<SigningKey, Problem> {
        let ring = self.ring().await?;
        let signing = ring.signing(self.0.services.clock.micros());
        signing.map(|placed| placed.key.clone()).ok_or_else(|| internal("there is no signing key"))
    }

    /// The public keys, as published: also those that sign later, and those that signed before.
    pub async fn jwks(&self) -> Result<JwkSet, Problem> {
        let ring = self.ring().await?;
        Ok(JwkSet { keys: ring.0.iter().map(|placed| placed.key.public().clone()).collect() })
    }

    pub(super) async fn public(&self, kid: &str) -> Result<Option<Jwk>, Problem> {
        Ok(self.ring().await?.find(kid).map(|placed| placed.key.public().clone()))
    }

    pub(super) async fn knows(&self, kid: &str) -> Result<bool, Problem> {
        Ok(self.ring().await?.find(kid).is_some())
    }

    pub(super) async fn sign(&self, typ: &str, claims: &impl Serialize) -> Result<String, Problem> {
        self.current().await?.sign(typ, claims).map_err(unusable)
    }

    /// Every key with what it is there for, newest first.
    pub async fn list(&self) -> Result<Vec<KeyState>, Problem> {
        let (ring, now) = (self.ring().await?, self.0.services.clock.micros());
        let signing = ring.signing(now).map(|placed| placed.key.kid());
        let state = |placed: &Placed| KeyState {
            kid: placed.key.kid().to_owned(),
            role: match placed.key.kid() {
                kid if Some(kid) == signing => KeyRole::Signing,
                _ if placed.signs_from > now => KeyRole::Upcoming,
                _ => KeyRole::Verifying,
            },
            signs_from: placed.signs_from,
        };
        Ok(ring.0.iter().map(state).collect())
    }

    /// Makes a new key and gives its id. It is published at once and signs ten minutes later, or `at_once`: then others may meet it before
    /// they know it. Keys that have signed nothing for an hour are deleted.
    pub async fn rotate(&self, at_once: bool) -> Result<String, Problem> {
        let inner = &self.0;
        let (ring, now) = (self.read_now().await?, inner.services.clock.micros());
        let last = ring.0.first().and_then(|placed| std::str::from_utf8(&placed.name).ok());
        let last: u32 = last.and_then(|name| name.parse().ok()).unwrap_or_default();
        let signs_from = if at_once { now } else { now + seconds(PUBLISHED_BEFORE) };
        let name = format!("{:08}", last.saturating_add(1));
        let made = make(&inner.services, &inner.tenant, name.as_bytes(), signs_from).await?;
        let kid = made.ok_or_else(|| {
            let detail = "somebody else is changing the keys; look at them and try again";
            Problem::new(ProblemCode::Conflict, detail)
        })?;
        // A key signs until the next newer one does.
        let successors = ring.0.iter().map(|placed| placed.signs_from);
        for (placed, superseded) in ring.0.iter().skip(1).zip(successors) {
            if superseded + seconds(KEPT_AFTER) <= now {
                self.delete(placed).await?;
            }
        }
        self.read_now().await?;
        Ok(kid)
    }

    /// Removes a key: what it signed is refused from now on, on every replica. A key that signs is replaced first.
    pub async fn remove(&self, kid: &str) -> Result<(), Problem> {
        if self.read_now().await?.find(kid).is_none() {
            let detail = "there is no signing key of this id; `tsunagu key list` names them";
            return Err(Problem::new(ProblemCode::BadRequestData, detail));
        }
        let now = self.0.services.clock.micros();
        let signs = |ring: &Ring| ring.signing(now).is_some_and(|placed| placed.key.kid() == kid);
        if signs(&*self.ring().await?) {
            self.rotate(true).await?;
        }
        let ring = self.read_now().await?;
        if let Some(placed) = ring.find(kid) {
            self.delete(placed).await?;
        }
        self.read_now().await?;
        Ok(())
    }

    async fn read_now(&self) -> Result<Arc<Ring>, Problem> {
        self.0.asked.store(Timestamp::MIN, Ordering::Relaxed);
        self.ring().await
    }

    async fn delete(&self, placed: &Placed) -> Result<(), Problem> {
        let op = records::delete(SIGNING_KEYS, &placed.name, Expect::Version(placed.version));
        let set = WriteSet::new(self.0.tenant.clone()).with(op);
        records::try_commit(&*self.0.services.store, set).await?;
        Ok(())
    }
}

/// Makes a key and gives its id; `None` when there is one of this name already.
async fn make(
    services: &Services,
    tenant: &TenantId,
    name: &[u8],
    signs_from: Timestamp,
) -> Result<Option<String>, Problem> {
    let pkcs8 = SigningKey::generate_pkcs8().map_err(unusable)?;
    let kid = SigningKey::from_pkcs8(&pkcs8).map_err(unusable)?.kid().to_owned();
    let stored = StoredKey { kid: kid.clone(), pkcs8: STANDARD.encode(pkcs8), signs_from };
    let op = records::put(SIGNING_KEYS, name, None, &stored, Expect::Absent)?;
    let set = WriteSet::new(tenant.clone()).with(op);
    Ok(records::try_commit(&*services.store, set).await?.then_some(kid))
}

async fn read(services: &Services, tenant: &TenantId) -> Result<Ring, Problem> {
    let all = Scan { limit: 100, reverse: true, ..Scan::default() };
    let store = &*services.store;
    let found = records::scan::<StoredKey>(store, tenant, SIGNING_KEYS, &all).await?;
    let mut ring = Vec::with_capacity(found.len());
    for (name, kept) in found {
        let damaged = || internal("a stored signing key is damaged");
        let pkcs8 = STANDARD.decode(&kept.data.pkcs8).map_err(|_| damaged())?;
        let key = SigningKey::from_pkcs8(&pkcs8).map_err(unusable)?;
        if key.kid() != kept.data.kid {
            return Err(damaged());
        }
        ring.push(Placed { name, version: kept.version, key, signs_from: kept.data.signs_from });
    }
    Ok(Ring(ring))
}
