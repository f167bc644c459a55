//! The contract of a backend.

use async_trait::async_trait;
use tsunagu_domain::TenantId;
use tsunagu_ngsi_ld::query::Order;
use tsunagu_ngsi_ld::{EntityDoc, Query};
use tsunagu_policy::View;

use crate::temporal::{Chunk, InstanceRange, Series};
use crate::{Collection, Log, Receipt, StoreError, WriteSet};

/// An entity as found, with the version to expect when writing it back.
#[derive(Debug, Clone)]
pub struct Found {
    /// Version.
    pub version: u64,
    /// The whole stored entity; a reader renders it through the view's cut.
    pub doc: EntityDoc,
}

impl Found {
    /// The entity as it is for a request: without what has ended by then, `None` when all of it has (clause 4.22). Everything that reads
    /// entities for a view goes through this.
    pub fn live(self, view: &View) -> Result<Option<Self>, StoreError> {
        if self.doc.ends().is_none_or(|ends| ends > view.now()) {
            return Ok(Some(self));
        }
        let doc = self.doc.at(view.now()).map_err(|_| {
            StoreError::Corrupt(format!("the entity of version {} does not decode", self.version))
        })?;
        Ok(doc.map(|doc| Self { version: self.version, doc }))
    }

    /// [As it is now](Self::live), when something of it is in view.
    pub fn seen(self, view: &View) -> Result<Option<Self>, StoreError> {
        Ok(self.live(view)?.filter(|found| view.cut(&found.doc).is_some()))
    }
}

/// A record as found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Version.
    pub version: u64,
    /// Value.
    pub value: Vec<u8>,
}

/// Which entities are asked for.
#[derive(Debug, Clone)]
pub struct EntityQuery {
    /// The conditions, with ids as stored (not as a masked actor writes them).
    pub filter: Query,
    /// At most so many.
    pub limit: usize,
    /// Leaving out so many first.
    pub offset: usize,
    /// Whether to count all that match.
    pub count: bool,
    /// By what they are ordered; without it the order is that of the index used. `offset` and `limit` together bound the memory it takes.
    pub order: Option<Order>,
}

/// One page of an answer: only entities of which something is in view, in an order that stays the same while nothing is written.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// The entities.
    pub entities: Vec<Found>,
    /// How many match in all, as far as the view sees.
    pub count: Option<u64>,
}

/// A range of records, in key order.
#[derive(Debug, Clone, Default)]
pub struct Scan {
    /// Keys begin with this.
    pub prefix: Vec<u8>,
    /// Keys sort after this one (to go on from the last key of the previous page).
    pub after: Option<Vec<u8>>,
    /// At most so many.
    pub limit: usize,
    /// From the greatest key down; `after` then means before.
    pub reverse: bool,
}

impl Scan {
    /// The keys that qualify: from the first, included, to before the second; no second is no end. `None` when none can qualify.
    pub fn range(&self) -> Option<(Vec<u8>, Option<Vec<u8>>)> {
        let mut from = self.prefix.clone();
        let mut to = successor(&self.prefix);
        match &self.after {
            Some(after) if self.reverse && to.as_ref().is_none_or(|to| after < to) => {
                to = Some(after.clone());
            }
            // The key with a zero byte behind it is the very next one.
            Some(after) if !self.reverse && *after >= from => {
                from = [after.as_slice(), &[0]].concat();
            }
            _ => {}
        }
        to.as_ref().is_none_or(|to| from < *to).then_some((from, to))
    }
}

/// The first key after all that begin with a prefix; none when the prefix is nothing but `0xff`.
pub fn successor(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != u8::MAX)?;
    let mut end = prefix.get(..=last)?.to_vec();
    if let Some(byte) = end.last_mut() {
        *byte += 1;
    }
    Some(end)
}

/// Durable storage of every tenant. Readers see a snapshot; an acknowledged [`Store::commit`] is on disk.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// The entity of this id, if anything of it is in view. Absent and hidden are the same `None`.
    async fn entity(&self, view: &View, id: &str) -> Result<Option<Found>, StoreError>;

    /// The entities that match, as far as the view sees.
    async fn query(&self, view: &View, query: &EntityQuery) -> Result<Page, StoreError>;

    /// What was kept of a deleted entity of this id, if anything of it is in view. It stays there when the id is used again.
    async fn past(&self, view: &View, id: &str) -> Result<Option<Found>, StoreError>;

    /// What was kept of deleted entities that match, as [`Self::query`] gives those that are there.
    async fn pasts(&self, view: &View, query: &EntityQuery) -> Result<Page, StoreError>;

    /// The series that the past of an entity has instances in, in order. `of` is the entity as it is, or what was kept of it.
    async fn series(&self, view: &View, of: &EntityDoc) -> Result<Vec<Series>, StoreError>;

    /// Instances of the past of an entity, as far as the view shows them.
    async fn instances(
        &self,
        view: &View,
        of: &EntityDoc,
        range: &InstanceRange,
    ) -> Result<Chunk, StoreError>;

    /// Does all of a write set or nothing, and answers when it is on disk. Dropping the future does not take the write back.
    async fn commit(&self, set: WriteSet) -> Result<Receipt, StoreError>;

    /// One record.
    async fn record(
        &self,
        tenant: &TenantId,
        collection: Collection,
        key: &[u8],
    ) -> Result<Option<Record>, StoreError>;

    /// Records in key order.
    async fn records(
        &self,
        tenant: &TenantId,
        collection: Collection,
        scan: &Scan,
    ) -> Result<Vec<(Vec<u8>, Record)>, StoreError>;

    /// How many entries a log has.
    async fn log_size(&self, tenant: &TenantId, log: Log) -> Result<u64, StoreError>;

    /// Entries `from..from + limit` of a log, fewer at its end.
    async fn log_entries(
        &self,
        tenant: &TenantId,
        log: Log,
        from: u64,
        limit: usize,
    ) -> Result<Vec<Vec<u8>>, StoreError>;

    /// The entries with these indexes, each `None` where the log has none.
    async fn log_entries_at(
        &self,
        tenant: &TenantId,
        log: Log,
        indexes: &[u64],
    ) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        let mut entries = Vec::with_capacity(indexes.len());
        for index in indexes {
            entries.push(self.log_entries(tenant, log, *index, 1).await?.pop());
        }
        Ok(entries)
    }

    /// A number that is another one as soon as a record of this collection may have changed, of whatever tenant: what was read before the number
    /// was asked for, and is asked for again with the same number, is still the same. `None` where that is not known without reading, because
    /// others write to the store too.
    fn stirred(&self, _collection: Collection) -> Option<u64> {
        None
    }

    /// Recomputes indexes and decodes everything; each finding is one sentence without personal data. Empty is healthy.
    async fn verify(&self) -> Result<Vec<String>, StoreError>;

    /// Waits for writes under way and releases files and connections. Later calls fail with [`StoreError::Unavailable`].
    async fn close(&self);
}
