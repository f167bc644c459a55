//! Entities read lately.
//!
//! An entry is always the present version: the committer takes the entities of a group out before the group becomes visible, and while it is
//! being written, and for readers whose snapshot may be older than the last change, nothing is put in. So a version that is in the cache and not
//! newer than a snapshot is also what the snapshot holds.

use std::hash::BuildHasher;
use std::sync::{Mutex, MutexGuard, PoisonError};

use foldhash::fast::RandomState;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use tsunagu_store::Found;

/// Changes are remembered per stripe of keys.
const STRIPES: usize = 256;
/// What an entry costs beside its bytes, roughly.
const OVERHEAD: usize = 160;

#[derive(Debug, Default)]
struct Stripe {
    /// Version of the last group that changed an entity of this stripe.
    changed: u64,
    /// Changes under way.
    under_way: u32,
}

#[derive(Debug, Clone)]
struct Weight;

impl Weighter<Vec<u8>, Found> for Weight {
    fn weight(&self, key: &Vec<u8>, found: &Found) -> u64 {
        (key.len() + found.doc.bytes().len() + OVERHEAD) as u64
    }
}

pub(crate) struct EntityCache {
    entities: Cache<Vec<u8>, Found, Weight>,
    stripes: Box<[Mutex<Stripe>]>,
    hasher: RandomState,
}

impl EntityCache {
    pub(crate) fn new(bytes: u64, version: u64) -> Self {
        let items = usize::try_from(bytes / 1024).unwrap_or(usize::MAX).clamp(16, 1 << 20);
        let stripe = || Mutex::new(Stripe { changed: version, under_way: 0 });
        Self {
            entities: Cache::with_weighter(items, bytes, Weight),
            stripes: std::iter::repeat_with(stripe).take(STRIPES).collect(),
            hasher: RandomState::default(),
        }
    }

    /// The present version, if it is here.
    pub(crate) fn get(&self, key: &[u8]) -> Option<Found> {
        self.entities.get(key)
    }

    /// Keeps what a snapshot of at least version `seen` held, unless it may have been changed since.
    pub(crate) fn offer(&self, key: Vec<u8>, found: &Found, seen: u64) {
        let Some(stripe) = self.stripe(&key) else {
            return;
        };
        if stripe.under_way == 0 && stripe.changed <= seen {
            self.entities.insert(key, found.clone());
        }
    }

    /// To be called before changes become visible.
    pub(crate) fn begin(&self, keys: &[Vec<u8>]) {
        for key in keys {
            if let Some(mut stripe) = self.stripe(key) {
                stripe.under_way += 1;
                self.entities.remove(key.as_slice());
            }
        }
    }

    /// To be called after changes became visible, or failed.
    pub(crate) fn end(&self, keys: &[Vec<u8>], version: u64) {
        for key in keys {
            if let Some(mut stripe) = self.stripe(key) {
                stripe.under_way = stripe.under_way.saturating_sub(1);
                stripe.changed = version;
            }
        }
    }

    fn stripe(&self, key: &[u8]) -> Option<MutexGuard<'_, Stripe>> {
        let at = usize::try_from(self.hasher.hash_one(key) % STRIPES as u64).unwrap_or(0);
        Some(self.stripes.get(at)?.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
