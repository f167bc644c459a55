//! All connectors of one municipality: checked together, started, changed while they run, looked at by staff.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use serde::Serialize;
use serde_json::Value;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tsunagu_domain::{TenantId, Text};

use super::dead::{self, DeadLetterPage, Replay};
use super::inbox::StoredInbox;
use super::run::{self, RunReport};
use super::runner::{Ground, Runner};
use super::sinks;
use super::supervise::{Running, inbox};
use super::vitals::{Health, Vitals};
use crate::kind::{Finding, Host, Kind, Plan, Settings};
use crate::mapper::Declared;
use crate::pace::{Caps, Schedule};
use crate::{
    ConnectError, Delivery, Direction, Inbox as _, Incoming, Manifest, Mapper, NotAccepted,
    NotKept, Parts, Probe, Receiver, Sink, SinkError,
};

/// Reads the settings of all connectors, as they are written now.
pub type ReadSettings = Box<dyn Fn() -> Result<Vec<Settings>, String> + Send + Sync>;

/// What connectors stand on.
pub struct Foundations {
    /// Store, platform, time.
    pub ground: Ground,
    /// The way out.
    pub host: Host,
    /// Every kind there is.
    pub kinds: Vec<Box<dyn Kind>>,
    /// Connectors that do not come from the settings.
    pub fixed: Vec<Ready>,
    /// Where the settings are.
    pub settings: ReadSettings,
}

/// Why settings were not taken; what ran before runs on.
#[derive(Debug, thiserror::Error)]
pub enum NotApplied {
    /// They cannot be read.
    #[error("the configuration cannot be read: {0}")]
    Unreadable(String),
    /// They are wrong.
    #[error("the connectors are not right: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Wrong(Vec<Finding>),
    /// A connector cannot be built.
    #[error(transparent)]
    NotBuilt(#[from] ConnectError),
}

impl fmt::Debug for Foundations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds: Vec<_> = self.kinds.iter().map(|kind| kind.name()).collect();
        f.debug_struct("Foundations").field("kinds", &kinds).finish_non_exhaustive()
    }
}

/// A connector whose settings are right.
#[derive(Clone)]
pub struct Ready {
    /// `None` for one that is not of the list of settings: it never changes.
    settings: Option<Settings>,
    manifest: Manifest,
    plan: Arc<dyn Plan>,
    mapping: Option<Declared>,
    schedule: Schedule,
    caps: Caps,
}

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ready").field("manifest", &self.manifest).finish_non_exhaustive()
    }
}

impl Ready {
    /// A connector that does not come from the list of settings.
    pub fn fixed(plan: Arc<dyn Plan>, schedule: Schedule) -> Self {
        let manifest = plan.manifest();
        let caps = Caps::default();
        Self { settings: None, manifest, plan, mapping: None, schedule, caps }
    }

    /// What staff are shown.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// How its records become entities, if it gives records. Secrets of the mapping are read here.
    pub fn mapper(&self) -> Result<Option<Arc<dyn Mapper>>, ConnectError> {
        self.mapping.as_ref().map(Declared::mapper).transpose()
    }

    /// The same with room for so many records in its inbox.
    #[cfg(feature = "testing")]
    pub(crate) fn with_inbox(mut self, most: u32) -> Self {
        self.caps.inbox = most;
        self
    }

    /// Makes its parts, to try them.
    pub async fn build(&self, host: &Host) -> Result<Parts, ConnectError> {
        self.plan.build(host).await
    }
}

/// A connector, how it does and its last run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConnectorView {
    /// The connector.
    pub manifest: Manifest,
    /// How it does in this gateway; absent for what another room runs.
    pub health: Option<Health>,
    /// Its last run, if it ever found anything.
    pub last_run: Option<RunReport>,
}

/// Why a call to a connector's address was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotReceived {
    /// There is no such connector, or it is not called.
    #[error("no connector of this name takes messages")]
    NoSuch,
    /// The connector does not take it.
    #[error(transparent)]
    NotAccepted(#[from] NotAccepted),
    /// It can never be kept whole; the text says what is too much.
    #[error("{0}; send it in smaller parts")]
    TooLarge(String),
    /// It cannot be kept now.
    #[error(transparent)]
    Unavailable(ConnectError),
}

