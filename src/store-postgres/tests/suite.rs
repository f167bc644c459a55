//! The suite and the model on PostgreSQL, each test in a schema of its own.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests may unwrap; the environment names the database and sizes for a longer run"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use tokio_postgres::NoTls;
use tsunagu_store::conformance::{Place, crash, model, samples};
use tsunagu_store::index::Declared;
use tsunagu_store::{Expect, Log, Op, Store, StoreError, WriteSet, store_suite};
use tsunagu_store_postgres::{Options, PostgresStore};

fn url() -> String {
    std::env::var("TEST_POSTGRES_URL").unwrap_or_else(|_| {
        panic!("TEST_POSTGRES_URL names no database for tests; run `cargo xtask test`, which starts one")
    })
}

struct Schema(String);

impl Schema {
    /// A name that no other test and no other run at the same time has.
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        Self(format!("test_{}_{n}", std::process::id()))
    }

    fn options(&self) -> Options {
        Options {
            declared: samples::declared(),
            schema: Some(self.0.clone()),
            pool: 3,
            ..Options::default()
        }
    }

    async fn connect(&self) -> Arc<dyn Store> {
        PostgresStore::connect(&url(), &self.options()).await.unwrap()
    }

    /// Runs SQL of an outsider in the schema.
    async fn execute(&self, sql: &str) {
        let (client, connection) = tokio_postgres::connect(&url(), NoTls).await.unwrap();
        tokio::spawn(connection);
        client.batch_execute(&format!("SET search_path = {}; {sql}", self.0)).await.unwrap();
    }
}

impl Drop for Schema {
    fn drop(&mut self) {
        let sql = format!("DROP SCHEMA IF EXISTS {} CASCADE", self.0);
        let done = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                let (client, connection) = tokio_postgres::connect(&url(), NoTls).await.unwrap();
                tokio::spawn(connection);
                client.batch_execute(&sql).await.unwrap();
            });
        });
        drop(done.join());
    }
}

#[async_trait]
impl Place for Schema {
    async fn open(&self) -> Arc<dyn Store> {
        self.connect().await
    }
}

store_suite!(Schema::new());

fn number(name: &str) -> Option<u32> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

/// `STORE_MODEL_CASES` and `STORE_MODEL_SEED` make it longer or other.
#[test]
fn random_operations_agree_with_the_oracle() {
    let cases = number("STORE_MODEL_CASES").unwrap_or(12);
    let seed = number("STORE_MODEL_SEED").unwrap_or(3).into();
    model::run(model::Size { cases, steps: 60, seed }, Schema::new);
}

const LOG: Log = Log("notes");
const SCHEMA: &str = "STORE_CRASH_SCHEMA";
const FIRST: &str = "STORE_CRASH_FIRST";

/// The process starts itself again as the writer. `CRASH_ROUNDS` and `CRASH_SEED` make it longer or other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_a_kill() {
    if let Ok(schema) = std::env::var(SCHEMA) {
        let schema = std::mem::ManuallyDrop::new(Schema(schema));
        let first = std::env::var(FIRST).unwrap().parse().unwrap();
        return crash::write_until_killed(schema.connect().await, first, crash::say).await;
    }
    let schema = Schema::new();
    let writer = |first: u64| {
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", "what_was_acknowledged_survives_a_kill", "--nocapture"])
            .env(SCHEMA, &schema.0)
            .env(FIRST, first.to_string());
        command
    };
    let rounds = number("CRASH_ROUNDS").unwrap_or(6);
    let seed = number("CRASH_SEED").unwrap_or(1).into();
    Box::pin(crash::kill_and_check(rounds, seed, writer, || schema.connect())).await;
}

/// Two processes write to one store: versions, logs and counters stay one sequence.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_writers_of_one_store_take_turns() {
    let schema = Schema::new();
    let (one, two) = tokio::join!(schema.connect(), schema.connect());
    let mut writers = tokio::task::JoinSet::new();
    for n in 0..16_u64 {
        let store = Arc::clone(if n % 2 == 0 { &one } else { &two });
        writers.spawn(async move {
            let mut got = Vec::new();
            for _ in 0..10 {
                let set = WriteSet::new(samples::town())
                    .with(Op::Append { log: LOG, entry: n.to_be_bytes().to_vec() });
                let receipt = store.commit(set).await.unwrap();
                got.push((receipt.appended[0], receipt.version));
            }
            got
        });
    }
    let mut all: Vec<(u64, u64)> = writers.join_all().await.into_iter().flatten().collect();
    all.sort_unstable();
    assert!(all.iter().map(|(index, _)| *index).eq(0..160));
    assert!(all.is_sorted_by_key(|(_, version)| *version));
    assert_eq!(two.log_size(&samples::town(), LOG).await.unwrap(), 160);
    one.close().await;
    two.close().await;
}

