//! What actors must not learn, or lose for others, through the broker.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use tsunagu_broker::{Asked, Broker, Contexts, NoLoader, Parts, Request, Target};
use tsunagu_domain::{
    Assurance, Catalogue, Clock, Level, ManualClock, Problem, ProblemCode, SectorKeys, TenantId,
    Timestamp, TsunoId,
};
use tsunagu_ngsi_ld::{Context, Format, Q, Query, RenderOptions, TypeSelection};
use tsunagu_policy::{Asked as Decision, Client, Grant, GrantedType, Principal, View, decide};
use tsunagu_store::access::{Access, AccessLog, Ticket};
use tsunagu_store::testing::MemoryStore;
use tsunagu_store::{Log, Op, Store, WriteSet};

const ALICE: TsunoId = TsunoId::from_bytes([5; 16]);
const RECORD: &str = "urn:ngsi-ld:ResidentRecord:1";

fn iri(term: &str) -> String {
    Context::core().expand(term).into_owned()
}

#[derive(Default)]
struct Accesses(Mutex<Vec<Access>>);

struct Recorder {
    store: Arc<MemoryStore>,
    seen: Arc<Accesses>,
}

#[async_trait]
impl AccessLog for Recorder {
    fn ops(&self, access: &Access) -> Result<Vec<Op>, Problem> {
        self.seen.0.lock().unwrap().push(access.clone());
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
    seen: Arc<Accesses>,
    catalogue: Arc<Catalogue>,
    clock: Arc<ManualClock>,
    tenant: TenantId,
    sectors: SectorKeys,
}

fn world() -> World {
    let store = Arc::new(MemoryStore::new());
    let seen = Arc::new(Accesses::default());
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
    let tenant = "tsuno".parse().unwrap();
    World { broker, seen, catalogue, clock, tenant, sectors: SectorKeys::new(&[1; 32]) }
}

impl World {
    fn view(&self, principal: Principal<'_>) -> View {
        let now = self.clock.micros();
        let asked = Decision { tenant: &self.tenant, catalogue: &self.catalogue, now, principal };
        decide(&asked).unwrap()
    }

    fn platform(&self) -> View {
        self.view(Principal::Platform { task: "test" })
    }

    fn machine(&self, client: &Client) -> View {
        self.view(Principal::Machine { client })
    }

    async fn create(&self, view: &View, body: &str) -> Result<String, Problem> {
        let request = Request { view, id: "r" };
        Ok(self.broker.create(&request, body, &Context::core()).await?.id)
    }

    async fn append(&self, view: &View, id: &str, body: &str) -> Result<(), Problem> {
        let request = Request { view, id: "r" };
        self.broker.append(&request, id, body, &Context::core(), true).await.map(drop)
    }

    async fn get(&self, view: &View, id: &str) -> Result<String, Problem> {
        let options = RenderOptions { format: Format::Simplified, ..RenderOptions::default() };
        let request = Request { view, id: "r" };
        let answer = self.broker.retrieve(&request, id, &Context::core(), &options).await?;
        Ok(String::from_utf8(answer.body).unwrap())
    }

