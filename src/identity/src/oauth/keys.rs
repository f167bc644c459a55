//! The keys that sign tokens.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use tsunagu_domain::{Problem, TenantId};
use tsunagu_store::{Expect, Scan, WriteSet};

use crate::jose::{Jwk, JwkSet, KeyFailure};
use crate::person::internal;
use crate::records::{self, SIGNING_KEYS};
use crate::{Services, SigningKey};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredKey {
    kid: String,
    /// Base64.
    pkcs8: String,
}

/// The signing keys of a municipality, newest first: the newest signs, all of them verify.
#[derive(Debug, Clone)]
pub struct SigningKeys(Arc<Vec<SigningKey>>);

fn unusable(_: KeyFailure) -> Problem {
    internal("a signing key could not be used")
}

impl SigningKeys {
    /// Reads the keys from the store; makes and stores the first one when there is none.
    pub async fn load(services: &Services, tenant: &TenantId) -> Result<Self, Problem> {
        let store = &*services.store;
        let all = Scan { limit: 100, reverse: true, ..Scan::default() };
        let mut found = records::scan::<StoredKey>(store, tenant, SIGNING_KEYS, &all).await?;
        if found.is_empty() {
            let pkcs8 = SigningKey::generate_pkcs8().map_err(unusable)?;
            let key = SigningKey::from_pkcs8(&pkcs8).map_err(unusable)?;
            let stored = StoredKey { kid: key.kid().to_owned(), pkcs8: STANDARD.encode(pkcs8) };
            let op = records::put(SIGNING_KEYS, b"00000001", None, &stored, Expect::Absent)?;
            // Whoever loses this race uses the winner's key.
            if records::try_commit(store, WriteSet::new(tenant.clone()).with(op)).await? {
                tracing::info!(kid = key.kid(), "the first signing key was made");
            }
            found = records::scan::<StoredKey>(store, tenant, SIGNING_KEYS, &all).await?;
        }
        let mut keys = Vec::with_capacity(found.len());
        for (_, kept) in found {
            let damaged = || internal("a stored signing key is damaged");
            let pkcs8 = STANDARD.decode(&kept.data.pkcs8).map_err(|_| damaged())?;
            let key = SigningKey::from_pkcs8(&pkcs8).map_err(unusable)?;
            if key.kid() != kept.data.kid {
                return Err(damaged());
            }
            keys.push(key);
        }
        if keys.is_empty() {
            return Err(internal("there is no signing key"));
        }
        Ok(Self(Arc::new(keys)))
    }

    /// The key that signs.
    pub fn current(&self) -> Option<&SigningKey> {
        self.0.first()
    }

    /// The public keys, as published.
    pub fn jwks(&self) -> JwkSet {
        JwkSet { keys: self.0.iter().map(|key| key.public().clone()).collect() }
    }

    pub(super) fn public(&self, kid: &str) -> Option<&Jwk> {
        self.0.iter().find(|key| key.kid() == kid).map(SigningKey::public)
    }

    pub(super) fn sign(&self, typ: &str, claims: &impl Serialize) -> Result<String, KeyFailure> {
        self.current().ok_or(KeyFailure)?.sign(typ, claims)
    }
}
