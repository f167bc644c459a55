//! Linked entities: shown where relationships lead to them, and as absent as any other where they are hidden.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use serde_json::{Value, json};
use tsunagu_broker::{Asked, Broker, Contexts, NoLoader, Parts, Request};
use tsunagu_domain::{
    Assurance, Catalogue, Clock as _, Level, ManualClock, Problem, ProblemCode, SectorKeys,
    TenantId, TsunoId,
};
use tsunagu_ngsi_ld::{
    Context, Format, Join, JoinForm, Q, Query, RenderOptions, Selection, TypeSelection,
};
use tsunagu_policy::{Asked as Decision, Client, Grant, GrantedType, Principal, View, decide};
use tsunagu_store::access::{Access, AccessLog, Ticket};
use tsunagu_store::testing::MemoryStore;
use tsunagu_store::{Log, Op, Store as _, WriteSet};

const ALICE: TsunoId = TsunoId::from_bytes([5; 16]);

fn iri(term: &str) -> String {
    Context::core().expand(term).into_owned()
}

/// Keeps what is written down.
#[derive(Clone)]
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

struct World {
    broker: Broker,
    recorder: Recorder,
    catalogue: Arc<Catalogue>,
    clock: Arc<ManualClock>,
    tenant: TenantId,
}

impl World {
    fn new() -> Self {
        let store = Arc::new(MemoryStore::new());
        let catalogue = include_bytes!("../../../schemas/catalogue.json");
        let catalogue = Arc::new(Catalogue::read(catalogue, iri).unwrap());
        let clock = Arc::new(ManualClock::at("2026-11-23T00:00:00Z".parse().unwrap()));
        let recorder = Recorder { store: Arc::clone(&store), seen: Arc::default() };
        let broker = Broker::new(Parts {
            store,
            access: Arc::new(recorder.clone()),
            consequences: Vec::new(),
            catalogue: Arc::clone(&catalogue),
            contexts: Contexts::new(HashMap::new(), Arc::new(NoLoader)),
            clock: Arc::clone(&clock) as _,
        });
        Self { broker, recorder, catalogue, clock, tenant: "tsuno".parse().unwrap() }
    }

    fn view(&self, principal: Principal<'_>) -> View {
        let now = self.clock.micros();
        let asked = Decision { tenant: &self.tenant, catalogue: &self.catalogue, now, principal };
        decide(&asked).unwrap()
    }

    fn platform(&self) -> View {
        self.view(Principal::Platform { task: "test" })
    }

    async fn create(&self, entity: Value) {
        let view = self.platform();
        let request = Request { view: &view, id: "r" };
        self.broker.create(&request, &entity.to_string(), &Context::core()).await.unwrap();
    }

    async fn get(&self, view: &View, id: &str, join: Join) -> Result<Value, Problem> {
        let options = options(join);
        let request = Request { view, id: "r" };
        let answer = self.broker.retrieve(&request, id, &Context::core(), &options).await?;
        Ok(serde_json::from_slice(&answer.body).unwrap())
    }

    async fn find(&self, view: &View, kind: &str, q: Option<&str>) -> Result<Value, Problem> {
        let core = Context::core();
        let filter = Query {
            types: Some(TypeSelection::parse(kind, &core).unwrap()),
            q: q.map(|q| Q::parse(q, &core).unwrap()),
            ..Query::default()
        };
        let asked = Asked { filter, limit: 10, offset: 0, count: true, order: None };
        let request = Request { view, id: "r" };
        let listing =
            self.broker.query(&request, asked, &core, &options(join(JoinForm::Inline, 1))).await?;
        assert_eq!(listing.count, Some(listing.entities as u64));
        Ok(serde_json::from_slice(&listing.body).unwrap())
    }

    fn accesses(&self) -> Vec<Access> {
        std::mem::take(&mut *self.recorder.seen.lock().unwrap())
    }
}

fn options(join: Join) -> RenderOptions {
    RenderOptions { format: Format::Simplified, join: Some(join), ..RenderOptions::default() }
}

fn join(form: JoinForm, level: usize) -> Join {
    Join { form, level, contained_by: Vec::new(), linked: Vec::new() }
}

fn link(object: &Value) -> Value {
    json!({"type": "Relationship", "object": object})
}

fn place(id: &str, near: &Value) -> Value {
    json!({"id": id, "type": "Place", "name": {"type": "Property", "value": id}, "near": link(near)})
}

