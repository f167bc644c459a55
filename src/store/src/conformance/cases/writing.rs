//! Preconditions, order, branches, counters.

use crate::conformance::Place;
use crate::conformance::samples::{LAMP, id, lamp, level, other_town, platform, put, town};
use crate::{Collection, Conflict, Expect, Guard, Log, Op, Receipt, Store, StoreError, WriteSet};

const THINGS: Collection = Collection("things");
const NOTES: Log = Log("notes");

async fn commit(store: &dyn Store, ops: Vec<Op>) -> Result<Receipt, StoreError> {
    store.commit(WriteSet { tenant: town(), ops }).await
}

fn refused(outcome: Result<Receipt, StoreError>) -> (usize, Conflict) {
    match outcome {
        Err(StoreError::Conflict { op, conflict }) => (op, conflict),
        other => unreachable!("expected a conflict, got {other:?}"),
    }
}

fn put_record(key: &[u8], value: &[u8], expect: Expect) -> Op {
    let (key, value) = (key.to_vec(), value.to_vec());
    Op::PutRecord { collection: THINGS, key, value, expect }
}

fn add(key: &[u8], delta: i64, min: i64, max: i64) -> Op {
    Op::Add { collection: THINGS, key: key.to_vec(), delta, min, max }
}

async fn value(store: &dyn Store, key: &[u8]) -> Option<Vec<u8>> {
    store.record(&town(), THINGS, key).await.unwrap().map(|record| record.value)
}

async fn counter(store: &dyn Store, key: &[u8]) -> i64 {
    let value = value(store, key).await.unwrap();
    i64::from_be_bytes(value.try_into().unwrap())
}

/// Create, replace and delete of entities under every precondition.
pub async fn entities_keep_their_preconditions(place: &dyn Place) {
    let store = place.open().await;
    let view = platform(&town());
    let write = |level: f64, expect: Expect| Op::PutEntity { doc: lamp(1, level), expect };
    let delete = |expect: Expect| Op::DeleteEntity { id: id(LAMP, 1), expect };

    for expect in [Expect::Present, Expect::Version(1)] {
        let outcome = commit(&*store, vec![write(1.0, expect)]).await;
        assert_eq!(refused(outcome), (0, Conflict::Missing));
        assert_eq!(refused(commit(&*store, vec![delete(expect)]).await), (0, Conflict::Missing));
    }
    commit(&*store, vec![delete(Expect::Any)]).await.unwrap();
    assert!(store.entity(&view, &id(LAMP, 1)).await.unwrap().is_none());

    let created = commit(&*store, vec![write(1.0, Expect::Absent)]).await.unwrap();
    let found = store.entity(&view, &id(LAMP, 1)).await.unwrap().unwrap();
    assert_eq!(found.version, created.version);
    assert_eq!(found.doc.bytes(), lamp(1, 1.0).bytes());

    let again = commit(&*store, vec![write(2.0, Expect::Absent)]).await;
    assert_eq!(refused(again), (0, Conflict::Exists));
    assert_eq!(refused(commit(&*store, vec![delete(Expect::Absent)]).await), (0, Conflict::Exists));

    let replaced = commit(&*store, vec![write(3.0, Expect::Version(created.version))]).await;
    let replaced = replaced.unwrap();
    assert!(replaced.version > created.version);
    let stale = commit(&*store, vec![write(4.0, Expect::Version(created.version))]).await;
    assert_eq!(refused(stale), (0, Conflict::Changed));
    let found = store.entity(&view, &id(LAMP, 1)).await.unwrap().unwrap();
    assert_eq!((found.version, level(&found.doc)), (replaced.version, 3.0));

    commit(&*store, vec![write(5.0, Expect::Present)]).await.unwrap();
    commit(&*store, vec![delete(Expect::Present)]).await.unwrap();
    assert!(store.entity(&view, &id(LAMP, 1)).await.unwrap().is_none());
    store.close().await;
}

/// The same for records.
pub async fn records_keep_their_preconditions(place: &dyn Place) {
    let store = place.open().await;
    let delete = |expect| Op::DeleteRecord { collection: THINGS, key: b"k".to_vec(), expect };

    let outcome = commit(&*store, vec![put_record(b"k", b"0", Expect::Present)]).await;
    assert_eq!(refused(outcome), (0, Conflict::Missing));
    assert_eq!(
        refused(commit(&*store, vec![delete(Expect::Present)]).await),
        (0, Conflict::Missing)
    );
    commit(&*store, vec![delete(Expect::Absent)]).await.unwrap();
    let created = commit(&*store, vec![put_record(b"k", b"1", Expect::Absent)]).await.unwrap();
    let record = store.record(&town(), THINGS, b"k").await.unwrap().unwrap();
    assert_eq!((record.version, record.value.as_slice()), (created.version, &b"1"[..]));

    let outcome = commit(&*store, vec![put_record(b"k", b"2", Expect::Absent)]).await;
    assert_eq!(refused(outcome), (0, Conflict::Exists));
    let expect = Expect::Version(created.version);
    let outcome = commit(&*store, vec![put_record(b"k", b"3", expect)]).await.unwrap();
    assert_eq!(refused(commit(&*store, vec![delete(expect)]).await), (0, Conflict::Changed));
    assert_eq!(value(&*store, b"k").await.as_deref(), Some(&b"3"[..]));
    commit(&*store, vec![delete(Expect::Version(outcome.version))]).await.unwrap();
    assert_eq!(value(&*store, b"k").await, None);
    store.close().await;
}

