//! Doing the steps on a store and on the oracle, side by side.

use std::collections::BTreeMap;

use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use tsunagu_domain::TenantId;
use tsunagu_ngsi_ld::{Context, Entity, EntityDoc, Instance, PastDoc, Q};
use tsunagu_policy::View;

use super::oracle::{Answer, Oracle, Thing, WRONG};
use super::steps::{self, Act, Asked, Check, Hope, KEYS, Lookback, MAX, MIN, Scanned, Spot, Step};
use crate::conformance::Place;
use crate::conformance::samples::{
    all, doc, iri, other_town, person, platform, resident, town, typed,
};
use crate::temporal::{self, InstanceKey, InstanceRange, Series};
use crate::{
    Collection, EntityQuery, Expect, Found, Guard, Log, Op, Page, Scan, Store, StoreError, WriteSet,
};

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

/// Attributes and datasets of the series.
const LANES: [(&str, Option<&str>); steps::SERIES] =
    [("level", None), ("level", Some("urn:d:1")), ("label", None)];

fn series(n: usize) -> Series {
    Series::of(&iri(LANES[n].0), LANES[n].1)
}

fn place(at: i64, nth: u8) -> temporal::Place {
    temporal::Place { at, id: [nth; 16] }
}

fn key((id, n, at, nth): Spot) -> InstanceKey {
    InstanceKey { entity: name(id), series: series(n), place: place(at, nth) }
}

fn remembered((_, n, at, _): Spot, value: i8, subject: Option<u8>) -> PastDoc {
    let mut instance = Instance::property(&value, at).unwrap();
    instance.dataset_id = LANES[n].1.map(str::to_owned);
    let subject = subject.map(|n| person(n).to_string());
    PastDoc::new(&iri(LANES[n].0), &instance, subject.as_deref()).unwrap()
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
        Act::PutPast { id, kind, level, subject, hope } => Op::PutPast {
            doc: stored(*id, *kind, *level, *subject),
            expect: expect(*hope, oracle.pasts.get(&(t, *id)).map(|past| past.version)),
        },
        Act::DeletePast { id, hope } => Op::DeletePast {
            id: name(*id),
            expect: expect(*hope, oracle.pasts.get(&(t, *id)).map(|past| past.version)),
        },
        Act::Remember { at, value, subject } => {
            Op::PutInstance { key: key(*at), doc: remembered(*at, *value, *subject) }
        }
        Act::Forget { at } => Op::DeleteInstance { key: key(*at) },
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
        Act::PutIndex { collection, key } => {
            Op::PutIndex { collection: COLLECTIONS[*collection], key: KEYS[*key].to_vec() }
        }
        Act::Redact { log, index, entry } => {
            Op::Redact { log: LOGS[*log], index: *index, entry: entry.clone() }
        }
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
            let page = store.query(&view(*t, *subject), &query(asked)).await.unwrap();
            entities(&page, &oracle.things, *t, asked, *subject);
        }
        Step::Pasts { tenant: t, asked, subject } => {
            let page = store.pasts(&view(*t, *subject), &query(asked)).await.unwrap();
            entities(&page, &oracle.pasts, *t, asked, *subject);
        }
        Step::Past { tenant: t, id, subject } => {
            let found = store.past(&view(*t, *subject), &name(*id)).await.unwrap();
            same(found, oracle.pasts.get(&(*t, *id)), *id, *subject);
        }
        Step::Instances { tenant: t, id, back, subject } => {
            instances(store, oracle, *t, *id, back, *subject).await;
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
    same(found, oracle.things.get(&(t, id)), id, viewer);
}

fn same(found: Option<Found>, thing: Option<&Thing>, id: usize, viewer: Option<u8>) {
    match (found, thing.filter(|thing| shows(viewer, thing))) {
        (None, None) => {}
        (Some(found), Some(thing)) => {
            assert_eq!(found.version, thing.version);
            let doc = stored(id, thing.kind, thing.level, thing.subject);
            assert_eq!(found.doc.bytes(), doc.bytes());
        }
        (found, thing) => unreachable!("found {found:?}, expected {thing:?}"),
    }
}

/// What a resident or the platform sees of the past of a thing, which is looked back at from how it is or was last.
async fn instances(
    store: &dyn Store,
    oracle: &Oracle,
    t: usize,
    id: usize,
    back: &Lookback,
    viewer: Option<u8>,
) {
    let Some(thing) = oracle.things.get(&(t, id)).or_else(|| oracle.pasts.get(&(t, id))) else {
        return;
    };
    let of = stored(id, thing.kind, thing.level, thing.subject);
    let view = view(t, viewer);
    let mine = oracle.instances.iter().filter(|((tenant, spot), _)| *tenant == t && spot.0 == id);
    let mut all: Vec<Series> = mine.clone().map(|((_, spot), _)| series(spot.1)).collect();
    all.sort_unstable();
    all.dedup();
    assert_eq!(store.series(&view, &of).await.unwrap(), all);
    let within = |spot: &Spot| {
        spot.1 == back.series
            && back.from.is_none_or(|from| from <= spot.2)
            && back.to.is_none_or(|to| spot.2 < to)
    };
    let mut hits: Vec<_> = mine.filter(|((_, spot), _)| within(spot)).collect();
    if back.reverse {
        hits.reverse();
    }
    let seen = |subject: Option<u8>| shows(viewer, thing) && subject == thing.subject;
    let expected: Vec<(temporal::Place, PastDoc)> = hits
        .iter()
        .filter(|(_, (_, subject))| seen(*subject))
        .map(|((_, spot), (value, subject))| {
            (place(spot.2, spot.3), remembered(*spot, *value, *subject))
        })
        .collect();
    let mut found = Vec::new();
    let mut looked = 0;
    let mut range = Some(InstanceRange {
        series: series(back.series),
        from: back.from.map(temporal::Place::first_at),
        to: back.to.map(temporal::Place::first_at),
        reverse: back.reverse,
        limit: back.limit,
    });
    while let Some(next) = range {
        let chunk = store.instances(&view, &of, &next).await.unwrap();
        assert!(chunk.instances.len() <= back.limit);
        looked += back.limit;
        assert!(looked <= hits.len() + back.limit, "a chunk ends before the range does");
        found.extend(chunk.instances.into_iter().map(|one| (one.place, one.doc)));
        range = chunk.last.and_then(|last| next.after(last));
    }
    let bytes = |all: Vec<(temporal::Place, PastDoc)>| {
        all.into_iter().map(|(place, doc)| (place, doc.bytes().clone())).collect::<Vec<_>>()
    };
    assert_eq!(bytes(found), bytes(expected));
}

fn entities(
    page: &Page,
    things: &BTreeMap<(usize, usize), Thing>,
    t: usize,
    asked: &Asked,
    viewer: Option<u8>,
) {
    let Asked { kinds, bounds, limit, offset, count } = asked;
    let matching: Vec<(String, u64)> = things
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
