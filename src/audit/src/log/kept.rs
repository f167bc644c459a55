//! The tree under the last checkpoint, kept so that the next one costs only what is new.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use tsunagu_domain::TenantId;
use tsunagu_store::{Conflict, Expect, Op, StoreError, WriteSet};

use super::{AuditLog, LOG, STATE, TILES};
use crate::AuditError;
use crate::checkpoint::{Checkpoint, origin};
use crate::entry::leaf_of;
use crate::tiles::{tile_bytes, tile_hashes};
use crate::tree::{FullTile, Hash, TILE_WIDTH, Tree};

/// So many entries are read at once.
const BATCH: u64 = 1024;
/// So many full tiles (8 KB each) are stored in one transaction.
const TILES_AT_ONCE: usize = 128;
/// So often another replica may sign first before giving up.
const ATTEMPTS: usize = 5;

const KEY: &[u8] = b"latest";

/// A signed state of the log.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) tree: Tree,
    pub(crate) note: String,
    root: Hash,
    /// Version of its record.
    version: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    v: u32,
    note: String,
    size: u64,
    /// The partial tile of each level.
    levels: Vec<String>,
}

impl Kept {
    /// Refuses when `later` is not at least as far as this one.
    pub(super) fn precedes(&self, later: Option<&Self>) -> Result<(), AuditError> {
        let signed = self.tree.size();
        match later {
            Some(later) if later.tree.size() > signed => Ok(()),
            Some(later) if later.tree.size() == signed && later.root == self.root => Ok(()),
            Some(later) if later.tree.size() == signed => Err(AuditError::Altered {
                signed,
                what: "another root of the same size".to_owned(),
            }),
            other => {
                let found = other.map_or(0, |kept| kept.tree.size());
                Err(AuditError::Shrunk { signed, found })
            }
        }
    }
}

/// The key of a full tile.
pub(super) fn tile_key(level: u8, index: u64) -> Vec<u8> {
    let mut key = vec![level];
    key.extend_from_slice(&index.to_be_bytes());
    key
}

impl AuditLog {
    /// The last signed state, signed now when there is none.
    pub(super) async fn latest(&self, tenant: &TenantId) -> Result<Arc<Kept>, AuditError> {
        let held = self.slot(tenant).lock().await.clone();
        match held {
            Some(kept) => Ok(kept),
            None => self.advance(tenant).await,
        }
    }

    /// Grows the tree to the log's present size and signs it.
    pub(super) async fn advance(&self, tenant: &TenantId) -> Result<Arc<Kept>, AuditError> {
        let slot = self.slot(tenant);
        let mut slot = slot.lock().await;
        let mut attempts = ATTEMPTS;
        loop {
            let kept = match slot.take() {
                Some(kept) => Some(kept),
                None => self.load(tenant).await?.map(Arc::new),
            };
            // Whatever fails below, what was seen last stays in mind.
            slot.clone_from(&kept);
            let size = self.store.log_size(tenant, LOG).await?;
            if let Some(kept) = &kept {
                if size < kept.tree.size() {
                    return Err(AuditError::Shrunk { signed: kept.tree.size(), found: size });
                }
                if size == kept.tree.size() {
                    return Ok(Arc::clone(kept));
                }
            }
            let error = match self.sign(tenant, kept.as_deref(), size).await {
                Ok(next) => {
                    let next = Arc::new(next);
                    *slot = Some(Arc::clone(&next));
                    return Ok(next);
                }
                Err(error) => error,
            };
            let lost = matches!(
                &error,
                AuditError::Store(StoreError::Conflict {
                    conflict: Conflict::Exists | Conflict::Changed,
                    ..
                })
            );
            attempts -= 1;
            if !lost || attempts == 0 {
                return Err(error);
            }
            // Another replica signed meanwhile: go on from there, if it goes on from here.
            let theirs = self.load(tenant).await?;
            if let Some(kept) = &kept {
                kept.precedes(theirs.as_ref())?;
            }
            *slot = theirs.map(Arc::new);
        }
    }