/// What a change of the configuration did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Applied {
    /// Connectors that are new.
    pub started: Vec<String>,
    /// Connectors that were started anew with other settings.
    pub restarted: Vec<String>,
    /// Connectors that are no longer there.
    pub stopped: Vec<String>,
}

struct Live {
    ready: Ready,
    vitals: Arc<Vitals>,
    receiver: Option<(Arc<dyn Receiver>, StoredInbox)>,
    sink: Option<Arc<dyn Sink>>,
    probe: Option<Arc<dyn Probe>>,
    shutdown: CancellationToken,
}

/// The connectors that run.
pub struct Connectors {
    foundations: Foundations,
    live: RwLock<BTreeMap<String, Arc<Live>>>,
    /// What other rooms run; shown, not run here.
    declared: Vec<Manifest>,
    /// One change at a time; the tasks under way. `None` when everything was stopped for good.
    tasks: tokio::sync::Mutex<Option<BTreeMap<String, JoinHandle<()>>>>,
    /// Where they run, whoever asks for a change: a thread that answers requests would take them along when it ends.
    runtime: Option<Handle>,
}

impl fmt::Debug for Connectors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connectors").field("foundations", &self.foundations).finish_non_exhaustive()
    }
}

impl Connectors {
    /// None runs yet. They will run where this is called. `declared` are run by other rooms and only shown.
    pub fn new(foundations: Foundations, declared: Vec<Manifest>) -> Self {
        Self {
            foundations,
            live: RwLock::default(),
            declared,
            tasks: tokio::sync::Mutex::new(Some(BTreeMap::new())),
            runtime: Handle::try_current().ok(),
        }
    }

    /// Checks settings, all of them. Pure.
    pub fn validate(&self, settings: &[Settings]) -> Result<Vec<Ready>, Vec<Finding>> {
        validate(&self.foundations.kinds, settings)
    }

    /// Reads the settings anew and makes what runs be what they say. On any fault everything stays as it is.
    pub async fn reload(&self) -> Result<Applied, NotApplied> {
        let settings = (self.foundations.settings)().map_err(NotApplied::Unreadable)?;
        let mut ready = self.foundations.fixed.clone();
        ready.extend(self.validate(&settings).map_err(NotApplied::Wrong)?);
        Ok(self.apply(ready).await?)
    }

    /// Makes what runs be exactly these. Whatever fails before everything new is built changes nothing.
    pub async fn apply(&self, ready: Vec<Ready>) -> Result<Applied, ConnectError> {
        let mut tasks = self.tasks.lock().await;
        let tasks = tasks
            .as_mut()
            .ok_or_else(|| ConnectError::Unavailable("the gateway is about to end".to_owned()))?;
        for (at, one) in ready.iter().enumerate() {
            let same = |other: &&Ready| other.manifest.name == one.manifest.name;
            let declared = self.declared.iter().any(|other| other.name == one.manifest.name);
            if declared || ready.iter().skip(at + 1).any(|other| same(&other)) {
                let name = &one.manifest.name;
                return Err(ConnectError::Config(format!("two connectors are named '{name}'")));
            }
        }
        let running = self.snapshot();
        let unchanged = |one: &Ready| {
            running.get(&one.manifest.name).is_some_and(|live| live.ready.settings == one.settings)
        };
        let mut built = Vec::new();
        for one in &ready {
            if !unchanged(one) {
                let parts = one.plan.build(&self.foundations.host).await?;
                built.push((one.clone(), one.mapper()?, parts));
            }
        }
        // What a sink is given is settled while everything still runs: a client that may not ask for it changes nothing.
        for (one, _, parts) in &built {
            if parts.sink.is_some() {
                self.subscribe(&one.manifest.name, one.plan.subscription().as_ref()).await?;
            }
        }
        let mut applied = Applied::default();
        for (name, live) in &running {
            let stays = ready.iter().any(|one| one.manifest.name == *name);
            if !stays || built.iter().any(|(one, ..)| one.manifest.name == *name) {
                live.shutdown.cancel();
                if let Some(task) = tasks.remove(name) {
                    // It ends by itself; a fault in it is told by its own supervisor.
                    task.await.ok();
                }
            }
            if !stays {
                self.change(|all| drop(all.remove(name)));
                applied.stopped.push(name.clone());
            }
        }
        for (one, mapper, parts) in built {
            let name = one.manifest.name.clone();
            let list = if running.contains_key(&name) {
                &mut applied.restarted
            } else {
                &mut applied.started
            };
            list.push(name.clone());
            tasks.insert(name, self.start(one, mapper, parts));
        }
        self.end_subscriptions().await;
        self.forget_old_letters().await;
        Ok(applied)
    }

