//! Subscriptions and notifications (TS 104-175 clauses 5.2.12 to 5.2.15, 5.3, 5.8).
//!
//! A change meets the subscriptions it can concern through an index in memory ([`index`]). Whether it does is decided by what the owner of the
//! subscription sees at that moment; if so, the notification is written to an outbox **in the transaction of the change** ([`follow`]).
//! The [`Deliverer`] takes it from there: it asks anew what the owner may see, cuts, writes the access down, sends, and books the
//! outcome. Killed between any two steps, it sends again. A consent withdrawn in between drops what is queued.
//!
//! Subscriptions to registrations of context sources ([`of_sources`]) go the same way, from changes of registrations.

mod compiled;
mod deliver;
mod follow;
mod index;
mod manage;
mod model;
mod notify;
mod of_sources;
mod read;
mod records;
mod seen;
mod send;
mod show;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use async_trait::async_trait;
use tokio::sync::Notify;
use tsunagu_domain::{Catalogue, Clock, IdGen, Problem, TenantId};
use tsunagu_policy::View;
use tsunagu_store::{Scan, Store, StoreError};

pub use deliver::{Deliverer, Pace, Report};
pub use manage::{Asking, SubscriptionPage};
pub use model::{Owner, Pair};
pub use send::{Message, Notifier, SendError};

use compiled::Compiled;
use index::Index;
use model::{Subscription, Uid};
use of_sources::{KEPT, Kept};
use records::{MARK, MARK_KEY, SUBSCRIPTIONS, decode};

/// What the owners of subscriptions may see, decided at the moment of asking.
#[async_trait]
pub trait Owners: Send + Sync + 'static {
    /// The view of an owner in a tenant; `None` when it may see nothing any more: the client is suspended, or the consent is not live.
    async fn view(&self, tenant: &TenantId, owner: &Owner) -> Result<Option<View>, Problem>;
}

/// What subscriptions work with.
pub struct SubscriptionParts {
    /// Storage.
    pub store: Arc<dyn Store>,
    /// What is personal.
    pub catalogue: Arc<Catalogue>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub ids: Arc<dyn IdGen>,
    /// Who may see what.
    pub owners: Arc<dyn Owners>,
}

/// What is known of a tenant.
#[derive(Default)]
struct Known {
    /// The version of the mark that the index stands for.
    mark: Option<u64>,
    /// What [`Store::stirred`] said before the mark was read.
    stirred: Option<u64>,
    index: Index,
}

/// What is owed since a change of an entity is under way.
type Pending = HashMap<(TenantId, String), Vec<Uid>>;

/// The subscriptions.
pub struct Subscriptions {
    parts: SubscriptionParts,
    known: RwLock<HashMap<TenantId, Known>>,
    /// Held while subscriptions are changed or loaded.
    changing: tokio::sync::Mutex<()>,
    pending: Mutex<Pending>,
    ready: Mutex<Vec<(TenantId, Uid)>>,
    wake: Notify,
}

impl fmt::Debug for Subscriptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Subscriptions(…)")
    }
}

const PAGE: usize = 500;

impl Subscriptions {
    /// Over these parts. Nothing is read yet.
    pub fn new(parts: SubscriptionParts) -> Self {
        Self {
            parts,
            known: RwLock::default(),
            changing: tokio::sync::Mutex::default(),
            pending: Mutex::default(),
            ready: Mutex::default(),
            wake: Notify::new(),
        }
    }

    /// Reads from the index of a tenant, after making sure that it knows every subscription that was acknowledged before.
    async fn with_index<T>(
        &self,
        tenant: &TenantId,
        read: impl FnOnce(&Index) -> T + Send,
    ) -> Result<T, StoreError> {
        self.refresh(tenant).await?;
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let none = Index::default();
        Ok(read(known.get(tenant).map_or(&none, |known| &known.index)))
    }

    /// One read tells whether anything has changed, here or in another process; none where the store itself knows.
    async fn refresh(&self, tenant: &TenantId) -> Result<(), StoreError> {
        let stirred = self.parts.store.stirred(MARK);
        if stirred.is_some() && self.stirred(tenant) == stirred {
            return Ok(());
        }
        if self.is_fresh(tenant).await?.0 {
            self.still(tenant, stirred);
            return Ok(());
        }
        // A change of this process is about to put it right by itself.
        let _changing = self.changing.lock().await;
        self.reload(tenant).await.map(drop)
    }

    fn stirred(&self, tenant: &TenantId) -> Option<u64> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.get(tenant).and_then(|known| known.stirred)
    }

    /// Notes that the index was that of the mark after the store had said this.
    fn still(&self, tenant: &TenantId, stirred: Option<u64>) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.get_mut(tenant) {
            known.stirred = stirred;
        }
    }

    /// Whether the index is that of the mark, and the mark.
    async fn is_fresh(&self, tenant: &TenantId) -> Result<(bool, Option<u64>), StoreError> {
        let mark = self.parts.store.record(tenant, MARK, MARK_KEY).await?;
        let mark = mark.map(|record| record.version);
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        Ok((known.get(tenant).is_some_and(|known| known.mark == mark), mark))
    }

    /// Reads every subscription if something is new, and gives the mark. The caller holds [`Self::changing`].
    async fn reload(&self, tenant: &TenantId) -> Result<Option<u64>, StoreError> {
        let (fresh, mark) = self.is_fresh(tenant).await?;
        if fresh {
            return Ok(mark);
        }
        let mut index = Index::default();
        for collection in [SUBSCRIPTIONS, KEPT] {
            let mut scan = Scan { limit: PAGE, ..Scan::default() };
            loop {
                let page = self.parts.store.records(tenant, collection, &scan).await?;
                let Some((last, _)) = page.last() else { break };
                scan.after = Some(last.clone());
                for (_, record) in page {
                    let compiled = if collection == KEPT {
                        Compiled::of_sources(decode::<Kept>(&record.value)?)
                    } else {
                        Compiled::new(decode::<Subscription>(&record.value)?)
                    };
                    index.add(&Arc::new(compiled?));
                }
            }
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.insert(tenant.clone(), Known { mark, stirred: None, index });
        Ok(mark)
    }

    /// Puts a change of this process into the index, which stood at `before` and now stands at `after`.
    fn learn(
        &self,
        tenant: &TenantId,
        before: Option<u64>,
        after: u64,
        change: impl FnOnce(&mut Index),
    ) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let known = known.entry(tenant.clone()).or_default();
        if known.mark == before {
            change(&mut known.index);
            known.mark = Some(after);
        }
    }

    /// Tells the deliverer that these are owed something.
    pub(crate) fn owed(&self, tenant: &TenantId, uids: Vec<Uid>) {
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        ready.extend(uids.into_iter().map(|uid| (tenant.clone(), uid)));
        drop(ready);
        self.wake.notify_one();
    }
}
