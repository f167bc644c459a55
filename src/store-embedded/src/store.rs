//! The store.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use tokio::sync::oneshot;
use tsunagu_domain::TenantId;
use tsunagu_ngsi_ld::EntityDoc;
use tsunagu_policy::View;
use tsunagu_store::queue::{self, Queue};
use tsunagu_store::temporal::{Chunk, InstanceRange, Series};
use tsunagu_store::{
    Collection, EntityQuery, Found, Log, Page, Receipt, Record, Scan, Store, StoreError, WriteSet,
};

use crate::committer::Committer;
use crate::engine::Engine;
use crate::open::{self, Options};
use crate::{keys, query, verify};

/// So many candidates of a query are looked at on the caller's thread; a longer search goes to a thread that may block.
const INLINE: usize = 512;
/// So many records or log entries are read on the caller's thread.
const INLINE_ENTRIES: usize = 1_024;

/// A [`Store`] in one folder of this machine, held by one process at a time.
pub struct EmbeddedStore {
    open: RwLock<Option<Open>>,
    /// Ends when the folder is free.
    free: tokio::sync::Mutex<Option<oneshot::Receiver<()>>>,
}

#[derive(Clone)]
struct Open {
    engine: Arc<Engine>,
    queue: Queue,
}

impl fmt::Debug for EmbeddedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedStore").finish_non_exhaustive()
    }
}

impl EmbeddedStore {
    /// Opens the store in `folder`, or makes one when there is nothing. Blocks while it recovers what the journal holds.
    ///
    /// Fails with [`StoreError::Unavailable`] when another process holds the folder, when it was written by a newer program or when the
    /// disk fails, and with [`StoreError::Corrupt`] when the folder does not hold what was written.
    pub fn open(folder: impl AsRef<Path>, options: &Options) -> Result<Arc<Self>, StoreError> {
        let (engine, free) = open::open(folder.as_ref(), options)?;
        let engine = Arc::new(engine);
        let (queue, groups) = queue::queue(options.queue);
        let committer = Committer::new(Arc::clone(&engine), options.durability.mode());
        std::thread::Builder::new()
            .name("tsunagu-commit".to_owned())
            .spawn(move || committer.run(groups))
            .map_err(|error| StoreError::Unavailable(format!("no thread for writing: {error}")))?;
        Ok(Arc::new(Self {
            open: RwLock::new(Some(Open { engine, queue })),
            free: tokio::sync::Mutex::new(Some(free)),
        }))
    }

    fn engine(&self) -> Result<Arc<Engine>, StoreError> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        open.as_ref().map(|open| Arc::clone(&open.engine)).ok_or_else(closed)
    }

    fn queue(&self) -> Result<Queue, StoreError> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        open.as_ref().map(|open| open.queue.clone()).ok_or_else(closed)
    }

    async fn search(
        &self,
        view: &View,
        tenant: TenantId,
        query: &EntityQuery,
    ) -> Result<Page, StoreError> {
        let engine = self.engine()?;
        if let Some(page) = query::run(&engine, view, &tenant, query, INLINE)? {
            return Ok(page);
        }
        let (view, query) = (view.clone(), query.clone());
        let page = apart(move || query::run(&engine, &view, &tenant, &query, usize::MAX)).await?;
        page.ok_or_else(|| StoreError::Unavailable("the query was not answered".to_owned()))
    }
}

/// Does reading that may take long on a thread that may block.
async fn apart<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let done = tokio::task::spawn_blocking(read).await;
    done.map_err(|_| StoreError::Unavailable("reading was interrupted".to_owned()))?
}

fn closed() -> StoreError {
    StoreError::Unavailable("the store is closed".to_owned())
}

#[async_trait]
impl Store for EmbeddedStore {
    async fn entity(&self, view: &View, id: &str) -> Result<Option<Found>, StoreError> {
        let found = self.engine()?.entity(&keys::entity(view.tenant(), id))?;
        found.map_or(Ok(None), |found| found.seen(view))
    }

    async fn query(&self, view: &View, query: &EntityQuery) -> Result<Page, StoreError> {
        self.search(view, view.tenant().clone(), query).await
    }

    async fn past(&self, view: &View, id: &str) -> Result<Option<Found>, StoreError> {
        let found = self.engine()?.entity(&keys::entity(&view.tenant().past(), id))?;
        Ok(found.filter(|found| view.cut(&found.doc).is_some()))
    }

    async fn pasts(&self, view: &View, query: &EntityQuery) -> Result<Page, StoreError> {
        self.search(view, view.tenant().past(), query).await
    }

    fn stirred(&self, collection: Collection) -> Option<u64> {
        // One process has the folder, so every change goes by here.
        Some(self.engine().ok()?.stirred.count(collection))
    }

    async fn series(&self, view: &View, of: &EntityDoc) -> Result<Vec<Series>, StoreError> {
        self.engine()?.reader().series(view, of)
    }

    async fn instances(
        &self,
        view: &View,
        of: &EntityDoc,
        range: &InstanceRange,
    ) -> Result<Chunk, StoreError> {
        let engine = self.engine()?;
        if range.limit <= INLINE_ENTRIES {
            return engine.reader().instances(view, of, range);
        }
        let (view, of, range) = (view.clone(), of.clone(), *range);
        apart(move || engine.reader().instances(&view, &of, &range)).await
    }

    async fn commit(&self, set: WriteSet) -> Result<Receipt, StoreError> {
        self.queue()?.commit(set).await
    }

    async fn record(
        &self,
        tenant: &TenantId,
        collection: Collection,
        key: &[u8],
    ) -> Result<Option<Record>, StoreError> {
        self.engine()?.reader().record(&keys::record(tenant, collection, key))
    }

    async fn records(
        &self,
        tenant: &TenantId,
        collection: Collection,
        scan: &Scan,
    ) -> Result<Vec<(Vec<u8>, Record)>, StoreError> {
        let engine = self.engine()?;
        if scan.limit <= INLINE_ENTRIES {
            return engine.reader().records(tenant, collection, scan);
        }
        let (tenant, scan) = (tenant.clone(), scan.clone());
        apart(move || engine.reader().records(&tenant, collection, &scan)).await
    }

    async fn log_size(&self, tenant: &TenantId, log: Log) -> Result<u64, StoreError> {
        self.engine()?.reader().log_size(tenant, log)
    }

    async fn log_entries(
        &self,
        tenant: &TenantId,
        log: Log,
        from: u64,
        limit: usize,
    ) -> Result<Vec<Vec<u8>>, StoreError> {
        let engine = self.engine()?;
        if limit <= INLINE_ENTRIES {
            return engine.reader().log_entries(tenant, log, from, limit);
        }
        let tenant = tenant.clone();
        apart(move || engine.reader().log_entries(&tenant, log, from, limit)).await
    }

    async fn verify(&self) -> Result<Vec<String>, StoreError> {
        let engine = self.engine()?;
        apart(move || verify::verify(&engine)).await
    }

    async fn close(&self) {
        let open = self.open.write().unwrap_or_else(PoisonError::into_inner).take();
        // The committer ends when the last sender is gone, after it has answered what waits.
        drop(open);
        let mut free = self.free.lock().await;
        if let Some(free) = free.take() {
            // An error is the message: the sender is dropped with the engine.
            drop(free.await);
        }
    }
}
