//! The one thread that writes.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use fjall::{OwnedWriteBatch, PersistMode};
use tokio::sync::{mpsc, oneshot};
use tsunagu_store::group::{self, Footprint, LogKey, Resolution, State};
use tsunagu_store::{Receipt, StoreError, WriteSet, index};

use crate::engine::{Engine, VERSION, failed};
use crate::keys;

/// Most sets in one group.
const GROUP_SETS: usize = 1_000;
/// Most bytes in one group, roughly; a single larger set is a group of its own.
const GROUP_BYTES: usize = 4 << 20;

/// A write set that waits for its outcome.
pub(crate) struct Waiting {
    pub(crate) set: WriteSet,
    pub(crate) answer: oneshot::Sender<Result<Receipt, StoreError>>,
}

type Answer = oneshot::Sender<Result<Receipt, StoreError>>;

/// Drains the queue into groups until nobody can send any more.
pub(crate) struct Committer {
    engine: Arc<Engine>,
    mode: PersistMode,
    /// Set when the disk failed: from then on nothing is known of the journal's end, so nothing more is written.
    broken: Arc<AtomicBool>,
    version: u64,
    log_sizes: HashMap<LogKey, u64>,
}

impl Committer {
    pub(crate) fn new(engine: Arc<Engine>, mode: PersistMode, broken: Arc<AtomicBool>) -> Self {
        let version = engine.visible.load(Ordering::Acquire);
        Self {
            engine,
            mode,
            broken,
            version,
            log_sizes: HashMap::new(),
        }
    }

    pub(crate) fn run(mut self, mut queue: mpsc::Receiver<Waiting>) {
        while let Some(first) = queue.blocking_recv() {
            let mut bytes = group::weight(&first.set);
            let (mut sets, mut answers) = (vec![first.set], vec![first.answer]);
            while sets.len() < GROUP_SETS && bytes < GROUP_BYTES {
                let Ok(next) = queue.try_recv() else { break };
                bytes += group::weight(&next.set);
                sets.push(next.set);
                answers.push(next.answer);
            }
            self.group(sets, answers);
        }
    }

    fn group(&mut self, sets: Vec<WriteSet>, answers: Vec<Answer>) {
        if self.broken.load(Ordering::Acquire) {
            let error = StoreError::Unavailable(
                "an earlier write to the disk failed; look at the disk and start again".to_owned(),
            );
            return answer_all(answers, &error);
        }
        match self.load(&sets) {
            Ok(state) => {
                let mut resolution = group::resolve(&sets, state);
                let outcomes = std::mem::take(&mut resolution.outcomes);
                match self.write(resolution) {
                    Ok(()) => {
                        for (answer, outcome) in answers.into_iter().zip(outcomes) {
                            // Whoever stopped waiting does not want to know.
                            drop(answer.send(outcome));
                        }
                    }
                    Err(error) => {
                        self.broken.store(true, Ordering::Release);
                        tracing::error!(%error, "a write to the store failed; it refuses writes until it is opened again");
                        let error = StoreError::Unavailable(format!(
                            "writing failed and the outcome of this write is unknown until the store is opened again: {error}"
                        ));
                        answer_all(answers, &error);
                    }
                }
            }
            // What cannot be read concerns only those that need it.
            Err(error) if sets.len() == 1 => answer_all(answers, &error),
            Err(_) => {
                for (set, answer) in sets.into_iter().zip(answers) {
                    self.group(vec![set], vec![answer]);
                }
            }
        }
    }

    fn load(&mut self, sets: &[WriteSet]) -> Result<State, StoreError> {
        let Footprint {
            entities,
            records,
            logs,
        } = group::footprint(sets);
        let mut state = State {
            version: self.version,
            ..State::default()
        };
        let reader = self.engine.reader();
        for key in entities {
            if let Some(found) = reader.entity(&keys::entity(&key.0, &key.1))? {
                state.entities.insert(key, (found.version, found.doc));
            }
        }
        for key in records {
            if let Some(found) = reader.record(&keys::record(&key.0, key.1, &key.2))? {
                state.records.insert(key, (found.version, found.value));
            }
        }
        for key in logs {
            let size = match self.log_sizes.get(&key) {
                Some(size) => *size,
                None => reader.log_size(&key.0, key.1)?,
            };
            state.logs.insert(key, size);
        }
        Ok(state)
    }

    /// Writes a group so that all of it is on disk and visible, or none.
    fn write(&mut self, resolution: Resolution) -> Result<(), StoreError> {
        if resolution.version == self.version {
            return Ok(());
        }
        let engine = &*self.engine;
        let items =
            4 * resolution.entities.len() + resolution.records.len() + resolution.appends.len();
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
                batch.insert(
                    &engine.index,
                    keys::of_tenant(tenant, &entry),
                    b"".as_slice(),
                );
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
        for ((tenant, collection, key), after) in resolution.records {
            let key = keys::record(&tenant, collection, &key);
            match after {
                Some((version, value)) => {
                    batch.insert(&engine.records, key, keys::versioned(version, &value));
                }
                None => batch.remove(&engine.records, key),
            }
        }
        for ((tenant, log), index, entry) in resolution.appends {
            batch.insert(&engine.logs, keys::log_entry(&tenant, log, index), entry);
            self.log_sizes.insert((tenant, log), index + 1);
        }
        batch.insert(
            &engine.meta,
            VERSION,
            resolution.version.to_be_bytes().as_slice(),
        );

        engine.cache.begin(&touched);
        let written = batch.commit().map_err(failed);
        if written.is_ok() {
            self.version = resolution.version;
            engine.visible.store(resolution.version, Ordering::Release);
        }
        engine.cache.end(&touched, resolution.version);
        written
    }
}

fn answer_all(answers: Vec<Answer>, error: &StoreError) {
    for answer in answers {
        drop(answer.send(Err(error.clone())));
    }
}
