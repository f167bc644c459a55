//! A town with a store, a clock, rules and an issuer that misbehaves on order.

use std::collections::{BTreeMap, VecDeque};
use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, TimeDelta};
use serde_json::json;
use tsunagu_domain::{
    Clock, Level, ManualClock, SectorKeys, SeededIds, TenantId, Timestamp, TsunoId,
};
use tsunagu_ngsi_ld::{Context, Entity, EntityDoc, Instance};
use tsunagu_policy::View;
use tsunagu_rewards::{
    AwardUid, Deliverer, Issuer, IssuerError, IssuerGrant, Pace, Rewards, Rules, StatementLine,
    TimeZone,
};
use tsunagu_store::temporal::{Chunk, InstanceRange, Series};
use tsunagu_store::testing::MemoryStore;
use tsunagu_store::{
    Change, Collection, Consequence, EntityQuery, Found, Log, Page, Receipt, Record, Scan, Store,
    StoreError, WriteSet,
};

pub(crate) fn tenant() -> TenantId {
    "tsuno".parse().unwrap()
}

pub(crate) fn at(text: &str) -> Timestamp {
    DateTime::parse_from_rfc3339(text).unwrap().timestamp_micros()
}

pub(crate) fn person(n: u8) -> TsunoId {
    TsunoId::from_bytes([n; 16])
}

/// One rule that gives 10 coins for 5,000 steps, with changes.
pub(crate) fn rule(change: &serde_json::Value) -> serde_json::Value {
    let mut rule = json!({
        "id": "walk", "version": 1, "entity_type": "HealthActivity", "q": "steps>=5000", "amount": 10,
        "per_person_per_day": 20, "budget": 1000, "valid_from": "2026-04-01", "valid_until": "2027-04-01",
        "tz": "Asia/Tokyo", "label": { "ja": "歩く", "en": "Walk" }
    });
    rule.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    rule
}

pub(crate) struct Activity {
    pub(crate) id: String,
    pub(crate) subject: Option<TsunoId>,
    pub(crate) steps: serde_json::Value,
    pub(crate) started: Option<&'static str>,
    pub(crate) ended: Option<&'static str>,
    pub(crate) method: &'static str,
    pub(crate) device: Option<&'static str>,
}

impl Activity {
    pub(crate) fn new(id: impl std::fmt::Display, who: u8) -> Self {
        Self {
            id: format!("urn:ngsi-ld:HealthActivity:{id}"),
            subject: Some(person(who)),
            steps: json!(6000),
            started: Some("2026-11-22T23:00:00Z"),
            ended: Some("2026-11-23T00:00:00Z"),
            method: "sensed",
            device: None,
        }
    }

    /// Between two moments.
    pub(crate) fn during(self, started: &'static str, ended: &'static str) -> Self {
        Self { started: Some(started), ended: Some(ended), ..self }
    }

    pub(crate) fn doc(&self) -> EntityDoc {
        let context = Context::core();
        let now = at("2026-11-23T03:00:00Z");
        let mut entity =
            Entity::new(self.id.clone(), context.expand("HealthActivity").into_owned(), now);
        entity.subject = self.subject.map(|subject| subject.to_string());
        let mut set = |term: &str, value: &serde_json::Value| {
            entity.set(context.expand(term).into_owned(), Instance::property(value, now).unwrap());
        };
        set("steps", &self.steps);
        set("recordingMethod", &json!(self.method));
        self.device.into_iter().for_each(|device| set("deviceId", &json!(device)));
        self.started.into_iter().for_each(|text| set("startedAt", &json!(text)));
        self.ended
            .into_iter()
            .for_each(|text| set("endedAt", &json!({ "@type": "DateTime", "@value": text })));
        EntityDoc::from(&entity)
    }
}

pub(crate) struct World {
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) rewards: Arc<Rewards>,
    pub(crate) issuer: Arc<FakeIssuer>,
}

