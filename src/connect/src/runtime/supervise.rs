//! Looks after the tasks of one connector: starts them, waits between rounds, starts them anew when one ends by a fault.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tsunagu_domain::Timestamp;

use super::inbox::{InboxSource, StoredInbox};
use super::lease::Lease;
use super::runner::{Feed, Ground, Runner};
use super::vitals::Vitals;
use crate::kind::{Host, Plan};
use crate::pace::{Caps, Schedule};
use crate::{ConnectError, Listener, Mapper, Parts};

/// A longer sleep is taken in parts, so that a clock that was set is noticed.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);
/// How often the inbox is looked at without being woken: another gateway may have filled it.
const LOOK: Schedule = Schedule::EverySeconds(2);
/// How often a feed that another gateway has is looked at.
const AGAIN: Schedule = Schedule::EverySeconds(5);
/// The same for a held connection.
const AGAIN_AFTER: Duration = Duration::from_secs(5);
/// How long a task that was told to stop is waited for. It can be cut off at any moment and loses nothing.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often what is too old is looked for, microseconds.
const TIDY: i64 = 3600 * 1_000_000;

/// One connector, as it is to run.
pub(super) struct Running {
    pub(super) ground: Ground,
    pub(super) host: Host,
    pub(super) name: String,
    pub(super) plan: Arc<dyn Plan>,
    pub(super) mapper: Option<Arc<dyn Mapper>>,
    pub(super) schedule: Schedule,
    pub(super) caps: Caps,
    pub(super) vitals: Arc<Vitals>,
    pub(super) shutdown: CancellationToken,
}

impl Running {
    /// Runs until told to stop. `parts` are those of the first time.
    pub(super) async fn run(self, parts: Parts) {
        let mut parts = Some(parts);
        while !self.shutdown.is_cancelled() {
            let built = match parts.take() {
                Some(parts) => Ok(parts),
                None => self.plan.build(&self.host).await,
            };
            let fault = match built {
                Ok(parts) => self.attend(parts).await,
                Err(error) => error.to_string(),
            };
            if self.shutdown.is_cancelled() {
                return;
            }
            self.vitals.count(|counters| counters.restarts += 1);
            let until = self.fail(&fault);
            sleep(&self.ground, until, None, &self.shutdown).await;
        }
    }

    fn fail(&self, fault: &str) -> Timestamp {
        let [chance, ..] = self.ground.ids.bytes();
        let until = self.vitals.failed(self.ground.clock.micros(), chance, fault);
        let failures = self.vitals.failures();
        tracing::warn!(connector = %self.name, error = fault, failures, "a connector failed");
        until
    }

    /// Runs the tasks of these parts until told to stop, or until one ends by a fault.
    async fn attend(&self, parts: Parts) -> String {
        let mut tasks = JoinSet::new();
        let stop = self.shutdown.child_token();
        let Parts { source, receiver, listener, .. } = parts;
        if let Some(source) = source {
            let runner = self.runner(&self.name, Feed::Asked(source));
            tasks.spawn(feed(runner, self.schedule.clone(), stop.clone()));
        }
        if receiver.is_some() || listener.is_some() {
            let Ground { store, tenant, .. } = &self.ground;
            let source = InboxSource::new(Arc::clone(store), tenant.clone(), &self.name);
            // Dead letters are tried again by the feed that has the connector's name.
            let named =
                if tasks.is_empty() { self.name.clone() } else { format!("{}/inbox", self.name) };
            let runner = self.runner(&named, Feed::Inbox(source));
            tasks.spawn(feed(runner, LOOK, stop.clone()));
            tasks.spawn(tidy(self.inbox(), stop.clone()));
        }
        if let Some(listener) = listener {
            let lease = Lease::new(&format!("{}/listener", self.name), &self.ground.gateway);
            tasks.spawn(listen(listener, self.inbox(), lease, stop.clone()));
        }
        if tasks.is_empty() {
            self.shutdown.cancelled().await;
            return String::new();
        }
        let ended = tokio::select! {
            ended = tasks.join_next() => ended,
            () = self.shutdown.cancelled() => None,
        };
        stop.cancel();
        if tokio::time::timeout(PATIENCE, async { while tasks.join_next().await.is_some() {} })
            .await
            .is_err()
        {
            tracing::warn!(connector = %self.name, "a task of the connector was cut off");
            tasks.abort_all();
        }
        let fault = match ended {
            // The panic's own text may hold data.
            Some(Err(_)) => "a task of the connector ended by a fault".to_owned(),
            Some(Ok(())) | None => "a task of the connector ended".to_owned(),
        };
        while tasks.join_next().await.is_some() {}
        fault
    }

    fn runner(&self, feed: &str, source: Feed) -> Runner {
        let mapper = self.mapper.clone();
        let vitals = Arc::clone(&self.vitals);
        Runner::of_feed(self.ground.clone(), &self.name, feed, source, mapper, self.caps, vitals)
    }

    /// The connector's inbox.
    pub(super) fn inbox(&self) -> StoredInbox {
        inbox(&self.ground, &self.name, self.caps, &self.vitals)
    }
}

