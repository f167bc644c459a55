//! Tiles and proofs out of the store.

use std::ops::Range;

use tsunagu_domain::{TenantId, TsunoId};
use tsunagu_store::StoreError;

use super::kept::{Kept, tile_key};
use super::{AuditLog, LOG, TILES};
use crate::entry::{only, split};
use crate::proof::{Node, consistency_path, inclusion_path, perfect};
use crate::tiles::{bundle_bytes, tile_bytes, tile_hashes};
use crate::tree::{CompactRange, Hash, TILE_HEIGHT, TILE_WIDTH, root_of};
use crate::{AuditError, TilePath, TlogProof};

/// That an entry is in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InclusionProof {
    /// Its index.
    pub index: u64,
    /// In the tree of so many entries.
    pub size: u64,
    /// Its leaf hash.
    pub leaf: Hash,
    /// The siblings from the leaf up.
    pub path: Vec<Hash>,
    /// The root of the tree.
    pub root: Hash,
}

/// That a log only grew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsistencyProof {
    /// Size of the older tree.
    pub first: u64,
    /// Size of the newer tree.
    pub second: u64,
    /// RFC 9162, 2.1.4.1.
    pub path: Vec<Hash>,
    /// Root of the older tree.
    pub first_root: Hash,
    /// Root of the newer tree.
    pub second_root: Hash,
}

impl AuditLog {
    /// The bytes of a tile of hashes, or of a bundle of entries, as far as the log is signed; `None` where there is none. They are for
    /// everybody, except bundles that hold [entries of the first version](crate::bundle_is_open).
    pub async fn tile(
        &self,
        tenant: &TenantId,
        path: &TilePath,
    ) -> Result<Option<Vec<u8>>, AuditError> {
        let kept = self.latest(tenant).await?;
        if !there(&kept, path) {
            return Ok(None);
        }
        if let Some(level) = path.level {
            let hashes = self.hashes(tenant, &kept, level, path.index).await?;
            return Ok(hashes.get(..usize::from(path.width)).map(tile_bytes));
        }
        self.bundle(tenant, &kept, path, |stored| split(stored).0).await.map(Some)
    }

    /// What is kept beside the entries of a bundle, in the form of a bundle, an erased one with length 0; `None` where there is none. It names
    /// people by pseudonym.
    pub(super) async fn payloads(
        &self,
        tenant: &TenantId,
        path: &TilePath,
    ) -> Result<Option<Vec<u8>>, AuditError> {
        let kept = self.latest(tenant).await?;
        if path.level.is_some() || !there(&kept, path) {
            return Ok(None);
        }
        self.bundle(tenant, &kept, path, |stored| split(stored).1).await.map(Some)
    }

    async fn bundle(
        &self,
        tenant: &TenantId,
        kept: &Kept,
        path: &TilePath,
        part: fn(&[u8]) -> &[u8],
    ) -> Result<Vec<u8>, AuditError> {
        let from = path.index * TILE_WIDTH as u64;
        let width = usize::from(path.width);
        let entries = self.store.log_entries(tenant, LOG, from, width).await?;
        if entries.len() < width {
            let found = from + entries.len() as u64;
            return Err(AuditError::Shrunk { signed: kept.tree.size(), found });
        }
        let parts = entries.iter().map(|stored| part(stored));
        bundle_bytes(parts).ok_or(AuditError::Unreadable(from))
    }

    /// Proves that entry `index` is in the tree of the first `size` entries (of the signed ones, when `None`).
    pub async fn inclusion(
        &self,
        tenant: &TenantId,
        index: u64,
        size: Option<u64>,
    ) -> Result<InclusionProof, AuditError> {
        let kept = self.latest(tenant).await?;
        let signed = kept.tree.size();
        let size = size.unwrap_or(signed);
        let path = inclusion_path(index, size)
            .filter(|_| size <= signed)
            .ok_or(AuditError::OutOfRange(signed))?;
        Ok(InclusionProof {
            index,
            size,
            leaf: self.node(tenant, &kept, Node { height: 0, index }).await?,
            path: self.roots(tenant, &kept, &path).await?,
            root: self.range_root(tenant, &kept, &(0..size)).await?,
        })
    }

