//! Killing the writer: one half writes as fast as it can and says what was acknowledged, the other checks what is left.
//!
//! A set of number `n` writes an entity, a record and a log entry of `n`, counts and replaces a shared entity. After a crash every acknowledged number must be
//! there whole, and of every other all or nothing.

use std::collections::HashSet;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::task::JoinSet;

use super::samples::{LAMP, doc, id, iri, platform, town, typed};
use crate::{Collection, Expect, Log, Op, Scan, Store, WriteSet};
use tsunagu_ngsi_ld::{Entity, Instance};

const NUMBERS: Collection = Collection("numbers");
const COUNTS: Collection = Collection("counts");
const NUMBERED: Log = Log("numbered");
const COUNT: &[u8] = b"count";
const SHARED: usize = 0;

fn set(n: u64) -> WriteSet {
    let key = n.to_be_bytes().to_vec();
    let mut shared = Entity::new(id(LAMP, SHARED), iri(LAMP), 0);
    shared.set(iri("level"), Instance::property(&n, 0).unwrap());
    let mut own = Entity::new(format!("urn:ngsi-ld:Number:{n}"), iri("Number"), 0);
    own.set(iri("level"), Instance::property(&n, 0).unwrap());
    own.set(iri("padding"), Instance::property(&"x".repeat(512), 0).unwrap());
    WriteSet::new(town())
        .with(Op::PutEntity { doc: doc(&own), expect: Expect::Absent })
        .with(Op::PutRecord {
            collection: NUMBERS,
            key: key.clone(),
            value: key.clone(),
            expect: Expect::Absent,
        })
        .with(Op::Append { log: NUMBERED, entry: key })
        .with(Op::Add { collection: COUNTS, key: COUNT.to_vec(), delta: 1, min: 0, max: i64::MAX })
        .with(Op::PutEntity { doc: doc(&shared), expect: Expect::Any })
}

/// Writes numbers from `first` on with many writers until it is killed, and tells `acknowledged` each one that the store answered for.
///
/// # Panics
/// When a write fails, which ends the process.
pub async fn write_until_killed(store: Arc<dyn Store>, first: u64, acknowledged: fn(u64)) {
    let next = Arc::new(AtomicU64::new(first));
    let mut writers = JoinSet::new();
    for _ in 0..32 {
        let (store, next) = (Arc::clone(&store), Arc::clone(&next));
        writers.spawn(async move {
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                store.commit(set(n)).await.unwrap();
                acknowledged(n);
            }
        });
    }
    writers.join_all().await;
}

/// Checks what a crash left: everything of `acknowledged`, nothing half. Gives the first number that was never tried.
pub async fn check(store: &dyn Store, acknowledged: &[u64]) -> u64 {
    let view = platform(&town());
    let whole = Scan { limit: usize::MAX, ..Scan::default() };
    let records = store.records(&town(), NUMBERS, &whole).await.unwrap();
    let records: HashSet<u64> =
        records.into_iter().map(|(key, _)| u64::from_be_bytes(key.try_into().unwrap())).collect();
    for n in acknowledged {
        assert!(records.contains(n), "number {n} was acknowledged and is not there");
    }
    let entries = store.log_entries(&town(), NUMBERED, 0, usize::MAX).await.unwrap();
    let logged: HashSet<u64> = entries
        .iter()
        .map(|entry| u64::from_be_bytes(entry.as_slice().try_into().unwrap()))
        .collect();
    assert_eq!(entries.len(), logged.len(), "a number was logged twice");
    assert_eq!(entries.len() as u64, store.log_size(&town(), NUMBERED).await.unwrap());
    assert!(logged == records, "log and records do not hold the same numbers");
    let mut query = typed("Number");
    query.limit = usize::MAX;
    let page = store.query(&view, &query).await.unwrap();
    let entities: HashSet<u64> = page
        .entities
        .iter()
        .map(|found| found.doc.id().rsplit(':').next().unwrap().parse().unwrap())
        .collect();
    assert!(entities == records, "entities and records do not hold the same numbers");
    let count = store.record(&town(), COUNTS, COUNT).await.unwrap();
    let count = count.map_or(0, |count| u64::from_be_bytes(count.value.try_into().unwrap()));
    assert_eq!(count, records.len() as u64, "the counter is not the number of sets");
    let shared = store.entity(&view, &id(LAMP, SHARED)).await.unwrap();
    assert_eq!(shared.is_some(), !records.is_empty());
    if let (Some(shared), Some(last)) = (shared, entries.last()) {
        let last = u64::from_be_bytes(last.as_slice().try_into().unwrap());
        let level = iri("level");
        let slot = shared.doc.attributes().find(|slot| slot.name() == level).unwrap();
        assert_eq!(slot.instance().value, last.to_string(), "the last set wrote it last");
    }
    assert_eq!(store.verify().await.unwrap(), Vec::<String>::new());
    records.into_iter().max().map_or(0, |last| last + 1)
}

/// Says on standard output, whole lines at once, that number `n` was acknowledged.
pub fn say(n: u64) {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    out.write_all(format!("{ACKNOWLEDGED}{n:012}\n").as_bytes())
        .and_then(|()| out.flush())
        .unwrap();
}

const ACKNOWLEDGED: &str = "acknowledged ";

/// The number of a line of [`say`]; nothing for other lines and for one that was cut by the kill.
fn heard(line: &str) -> Option<u64> {
    line.strip_prefix(ACKNOWLEDGED).filter(|number| number.len() == 12)?.parse().ok()
}

/// Runs `rounds` rounds: starts a writer by `command`, kills it after a number of acknowledgements that `seed` decides, opens the store again by
/// `open` and checks. `command` gets the first number to write; the writer calls [`write_until_killed`] with [`say`].
pub async fn kill_and_check<F, S>(
    rounds: u32,
    mut seed: u64,
    command: impl Fn(u64) -> Command,
    open: F,
) where
    F: Fn() -> S,
    S: Future<Output = Arc<dyn Store>>,
{
    let mut acknowledged: Vec<u64> = Vec::new();
    let mut first = 0;
    for round in 0..rounds {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let enough = usize::try_from(seed >> 33).unwrap() % 2_000 + 1;
        let before = acknowledged.len();
        let mut child = command(first)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let mut numbers = out.lines().map_while(Result::ok).filter_map(|line| heard(&line));
        acknowledged.extend(numbers.by_ref().take(enough));
        child.kill().unwrap();
        // What was said before the kill counts too.
        acknowledged.extend(numbers);
        child.wait().unwrap();
        assert!(
            acknowledged.len() >= before + enough,
            "the writer of round {round} ended by itself"
        );
        let store = open().await;
        let next = check(&*store, &acknowledged).await;
        store.close().await;
        first = next.max(first) + 1;
    }
}