impl World {
    pub(crate) fn new(rules: &[serde_json::Value]) -> Self {
        let start = DateTime::from_timestamp_micros(at("2026-11-23T03:00:00Z")).unwrap();
        let (store, clock) = (Arc::<MemoryStore>::default(), Arc::new(ManualClock::at(start)));
        let issuer = Arc::<FakeIssuer>::default();
        issuer.clock.get_or_init(|| Arc::clone(&clock));
        Self { rewards: Self::rewards(&store, &clock, rules), store, clock, issuer }
    }

    /// The room with other rules over the same store.
    pub(crate) fn rewards(
        store: &Arc<MemoryStore>,
        clock: &Arc<ManualClock>,
        rules: &[serde_json::Value],
    ) -> Arc<Rewards> {
        let rules = Rules::read(json!({ "v": 1, "rules": rules }).to_string().as_bytes()).unwrap();
        let cipher = SectorKeys::new(&[5; 32]).sector("coin-issuer").unwrap();
        Arc::new(Rewards::new(
            Arc::<MemoryStore>::clone(store),
            Arc::<ManualClock>::clone(clock),
            rules,
            cipher,
        ))
    }

    pub(crate) async fn change(
        &self,
        before: Option<&EntityDoc>,
        after: Option<&EntityDoc>,
        grant: Option<&str>,
    ) {
        self.change_after(Some(Level::Substantial), before, after, grant).await;
    }

    /// The same, after a login that reaches this.
    pub(crate) async fn change_after(
        &self,
        assurance: Option<Level>,
        before: Option<&EntityDoc>,
        after: Option<&EntityDoc>,
        grant: Option<&str>,
    ) {
        let tenant = tenant();
        let change = Change {
            tenant: &tenant,
            before,
            after,
            client: Some("app"),
            grant,
            assurance,
            at: self.clock.micros(),
        };
        let mut ops = Vec::new();
        self.rewards.follow(&change, &mut ops).await.unwrap();
        self.store.commit(WriteSet { tenant, ops }).await.unwrap();
    }

    /// A new activity, written under a consent.
    pub(crate) async fn write(&self, activity: &Activity) {
        self.change(None, Some(&activity.doc()), Some("consent-1")).await;
    }

    pub(crate) fn deliverer(&self, store: Arc<dyn Store>, issuer: Arc<dyn Issuer>) -> Deliverer {
        let clock = Arc::<ManualClock>::clone(&self.clock);
        Deliverer::new(
            store,
            issuer,
            clock,
            Arc::new(SeededIds::new(3)),
            vec![tenant()],
            Pace::default(),
        )
    }

    pub(crate) fn plain_deliverer(&self) -> Deliverer {
        self.deliverer(
            Arc::<MemoryStore>::clone(&self.store),
            Arc::<FakeIssuer>::clone(&self.issuer),
        )
    }

    /// Delivers, letting time pass, until nothing is owed.
    pub(crate) async fn settle(&self) {
        let deliverer = self.plain_deliverer();
        for _ in 0..20 {
            self.clock.advance(TimeDelta::hours(1));
            deliverer.run_once(self.clock.micros()).await.unwrap();
        }
        let left = self
            .store
            .records(&tenant(), Collection("reward-outbox"), &Scan { limit: 1, ..Scan::default() })
            .await;
        assert!(left.unwrap().is_empty(), "something is still owed");
    }
}

/// What goes wrong once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Granted, and the answer is lost.
    LostReply,
    /// Not granted, and it looks the same.
    LostOrder,
    /// Nothing was sent.
    Down,
    /// Refused, nothing granted.
    Refused,
    /// The question by key is not answered.
    FindFails,
}

/// An issuer that keeps one grant per key, and counts what reached it.
#[derive(Default)]
pub(crate) struct FakeIssuer {
    pub(crate) grants: Mutex<BTreeMap<AwardUid, (String, i64)>>,
    pub(crate) orders: AtomicUsize,
    pub(crate) faults: Mutex<VecDeque<Fault>>,
    pub(crate) granted: tokio::sync::Notify,
    /// What was booked, with the day.
    pub(crate) booked: Mutex<Vec<(NaiveDate, StatementLine)>>,
    /// Its clock; the epoch without one.
    pub(crate) clock: OnceLock<Arc<ManualClock>>,
}

