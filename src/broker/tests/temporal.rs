//! The temporal evolution of entities through the broker: every change is there, and nobody sees more of the past than of the present.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use proptest::prelude::*;
use serde_json::{Value, json};
use tsunagu_broker::{
    AskedEvolutions, Broker, Contexts, InstanceName, NoLoader, Parts, Request, Temporal,
};
use tsunagu_domain::{
    Catalogue, Clock, ManualClock, Problem, ProblemCode, SectorKeys, TenantId, TsunoId,
};
use tsunagu_ngsi_ld::render::TemporalForm;
use tsunagu_ngsi_ld::temporal::{Duration, Method, TemporalQuery};
use tsunagu_ngsi_ld::{Context, Q, Query, RenderOptions, TypeSelection};
use tsunagu_policy::{Asked, Client, Grant, GrantedType, Principal, View, decide};
use tsunagu_store::access::{Access, AccessLog, Action, Ticket};
use tsunagu_store::testing::MemoryStore;
use tsunagu_store::{Log, Op, Store, WriteSet};

const ALICE: TsunoId = TsunoId::from_bytes([5; 16]);
const CAR: &str = "urn:ngsi-ld:Vehicle:1";

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

struct World {
    broker: Broker,
    seen: Arc<Mutex<Vec<Access>>>,
    catalogue: Arc<Catalogue>,
    clock: Arc<ManualClock>,
    tenant: TenantId,
}

fn world() -> World {
    let store = Arc::new(MemoryStore::new());
    let seen = Arc::new(Mutex::new(Vec::new()));
    let catalogue = include_bytes!("../../../schemas/catalogue.json");
    let catalogue = Arc::new(Catalogue::read(catalogue, iri).unwrap());
    let clock = Arc::new(ManualClock::at("2026-11-23T00:00:00Z".parse().unwrap()));
    let broker = Broker::new(Parts {
        store: Arc::clone(&store) as _,
        access: Arc::new(Recorder { store, seen: Arc::clone(&seen) }),
        consequences: Vec::new(),
        catalogue: Arc::clone(&catalogue),
        contexts: Contexts::new(HashMap::new(), Arc::new(NoLoader)),
        clock: Arc::clone(&clock) as _,
    });
    World { broker, seen, catalogue, clock, tenant: "tsuno".parse().unwrap() }
}

fn all() -> Temporal {
    Temporal {
        query: TemporalQuery::default(),
        form: TemporalForm::Values,
        methods: Vec::new(),
        every: Duration::default(),
        most: 1_000,
    }
}

fn between(from: &str, to: &str) -> Temporal {
    let query = TemporalQuery::read(Some("between"), Some(from), Some(to), None).unwrap();
    Temporal { query, ..all() }
}

impl World {
    fn view(&self, principal: Principal<'_>) -> View {
        let now = self.clock.micros();
        let asked = Asked { tenant: &self.tenant, catalogue: &self.catalogue, now, principal };
        decide(&asked).unwrap()
    }

    fn platform(&self) -> View {
        self.view(Principal::Platform { task: "test" })
    }

    async fn past(&self, view: &View, id: &str, temporal: &Temporal) -> Result<Value, Problem> {
        let request = Request { view, id: "r" };
        let options = RenderOptions::default();
        let context = Context::core();
        let evolved =
            self.broker.retrieve_evolution(&request, id, temporal, &context, &options).await?;
        Ok(serde_json::from_slice(&evolved.body).unwrap())
    }

    async fn found(
        &self,
        view: &View,
        types: &str,
        q: Option<&str>,
        temporal: &Temporal,
    ) -> Vec<String> {
        let context = Context::core();
        let filter = Query {
            types: Some(TypeSelection::parse(types, &context).unwrap()),
            q: q.map(|q| Q::parse(q, &context).unwrap()),
            ..Query::default()
        };
        let asked = AskedEvolutions { filter, by_id: None, limit: 20, offset: 0, count: true };
        let request = Request { view, id: "r" };
        let options = RenderOptions::default();
        let page = self
            .broker
            .query_evolutions(&request, asked, temporal, &context, &options)
            .await
            .unwrap();
        let page_of: Vec<Value> = serde_json::from_slice(&page.evolved.body).unwrap();
        assert_eq!(page.count, Some(page_of.len() as u64));
        page_of.iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
    }

    async fn provide(&self, view: &View, body: &Value) -> Result<bool, Problem> {
        let request = Request { view, id: "r" };
        let body = body.to_string();
        let done = self.broker.provide_evolution(&request, &body, &Context::core()).await?;
        Ok(done.created)
    }
}

