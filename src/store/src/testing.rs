//! A store in memory, for tests of other rooms. Nothing of it is durable.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::ControlFlow;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tsunagu_domain::TenantId;
use tsunagu_ngsi_ld::{EntityDoc, PastDoc};
use tsunagu_policy::View;

use crate::group::{self, EntityKey, LogKey, Present, RecordKey};
use crate::index::{self, Declared};
use crate::plan::{Candidates, Gather, candidates};
use crate::temporal::{self, Chunk, InstanceRange, Recall, SUFFIX, Series};
use crate::{
    Collection, EntityQuery, Found, Log, Page, Receipt, Record, Scan, Store, StoreError, WriteSet,
};

/// A [`Store`] that forgets everything when dropped.
#[derive(Debug, Default)]
pub struct MemoryStore {
    declared: Declared,
    memory: Mutex<Memory>,
}

#[derive(Debug, Default, Clone)]
struct Memory {
    entities: BTreeMap<EntityKey, (u64, EntityDoc)>,
    records: BTreeMap<RecordKey, (u64, Vec<u8>)>,
    logs: BTreeMap<LogKey, Vec<Vec<u8>>>,
    instances: BTreeMap<EntityKey, BTreeMap<[u8; SUFFIX], PastDoc>>,
    version: u64,
    closed: bool,
}

impl Present for Memory {
    fn entity(&self, key: &EntityKey) -> Result<Option<(u64, EntityDoc)>, StoreError> {
        Ok(self.entities.get(key).cloned())
    }

    fn record(&self, key: &RecordKey) -> Result<Option<(u64, Vec<u8>)>, StoreError> {
        Ok(self.records.get(key).cloned())
    }

    fn log_size(&self, key: &LogKey) -> Result<u64, StoreError> {
        Ok(self.logs.get(key).map_or(0, Vec::len) as u64)
    }

    fn version(&self) -> u64 {
        self.version
    }
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty store that indexes the values of these attributes.
    pub fn with(declared: Declared) -> Self {
        Self { declared, memory: Mutex::default() }
    }