/// The server ends the connections: what was not acknowledged may be retried, and the store goes on by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_connection_is_told_and_mended() {
    let schema = Schema::new();
    let store = schema.connect().await;
    samples::put(&*store, &samples::town(), vec![samples::lamp(1, 1.0)]).await;
    let view = samples::platform(&samples::town());
    assert_eq!(samples::found(&*store, &view, &samples::all()).await, samples::lamps(&[1]));
    let ours = format!("application_name = 'tsunagu {}'", schema.0);
    schema
        .execute(&format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {ours}"))
        .await;
    let mut n = 2;
    let create = |n: usize| {
        let op = Op::PutEntity { doc: samples::lamp(n, 1.0), expect: Expect::Absent };
        WriteSet::new(samples::town()).with(op)
    };
    while let Err(error) = store.commit(create(n)).await {
        assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
        n += 1;
        assert!(n < 10, "the writer does not come back");
    }
    // Each connection of the pool may notice once.
    let mut page = store.query(&view, &samples::all()).await;
    for _ in 0..3 {
        if let Err(StoreError::Unavailable(_)) = page {
            page = store.query(&view, &samples::all()).await;
        }
    }
    let ids: Vec<String> = page.unwrap().entities.iter().map(|f| f.doc.id().to_owned()).collect();
    assert_eq!(ids, samples::lamps(&[1, n]), "what failed is not there");
    store.close().await;
}

/// Tables of a newer program are left alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn newer_tables_are_refused() {
    let schema = Schema::new();
    schema.connect().await.close().await;
    schema.execute("INSERT INTO tsunagu_schema (version) VALUES (99)").await;
    let outcome = PostgresStore::connect(&url(), &schema.options()).await;
    let text = outcome.unwrap_err().to_string();
    assert!(text.contains("version 99") && text.contains("newer"), "{text}");
}

/// Declaring other attributes rebuilds the index; a process that still declares the old ones may not write.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn declaring_other_attributes_rebuilds_the_index() {
    let schema = Schema::new();
    let none = Options { declared: Declared::default(), ..schema.options() };
    let old = PostgresStore::connect(&url(), &none).await.unwrap();
    samples::put(&*old, &samples::town(), vec![samples::lamp(1, 1.0), samples::lamp(2, 2.0)]).await;
    assert_eq!(old.verify().await.unwrap(), Vec::<String>::new());
    let new = schema.connect().await;
    let view = samples::platform(&samples::town());
    assert_eq!(new.verify().await.unwrap(), Vec::<String>::new());
    let query = samples::asked(samples::LAMP, "level==2");
    assert_eq!(samples::found(&*new, &view, &query).await, samples::lamps(&[2]));
    let set = WriteSet::new(samples::town()).with(Op::Append { log: LOG, entry: Vec::new() });
    assert!(matches!(old.commit(set.clone()).await, Err(StoreError::Unavailable(_))));
    assert_eq!(new.commit(set).await.unwrap().appended, [0]);
    old.close().await;
    new.close().await;
}

/// What `verify` is for: it sees what an outsider broke.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damage_is_found() {
    let schema = Schema::new();
    let store = schema.connect().await;
    for (sql, finding) in [
        ("DELETE FROM index_entry WHERE id LIKE '%0001'", "misses an index entry"),
        ("DELETE FROM entity WHERE id LIKE '%0001'", "belong to no entity"),
        ("UPDATE entity SET doc = '\\x00'", "not what was written"),
        ("UPDATE entity SET version = 999", "after the last"),
    ] {
        samples::put(&*store, &samples::town(), vec![samples::lamp(1, 1.0)]).await;
        assert_eq!(store.verify().await.unwrap(), Vec::<String>::new());
        schema.execute(sql).await;
        let findings = store.verify().await.unwrap();
        assert!(findings.iter().any(|text| text.contains(finding)), "{sql}: {findings:?}");
        schema.execute("TRUNCATE entity, index_entry").await;
    }
    store.close().await;
}
