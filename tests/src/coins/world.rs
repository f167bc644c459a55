//! The scheduler: it decides who goes on, who dies and what breaks.

use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context as Polling, Poll, Waker};

use chrono::{DateTime, TimeDelta};
use serde_json::{Value, json};
use tsunagu_domain::{Clock, ManualClock, SectorCipher, SectorKeys, SeededIds, TenantId};
use tsunagu_rewards::{Deliverer, Pace, Rewards, Rules};
use tsunagu_store::testing::MemoryStore;
use tsunagu_store::{Change, Consequence as _, Expect, Op, WriteSet};

use super::Summary;
use super::activity::{Activity, DAY, Event, Kind, is_refused, sendings, subject};
use super::issuer::SimIssuer;
use super::model::{Model, Terms};
use super::store::SimStore;
use crate::bench::soak::Chance;

/// Gateways that run side by side.
const PROCESSES: usize = 3;
/// Requests of vendors that each takes at once.
const CLIENTS: usize = 2;
/// Monday 2026-11-23, noon in Tokyo.
const START: i64 = 1_795_402_800;

/// Lets another go on; a process that dies does so here.
pub(super) async fn pause() {
    let mut first = true;
    poll_fn(|_| if std::mem::take(&mut first) { Poll::Pending } else { Poll::Ready(()) }).await;
}

/// The one source of chance, and the place where what must not be is written down.
#[derive(Debug)]
pub(super) struct Fate {
    chance: Mutex<Chance>,
    /// No more faults.
    calm: AtomicBool,
    lost_replies: AtomicU64,
    broken: Mutex<Option<String>>,
}

impl Fate {
    pub(super) fn below(&self, end: u64) -> usize {
        let mut chance = self.chance.lock().unwrap_or_else(PoisonError::into_inner);
        usize::try_from(chance.below(end)).unwrap_or(0)
    }

    /// Whether something happens that happens once in so many times.
    pub(super) fn strikes(&self, once_in: u64) -> bool {
        !self.calm.load(Ordering::SeqCst) && self.below(once_in) == 0
    }

    /// Two of a hundred replies are lost after the commit.
    pub(super) fn loses_reply(&self) -> bool {
        let lost = self.strikes(50);
        self.lost_replies.fetch_add(u64::from(lost), Ordering::SeqCst);
        lost
    }

    pub(super) fn holds(&self, holds: bool, otherwise: &str) {
        if !holds {
            let mut broken = self.broken.lock().unwrap_or_else(PoisonError::into_inner);
            broken.get_or_insert_with(|| otherwise.to_owned());
        }
    }
}

/// A backup: the disk, and what the model knew.
struct Backup {
    disk: MemoryStore,
    model: Model,
}

/// What vendors still have to send.
#[derive(Debug, Default)]
struct Vendors {
    waiting: VecDeque<Event>,
    /// What a restore lost, in the order in which it had been written; sent again before anything else, one by one.
    lost: VecDeque<Event>,
    /// Who sends what at present.
    sending: BTreeMap<usize, (Event, bool)>,
    repeated: u64,
}

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A town, its vendors, its processes and its coin issuer.
pub(super) struct World {
    pub(super) tenant: TenantId,
    pub(super) rules: [Terms; 3],
    pub(super) activities: Vec<Activity>,
    pub(super) people: u64,
    pub(super) disk: Arc<MemoryStore>,
    pub(super) clock: Arc<ManualClock>,
    pub(super) issuer: Arc<SimIssuer>,
    pub(super) model: Mutex<Model>,
    store: Arc<SimStore>,
    fate: Arc<Fate>,
    vendors: Mutex<Vendors>,
    events: u64,
    drift: AtomicI64,
}

