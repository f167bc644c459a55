//! The room: layouts, the store, and what publishes.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use tsunagu_connector_csv_drop::{Config, Decided, Decisions, Layout};
use tsunagu_domain::{Problem, ProblemCode, TenantId};
use tsunagu_identity::Services;
use tsunagu_ngsi_ld::Entity;
use tsunagu_staff::{Account, Desk, Who};
use tsunagu_store::{Scan, WriteSet};

use crate::load::{Load, LoadId};
use crate::records::{self, DECISIONS, Decision, HEADS, Head, Kept, LOADS};

/// Where records are published; wired by the server.
#[async_trait]
pub trait Registry: Send + Sync + 'static {
    /// Makes what `layout` publishes of each entity exactly what is given, and answers in the same order when it is durable. Doing it again
    /// changes nothing. A problem of one entity does not touch the others.
    async fn publish(&self, layout: &str, entities: Vec<Entity>) -> Vec<Result<(), Problem>>;

    /// Deletes an entity that `layout` published. One that is not there is deleted already.
    async fn delete(&self, layout: &str, id: &str) -> Result<(), Problem>;
}

/// Loads of every layout that a second person publishes.
pub struct Imports {
    pub(crate) services: Services,
    pub(crate) desk: Desk,
    pub(crate) tenant: TenantId,
    pub(crate) registry: Arc<dyn Registry>,
    pub(crate) layouts: Vec<Config>,
}

impl fmt::Debug for Imports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Imports(…)")
    }
}

/// What was decided, as it was read.
pub(crate) struct Settled {
    layout: Layout,
    number: u64,
    decisions: HashMap<[u8; 32], (Decided, Who)>,
    used: Mutex<BTreeMap<Account, Who>>,
}

impl Settled {
    /// Whose decisions were used since it was asked last.
    pub(crate) fn used(&self) -> Vec<Who> {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *used).into_values().collect()
    }
}

/// Names what a decision is about: a value of a column, or that value in one line of one load only.
pub(crate) fn about(
    layout: &Layout,
    column: &str,
    written: &str,
    only: Option<(u64, u64)>,
) -> [u8; 32] {
    match only {
        None => layout.digest(column, written),
        Some((number, line)) => layout.digest(column, &format!("\0{number}\0{line}\0{written}")),
    }
}

impl Decisions for Settled {
    fn on(&self, column: &str, written: &str, only: Option<u64>) -> Option<Decided> {
        if self.decisions.is_empty() {
            return None;
        }
        let only = only.map(|line| (self.number, line));
        let (decided, by) = self.decisions.get(&about(&self.layout, column, written, only))?;
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.entry(by.account.clone()).or_insert_with(|| by.clone());
        Some(decided.clone())
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
        Self { services, desk, tenant, registry, layouts }
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

    /// What was decided about values of a layout, for a load of it: as much as people decided.
    pub(crate) async fn settled(&self, config: &Config, load: &Load) -> Result<Settled, Problem> {
        let prefix = records::of_layout(&config.name);
        let mut page = Scan { prefix: prefix.clone(), limit: 500, ..Scan::default() };
        let mut decisions = HashMap::new();
        loop {
            let store = &*self.services.store;
            let found = records::scan::<Decision>(store, &self.tenant, DECISIONS, &page).await?;
            let Some((last, _)) = found.last() else { break };
            page.after = Some(last.clone());
            for (key, kept) in found {
                let digest = key.strip_prefix(&prefix[..]).and_then(|d| d.try_into().ok());
                let decided = match kept.data.take {
                    Some(text) => Decided::Take(text),
                    None => Decided::Refuse,
                };
                if let Some(digest) = digest {
                    decisions.insert(digest, (decided, kept.data.by));
                }
            }
        }
        let (layout, number) = (Self::laid(config, &load.header)?, load.number);
        Ok(Settled { layout, number, decisions, used: Mutex::default() })
    }

    /// The layout as it lies in a file with this header.
    pub(crate) fn laid(config: &Config, header: &[String]) -> Result<Layout, Problem> {
        Layout::new(config, header).map_err(|_| {
            let detail = "the layout was changed since the file was read; drop the file again";
            Problem::new(ProblemCode::Conflict, detail)
        })
    }
}