/// The inbox of a connector.
pub(super) fn inbox(ground: &Ground, name: &str, caps: Caps, vitals: &Arc<Vitals>) -> StoredInbox {
    StoredInbox {
        store: Arc::clone(&ground.store),
        clock: Arc::clone(&ground.clock),
        ids: Arc::clone(&ground.ids),
        tenant: ground.tenant.clone(),
        name: name.to_owned(),
        most: caps.inbox,
        vitals: Arc::clone(vitals),
    }
}

/// Until `until` by the clock, or until woken.
async fn sleep(
    ground: &Ground,
    until: Timestamp,
    mut wake: Option<&mut watch::Receiver<u64>>,
    shutdown: &CancellationToken,
) {
    while !shutdown.is_cancelled() {
        let left = u64::try_from(until.saturating_sub(ground.clock.micros())).unwrap_or(0);
        if left == 0 {
            return;
        }
        let woken = async {
            match wake.as_deref_mut() {
                Some(wake) => wake.changed().await.is_ok(),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = shutdown.cancelled() => {}
            _ = woken => return,
            () = tokio::time::sleep(Duration::from_micros(left).min(LONGEST_SLEEP)) => {}
        }
    }
}

/// One round after another.
async fn feed(mut runner: Runner, schedule: Schedule, shutdown: CancellationToken) {
    let mut tidied = runner.now();
    let mut wake = runner.vitals.waking();
    while !shutdown.is_cancelled() {
        let next = match runner.run_until(&shutdown).await {
            Ok(_) if runner.is_elsewhere() => {
                runner.vitals.elsewhere();
                // If that one is killed, this one takes over, whatever the schedule says.
                AGAIN.after(runner.now())
            }
            Ok(report) => {
                let now = runner.now();
                runner.vitals.succeeded(now);
                if let Some(report) = report {
                    let (accepted, refused) = (report.rows.accepted, report.rows.refused_count);
                    tracing::info!(connector = %report.connector, accepted, refused, "connector run");
                }
                schedule.after(now)
            }
            Err(error) => {
                let chance = runner.chance();
                let next = runner.vitals.failed(runner.now(), chance, &error.to_string());
                let failures = runner.vitals.failures();
                tracing::warn!(connector = %runner.name(), %error, failures, "connector run failed");
                next
            }
        };
        if runner.now() >= tidied.saturating_add(TIDY) {
            tidied = runner.now();
            if let Err(error) = runner.tidy().await {
                tracing::warn!(connector = %runner.name(), %error, "dead letters could not be tidied");
            }
        }
        runner.vitals.next(next);
        sleep(runner.ground(), next, Some(&mut wake), &shutdown).await;
    }
    runner.release().await;
}

/// Listens while the listener is this gateway's: to the other side all gateways are one, and it knows one connection of it.
async fn listen(
    mut listener: Box<dyn Listener>,
    inbox: StoredInbox,
    mut lease: Lease,
    shutdown: CancellationToken,
) {
    let mut wake = inbox.vitals.waking();
    while !shutdown.is_cancelled() {
        let outcome = match lease.hold(&*inbox.store, &inbox.tenant, &*inbox.clock).await {
            Ok(false) => {
                inbox.vitals.elsewhere();
                pause(AGAIN_AFTER, &shutdown).await;
                continue;
            }
            Ok(true) => {
                let stop = shutdown.child_token();
                tokio::select! {
                    outcome = listener.listen(&inbox, &stop) => outcome,
                    () = lose(&mut lease, &inbox) => {
                        stop.cancel();
                        continue;
                    }
                }
            }
            Err(error) => Err(error),
        };
        if shutdown.is_cancelled() {
            break;
        }
        let error = outcome.err().unwrap_or_else(|| {
            ConnectError::Unavailable("the connection was ended by the other side".to_owned())
        });
        let [chance, ..] = inbox.ids.bytes();
        let now = inbox.clock.micros();
        let until = inbox.vitals.link_failed(now, chance, &error.to_string());
        tracing::warn!(connector = %inbox.name, %error, "a connector's connection ended");
        let wait = u64::try_from(until.saturating_sub(now)).unwrap_or(0);
        // What came over the connection woke the feed; from here on it is somebody who does not want to wait.
        wake.mark_unchanged();
        tokio::select! {
            () = pause(Duration::from_micros(wait), &shutdown) => {}
            _ = wake.changed() => {}
        }
    }
    lease.release(&*inbox.store, &inbox.tenant).await;
}

/// Keeps the lease; comes back when it is another gateway's.
async fn lose(lease: &mut Lease, inbox: &StoredInbox) {
    loop {
        tokio::time::sleep(AGAIN_AFTER).await;
        match lease.hold(&*inbox.store, &inbox.tenant, &*inbox.clock).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => {
                tracing::warn!(connector = %inbox.name, %error, "a lease could not be kept");
            }
        }
    }
}

async fn pause(time: Duration, shutdown: &CancellationToken) {
    tokio::select! {
        () = shutdown.cancelled() => {}
        () = tokio::time::sleep(time) => {}
    }
}

/// Forgets from time to time which messages came.
async fn tidy(inbox: StoredInbox, shutdown: CancellationToken) {
    let mut every = tokio::time::interval(Duration::from_hours(1));
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = every.tick() => {}
        }
        if let Err(error) = inbox.tidy().await {
            tracing::warn!(connector = %inbox.name, %error, "an inbox could not be tidied");
        }
    }
}