impl FakeIssuer {
    fn fault(&self, of: impl Fn(Fault) -> bool) -> Option<Fault> {
        let mut faults = self.faults.lock().unwrap();
        if faults.front().copied().is_some_and(of) { faults.pop_front() } else { None }
    }

    fn today(&self) -> NaiveDate {
        TimeZone::Tokyo.day(self.clock.get().map_or(0, |clock| clock.micros()))
    }

    pub(crate) fn total(&self) -> i64 {
        self.grants.lock().unwrap().values().map(|(_, amount)| amount).sum()
    }

    pub(crate) fn statement(&self) -> Vec<StatementLine> {
        let grants = self.grants.lock().unwrap();
        grants
            .iter()
            .map(|(key, (account, amount))| StatementLine {
                key: *key,
                account: account.clone(),
                amount: *amount,
            })
            .collect()
    }
}

#[async_trait]
impl Issuer for FakeIssuer {
    async fn grant(
        &self,
        key: AwardUid,
        account: &str,
        amount: i64,
        _reason: &str,
    ) -> Result<IssuerGrant, IssuerError> {
        let fault = self.fault(|fault| fault != Fault::FindFails);
        match fault {
            Some(Fault::Down) => return Err(IssuerError::Unavailable("down".to_owned())),
            Some(Fault::LostOrder) => return Err(IssuerError::Unknown("timeout".to_owned())),
            Some(Fault::Refused) => return Err(IssuerError::Refused("no such account".to_owned())),
            _ => {}
        }
        self.orders.fetch_add(1, Ordering::SeqCst);
        let held = self
            .grants
            .lock()
            .unwrap()
            .entry(key)
            .or_insert_with(|| {
                let line = StatementLine { key, account: account.to_owned(), amount };
                self.booked.lock().unwrap().push((self.today(), line));
                (account.to_owned(), amount)
            })
            .clone();
        self.granted.notify_one();
        if held != (account.to_owned(), amount) {
            return Err(IssuerError::Refused("the key is taken".to_owned()));
        }
        match fault {
            Some(Fault::LostReply) => Err(IssuerError::Unknown("timeout".to_owned())),
            _ => Ok(IssuerGrant { account: Some(held.0), amount: held.1, reference: None }),
        }
    }

    async fn find(&self, key: AwardUid) -> Result<Option<IssuerGrant>, IssuerError> {
        if self.fault(|fault| fault == Fault::FindFails).is_some() {
            return Err(IssuerError::Unavailable("down".to_owned()));
        }
        let found = self.grants.lock().unwrap().get(&key).cloned();
        Ok(found.map(|(account, amount)| IssuerGrant {
            account: Some(account),
            amount,
            reference: None,
        }))
    }

    async fn cancel(&self, key: AwardUid) -> Result<Option<IssuerGrant>, IssuerError> {
        match self.fault(|fault| matches!(fault, Fault::Down | Fault::Refused)) {
            Some(Fault::Refused) => return Err(IssuerError::Refused("spent".to_owned())),
            Some(_) => return Err(IssuerError::Unavailable("down".to_owned())),
            None => {}
        }
        let Some(held) = self.grants.lock().unwrap().get_mut(&key).map(|held| {
            let was = held.clone();
            held.1 = 0;
            was
        }) else {
            return Ok(None);
        };
        let line = StatementLine { key, account: held.0.clone(), amount: -held.1 };
        self.booked.lock().unwrap().push((self.today(), line));
        Ok(Some(IssuerGrant { account: Some(held.0), amount: 0, reference: None }))
    }

    async fn balance(&self, account: &str) -> Result<Option<i64>, IssuerError> {
        let grants = self.grants.lock().unwrap();
        let mut of = grants.values().filter(|held| held.0 == account).map(|held| held.1).peekable();
        Ok(of.peek().is_some().then(|| of.sum()))
    }

    async fn statement(&self, day: NaiveDate) -> Result<Vec<StatementLine>, IssuerError> {
        if self.fault(|fault| fault == Fault::Down).is_some() {
            return Err(IssuerError::Unavailable("down".to_owned()));
        }
        let booked = self.booked.lock().unwrap();
        Ok(booked.iter().filter(|(on, _)| *on == day).map(|(_, line)| line.clone()).collect())
    }
}