fn values(past: &Value, name: &str) -> Vec<Value> {
    let pairs = past[name]["values"].as_array().cloned().unwrap_or_default();
    pairs.into_iter().map(|pair| pair[0].clone()).collect()
}

/// A change of an attribute: a value written, or none when it is deleted.
#[derive(Debug, Clone)]
enum Change {
    Update(usize, u8),
    Merge(usize, u8),
    Replace(u8),
    Delete(usize),
    DeleteEntity,
}

const NAMES: [&str; 2] = ["speed", "fuel"];

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        3 => (0..2_usize, any::<u8>()).prop_map(|(name, value)| Change::Update(name, value)),
        2 => (0..2_usize, any::<u8>()).prop_map(|(name, value)| Change::Merge(name, value)),
        1 => any::<u8>().prop_map(Change::Replace),
        2 => (0..2_usize).prop_map(Change::Delete),
        1 => Just(Change::DeleteEntity),
    ]
}

/// What was ever written of each attribute, in order; `None` is a deletion.
type Story = [Vec<Option<u8>>; 2];

fn is_there(story: &Story, name: usize) -> bool {
    story[name].last().is_some_and(Option::is_some)
}

async fn play(world: &World, changes: &[Change]) -> Story {
    let (view, context) = (world.platform(), Context::core());
    let request = Request { view: &view, id: "r" };
    let broker = &world.broker;
    let mut story: Story = [Vec::new(), Vec::new()];
    let mut exists = false;
    for change in changes {
        world.clock.advance(chrono::TimeDelta::milliseconds(1));
        if !exists {
            let body = json!({"id": CAR, "type": "Vehicle"}).to_string();
            broker.create(&request, &body, &context).await.unwrap();
            exists = true;
        }
        match change {
            Change::Update(name, value) => {
                let body = json!({NAMES[*name]: {"type": "Property", "value": value}}).to_string();
                broker.update(&request, CAR, &body, &context).await.unwrap();
                story[*name].push(Some(*value));
            }
            Change::Merge(name, value) => {
                let body = json!({NAMES[*name]: {"type": "Property", "value": value}}).to_string();
                broker.merge(&request, CAR, &body, &context).await.unwrap();
                story[*name].push(Some(*value));
            }
            Change::Replace(value) => {
                let body =
                    json!({"type": "Vehicle", "speed": {"type": "Property", "value": value}});
                broker.replace(&request, CAR, &body.to_string(), &context).await.unwrap();
                story[0].push(Some(*value));
                if is_there(&story, 1) {
                    story[1].push(None);
                }
            }
            Change::Delete(name) => {
                let done = broker
                    .delete_attribute(&request, CAR, NAMES[*name], &context, None, false)
                    .await;
                assert_eq!(done.is_ok(), is_there(&story, *name));
                if done.is_ok() {
                    story[*name].push(None);
                }
            }
            Change::DeleteEntity => {
                broker.delete(&request, CAR).await.unwrap();
                exists = false;
                for name in 0..2 {
                    if is_there(&story, name) {
                        story[name].push(None);
                    }
                }
            }
        }
    }
    story
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// The evolution is the sequence of changes, whatever they were.
    #[test]
    fn history_is_the_sequence_of_changes(changes in prop::collection::vec(change(), 1..20)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let world = world();
            let story = play(&world, &changes).await;
            let past = world.past(&world.platform(), CAR, &all()).await.unwrap();
            for (name, story) in NAMES.iter().zip(&story) {
                let expected: Vec<Value> = story
                    .iter()
                    .map(|value| value.map_or(json!("urn:ngsi-ld:null"), |value| json!(value)))
                    .collect();
                assert_eq!(&values(&past, name), &expected, "{name}");
            }
        });
    }
}

fn observed(value: i64, at: &str) -> Value {
    json!({"type": "Property", "value": value, "observedAt": format!("2020-01-01T{at}:00Z")})
}

