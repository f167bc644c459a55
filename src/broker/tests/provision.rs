//! Batches, purge, discovery, and what is stored for a time.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chrono::TimeDelta;
use serde_json::Value;
use tsunagu_broker::{
    Batch, BatchItem, BatchResult, Broker, Contexts, Discover, NoLoader, Parts, Purge, Request,
};
use tsunagu_domain::{
    Assurance, Catalogue, Clock, Level, ManualClock, Problem, ProblemCode, TenantId, TsunoId,
};
use tsunagu_ngsi_ld::{Context, Entity, EntityDoc, Format, Query, RenderOptions, TypeSelection};
use tsunagu_policy::{Asked as Decision, Client, Principal, View, decide};
use tsunagu_store::access::{Access, AccessLog, Action, Ticket};
use tsunagu_store::testing::MemoryStore;
use tsunagu_store::{Change, Consequence, Expect, Log, Op, Store, WriteSet};

const ALICE: TsunoId = TsunoId::from_bytes([5; 16]);

fn iri(term: &str) -> String {
    Context::core().expand(term).into_owned()
}

struct Recorder {
    store: Arc<MemoryStore>,
    seen: Arc<Mutex<Vec<Access>>>,
}

#[async_trait]
impl AccessLog for Recorder {
    fn ops(&self, access: &Access) -> Result<Vec<Op>, Problem> {
        self.seen.lock().unwrap().push(access.clone());
        Ok(vec![Op::Append { log: Log("audit"), entry: Vec::new() }])
    }

    async fn record(&self, tenant: &TenantId, access: &Access) -> Result<Ticket, Problem> {
        let set = WriteSet { tenant: tenant.clone(), ops: self.ops(access)? };
        let receipt = self.store.commit(set).await?;
        Ok(self.ticket(&receipt, 0).unwrap())
    }
}

/// Notes changes as `attributes before > attributes after`.
#[derive(Default)]
struct Changes(Mutex<Vec<String>>);

#[async_trait]
impl Consequence for Changes {
    async fn follow(&self, change: &Change<'_>, _: &mut Vec<Op>) -> Result<(), Problem> {
        let count = |doc: Option<&EntityDoc>| {
            doc.map_or_else(|| "none".to_owned(), |doc| doc.attributes().count().to_string())
        };
        let noted = format!("{} > {}", count(change.before), count(change.after));
        self.0.lock().unwrap().push(noted);
        Ok(())
    }
}

struct World {
    broker: Broker,
    store: Arc<MemoryStore>,
    seen: Arc<Mutex<Vec<Access>>>,
    changes: Arc<Changes>,
    catalogue: Arc<Catalogue>,
    clock: Arc<ManualClock>,
    tenant: TenantId,
}

fn world() -> World {
    let store = Arc::new(MemoryStore::new());
    let seen = Arc::new(Mutex::new(Vec::new()));
    let changes = Arc::new(Changes::default());
    let catalogue = include_bytes!("../../../schemas/catalogue.json");
    let catalogue = Arc::new(Catalogue::read(catalogue, iri).unwrap());
    let clock = Arc::new(ManualClock::at("2026-11-23T00:00:00Z".parse().unwrap()));
    let broker = Broker::new(Parts {
        store: Arc::clone(&store) as _,
        access: Arc::new(Recorder { store: Arc::clone(&store), seen: Arc::clone(&seen) }),
        consequences: vec![Arc::clone(&changes) as _],
        catalogue: Arc::clone(&catalogue),
        contexts: Contexts::new(HashMap::new(), Arc::new(NoLoader)),
        clock: Arc::clone(&clock) as _,
    });
    World { broker, store, seen, changes, catalogue, clock, tenant: "tsuno".parse().unwrap() }
}

fn client(id: &str, publishes: &[&str]) -> Client {
    Client {
        id: id.parse().unwrap(),
        sector: None,
        publishes: publishes.iter().map(|term| iri(term)).collect(),
        reads_open_data: true,
        writes_open_data: true,
        manages_sources: false,
    }
}

fn of_type(name: &str) -> Query {
    let types = TypeSelection::parse(name, &Context::core()).unwrap();
    Query { types: Some(types), ..Query::default() }
}

impl World {
    fn view(&self, principal: Principal<'_>) -> View {
        let now = self.clock.micros();
        let asked = Decision { tenant: &self.tenant, catalogue: &self.catalogue, now, principal };
        decide(&asked).unwrap()
    }

