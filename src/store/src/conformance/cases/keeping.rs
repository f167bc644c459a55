//! Keeping things, and keeping them apart.

use crate::conformance::Place;
use crate::conformance::samples::{
    LAMP, all, found, id, lamp, lamps, other_town, platform, put, town, typed,
};
use crate::{Collection, Conflict, Expect, Guard, Log, Op, Scan, Store, StoreError, WriteSet};

const THINGS: Collection = Collection("things");
const NOTES: Log = Log("notes");

fn put_record(collection: Collection, key: &[u8], value: &[u8]) -> Op {
    let (key, value) = (key.to_vec(), value.to_vec());
    Op::PutRecord { collection, key, value, expect: Expect::Any }
}

fn append(log: Log, entry: &[u8]) -> Op {
    Op::Append { log, entry: entry.to_vec() }
}

async fn keys(store: &dyn Store, collection: Collection, scan: &Scan) -> Vec<Vec<u8>> {
    let records = store.records(&town(), collection, scan).await.unwrap();
    records.into_iter().map(|(key, _)| key).collect()
}

/// The same names in two towns are two things.
pub async fn tenants_are_apart(place: &dyn Place) {
    let store = place.open().await;
    for (tenant, at) in [(town(), 1.0), (other_town(), 2.0)] {
        let set = WriteSet::new(tenant.clone())
            .with(Op::PutEntity { doc: lamp(1, at), expect: Expect::Absent })
            .with(put_record(THINGS, b"k", tenant.as_str().as_bytes()))
            .with(append(NOTES, tenant.as_str().as_bytes()));
        assert_eq!(store.commit(set).await.unwrap().appended, [0]);
    }
    put(&*store, &other_town(), vec![lamp(2, 2.0)]).await;
    for (tenant, expected) in [(town(), vec![1]), (other_town(), vec![1, 2])] {
        let view = platform(&tenant);
        assert_eq!(found(&*store, &view, &all()).await, lamps(&expected));
        assert_eq!(found(&*store, &view, &typed(LAMP)).await, lamps(&expected));
        let record = store.record(&tenant, THINGS, b"k").await.unwrap().unwrap();
        assert_eq!(record.value, tenant.as_str().as_bytes());
        let scan = Scan { limit: 9, ..Scan::default() };
        assert_eq!(store.records(&tenant, THINGS, &scan).await.unwrap().len(), 1);
        let entries = store.log_entries(&tenant, NOTES, 0, 9).await.unwrap();
        assert_eq!(entries, [tenant.as_str().as_bytes().to_vec()]);
    }
    store.close().await;
}

/// Scans by prefix, after a key, backwards, limited; other collections do not show.
pub async fn records_are_scanned_in_order(place: &dyn Place) {
    let store = place.open().await;
    let mut set = WriteSet::new(town());
    for key in ["b1", "a", "b3", "b", "c", "b2"] {
        set = set.with(put_record(THINGS, key.as_bytes(), key.as_bytes()));
        set = set.with(put_record(Collection("thing"), key.as_bytes(), b"other"));
        set = set.with(put_record(Collection("things-2"), key.as_bytes(), b"other"));
    }
    let version = store.commit(set).await.unwrap().version;
    let scan = |prefix: &str, after: Option<&str>, limit: usize, reverse: bool| Scan {
        prefix: prefix.as_bytes().to_vec(),
        after: after.map(|key| key.as_bytes().to_vec()),
        limit,
        reverse,
    };
    for (scan, expected) in [
        (scan("", None, 99, false), vec!["a", "b", "b1", "b2", "b3", "c"]),
        (scan("", None, 99, true), vec!["c", "b3", "b2", "b1", "b", "a"]),
        (scan("b", None, 99, false), vec!["b", "b1", "b2", "b3"]),
        (scan("b", None, 2, false), vec!["b", "b1"]),
        (scan("b", Some("b1"), 99, false), vec!["b2", "b3"]),
        (scan("b", Some("b1"), 99, true), vec!["b"]),
        (scan("b", Some("b15"), 1, true), vec!["b1"]),
        (scan("b", Some("a"), 99, false), vec!["b", "b1", "b2", "b3"]),
        (scan("b", Some("c"), 99, false), vec![]),
        (scan("b", Some("c"), 2, true), vec!["b3", "b2"]),
        (scan("b", Some("a"), 99, true), vec![]),
        (scan("d", None, 99, false), vec![]),
        (scan("", None, 0, false), vec![]),
    ] {
        let expected: Vec<Vec<u8>> = expected.iter().map(|key| key.as_bytes().to_vec()).collect();
        assert_eq!(keys(&*store, THINGS, &scan).await, expected, "{scan:?}");
    }
    let records = store.records(&town(), THINGS, &scan("b3", None, 1, false)).await.unwrap();
    assert_eq!((records[0].1.version, records[0].1.value.as_slice()), (version, &b"b3"[..]));
    store.close().await;
}

