//! The keyspaces, and reading them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use fjall::{Database, Guard, Keyspace, Readable, Snapshot};
use foldhash::{HashMap, HashSet};
use tokio::sync::oneshot;
use tsunagu_domain::TenantId;
use tsunagu_ngsi_ld::EntityDoc;
use tsunagu_policy::View;
use tsunagu_store::index::Declared;
use tsunagu_store::temporal::{self, Chunk, InstanceRange, Recall, Series};
use tsunagu_store::{Collection, Found, Log, Record, Scan, StoreError};

use crate::cache::EntityCache;
use crate::keys;

/// Key of the last version in `meta`.
pub(crate) const VERSION: &[u8] = b"version";
/// Key of the layout of the index and the declared attributes in `meta`, one a line.
pub(crate) const DECLARED: &[u8] = b"declared";

/// So many bytes are read again from the journal in no time.
const LITTLE: u64 = 1 << 20;

/// How long closing waits for the disk at most: so many times so long.
const SETTLE_STEPS: u32 = 1_000;
const SETTLE_STEP: Duration = Duration::from_millis(10);

/// An open database. Whoever reads or writes holds it by `Arc`; dropping the last one releases the folder.
pub(crate) struct Engine {
    pub(crate) entities: Keyspace,
    pub(crate) index: Keyspace,
    pub(crate) records: Keyspace,
    pub(crate) logs: Keyspace,
    pub(crate) instances: Keyspace,
    pub(crate) meta: Keyspace,
    pub(crate) declared: Declared,
    pub(crate) cache: EntityCache,
    pub(crate) stirred: Stirred,
    /// The version of the last group that readers see; never ahead of a snapshot taken after loading it.
    pub(crate) visible: AtomicU64,
    pub(crate) db: Database,
    /// Dropped after the database, which tells who waits for the folder. Keep it the last field.
    pub(crate) _released: oneshot::Sender<()>,
}

/// How often the collections changed that somebody has an eye on.
#[derive(Default)]
pub(crate) struct Stirred(RwLock<HashMap<Collection, u64>>);

impl Stirred {
    pub(crate) fn count(&self, collection: Collection) -> u64 {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = known.get(&collection) {
            return *count;
        }
        drop(known);
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        *known.entry(collection).or_insert(1)
    }

    /// To be called after a change became visible and before it is answered.
    pub(crate) fn stir(&self, collections: &HashSet<Collection>) {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if !collections.iter().any(|collection| known.contains_key(collection)) {
            return;
        }
        drop(known);
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for collection in collections {
            if let Some(count) = known.get_mut(collection) {
                *count += 1;
            }
        }
    }
}

/// A snapshot of the whole store.
pub(crate) struct Reader<'a> {
    engine: &'a Engine,
    snapshot: Snapshot,
    /// The snapshot holds at least this version.
    seen: u64,
}

impl Engine {
    pub(crate) fn reader(&self) -> Reader<'_> {
        let seen = self.visible.load(Ordering::Acquire);
        Reader { engine: self, snapshot: self.db.snapshot(), seen }
    }

    /// Writes out what only the journal holds, if that is much, so that the next opening has little to read again. It is no part of any promise,
    /// so a disk that is slow or fails is not waited for.
    pub(crate) fn settle(&self) -> Result<(), StoreError> {
        if self.db.write_buffer_size() < LITTLE {
            return Ok(());
        }
        let all =
            [&self.entities, &self.index, &self.records, &self.logs, &self.instances, &self.meta];
        for keyspace in all {
            keyspace.rotate_memtable().map_err(failed)?;
        }
        for _ in 0..SETTLE_STEPS {
            if all.iter().all(|keyspace| keyspace.sealed_memtable_count() == 0) {
                break;
            }
            std::thread::sleep(SETTLE_STEP);
        }
        Ok(())
    }

    /// The present version of an entity.
    pub(crate) fn entity(&self, key: &[u8]) -> Result<Option<Found>, StoreError> {
        match self.cache.get(key) {
            Some(found) => Ok(Some(found)),
            None => self.reader().load_entity(key),
        }
    }
}