impl World {
    pub(super) fn new(seed: u64, events: u64) -> Result<Arc<Self>, String> {
        let mut chance = Chance::new(seed);
        let people = events / 25 + 2;
        let clock = ManualClock::at(DateTime::from_timestamp(START, 0).unwrap_or_default());
        let clock = Arc::new(clock);
        let (activities, waiting) = sendings(&mut chance, events, people, clock.micros());
        let fate = Arc::new(Fate {
            chance: Mutex::new(chance),
            calm: AtomicBool::new(false),
            lost_replies: AtomicU64::new(0),
            broken: Mutex::new(None),
        });
        let disk = Arc::<MemoryStore>::default();
        let swims = i64::try_from(events / 40).unwrap_or(0);
        let terms = |id, least, amount, per_day, per_month, budget| Terms {
            id,
            least,
            amount,
            per_day,
            per_month,
            budget,
        };
        let cipher = cipher()?;
        let world = Self {
            tenant: "tsuno".parse().map_err(|_| "no name for a town")?,
            rules: [
                terms("walk", 5_000, 10, 20, 70, 1_000_000_000),
                terms("swim", 20, 7, 14, 1_000, swims * 7 + 3),
                terms("visit", 1, 3, 5, 1_000, 1_000_000_000),
            ],
            activities,
            people,
            clock: Arc::clone(&clock),
            issuer: Arc::new(SimIssuer {
                fate: Arc::clone(&fate),
                clock,
                books: Mutex::default(),
                away_until: AtomicI64::new(0),
                refused: (0..=people)
                    .filter(|person| is_refused(*person))
                    .map(|person| cipher.outward(subject(person)).to_string())
                    .collect(),
            }),
            model: Mutex::default(),
            store: Arc::new(SimStore { disk: Arc::clone(&disk), fate: Arc::clone(&fate) }),
            disk,
            fate,
            vendors: Mutex::new(Vendors { waiting: waiting.into(), ..Vendors::default() }),
            events,
            drift: AtomicI64::new(0),
        };
        Ok(Arc::new(world))
    }

    pub(super) fn terms(&self, kind: Kind) -> &Terms {
        match kind {
            Kind::Walk => &self.rules[0],
            Kind::Swim => &self.rules[1],
            Kind::Visit => &self.rules[2],
        }
    }

    /// The room over a store, as a process makes it at its start.
    pub(super) fn rewards(&self, store: Arc<dyn tsunagu_store::Store>) -> Result<Rewards, String> {
        let rule = |terms: &Terms, entity_type: &str, number: &str, more: Value| {
            let mut rule = json!({
                "id": terms.id, "version": 1, "entity_type": entity_type,
                "condition": format!("activity.{number} >= {}", terms.least), "amount": terms.amount,
                "per_person_per_day": terms.per_day, "per_person_per_month": terms.per_month, "budget": terms.budget,
                "valid_from": "2026-01-01", "valid_until": "2028-01-01", "accept_days": 40, "tz": "Asia/Tokyo",
                "label": { "ja": "歩く", "en": "Walk" }
            });
            if let (Value::Object(rule), Value::Object(more)) = (&mut rule, more) {
                rule.extend(more);
            }
            rule
        };
        let [walk, swim, visit] = &self.rules;
        let ladder = format!("{} + activity.stations % 3", visit.amount);
        let rules = [
            rule(walk, "HealthActivity", "steps", json!({})),
            rule(swim, "Swim", "lengths", json!({})),
            rule(
                visit,
                "Visit",
                "stations",
                json!({ "amount": ladder, "max_amount": 5, "period": "day" }),
            ),
        ];
        let rules = Rules::read(json!({ "v": 1, "rules": rules }).to_string().as_bytes());
        let rules = rules.map_err(|error| error.to_string())?;
        Ok(Rewards::new(store, Arc::<ManualClock>::clone(&self.clock), rules, cipher()?))
    }

    fn vendors(&self) -> MutexGuard<'_, Vendors> {
        self.vendors.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn known(&self) -> MutexGuard<'_, Model> {
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next sending of one client.
    fn next(&self, client: usize) -> Option<Event> {
        let mut vendors = self.vendors();
        let vendors = &mut *vendors;
        let replaying =
            |sending: &BTreeMap<usize, (Event, bool)>| sending.values().any(|(_, lost)| *lost);
        let (event, lost) = if replaying(&vendors.sending) {
            return None;
        } else if let Some(event) = vendors.lost.pop_front() {
            (event, true)
        } else {
            (vendors.waiting.pop_front()?, false)
        };
        vendors.sending.insert(client, (event, lost));
        self.clock.advance(TimeDelta::milliseconds(20_000));
        Some(event)
    }

