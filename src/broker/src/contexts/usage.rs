//! How often @contexts are used and when last (clause 5.13.4.5). Counted in this process since it began, by tenant: what one town uses is not
//! told to another.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tsunagu_domain::{TenantId, Timestamp};

/// How many URLs are counted; beyond, the one that was not used for longest is forgotten.
const COUNTED: usize = 2_000;

/// The use of one @context in one tenant.
#[derive(Debug)]
pub(super) struct Usage {
    pub(super) since: Timestamp,
    hits: AtomicU64,
    last: AtomicI64,
}

impl Usage {
    /// Counts one more use.
    pub(super) fn hit(&self, now: Timestamp) {
        self.hits.fetch_add(1, Ordering::Relaxed);
        self.last.fetch_max(now, Ordering::Relaxed);
    }

    pub(super) fn hits(&self) -> u64 {
        self.hits.load(Ordering::Relaxed)
    }

    /// When it was used last, if it was.
    pub(super) fn last(&self) -> Option<Timestamp> {
        Some(self.last.load(Ordering::Relaxed)).filter(|last| *last > 0)
    }
}

type Counted = HashMap<TenantId, HashMap<String, Arc<Usage>>>;

/// The use of every @context.
#[derive(Debug, Default)]
pub(super) struct Usages(Mutex<Counted>);

impl Usages {
    fn all(&self) -> MutexGuard<'_, Counted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The count of a URL, begun now if there is none.
    pub(super) fn of(&self, tenant: &TenantId, url: &str, now: Timestamp) -> Arc<Usage> {
        let mut all = self.all();
        let urls = all.entry(tenant.clone()).or_default();
        if let Some(usage) = urls.get(url) {
            return Arc::clone(usage);
        }
        if urls.len() >= COUNTED {
            let oldest = urls.iter().min_by_key(|(_, usage)| usage.last());
            if let Some(oldest) = oldest.map(|(url, _)| url.clone()) {
                urls.remove(&oldest);
            }
        }
        let usage =
            Arc::new(Usage { since: now, hits: AtomicU64::new(0), last: AtomicI64::new(0) });
        urls.insert(url.to_owned(), Arc::clone(&usage));
        usage
    }

    /// The count of a URL, if there is one.
    pub(super) fn find(&self, tenant: &TenantId, url: &str) -> Option<Arc<Usage>> {
        self.all().get(tenant)?.get(url).cloned()
    }

    /// Forgets a URL; false when it was not counted.
    pub(super) fn forget(&self, tenant: &TenantId, url: &str) -> bool {
        self.all().get_mut(tenant).is_some_and(|urls| urls.remove(url).is_some())
    }

    /// Every URL of a tenant, sorted.
    pub(super) fn list(&self, tenant: &TenantId) -> Vec<(String, Arc<Usage>)> {
        let all = self.all();
        let urls = all.get(tenant).into_iter().flatten();
        let mut urls: Vec<_> = urls.map(|(url, usage)| (url.clone(), Arc::clone(usage))).collect();
        urls.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        urls
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_used_lately_is_forgotten() {
        let tenant: TenantId = "tsuno".parse().unwrap();
        let usages = Usages::default();
        for n in 0..COUNTED {
            let at = i64::try_from(n).unwrap() + 1;
            usages.of(&tenant, &n.to_string(), at).hit(at);
        }
        usages.of(&tenant, "0", 1).hit(99_999);
        usages.of(&tenant, "more", 1);
        assert_eq!(usages.list(&tenant).len(), COUNTED);
        assert!(usages.find(&tenant, "1").is_none());
        assert_eq!(usages.find(&tenant, "0").map(|usage| usage.hits()), Some(2));
    }
}