impl Reader<'_> {
    /// The entity as of this snapshot.
    pub(crate) fn entity(&self, key: &[u8]) -> Result<Option<Found>, StoreError> {
        match self.engine.cache.get(key) {
            Some(found) if found.version <= self.seen => Ok(Some(found)),
            _ => self.load_entity(key),
        }
    }

    fn load_entity(&self, key: &[u8]) -> Result<Option<Found>, StoreError> {
        let Some(stored) = self.snapshot.get(&self.engine.entities, key).map_err(failed)? else {
            return Ok(None);
        };
        let found = keys::read_entity(&stored)?;
        self.engine.cache.offer(key.to_vec(), &found, self.seen);
        Ok(Some(found))
    }

    pub(crate) fn record(&self, key: &[u8]) -> Result<Option<Record>, StoreError> {
        let stored = self.snapshot.get(&self.engine.records, key).map_err(failed)?;
        stored.map(|stored| keys::read_record(&stored)).transpose()
    }

    pub(crate) fn records(
        &self,
        tenant: &TenantId,
        collection: Collection,
        scan: &Scan,
    ) -> Result<Vec<(Vec<u8>, Record)>, StoreError> {
        let base = keys::record(tenant, collection, b"");
        let Some(range) = keys::scanned(&base, scan) else {
            return Ok(Vec::new());
        };
        let found = self.snapshot.range(&self.engine.records, range);
        let read = |guard: Guard| {
            let (key, stored) = guard.into_inner().map_err(failed)?;
            let key = key.get(base.len()..).unwrap_or_default().to_vec();
            Ok((key, keys::read_record(&stored)?))
        };
        if scan.reverse {
            found.rev().take(scan.limit).map(read).collect()
        } else {
            found.take(scan.limit).map(read).collect()
        }
    }

    /// The series in the past of an entity: one look for each.
    pub(crate) fn series(&self, view: &View, of: &EntityDoc) -> Result<Vec<Series>, StoreError> {
        let base = keys::instances(view.tenant(), of.id());
        let (mut from, end) = keys::with_prefix(&base);
        let mut found = Vec::new();
        loop {
            let mut range = self.snapshot.range(&self.engine.instances, (from, end.clone()));
            let Some(guard) = range.next() else {
                return Ok(found);
            };
            let key = guard.key().map_err(failed)?;
            let (_, series, _) = keys::read_instance(&key).ok_or_else(no_place)?;
            found.push(series);
            from = keys::with_prefix(&[base.as_slice(), series.0.as_slice()].concat()).1;
            from = match from {
                std::ops::Bound::Excluded(next) => std::ops::Bound::Included(next),
                _ => return Ok(found),
            };
        }
    }

    /// A part of a series.
    pub(crate) fn instances(
        &self,
        view: &View,
        of: &EntityDoc,
        range: &InstanceRange,
    ) -> Result<Chunk, StoreError> {
        let base = keys::instances(view.tenant(), of.id());
        let mut found = self.snapshot.range(&self.engine.instances, keys::ranged(&base, range));
        let mut recall = Recall::new(view, of, range);
        while recall.is_open() {
            let next = if range.reverse { found.next_back() } else { found.next() };
            let Some(guard) = next else { break };
            let (key, stored) = guard.into_inner().map_err(failed)?;
            let (_, _, place) = keys::read_instance(&key).ok_or_else(no_place)?;
            recall.offer(place, temporal::read(stored.to_vec())?);
        }
        Ok(recall.finish())
    }

    pub(crate) fn log_size(&self, tenant: &TenantId, log: Log) -> Result<u64, StoreError> {
        let range = keys::with_prefix(&keys::log_prefix(tenant, log));
        let Some(last) = self.snapshot.range(&self.engine.logs, range).next_back() else {
            return Ok(0);
        };
        let key = last.key().map_err(failed)?;
        let index = keys::log_index(&key).and_then(|index| index.checked_add(1));
        index.ok_or_else(|| StoreError::Corrupt("a log entry has no index".to_owned()))
    }

    pub(crate) fn log_entries(
        &self,
        tenant: &TenantId,
        log: Log,
        from: u64,
        limit: usize,
    ) -> Result<Vec<Vec<u8>>, StoreError> {
        let (_, end) = keys::with_prefix(&keys::log_prefix(tenant, log));
        let from = std::ops::Bound::Included(keys::log_entry(tenant, log, from));
        let found = self.snapshot.range(&self.engine.logs, (from, end));
        found.take(limit).map(|guard| Ok(guard.value().map_err(failed)?.to_vec())).collect()
    }

    /// Every pair of a range of a keyspace.
    pub(crate) fn pairs(
        &self,
        keyspace: &Keyspace,
        range: keys::KeyRange,
    ) -> impl Iterator<Item = Result<fjall::KvPair, StoreError>> + use<> {
        self.snapshot.range(keyspace, range).map(|guard| guard.into_inner().map_err(failed))
    }

    /// Every key of a range of a keyspace.
    pub(crate) fn keys(
        &self,
        keyspace: &Keyspace,
        range: keys::KeyRange,
    ) -> impl Iterator<Item = Result<fjall::UserKey, StoreError>> + use<> {
        self.snapshot.range(keyspace, range).map(|guard| guard.key().map_err(failed))
    }

    pub(crate) fn holds(&self, keyspace: &Keyspace, key: &[u8]) -> Result<bool, StoreError> {
        self.snapshot.contains_key(keyspace, key).map_err(failed)
    }

    pub(crate) fn meta(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let found = self.snapshot.get(&self.engine.meta, key).map_err(failed)?;
        Ok(found.map(|bytes| bytes.to_vec()))
    }
}

fn no_place() -> StoreError {
    StoreError::Corrupt("an instance of the past has no place".to_owned())
}

/// What the engine's error means to a caller.
pub(crate) fn failed(error: fjall::Error) -> StoreError {
    use fjall::{Error, LsmError};
    match error {
        Error::Locked => {
            StoreError::Unavailable("another process has the store open; stop it first".to_owned())
        }
        Error::Storage(LsmError::Io(error)) | Error::Io(error) => {
            StoreError::Unavailable(format!("the disk does not do its work: {error}"))
        }
        Error::Poisoned => StoreError::Unavailable(
            "an earlier write to the disk failed; look at the disk and start again".to_owned(),
        ),
        Error::Storage(error) => StoreError::Corrupt(format!("{error:?}")),
        Error::KeyspaceDeleted => StoreError::Unavailable("a keyspace was removed".to_owned()),
        other => StoreError::Corrupt(format!("{other:?}")),
    }
}
