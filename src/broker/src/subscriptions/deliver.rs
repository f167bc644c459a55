//! Takes what is owed to its receivers.
//!
//! Each subscription has a queue of its own, in the order of the changes, and at most one round of deliveries under way. Within a round
//! notifications of different entities travel side by side, those of one entity never. A receiver that fails waits longer and longer;
//! those that fail share few places, so that they take none from the others.

mod periodic;
mod round;

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tsunagu_domain::{TenantId, Timestamp};
use tsunagu_store::{Scan, StoreError, successor};

use super::model::Uid;
use super::records::{OUTBOX, state, uid_of};
use super::{Notifier, Subscriptions};
use crate::Broker;

/// How patient the deliverer is.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Wait after the first failure; doubled after each further one.
    pub first_wait: Duration,
    /// Longest wait.
    pub longest_wait: Duration,
    /// A notification is tried again until its change is so old.
    pub keep: Duration,
    /// How often to look without being woken.
    pub idle: Duration,
    /// Notifications of one subscription under way at once.
    pub at_once: usize,
    /// Notifications of one subscription that are read and whose outcome is booked together.
    pub wave: usize,
    /// How long what an owner may see holds for what is sent: then it is decided anew.
    pub fresh: Duration,
    /// How long a queue is one deliverer's, where several processes run; none where one has the store to itself.
    pub lease: Duration,
    /// Subscriptions served at once.
    pub places: usize,
    /// Of these, for receivers that failed lately.
    pub slow_places: usize,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            first_wait: Duration::from_secs(1),
            longest_wait: Duration::from_mins(15),
            keep: Duration::from_hours(24),
            idle: Duration::from_millis(500),
            at_once: 16,
            wave: 256,
            fresh: Duration::from_millis(250),
            lease: Duration::ZERO,
            places: 256,
            slow_places: 32,
        }
    }
}

/// What deliveries did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Report {
    /// Notifications that arrived.
    pub sent: u64,
    /// Tries that failed.
    pub failed: u64,
    /// Notifications that nobody may or wants to have any more.
    pub dropped: u64,
    /// Notifications given up.
    pub dead: u64,
}

impl Report {
    fn add(&mut self, other: Self) {
        self.sent += other.sent;
        self.failed += other.failed;
        self.dropped += other.dropped;
        self.dead += other.dead;
    }
}

/// A subscription of a tenant.
type Place = (TenantId, Uid);

/// Brings notifications to their receivers. Cheap to clone.
#[derive(Clone)]
pub struct Deliverer(Arc<Inner>);

struct Inner {
    subscriptions: Arc<Subscriptions>,
    broker: Arc<Broker>,
    notifier: Arc<dyn Notifier>,
    tenants: Vec<TenantId>,
    pace: Pace,
    /// Tells this deliverer from others.
    name: String,
    places: Semaphore,
    slow: Semaphore,
}

impl fmt::Debug for Deliverer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deliverer")
            .field("tenants", &self.0.tenants)
            .field("pace", &self.0.pace)
            .finish_non_exhaustive()
    }
}

/// What is to be done for a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Task {
    Queue,
    Period,
}

impl Deliverer {
    /// For these municipalities.
    pub fn new(
        subscriptions: Arc<Subscriptions>,
        broker: Arc<Broker>,
        notifier: Arc<dyn Notifier>,
        tenants: Vec<TenantId>,
        pace: Pace,
    ) -> Self {
        let (places, slow) = (Semaphore::new(pace.places), Semaphore::new(pace.slow_places));
        let name = subscriptions.parts.ids.uuid();
        let inner = Inner { subscriptions, broker, notifier, tenants, pace, name, places, slow };
        Self(Arc::new(inner))
    }