    fn machine(&self, client: &Client) -> View {
        self.view(Principal::Machine { client })
    }

    fn resident(&self, subject: TsunoId) -> View {
        let assurance =
            Assurance { ial: Level::High, aal: Level::Substantial, ..Assurance::default() };
        self.view(Principal::Resident { subject, assurance: &assurance })
    }

    async fn batch(&self, view: &View, what: Batch, bodies: &[&str]) -> BatchResult {
        let request = Request { view, id: "r" };
        let items =
            bodies.iter().map(|body| BatchItem::entity(body, Ok(Context::core()))).collect();
        self.broker.batch(&request, what, items).await.unwrap()
    }

    async fn create(&self, view: &View, body: &str) {
        let request = Request { view, id: "r" };
        self.broker.create(&request, body, &Context::core()).await.unwrap();
    }

    async fn get(&self, view: &View, id: &str) -> Option<Value> {
        let options = RenderOptions { format: Format::Simplified, ..RenderOptions::default() };
        let request = Request { view, id: "r" };
        let answer = self.broker.retrieve(&request, id, &Context::core(), &options).await.ok()?;
        Some(serde_json::from_slice(&answer.body).unwrap())
    }

    async fn discover(&self, view: &View, what: Discover<'_>) -> Option<Value> {
        let request = Request { view, id: "r" };
        let found = self.broker.discover(&request, what, &Context::core(), false).await;
        match found {
            Ok(found) => Some(serde_json::from_slice(&found.body).unwrap()),
            Err(problem) => {
                assert_eq!(problem.code, ProblemCode::ResourceNotFound);
                None
            }
        }
    }

    async fn types(&self, view: &View) -> Vec<String> {
        let found = self.discover(view, Discover::Types { details: false }).await.unwrap();
        let list = found["typeList"].as_array().unwrap();
        list.iter().map(|name| name.as_str().unwrap().to_owned()).collect()
    }

    fn accesses(&self) -> Vec<Access> {
        std::mem::take(&mut *self.seen.lock().unwrap())
    }

    fn changes(&self) -> Vec<String> {
        std::mem::take(&mut *self.changes.0.lock().unwrap())
    }
}

fn codes(result: &BatchResult) -> Vec<(Option<&str>, ProblemCode, Option<&str>)> {
    result.errors.iter().map(|(id, p)| (id.as_deref(), p.code, p.pointer.as_deref())).collect()
}

