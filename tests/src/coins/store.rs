//! The durable store as processes see it: it fails, it loses its answers, and processes die beside it.

use std::sync::Arc;

use async_trait::async_trait;
use tsunagu_domain::TenantId;
use tsunagu_ngsi_ld::EntityDoc;
use tsunagu_policy::View;
use tsunagu_store::temporal::{Chunk, InstanceRange, Series};
use tsunagu_store::testing::MemoryStore;
use tsunagu_store::{
    Collection, EntityQuery, Expect, Found, Log, Op, Page, Receipt, Record, Scan, Store,
    StoreError, WriteSet,
};

use super::world::{Fate, pause};

/// What is only ever added to.
const APPENDED: [&str; 3] = ["reward-award", "reward-transition", "reward-entry"];

/// A store whose calls take time and may fail.
pub(super) struct SimStore {
    pub(super) disk: Arc<MemoryStore>,
    pub(super) fate: Arc<Fate>,
}

impl SimStore {
    /// Commits, and calls `applied` at the moment it is done, whether the answer arrives or not.
    pub(super) async fn commit_then(
        &self,
        set: WriteSet,
        applied: impl FnOnce() + Send,
    ) -> Result<Receipt, StoreError> {
        pause().await;
        if self.fate.strikes(200) {
            return Err(StoreError::Unavailable("the disk is full".to_owned()));
        }
        self.fate.holds(append_only(&set.ops), "something kept for ever would be overwritten");
        let receipt = self.disk.commit(set).await;
        if receipt.is_ok() {
            applied();
        }
        pause().await;
        if receipt.is_ok() && self.fate.loses_reply() {
            return Err(StoreError::Unavailable("the answer was lost".to_owned()));
        }
        receipt
    }

    async fn reads(&self) -> Result<(), StoreError> {
        pause().await;
        if self.fate.strikes(1_000) {
            return Err(StoreError::Unavailable("a read failed".to_owned()));
        }
        Ok(())
    }
}

fn append_only(ops: &[Op]) -> bool {
    ops.iter().all(|op| match op {
        Op::PutRecord { collection, expect, .. } => {
            !APPENDED.contains(&collection.0) || *expect == Expect::Absent
        }
        Op::DeleteRecord { collection, .. } | Op::Add { collection, .. } => {
            !APPENDED.contains(&collection.0)
        }
        Op::When { then, otherwise, .. } => append_only(then) && append_only(otherwise),
        _ => true,
    })
}

#[async_trait]
impl Store for SimStore {
    async fn entity(&self, view: &View, id: &str) -> Result<Option<Found>, StoreError> {
        self.disk.entity(view, id).await
    }

    async fn query(&self, view: &View, query: &EntityQuery) -> Result<Page, StoreError> {
        self.disk.query(view, query).await
    }

    async fn past(&self, view: &View, id: &str) -> Result<Option<Found>, StoreError> {
        self.disk.past(view, id).await
    }

    async fn pasts(&self, view: &View, query: &EntityQuery) -> Result<Page, StoreError> {
        self.disk.pasts(view, query).await
    }

    async fn series(&self, view: &View, of: &EntityDoc) -> Result<Vec<Series>, StoreError> {
        self.disk.series(view, of).await
    }

    async fn instances(
        &self,
        view: &View,
        of: &EntityDoc,
        range: &InstanceRange,
    ) -> Result<Chunk, StoreError> {
        self.disk.instances(view, of, range).await
    }

    async fn commit(&self, set: WriteSet) -> Result<Receipt, StoreError> {
        self.commit_then(set, || {}).await
    }

    async fn record(
        &self,
        tenant: &TenantId,
        collection: Collection,
        key: &[u8],
    ) -> Result<Option<Record>, StoreError> {
        self.reads().await?;
        self.disk.record(tenant, collection, key).await
    }

    async fn records(
        &self,
        tenant: &TenantId,
        collection: Collection,
        scan: &Scan,
    ) -> Result<Vec<(Vec<u8>, Record)>, StoreError> {
        self.reads().await?;
        self.disk.records(tenant, collection, scan).await
    }

    async fn log_size(&self, tenant: &TenantId, log: Log) -> Result<u64, StoreError> {
        self.disk.log_size(tenant, log).await
    }

    async fn log_entries(
        &self,
        tenant: &TenantId,
        log: Log,
        from: u64,
        limit: usize,
    ) -> Result<Vec<Vec<u8>>, StoreError> {
        self.disk.log_entries(tenant, log, from, limit).await
    }

    async fn verify(&self) -> Result<Vec<String>, StoreError> {
        self.disk.verify().await
    }

    async fn close(&self) {
        self.disk.close().await;
    }
}