    /// It was acknowledged, or has to be sent again.
    fn done(&self, client: usize, acknowledged: bool) {
        let mut vendors = self.vendors();
        if let Some((event, lost)) = vendors.sending.remove(&client)
            && !acknowledged
        {
            vendors.repeated += 1;
            if lost { vendors.lost.push_front(event) } else { vendors.waiting.push_front(event) }
        }
    }

    /// A vendor's request: the activity and what follows from it, in one transaction.
    async fn write(&self, rewards: &Rewards, event: Event) -> Result<(), String> {
        let activity = self.activities.get(event.activity).ok_or("no such activity")?;
        let (tenant, at) = (self.tenant.clone(), self.clock.micros());
        let present = self.known().present.get(&event.activity).copied();
        let before = match present {
            Some(revision) => Some(activity.doc(Event { revision, ..event }, at)?),
            None => None,
        };
        let after = activity.doc(event, at)?;
        pause().await;
        let change = Change {
            tenant: &tenant,
            before: before.as_ref(),
            after: Some(&after),
            client: Some("app"),
            grant: activity.consent.then_some("consent-1"),
            assurance: None,
            at,
        };
        let mut ops = vec![Op::PutEntity { doc: after.clone(), expect: Expect::Any }];
        rewards.follow(&change, &mut ops).await.map_err(|problem| problem.to_string())?;
        let terms = self.terms(activity.kind);
        let applied = || self.known().write(activity, event, terms, at);
        let set = WriteSet { tenant, ops };
        self.store.commit_then(set, applied).await.map(drop).map_err(|error| error.to_string())
    }

    fn deliverer(&self, boot: u64) -> Deliverer {
        Deliverer::new(
            Arc::<SimStore>::clone(&self.store),
            Arc::<SimIssuer>::clone(&self.issuer),
            Arc::<ManualClock>::clone(&self.clock),
            Arc::new(SeededIds::new(boot)),
            vec![self.tenant.clone()],
            Pace::default(),
        )
    }

    fn start(self: &Arc<Self>, process: usize, boot: u64) -> Result<Vec<Task>, String> {
        let store: Arc<dyn tsunagu_store::Store> = Arc::<SimStore>::clone(&self.store);
        let rewards = Arc::new(self.rewards(store)?);
        let mut tasks: Vec<Task> = Vec::new();
        for client in 0..CLIENTS {
            let (world, rewards) = (Arc::clone(self), Arc::clone(&rewards));
            let client = process * CLIENTS + client;
            tasks.push(Box::pin(async move {
                loop {
                    if let Some(event) = world.next(client) {
                        let written = world.write(&rewards, event).await;
                        world.done(client, written.is_ok());
                    }
                    pause().await;
                }
            }));
        }
        let deliverer = self.deliverer(boot);
        let world = Arc::clone(self);
        tasks.push(Box::pin(async move {
            loop {
                // What failed is tried again in the next round.
                let _report = deliverer.run_once(world.clock.micros()).await;
                pause().await;
            }
        }));
        Ok(tasks)
    }

