//! A broker in memory, clients, a resident, and receivers that do as they are told.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chrono::TimeDelta;
use serde_json::{Value, json};
use tsunagu_broker::{
    Asking, Broker, Contexts, Deliverer, Message, NoLoader, Notifier, Owner, Owners, Pace, Parts,
    Report, Request, SendError, Sources, SubscriptionParts, Subscriptions,
};
use tsunagu_domain::{
    Assurance, Catalogue, Clock, Level, ManualClock, Problem, SectorKeys, SeededIds, TenantId,
    TsunoId,
};
use tsunagu_ngsi_ld::Context;
use tsunagu_policy::{Asked, Client, Grant, GrantedType, Principal, View, decide};
use tsunagu_store::access::{Access, AccessLog, Ticket};
use tsunagu_store::testing::MemoryStore;
use tsunagu_store::{Log, Op, Store, WriteSet};

pub(crate) const ALICE: TsunoId = TsunoId::from_bytes([5; 16]);
pub(crate) const RECEIVER: &str = "https://receiver.example/n";

pub(crate) fn iri(term: &str) -> String {
    Context::core().expand(term).into_owned()
}

/// Accesses, and notifications as they leave, in one line of time.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    Access(Access),
    Sent(String, Value),
}

/// Everybody's receiver.
#[derive(Default)]
pub(crate) struct Outside {
    pub(crate) events: Mutex<Vec<Event>>,
    /// Receivers that are down.
    down: Mutex<HashSet<String>>,
    /// Receivers that refuse for good.
    refusing: Mutex<HashSet<String>>,
    /// Receivers that never answer.
    silent: Mutex<HashSet<String>>,
    pub(crate) arrived: tokio::sync::Notify,
}

impl Outside {
    fn has(set: &Mutex<HashSet<String>>, uri: &str) -> bool {
        set.lock().unwrap().contains(uri)
    }
}

#[async_trait]
impl Notifier for Outside {
    async fn notify(&self, message: &Message) -> Result<(), SendError> {
        if Self::has(&self.silent, &message.uri) {
            std::future::pending::<()>().await;
        }
        if Self::has(&self.down, &message.uri) {
            return Err(SendError::Later("down".to_owned()));
        }
        if Self::has(&self.refusing, &message.uri) {
            return Err(SendError::Never("the receiver answered 400".to_owned()));
        }
        let body = serde_json::from_slice(&message.body).unwrap();
        self.events.lock().unwrap().push(Event::Sent(message.uri.clone(), body));
        self.arrived.notify_one();
        Ok(())
    }
}

struct Recorder {
    store: Arc<MemoryStore>,
    outside: Arc<Outside>,
}

#[async_trait]
impl AccessLog for Recorder {
    fn ops(&self, access: &Access) -> Result<Vec<Op>, Problem> {
        self.outside.events.lock().unwrap().push(Event::Access(access.clone()));
        Ok(vec![Op::Append { log: Log("audit"), entry: Vec::new() }])
    }

    async fn record(&self, tenant: &TenantId, access: &Access) -> Result<Ticket, Problem> {
        let set = WriteSet { tenant: tenant.clone(), ops: self.ops(access)? };
        let receipt = self.store.commit(set).await?;
        Ok(self.ticket(&receipt, 0).unwrap())
    }
}

/// The clients and the one consent there is.
pub(crate) struct Register {
    catalogue: Arc<Catalogue>,
    clock: Arc<ManualClock>,
    clients: Mutex<HashMap<String, Client>>,
    pub(crate) grant: Mutex<Grant>,
}

impl Register {
    fn see(&self, tenant: &TenantId, owner: &Owner) -> Option<View> {
        let client = self.clients.lock().unwrap().get(owner.client.as_str()).cloned()?;
        let grant = Arc::new(self.grant.lock().unwrap().clone());
        let principal = match owner.subject {
            None => Principal::Machine { client: &client },
            Some(subject) => Principal::Consumer {
                client: &client,
                subject,
                grant: Some(&grant),
                purpose: None,
                assurance: &owner.assurance,
            },
        };
        let now = self.clock.micros();
        decide(&Asked { tenant, catalogue: &self.catalogue, now, principal }).ok()
    }

    pub(crate) fn suspend(&self, client: &str) {
        self.clients.lock().unwrap().remove(client);
    }
}

#[async_trait]
impl Owners for Register {
    async fn view(&self, tenant: &TenantId, owner: &Owner) -> Result<Option<View>, Problem> {
        Ok(self.see(tenant, owner))
    }
}

pub(crate) struct World {
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) broker: Arc<Broker>,
    pub(crate) subscriptions: Arc<Subscriptions>,
    pub(crate) sources: Sources,
    pub(crate) outside: Arc<Outside>,
    pub(crate) register: Arc<Register>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) tenant: TenantId,
}

fn client(id: &str, sectors: Option<&SectorKeys>, publishes: &[&str]) -> Client {
    Client {
        id: id.parse().unwrap(),
        sector: sectors.map(|keys| Arc::new(keys.sector(id).unwrap())),
        publishes: publishes.iter().map(|term| iri(term)).collect(),
        reads_open_data: true,
        writes_open_data: true,
        manages_sources: id == "sensors",
    }
}