    /// Delivers until told to stop. What is being sent is finished first.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut rounds: JoinSet<(Place, Task)> = JoinSet::new();
        let mut busy: HashMap<Place, bool> = HashMap::new();
        let mut look = tokio::time::interval(self.0.pace.idle);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let asked: Vec<(Place, Task)> = tokio::select! {
                () = shutdown.cancelled() => break,
                () = self.0.subscriptions.wake.notified() => {
                    let ready = &self.0.subscriptions.ready;
                    let ready = std::mem::take(&mut *ready.lock().unwrap_or_else(PoisonError::into_inner));
                    ready.into_iter().map(|place| (place, Task::Queue)).collect()
                }
                Some(done) = rounds.join_next() => match done {
                    // What came while it was busy is looked at at once.
                    Ok((place, _)) if busy.remove(&place) == Some(true) => vec![(place, Task::Queue)],
                    _ => Vec::new(),
                },
                _ = look.tick() => {
                    let begun = self.now();
                    let due = self.look().await;
                    // Where very many are owed something, walking along their queues is not most of the work.
                    let took = u64::try_from(self.now().saturating_sub(begun)).unwrap_or(0);
                    let rest = Duration::from_micros(took.saturating_mul(10));
                    look.reset_after(rest.max(self.0.pace.idle));
                    due
                }
            };
            for (place, task) in asked {
                if let Some(again) = busy.get_mut(&place) {
                    *again = true;
                    continue;
                }
                busy.insert(place.clone(), false);
                let this = self.clone();
                rounds.spawn(async move {
                    let report = match task {
                        Task::Queue => this.serve(&place).await,
                        Task::Period => this.period(&place).await,
                    };
                    match report {
                        Ok(report) if report.dead > 0 => {
                            tracing::warn!(?report, "notifications were given up");
                        }
                        Ok(report) => tracing::debug!(?report, "notifications"),
                        Err(error) => {
                            tracing::error!(%error, "notifications could not be read or booked");
                        }
                    }
                    (place, task)
                });
            }
        }
        while rounds.join_next().await.is_some() {}
    }

    /// Serves everything that is due now, one after another, and says what became of it.
    pub async fn run_once(&self) -> Result<Report, StoreError> {
        let mut report = Report::default();
        for tenant in &self.0.tenants {
            for (place, task) in self.due(tenant).await? {
                report.add(match task {
                    Task::Queue => self.serve(&place).await?,
                    Task::Period => self.period(&place).await?,
                });
            }
        }
        Ok(report)
    }

    async fn look(&self) -> Vec<(Place, Task)> {
        let mut all = Vec::new();
        for tenant in &self.0.tenants {
            match self.due(tenant).await {
                Ok(due) => all.extend(due),
                Err(error) => tracing::error!(%error, "what is owed could not be read"),
            }
        }
        all
    }

    /// Subscriptions of a tenant with something in their queue, or whose interval is over.
    async fn due(&self, tenant: &TenantId) -> Result<Vec<(Place, Task)>, StoreError> {
        let store = &self.0.subscriptions.parts.store;
        let now = self.now();
        let mut due = Vec::new();
        let mut scan = Scan { limit: 1, ..Scan::default() };
        // From queue to queue: one read for each, however long they are.
        while let Some((key, _)) = store.records(tenant, OUTBOX, &scan).await?.pop() {
            let Some(uid) = uid_of(&key) else { break };
            due.push(((tenant.clone(), uid), Task::Queue));
            // No key is as long as this, so it stands behind the whole queue.
            let behind = [&uid.0[..], &[u8::MAX; 32]].concat();
            if successor(&uid.0).is_none() {
                break;
            }
            scan.after = Some(behind);
        }
        let periodic = self.0.subscriptions.with_index(tenant, |index| {
            let live = index.periodic().filter(|compiled| compiled.is_live(now));
            live.map(|c| (c.record.uid, c.record.interval(), c.record.created_at))
                .collect::<Vec<_>>()
        });
        for (uid, interval, created) in periodic.await? {
            let (_, state) = state(&**store, tenant, uid).await?;
            let last = state.period.unwrap_or(created);
            if interval.is_some_and(|interval| last.saturating_add(interval) <= now) {
                due.push(((tenant.clone(), uid), Task::Period));
            }
        }
        Ok(due)
    }

    fn now(&self) -> Timestamp {
        self.0.subscriptions.parts.clock.micros()
    }

    /// Wait before the next try. Half of a doubling wait is certain, half is chance, so that receivers do not come back together; a
    /// cool-down is the least.
    fn wait(&self, attempts: u32, cooldown: Option<u64>) -> i64 {
        let (first, longest) = (micros(self.0.pace.first_wait), micros(self.0.pace.longest_wait));
        let doubled =
            first.saturating_mul(1 << attempts.saturating_sub(1).min(30)).min(longest).max(2);
        let [a, b, c, d, ..] = self.0.subscriptions.parts.ids.bytes16();
        let wait = doubled / 2 + i64::from(u32::from_be_bytes([a, b, c, d])) % (doubled / 2);
        let cooldown = cooldown.and_then(|ms| i64::try_from(ms).ok()).unwrap_or(0);
        wait.max(cooldown.saturating_mul(1000))
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// The beginning of a queue in which no entity stands twice: what may travel side by side.
fn side_by_side<T>(queue: Vec<(T, String)>) -> Vec<T> {
    let mut entities = HashSet::new();
    queue
        .into_iter()
        .take_while(|(_, entity)| entities.insert(entity.clone()))
        .map(|(item, _)| item)
        .collect()
}