    /// Plays until everything is sent and delivered, then checks.
    pub(super) fn play(self: Arc<Self>) -> Result<Summary, String> {
        let mut summary =
            Summary { events: self.vendors().waiting.len() as u64, ..Summary::default() };
        // What befalls the town so often in every 4,000 events, or in all when there are fewer: roughly ten steps go with an event.
        let steps = 10 * self.events.clamp(100, 4_000);
        let often = |times: u64| (steps / times).max(2);
        let mut boot = 0;
        let mut processes: Vec<Vec<Task>> = Vec::new();
        for process in 0..PROCESSES {
            processes.push(self.start(process, boot)?);
        }
        let mut backup: Option<Backup> = None;
        while !self.all_sent() {
            summary.steps += 1;
            if summary.steps > 400 * self.events.max(1_000) {
                return Err("it does not come to an end".to_owned());
            }
            if self.fate.strikes(700) {
                let process = self.fate.below(PROCESSES as u64);
                boot += 1;
                summary.kills += 1;
                self.kill(process);
                if let Some(tasks) = processes.get_mut(process) {
                    *tasks = self.start(process, boot)?;
                }
            }
            if self.fate.strikes(often(6)) {
                let hours = i64::try_from(self.fate.below(72)).unwrap_or(1);
                let until = self.clock.micros() + hours * DAY / 24;
                self.issuer.away_until.store(until, Ordering::SeqCst);
                summary.outages += 1;
            }
            if self.fate.strikes(often(10)) {
                self.jump();
                summary.jumps += 1;
            }
            if self.fate.strikes(often(20)) && !self.replaying() {
                backup = Some(Backup { disk: self.disk.backup(), model: self.known().clone() });
            }
            if self.fate.strikes(often(8))
                && !self.replaying()
                && let Some(backup) = &backup
            {
                summary.restores += 1;
                for process in 0..PROCESSES {
                    boot += 1;
                    self.kill(process);
                }
                processes.clear();
                self.restore(backup);
                for process in 0..PROCESSES {
                    processes.push(self.start(process, boot)?);
                }
            }
            self.go_on(&mut processes);
            if summary.steps.is_multiple_of(often(20)) && !self.replaying() {
                self.check_budgets()?;
            }
            if let Some(what) =
                self.fate.broken.lock().unwrap_or_else(PoisonError::into_inner).take()
            {
                return Err(what);
            }
        }
        drop(processes);
        self.settle()?;
        self.check(&mut summary)?;
        summary.lost_replies = self.fate.lost_replies.load(Ordering::SeqCst);
        summary.repeated = self.vendors().repeated;
        Ok(summary)
    }

    /// One step of one task.
    fn go_on(&self, processes: &mut [Vec<Task>]) {
        let process = self.fate.below(processes.len() as u64);
        if let Some(tasks) = processes.get_mut(process) {
            let task = self.fate.below(tasks.len() as u64);
            if let Some(task) = tasks.get_mut(task) {
                let _never = task.as_mut().poll(&mut Polling::from_waker(Waker::noop()));
            }
        }
    }

    fn all_sent(&self) -> bool {
        let vendors = self.vendors();
        vendors.waiting.is_empty() && vendors.lost.is_empty() && vendors.sending.is_empty()
    }

    fn replaying(&self) -> bool {
        let vendors = self.vendors();
        !vendors.lost.is_empty() || vendors.sending.values().any(|(_, lost)| *lost)
    }

    /// Vendors hear nothing from a process that died, and send again.
    fn kill(&self, process: usize) {
        for client in 0..CLIENTS {
            self.done(process * CLIENTS + client, false);
        }
    }

    fn restore(&self, backup: &Backup) {
        self.disk.restore(&backup.disk);
        let mut model = self.known();
        let lost = model.written.split_off(backup.model.written.len());
        *model = backup.model.clone();
        self.vendors().lost.extend(lost);
    }

    /// Up to three days in all, to either side.
    fn jump(&self) {
        let hours = i64::try_from(self.fate.below(72)).unwrap_or(0) - 36;
        let drift = self.drift.load(Ordering::SeqCst) + hours;
        if drift.abs() <= 72 {
            self.drift.store(drift, Ordering::SeqCst);
            self.clock.advance(TimeDelta::hours(hours));
        }
    }

    /// The storm is over: everything that is owed goes out within the stated time.
    fn settle(self: &Arc<Self>) -> Result<(), String> {
        self.fate.calm.store(true, Ordering::SeqCst);
        self.issuer.away_until.store(0, Ordering::SeqCst);
        self.issuer.arrive(true);
        let deliverer = self.deliverer(u64::MAX);
        for _ in 0..24 {
            let mut round = pin!(deliverer.run_once(self.clock.micros()));
            let mut polling = Polling::from_waker(Waker::noop());
            while round.as_mut().poll(&mut polling).is_pending() {}
            if self.owed()? == 0 {
                return Ok(());
            }
            self.clock.advance(TimeDelta::hours(1));
        }
        Err(format!("{} orders are still owed after a day without a fault", self.owed()?))
    }
}

fn cipher() -> Result<SectorCipher, String> {
    SectorKeys::new(&[5; 32]).sector("coin-issuer").map_err(|error| error.to_string())
}
