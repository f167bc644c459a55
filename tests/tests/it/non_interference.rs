//! What is hidden has no influence: for any request, the answer over the real store equals, byte for byte, the answer over a store
//! that never held anything but what the view shows.
//!
//! Answers are compared with everything that headers are made of: counts, whether there is another page, which part of the time is covered, the
//! index of the access in the log.

mod eyes;
mod found;
mod further;
mod notified;
mod past;
mod population;
mod requests;

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use tokio::runtime::Runtime;
use tsunagu_broker::{Asked, Broker, Contexts, Discover, NoLoader, Parts, Request};
use tsunagu_domain::{Catalogue, Clock as _, ManualClock, Problem, TenantId};
use tsunagu_ngsi_ld::{Context, RenderOptions};
use tsunagu_policy::View;
use tsunagu_store::access::{Access, AccessLog, Ticket};
use tsunagu_store::index::Declared;
use tsunagu_store::testing::MemoryStore;
use tsunagu_store::{Log, Op, Store, WriteSet};
use tsunagu_store_embedded::{Durability, EmbeddedStore};
use tsunagu_store_postgres::PostgresStore;

use crate::support::database::Database;
use eyes::Eyes;
use further::Further;
use past::Holdings;
use population::{Population, attribute};
use requests::Wanted;

const CATALOGUE: &[u8] = include_bytes!("../../../schemas/catalogue.json");

pub(crate) fn iri(term: &str) -> String {
    Context::core().expand(term).into_owned()
}

/// Attributes with an index, so that planners have choices.
fn declared() -> Declared {
    Declared(vec![iri("steps"), iri("name"), iri("person"), iri("note")])
}

#[test]
fn hidden_data_has_no_influence_in_memory() {
    let runtime = Runtime::new().unwrap();
    prove(&runtime, Arc::new(MemoryStore::with(declared())), 400);
}

#[test]
fn hidden_data_has_no_influence_on_the_embedded_store() {
    let runtime = Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let options = tsunagu_store_embedded::Options {
        declared: declared(),
        durability: Durability::Relaxed,
        ..tsunagu_store_embedded::Options::default()
    };
    let store = EmbeddedStore::open(folder.path().join("store"), &options).unwrap();
    prove(&runtime, store, 150);
}

#[test]
fn hidden_data_has_no_influence_on_postgresql() {
    let runtime = Runtime::new().unwrap();
    let database = runtime.block_on(Database::fresh());
    let options = tsunagu_store_postgres::Options {
        declared: declared(),
        ..tsunagu_store_postgres::Options::default()
    };
    let store = runtime.block_on(PostgresStore::connect(&database.url, &options)).unwrap();
    prove(&runtime, Arc::clone(&store) as _, 60);
    runtime.block_on(store.close());
}

/// Each case has two tenants of its own in the one store: the real one, and the one with only what is seen.
fn prove(runtime: &Runtime, store: Arc<dyn Store>, cases: u32) {
    let cases = std::env::var("PROPTEST_CASES").ok().map_or(cases, |n| n.parse().unwrap());
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let bench = Bench::new(store);
    let cases = (population::any(), requests::any(), further::any());
    let proven = TestRunner::new(config).run(&cases, |(population, wanted, further)| {
        runtime.block_on(bench.compare(&population, &wanted, &further))
    });
    if let Err(error) = proven {
        panic!("{error}");
    }
}

struct Bench {
    store: Arc<dyn Store>,
    catalogue: Arc<Catalogue>,
    clock: Arc<ManualClock>,
    cases: AtomicU64,
}

impl Bench {
    fn new(store: Arc<dyn Store>) -> Self {
        let catalogue = Catalogue::read(CATALOGUE, iri).unwrap();
        let clock = Arc::new(ManualClock::at("2026-11-23T09:00:00Z".parse().unwrap()));
        Self { store, catalogue: Arc::new(catalogue), clock, cases: AtomicU64::new(0) }
    }

    async fn compare(
        &self,
        population: &Population,
        wanted: &[Wanted],
        further: &[Further],
    ) -> Result<(), TestCaseError> {
        let case = self.cases.fetch_add(1, Ordering::SeqCst);
        let eyes = Eyes::of(population, &self.catalogue);
        let everything = population.holdings();
        let seen = everything.seen(&eyes);
        let real = self.side(&format!("real-{case}"), &everything).await;
        let shown = self.side(&format!("seen-{case}"), &seen).await;
        let views = [&real, &shown].map(|side| eyes.view(&side.tenant, self.clock.micros()));
        for wanted in wanted {
            let one = real.answer(&views[0], wanted).await;
            let other = shown.answer(&views[1], wanted).await;
            same(wanted, &one, &other)?;
        }
        for wanted in further {
            let one = wanted.answer(&real, &views[0]).await;
            let other = wanted.answer(&shown, &views[1]).await;
            same(wanted, &one, &other)?;
        }
        Ok(())
    }

