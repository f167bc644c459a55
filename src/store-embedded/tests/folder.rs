//! The folder: who may open it, what it must look like, and what is noticed when it is not as it was left.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "tests may unwrap; the environment tells the child what it is, and it prints what it did"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use fjall::{Database, Keyspace, KeyspaceCreateOptions};
use tempfile::TempDir;
use tsunagu_store::conformance::samples::{
    LAMP, all, asked, declared, found, id, lamp, lamps, platform, put, town,
};
use tsunagu_store::index::Declared;
use tsunagu_store::{Collection, Expect, Log, Op, Scan, Store, StoreError, WriteSet};
use tsunagu_store_embedded::{Durability, EmbeddedStore, Options};

const THINGS: Collection = Collection("things");

fn options() -> Options {
    Options { declared: declared(), ..Options::default() }
}

fn place() -> (TempDir, PathBuf) {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("deep").join("store");
    fs::create_dir(place.path().join("deep")).unwrap();
    (place, folder)
}

fn open(folder: &Path) -> Result<Arc<EmbeddedStore>, StoreError> {
    EmbeddedStore::open(folder, &options())
}

#[tokio::test]
async fn a_second_opener_is_told_why() {
    let (_place, folder) = place();
    let store = open(&folder).unwrap();
    let error = open(&folder).unwrap_err();
    assert!(error.to_string().contains("another process"), "{error}");
    store.close().await;
    open(&folder).unwrap().close().await;
}

#[tokio::test]
async fn a_folder_of_another_format_is_left_alone() {
    let (_place, folder) = place();
    open(&folder).unwrap().close().await;
    let file = folder.join("FORMAT");
    let now = fs::read_to_string(&file).unwrap();
    fs::write(&file, "tsunagu-store-embedded 99\n").unwrap();
    let error = open(&folder).unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    assert!(error.to_string().contains("99") && error.to_string().contains("newer"), "{error}");
    for other in ["", "tsunagu-store-embedded", "tsunagu-store-embedded 0", "something 1"] {
        fs::write(&file, other).unwrap();
        assert!(matches!(open(&folder), Err(StoreError::Corrupt(_))), "{other}");
    }
    fs::remove_file(&file).unwrap();
    assert!(matches!(open(&folder), Err(StoreError::Corrupt(_))));
    fs::write(&file, now).unwrap();
    open(&folder).unwrap().close().await;
}

#[tokio::test]
async fn declaring_other_attributes_rebuilds_the_index() {
    let (_place, folder) = place();
    let none = Options { declared: Declared::default(), ..options() };
    let store = EmbeddedStore::open(&folder, &none).unwrap();
    put(&*store, &town(), (0..1_500_u16).map(|n| lamp(n.into(), n.into())).collect()).await;
    store.close().await;
    let view = platform(&town());
    for options in [options(), none, options()] {
        let store = EmbeddedStore::open(&folder, &options).unwrap();
        assert_eq!(store.verify().await.unwrap(), Vec::<String>::new());
        let ids = found(&*store, &view, &asked(LAMP, "level>=1498")).await;
        assert_eq!(ids, lamps(&[1498, 1499]));
        store.close().await;
    }
}

#[tokio::test]
async fn a_relaxed_store_keeps_what_was_written_too() {
    let (_place, folder) = place();
    let relaxed = Options { durability: Durability::Relaxed, ..options() };
    let store = EmbeddedStore::open(&folder, &relaxed).unwrap();
    put(&*store, &town(), vec![lamp(1, 1.0)]).await;
    store.close().await;
    let store = open(&folder).unwrap();
    assert_eq!(found(&*store, &platform(&town()), &all()).await, lamps(&[1]));
    store.close().await;
}

/// What an outsider does, given a way to a keyspace of a name.
type Damage = fn(&dyn Fn(&str) -> Keyspace);

/// Opens the engine as an outsider, with the store closed.
fn engine(folder: &Path, change: impl FnOnce(&dyn Fn(&str) -> Keyspace)) {
    let db = Database::builder(folder.join("engine")).open().unwrap();
    change(&|name| db.keyspace(name, KeyspaceCreateOptions::default).unwrap());
    db.persist(fjall::PersistMode::SyncAll).unwrap();
}

