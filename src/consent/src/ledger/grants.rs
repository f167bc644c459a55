//! Grants in force, kept so that a request does not decode its consent again.

use std::fmt;
use std::sync::Arc;

use quick_cache::sync::Cache;
use tsunagu_domain::{Problem, TenantId, Timestamp};
use tsunagu_policy::Grant;

use super::Ledger;
use super::keys::{self, CONSENT};
use crate::Consent;

/// So many grants are kept.
const KEPT: usize = 20_000;

/// A grant as of a version of its consent.
#[derive(Clone)]
struct Kept {
    version: u64,
    /// What the store said of the collection before the consent was read; see [`tsunagu_store::Store::stirred`].
    stirred: Option<u64>,
    grant: Arc<Grant>,
}

/// The cache. It never answers by itself: what is in it counts only as far as the store says that it is still so.
pub(super) struct Grants(Cache<(TenantId, String), Kept>);

impl Default for Grants {
    fn default() -> Self {
        Self(Cache::new(KEPT))
    }
}

impl fmt::Debug for Grants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Grants(…)")
    }
}

impl Ledger {
    /// The grant of a consent that is in force at `now`. A withdrawal holds at once: the consent's record is read for every request, or the
    /// store knows without reading that no consent has changed since. Only decoding it is saved.
    pub async fn live_grant(
        &self,
        tenant: &TenantId,
        id: &str,
        now: Timestamp,
    ) -> Result<Option<Arc<Grant>>, Problem> {
        let grant = self.grant(tenant, id).await?;
        Ok(grant.filter(|grant| grant.live && (grant.valid_from..grant.valid_until).contains(&now)))
    }

    async fn grant(&self, tenant: &TenantId, id: &str) -> Result<Option<Arc<Grant>>, Problem> {
        // Before the record is read: a change in between makes this number an old one.
        let stirred = self.store.stirred(CONSENT);
        let name = (tenant.clone(), id.to_owned());
        let kept = self.grants.0.get(&name);
        if let Some(kept) = &kept
            && stirred.is_some()
            && kept.stirred == stirred
        {
            return Ok(Some(Arc::clone(&kept.grant)));
        }
        let Some(record) = self.store.record(tenant, CONSENT, id.as_bytes()).await? else {
            return Ok(None);
        };
        let grant = match kept {
            Some(kept) if kept.version == record.version => kept.grant,
            _ => Arc::new(keys::decode::<Consent>(&record.value)?.grant()),
        };
        let kept = Kept { version: record.version, stirred, grant: Arc::clone(&grant) };
        self.grants.0.insert(name, kept);
        Ok(Some(grant))
    }
}