    /// What a connector left that is configured no more is kept no longer than that of others, and nothing else looks after it. What stays by a fault
    /// goes at the next change or start.
    async fn forget_old_letters(&self) {
        let Ground { store, clock, tenant, .. } = &self.foundations.ground;
        let forgotten = async {
            for name in dead::names(&**store, tenant).await? {
                if self.live(&name).is_none() {
                    dead::tidy(&**store, tenant, &name, clock.micros()).await?;
                }
            }
            Ok::<_, ConnectError>(())
        };
        if let Err(error) = forgotten.await {
            tracing::warn!(%error, "dead letters of former connectors could not be tidied");
        }
    }

    /// Who is given nothing any more needs no subscription, also when that was so before this gateway started. One that stays by a fault goes at
    /// the next change or start.
    async fn end_subscriptions(&self) {
        let known = sinks::known(&*self.foundations.ground.store, self.tenant()).await;
        let names = known.unwrap_or_else(|error| {
            tracing::warn!(%error, "subscriptions of connectors could not be looked at");
            Vec::new()
        });
        for name in names {
            let gives = self.live(&name).is_some_and(|now| now.sink.is_some());
            if !gives && let Err(error) = self.subscribe(&name, None).await {
                tracing::warn!(connector = %name, %error, "a subscription could not be ended");
            }
        }
    }

    async fn subscribe(&self, name: &str, to: Option<&Value>) -> Result<(), ConnectError> {
        let Ground { store, platform, .. } = &self.foundations.ground;
        // Remembered before it is there, forgotten after it is gone.
        if to.is_some() {
            sinks::remember(&**store, self.tenant(), name, true).await?;
        }
        let done = platform.subscribe(name, to).await;
        if to.is_none() && done.is_ok() {
            sinks::remember(&**store, self.tenant(), name, false).await?;
        }
        done.map_err(|problem| match problem.code.status() {
            500.. | 429 => ConnectError::Unavailable(problem.to_string()),
            _ => ConnectError::Config(format!("connector '{name}': {problem}")),
        })
    }

    fn start(&self, ready: Ready, mapper: Option<Arc<dyn Mapper>>, parts: Parts) -> JoinHandle<()> {
        let Foundations { ground, host, .. } = &self.foundations;
        let name = ready.manifest.name.clone();
        let (vitals, shutdown) = (Arc::<Vitals>::default(), CancellationToken::new());
        let inbox = inbox(ground, &name, ready.caps, &vitals);
        let live = Live {
            vitals: Arc::clone(&vitals),
            receiver: parts.receiver.clone().map(|receiver| (receiver, inbox)),
            sink: parts.sink.clone(),
            probe: parts.probe.clone(),
            shutdown: shutdown.clone(),
            ready: ready.clone(),
        };
        self.change(|all| drop(all.insert(name.clone(), Arc::new(live))));
        let running = Running {
            ground: ground.clone(),
            host: host.clone(),
            name,
            plan: ready.plan,
            mapper,
            schedule: ready.schedule,
            caps: ready.caps,
            vitals,
            shutdown,
        };
        match &self.runtime {
            Some(runtime) => runtime.spawn(running.run(parts)),
            None => tokio::spawn(running.run(parts)),
        }
    }

    /// Stops everything; what is under way is finished first.
    pub async fn stop(&self) {
        let mut tasks = self.tasks.lock().await;
        for live in self.snapshot().values() {
            live.shutdown.cancel();
        }
        for (_, task) in tasks.take().into_iter().flatten() {
            task.await.ok();
        }
        self.change(BTreeMap::clear);
    }

    fn tenant(&self) -> &TenantId {
        &self.foundations.ground.tenant
    }

    fn change(&self, change: impl FnOnce(&mut BTreeMap<String, Arc<Live>>)) {
        change(&mut self.live.write().unwrap_or_else(PoisonError::into_inner));
    }