/// Keys and values are bytes, also those that end strings or sort last.
pub async fn keys_are_any_bytes(place: &dyn Place) {
    let store = place.open().await;
    let mut some: Vec<Vec<u8>> = vec![
        vec![],
        vec![0],
        vec![0, 0],
        vec![0, 255],
        vec![1],
        vec![254],
        vec![255],
        vec![255, 0],
        vec![255, 255],
        vec![255, 255, 0],
        vec![7; 1024],
    ];
    let mut set = WriteSet::new(town());
    for key in some.iter().rev() {
        set = set.with(put_record(THINGS, key, key)).with(append(NOTES, key));
    }
    store.commit(set).await.unwrap();
    some.sort();
    let every = Scan { limit: 99, ..Scan::default() };
    assert_eq!(keys(&*store, THINGS, &every).await, some);
    for key in &some {
        assert_eq!(&store.record(&town(), THINGS, key).await.unwrap().unwrap().value, key);
        for reverse in [false, true] {
            let scan = Scan { prefix: key.clone(), reverse, ..every.clone() };
            let mut expected: Vec<_> =
                some.iter().filter(|k| k.starts_with(key)).cloned().collect();
            let after = Scan { after: Some(key.clone()), reverse, ..every.clone() };
            let past = |k: &&Vec<u8>| if reverse { *k < key } else { *k > key };
            let mut expected_after: Vec<_> = some.iter().filter(past).cloned().collect();
            if reverse {
                expected.reverse();
                expected_after.reverse();
            }
            assert_eq!(keys(&*store, THINGS, &scan).await, expected);
            assert_eq!(keys(&*store, THINGS, &after).await, expected_after);
        }
    }
    store.close().await;
}

/// Ranges of a log, within it and beyond its end; logs of similar names do not mix.
pub async fn logs_are_read_in_ranges(place: &dyn Place) {
    let store = place.open().await;
    let entry = |n: u32| n.to_be_bytes().to_vec();
    for start in [0, 200] {
        let mut set = WriteSet::new(town()).with(append(Log("note"), b"other"));
        for n in start..start + 200 {
            set = set.with(append(NOTES, &entry(n)));
        }
        store.commit(set.with(append(Log("notes-2"), b"other"))).await.unwrap();
    }
    assert_eq!(store.log_size(&town(), NOTES).await.unwrap(), 400);
    assert_eq!(store.log_size(&town(), Log("none")).await.unwrap(), 0);
    assert_eq!(store.log_size(&town(), Log("note")).await.unwrap(), 2);
    for (from, limit, expected) in [
        (0, 3, 0..3),
        (0, 0, 0..0),
        (255, 2, 255..257),
        (398, 9, 398..400),
        (400, 9, 0..0),
        (u64::MAX, 9, 0..0),
        (0, usize::MAX, 0..400),
    ] {
        let entries = store.log_entries(&town(), NOTES, from, limit).await.unwrap();
        assert_eq!(entries, expected.map(entry).collect::<Vec<_>>(), "{from} {limit}");
    }
    store.close().await;
}

