//! Reads under a consent that says how often.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::TimeDelta;
use futures_util::future::join_all;
use serde_json::json;
use tsunagu_broker::{Asked, Broker, Contexts, NoLoader, Parts, Request};
use tsunagu_domain::{
    Assurance, Catalogue, Clock as _, Frequency, Level, ManualClock, Problem, ProblemCode,
    SectorKeys, TenantId, TsunoId,
};
use tsunagu_ngsi_ld::{Context, Query, RenderOptions, TypeSelection};
use tsunagu_policy::{Asked as Decision, Client, Grant, GrantedType, Principal, View, decide};
use tsunagu_store::access::{Access, AccessLog, Decision as Outcome, Ticket};
use tsunagu_store::testing::MemoryStore;
use tsunagu_store::{Collection, Log, Op, Scan, Store as _, WriteSet};

const ALICE: TsunoId = TsunoId::from_bytes([5; 16]);
const LOG: Log = Log("audit");
const DAILY: Frequency = Frequency { max: 24, per_seconds: 86_400 };

fn iri(term: &str) -> String {
    Context::core().expand(term).into_owned()
}

/// Writes accesses down as they are.
struct PlainLog(Arc<MemoryStore>);

#[async_trait]
impl AccessLog for PlainLog {
    fn ops(&self, access: &Access) -> Result<Vec<Op>, Problem> {
        Ok(vec![Op::Append { log: LOG, entry: serde_json::to_vec(access).unwrap() }])
    }

    async fn record(&self, tenant: &TenantId, access: &Access) -> Result<Ticket, Problem> {
        let set = WriteSet { tenant: tenant.clone(), ops: self.ops(access)? };
        let receipt = self.0.commit(set).await?;
        Ok(self.ticket(&receipt, 0).unwrap())
    }
}

/// Two replicas on one store.
struct World {
    store: Arc<MemoryStore>,
    brokers: [Broker; 2],
    catalogue: Arc<Catalogue>,
    clock: Arc<ManualClock>,
    tenant: TenantId,
}

impl World {
    async fn new() -> Self {
        let store = Arc::new(MemoryStore::new());
        let catalogue = include_bytes!("../../../schemas/catalogue.json");
        let catalogue = Arc::new(Catalogue::read(catalogue, iri).unwrap());
        let clock = Arc::new(ManualClock::at("2026-11-23T00:00:00Z".parse().unwrap()));
        let brokers = [(), ()].map(|()| {
            Broker::new(Parts {
                store: Arc::clone(&store) as _,
                access: Arc::new(PlainLog(Arc::clone(&store))),
                consequences: Vec::new(),
                catalogue: Arc::clone(&catalogue),
                contexts: Contexts::new(HashMap::new(), Arc::new(NoLoader)),
                clock: Arc::clone(&clock) as _,
            })
        });
        let world = Self { store, brokers, catalogue, clock, tenant: "tsuno".parse().unwrap() };
        let view = world.view(Principal::Platform { task: "test" });
        let request = Request { view: &view, id: "r" };
        let name = json!({"type": "Property", "value": "都農 花子"});
        let person = json!({"id": ALICE.urn(), "type": "Person", "name": name});
        world.brokers[0].create(&request, &person.to_string(), &Context::core()).await.unwrap();
        world
    }

    fn view(&self, principal: Principal<'_>) -> View {
        let now = self.clock.micros();
        let asked = Decision { tenant: &self.tenant, catalogue: &self.catalogue, now, principal };
        decide(&asked).unwrap()
    }

    /// An app under a consent with this frequency.
    fn app(&self, frequency: Option<Frequency>) -> View {
        let now = self.clock.micros();
        let name = GrantedType { entity_type: iri("Person"), attributes: vec![iri("name")] };
        let grant = Arc::new(Grant {
            id: "g".to_owned(),
            version: 1,
            subject: ALICE,
            client: "app".parse().unwrap(),
            purpose: "health-coaching".to_owned(),
            read: vec![name],
            write: Vec::new(),
            valid_from: now,
            valid_until: now + 1_000_000,
            live: true,
            frequency,
        });
        let client = Client {
            id: "app".parse().unwrap(),
            sector: Some(Arc::new(SectorKeys::new(&[1; 32]).sector("app").unwrap())),
            publishes: Vec::new(),
            reads_open_data: true,
            writes_open_data: false,
            manages_sources: false,
        };
        let assurance = Assurance {
            ial: Level::High,
            aal: Level::High,
            auth_time: now,
            ..Assurance::default()
        };
        self.view(Principal::Consumer {
            client: &client,
            subject: ALICE,
            grant: Some(&grant),
            purpose: None,
            assurance: &assurance,
        })
    }