    async fn side(&self, tenant: &str, holdings: &Holdings) -> Side {
        let tenant: TenantId = tenant.parse().unwrap();
        let set = WriteSet { tenant: tenant.clone(), ops: holdings.ops() };
        if !set.ops.is_empty() {
            self.store.commit(set).await.unwrap();
        }
        let broker = Arc::new(Broker::new(Parts {
            store: Arc::clone(&self.store),
            access: Arc::new(PlainLog(Arc::clone(&self.store))),
            consequences: Vec::new(),
            catalogue: Arc::clone(&self.catalogue),
            contexts: Contexts::new(std::collections::HashMap::new(), Arc::new(NoLoader)),
            clock: Arc::clone(&self.clock) as _,
        }));
        // What open entities look like is counted, as after an update of the program.
        broker.prepare(&tenant).await.unwrap();
        Side { tenant, broker }
    }
}

/// The two answers as one.
fn same(wanted: &impl Debug, one: &str, other: &str) -> Result<(), TestCaseError> {
    if one == other {
        return Ok(());
    }
    Err(TestCaseError::fail(format!(
        "{wanted:?}\nover everything:      {one}\nover what is visible: {other}"
    )))
}

fn told(problem: &Problem) -> String {
    String::from_utf8(problem.body()).unwrap()
}

/// One of the two tenants.
struct Side {
    tenant: TenantId,
    broker: Arc<Broker>,
}

impl Side {
    fn request<'a>(&self, view: &'a View) -> Request<'a> {
        assert_eq!(view.tenant(), &self.tenant);
        Request { view, id: "request" }
    }

    /// Everything that the answer tells.
    async fn answer(&self, view: &View, wanted: &Wanted) -> String {
        self.asked(view, &wanted.id(), wanted.query(), &wanted.options()).await
    }

    /// The answer to a query, or to the request for one entity.
    async fn asked(
        &self,
        view: &View,
        id: &str,
        query: Option<Asked>,
        options: &RenderOptions,
    ) -> String {
        let (request, context) = (self.request(view), Context::core());
        match query {
            None => match self.broker.retrieve(&request, id, &context, options).await {
                Err(problem) => told(&problem),
                Ok(answer) => format!(
                    "{} {:?} {}",
                    String::from_utf8_lossy(&answer.body),
                    answer.ticket,
                    answer.amended
                ),
            },
            Some(asked) => match self.broker.query(&request, asked, &context, options).await {
                Err(problem) => told(&problem),
                Ok(listing) => format!(
                    "{} count {:?} more {} entities {} {:?} {}",
                    String::from_utf8_lossy(&listing.body),
                    listing.count,
                    listing.more,
                    listing.entities,
                    listing.ticket,
                    listing.amended
                ),
            },
        }
    }

    async fn discovered(&self, view: &View, what: Discover<'_>) -> String {
        match self.broker.discover(&self.request(view), what, &Context::core(), false).await {
            Err(problem) => told(&problem),
            Ok(found) => format!(
                "{} count {} {:?}",
                String::from_utf8_lossy(&found.body),
                found.count,
                found.ticket
            ),
        }
    }
}

/// Writes accesses down as they are.
struct PlainLog(Arc<dyn Store>);

#[async_trait]
impl AccessLog for PlainLog {
    fn ops(&self, access: &Access) -> Result<Vec<Op>, Problem> {
        let entry = format!("{access:?}").into_bytes();
        Ok(vec![Op::Append { log: Log("audit"), entry }])
    }

    async fn record(&self, tenant: &TenantId, access: &Access) -> Result<Ticket, Problem> {
        let set = WriteSet { tenant: tenant.clone(), ops: self.ops(access)? };
        let receipt = self.0.commit(set).await?;
        Ok(self.ticket(&receipt, 0).unwrap())
    }
}

/// The comparison is worth something only if it can fail: with an attribute wrongly left in the second store, it must.
#[test]
fn the_comparison_notices_a_difference() {
    let runtime = Runtime::new().unwrap();
    let bench = Bench::new(Arc::new(MemoryStore::with(declared())));
    let population = Population::sample();
    let eyes = Eyes::of(&population, &bench.catalogue);
    let everything = population.holdings();
    let mut seen = everything.seen(&eyes);
    assert!(!seen.present.is_empty() && seen.present.len() < everything.present.len());
    let wanted = Wanted::everything("HealthActivity");
    let answers = |seen: &Holdings, case: &str| {
        runtime.block_on(async {
            let sides = [
                bench.side(&format!("real-{case}"), &everything).await,
                bench.side(&format!("seen-{case}"), seen).await,
            ];
            let [real, shown] = &sides;
            let view = |side: &Side| eyes.view(&side.tenant, bench.clock.micros());
            (real.answer(&view(real), &wanted).await, shown.answer(&view(shown), &wanted).await)
        })
    };
    let (real, shown) = answers(&seen, "whole");
    assert_eq!(real, shown);
    let walk = iri("HealthActivity");
    let changed = seen.present.iter_mut().find(|entity| entity.types.contains(&walk));
    changed.unwrap().attributes.push(attribute("activityType", "\"another\""));
    let (real, shown) = answers(&seen, "changed");
    assert_ne!(real, shown);
}