/// A store that says whether a collection has changed never says that it has not when it has: by a change or a deletion, in any tenant, inside
/// a branch too. What cannot be known without reading is said to be unknown.
pub async fn no_change_of_a_collection_is_missed(place: &dyn Place) {
    let store = place.open().await;
    let delete = Op::DeleteRecord { collection: THINGS, key: b"k".to_vec(), expect: Expect::Any };
    let branch = |then| Op::When { guards: Vec::new(), then, otherwise: Vec::new() };
    let changes = [
        (town(), put_record(b"k", b"1", Expect::Any)),
        (town(), branch(vec![put_record(b"k", b"2", Expect::Any)])),
        (town(), delete),
        (other_town(), put_record(b"k", b"1", Expect::Any)),
        (other_town(), add(b"n", 1, 0, 10)),
    ];
    let known = store.stirred(THINGS).is_some();
    for (tenant, change) in changes {
        let (before, still) = (store.stirred(THINGS), store.stirred(THINGS));
        assert_eq!((before, before.is_some()), (still, known));
        store.commit(WriteSet::new(tenant).with(change)).await.unwrap();
        assert!(before.is_none() || store.stirred(THINGS) != before);
    }
    store.close().await;
}

/// A set whose last operation does not hold changes nothing, and says which operation it was.
pub async fn a_conflict_leaves_nothing(place: &dyn Place) {
    let store = place.open().await;
    put(&*store, &town(), vec![lamp(1, 1.0)]).await;
    let outcome = commit(
        &*store,
        vec![
            put_record(b"k", b"1", Expect::Any),
            Op::PutEntity { doc: lamp(1, 2.0), expect: Expect::Any },
            Op::PutEntity { doc: lamp(2, 2.0), expect: Expect::Any },
            Op::Append { log: NOTES, entry: b"note".to_vec() },
            add(b"n", 1, 0, 10),
            Op::PutEntity { doc: lamp(1, 3.0), expect: Expect::Absent },
        ],
    )
    .await;
    assert_eq!(refused(outcome), (5, Conflict::Exists));
    let view = platform(&town());
    assert_eq!(level(&store.entity(&view, &id(LAMP, 1)).await.unwrap().unwrap().doc), 1.0);
    assert!(store.entity(&view, &id(LAMP, 2)).await.unwrap().is_none());
    assert_eq!(value(&*store, b"k").await, None);
    assert_eq!(value(&*store, b"n").await, None);
    assert_eq!(store.log_size(&town(), NOTES).await.unwrap(), 0);
    assert_eq!(store.verify().await.unwrap(), Vec::<String>::new());
    store.close().await;
}

/// Later operations of a set see the effects of earlier ones.
pub async fn operations_of_a_set_see_each_other(place: &dyn Place) {
    let store = place.open().await;
    let receipt = commit(
        &*store,
        vec![
            put_record(b"k", b"1", Expect::Absent),
            put_record(b"k", b"2", Expect::Present),
            Op::DeleteRecord { collection: THINGS, key: b"k".to_vec(), expect: Expect::Present },
            put_record(b"k", b"3", Expect::Absent),
            Op::PutEntity { doc: lamp(1, 1.0), expect: Expect::Absent },
            Op::DeleteEntity { id: id(LAMP, 1), expect: Expect::Present },
            Op::PutEntity { doc: lamp(1, 2.0), expect: Expect::Absent },
            Op::Append { log: NOTES, entry: b"a".to_vec() },
            add(b"n", 4, 0, 5),
            add(b"n", -3, 0, 5),
            add(b"n", 4, 0, 5),
            Op::Append { log: NOTES, entry: b"b".to_vec() },
        ],
    )
    .await
    .unwrap();
    assert_eq!(receipt.appended, [0, 1]);
    assert_eq!(value(&*store, b"k").await.as_deref(), Some(&b"3"[..]));
    assert_eq!(counter(&*store, b"n").await, 5);
    let view = platform(&town());
    assert_eq!(level(&store.entity(&view, &id(LAMP, 1)).await.unwrap().unwrap().doc), 2.0);
    let entries = store.log_entries(&town(), NOTES, 0, 9).await.unwrap();
    assert_eq!(entries, [b"a".to_vec(), b"b".to_vec()]);
    assert_eq!(store.verify().await.unwrap(), Vec::<String>::new());
    store.close().await;
}