/// Lets a number of steps pass and then stops for ever, as a killed process does: before or after each call to the outside.
pub(crate) struct Crash(AtomicUsize);

impl Crash {
    pub(crate) fn after(steps: usize) -> Arc<Self> {
        Arc::new(Self(AtomicUsize::new(steps)))
    }

    async fn step(&self) {
        let left =
            self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if left.is_err() {
            pending::<()>().await;
        }
    }

    async fn around<T>(&self, call: impl Future<Output = T>) -> T {
        self.step().await;
        let done = call.await;
        self.step().await;
        done
    }
}

/// A store or issuer that dies with its process.
pub(crate) struct Mortal<T>(pub(crate) Arc<T>, pub(crate) Arc<Crash>);

#[async_trait]
impl<T: Issuer> Issuer for Mortal<T> {
    async fn grant(
        &self,
        key: AwardUid,
        account: &str,
        amount: i64,
        reason: &str,
    ) -> Result<IssuerGrant, IssuerError> {
        self.1.around(self.0.grant(key, account, amount, reason)).await
    }

    async fn find(&self, key: AwardUid) -> Result<Option<IssuerGrant>, IssuerError> {
        self.1.around(self.0.find(key)).await
    }

    async fn cancel(&self, key: AwardUid) -> Result<Option<IssuerGrant>, IssuerError> {
        self.1.around(self.0.cancel(key)).await
    }

    async fn balance(&self, account: &str) -> Result<Option<i64>, IssuerError> {
        self.1.around(self.0.balance(account)).await
    }

    async fn statement(&self, day: NaiveDate) -> Result<Vec<StatementLine>, IssuerError> {
        self.1.around(self.0.statement(day)).await
    }
}

#[async_trait]
impl<T: Store> Store for Mortal<T> {
    async fn entity(&self, view: &View, id: &str) -> Result<Option<Found>, StoreError> {
        self.0.entity(view, id).await
    }

    async fn query(&self, view: &View, query: &EntityQuery) -> Result<Page, StoreError> {
        self.0.query(view, query).await
    }

    async fn past(&self, view: &View, id: &str) -> Result<Option<Found>, StoreError> {
        self.0.past(view, id).await
    }

    async fn pasts(&self, view: &View, query: &EntityQuery) -> Result<Page, StoreError> {
        self.0.pasts(view, query).await
    }

    async fn series(&self, view: &View, of: &EntityDoc) -> Result<Vec<Series>, StoreError> {
        self.0.series(view, of).await
    }

    async fn instances(
        &self,
        view: &View,
        of: &EntityDoc,
        range: &InstanceRange,
    ) -> Result<Chunk, StoreError> {
        self.0.instances(view, of, range).await
    }

    async fn commit(&self, set: WriteSet) -> Result<Receipt, StoreError> {
        self.1.around(self.0.commit(set)).await
    }

    async fn record(
        &self,
        tenant: &TenantId,
        collection: Collection,
        key: &[u8],
    ) -> Result<Option<Record>, StoreError> {
        self.1.around(self.0.record(tenant, collection, key)).await
    }

    async fn records(
        &self,
        tenant: &TenantId,
        collection: Collection,
        scan: &Scan,
    ) -> Result<Vec<(Vec<u8>, Record)>, StoreError> {
        self.1.around(self.0.records(tenant, collection, scan)).await
    }

    async fn log_size(&self, tenant: &TenantId, log: Log) -> Result<u64, StoreError> {
        self.0.log_size(tenant, log).await
    }

    async fn log_entries(
        &self,
        tenant: &TenantId,
        log: Log,
        from: u64,
        limit: usize,
    ) -> Result<Vec<Vec<u8>>, StoreError> {
        self.0.log_entries(tenant, log, from, limit).await
    }

    async fn verify(&self) -> Result<Vec<String>, StoreError> {
        self.0.verify().await
    }

    async fn close(&self) {
        self.0.close().await;
    }
}
