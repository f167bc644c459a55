//! Doing the steps on a store and on the oracle, side by side.

use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use tsunagu_domain::TenantId;
use tsunagu_ngsi_ld::{Context, Entity, EntityDoc, Instance, Q};
use tsunagu_policy::View;

use super::oracle::{Answer, Oracle, Thing, WRONG};
use super::steps::{self, Act, Asked, Check, Hope, KEYS, MAX, MIN, Scanned, Step};
use crate::conformance::Place;
use crate::conformance::samples::{
    all, doc, iri, other_town, person, platform, resident, town, typed,
};
use crate::{Collection, EntityQuery, Expect, Guard, Log, Op, Scan, Store, StoreError, WriteSet};

const KINDS: [&str; steps::KINDS] = ["Lamp", "Bench", "HealthActivity"];
const COLLECTIONS: [Collection; steps::COLLECTIONS] = [Collection("thing"), Collection("things")];
const COUNTERS: Collection = Collection("counters");
const LOGS: [Log; steps::LOGS] = [Log("note"), Log("notes")];
/// Stands for the version of the set in hand.
const PENDING: u64 = u64::MAX - 1;

/// How much is tried.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Sequences.
    pub cases: u32,
    /// Most steps in a sequence.
    pub steps: usize,
    /// What decides the draw; the same seed draws the same.
    pub seed: u64,
}

/// Runs random sequences, each in a new place, and reports the shortest that goes wrong.
///
/// # Panics
/// When a store and the oracle differ.
pub fn run<P: Place>(size: Size, place: impl Fn() -> P) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&size.seed.to_le_bytes());
    let config = Config {
        cases: size.cases,
        failure_persistence: None,
        max_shrink_iters: 200,
        ..Config::default()
    };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    let outcome = TestRunner::new_with_rng(config, rng).run(&steps::steps(size.steps), |steps| {
        runtime.block_on(sequence(&place(), &steps));
        Ok(())
    });
    if let Err(error) = outcome {
        assert!(error.to_string().is_empty(), "{error}");
    }
}

async fn sequence(place: &dyn Place, steps: &[Step]) {
    let mut store = place.open().await;
    let mut oracle = Oracle::default();
    let mut last = 0;
    for step in steps {
        if matches!(step, Step::Reopen) {
            store.close().await;
            store = place.open().await;
        }
        Box::pin(one(&*store, &mut oracle, &mut last, step)).await;
    }
    store.close().await;
}

fn tenant(n: usize) -> TenantId {
    [town(), other_town()][n].clone()
}

fn name(id: usize) -> String {
    format!("urn:ngsi-ld:Thing:{id}")
}

fn stored(id: usize, kind: usize, level: i8, subject: Option<u8>) -> EntityDoc {
    let mut entity = Entity::new(name(id), iri(KINDS[kind]), 0);
    entity.subject = subject.map(|n| person(n).to_string());
    entity.set(iri("level"), Instance::property(&level, 0).unwrap());
    doc(&entity)
}

fn view(t: usize, subject: Option<u8>) -> View {
    match subject {
        None => platform(&tenant(t)),
        Some(n) => resident(&tenant(t), person(n)),
    }
}

/// Whether the view of `viewer` shows the thing: open kinds to all, walks to the person they are about and to the platform.
fn shows(viewer: Option<u8>, thing: &Thing) -> bool {
    viewer.is_none() || thing.kind < 2 || thing.subject == viewer
}

fn expect(hope: Hope, version: Option<u64>) -> Expect {
    match hope {
        Hope::Any => Expect::Any,
        Hope::Absent => Expect::Absent,
        Hope::Present => Expect::Present,
        Hope::Current => Expect::Version(version.unwrap_or(WRONG)),
        Hope::Wrong => Expect::Version(WRONG),
    }
}

