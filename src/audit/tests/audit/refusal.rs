//! A store that takes nothing: then no ticket is given, and so no personal data.

use std::sync::Arc;

use async_trait::async_trait;
use tsunagu_audit::{AuditLog, Signer};
use tsunagu_domain::{ProblemCode, SeededIds, SystemClock, TenantId, TsunoId};
use tsunagu_ngsi_ld::EntityDoc;
use tsunagu_policy::View;
use tsunagu_store::access::{Access, AccessLog, Action, Decision};
use tsunagu_store::temporal::{Chunk, InstanceRange, Series};
use tsunagu_store::testing::MemoryStore;
use tsunagu_store::{
    Collection, EntityQuery, Found, Log, Page, Receipt, Record, Scan, Store, StoreError, WriteSet,
};

/// Reads like a store, but its disk is full.
struct Full(MemoryStore);

#[async_trait]
impl Store for Full {
    async fn entity(&self, view: &View, id: &str) -> Result<Option<Found>, StoreError> {
        self.0.entity(view, id).await
    }

    async fn query(&self, view: &View, query: &EntityQuery) -> Result<Page, StoreError> {
        self.0.query(view, query).await
    }

    async fn past(&self, view: &View, id: &str) -> Result<Option<Found>, StoreError> {
        self.0.past(view, id).await
    }

    async fn pasts(&self, view: &View, query: &EntityQuery) -> Result<Page, StoreError> {
        self.0.pasts(view, query).await
    }

    async fn series(&self, view: &View, of: &EntityDoc) -> Result<Vec<Series>, StoreError> {
        self.0.series(view, of).await
    }

    async fn instances(
        &self,
        view: &View,
        of: &EntityDoc,
        range: &InstanceRange,
    ) -> Result<Chunk, StoreError> {
        self.0.instances(view, of, range).await
    }

    async fn commit(&self, _: WriteSet) -> Result<Receipt, StoreError> {
        Err(StoreError::Unavailable("no space left on device".to_owned()))
    }

    async fn record(
        &self,
        tenant: &TenantId,
        collection: Collection,
        key: &[u8],
    ) -> Result<Option<Record>, StoreError> {
        self.0.record(tenant, collection, key).await
    }

    async fn records(
        &self,
        tenant: &TenantId,
        collection: Collection,
        scan: &Scan,
    ) -> Result<Vec<(Vec<u8>, Record)>, StoreError> {
        self.0.records(tenant, collection, scan).await
    }

    async fn log_size(&self, tenant: &TenantId, log: Log) -> Result<u64, StoreError> {
        self.0.log_size(tenant, log).await
    }

    async fn log_entries(
        &self,
        tenant: &TenantId,
        log: Log,
        from: u64,
        limit: usize,
    ) -> Result<Vec<Vec<u8>>, StoreError> {
        self.0.log_entries(tenant, log, from, limit).await
    }

    async fn verify(&self) -> Result<Vec<String>, StoreError> {
        self.0.verify().await
    }

    async fn close(&self) {
        self.0.close().await;
    }
}

#[tokio::test]
async fn a_full_disk_gives_no_ticket() {
    let log = AuditLog::new(
        Arc::new(Full(MemoryStore::new())),
        Arc::new(SystemClock),
        Arc::new(SeededIds::new(1)),
        Signer::from_seed(&[1; 32]).unwrap(),
    );
    let access = Access {
        at: 0,
        request: "r-1".to_owned(),
        actor: "resident".to_owned(),
        subjects: vec![TsunoId::from_bytes([1; 16])],
        purpose: None,
        grant: None,
        grant_version: None,
        action: Action::Read,
        types: Vec::new(),
        attributes: Vec::new(),
        decision: Decision::Allowed,
        reason: "own-data".to_owned(),
        count: 1,
    };
    let tenant: TenantId = "tsuno".parse().unwrap();
    let refused = log.record(&tenant, &access).await.unwrap_err();
    assert_eq!(refused.code, ProblemCode::Unavailable);
    assert_eq!(refused.code.status(), 503);
    assert!(!refused.detail.contains("device"), "nothing of the inside is told");
    assert!(log.checkpoint(&tenant).await.is_err());
}