pub(crate) fn world() -> World {
    let catalogue = include_bytes!("../../../../schemas/catalogue.json");
    let catalogue = Arc::new(Catalogue::read(catalogue, iri).unwrap());
    let clock = Arc::new(ManualClock::at("2026-11-23T00:00:00Z".parse().unwrap()));
    let sectors = SectorKeys::new(&[1; 32]);
    let clients = [
        client("town", None, &["Person", "HealthActivity"]),
        client("sensors", None, &[]),
        client("app", Some(&sectors), &[]),
        client("other", Some(&sectors), &[]),
    ];
    let of = |entity_type: &str, names: &[&str]| GrantedType {
        entity_type: iri(entity_type),
        attributes: names.iter().map(|name| iri(name)).collect(),
    };
    let grant = Grant {
        id: "g".to_owned(),
        version: 1,
        subject: ALICE,
        client: "app".parse().unwrap(),
        purpose: "health-coaching".to_owned(),
        read: vec![of("Person", &["name"]), of("HealthActivity", &["person", "steps"])],
        write: Vec::new(),
        valid_from: clock.micros(),
        valid_until: clock.micros() + 1_000_000_000_000,
        live: true,
        frequency: None,
    };
    let register = Arc::new(Register {
        catalogue: Arc::clone(&catalogue),
        clock: Arc::clone(&clock),
        clients: Mutex::new(clients.into_iter().map(|c| (c.id.to_string(), c)).collect()),
        grant: Mutex::new(grant),
    });
    World::over(Arc::new(MemoryStore::new()), register, Arc::default())
}

impl World {
    /// A process over a store.
    fn over(store: Arc<MemoryStore>, register: Arc<Register>, outside: Arc<Outside>) -> Self {
        let (catalogue, clock) = (Arc::clone(&register.catalogue), Arc::clone(&register.clock));
        let subscriptions = Arc::new(Subscriptions::new(SubscriptionParts {
            store: Arc::clone(&store) as _,
            catalogue: Arc::clone(&catalogue),
            clock: Arc::clone(&clock) as _,
            ids: Arc::new(SeededIds::new(clock.micros().unsigned_abs())),
            owners: Arc::clone(&register) as _,
        }));
        let broker = Arc::new(Broker::new(Parts {
            store: Arc::clone(&store) as _,
            access: Arc::new(Recorder { store: Arc::clone(&store), outside: Arc::clone(&outside) }),
            consequences: vec![Arc::clone(&subscriptions) as _],
            catalogue: Arc::clone(&catalogue),
            contexts: Contexts::new(HashMap::new(), Arc::new(NoLoader)),
            clock: Arc::clone(&clock) as _,
        }));
        let sources = Sources::new(
            Arc::clone(&store) as _,
            Arc::new(SeededIds::new(clock.micros().unsigned_abs() + 1)),
            Arc::clone(&clock) as _,
            Arc::clone(&subscriptions),
        );
        let tenant = "tsuno".parse().unwrap();
        Self { store, broker, subscriptions, sources, outside, register, clock, tenant }
    }

    /// Another process over the same store: after a crash, or beside this one.
    pub(crate) fn again(&self) -> Self {
        self.pass(1);
        Self::over(Arc::clone(&self.store), Arc::clone(&self.register), Arc::clone(&self.outside))
    }

    pub(crate) fn owner(&self, client: &str) -> Owner {
        let subject = (client == "app").then_some(ALICE);
        Owner {
            tenant: self.tenant.clone(),
            client: client.parse().unwrap(),
            subject,
            grant: subject.map(|_| "g".to_owned()),
            assurance: Assurance {
                ial: Level::Substantial,
                aal: Level::Substantial,
                ..Assurance::default()
            },
        }
    }

    pub(crate) fn view(&self, client: &str) -> View {
        self.register.see(&self.tenant, &self.owner(client)).unwrap()
    }

    /// Subscribes, with an endpoint unless the body has one; gives the id.
    pub(crate) async fn subscribe(&self, client: &str, body: Value) -> String {
        self.try_subscribe(client, body).await.unwrap()
    }

    pub(crate) async fn try_subscribe(
        &self,
        client: &str,
        mut body: Value,
    ) -> Result<String, Problem> {
        body["type"] = json!("Subscription");
        if body["notification"]["endpoint"].is_null() {
            body["notification"]["endpoint"] = json!({ "uri": RECEIVER });
        }
        let (view, owner) = (self.view(client), self.owner(client));
        let asking = Asking { view: &view, owner: &owner, tenant_header: None };
        let contexts = self.broker.contexts();
        let body = body.to_string();
        self.subscriptions.create(&asking, &body, &Context::core(), contexts).await
    }

    pub(crate) async fn patch(&self, client: &str, id: &str, body: Value) -> Result<(), Problem> {
        let (view, owner) = (self.view(client), self.owner(client));
        let asking = Asking { view: &view, owner: &owner, tenant_header: None };
        let (contexts, body) = (self.broker.contexts(), body.to_string());
        self.subscriptions.update(&asking, id, &body, &Context::core(), contexts).await
    }