    /// Proves that the tree of `first` entries is the beginning of the tree of `second` (of the signed one, when `None`).
    pub async fn consistency(
        &self,
        tenant: &TenantId,
        first: u64,
        second: Option<u64>,
    ) -> Result<ConsistencyProof, AuditError> {
        let kept = self.latest(tenant).await?;
        let signed = kept.tree.size();
        let second = second.unwrap_or(signed);
        let path = consistency_path(first, second)
            .filter(|_| second <= signed)
            .ok_or(AuditError::OutOfRange(signed))?;
        Ok(ConsistencyProof {
            first,
            second,
            path: self.roots(tenant, &kept, &path).await?,
            first_root: self.range_root(tenant, &kept, &(0..first)).await?,
            second_root: self.range_root(tenant, &kept, &(0..second)).await?,
        })
    }

    /// The proof of an entry as a file (C2SP `tlog-proof`), with what the entry says. For a person it names nobody else; `None` where the signed log
    /// has no such entry, it is erased, or it is not about this person.
    pub async fn proof_file(
        &self,
        tenant: &TenantId,
        index: u64,
        subject: Option<TsunoId>,
    ) -> Result<Option<TlogProof>, AuditError> {
        let (checkpoint, size) = self.shown_size(tenant).await?;
        let Some(ranges) = inclusion_path(index, size) else {
            return Ok(None);
        };
        let kept = self.latest(tenant).await?;
        let stored = self.store.log_entries(tenant, LOG, index, 1).await?.pop();
        let stored = stored.ok_or(AuditError::Shrunk { signed: size, found: index })?;
        let extra = match subject {
            Some(subject) => only(&stored, subject),
            None => Some(stored),
        };
        if extra.is_none() {
            return Ok(None);
        }
        let path = self.roots(tenant, &kept, &ranges).await?;
        Ok(Some(TlogProof { extra, index, path, checkpoint }))
    }

    async fn roots(
        &self,
        tenant: &TenantId,
        kept: &Kept,
        ranges: &[Range<u64>],
    ) -> Result<Vec<Hash>, AuditError> {
        let mut roots = Vec::with_capacity(ranges.len());
        for range in ranges {
            roots.push(self.range_root(tenant, kept, range).await?);
        }
        Ok(roots)
    }

    async fn range_root(
        &self,
        tenant: &TenantId,
        kept: &Kept,
        range: &Range<u64>,
    ) -> Result<Hash, AuditError> {
        let mut compact = CompactRange::default();
        for node in perfect(range) {
            compact.push(node.height, self.node(tenant, kept, node).await?);
        }
        Ok(compact.root())
    }

    async fn node(&self, tenant: &TenantId, kept: &Kept, node: Node) -> Result<Hash, AuditError> {
        let level = u8::try_from(node.height / TILE_HEIGHT).unwrap_or(u8::MAX);
        let within = node.height % TILE_HEIGHT;
        let first = node.index << within;
        let hashes = self.hashes(tenant, kept, level, first / TILE_WIDTH as u64).await?;
        let from = usize::try_from(first % TILE_WIDTH as u64).unwrap_or(0);
        let part = hashes.get(from..from + (1 << within));
        part.map(root_of).ok_or_else(|| missing(level).into())
    }

    /// The hashes of a tile, as many as there are.
    async fn hashes(
        &self,
        tenant: &TenantId,
        kept: &Kept,
        level: u8,
        index: u64,
    ) -> Result<Vec<Hash>, AuditError> {
        let shift = u32::from(level) * TILE_HEIGHT + TILE_HEIGHT;
        let full = kept.tree.size().checked_shr(shift).unwrap_or(0);
        if index == full {
            return Ok(kept.tree.levels().get(usize::from(level)).cloned().unwrap_or_default());
        }
        let record = self.store.record(tenant, TILES, &tile_key(level, index)).await?;
        let hashes = record.and_then(|record| tile_hashes(&record.value));
        Ok(hashes.ok_or_else(|| missing(level))?)
    }
}

/// Whether the signed log has such a tile or bundle.
fn there(kept: &Kept, path: &TilePath) -> bool {
    let shift = u32::from(path.level.unwrap_or(0)) * TILE_HEIGHT;
    let hashes = kept.tree.size().checked_shr(shift).unwrap_or(0);
    let needed = path.index.checked_mul(TILE_WIDTH as u64);
    let needed = needed.and_then(|n| n.checked_add(u64::from(path.width)));
    let width = usize::from(path.width);
    width > 0 && width <= TILE_WIDTH && needed.is_some_and(|needed| needed <= hashes)
}

fn missing(level: u8) -> StoreError {
    StoreError::Corrupt(format!(
        "a tile of level {level} of the audit log is missing or not readable"
    ))
}