    fn snapshot(&self) -> BTreeMap<String, Arc<Live>> {
        self.live.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn live(&self, name: &str) -> Option<Arc<Live>> {
        self.live.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    fn is_known(&self, name: &str) -> bool {
        self.live(name).is_some() || self.declared.iter().any(|other| other.name == name)
    }

    /// Every connector with how it does and its last run, and those that are configured no more and left dead letters: they can be looked at and
    /// forgotten.
    pub async fn list(&self, tenant: &TenantId) -> Result<Vec<ConnectorView>, ConnectError> {
        let store = &*self.foundations.ground.store;
        let mut out = Vec::new();
        for (manifest, health) in self.health() {
            let runs = run::runs(store, tenant, &manifest.name, 1).await?;
            let last_run = runs.into_iter().next();
            out.push(ConnectorView { manifest, health, last_run });
        }
        for name in dead::names(store, tenant).await? {
            if !self.is_known(&name) {
                let (ja, en) = ("設定から外された接続", "no longer configured");
                let manifest = Manifest {
                    name,
                    kind: "none".to_owned(),
                    title: Text { ja: ja.to_owned(), en: en.to_owned() },
                    direction: Direction::Inbound,
                    entity_types: Vec::new(),
                };
                out.push(ConnectorView { manifest, health: None, last_run: None });
            }
        }
        Ok(out)
    }

    /// Every connector with how it does in this gateway; those that another room runs without.
    pub(super) fn health(&self) -> Vec<(Manifest, Option<Health>)> {
        let now = self.foundations.ground.clock.micros();
        let of = |live: &Arc<Live>| (live.ready.manifest.clone(), Some(live.vitals.health(now)));
        let mut all: Vec<_> = self.snapshot().values().map(of).collect();
        all.extend(self.declared.iter().map(|manifest| (manifest.clone(), None)));
        all
    }

    pub(super) fn ground(&self) -> &Ground {
        &self.foundations.ground
    }

    /// The kept runs of a connector, the latest first; `None` when there is no such connector.
    pub async fn runs(
        &self,
        tenant: &TenantId,
        name: &str,
    ) -> Result<Option<Vec<RunReport>>, ConnectError> {
        if !self.is_known(name) {
            return Ok(None);
        }
        run::runs(&*self.foundations.ground.store, tenant, name, 50).await.map(Some)
    }

    /// What was refused and waits, a part of it; `None` when there is no such connector, and was none that left something.
    pub async fn dead_letters(
        &self,
        tenant: &TenantId,
        name: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Option<DeadLetterPage>, ConnectError> {
        let store = &*self.foundations.ground.store;
        let page = dead::list(store, tenant, name, after, limit).await?;
        Ok((self.is_known(name) || !page.dead_letters.is_empty()).then_some(page))
    }

    /// Runs a connector once, here and now, if no other gateway runs it; what it has is made for this and dropped after. For the command line.
    pub async fn run_once(&self, ready: &Ready) -> Result<Option<RunReport>, ConnectError> {
        let Foundations { ground, host, .. } = &self.foundations;
        let Some(source) = ready.build(host).await?.source else {
            let what = "the connector is not asked: the other side sends by itself";
            return Err(ConnectError::Config(what.to_owned()));
        };
        let name = &ready.manifest.name;
        let mut runner = Runner::new(ground.clone(), name, source, ready.mapper()?, ready.caps);
        let report = runner.run_once().await;
        runner.release().await;
        report
    }

    /// Asks for dead letters to be tried again, which the gateway that runs the connector does at once or, elsewhere, at its next round; `None` when
    /// there is no such connector here.
    pub async fn replay(
        &self,
        tenant: &TenantId,
        name: &str,
        replay: &Replay,
    ) -> Result<Option<()>, ConnectError> {
        let Some(live) = self.live(name) else { return Ok(None) };
        replay.ask(&*self.foundations.ground.store, tenant, name).await?;
        live.vitals.wake();
        Ok(Some(()))
    }

    /// Forgets a dead letter for good; `false` when there is none.
    pub async fn dismiss(
        &self,
        tenant: &TenantId,
        name: &str,
        id: &str,
    ) -> Result<bool, ConnectError> {
        dead::dismiss(&*self.foundations.ground.store, tenant, name, id).await
    }

    /// Has a connector asked now, whatever its schedule says; `false` when there is no such connector here.
    pub fn run_now(&self, name: &str) -> bool {
        let live = self.live(name);
        live.is_some_and(|live| {
            live.vitals.wake();
            true
        })
    }

    /// Asks whether the other side is there; `None` when there is no such connector here, or nothing to ask.
    pub async fn probe(&self, name: &str) -> Option<Result<(), ConnectError>> {
        let live = self.live(name)?;
        let probe = live.probe.as_ref()?;
        Some(probe.probe().await)
    }

    /// Takes a call to a connector's own address. When this answers, what came is on disk.
    pub async fn receive(&self, name: &str, incoming: &Incoming<'_>) -> Result<(), NotReceived> {
        let live = self.live(name).ok_or(NotReceived::NoSuch)?;
        let (receiver, inbox) = live.receiver.as_ref().ok_or(NotReceived::NoSuch)?;
        let accepted = receiver.accept(incoming).inspect_err(|_| {
            live.vitals.count(|counters| counters.rejected += 1);
        })?;
        inbox.keep(accepted).await.map_err(|error| match error {
            NotKept::IndividualNumber => NotReceived::NotAccepted(NotAccepted::Malformed),
            NotKept::TooMany { .. } | NotKept::TooLarge => NotReceived::TooLarge(error.to_string()),
            NotKept::Now(error) => NotReceived::Unavailable(error),
        })
    }

    /// Hands a change to the connector `name`. One that fails is left alone for a while.
    pub async fn deliver(&self, name: &str, delivery: &Delivery) -> Result<(), SinkError> {
        let missing = || SinkError::Later("no connector of this name takes entities".to_owned());
        let live = self.live(name).ok_or_else(missing)?;
        let sink = live.sink.as_ref().ok_or_else(missing)?;
        let Ground { clock, ids, .. } = &self.foundations.ground;
        let Some(before) = live.vitals.may_give(clock.micros()) else {
            return Err(SinkError::Later("the other side is left alone for a while".to_owned()));
        };
        let outcome = sink.deliver(delivery).await;
        let now = clock.micros();
        match &outcome {
            Ok(()) | Err(SinkError::Never(_)) => live.vitals.given(now),
            Err(SinkError::Later(error)) => {
                let [chance, ..] = ids.bytes();
                live.vitals.not_given(now, chance, before, error);
            }
        }
        live.vitals.count(|counters| match outcome {
            Ok(()) => counters.delivered += 1,
            Err(_) => counters.undelivered += 1,
        });
        outcome
    }
}

/// Checks settings against the kinds there are, all of them. Pure.
pub fn validate(
    kinds: &[Box<dyn Kind>],
    settings: &[Settings],
) -> Result<Vec<Ready>, Vec<Finding>> {
    let (mut ready, mut findings) = (Vec::new(), Vec::new());
    for (at, one) in settings.iter().enumerate() {
        if settings.iter().take(at).any(|other| other.name == one.name) {
            findings.push(Finding::new(&one.name, "name", "another connector has this name"));
        }
        match check(kinds, one) {
            Ok(one) => ready.push(one),
            Err(mut wrong) => findings.append(&mut wrong),
        }
    }
    if findings.is_empty() { Ok(ready) } else { Err(findings) }
}

fn check(kinds: &[Box<dyn Kind>], settings: &Settings) -> Result<Ready, Vec<Finding>> {
    let mut findings = settings.check();
    let Some(kind) = kinds.iter().find(|kind| kind.name() == settings.kind) else {
        let names: Vec<_> = kinds.iter().map(|kind| kind.name()).collect();
        let what = format!("there is no kind '{}'; there are {}", settings.kind, names.join(", "));
        findings.push(Finding::new(&settings.name, "kind", what));
        return Err(findings);
    };
    let plan = match kind.validate(settings) {
        Ok(plan) => plan,
        Err(mut wrong) => {
            findings.append(&mut wrong);
            return Err(findings);
        }
    };
    let mapping = settings.mapping.clone().or_else(|| plan.mapping());
    let mapping = match mapping.map(|mapping| Declared::check(settings, &mapping)) {
        None => None,
        Some(Ok(declared)) => Some(declared),
        Some(Err(mut wrong)) => {
            findings.append(&mut wrong);
            None
        }
    };
    if !findings.is_empty() {
        return Err(findings);
    }
    Ok(Ready {
        settings: Some(settings.clone()),
        manifest: plan.manifest(),
        plan,
        mapping,
        schedule: settings.schedule.clone(),
        caps: settings.caps,
    })
}