/// A consumer of ALICE's activities, who may see her name as well or not.
fn consumer(world: &World, names: bool) -> View {
    let granted = |kind: &str, names: &[&str]| GrantedType {
        entity_type: iri(kind),
        attributes: names.iter().map(|name| iri(name)).collect(),
    };
    let mut read = vec![granted("HealthActivity", &["person", "steps"])];
    read.extend(names.then(|| granted("Person", &["name"])));
    let now = world.clock.micros();
    let grant = Arc::new(Grant {
        id: "g".to_owned(),
        version: 1,
        subject: ALICE,
        client: "app".parse().unwrap(),
        purpose: "health-coaching".to_owned(),
        read,
        write: Vec::new(),
        valid_from: now,
        valid_until: now + 1,
        live: true,
        frequency: None,
    });
    let client = Client {
        id: "app".parse().unwrap(),
        sector: Some(Arc::new(SectorKeys::new(&[1; 32]).sector("app").unwrap())),
        publishes: Vec::new(),
        reads_open_data: true,
        writes_open_data: false,
        manages_sources: false,
    };
    let assurance =
        Assurance { ial: Level::Substantial, aal: Level::Substantial, ..Assurance::default() };
    world.view(Principal::Consumer {
        client: &client,
        subject: ALICE,
        grant: Some(&grant),
        purpose: None,
        assurance: &assurance,
    })
}

async fn with_alice() -> World {
    let world = World::new();
    let name = json!({"type": "Property", "value": "アリス"});
    world
        .create(json!({"id": ALICE.urn(), "type": "Person", "name": name, "birthDate": name}))
        .await;
    world
        .create(json!({
            "id": "urn:a:1", "type": "HealthActivity", "person": link(&json!(ALICE.urn())),
            "steps": {"type": "Property", "value": 9},
        }))
        .await;
    world.accesses();
    world
}

#[tokio::test]
async fn a_person_is_linked_as_far_as_the_consent_goes_and_on_record() {
    let world = with_alice().await;
    let app = consumer(&world, true);
    let pairwise = app.outward_id(&ALICE.urn()).into_owned();
    let inline = world.get(&app, "urn:a:1", join(JoinForm::Inline, 1)).await.unwrap();
    assert_eq!(inline["person"], json!({"id": pairwise, "type": "Person", "name": "アリス"}));
    let [access] = &world.accesses()[..] else { panic!("one access, one entry") };
    assert_eq!((access.subjects.as_slice(), access.count), (&[ALICE][..], 2));
    assert!(access.types.contains(&iri("Person")) && access.attributes.contains(&iri("name")));
    assert!(!access.attributes.contains(&iri("birthDate")));

    let flat = world.get(&app, "urn:a:1", join(JoinForm::Flat, 1)).await.unwrap();
    assert_eq!(flat[0]["person"], json!(pairwise));
    assert_eq!(flat[1], json!({"id": pairwise, "type": "Person", "name": "アリス"}));
    assert_eq!(world.accesses()[0].count, 2);

    // Whoever has her already, under the id that they know, is not given her again.
    let contained = Join { contained_by: vec![pairwise.clone()], ..join(JoinForm::Inline, 1) };
    let inline = world.get(&app, "urn:a:1", contained).await.unwrap();
    assert_eq!(inline["person"], json!(pairwise));
    assert_eq!(world.accesses()[0].count, 1);
}

#[tokio::test]
async fn a_hidden_person_is_as_one_that_is_not_there() {
    let world = with_alice().await;
    let app = consumer(&world, false);
    let pairwise = app.outward_id(&ALICE.urn()).into_owned();
    for form in [JoinForm::Inline, JoinForm::Flat] {
        let shown = world.get(&app, "urn:a:1", join(form, 2)).await.unwrap();
        assert_eq!(shown["person"], json!(pairwise), "{shown}");
    }
    assert!(world.accesses().iter().all(|access| access.count == 1));
    // Nor can she be asked about.
    let found = |view, q| world.find(view, "HealthActivity", q);
    assert_eq!(found(&app, Some("person{name}")).await.unwrap(), json!([]));
    let open = consumer(&world, true);
    assert_eq!(found(&open, Some("person{name}")).await.unwrap().as_array().unwrap().len(), 1);
    assert_eq!(found(&open, Some("person{birthDate}")).await.unwrap(), json!([]));
    // Names that were looked at are on record, even where nothing was found.
    let last = world.accesses().pop().unwrap();
    assert!(last.attributes.contains(&iri("birthDate")));
}