    async fn sign(
        &self,
        tenant: &TenantId,
        from: Option<&Kept>,
        size: u64,
    ) -> Result<Kept, AuditError> {
        let mut tree = from.map(|kept| kept.tree.clone()).unwrap_or_default();
        let mut full = Vec::new();
        while tree.size() < size {
            let limit = usize::try_from((size - tree.size()).min(BATCH)).unwrap_or(1);
            let entries = self.store.log_entries(tenant, LOG, tree.size(), limit).await?;
            if entries.is_empty() {
                return Err(AuditError::Shrunk { signed: size, found: tree.size() });
            }
            for entry in &entries {
                tree.push(leaf_of(entry), &mut full);
            }
            if full.len() >= TILES_AT_ONCE {
                self.store.commit(tiles(tenant, &mut full)).await?;
            }
        }
        let root = tree.root();
        let checkpoint = Checkpoint { origin: origin(tenant), size, root };
        let note = checkpoint.sign(&self.signer);
        let stored = Stored {
            v: 1,
            note: note.clone(),
            size,
            levels: tree
                .levels()
                .iter()
                .map(|hashes| STANDARD.encode(tile_bytes(hashes)))
                .collect(),
        };
        let value =
            serde_json::to_vec(&stored).map_err(|error| StoreError::Corrupt(error.to_string()))?;
        let expect = from.map_or(Expect::Absent, |kept| Expect::Version(kept.version));
        let set = tiles(tenant, &mut full).with(Op::PutRecord {
            collection: STATE,
            key: KEY.to_vec(),
            value,
            expect,
        });
        let receipt = self.store.commit(set).await?;
        Ok(Kept { tree, note, root, version: receipt.version })
    }

    /// Reads the last signed state and checks it against its signature and the log.
    pub(super) async fn load(&self, tenant: &TenantId) -> Result<Option<Kept>, AuditError> {
        let Some(record) = self.store.record(tenant, STATE, KEY).await? else {
            return Ok(None);
        };
        let damaged =
            |what: &str| StoreError::Corrupt(format!("the signed state of the audit log: {what}"));
        let stored: Stored =
            serde_json::from_slice(&record.value).map_err(|_| damaged("not readable"))?;
        if stored.v != 1 {
            return Err(damaged("of an unknown version").into());
        }
        let signed = stored.size;
        let altered = |what: &str| AuditError::Altered { signed, what: what.to_owned() };
        let levels = stored.levels.iter().map(|text| tile_hashes(&STANDARD.decode(text).ok()?));
        let levels: Option<Vec<Vec<Hash>>> = levels.collect();
        let tree = levels
            .and_then(|levels| Tree::from_parts(signed, levels))
            .ok_or_else(|| altered("its tree has other hashes than its size needs"))?;
        let checkpoint = Checkpoint::open(&stored.note, &self.verifying_key(tenant))
            .map_err(|error| altered(&error.to_string()))?;
        if checkpoint.size != signed || checkpoint.root != tree.root() {
            return Err(altered("its tree is not the signed one"));
        }
        let found = self.store.log_size(tenant, LOG).await?;
        if found < signed {
            return Err(AuditError::Shrunk { signed, found });
        }
        self.check_newest(tenant, &tree).await?;
        Ok(Some(Kept { tree, note: stored.note, root: checkpoint.root, version: record.version }))
    }

    /// Whether the entries of the last, partial tile are still the signed ones.
    async fn check_newest(&self, tenant: &TenantId, tree: &Tree) -> Result<(), AuditError> {
        let Some(hashes) = tree.levels().first() else {
            return Ok(());
        };
        let from = tree.size() - tree.size() % TILE_WIDTH as u64;
        let entries = self.store.log_entries(tenant, LOG, from, hashes.len()).await?;
        let mut found = entries.iter().map(|entry| leaf_of(entry));
        for (index, hash) in (from..).zip(hashes) {
            if found.next() != Some(*hash) {
                let what = format!("entry {index} is another");
                return Err(AuditError::Altered { signed: tree.size(), what });
            }
        }
        Ok(())
    }
}

fn tiles(tenant: &TenantId, full: &mut Vec<FullTile>) -> WriteSet {
    let ops = full.drain(..).map(|tile| Op::PutRecord {
        collection: TILES,
        key: tile_key(tile.level, tile.index),
        value: tile_bytes(&tile.hashes),
        expect: Expect::Any,
    });
    WriteSet { tenant: tenant.clone(), ops: ops.collect() }
}