    fn accesses(&self) -> Vec<Access> {
        std::mem::take(&mut *self.seen.0.lock().unwrap())
    }
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

fn grant(now: Timestamp) -> Arc<Grant> {
    let of = |entity_type: &str, names: &[&str]| GrantedType {
        entity_type: iri(entity_type),
        attributes: names.iter().map(|name| iri(name)).collect(),
    };
    Arc::new(Grant {
        id: "g".to_owned(),
        version: 1,
        subject: ALICE,
        client: "app".parse().unwrap(),
        purpose: "health-coaching".to_owned(),
        read: vec![of("Person", &["name", "birthDate"])],
        write: vec![of("HealthActivity", &["person", "steps"])],
        valid_from: now,
        valid_until: now + 1_000_000,
        live: true,
        frequency: None,
    })
}

fn assurance() -> Assurance {
    Assurance { ial: Level::High, aal: Level::Substantial, ..Assurance::default() }
}

/// A record of the register, linked by the platform.
async fn linked(world: &World, register: &View) {
    let record = format!(
        r#"{{"id":"{RECORD}","type":"ResidentRecord","name":"n","address":{{"type":"Property","value":"a","datasetId":"urn:d:1"}}}}"#
    );
    world.create(register, &record).await.unwrap();
    let link = format!(r#"{{"person":{{"type":"Relationship","object":"{}"}}}}"#, ALICE.urn());
    world.append(&world.platform(), RECORD, &link).await.unwrap();
}

#[tokio::test]
async fn a_publisher_neither_reads_nor_loses_what_others_wrote() {
    let world = world();
    let client = client("register", &["ResidentRecord"]);
    let register = world.machine(&client);
    linked(&world, &register).await;
    let request = Request { view: &register, id: "r" };
    let context = Context::core();
    assert!(!world.get(&register, RECORD).await.unwrap().contains("person"));

    // Touching the hidden attribute does not make it one's own.
    let touch = r#"{"type":"Relationship","observedAt":"2026-11-23T00:00:00Z"}"#;
    let touched = world.broker.partial_update(&request, RECORD, "person", touch, &context).await;
    assert_eq!(touched.unwrap_err().code, ProblemCode::ResourceNotFound);
    let beside = r#"{"person":{"type":"Relationship","object":"urn:x:1","datasetId":"urn:d:9"}}"#;
    assert!(world.append(&register, RECORD, beside).await.is_err());
    let over = format!(r#"{{"person":{{"type":"Relationship","object":"{}"}}}}"#, ALICE.urn());
    let over = world.append(&register, RECORD, &over).await;
    assert_eq!(over.unwrap_err().code, ProblemCode::Forbidden);
    for all in [false, true] {
        let gone = world.broker.delete_attribute(&request, RECORD, "person", &context, None, all);
        assert_eq!(gone.await.unwrap_err().code, ProblemCode::ResourceNotFound);
    }
    assert!(!world.get(&register, RECORD).await.unwrap().contains("person"));

    // Replacing the whole record replaces what the publisher has in it.
    let whole = r#"{"type":"ResidentRecord","name":"m"}"#;
    world.broker.replace(&request, RECORD, whole, &context).await.unwrap();
    let stored = world.get(&world.platform(), RECORD).await.unwrap();
    assert!(stored.contains(&ALICE.urn()) && stored.contains("\"m\""), "{stored}");
    assert!(!stored.contains("address"), "{stored}");
    let own = assurance();
    let resident = world.view(Principal::Resident { subject: ALICE, assurance: &own });
    assert!(world.get(&resident, RECORD).await.is_ok(), "it is still about the resident");
}

#[tokio::test]
async fn a_connector_does_not_overwrite_what_others_wrote() {
    let world = world();
    let client = client("register", &["ResidentRecord"]);
    let register = world.machine(&client);
    linked(&world, &register).await;
    let other = TsunoId::from_bytes([6; 16]);
    let parse =
        |body: &str| tsunagu_ngsi_ld::parse::parse_entity(body, &Context::core(), 9).unwrap();
    let stolen = parse(&format!(
        r#"{{"id":"{RECORD}","type":"ResidentRecord","person":{{"type":"Relationship","object":"{}"}}}}"#,
        other.urn()
    ));
    let plain = parse(&format!(r#"{{"id":"{RECORD}","type":"ResidentRecord","name":"k"}}"#));
    let request = Request { view: &register, id: "r" };
    let done = world.broker.publish(&request, vec![stolen, plain]).await;
    assert_eq!(done[0].as_ref().unwrap_err().code, ProblemCode::Forbidden);
    assert!(done[1].is_ok());
    let stored = world.get(&world.platform(), RECORD).await.unwrap();
    assert!(stored.contains(&ALICE.urn()) && stored.contains("\"k\""), "{stored}");
}

fn masked(world: &World, id: &str, publishes: &[&str]) -> Client {
    let sector = Some(Arc::new(world.sectors.sector(id).unwrap()));
    Client { sector, ..client(id, publishes) }
}

#[tokio::test]
async fn a_masked_client_cannot_turn_a_pairwise_id_into_a_tsuno_id() {
    let world = world();
    let client = masked(&world, "app", &["HealthActivity"]);
    let app = world.machine(&client);
    let open = world.view(Principal::Anonymous { reads_open_data: true });
    let pairwise = app.outward_id(&ALICE.urn()).into_owned();
    let hidden = ALICE.to_string();
    let activity = |rest: &str| {
        let person = format!(r#""person":{{"type":"Relationship","object":"{pairwise}"}}"#);
        format!(r#"{{"id":"urn:a:1","type":"HealthActivity",{person},{rest}}}"#)
    };
    for body in [
        activity(&format!(r#""{pairwise}":1"#)),
        activity(&format!(r#""steps":{{"type":"Property","value":1,"{pairwise}":2}}"#)),
        activity(&format!(r#""steps":{{"type":"Property","value":1,"valueType":"{pairwise}"}}"#)),
        activity(&format!(r#""scope":"{pairwise}""#)),
        format!(r#"{{"id":"urn:a:1","type":["Building","{pairwise}"]}}"#),
        // Data about nobody are shown unmasked to many.
        format!(r#"{{"id":"{pairwise}","type":"Building"}}"#),
        format!(r#"{{"id":"urn:a:1","type":"Building","owner":"{pairwise}"}}"#),
        format!(
            r#"{{"id":"urn:a:1","type":"Building","owner":"\u0075{}"}}"#,
            pairwise.trim_start_matches('u')
        ),
        // What a problem points at is masked again.
        activity(&format!(r#""{pairwise}":{{"type":"Unknown","value":1}}"#)),
        activity(&format!(r#""{pairwise}":"123456789018""#)),
    ] {
        let problem = world.create(&app, &body).await.unwrap_err();
        let told = String::from_utf8(problem.body()).unwrap();
        assert_eq!(problem.code.status(), 400, "{told}");
        assert!(!told.contains(&hidden), "{body}: {told}");
    }
    world.create(&app, r#"{"id":"urn:a:1","type":"Building","name":"b"}"#).await.unwrap();
    let owner = format!(r#"{{"owner":"{pairwise}"}}"#);
    assert!(world.append(&app, "urn:a:1", &owner).await.is_err());
    assert!(!world.get(&open, "urn:a:1").await.unwrap().contains(&hidden));

    // Inside values and ids of personal entities ids are masked on the way in and out.
    let id = format!("urn:ngsi-ld:HealthActivity:{pairwise}:1");
    let body = activity(&format!(r#""note":"by {pairwise}.""#)).replace("urn:a:1", &id);
    assert_eq!(world.create(&app, &body).await.unwrap(), id);
    let shown = world.get(&app, &id).await.unwrap();
    assert!(shown.contains(&format!("by {pairwise}.")) && !shown.contains(&hidden), "{shown}");
}

#[tokio::test]
async fn a_number_about_a_person_is_on_record_whatever_the_search_names() {
    let world = world();
    let person = format!(
        r#"{{"id":"{}","type":"Person","name":"n","birthDate":"1950-04-01"}}"#,
        ALICE.urn()
    );
    world.create(&world.platform(), &person).await.unwrap();
    let client = masked(&world, "app", &[]);
    let (grant, assurance) = (grant(world.clock.micros()), assurance());
    let consumer = world.view(Principal::Consumer {
        client: &client,
        subject: ALICE,
        grant: Some(&grant),
        purpose: None,
        assurance: &assurance,
    });
    let context = Context::core();
    world.accesses();
    for (q, count) in [(r#"birthDate<"1960""#, 1), (r#"birthDate>"1960""#, 0)] {
        let filter = Query { q: Some(Q::parse(q, &context).unwrap()), ..Query::default() };
        let asked = Asked { filter, limit: 0, offset: 0, count: true, order: None };
        let request = Request { view: &consumer, id: "r" };
        let listing =
            world.broker.query(&request, asked, &context, &RenderOptions::default()).await.unwrap();
        assert_eq!((listing.count, listing.ticket.is_some()), (Some(count), true));
        let [access] = world.accesses().try_into().unwrap();
        assert_eq!((access.subjects, access.attributes), (vec![ALICE], vec![iri("birthDate")]));
    }
    // What somebody makes up in a query is not written down.
    let filter = Query {
        types: Some(TypeSelection::parse("Person|a123456789018", &context).unwrap()),
        q: Some(Q::parse("gender;b123456789018", &context).unwrap()),
        ..Query::default()
    };
    let asked = Asked { filter, limit: 1, offset: 0, count: false, order: None };
    let request = Request { view: &consumer, id: "r" };
    world.broker.query(&request, asked, &context, &RenderOptions::default()).await.unwrap();
    let [access] = world.accesses().try_into().unwrap();
    assert_eq!((access.types, access.attributes), (vec![iri("Person")], vec![iri("gender")]));
}

/// The `type` parameter of operations on one entity (clause 4.17).
#[tokio::test]
async fn an_entity_of_another_type_is_not_there() {
    let world = world();
    let view = world.machine(&client("weather", &[]));
    let core = Context::core();
    let id = "urn:ngsi-ld:Station:1";
    let body = format!(r#"{{"id":"{id}","type":["Station","Sensor"],"a":1}}"#);
    world.create(&view, &body).await.unwrap();
    let request = Request { view: &view, id: "r" };
    let options = RenderOptions { format: Format::Simplified, ..RenderOptions::default() };
    for (types, there) in [("Station", true), ("Building,Sensor", true), ("Building", false)] {
        let types = TypeSelection::parse(types, &core).unwrap();
        let target = Target { id, types: Some(&types) };
        let found = world.broker.retrieve(&request, target, &core, &options).await;
        assert_eq!(found.is_ok(), there);
        let changed = world.broker.update(&request, target, r#"{"a":2}"#, &core).await;
        assert_eq!(changed.is_ok(), there);
        if !there {
            let gone = world.broker.delete(&request, target).await.unwrap_err();
            assert_eq!(gone.code, ProblemCode::ResourceNotFound);
        }
    }
    assert!(world.get(&view, id).await.unwrap().contains(r#""a":2"#));
}
