//! A process that is killed.
//!
//! Everything that it does to the world outside (store, platform, other side) passes its [`Life`], before and after. When that is over, nothing comes
//! back any more: what was done stays, and nothing else happens, as after a kill.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;
use tsunagu_domain::{Problem, TenantId};
use tsunagu_ngsi_ld::{Entity, EntityDoc};
use tsunagu_policy::View;
use tsunagu_store::temporal::{Chunk, InstanceRange, Series};
use tsunagu_store::{
    Collection, EntityQuery, Found, Log, Page, Receipt, Record, Scan, Store, StoreError, WriteSet,
};

use crate::{
    Call, ConnectError, Http, HttpError, Mqtt, MqttMessage, MqttSubscription, MqttTaker, Platform,
    Reply, UpsertOutcome,
};

/// How far a process comes before it is killed.
#[derive(Debug)]
pub struct Life {
    /// Steps that are left; `None`: it is not killed.
    left: Mutex<Option<usize>>,
    over: CancellationToken,
}

impl Life {
    /// Ends at the step after so many.
    pub fn of(steps: usize) -> Arc<Self> {
        Arc::new(Self { left: Mutex::new(Some(steps)), over: CancellationToken::new() })
    }

    /// Does not end.
    pub fn whole() -> Arc<Self> {
        Arc::new(Self { left: Mutex::new(None), over: CancellationToken::new() })
    }

    /// Whether it is over.
    pub fn is_over(&self) -> bool {
        self.over.is_cancelled()
    }

    /// Comes back when it is over.
    pub async fn over(&self) {
        self.over.cancelled().await;
    }

    /// A step; it does not come back from the one at which the process is killed.
    pub async fn step(&self) {
        match &mut *self.left.lock().unwrap_or_else(PoisonError::into_inner) {
            None => {}
            Some(0) => self.over.cancel(),
            Some(left) => *left -= 1,
        }
        self.alive().await;
    }

    /// Comes back if it is not over.
    async fn alive(&self) {
        if self.is_over() {
            std::future::pending::<()>().await;
        }
    }
}

/// Something outside, as a process sees it that can be killed.
pub(super) struct Mortal<T: ?Sized> {
    pub(super) life: Arc<Life>,
    pub(super) inner: Arc<T>,
}

impl<T: ?Sized> fmt::Debug for Mortal<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mortal").field("life", &self.life).finish_non_exhaustive()
    }
}

impl<T: ?Sized> Mortal<T> {
    async fn done<O>(&self, doing: impl Future<Output = O>) -> O {
        self.life.step().await;
        let done = doing.await;
        self.life.step().await;
        done
    }

    async fn asked<O>(&self, asking: impl Future<Output = O>) -> O {
        self.life.alive().await;
        asking.await
    }
}

#[async_trait]
impl<T: Store + ?Sized> Store for Mortal<T> {
    async fn entity(&self, view: &View, id: &str) -> Result<Option<Found>, StoreError> {
        self.asked(self.inner.entity(view, id)).await
    }

    async fn query(&self, view: &View, query: &EntityQuery) -> Result<Page, StoreError> {
        self.asked(self.inner.query(view, query)).await
    }

    async fn past(&self, view: &View, id: &str) -> Result<Option<Found>, StoreError> {
        self.asked(self.inner.past(view, id)).await
    }

    async fn pasts(&self, view: &View, query: &EntityQuery) -> Result<Page, StoreError> {
        self.asked(self.inner.pasts(view, query)).await
    }

    async fn series(&self, view: &View, of: &EntityDoc) -> Result<Vec<Series>, StoreError> {
        self.asked(self.inner.series(view, of)).await
    }

    async fn instances(
        &self,
        view: &View,
        of: &EntityDoc,
        range: &InstanceRange,
    ) -> Result<Chunk, StoreError> {
        self.asked(self.inner.instances(view, of, range)).await
    }

    async fn commit(&self, set: WriteSet) -> Result<Receipt, StoreError> {
        self.done(self.inner.commit(set)).await
    }

    async fn record(
        &self,
        tenant: &TenantId,
        collection: Collection,
        key: &[u8],
    ) -> Result<Option<Record>, StoreError> {
        self.asked(self.inner.record(tenant, collection, key)).await
    }

    async fn records(
        &self,
        tenant: &TenantId,
        collection: Collection,
        scan: &Scan,
    ) -> Result<Vec<(Vec<u8>, Record)>, StoreError> {
        self.asked(self.inner.records(tenant, collection, scan)).await
    }

    async fn log_size(&self, tenant: &TenantId, log: Log) -> Result<u64, StoreError> {
        self.asked(self.inner.log_size(tenant, log)).await
    }

    async fn log_entries(
        &self,
        tenant: &TenantId,
        log: Log,
        from: u64,
        limit: usize,
    ) -> Result<Vec<Vec<u8>>, StoreError> {
        self.asked(self.inner.log_entries(tenant, log, from, limit)).await
    }

    async fn verify(&self) -> Result<Vec<String>, StoreError> {
        self.asked(self.inner.verify()).await
    }

    async fn close(&self) {
        self.asked(self.inner.close()).await;
    }
}

#[async_trait]
impl<T: Platform + ?Sized> Platform for Mortal<T> {
    /// One after the other, so that it is also killed between two of them.
    async fn upsert(
        &self,
        connector: &str,
        entities: Vec<Entity>,
    ) -> Vec<Result<UpsertOutcome, Problem>> {
        let mut outcomes = Vec::new();
        for entity in entities {
            outcomes.extend(self.done(self.inner.upsert(connector, vec![entity])).await);
        }
        outcomes
    }

    async fn subscribe(
        &self,
        connector: &str,
        subscription: Option<&serde_json::Value>,
    ) -> Result<(), Problem> {
        self.done(self.inner.subscribe(connector, subscription)).await
    }
}

#[async_trait]
impl<T: Http + ?Sized> Http for Mortal<T> {
    async fn send(&self, call: Call) -> Result<Reply, HttpError> {
        self.done(self.inner.send(call)).await
    }
}

#[async_trait]
impl<T: Mqtt + ?Sized> Mqtt for Mortal<T> {
    async fn subscribe(
        &self,
        subscription: &MqttSubscription,
        taker: &dyn MqttTaker,
        shutdown: &CancellationToken,
    ) -> Result<(), ConnectError> {
        let taker = MortalTaker { life: &self.life, taker };
        self.asked(self.inner.subscribe(subscription, &taker, shutdown)).await
    }
}

struct MortalTaker<'a> {
    life: &'a Life,
    taker: &'a dyn MqttTaker,
}

#[async_trait]
impl MqttTaker for MortalTaker<'_> {
    /// It is killed when a message came, and when it is about to be acknowledged.
    async fn take(&self, message: MqttMessage) -> bool {
        self.life.step().await;
        let taken = self.taker.take(message).await;
        self.life.step().await;
        taken
    }
}