/// A record can name the entry that was appended before it; an entry's bytes can be replaced, nothing else of the log changes.
pub async fn entries_are_named_and_redacted(place: &dyn Place) {
    let store = place.open().await;
    let name = |key: &[u8]| Op::PutIndex { collection: THINGS, key: key.to_vec() };
    let redact = |index, entry: &[u8]| Op::Redact { log: NOTES, index, entry: entry.to_vec() };
    let set = |ops: Vec<Op>| WriteSet { tenant: town(), ops };
    let first = vec![append(NOTES, b"a"), name(b"one"), append(NOTES, b"b"), name(b"two")];
    store.commit(set(first)).await.unwrap();
    // Appended and redacted at once, and the last of two wins.
    let second =
        vec![append(NOTES, b"c"), name(b"one"), redact(2, b"C"), redact(0, b"?"), redact(0, b"")];
    assert_eq!(store.commit(set(second)).await.unwrap().appended, [2]);
    let conflict = |op, conflict| Err(StoreError::Conflict { op, conflict });
    let beyond = store.commit(set(vec![redact(1, b"never"), redact(3, b"")])).await;
    assert_eq!(beyond, conflict(1, Conflict::Missing));
    assert_eq!(store.commit(set(vec![name(b"three")])).await, conflict(0, Conflict::Missing));
    store.close().await;
    let store = place.open().await;
    for (key, index) in [(&b"one"[..], 2_u64), (b"two", 1)] {
        let record = store.record(&town(), THINGS, key).await.unwrap().unwrap();
        assert_eq!(record.value, index.to_be_bytes());
    }
    assert!(store.record(&town(), THINGS, b"three").await.unwrap().is_none());
    let entries = [b"".to_vec(), b"b".to_vec(), b"C".to_vec()];
    assert_eq!(store.log_entries(&town(), NOTES, 0, 9).await.unwrap(), entries);
    let some = store.log_entries_at(&town(), NOTES, &[2, 3, 0, 2, u64::MAX]).await.unwrap();
    assert_eq!(some, [Some(b"C".to_vec()), None, Some(Vec::new()), Some(b"C".to_vec()), None]);
    assert_eq!(store.log_size(&town(), NOTES).await.unwrap(), 3);
    let receipt = store.commit(set(vec![append(NOTES, b"d")])).await.unwrap();
    assert_eq!(receipt.appended, [3]);
    assert_eq!(store.verify().await.unwrap(), Vec::<String>::new());
    store.close().await;
}

/// Entities, records, logs, indexes and versions are there after closing and opening.
pub async fn reopening_keeps_everything(place: &dyn Place) {
    let view = platform(&town());
    let mut last = 0;
    for round in 0..3_usize {
        let store = place.open().await;
        let before: Vec<usize> = (0..round).collect();
        assert_eq!(found(&*store, &view, &typed(LAMP)).await, lamps(&before));
        assert_eq!(store.log_size(&town(), NOTES).await.unwrap(), round as u64);
        let key = round.to_be_bytes();
        let set = WriteSet::new(town())
            .with(Op::PutEntity { doc: lamp(round, 1.0), expect: Expect::Absent })
            .with(put_record(THINGS, &key, &key))
            .with(append(NOTES, &key));
        let receipt = store.commit(set).await.unwrap();
        assert_eq!(receipt.appended, [round as u64]);
        assert!(receipt.version > last, "versions go on growing");
        last = receipt.version;
        if round > 0 {
            let early = store.entity(&view, &id(LAMP, round - 1)).await.unwrap().unwrap();
            assert!(early.version < last);
        }
        assert_eq!(store.verify().await.unwrap(), Vec::<String>::new());
        store.close().await;
    }
    let store = place.open().await;
    let every = Scan { limit: 9, ..Scan::default() };
    assert_eq!(keys(&*store, THINGS, &every).await.len(), 3);
    assert_eq!(store.log_entries(&town(), NOTES, 0, 9).await.unwrap().len(), 3);
    assert_eq!(found(&*store, &view, &typed(LAMP)).await, lamps(&[0, 1, 2]));
    store.close().await;
}