    pub(crate) async fn unsubscribe(&self, client: &str, id: &str) -> Result<(), Problem> {
        let (view, owner) = (self.view(client), self.owner(client));
        let asking = Asking { view: &view, owner: &owner, tenant_header: None };
        self.subscriptions.delete(&asking, id, self.broker.contexts()).await
    }

    pub(crate) async fn read(&self, client: &str, id: &str) -> Result<Value, Problem> {
        let (view, owner) = (self.view(client), self.owner(client));
        let asking = Asking { view: &view, owner: &owner, tenant_header: None };
        let context = Context::core();
        let read = self.subscriptions.retrieve(&asking, id, &context, false, false);
        Ok(serde_json::from_slice(&read.await?).unwrap())
    }

    pub(crate) async fn list(
        &self,
        client: &str,
        limit: usize,
        offset: usize,
    ) -> (Value, u64, bool) {
        let (view, owner) = (self.view(client), self.owner(client));
        let asking = Asking { view: &view, owner: &owner, tenant_header: None };
        let context = Context::core();
        let page = self.subscriptions.query(&asking, limit, offset, &context, false, false);
        let page = page.await.unwrap();
        (serde_json::from_slice(&page.body).unwrap(), page.count, page.more)
    }

    /// Creates an entity.
    pub(crate) async fn create(&self, client: &str, body: Value) {
        let view = self.view(client);
        let request = Request { view: &view, id: "r" };
        self.broker.create(&request, &body.to_string(), &Context::core()).await.unwrap();
    }

    /// Updates attributes of an entity.
    pub(crate) async fn update(&self, client: &str, id: &str, body: Value) {
        let view = self.view(client);
        let request = Request { view: &view, id: "r" };
        let body = body.to_string();
        self.broker.append(&request, id, &body, &Context::core(), true).await.unwrap();
    }

    pub(crate) async fn delete(&self, client: &str, id: &str) {
        let view = self.view(client);
        self.broker.delete(&Request { view: &view, id: "r" }, id).await.unwrap();
    }

    pub(crate) async fn delete_attribute(&self, client: &str, id: &str, name: &str) {
        let view = self.view(client);
        let request = Request { view: &view, id: "r" };
        let context = Context::core();
        self.broker.delete_attribute(&request, id, name, &context, None, false).await.unwrap();
    }

    pub(crate) fn deliverer(&self) -> Deliverer {
        self.deliverer_with(Pace { idle: Duration::from_millis(20), ..Pace::default() })
    }

    pub(crate) fn deliverer_with(&self, pace: Pace) -> Deliverer {
        Deliverer::new(
            Arc::clone(&self.subscriptions),
            Arc::clone(&self.broker),
            Arc::clone(&self.outside) as _,
            vec![self.tenant.clone()],
            pace,
        )
    }

    /// Delivers what is due now.
    pub(crate) async fn deliver(&self) -> Report {
        self.deliverer().run_once().await.unwrap()
    }

    /// Delivers what is due now, and gives what arrived since the last time.
    pub(crate) async fn notified(&self) -> Vec<Value> {
        self.deliver().await;
        self.received().into_iter().map(|(_, notification)| notification).collect()
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        std::mem::take(&mut *self.outside.events.lock().unwrap())
    }

    pub(crate) fn received(&self) -> Vec<(String, Value)> {
        let sent = |event| match event {
            Event::Sent(uri, body) => Some((uri, body)),
            Event::Access(_) => None,
        };
        self.events().into_iter().filter_map(sent).collect()
    }

    pub(crate) fn pass(&self, seconds: i64) {
        self.clock.advance(TimeDelta::seconds(seconds));
    }

    pub(crate) fn set_down(&self, uri: &str, down: bool) {
        Self::set(&self.outside.down, uri, down);
    }

    pub(crate) fn set_refusing(&self, uri: &str) {
        Self::set(&self.outside.refusing, uri, true);
    }

    pub(crate) fn set_silent(&self, uri: &str) {
        Self::set(&self.outside.silent, uri, true);
    }

    fn set(set: &Mutex<HashSet<String>>, uri: &str, yes: bool) {
        let mut set = set.lock().unwrap();
        if yes {
            set.insert(uri.to_owned())
        } else {
            set.remove(uri)
        };
    }
}

pub(crate) fn property(value: impl Into<Value>) -> Value {
    json!({ "type": "Property", "value": value.into() })
}

/// An entity about nobody.
pub(crate) fn building(id: &str, temperature: i64) -> Value {
    json!({ "id": id, "type": "Building", "temperature": property(temperature), "floor": property(1) })
}

/// Subscribes to everything about buildings.
pub(crate) fn to_buildings() -> Value {
    json!({ "entities": [{ "type": "Building" }], "notification": {} })
}

/// The values of an attribute in simplified or normalized notifications, one for each.
pub(crate) fn values(notifications: &[Value], name: &str) -> Vec<Value> {
    let value = |n: &Value| {
        let attribute = &n["data"][0][name];
        if attribute.is_object() { attribute["value"].clone() } else { attribute.clone() }
    };
    notifications.iter().map(value).collect()
}