#[tokio::test]
async fn damage_is_found() {
    let cases: [(&str, Damage); 6] = [
        ("misses an index entry", |keyspace| {
            let index = keyspace("index");
            let key = index.iter().next().unwrap().key().unwrap();
            index.remove(key).unwrap();
        }),
        ("belong to no entity", |keyspace| {
            let index = keyspace("index");
            let key = index.iter().next().unwrap().key().unwrap();
            index.insert([&key[..], b"x"].concat(), b"").unwrap();
        }),
        ("does not decode", |keyspace| {
            let entities = keyspace("entities");
            let (key, value) = entities.iter().next().unwrap().into_inner().unwrap();
            entities.insert(key, &value[..value.len() - 1]).unwrap();
        }),
        ("another's id", |keyspace| {
            let entities = keyspace("entities");
            let (key, value) = entities.iter().next().unwrap().into_inner().unwrap();
            entities.insert([&key[..], b"x"].concat(), value).unwrap();
        }),
        ("a log has entry 2 where 1 is due", |keyspace| {
            let logs = keyspace("logs");
            let key = logs.iter().nth(1).unwrap().key().unwrap();
            logs.remove(key).unwrap();
        }),
        ("after the last", |keyspace| {
            let records = keyspace("records");
            let (key, _) = records.iter().next().unwrap().into_inner().unwrap();
            records.insert(key, [255; 9]).unwrap();
        }),
    ];
    for (finding, damage) in cases {
        let (_place, folder) = place();
        let store = open(&folder).unwrap();
        let mut set = WriteSet::new(town()).with(Op::PutRecord {
            collection: THINGS,
            key: b"k".to_vec(),
            value: Vec::new(),
            expect: Expect::Any,
        });
        for n in 0..3 {
            set = set
                .with(Op::PutEntity { doc: lamp(n, 1.0), expect: Expect::Any })
                .with(Op::Append { log: Log("notes"), entry: vec![1] });
        }
        store.commit(set).await.unwrap();
        assert_eq!(store.verify().await.unwrap(), Vec::<String>::new());
        store.close().await;
        engine(&folder, damage);
        let store = open(&folder).unwrap();
        let findings = store.verify().await.unwrap();
        assert!(findings.iter().any(|text| text.contains(finding)), "{finding}: {findings:?}");
        assert!(!findings.iter().any(|text| text.contains(&id(LAMP, 0))), "{findings:?}");
        store.close().await;
    }
}

/// A damaged entity concerns only those that need it.
#[tokio::test]
async fn damage_does_not_stop_other_writes() {
    let (_place, folder) = place();
    let store = open(&folder).unwrap();
    put(&*store, &town(), vec![lamp(1, 1.0), lamp(2, 1.0)]).await;
    store.close().await;
    engine(&folder, |keyspace| {
        let entities = keyspace("entities");
        let key = entities.iter().next().unwrap().key().unwrap();
        entities.insert(key, [0; 12]).unwrap();
    });
    let store = open(&folder).unwrap();
    let write = |n: usize| {
        let op = Op::PutEntity { doc: lamp(n, 2.0), expect: Expect::Any };
        store.commit(WriteSet::new(town()).with(op))
    };
    let (one, two, three) = tokio::join!(write(1), write(2), write(3));
    assert!(matches!(one, Err(StoreError::Corrupt(_))), "{one:?}");
    assert!(two.is_ok() && three.is_ok());
    let view = platform(&town());
    assert!(matches!(store.entity(&view, &id(LAMP, 1)).await, Err(StoreError::Corrupt(_))));
    assert!(store.entity(&view, &id(LAMP, 2)).await.unwrap().is_some());
    store.close().await;
}

const FULL: &str = "STORE_FULL_FOLDER";

/// The disk takes no more bytes (here: files of this process may not grow). What was acknowledged stays, the write that failed says that
/// nobody knows, later ones are refused, reading goes on, and opening again mends it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_loses_nothing_that_was_acknowledged() {
    if let Ok(folder) = std::env::var(FULL) {
        return fill(Path::new(&folder)).await;
    }
    let (_place, folder) = place();
    open(&folder).unwrap().close().await;
    // The signal for files that are too large is ignored, so that writing fails as it does on a full disk.
    let child = Command::new("sh")
        .args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "a_full_disk_loses_nothing_that_was_acknowledged", "--nocapture"])
        .env(FULL, &folder)
        .output()
        .unwrap();
    let out = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success(), "{out} {}", String::from_utf8_lossy(&child.stderr));
    let written = out.lines().find_map(|line| line.strip_prefix("acknowledged ")).unwrap();
    let written: usize = written.parse().unwrap();
    let store = open(&folder).unwrap();
    assert_eq!(store.verify().await.unwrap(), Vec::<String>::new());
    let records = store.records(&town(), THINGS, &every()).await.unwrap();
    assert!(records.len() >= written, "{} of {written}", records.len());
    assert!(records.iter().take(written).enumerate().all(|(n, (key, _))| *key == n.to_be_bytes()));
    put(&*store, &town(), vec![lamp(1, 1.0)]).await;
    store.close().await;
}

fn every() -> Scan {
    Scan { limit: usize::MAX, ..Scan::default() }
}

async fn fill(folder: &Path) {
    let store = open(folder).unwrap();
    // Of util-linux, which every Debian has.
    let me = format!("--pid={}", std::process::id());
    let limited = Command::new("prlimit").args([&me, "--fsize=1000000:1000000"]).status().unwrap();
    assert!(limited.success());
    let write = |n: usize| {
        let (key, value) = (
            n.to_be_bytes().to_vec(),
            (0..9_000).flat_map(|i| (i * n % 251).to_le_bytes()).collect(),
        );
        let op = Op::PutRecord { collection: THINGS, key, value, expect: Expect::Absent };
        store.commit(WriteSet::new(town()).with(op))
    };
    let mut written = 0;
    let error = loop {
        match write(written).await {
            Ok(_) => written += 1,
            Err(error) => break error,
        }
        assert!(written < 10_000, "the limit did not hold");
    };
    assert!(error.to_string().contains("outcome of this write is unknown"), "{error}");
    for n in 0..3 {
        let later = write(20_000 + n).await;
        assert!(matches!(later, Err(StoreError::Unavailable(_))), "{later:?}");
    }
    let records = store.records(&town(), THINGS, &every()).await.unwrap();
    assert_eq!(records.len(), written, "what failed is not seen");
    println!("acknowledged {written}");
    store.close().await;
}
