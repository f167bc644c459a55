//! The store.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use deadpool_postgres::{Client, Manager, ManagerConfig, Pool, RecyclingMethod};
use tokio::task::JoinHandle;
use tokio_postgres::NoTls;
use tsunagu_domain::TenantId;
use tsunagu_ngsi_ld::EntityDoc;
use tsunagu_policy::View;
use tsunagu_store::index::Declared;
use tsunagu_store::queue::{self, Queue};
use tsunagu_store::temporal::{Chunk, InstanceRange, Series};
use tsunagu_store::{
    Collection, EntityQuery, Found, Log, Page, Receipt, Record, Scan, Store, StoreError, WriteSet,
};

use crate::committer::Committer;
use crate::error::{closed, failed, reason, unreachable};
use crate::{Options, migrate, past, query, read, verify};

/// A [`Store`] in a PostgreSQL database, which several processes may have open.
pub struct PostgresStore {
    pool: Pool,
    declared: Declared,
    queue: RwLock<Option<Queue>>,
    committer: tokio::sync::Mutex<Option<JoinHandle<()>>>,
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore").finish_non_exhaustive()
    }
}

impl PostgresStore {
    /// Connects to the database at `url` (`postgres://user:password@host:port/name`), makes or migrates the tables and starts the committer on
    /// the present runtime.
    ///
    /// Fails with [`StoreError::Unavailable`] when the database cannot be reached or was migrated by a newer program, and with
    /// [`StoreError::Refused`] for a schema name that is none.
    pub async fn connect(url: &str, options: &Options) -> Result<Arc<Self>, StoreError> {
        let config = options.config(url)?;
        let (mut client, connection) = config.connect(NoTls).await.map_err(|error| {
            StoreError::Unavailable(format!("the database cannot be reached ({})", reason(&error)))
        })?;
        let connection = tokio::spawn(connection);
        migrate::migrate(&mut client, options.schema()?, &options.declared).await?;
        drop(client);
        // The connection ends when all it was given is done; a task that was stopped had nothing to say.
        if let Ok(Err(error)) = connection.await {
            return Err(failed(&error));
        }
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_config(config.clone(), NoTls, recycling);
        let pool = Pool::builder(manager).max_size(options.pool.max(1)).build().map_err(|_| {
            StoreError::Unavailable("the pool of connections cannot be made".to_owned())
        })?;
        let (queue, groups) = queue::queue(options.queue);
        let committer = Committer::new(config, options.declared.clone());
        let committer = tokio::spawn(committer.run(groups));
        Ok(Arc::new(Self {
            pool,
            declared: options.declared.clone(),
            queue: RwLock::new(Some(queue)),
            committer: tokio::sync::Mutex::new(Some(committer)),
        }))
    }

    async fn client(&self) -> Result<Client, StoreError> {
        self.pool.get().await.map_err(|error| unreachable(&error))
    }

    fn queue(&self) -> Result<Queue, StoreError> {
        self.queue.read().unwrap_or_else(PoisonError::into_inner).clone().ok_or_else(closed)
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn entity(&self, view: &View, id: &str) -> Result<Option<Found>, StoreError> {
        let found = read::entity(&self.client().await?, view.tenant(), id).await?;
        found.map_or(Ok(None), |found| found.seen(view))
    }

    async fn query(&self, view: &View, query: &EntityQuery) -> Result<Page, StoreError> {
        let tenant = view.tenant();
        query::run(&mut self.client().await?, view, tenant, query, &self.declared).await
    }

    async fn past(&self, view: &View, id: &str) -> Result<Option<Found>, StoreError> {
        let found = read::entity(&self.client().await?, &view.tenant().past(), id).await?;
        Ok(found.filter(|found| view.cut(&found.doc).is_some()))
    }

    async fn pasts(&self, view: &View, query: &EntityQuery) -> Result<Page, StoreError> {
        let tenant = view.tenant().past();
        query::run(&mut self.client().await?, view, &tenant, query, &self.declared).await
    }

    async fn series(&self, view: &View, of: &EntityDoc) -> Result<Vec<Series>, StoreError> {
        past::series(&self.client().await?, view.tenant(), of).await
    }

    async fn instances(
        &self,
        view: &View,
        of: &EntityDoc,
        range: &InstanceRange,
    ) -> Result<Chunk, StoreError> {
        past::instances(&self.client().await?, view, of, range).await
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
        read::record(&self.client().await?, tenant, collection, key).await
    }

    async fn records(
        &self,
        tenant: &TenantId,
        collection: Collection,
        scan: &Scan,
    ) -> Result<Vec<(Vec<u8>, Record)>, StoreError> {
        read::records(&self.client().await?, tenant, collection, scan).await
    }

    async fn log_size(&self, tenant: &TenantId, log: Log) -> Result<u64, StoreError> {
        read::log_size(&self.client().await?, tenant, log).await
    }

    async fn log_entries(
        &self,
        tenant: &TenantId,
        log: Log,
        from: u64,
        limit: usize,
    ) -> Result<Vec<Vec<u8>>, StoreError> {
        read::log_entries(&self.client().await?, tenant, log, from, limit).await
    }

    async fn log_entries_at(
        &self,
        tenant: &TenantId,
        log: Log,
        indexes: &[u64],
    ) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        read::log_entries_at(&self.client().await?, tenant, log, indexes).await
    }

    async fn verify(&self) -> Result<Vec<String>, StoreError> {
        verify::verify(&mut self.client().await?, &self.declared).await
    }

    async fn close(&self) {
        let queue = self.queue.write().unwrap_or_else(PoisonError::into_inner).take();
        // The committer ends when the last sender is gone, after it has answered what waits.
        drop(queue);
        if let Some(committer) = self.committer.lock().await.take()
            && let Err(error) = committer.await
        {
            tracing::error!(%error, "the committer ended badly");
        }
        self.pool.close();
    }
}