#[tokio::test]
async fn circles_end_and_selections_hold_entity_by_entity() {
    let world = World::new();
    world.create(place("urn:p:1", &json!("urn:p:2"))).await;
    world.create(place("urn:p:2", &json!(["urn:p:1", "urn:p:3", "urn:p:gone"]))).await;
    world.create(place("urn:p:3", &json!("urn:p:1"))).await;
    let view = world.platform();
    let deep = world.get(&view, "urn:p:1", join(JoinForm::Inline, 10)).await.unwrap();
    let second = &deep["near"];
    assert_eq!(second["near"][0], json!("urn:p:1"));
    assert_eq!(second["near"][1]["near"], json!("urn:p:1"));
    assert_eq!(second["near"][2], json!("urn:p:gone"));
    let flat = world.get(&view, "urn:p:1", join(JoinForm::Flat, 10)).await.unwrap();
    let ids: Vec<&Value> = flat.as_array().unwrap().iter().map(|place| &place["id"]).collect();
    assert_eq!(ids, ["urn:p:1", "urn:p:2", "urn:p:3"]);

    let pick = |names: &[&str], linked| Selection {
        pick: names
            .iter()
            .map(|name| if *name == "id" { "id".to_owned() } else { iri(name) })
            .collect(),
        omit: Vec::new(),
        linked,
    };
    let inner = vec![(iri("near"), pick(&["name"], Vec::new()))];
    let linked = vec![(iri("near"), pick(&["id", "near"], inner))];
    let chosen = Join { linked, ..join(JoinForm::Inline, 2) };
    let shown = world.get(&view, "urn:p:1", chosen).await.unwrap();
    assert_eq!(
        shown["near"],
        json!({"id": "urn:p:2", "near": ["urn:p:1", {"name": "urn:p:3"}, "urn:p:gone"]})
    );
    // A relationship that is not picked is not followed.
    let chosen =
        Join { linked: vec![(iri("near"), pick(&["id"], Vec::new()))], ..join(JoinForm::Flat, 2) };
    let shown = world.get(&view, "urn:p:1", chosen).await.unwrap();
    assert_eq!(shown[1], json!({"id": "urn:p:2"}));
    assert_eq!(shown.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn conditions_reach_as_far_as_relationships_do() {
    let world = World::new();
    world.create(place("urn:p:1", &json!("urn:p:2"))).await;
    world.create(place("urn:p:2", &json!(["urn:p:3", "urn:p:gone"]))).await;
    world.create(place("urn:p:3", &json!("urn:p:gone"))).await;
    let view = world.platform();
    for (q, ids) in [
        ("near{name}==\"urn:p:2\"", vec!["urn:p:1"]),
        ("near{name}!=\"urn:p:2\"", vec!["urn:p:2"]),
        ("near{Place:name}", vec!["urn:p:1", "urn:p:2"]),
        ("near{Town:name}", vec![]),
        ("near{near{name}}==\"urn:p:3\"", vec!["urn:p:1"]),
        ("near{name}==\"urn:p:2\"|near{name}==\"urn:p:3\"", vec!["urn:p:1", "urn:p:2"]),
        ("name{name}", vec![]),
    ] {
        let found = world.find(&view, "Place", Some(q)).await.unwrap();
        let found: Vec<&str> =
            found.as_array().unwrap().iter().filter_map(|place| place["id"].as_str()).collect();
        assert_eq!(found, ids, "{q}");
    }
}

#[tokio::test]
async fn too_many_linked_entities_are_told_rather_than_left_out() {
    let world = World::new();
    let ids: Vec<String> = (0..1_001).map(|n| format!("urn:p:{n}")).collect();
    for id in &ids {
        world.create(json!({"id": id, "type": "Place"})).await;
    }
    world.create(place("urn:hub", &json!(ids))).await;
    let refused = world.get(&world.platform(), "urn:hub", join(JoinForm::Flat, 1)).await;
    assert_eq!(refused.unwrap_err().code, ProblemCode::TooManyResults);
}

#[tokio::test]
async fn whom_a_condition_on_linked_entities_tells_of_is_on_record() {
    let world = World::new();
    let bob = TsunoId::from_bytes([6; 16]);
    let link = |object: &str| json!({"type": "Relationship", "object": object});
    for (nth, person, steps) in [(1, ALICE, 9_000), (2, bob, 10)] {
        let walk = format!("urn:ngsi-ld:HealthActivity:{nth}");
        world
            .create(json!({"id": walk, "type": "HealthActivity", "person": link(&person.urn()),
            "steps": {"type": "Property", "value": steps}}))
            .await;
        world.create(json!({"id": format!("urn:ngsi-ld:Route:{nth}"), "type": "Route", "walkedIn": link(&walk)})).await;
    }
    world
        .create(
            json!({"id": "urn:ngsi-ld:Map:1", "type": "Map", "shows": link("urn:ngsi-ld:Route:1")}),
        )
        .await;
    let platform = world.platform();
    for (kind, q, subjects) in [
        ("Route", "walkedIn{HealthActivity:steps}>5000", vec![ALICE]),
        ("Route", "walkedIn{steps}", vec![ALICE, bob]),
        ("Route", "walkedIn{HealthActivity:steps}>50000", vec![]),
        ("Map", "shows{walkedIn{HealthActivity:steps}}>5000", vec![ALICE]),
    ] {
        world.accesses();
        let context = Context::core();
        let filter = Query {
            types: Some(TypeSelection::parse(kind, &context).unwrap()),
            q: Some(Q::parse(q, &context).unwrap()),
            ..Query::default()
        };
        let asked = Asked { filter, limit: 10, offset: 0, count: false, order: None };
        let request = Request { view: &platform, id: "r" };
        let options = RenderOptions::default();
        let listing = world.broker.query(&request, asked, &context, &options).await.unwrap();
        assert_eq!(listing.entities, subjects.len(), "{q}");
        let accesses = world.accesses();
        let [access] = &accesses[..] else { panic!("{q}: {accesses:?}") };
        assert_eq!(access.subjects, subjects, "{q}");
        assert!(access.attributes.contains(&iri("steps")), "{q}");
        let typed = access.types.contains(&iri("HealthActivity"));
        assert_eq!(typed, !subjects.is_empty(), "{q}: {:?}", access.types);
    }
}