    /// One read on one of the replicas: by id, or by search.
    async fn read(&self, view: &View, nth: usize) -> Result<(), Problem> {
        let (broker, core) = (&self.brokers[nth % 2], Context::core());
        let request = Request { view, id: "r" };
        let options = RenderOptions::default();
        if nth.is_multiple_of(3) {
            let types = Some(TypeSelection::parse("Person", &core).unwrap());
            let filter = Query { types, ..Query::default() };
            let asked = Asked { filter, limit: 10, offset: 0, count: true, order: None };
            return broker.query(&request, asked, &core, &options).await.map(drop);
        }
        let id = view.outward_id(&ALICE.urn()).into_owned();
        broker.retrieve(&request, &id, &core, &options).await.map(drop)
    }

    async fn log(&self) -> Vec<Access> {
        let entries = self.store.log_entries(&self.tenant, LOG, 0, 1_000).await.unwrap();
        entries.iter().map(|entry| serde_json::from_slice(entry).unwrap()).collect()
    }

    async fn counts(&self) -> usize {
        let scan = Scan { limit: 100, ..Scan::default() };
        self.store.records(&self.tenant, Collection("read-count"), &scan).await.unwrap().len()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn t58_reads_beyond_the_consent_are_refused_exactly_on_every_replica() {
    let world = World::new().await;
    let view = world.app(Some(DAILY));
    let before = world.log().await.len();
    let reads = join_all((0..100).map(|nth| world.read(&view, nth))).await;
    assert_eq!(reads.iter().filter(|read| read.is_ok()).count(), 24);
    let refused: Vec<_> = reads.into_iter().filter_map(Result::err).collect();
    for problem in &refused {
        assert_eq!(problem.code, ProblemCode::FrequencyExceeded);
        assert!(problem.detail.contains("24 reads in 86400 seconds"), "{}", problem.detail);
        assert!(problem.detail.contains("2026-11-23T15:00:00.000000Z"), "{}", problem.detail);
    }
    let log = world.log().await.split_off(before);
    assert_eq!(log.len(), 100, "one entry for each");
    let denied: Vec<_> = log.iter().filter(|a| a.decision == Outcome::Denied).collect();
    assert_eq!(denied.len(), 76);
    assert!(denied.iter().all(|a| a.reason == "FrequencyExceeded" && a.subjects == [ALICE]));
    assert!(denied.iter().all(|a| a.count == 0 && a.grant.as_deref() == Some("g")));

    // The last moment of the day in Japan, and the first of the next.
    world.clock.advance(TimeDelta::hours(15) - TimeDelta::microseconds(1));
    assert!(world.read(&world.app(Some(DAILY)), 1).await.is_err());
    world.clock.advance(TimeDelta::microseconds(1));
    assert!(world.read(&world.app(Some(DAILY)), 1).await.is_ok());
    assert_eq!(world.counts().await, 2);
    assert_eq!(world.brokers[0].forget_reads(&world.tenant).await.unwrap(), 1);
    assert_eq!(world.brokers[1].forget_reads(&world.tenant).await.unwrap(), 0);
    assert_eq!(world.counts().await, 1, "what counts still stays");
}

#[tokio::test]
async fn what_finds_nothing_by_id_is_not_counted_and_other_consents_pay_nothing() {
    let world = World::new().await;
    let view = world.app(Some(DAILY));
    let core = Context::core();
    let request = Request { view: &view, id: "r" };
    let other = "urn:ngsi-ld:Person:000000000000000000000000000";
    let missed = world.brokers[0].retrieve(&request, other, &core, &RenderOptions::default()).await;
    assert_eq!(missed.unwrap_err().code, ProblemCode::ResourceNotFound);
    let free = world.app(None);
    for nth in 0..50 {
        world.read(&free, nth).await.unwrap();
    }
    assert_eq!(world.counts().await, 0);
}
