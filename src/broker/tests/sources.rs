//! Context sources: who may register which, and what becomes of it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use async_trait::async_trait;
use chrono::TimeDelta;
use serde_json::{Value, json};
use tsunagu_broker::{Owner, Owners, Sources, SubscriptionParts, Subscriptions};
use tsunagu_domain::{
    Catalogue, Clock as _, ManualClock, Problem, ProblemCode, SeededIds, TenantId,
};
use tsunagu_ngsi_ld::source::Discovery;
use tsunagu_ngsi_ld::{Context, EntityDoc};
use tsunagu_policy::{Asked, Client, Principal, View, decide};
use tsunagu_store::testing::MemoryStore;
use tsunagu_store::{Expect, Op, Store as _, WriteSet};

/// Nobody subscribes here.
struct Nobody;

#[async_trait]
impl Owners for Nobody {
    async fn view(&self, _: &TenantId, _: &Owner) -> Result<Option<View>, Problem> {
        Ok(None)
    }
}

struct World {
    store: Arc<MemoryStore>,
    clock: Arc<ManualClock>,
    catalogue: Arc<Catalogue>,
    sources: Sources,
}

impl World {
    fn new() -> Self {
        let iri = |term: &str| Context::core().expand(term).into_owned();
        let catalogue = Catalogue::read(include_bytes!("../../../schemas/catalogue.json"), iri);
        let catalogue = Arc::new(catalogue.unwrap());
        let clock = Arc::new(ManualClock::at("2026-11-23T00:00:00Z".parse().unwrap()));
        Self::over(Arc::new(MemoryStore::new()), clock, catalogue)
    }

    /// A process over a store.
    fn over(store: Arc<MemoryStore>, clock: Arc<ManualClock>, catalogue: Arc<Catalogue>) -> Self {
        let subscriptions = Arc::new(Subscriptions::new(SubscriptionParts {
            store: Arc::clone(&store) as _,
            catalogue: Arc::clone(&catalogue),
            clock: Arc::clone(&clock) as _,
            ids: Arc::new(SeededIds::new(3)),
            owners: Arc::new(Nobody),
        }));
        let ids = Arc::new(SeededIds::new(clock.micros().unsigned_abs()));
        let sources =
            Sources::new(Arc::clone(&store) as _, ids, Arc::clone(&clock) as _, subscriptions);
        Self { store, clock, catalogue, sources }
    }

    /// Another process over the same store.
    fn again(&self) -> Self {
        Self::over(Arc::clone(&self.store), Arc::clone(&self.clock), Arc::clone(&self.catalogue))
    }

    /// A client that reads open data and manages sources, or not.
    fn view(&self, tenant: &str, reads: bool, manages: bool) -> View {
        let client = Client {
            id: "c".parse().unwrap(),
            sector: None,
            publishes: Vec::new(),
            reads_open_data: reads,
            writes_open_data: true,
            manages_sources: manages,
        };
        let tenant: TenantId = tenant.parse().unwrap();
        let principal = Principal::Machine { client: &client };
        let now = self.clock.micros();
        decide(&Asked { tenant: &tenant, catalogue: &self.catalogue, now, principal }).unwrap()
    }

    fn manager(&self) -> View {
        self.view("tsuno", true, true)
    }

    async fn register(&self, view: &View, body: &Value) -> Result<String, Problem> {
        self.sources.register(view, &body.to_string(), &Context::core()).await
    }

    async fn found(&self, view: &View) -> Result<usize, Problem> {
        Ok(self.sources.query(view, &Discovery::default(), 0, 10).await?.count)
    }
}

fn registration(entities: &Value, mode: &str) -> Value {
    json!({
        "type": "ContextSourceRegistration",
        "information": [{"entities": [entities], "propertyNames": ["name"]}],
        "endpoint": "https://other.example",
        "mode": mode,
    })
}

fn building() -> Value {
    registration(&json!({"type": "Building"}), "inclusive")
}

#[tokio::test]
async fn only_managers_register_and_readers_find() {
    let world = World::new();
    let (manager, reader) = (world.manager(), world.view("tsuno", true, false));
    let refused = world.register(&reader, &building()).await.unwrap_err();
    assert_eq!(refused.code, ProblemCode::Forbidden);
    let id = world.register(&manager, &building()).await.unwrap();
    for view in [&reader, &manager] {
        assert_eq!(world.found(view).await, Ok(1));
        assert_eq!(world.sources.retrieve(view, &id).await.unwrap().id, id);
    }
    let blind = world.view("tsuno", false, false);
    assert_eq!(world.found(&blind).await.unwrap_err().code, ProblemCode::Forbidden);
    assert!(world.sources.retrieve(&blind, &id).await.is_err());
    let changed = world.sources.update(&reader, &id, "{}", &Context::core()).await.unwrap_err();
    let gone = world.sources.delete(&reader, &id).await.unwrap_err();
    assert_eq!((changed.code, gone.code), (ProblemCode::Forbidden, ProblemCode::Forbidden));

    // Another tenant has sources of its own.
    let elsewhere = world.view("elsewhere", true, true);
    assert_eq!(world.found(&elsewhere).await, Ok(0));
    let missing = world.sources.delete(&elsewhere, &id).await.unwrap_err();
    assert_eq!(missing.code, ProblemCode::ResourceNotFound);
    world.sources.delete(&manager, &id).await.unwrap();
    assert_eq!(world.found(&manager).await, Ok(0));
}

