//! The one thread that writes.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use fjall::{OwnedWriteBatch, PersistMode};
use foldhash::{HashMap, HashSet};
use tsunagu_ngsi_ld::EntityDoc;
use tsunagu_store::group::{self, EntityKey, LogKey, Present, RecordKey, Resolution};
use tsunagu_store::queue::{Group, Groups};
use tsunagu_store::{StoreError, index};

use crate::engine::{Engine, Reader, VERSION, failed};
use crate::keys;

/// Drains the queue into groups until nobody can send any more.
pub(crate) struct Committer {
    engine: Arc<Engine>,
    mode: PersistMode,
    /// Set when the disk failed: from then on nothing is known of the journal's end, so nothing more is written.
    broken: bool,
    version: u64,
    log_sizes: HashMap<LogKey, u64>,
}

/// What there is before a group: one snapshot, looked at only for what decides.
struct Before<'a> {
    reader: Reader<'a>,
    log_sizes: &'a HashMap<LogKey, u64>,
    version: u64,
}

impl Present for Before<'_> {
    fn entity(&self, key: &EntityKey) -> Result<Option<(u64, EntityDoc)>, StoreError> {
        let found = self.reader.entity(&keys::entity(&key.0, &key.1))?;
        Ok(found.map(|found| (found.version, found.doc)))
    }

    fn record(&self, key: &RecordKey) -> Result<Option<(u64, Vec<u8>)>, StoreError> {
        let found = self.reader.record(&keys::record(&key.0, key.1, &key.2))?;
        Ok(found.map(|found| (found.version, found.value)))
    }

    fn log_size(&self, key: &LogKey) -> Result<u64, StoreError> {
        match self.log_sizes.get(key) {
            Some(size) => Ok(*size),
            None => self.reader.log_size(&key.0, key.1),
        }
    }

    fn version(&self) -> u64 {
        self.version
    }
}

impl Committer {
    pub(crate) fn new(engine: Arc<Engine>, mode: PersistMode) -> Self {
        let version = engine.visible.load(Ordering::Acquire);
        Self { engine, mode, broken: false, version, log_sizes: HashMap::default() }
    }

    pub(crate) fn run(mut self, mut groups: Groups) {
        while let Some(group) = groups.blocking_next() {
            self.group(group);
        }
        if !self.broken
            && let Err(error) = self.engine.settle()
        {
            tracing::warn!(%error, "the store could not be settled on closing; the next opening reads its journal");
        }
    }

    fn group(&mut self, group: Group) {
        if self.broken {
            return group.fail(&StoreError::Unavailable(
                "an earlier write to the disk failed; look at the disk and start again".to_owned(),
            ));
        }
        let (sets, answers) = group.open();
        let before = Before {
            reader: self.engine.reader(),
            log_sizes: &self.log_sizes,
            version: self.version,
        };
        let mut resolution = group::resolve(sets, &before);
        drop(before);
        let outcomes = std::mem::take(&mut resolution.outcomes);
        match self.write(resolution) {
            Ok(()) => answers.give(outcomes),
            Err(error) => {
                self.broken = true;
                tracing::error!(%error, "a write to the store failed; it refuses writes until it is opened again");
                answers.fail(&StoreError::Unavailable(format!(
                    "writing failed and the outcome of this write is unknown until the store is opened again: {error}"
                )));
            }
        }
    }

    /// Writes a group so that all of it is on disk and visible, or none.
    fn write(&mut self, resolution: Resolution) -> Result<(), StoreError> {
        if resolution.version == self.version {
            return Ok(());
        }
        let engine = &*self.engine;
        let items =
            4 * resolution.entities.len() + resolution.records.len() + resolution.appends.len();
        let items = items + resolution.instances.len();
        let mut batch = OwnedWriteBatch::with_capacity(engine.db.clone(), items + 1)
            .durability(Some(self.mode));
        let mut touched = Vec::with_capacity(resolution.entities.len());
        for change in resolution.entities {
            let (tenant, id) = &change.key;
            let key = keys::entity(tenant, id);
            let after = change.after.as_ref().map(|(_, doc)| doc);
            let entries = index::difference(change.before.as_ref(), after, &engine.declared);
            for entry in entries.removed {
                batch.remove(&engine.index, keys::of_tenant(tenant, &entry));
            }
            for entry in entries.added {
                batch.insert(&engine.index, keys::of_tenant(tenant, &entry), b"".as_slice());
            }
            match &change.after {
                Some((version, doc)) => {
                    let stored = keys::versioned(*version, doc.bytes());
                    batch.insert(&engine.entities, key.as_slice(), stored);
                }
                None => batch.remove(&engine.entities, key.as_slice()),
            }
            touched.push(key);
        }
        let mut stirred = HashSet::default();
        for ((tenant, collection, key), after) in resolution.records {
            stirred.insert(collection);
            let key = keys::record(&tenant, collection, &key);
            match after {
                Some((version, value)) => {
                    batch.insert(&engine.records, key, keys::versioned(version, &value));
                }
                None => batch.remove(&engine.records, key),
            }
        }
        for ((tenant, key), after) in resolution.instances {
            let mut name = keys::instances(&tenant, &key.entity);
            name.extend_from_slice(&key.suffix());
            match after {
                Some(doc) => batch.insert(&engine.instances, name, doc.bytes().as_ref()),
                None => batch.remove(&engine.instances, name),
            }
        }
        for ((tenant, log), index, entry) in resolution.appends {
            batch.insert(&engine.logs, keys::log_entry(&tenant, log, index), entry);
            self.log_sizes.insert((tenant, log), index + 1);
        }
        for (((tenant, log), index), entry) in resolution.redactions {
            batch.insert(&engine.logs, keys::log_entry(&tenant, log, index), entry);
        }
        batch.insert(&engine.meta, VERSION, resolution.version.to_be_bytes().as_slice());

        engine.cache.begin(&touched);
        let written = batch.commit().map_err(failed);
        if written.is_ok() {
            self.version = resolution.version;
            engine.visible.store(resolution.version, Ordering::Release);
            engine.stirred.stir(&stirred);
        }
        engine.cache.end(&touched, resolution.version);
        written
    }
}