fn op(oracle: &Oracle, t: usize, act: &Act) -> Op {
    match act {
        Act::PutEntity { id, kind, level, subject, hope } => Op::PutEntity {
            doc: stored(*id, *kind, *level, *subject),
            expect: expect(*hope, oracle.thing_version(t, *id)),
        },
        Act::DeleteEntity { id, hope } => {
            Op::DeleteEntity { id: name(*id), expect: expect(*hope, oracle.thing_version(t, *id)) }
        }
        Act::PutRecord { collection, key, value, hope } => Op::PutRecord {
            collection: COLLECTIONS[*collection],
            key: KEYS[*key].to_vec(),
            value: value.clone(),
            expect: expect(*hope, oracle.record_version((t, *collection, *key))),
        },
        Act::DeleteRecord { collection, key, hope } => Op::DeleteRecord {
            collection: COLLECTIONS[*collection],
            key: KEYS[*key].to_vec(),
            expect: expect(*hope, oracle.record_version((t, *collection, *key))),
        },
        Act::Append { log, entry } => Op::Append { log: LOGS[*log], entry: entry.clone() },
        Act::Add { key, delta } => Op::Add {
            collection: COUNTERS,
            key: KEYS[*key].to_vec(),
            delta: *delta,
            min: MIN,
            max: MAX,
        },
        Act::When { guards, then, otherwise } => Op::When {
            guards: guards.iter().map(guard).collect(),
            then: then.iter().map(|act| op(oracle, t, act)).collect(),
            otherwise: otherwise.iter().map(|act| op(oracle, t, act)).collect(),
        },
    }
}

fn guard(check: &Check) -> Guard {
    match check {
        Check::Absent { collection, key } => {
            Guard::Absent { collection: COLLECTIONS[*collection], key: KEYS[*key].to_vec() }
        }
        Check::Room { key, delta } => Guard::Room {
            collection: COUNTERS,
            key: KEYS[*key].to_vec(),
            delta: *delta,
            min: MIN,
            max: MAX,
        },
    }
}

async fn one(store: &dyn Store, oracle: &mut Oracle, last: &mut u64, step: &Step) {
    match step {
        Step::Commit { tenant: t, acts } => {
            commit(store, oracle, last, *t, acts).await;
        }
        Step::Entity { tenant: t, id, subject } => {
            entity(store, oracle, *t, *id, *subject).await;
        }
        Step::Query { tenant: t, asked, subject } => {
            entities(store, oracle, *t, asked, *subject).await;
        }
        Step::Record { tenant: t, collection, key } => {
            let found = store.record(&tenant(*t), COLLECTIONS[*collection], KEYS[*key]).await;
            let found = found.unwrap().map(|record| (record.version, record.value));
            assert_eq!(found.as_ref(), oracle.records.get(&(*t, *collection, *key)));
        }
        Step::Scan { tenant: t, collection, scanned } => {
            records(store, oracle, *t, *collection, scanned).await;
        }
        Step::Log { tenant: t, log, from, limit } => {
            let empty = Vec::new();
            let expected = oracle.logs.get(&(*t, *log)).unwrap_or(&empty);
            let size = store.log_size(&tenant(*t), LOGS[*log]).await.unwrap();
            assert_eq!(size, expected.len() as u64);
            let found = store.log_entries(&tenant(*t), LOGS[*log], *from, *limit).await.unwrap();
            let from = usize::try_from(*from).unwrap();
            let expected: Vec<_> = expected.iter().skip(from).take(*limit).cloned().collect();
            assert_eq!(found, expected);
        }
        Step::Verify | Step::Reopen => {
            assert_eq!(store.verify().await.unwrap(), Vec::<String>::new());
            for t in 0..steps::TENANTS {
                for (n, key) in KEYS.iter().take(steps::COUNTERS).enumerate() {
                    let found = store.record(&tenant(t), COUNTERS, key).await.unwrap();
                    let sum = found.map(|r| i64::from_be_bytes(r.value.try_into().unwrap()));
                    assert_eq!(sum.unwrap_or(0), oracle.counter(t, n));
                }
            }
        }
    }
}