#[tokio::test]
async fn provided_instances_are_found_by_time_and_value() {
    let world = world();
    let view = world.platform();
    let speed = [observed(10, "10:00"), observed(90, "11:00"), observed(20, "12:00")];
    let body = json!({"id": CAR, "type": "Vehicle", "speed": speed});
    assert!(world.provide(&view, &body).await.unwrap());
    let some = between("2020-01-01T10:30:00Z", "2020-01-01T12:00:00Z");
    let past = world.past(&view, CAR, &some).await.unwrap();
    assert_eq!(values(&past, "speed"), [json!(90)]);
    assert_eq!(world.found(&view, "Vehicle", Some("speed>50"), &some).await, [CAR]);
    assert!(world.found(&view, "Vehicle", Some("speed<50"), &some).await.is_empty());
    let none = between("2021-01-01T00:00:00Z", "2022-01-01T00:00:00Z");
    assert!(world.found(&view, "Vehicle", None, &none).await.is_empty());
    // The same moment again says it anew; another adds to it.
    let again = json!({"id": CAR, "type": ["Vehicle", "Truck"], "speed": [observed(91, "11:00"), observed(30, "13:00")]});
    assert!(!world.provide(&view, &again).await.unwrap());
    let past = world.past(&view, CAR, &all()).await.unwrap();
    assert_eq!(values(&past, "speed"), [json!(10), json!(91), json!(20), json!(30)]);
    assert_eq!(past["type"], json!(["Vehicle", "Truck"]));
}

#[tokio::test]
async fn an_answer_is_cut_at_one_moment_for_all_attributes() {
    let world = world();
    let view = world.platform();
    let minutes = |from: i64| -> Vec<Value> {
        (0..6).map(|n| observed(n, &format!("10:{:02}", from + n))).collect()
    };
    let body = json!({"id": CAR, "type": "Vehicle", "speed": minutes(0), "fuel": minutes(30)});
    world.provide(&view, &body).await.unwrap();
    let request = Request { view: &view, id: "r" };
    let read = async |temporal: Temporal| {
        let (context, options) = (Context::core(), RenderOptions::default());
        let evolved = world.broker.retrieve_evolution(&request, CAR, &temporal, &context, &options);
        let evolved = evolved.await.unwrap();
        (serde_json::from_slice::<Value>(&evolved.body).unwrap(), evolved.part)
    };
    let (seen, part) = read(Temporal { most: 4, ..all() }).await;
    assert_eq!(values(&seen, "speed").len(), 4);
    assert_eq!(seen["fuel"]["values"], json!([]));
    let part = part.unwrap();
    assert_eq!((part.to - part.from, part.size), (3 * 60_000_000, None));
    let last = TemporalQuery { last: Some(5), ..TemporalQuery::default() };
    let (seen, part) = read(Temporal { query: last, most: 4, ..all() }).await;
    assert_eq!(values(&seen, "fuel"), [json!(5), json!(4), json!(3), json!(2)]);
    assert_eq!(seen["speed"]["values"], json!([]));
    let part = part.unwrap();
    assert!(part.from > part.to && part.size == Some(5));
    let last = TemporalQuery { last: Some(2), ..TemporalQuery::default() };
    let (seen, part) = read(Temporal { query: last, most: 4, ..all() }).await;
    assert_eq!((values(&seen, "speed").len(), part), (2, None));
    let methods = vec![Method::Max, Method::TotalCount];
    let every = Duration::parse("PT3M").unwrap();
    let (seen, part) = read(Temporal { methods, every, ..all() }).await;
    assert_eq!(seen["speed"]["max"][0][0], json!(2.0));
    assert_eq!(seen["speed"]["totalCount"][1][0], json!(3));
    assert_eq!(part, None);
}

#[tokio::test]
async fn instances_are_corrected_and_forgotten() {
    let world = world();
    let (view, context) = (world.platform(), Context::core());
    let request = Request { view: &view, id: "r" };
    let body = json!({"id": CAR, "type": "Vehicle", "speed": [observed(10, "10:00"), observed(20, "11:00")]});
    world.provide(&view, &body).await.unwrap();
    let ids = async || {
        let temporal = Temporal { form: TemporalForm::Instances, ..all() };
        let past = world.past(&view, CAR, &temporal).await.unwrap();
        let speed = past["speed"].as_array().cloned().unwrap_or_default();
        let pair =
            |one: Value| (one["instanceId"].as_str().unwrap().to_owned(), one["value"].clone());
        speed.into_iter().map(pair).collect::<Vec<_>>()
    };
    let before = ids().await;
    let name = |instance| InstanceName { attribute: "speed", instance };
    let change = r#"{"type":"Property","value":21}"#;
    let (first, second) = (before[0].0.clone(), before[1].0.clone());
    world.broker.modify_instance(&request, CAR, name(&second), change, &context).await.unwrap();
    assert_eq!(ids().await, [(first.clone(), json!(10)), (second.clone(), json!(21))]);
    // The entity that is known by its history alone is as its last instances are.
    let options = RenderOptions::default();
    let now = world.broker.retrieve(&request, CAR, &context, &options).await.unwrap();
    assert!(String::from_utf8(now.body).unwrap().contains("\"value\":21"));
    world.broker.forget_instance(&request, CAR, name(&second), &context).await.unwrap();
    assert_eq!(ids().await, [(first, json!(10))]);
    let now = world.broker.retrieve(&request, CAR, &context, &options).await.unwrap();
    assert!(String::from_utf8(now.body).unwrap().contains("\"value\":10"));
    let gone = world.broker.forget_instance(&request, CAR, name(&second), &context).await;
    assert_eq!(gone.unwrap_err().code, ProblemCode::ResourceNotFound);
    world.broker.forget_evolution(&request, CAR).await.unwrap();
    assert!(world.past(&view, CAR, &all()).await.is_err());
    assert!(world.broker.retrieve(&request, CAR, &context, &options).await.is_err());
}

