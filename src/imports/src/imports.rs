//! The room: layouts, the store, and what publishes.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::Semaphore;
use tsunagu_connector_csv_drop::{Config, Layout};
use tsunagu_domain::{Problem, ProblemCode, TenantId, TsunoId};
use tsunagu_identity::Services;
use tsunagu_ngsi_ld::Entity;
use tsunagu_staff::Desk;
use tsunagu_store::WriteSet;

use crate::load::{Load, LoadId};
use crate::records::{self, HEADS, Head, Kept, LOADS};
use crate::upload::AT_ONCE;

/// Where records are published; wired by the server. A problem outside is no matter of a record: the client of the layout is missing, suspended or
/// may not publish such records, or the platform is not there. A problem inside is about one record and does not touch the others.
#[async_trait]
pub trait Registry: Send + Sync + 'static {
    /// Makes what `layout` publishes of each entity exactly what is given, and answers in the same order when it is durable. Doing it again
    /// changes nothing.
    async fn publish(
        &self,
        layout: &str,
        entities: Vec<Entity>,
    ) -> Result<Vec<Result<(), Problem>>, Problem>;

    /// Deletes an entity of this type that `layout` published. One that is not there is deleted already.
    async fn delete(
        &self,
        layout: &str,
        entity_type: &str,
        id: &str,
    ) -> Result<Result<(), Problem>, Problem>;

    /// The residents to whom these published entities are linked.
    async fn subjects(&self, ids: &[String]) -> Result<Vec<TsunoId>, Problem>;
}

/// Loads of every layout that a second person publishes.
pub struct Imports {
    pub(crate) services: Services,
    pub(crate) desk: Desk,
    pub(crate) tenant: TenantId,
    pub(crate) registry: Arc<dyn Registry>,
    pub(crate) layouts: Vec<Config>,
    pub(crate) max_file_bytes: u64,
    /// Places for files that come in.
    pub(crate) coming: Arc<Semaphore>,
}

/// The largest file that is taken in pieces, unless something else is said.
const MAX_FILE_BYTES: u64 = 2 << 30;

impl fmt::Debug for Imports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Imports(…)")
    }
}

impl Imports {
    /// For these layouts, published into this municipality through `registry`.
    pub fn new(
        services: Services,
        tenant: TenantId,
        registry: Arc<dyn Registry>,
        layouts: Vec<Config>,
    ) -> Self {
        let desk = Desk::new(services.clone());
        let coming = Arc::new(Semaphore::new(AT_ONCE));
        let max_file_bytes = MAX_FILE_BYTES;
        Self { services, desk, tenant, registry, layouts, max_file_bytes, coming }
    }

    /// Takes files in pieces up to this size.
    #[must_use]
    pub fn taking(self, max_file_bytes: u64) -> Self {
        Self { max_file_bytes, ..self }
    }

    /// The municipality whose records are loaded.
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// The layouts whose files become loads.
    pub fn layouts(&self) -> impl Iterator<Item = &Config> {
        self.layouts.iter()
    }

    pub(crate) fn layout(&self, name: &str) -> Result<&Config, Problem> {
        self.layouts.iter().find(|layout| layout.name == name).ok_or_else(Problem::not_found)
    }

    pub(crate) async fn head(&self, layout: &str) -> Result<Option<Kept<Head>>, Problem> {
        let store = &*self.services.store;
        Ok(records::read(store, &self.tenant, HEADS, layout.as_bytes()).await?)
    }

    pub(crate) async fn kept(&self, id: &LoadId) -> Result<Kept<Load>, Problem> {
        self.layout(&id.layout)?;
        let key = records::of_load(&id.layout, id.number);
        let kept = records::read(&*self.services.store, &self.tenant, LOADS, &key).await?;
        kept.ok_or_else(Problem::not_found)
    }

    pub(crate) fn set(&self) -> WriteSet {
        WriteSet::new(self.tenant.clone())
    }

    /// The layout as it lies in a file with this header.
    pub(crate) fn laid(config: &Config, header: &[String]) -> Result<Layout, Problem> {
        Layout::new(config, header).map_err(|_| {
            let detail = "the layout was changed since the file was read; drop the file again";
            Problem::new(ProblemCode::Conflict, detail)
        })
    }
}