    /// Opens it again after [`Store::close`], with everything that was in it, as a restart of a durable store does.
    pub fn reopen(&self) {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner).closed = false;
    }

    /// Everything that is in it now, in a store of its own, as a backup holds it.
    #[must_use]
    pub fn backup(&self) -> Self {
        let memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Self { declared: self.declared.clone(), memory: Mutex::new(memory) }
    }

    /// Puts what a backup holds in the place of everything.
    pub fn restore(&self, backup: &Self) {
        let memory = backup.memory.lock().unwrap_or_else(PoisonError::into_inner).clone();
        *self.memory.lock().unwrap_or_else(PoisonError::into_inner) = memory;
    }

    fn memory(&self) -> Result<MutexGuard<'_, Memory>, StoreError> {
        let memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        if memory.closed {
            return Err(StoreError::Unavailable("the store is closed".to_owned()));
        }
        Ok(memory)
    }

    fn one(&self, view: &View, tenant: &TenantId, id: &str) -> Result<Option<Found>, StoreError> {
        let key = (tenant.clone(), id.to_owned());
        let found = self.memory()?.entities.get(&key).cloned();
        found.map_or(Ok(None), |(version, doc)| Found { version, doc }.seen(view))
    }

    fn search(
        &self,
        view: &View,
        tenant: &TenantId,
        query: &EntityQuery,
    ) -> Result<Page, StoreError> {
        let declared = &self.declared;
        let memory = self.memory()?;
        let of = |id: &str| {
            let found = memory.entities.get(&(tenant.clone(), id.to_owned())).cloned();
            let found = found.map(|(version, doc)| Found { version, doc });
            found.and_then(|found| found.live(view).ok().flatten())
        };
        let mine = || memory.entities.iter().filter(|((t, _), _)| t == tenant);
        let mut seen = HashSet::new();
        let mut gather = Gather::new(view, query);
        let ids: Vec<String> = match candidates(view, &query.filter, declared) {
            Candidates::Nothing => Vec::new(),
            Candidates::Ids(ids) => ids,
            Candidates::Every => mine().map(|((_, id), _)| id.clone()).collect(),
            Candidates::Ranges(ranges) => {
                let mut entries: Vec<Vec<u8>> =
                    mine().flat_map(|(_, (_, doc))| index::entries(doc, declared)).collect();
                entries.sort_unstable();
                let within =
                    |range: &index::Range, e: &&Vec<u8>| **e >= range.from && **e < range.to;
                let hits = ranges
                    .iter()
                    .flat_map(|range| entries.iter().filter(move |e| within(range, e)));
                let stands = |entry: &&Vec<u8>| {
                    index::id_of(entry)
                        .and_then(of)
                        .is_some_and(|found| gather.stands_at(&found, entry, declared))
                };
                let hits: Vec<&Vec<u8>> = hits.filter(stands).collect();
                hits.into_iter()
                    .filter_map(|entry| index::id_of(entry))
                    .map(str::to_owned)
                    .collect()
            }
        };
        for id in ids {
            if seen.insert(id.clone())
                && let Some(found) = of(&id)
                && let ControlFlow::Break(()) = gather.offer(found)
            {
                break;
            }
        }
        Ok(gather.finish())
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn entity(&self, view: &View, id: &str) -> Result<Option<Found>, StoreError> {
        self.one(view, view.tenant(), id)
    }

    async fn query(&self, view: &View, query: &EntityQuery) -> Result<Page, StoreError> {
        self.search(view, view.tenant(), query)
    }

    async fn past(&self, view: &View, id: &str) -> Result<Option<Found>, StoreError> {
        self.one(view, &view.tenant().past(), id)
    }

    async fn pasts(&self, view: &View, query: &EntityQuery) -> Result<Page, StoreError> {
        self.search(view, &view.tenant().past(), query)
    }

    async fn series(&self, view: &View, of: &EntityDoc) -> Result<Vec<Series>, StoreError> {
        let memory = self.memory()?;
        let all = memory.instances.get(&(view.tenant().clone(), of.id().to_owned()));
        let keys = all.into_iter().flat_map(BTreeMap::keys);
        let series: BTreeSet<Series> = keys.map(|key| temporal::read_suffix(*key).0).collect();
        Ok(series.into_iter().collect())
    }

    async fn instances(
        &self,
        view: &View,
        of: &EntityDoc,
        range: &InstanceRange,
    ) -> Result<Chunk, StoreError> {
        let memory = self.memory()?;
        let all = memory.instances.get(&(view.tenant().clone(), of.id().to_owned()));
        let (from, to) = range.keys();
        let within = |(key, _): &(&[u8; SUFFIX], &PastDoc)| {
            **key >= from
                && to.is_none_or(|to| **key < to)
                && temporal::read_suffix(**key).0 == range.series
        };
        let mut hits: Vec<_> = all.into_iter().flatten().filter(within).collect();
        if range.reverse {
            hits.reverse();
        }
        let mut recall = Recall::new(view, of, range);
        for (key, doc) in hits.into_iter().take(range.limit) {
            recall.offer(temporal::read_suffix(*key).1, doc.clone());
        }
        Ok(recall.finish())
    }

    async fn commit(&self, set: WriteSet) -> Result<Receipt, StoreError> {
        group::admit(&set)?;
        let mut memory = self.memory()?;
        let mut resolution = group::resolve(vec![set], &*memory);
        memory.version = resolution.version;
        for change in resolution.entities {
            match change.after {
                Some(after) => memory.entities.insert(change.key, after),
                None => memory.entities.remove(&change.key),
            };
        }
        for (key, after) in resolution.records {
            match after {
                Some(after) => memory.records.insert(key, after),
                None => memory.records.remove(&key),
            };
        }
        for ((tenant, key), after) in resolution.instances {
            let suffix = key.suffix();
            let all = memory.instances.entry((tenant, key.entity)).or_default();
            match after {
                Some(doc) => all.insert(suffix, doc),
                None => all.remove(&suffix),
            };
        }
        for (key, _, entry) in resolution.appends {
            memory.logs.entry(key).or_default().push(entry);
        }
        for ((key, index), entry) in resolution.redactions {
            let log = memory.logs.entry(key).or_default();
            if let Some(old) = usize::try_from(index).ok().and_then(|index| log.get_mut(index)) {
                *old = entry;
            }
        }
        let lost = || StoreError::Unavailable("the group had no outcome".to_owned());
        resolution.outcomes.pop().ok_or_else(lost)?
    }

    async fn record(
        &self,
        tenant: &TenantId,
        collection: Collection,
        key: &[u8],
    ) -> Result<Option<Record>, StoreError> {
        let found =
            self.memory()?.records.get(&(tenant.clone(), collection, key.to_vec())).cloned();
        Ok(found.map(|(version, value)| Record { version, value }))
    }

    async fn records(
        &self,
        tenant: &TenantId,
        collection: Collection,
        scan: &Scan,
    ) -> Result<Vec<(Vec<u8>, Record)>, StoreError> {
        let Some((from, to)) = scan.range() else {
            return Ok(Vec::new());
        };
        let memory = self.memory()?;
        let hits = memory.records.range((tenant.clone(), collection, from)..).take_while(
            |((t, c, key), _)| {
                t == tenant && *c == collection && to.as_ref().is_none_or(|to| key < to)
            },
        );
        let read = |((_, _, key), (version, value)): (&RecordKey, &(u64, Vec<u8>))| {
            (key.clone(), Record { version: *version, value: value.clone() })
        };
        Ok(if scan.reverse {
            let hits: Vec<_> = hits.collect();
            hits.into_iter().rev().take(scan.limit).map(read).collect()
        } else {
            hits.take(scan.limit).map(read).collect()
        })
    }

    async fn log_size(&self, tenant: &TenantId, log: Log) -> Result<u64, StoreError> {
        Ok(self.memory()?.logs.get(&(tenant.clone(), log)).map_or(0, Vec::len) as u64)
    }

    async fn log_entries(
        &self,
        tenant: &TenantId,
        log: Log,
        from: u64,
        limit: usize,
    ) -> Result<Vec<Vec<u8>>, StoreError> {
        let memory = self.memory()?;
        let entries =
            memory.logs.get(&(tenant.clone(), log)).map(Vec::as_slice).unwrap_or_default();
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        Ok(entries.iter().skip(from).take(limit).cloned().collect())
    }

    async fn verify(&self) -> Result<Vec<String>, StoreError> {
        Ok(Vec::new())
    }

    async fn close(&self) {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
    }
}