#[tokio::test]
async fn what_is_forgotten_of_a_living_entity_stays_what_it_is() {
    let world = world();
    let (view, context) = (world.platform(), Context::core());
    let request = Request { view: &view, id: "r" };
    play(&world, &[Change::Update(0, 1), Change::Update(0, 2), Change::Update(1, 3)]).await;
    world.broker.forget_evolution(&request, CAR).await.unwrap();
    assert!(world.past(&view, CAR, &all()).await.is_err());
    let options = RenderOptions::default();
    let now = world.broker.retrieve(&request, CAR, &context, &options).await.unwrap();
    assert!(String::from_utf8(now.body).unwrap().contains("speed"));
    world.clock.advance(chrono::TimeDelta::seconds(1));
    let body = json!({"speed": {"type": "Property", "value": 7}}).to_string();
    world.broker.update(&request, CAR, &body, &context).await.unwrap();
    let past = world.past(&view, CAR, &all()).await.unwrap();
    assert_eq!(values(&past, "speed"), [json!(7)]);
    assert!(past.get("fuel").is_none());
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

/// Only what is consented to now is seen of the past, under other names in each sector, and it is written down.
#[tokio::test]
async fn the_past_of_a_person_is_seen_as_the_present_is() {
    let world = world();
    let platform = world.platform();
    let person = ALICE.urn();
    let name = |value: &str| json!({"type": "Property", "value": value});
    let body = json!({"id": person, "type": "Person", "name": name("花"), "birthDate": name("1990-01-01"), "address": name("x")});
    let request = Request { view: &platform, id: "r" };
    let context = Context::core();
    world.broker.create(&request, &body.to_string(), &context).await.unwrap();
    world.clock.advance(chrono::TimeDelta::seconds(1));
    let body = json!({"name": name("花子"), "address": name("y")}).to_string();
    world.broker.update(&request, &person, &body, &context).await.unwrap();
    world.seen.lock().unwrap().clear();

    let now = world.clock.micros();
    let assurance = tsunagu_domain::Assurance {
        ial: tsunagu_domain::Level::High,
        aal: tsunagu_domain::Level::High,
        acr: None,
        amr: Vec::new(),
        auth_time: now,
        idp: "test".to_owned(),
    };
    let keys = SectorKeys::new(&[1; 32]);
    let mut shown = Vec::new();
    for sector in ["a.example", "b.example"] {
        let cipher = Arc::new(keys.sector(sector).unwrap());
        let app = Client { sector: Some(Arc::clone(&cipher)), ..client("app", &[]) };
        let of = GrantedType { entity_type: iri("Person"), attributes: vec![iri("name")] };
        let grant = Arc::new(Grant {
            id: "g".to_owned(),
            version: 1,
            subject: ALICE,
            client: "app".parse().unwrap(),
            purpose: "health-coaching".to_owned(),
            read: vec![of],
            write: Vec::new(),
            valid_from: now,
            valid_until: now + 1_000_000,
            live: true,
            frequency: None,
        });
        let view = world.view(Principal::Consumer {
            client: &app,
            subject: ALICE,
            grant: Some(&grant),
            purpose: None,
            assurance: &assurance,
        });
        let masked = cipher.outward(ALICE).urn();
        let temporal = Temporal { form: TemporalForm::Instances, ..all() };
        let past = world.past(&view, &masked, &temporal).await.unwrap();
        assert_eq!(past["id"], json!(masked));
        assert_eq!(past["name"].as_array().unwrap().len(), 2);
        assert!(past.get("address").is_none() && past.get("birthDate").is_none());
        assert!(!past.to_string().contains(&ALICE.to_string()));
        // Asked for by name, what is hidden (now or only in the past) looks like what never was.
        for hidden in ["birthDate", "address", "neverThere"] {
            let asks = RenderOptions { attrs: vec![iri(hidden)], ..RenderOptions::default() };
            let request = Request { view: &view, id: "r" };
            let seen =
                world.broker.retrieve_evolution(&request, &masked, &temporal, &context, &asks);
            assert_eq!(seen.await.unwrap_err().code, ProblemCode::ResourceNotFound, "{hidden}");
        }
        world.seen.lock().unwrap().clear();
        let past = world.past(&view, &masked, &temporal).await.unwrap();
        shown.push(past["name"][0]["instanceId"].clone());
        let access = world.seen.lock().unwrap().pop().unwrap();
        assert_eq!((access.action, access.count), (Action::Read, 1));
        assert_eq!(access.attributes, [iri("name")]);
    }
    assert_ne!(shown[0], shown[1], "an instance cannot be recognised in another sector");

    let stranger = world.view(Principal::Machine { client: &client("other", &[]) });
    assert!(world.past(&stranger, &person, &all()).await.is_err());
    assert!(
        world
            .found(
                &stranger,
                "Person",
                None,
                &between("1970-01-01T00:00:00Z", "2100-01-01T00:00:00Z")
            )
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn an_open_entity_does_not_inherit_the_past_of_a_personal_one() {
    let world = world();
    let (platform, context) = (world.platform(), Context::core());
    let request = Request { view: &platform, id: "r" };
    let record = |name: &str| {
        json!({"id": CAR, "type": "ResidentRecord", "name": {"type": "Property", "value": name}})
            .to_string()
    };
    // It names nobody, so that only its type tells that it is personal.
    world.broker.create(&request, &record("都農 花子"), &context).await.unwrap();
    world.clock.advance(chrono::TimeDelta::seconds(1));
    world.broker.update(&request, CAR, &record("都農 太郎"), &context).await.unwrap();
    let observed = json!({"name": [{"type": "Property", "value": "都農", "observedAt": "2020-01-01T10:00:00Z"}]}).to_string();
    world.broker.provide_attributes(&request, CAR, &observed, &context).await.unwrap();
    world.clock.advance(chrono::TimeDelta::seconds(1));
    world.broker.delete(&request, CAR).await.unwrap();
    let kept = world.past(&platform, CAR, &all()).await.unwrap();
    assert_eq!(values(&kept, "name").len(), 4, "{kept}");

    let anyone = world.view(Principal::Anonymous { reads_open_data: true });
    assert!(world.past(&anyone, CAR, &all()).await.is_err());
    let car = json!({"id": CAR, "type": "Vehicle", "speed": {"type": "Property", "value": 1}});
    world.broker.create(&request, &car.to_string(), &context).await.unwrap();
    for view in [&anyone, &platform] {
        let past = world.past(view, CAR, &all()).await.unwrap();
        assert!(past.get("name").is_none() && values(&past, "speed") == [json!(1)], "{past}");
    }
}

#[tokio::test]
async fn every_part_of_a_large_forgetting_is_on_record() {
    let world = world();
    let view = world.platform();
    let steps: Vec<Value> = (0..2_100)
        .map(|n| {
            let at = format!("2020-01-01T{:02}:{:02}:{:02}Z", n / 3600, n / 60 % 60, n % 60);
            json!({"type": "Property", "value": n, "observedAt": at})
        })
        .collect();
    let walk = |steps: &[Value]| {
        json!({"id": "urn:a:1", "type": "HealthActivity", "steps": steps,
        "person": {"type": "Relationship", "object": ALICE.urn()}})
    };
    for part in steps.chunks(700) {
        world.provide(&view, &walk(part)).await.unwrap();
    }
    world.seen.lock().unwrap().clear();
    let request = Request { view: &view, id: "r" };
    world
        .broker
        .forget_attribute(&request, "urn:a:1", "steps", &Context::core(), None, true)
        .await
        .unwrap();
    let seen = std::mem::take(&mut *world.seen.lock().unwrap());
    // Two transactions, each with its record.
    assert_eq!(seen.len(), 2, "{seen:?}");
    for access in seen {
        assert_eq!((access.action, &access.subjects[..]), (Action::Write, &[ALICE][..]));
        assert!(access.attributes.contains(&iri("steps")));
    }
}