#[tokio::test]
async fn entities_of_one_id_are_done_in_order() {
    let world = world();
    let sensors = client("sensors", &[]);
    let view = world.machine(&sensors);
    let bodies = [
        r#"{"id":"urn:x:a","type":"Car","speed":1,"old":true}"#,
        r#"{"id":"urn:x:b","type":"Car","speed":7}"#,
        r#"{"id":"urn:x:a","type":"Car","speed":2}"#,
    ];
    let done = world.batch(&view, Batch::Upsert { update: false }, &bodies).await;
    assert_eq!(done.created, ["urn:x:a", "urn:x:b"]);
    assert!(done.success == done.created && done.errors.is_empty());
    let a = world.get(&view, "urn:x:a").await.unwrap();
    assert!(a["speed"] == 2 && a.get("old").is_none(), "{a}");

    let update = [r#"{"id":"urn:x:a","colour":"red"}"#, r#"{"id":"urn:x:c","speed":1}"#];
    let done = world.batch(&view, Batch::Upsert { update: true }, &update).await;
    assert!(done.success == ["urn:x:a"] && done.created.is_empty());
    assert_eq!(codes(&done), [(Some("urn:x:c"), ProblemCode::BadRequestData, Some("/1/type"))]);
    let a = world.get(&view, "urn:x:a").await.unwrap();
    assert!(a["speed"] == 2 && a["colour"] == "red", "{a}");

    let done = world.batch(&view, Batch::Create, &bodies).await;
    assert!(done.success.is_empty());
    assert_eq!(done.errors.len(), 3);
    let kept = r#"{"id":"urn:x:b","speed":9,"colour":"blue"}"#;
    let done = world.batch(&view, Batch::Update { overwrite: false }, &[kept]).await;
    assert_eq!(codes(&done), [(Some("urn:x:b"), ProblemCode::BadRequestData, Some("/0"))]);
    let b = world.get(&view, "urn:x:b").await.unwrap();
    assert!(b["speed"] == 7 && b["colour"] == "blue", "{b}");

    let request = Request { view: &view, id: "r" };
    let ids = ["urn:x:a", "urn:x:b", "urn:x:a"].map(|id| BatchItem::id(id.into()));
    let done = world.broker.batch(&request, Batch::Delete, ids.into()).await.unwrap();
    assert_eq!(done.success, ["urn:x:a", "urn:x:b"]);
    assert_eq!(codes(&done), [(Some("urn:x:a"), ProblemCode::ResourceNotFound, Some("/2"))]);
}

#[tokio::test]
async fn one_bad_entity_does_not_spoil_the_others() {
    let world = world();
    let sensors = client("sensors", &["ResidentRecord"]);
    let view = world.machine(&sensors);
    let request = Request { view: &view, id: "r" };
    let gone = Problem::new(ProblemCode::LdContextNotAvailable, "gone").at("@context");
    let record = r#"{"id":"urn:x:r","type":"ResidentRecord","name":"n"}"#;
    let items = vec![
        BatchItem::entity(r#"{"type":"Car"}"#, Ok(Context::core())),
        BatchItem::entity(r#"{"id":"no uri","type":"Car"}"#, Ok(Context::core())),
        BatchItem::entity(r#"{"id":"urn:x:1","type":"Car"}"#, Err(gone)),
        BatchItem::entity(r#"{"id":"urn:x:2","type":"Car"}"#, Ok(Context::core())),
        BatchItem::entity(r#"{"id":"urn:x:3","type":"Person","name":"n"}"#, Ok(Context::core())),
        BatchItem::entity(record, Ok(Context::core())),
    ];
    let done = world.broker.batch(&request, Batch::Create, items).await.unwrap();
    assert_eq!(done.success, ["urn:x:2", "urn:x:r"]);
    let told = codes(&done);
    assert_eq!(told[0], (None, ProblemCode::BadRequestData, Some("/0/id")));
    assert_eq!(told[1].2, Some("/1/id"));
    let context = ProblemCode::LdContextNotAvailable;
    assert_eq!(told[2], (Some("urn:x:1"), context, Some("/2/@context")));
    assert_eq!(told.len(), 4);
    // What concerns persons is on record, entity by entity.
    assert_eq!(world.accesses().iter().filter(|access| access.count == 1).count(), 1);
}

#[tokio::test]
async fn purge_deletes_what_is_in_view_and_nothing_else() {
    let world = world();
    let (sensors, register) = (client("sensors", &[]), client("register", &["ResidentRecord"]));
    let (open, mine) = (world.machine(&sensors), world.machine(&register));
    for n in 0..5 {
        let car = format!(r#"{{"id":"urn:x:{n}","type":"Car","speed":{n},"owner":"x"}}"#);
        world.create(&open, &car).await;
    }
    world.create(&mine, r#"{"id":"urn:x:r","type":"ResidentRecord","name":"n"}"#).await;
    let request = Request { view: &open, id: "r" };

    let drop = Purge::Drop(vec![iri("owner")]);
    let done = world.broker.purge(&request, of_type("Car"), &drop).await.unwrap();
    assert!(done.success.len() == 5 && done.errors.is_empty());
    let keep = Purge::Keep(vec![iri("speed")]);
    let done = world.broker.purge(&request, of_type("Car,ResidentRecord"), &keep).await.unwrap();
    assert!(done.success.len() == 5 && done.errors.is_empty());
    let car = world.get(&open, "urn:x:3").await.unwrap();
    assert!(car["speed"] == 3 && car.get("owner").is_none(), "{car}");

    let all = of_type("Car,ResidentRecord");
    let done = world.broker.purge(&request, all.clone(), &Purge::Entities).await.unwrap();
    assert!(done.success.len() == 5 && done.errors.is_empty());
    assert!(world.get(&open, "urn:x:3").await.is_none());
    assert!(world.get(&mine, "urn:x:r").await.is_some(), "it was not in view");

    // What others wrote to it is not its publisher's to delete.
    let platform = world.view(Principal::Platform { task: "test" });
    let link = format!(r#"{{"person":{{"type":"Relationship","object":"{}"}}}}"#, ALICE.urn());
    let context = Context::core();
    let linking = Request { view: &platform, id: "r" };
    world.broker.append(&linking, "urn:x:r", &link, &context, true).await.unwrap();
    let request = Request { view: &mine, id: "r" };
    let done = world.broker.purge(&request, all, &Purge::Entities).await.unwrap();
    assert!(done.success.is_empty());
    assert_eq!(codes(&done), [(Some("urn:x:r"), ProblemCode::Forbidden, None)]);

    // A purge that deletes nothing has searched all the same.
    world.seen.lock().unwrap().clear();
    let keep = Purge::Keep(vec![iri("name"), iri("person")]);
    world.broker.purge(&request, of_type("ResidentRecord"), &keep).await.unwrap();
    let searched = world.accesses().iter().filter(|a| a.action == Action::Query).count();
    assert_eq!(searched, 1);
}

#[tokio::test]
async fn what_has_ended_is_gone_at_once_and_its_id_is_free() {
    let world = world();
    let sensors = client("sensors", &[]);
    let view = world.machine(&sensors);
    let ends = r#""expiresAt":"2026-11-23T00:00:05Z""#;
    let entity = format!(r#"{{"id":"urn:x:1","type":"Car","speed":1,{ends}}}"#);
    world.create(&view, &entity).await;
    let part = format!(
        r#"{{"id":"urn:x:2","type":"Car","speed":{{"type":"Property","value":1,{ends}}},"colour":"red"}}"#
    );
    world.create(&view, &part).await;
    assert!(world.get(&view, "urn:x:1").await.is_some());
    world.changes();

    world.clock.advance(TimeDelta::seconds(5));
    let later = world.machine(&sensors);
    assert!(world.get(&later, "urn:x:1").await.is_none());
    let second = world.get(&later, "urn:x:2").await.unwrap();
    assert!(second.get("speed").is_none() && second["colour"] == "red", "{second}");
    let request = Request { view: &later, id: "r" };
    let gone = world.broker.delete(&request, "urn:x:1").await.unwrap_err();
    assert_eq!(gone.code, ProblemCode::ResourceNotFound);

    // The end comes before what is new, each as a change of its own.
    world.create(&later, r#"{"id":"urn:x:1","type":"Car"}"#).await;
    let blue = r#"{"colour":"blue","doors":4}"#;
    world.broker.append(&request, "urn:x:2", blue, &Context::core(), true).await.unwrap();
    let changes = world.changes();
    assert!(
        changes.ends_with(&["1 > none", "none > 0", "2 > 1", "1 > 2"].map(str::to_owned)),
        "{changes:?}"
    );
    assert_eq!(world.broker.expire(&world.tenant).await.unwrap(), 0, "nothing is left to end");
}

#[tokio::test]
async fn what_has_ended_is_taken_out_and_written_down() {
    let world = world();
    let register = client("register", &["ResidentRecord"]);
    let view = world.machine(&register);
    let record =
        r#"{"id":"urn:x:r","type":"ResidentRecord","name":"n","expiresAt":"2026-11-23T00:00:05Z"}"#;
    world.create(&view, record).await;
    assert_eq!(world.broker.expire(&world.tenant).await.unwrap(), 0);
    world.accesses();
    world.clock.advance(TimeDelta::seconds(6));
    assert_eq!(world.broker.expire(&world.tenant).await.unwrap(), 1);
    let written = world.accesses();
    assert_eq!(written.len(), 1);
    assert_eq!(written[0].actor, "platform:expiry");
    assert_eq!(written[0].attributes, [iri("name")]);
    assert_eq!(world.broker.expire(&world.tenant).await.unwrap(), 0);
    assert_eq!(world.changes(), ["none > 1", "1 > none"]);

    // Prolonged, it ends later.
    world.create(&view, r#"{"id":"urn:x:r","type":"ResidentRecord","name":"n","expiresAt":"2026-11-23T00:00:08Z"}"#).await;
    let view = world.machine(&register);
    let request = Request { view: &view, id: "r" };
    let longer = r#"{"expiresAt":"2026-11-23T00:01:00Z","name":"m"}"#;
    world.broker.append(&request, "urn:x:r", longer, &Context::core(), true).await.unwrap();
    world.clock.advance(TimeDelta::seconds(6));
    assert_eq!(world.broker.expire(&world.tenant).await.unwrap(), 0);
    assert!(world.get(&world.machine(&register), "urn:x:r").await.is_some());
}

#[tokio::test]
async fn nobody_ends_what_others_wrote_about_a_person() {
    let world = world();
    let register = client("register", &["ResidentRecord"]);
    let view = world.machine(&register);
    world.create(&view, r#"{"id":"urn:x:r","type":"ResidentRecord","name":"n"}"#).await;
    let platform = world.view(Principal::Platform { task: "test" });
    let link = format!(r#"{{"person":{{"type":"Relationship","object":"{}"}}}}"#, ALICE.urn());
    let context = Context::core();
    let linking = Request { view: &platform, id: "r" };
    world.broker.append(&linking, "urn:x:r", &link, &context, true).await.unwrap();
    let request = Request { view: &view, id: "r" };
    let soon = r#"{"name":"m","expiresAt":"2026-11-23T00:00:05Z"}"#;
    let refused = world.broker.append(&request, "urn:x:r", soon, &context, true).await;
    assert_eq!(refused.unwrap_err().code, ProblemCode::Forbidden);
    let whole = r#"{"type":"ResidentRecord","name":"m","expiresAt":"2026-11-23T00:00:05Z"}"#;
    let refused = world.broker.replace(&request, "urn:x:r", whole, &context).await;
    assert_eq!(refused.unwrap_err().code, ProblemCode::Forbidden);
    // What is one's own may end.
    let name = r#"{"name":{"type":"Property","value":"m","expiresAt":"2026-11-23T00:00:05Z"}}"#;
    world.broker.append(&request, "urn:x:r", name, &context, true).await.unwrap();
    world.clock.advance(TimeDelta::seconds(5));
    let stored = world.get(&world.view(Principal::Platform { task: "test" }), "urn:x:r").await;
    let stored = stored.unwrap();
    assert!(stored.get("name").is_none() && stored.get("person").is_some(), "{stored}");
}

#[tokio::test]
async fn types_and_attributes_are_those_of_what_is_in_view() {
    let world = world();
    let (sensors, register) = (client("sensors", &[]), client("register", &["ResidentRecord"]));
    let (open, mine) = (world.machine(&sensors), world.machine(&register));
    world
        .create(
            &open,
            r#"{"id":"urn:x:1","type":["Car","Vehicle"],"speed":1,"near":{"object":"urn:x:2"}}"#,
        )
        .await;
    world.create(&open, r#"{"id":"urn:x:2","type":"Car","speed":[{"value":1},{"value":2,"datasetId":"urn:d:1"}]}"#).await;
    world.create(&mine, r#"{"id":"urn:x:r","type":"ResidentRecord","name":"n"}"#).await;
    let platform = world.view(Principal::Platform { task: "test" });
    let link = format!(r#"{{"person":{{"type":"Relationship","object":"{}"}}}}"#, ALICE.urn());
    let linking = Request { view: &platform, id: "r" };
    world.broker.append(&linking, "urn:x:r", &link, &Context::core(), true).await.unwrap();
    world.accesses();

    assert_eq!(world.types(&open).await, ["Car", "Vehicle"]);
    assert!(world.accesses().is_empty(), "nobody can be in view");
    assert_eq!(world.types(&mine).await, ["Car", "ResidentRecord", "Vehicle"]);
    assert_eq!(world.accesses().len(), 1);
    let hidden = iri("ResidentRecord");
    assert!(world.discover(&open, Discover::Type(&hidden)).await.is_none());
    assert!(world.discover(&open, Discover::Attribute(&iri("name"))).await.is_none());
    let record = world.discover(&mine, Discover::Type(&hidden)).await.unwrap();
    assert_eq!(record["entityCount"], 1);
    let of_record = record["attributeDetails"].as_array().unwrap();
    assert!(of_record.len() == 1 && of_record[0]["attributeName"] == "name", "{record}");
    let alice = world.resident(ALICE);
    let record = world.discover(&alice, Discover::Type(&hidden)).await.unwrap();
    assert_eq!(record["attributeDetails"].as_array().unwrap().len(), 2);
    assert_eq!(world.accesses().last().unwrap().subjects, [ALICE]);
    let bob = world.resident(TsunoId::from_bytes([6; 16]));
    assert!(world.discover(&bob, Discover::Type(&hidden)).await.is_none());

    let car = world.discover(&open, Discover::Type(&iri("Car"))).await.unwrap();
    assert!(car["entityCount"] == 2 && car["type"] == "EntityTypeInfo", "{car}");
    let speed = world.discover(&open, Discover::Attribute(&iri("speed"))).await.unwrap();
    assert_eq!(speed["attributeCount"], 3);
    assert_eq!(speed["typeNames"], serde_json::json!(["Car", "Vehicle"]));
    assert_eq!(speed["attributeTypes"], serde_json::json!(["Property"]));

    // It follows changes and deletions.
    let request = Request { view: &open, id: "r" };
    let context = Context::core();
    world.broker.delete_attribute(&request, "urn:x:1", "near", &context, None, true).await.unwrap();
    assert!(world.discover(&open, Discover::Attribute(&iri("near"))).await.is_none());
    world.broker.delete(&request, "urn:x:1").await.unwrap();
    assert_eq!(world.types(&open).await, ["Car"]);
    let ends = r#"{"id":"urn:x:3","type":"Bus","expiresAt":"2026-11-23T00:00:05Z"}"#;
    world.create(&open, ends).await;
    assert_eq!(world.types(&open).await, ["Bus", "Car"]);
    world.clock.advance(TimeDelta::seconds(5));
    assert_eq!(world.types(&world.machine(&sensors)).await, ["Car"]);
}

#[tokio::test]
async fn data_of_earlier_versions_is_counted_once() {
    let world = world();
    for n in 0..3 {
        let mut entity = Entity::new(format!("urn:x:{n}"), iri("Lamp"), 0);
        let level = tsunagu_ngsi_ld::Instance::property(&n, 0).unwrap();
        entity.set(iri("level"), level);
        let op = Op::PutEntity { doc: EntityDoc::from(&entity), expect: Expect::Absent };
        world.store.commit(WriteSet::new(world.tenant.clone()).with(op)).await.unwrap();
    }
    let sensors = client("sensors", &[]);
    let view = world.machine(&sensors);
    for _ in 0..2 {
        world.broker.prepare(&world.tenant).await.unwrap();
        let lamp = world.discover(&view, Discover::Type(&iri("Lamp"))).await.unwrap();
        assert_eq!(lamp["entityCount"], 3);
    }
    let request = Request { view: &view, id: "r" };
    for n in 0..3 {
        world.broker.delete(&request, &format!("urn:x:{n}")).await.unwrap();
    }
    world.broker.prepare(&world.tenant).await.unwrap();
    assert!(world.types(&view).await.is_empty());
}

#[tokio::test]
async fn t76_individual_numbers_spread_over_neighbours_are_refused() {
    let world = world();
    let register = client("register", &["ResidentRecord"]);
    let view = world.machine(&register);
    let record =
        |id: &str, rest: &str| format!(r#"{{"id":"urn:x:{id}","type":"ResidentRecord",{rest}}}"#);
    let refused = [
        record("a", r#""one":"1234","two":"5678","three":"9018""#),
        record("b", r#""one":"x","two":" 1234","three":"５６７８","four":"9018","five":"y""#),
        record("c", r#""parts":{"a":"1234","b":"5678","c":"9018"}"#),
        record("d", r#""parts":[["12","34","56","78","90","18"]]"#),
        record("e", r#""name":{"type":"Property","value":"x","a":"1234","b":"5678","c":"9018"}"#),
    ];
    let bodies: Vec<&str> = refused.iter().map(String::as_str).collect();
    let done = world.batch(&view, Batch::Create, &bodies).await;
    assert_eq!(done.success, Vec::<String>::new());
    for (_, problem) in &done.errors {
        assert_eq!(problem.code, ProblemCode::IndividualNumber);
        assert!(!format!("{problem:?}").contains("9018"));
    }
    let passed = [
        record("f", r#""one":"1234","two":"5678","three":"9012""#),
        record("g", r#""one":"1234","two":5678,"three":"9018""#),
        record("h", r#""one":"1234","between":"x","two":"5678","three":"9018""#),
        record("i", r#""born":"850101","came":"261125""#),
        record("j", r#""steps":[1234,5678,9018]"#),
        r#"{"id":"urn:x:k","type":"Bench","one":"1234","two":"5678","three":"9018"}"#.to_owned(),
    ];
    let bodies: Vec<&str> = passed.iter().map(String::as_str).collect();
    let done = world.batch(&view, Batch::Create, &bodies).await;
    assert_eq!((done.success.len(), codes(&done)), (6, vec![]));
}