/// `When` chooses by the state inside the transaction, also when nested, and a conflict in a branch undoes all.
pub async fn branches_are_decided_inside(place: &dyn Place) {
    let store = place.open().await;
    let once = |entry: &[u8]| Op::When {
        guards: vec![Guard::Absent { collection: THINGS, key: b"seen".to_vec() }],
        then: vec![
            put_record(b"seen", b"", Expect::Absent),
            Op::Append { log: NOTES, entry: entry.to_vec() },
        ],
        otherwise: vec![add(b"repeated", 1, 0, 100)],
    };
    let receipt = commit(&*store, vec![once(b"first"), once(b"second")]).await.unwrap();
    assert_eq!((receipt.branches, receipt.appended), (vec![true, false], vec![0]));
    let receipt = commit(&*store, vec![once(b"third")]).await.unwrap();
    assert_eq!((receipt.branches, receipt.appended), (vec![false], vec![]));
    assert_eq!(counter(&*store, b"repeated").await, 2);

    let room = |then: Vec<Op>| Op::When {
        guards: vec![Guard::Room {
            collection: THINGS,
            key: b"cap".to_vec(),
            delta: 2,
            min: 0,
            max: 3,
        }],
        then,
        otherwise: vec![],
    };
    let give = || add(b"cap", 2, 0, 3);
    let receipt = commit(&*store, vec![room(vec![give(), room(vec![give()])])]).await.unwrap();
    assert_eq!(receipt.branches, [true, false]);
    assert_eq!(counter(&*store, b"cap").await, 2);

    let failing = vec![
        put_record(b"before", b"", Expect::Any),
        Op::When { guards: vec![], then: vec![give()], otherwise: vec![] },
    ];
    assert_eq!(refused(commit(&*store, failing).await).1, Conflict::OutOfBounds);
    assert_eq!(value(&*store, b"before").await, None);
    store.close().await;
}

/// Counters keep both bounds, do not wrap, and are not confused with other records.
pub async fn counters_stay_in_bounds(place: &dyn Place) {
    let store = place.open().await;
    commit(&*store, vec![add(b"n", -5, -5, 5)]).await.unwrap();
    assert_eq!(refused(commit(&*store, vec![add(b"n", -1, -5, 5)]).await).1, Conflict::OutOfBounds);
    commit(&*store, vec![add(b"n", 10, -5, 5)]).await.unwrap();
    assert_eq!(refused(commit(&*store, vec![add(b"n", 1, -5, 5)]).await).1, Conflict::OutOfBounds);
    assert_eq!(counter(&*store, b"n").await, 5);
    commit(&*store, vec![add(b"big", i64::MAX, i64::MIN, i64::MAX)]).await.unwrap();
    let wrapping = commit(&*store, vec![add(b"big", 1, i64::MIN, i64::MAX)]).await;
    assert_eq!(refused(wrapping).1, Conflict::OutOfBounds);
    assert_eq!(counter(&*store, b"big").await, i64::MAX);
    commit(&*store, vec![put_record(b"text", b"hello", Expect::Any)]).await.unwrap();
    let confused = commit(&*store, vec![add(b"text", 1, i64::MIN, i64::MAX)]).await;
    assert_eq!(refused(confused).1, Conflict::OutOfBounds);
    store.close().await;
}

/// Bits are set together with those set before, in a record as long as it must be, and a guard asks whether they are clear.
pub async fn bits_are_marked_and_asked(place: &dyn Place) {
    let store = place.open().await;
    let mark =
        |bits: &[u8]| Op::Mark { collection: THINGS, key: b"bits".to_vec(), bits: bits.to_vec() };
    let take = |bits: &[u8]| Op::When {
        guards: vec![Guard::Clear {
            collection: THINGS,
            key: b"bits".to_vec(),
            bits: bits.to_vec(),
        }],
        then: vec![mark(bits)],
        otherwise: vec![add(b"taken", 1, 0, 100)],
    };
    let receipt = commit(&*store, vec![take(&[0b101]), take(&[0b110]), take(&[0, 1])]).await;
    assert_eq!(receipt.unwrap().branches, [true, false, true]);
    let receipt = commit(&*store, vec![take(&[0b010]), take(&[0, 1]), take(&[0; 3])]).await;
    assert_eq!(receipt.unwrap().branches, [true, false, true]);
    assert_eq!(value(&*store, b"bits").await.as_deref(), Some(&[0b111, 1, 0][..]));
    assert_eq!(counter(&*store, b"taken").await, 2);
    let both = vec![mark(&[0b1000]), put_record(b"bits", b"", Expect::Absent)];
    assert_eq!(refused(commit(&*store, both).await), (1, Conflict::Exists));
    assert_eq!(value(&*store, b"bits").await.as_deref(), Some(&[0b111, 1, 0][..]));
    store.close().await;
}
