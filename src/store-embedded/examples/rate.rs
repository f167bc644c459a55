//! Durable commits and reads a second, beside raw batches of the same engine with the same bytes and the same grouping.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a measurement for people"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use fjall::{Database, KeyspaceCreateOptions, PersistMode};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tsunagu_ngsi_ld::{Entity, EntityDoc, Instance};
use tsunagu_store::conformance::samples::{LAMP, doc, iri, platform, town, typed};
use tsunagu_store::{Expect, Op, Store, WriteSet};
use tsunagu_store_embedded::{EmbeddedStore, Options};

const ROWS: u64 = 200_000;
const WRITERS: usize = 64;

fn id(n: u64) -> String {
    // Scattered, as hashes are.
    format!("urn:ngsi-ld:Lamp:{:016x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

fn entity(n: u64) -> EntityDoc {
    let mut entity = Entity::new(id(n), iri(LAMP), 0);
    for attribute in ["level", "label", "height", "maker"] {
        let text = format!("{attribute} {n} {}", "x".repeat(130));
        entity.set(iri(attribute), Instance::property(&text, 0).unwrap());
    }
    doc(&entity)
}

#[tokio::main]
async fn main() {
    println!("an entity is {} bytes, {WRITERS} writers", entity(1).bytes().len());
    for round in 1..=2 {
        let raw = raw().await;
        let ours = ours().await;
        println!("round {round}: commits {ours:.0}/s, raw {raw:.0}/s, ratio {:.2}", ours / raw);
    }
}

/// Asks for numbers until there are no more, from many tasks, and gives how many a second.
async fn together<F>(tasks: usize, all: u64, one: impl Fn(u64) -> F + Clone + Send + 'static) -> f64
where
    F: Future<Output = ()> + Send,
{
    let next = Arc::new(AtomicU64::new(0));
    let start = Instant::now();
    let mut running = JoinSet::new();
    for _ in 0..tasks {
        let (next, one) = (Arc::clone(&next), one.clone());
        running.spawn(async move {
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= all {
                    break;
                }
                one(n).await;
            }
        });
    }
    running.join_all().await;
    all as f64 / start.elapsed().as_secs_f64()
}

/// One thread that writes what waits in one synced batch: the entity, and the two index entries that it has.
async fn raw() -> f64 {
    let place = tempfile::tempdir().unwrap();
    let db = Database::builder(place.path()).worker_threads(2).open().unwrap();
    let memory = |bytes: u64| KeyspaceCreateOptions::default().max_memtable_size(bytes);
    let entities = db.keyspace("entities", || memory(32 << 20)).unwrap();
    let index = db.keyspace("index", || memory(8 << 20)).unwrap();
    let (sender, mut queue) = mpsc::channel::<(String, EntityDoc, oneshot::Sender<()>)>(1_024);
    let writer = std::thread::spawn(move || {
        while let Some(first) = queue.blocking_recv() {
            let mut group = vec![first];
            while let Ok(next) = queue.try_recv() {
                group.push(next);
            }
            let mut batch = db.batch().durability(Some(PersistMode::SyncData));
            for (id, doc, _) in &group {
                batch.insert(&entities, id.as_bytes(), doc.bytes().as_ref());
                batch.insert(
                    &index,
                    [iri(LAMP).as_bytes(), b"\0", id.as_bytes()].concat(),
                    b"".as_slice(),
                );
            }
            batch.commit().unwrap();
            for (_, _, answer) in group {
                answer.send(()).unwrap();
            }
        }
    });
    let rate = together(WRITERS, ROWS, move |n| {
        let sender = sender.clone();
        async move {
            let (answer, done) = oneshot::channel();
            sender.send((id(n), entity(n), answer)).await.unwrap();
            done.await.unwrap();
        }
    })
    .await;
    writer.join().unwrap();
    rate
}

async fn ours() -> f64 {
    let place = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> =
        EmbeddedStore::open(place.path().join("store"), &Options::default()).unwrap();
    let commits = {
        let store = Arc::clone(&store);
        together(WRITERS, ROWS, move |n| {
            let store = Arc::clone(&store);
            async move {
                let op = Op::PutEntity { doc: entity(n), expect: Expect::Absent };
                store.commit(WriteSet::new(town()).with(op)).await.unwrap();
            }
        })
        .await
    };
    let view = platform(&town());
    for (what, span) in [("cold", ROWS), ("warm, 10,000 of them", 10_000), ("warm again", 10_000)] {
        let (store, view) = (Arc::clone(&store), view.clone());
        let rate = together(4, ROWS, move |n| {
            let (store, view) = (Arc::clone(&store), view.clone());
            async move {
                let one = n.wrapping_mul(0x2545_f491_4f6c_dd1d) % span;
                assert!(store.entity(&view, &id(one)).await.unwrap().is_some());
            }
        })
        .await;
        println!("reads of one entity, {what}: {rate:.0}/s");
    }
    let rate = {
        let (store, view) = (Arc::clone(&store), view.clone());
        together(4, 20_000, move |_| {
            let (store, view) = (Arc::clone(&store), view.clone());
            async move {
                let mut query = typed(LAMP);
                query.limit = 20;
                assert_eq!(store.query(&view, &query).await.unwrap().entities.len(), 20);
            }
        })
        .await
    };
    println!("queries by type, 20 of {ROWS}: {rate:.0}/s");
    let start = Instant::now();
    let findings = store.verify().await.unwrap();
    println!("verify: {findings:?} in {:.1} s", start.elapsed().as_secs_f64());
    store.close().await;
    let start = Instant::now();
    let store = EmbeddedStore::open(place.path().join("store"), &Options::default()).unwrap();
    println!("opening again: {:.0} ms", start.elapsed().as_secs_f64() * 1e3);
    store.close().await;
    commits
}