async fn commit(store: &dyn Store, oracle: &mut Oracle, last: &mut u64, t: usize, acts: &[Act]) {
    let ops = acts.iter().map(|act| op(oracle, t, act)).collect();
    let outcome = store.commit(WriteSet { tenant: tenant(t), ops }).await;
    match (outcome, oracle.apply(t, acts, PENDING)) {
        (Ok(receipt), Ok((_, answer))) => {
            assert!(receipt.version > *last, "versions grow");
            *last = receipt.version;
            let got = Answer { appended: receipt.appended, branches: receipt.branches };
            assert_eq!(got, answer);
            *oracle = oracle.apply(t, acts, receipt.version).unwrap().0;
        }
        (Err(StoreError::Conflict { conflict, .. }), Err(expected)) => {
            assert_eq!(conflict, expected);
        }
        (outcome, expected) => {
            let expected = expected.map(|(_, answer)| answer);
            unreachable!("the store says {outcome:?}, the oracle {expected:?}");
        }
    }
}

async fn entity(store: &dyn Store, oracle: &Oracle, t: usize, id: usize, viewer: Option<u8>) {
    let found = store.entity(&view(t, viewer), &name(id)).await.unwrap();
    let thing = oracle.things.get(&(t, id)).filter(|thing| shows(viewer, thing));
    match (found, thing) {
        (None, None) => {}
        (Some(found), Some(thing)) => {
            assert_eq!(found.version, thing.version);
            let doc = stored(id, thing.kind, thing.level, thing.subject);
            assert_eq!(found.doc.bytes(), doc.bytes());
        }
        (found, thing) => unreachable!("found {found:?}, expected {thing:?}"),
    }
}

async fn entities(store: &dyn Store, oracle: &Oracle, t: usize, asked: &Asked, viewer: Option<u8>) {
    let Asked { kinds, bounds, limit, offset, count } = asked;
    let page = store.query(&view(t, viewer), &query(asked)).await.unwrap();
    let matching: Vec<(String, u64)> = oracle
        .things
        .iter()
        .filter(|((tenant, _), thing)| *tenant == t && shows(viewer, thing))
        .filter(|(_, thing)| kinds.is_empty() || kinds.contains(&thing.kind))
        .filter(|(_, thing)| bounds.is_none_or(|(low, high)| (low..=high).contains(&thing.level)))
        .map(|((_, id), thing)| (name(*id), thing.version))
        .collect();
    assert_eq!(page.count, count.then_some(matching.len() as u64));
    assert_eq!(page.entities.len(), matching.len().saturating_sub(*offset).min(*limit));
    let mut got: Vec<(String, u64)> = Vec::new();
    for found in &page.entities {
        let one = (found.doc.id().to_owned(), found.version);
        assert!(matching.contains(&one) && !got.contains(&one), "{one:?}");
        got.push(one);
    }
}

async fn records(store: &dyn Store, oracle: &Oracle, t: usize, c: usize, scanned: &Scanned) {
    let Scanned { prefix, after, limit, reverse } = *scanned;
    let scan = Scan {
        prefix: KEYS[prefix].to_vec(),
        after: after.map(|key| KEYS[key].to_vec()),
        limit,
        reverse,
    };
    let found = store.records(&tenant(t), COLLECTIONS[c], &scan).await.unwrap();
    let found: Vec<_> = found.into_iter().map(|(key, r)| (key, (r.version, r.value))).collect();
    // KEYS is sorted, so the numbers of keys are in their order.
    let past = |key: usize| after.is_none_or(|at| if reverse { key < at } else { key > at });
    let mut expected: Vec<_> = oracle
        .records
        .iter()
        .filter(|((tenant, collection, _), _)| *tenant == t && *collection == c)
        .filter(|((_, _, key), _)| KEYS[*key].starts_with(KEYS[prefix]) && past(*key))
        .map(|((_, _, key), record)| (KEYS[*key].to_vec(), record.clone()))
        .collect();
    if reverse {
        expected.reverse();
    }
    expected.truncate(limit);
    assert_eq!(found, expected);
}

fn query(asked: &Asked) -> EntityQuery {
    let kinds: Vec<&str> = asked.kinds.iter().map(|kind| KINDS[*kind]).collect();
    let mut query = if kinds.is_empty() { all() } else { typed(&kinds.join(",")) };
    if let Some((low, high)) = asked.bounds {
        let q = format!("level>={low};level<={high}");
        query.filter.q = Some(Q::parse(&q, &Context::core()).unwrap());
    }
    (query.limit, query.offset, query.count) = (asked.limit, asked.offset, asked.count);
    query
}