#[tokio::test]
async fn changes_stay_and_ended_registrations_are_gone() {
    let world = World::new();
    let manager = world.manager();
    let mut body = building();
    body["id"] = json!("urn:r:1");
    body["expiresAt"] = json!("2026-11-23T01:00:00Z");
    world.register(&manager, &body).await.unwrap();
    let again = world.register(&manager, &body).await.unwrap_err();
    assert_eq!(again.code, ProblemCode::AlreadyExists);
    let core = Context::core();
    let fragment = json!({"endpoint": "https://new.example"}).to_string();
    world.sources.update(&manager, "urn:r:1", &fragment, &core).await.unwrap();
    let reopened = world.again();
    let kept = reopened.sources.retrieve(&manager, "urn:r:1").await.unwrap();
    assert_eq!(kept.endpoint, "https://new.example");

    world.clock.advance(TimeDelta::hours(2));
    assert!(world.sources.retrieve(&manager, "urn:r:1").await.is_err());
    assert_eq!(world.found(&manager).await, Ok(0));
    let late = world.sources.update(&manager, "urn:r:1", &fragment, &core).await.unwrap_err();
    assert_eq!(late.code, ProblemCode::ResourceNotFound);
    let mut anew = building();
    anew["id"] = json!("urn:r:1");
    world.register(&manager, &anew).await.unwrap();
    assert_eq!(world.found(&manager).await, Ok(1));
}

#[tokio::test]
async fn what_a_source_has_alone_is_nowhere_else() {
    let world = World::new();
    let manager = world.manager();
    let one = json!({"type": "Building", "id": "urn:b:1"});
    let body = r#"{"id":"urn:b:1","type":"Building","name":{"type":"Property","value":"n"}}"#;
    let entity = tsunagu_ngsi_ld::parse::parse_entity(body, &Context::core(), 1).unwrap();
    let put = Op::PutEntity { doc: EntityDoc::from(&entity), expect: Expect::Absent };
    world.store.commit(WriteSet::new("tsuno".parse().unwrap()).with(put)).await.unwrap();
    for mode in ["exclusive", "redirect"] {
        let taken = world.register(&manager, &registration(&one, mode)).await.unwrap_err();
        assert_eq!(taken.code, ProblemCode::Conflict, "{mode}");
    }
    let pattern = json!({"type": "Building", "idPattern": "^urn:b"});
    assert!(world.register(&manager, &registration(&pattern, "redirect")).await.is_err());
    // Whoever does not see the entity learns nothing of it.
    let blind = world.view("tsuno", false, true);
    let first = world.register(&blind, &registration(&one, "exclusive")).await.unwrap();
    let second = world.register(&blind, &registration(&one, "redirect")).await.unwrap_err();
    assert_eq!(second.code, ProblemCode::Conflict);
    world.register(&manager, &registration(&one, "inclusive")).await.unwrap();
    world.sources.delete(&manager, &first).await.unwrap();
}

#[tokio::test]
async fn no_source_is_registered_for_a_single_person() {
    let world = World::new();
    for person in ["urn:ngsi-ld:Person:0190a5a0-0000-7000-8000-000000000000", "urn:x:123456789018"]
    {
        let entity = json!({"type": "Person", "id": person});
        let body = registration(&entity, "inclusive");
        assert!(world.register(&world.manager(), &body).await.is_err(), "{person}");
    }
}

#[tokio::test]
async fn individual_numbers_are_in_no_registration() {
    let world = World::new();
    let manager = world.manager();
    let with = |name: &str, value: Value| {
        let mut body = building();
        body[name] = value;
        body
    };
    let mut offered = building();
    offered["information"][0]["propertyNames"] = json!(["myNumber"]);
    for body in [
        with("description", json!("1234-5678-9018")),
        with("tenant", json!("123456789018")),
        with("contextSourceInfo", json!([{"key": "個人番号", "value": "x"}])),
        offered,
    ] {
        let refused = world.register(&manager, &body).await.unwrap_err();
        assert_eq!(refused.code, ProblemCode::IndividualNumber, "{body}");
    }
    let id = world.register(&manager, &building()).await.unwrap();
    let change = json!({"description": "123456789018"}).to_string();
    let refused = world.sources.update(&manager, &id, &change, &Context::core()).await;
    assert_eq!(refused.unwrap_err().code, ProblemCode::IndividualNumber);
}