/// Values up to a megabyte, also many bytes in one set, come back as they were, also after opening again.
pub async fn large_values_are_kept(place: &dyn Place) {
    let mut seed = 1_u64;
    let mut value = |size: usize| -> Vec<u8> {
        let byte = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            seed.to_be_bytes()[0]
        };
        std::iter::repeat_with(byte).take(size).collect()
    };
    let values: Vec<Vec<u8>> =
        [0, 1, 4_095, 4_096, 65_535, 65_536, 1 << 20, 1 << 20].map(&mut value).to_vec();
    let store = place.open().await;
    let mut set = WriteSet::new(town());
    for (n, value) in values.iter().enumerate() {
        set = set.with(put_record(THINGS, &n.to_be_bytes(), value)).with(append(NOTES, value));
    }
    store.commit(set).await.unwrap();
    store.close().await;
    let store = place.open().await;
    for (n, value) in values.iter().enumerate() {
        let record = store.record(&town(), THINGS, &n.to_be_bytes()).await.unwrap().unwrap();
        assert!(record.value == *value, "value {n} differs");
    }
    assert!(store.log_entries(&town(), NOTES, 0, 99).await.unwrap() == values);
    store.close().await;
}

/// Too long keys and ids are refused before anything is tried, wherever they stand in a set.
pub async fn what_no_backend_takes_is_refused(place: &dyn Place) {
    let store = place.open().await;
    let key = vec![7; 1025];
    let guard = Guard::Absent { collection: THINGS, key: key.clone() };
    for op in [
        put_record(THINGS, &key, b""),
        Op::Add { collection: THINGS, key: key.clone(), delta: 1, min: 0, max: 1 },
        Op::When { guards: vec![guard], then: vec![], otherwise: vec![] },
        Op::When { guards: vec![], then: vec![], otherwise: vec![put_record(THINGS, &key, b"")] },
        Op::DeleteEntity { id: "a\0b".to_owned(), expect: Expect::Any },
        Op::DeleteEntity { id: "a".repeat(1025), expect: Expect::Any },
        Op::DeleteEntity { id: String::new(), expect: Expect::Any },
    ] {
        let set = WriteSet::new(town()).with(put_record(THINGS, b"k", b"")).with(op);
        let outcome = store.commit(set).await;
        assert!(matches!(outcome, Err(StoreError::Refused(_))), "{outcome:?}");
    }
    assert_eq!(store.record(&town(), THINGS, b"k").await.unwrap(), None);
    store.commit(WriteSet::new(town()).with(put_record(THINGS, b"k", b""))).await.unwrap();
    store.close().await;
}

/// After closing, reads and writes fail instead of doing half; writes that were waiting have an outcome.
pub async fn a_closed_store_refuses(place: &dyn Place) {
    let store = place.open().await;
    let write = |n: usize| {
        WriteSet::new(town()).with(Op::PutEntity { doc: lamp(n, 1.0), expect: Expect::Absent })
    };
    let writers: Vec<_> = (0..32)
        .map(|n| {
            let (store, set) = (std::sync::Arc::clone(&store), write(n));
            tokio::spawn(async move { (n, store.commit(set).await) })
        })
        .collect();
    store.close().await;
    let mut kept = Vec::new();
    for writer in writers {
        match writer.await.unwrap() {
            (n, Ok(_)) => kept.push(n),
            (_, Err(error)) => assert!(matches!(error, StoreError::Unavailable(_)), "{error}"),
        }
    }
    let view = platform(&town());
    assert!(matches!(store.commit(write(99)).await, Err(StoreError::Unavailable(_))));
    assert!(matches!(store.query(&view, &all()).await, Err(StoreError::Unavailable(_))));
    assert!(matches!(store.entity(&view, &id(LAMP, 0)).await, Err(StoreError::Unavailable(_))));
    assert!(matches!(store.log_size(&town(), NOTES).await, Err(StoreError::Unavailable(_))));
    assert!(matches!(store.record(&town(), THINGS, b"k").await, Err(StoreError::Unavailable(_))));
    store.close().await;
    let store = place.open().await;
    for n in kept {
        let again = store.commit(write(n)).await;
        assert_eq!(again, Err(StoreError::Conflict { op: 0, conflict: Conflict::Exists }));
    }
    store.close().await;
}
