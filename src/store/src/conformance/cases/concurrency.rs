//! Many at once.

use std::sync::Arc;

use tokio::task::JoinSet;

use crate::conformance::Place;
use crate::conformance::samples::{LAMP, all, id, lamp, level, platform, put, town};
use crate::{Collection, Conflict, Expect, Log, Op, StoreError, WriteSet};

const THINGS: Collection = Collection("things");
const NOTES: Log = Log("notes");
const WRITERS: u64 = 64;

/// Of many that create the same thing at once, one does, and the others are told that it exists.
pub async fn one_of_many_wins(place: &dyn Place) {
    let store = place.open().await;
    let mut tasks = JoinSet::new();
    for n in 0..WRITERS {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            let value = n.to_be_bytes().to_vec();
            let op = Op::PutRecord {
                collection: THINGS,
                key: b"k".to_vec(),
                value,
                expect: Expect::Absent,
            };
            (n, store.commit(WriteSet::new(town()).with(op)).await)
        });
    }
    let mut winners = Vec::new();
    for (n, outcome) in tasks.join_all().await {
        match outcome {
            Ok(_) => winners.push(n),
            Err(error) => {
                assert_eq!(error, StoreError::Conflict { op: 0, conflict: Conflict::Exists });
            }
        }
    }
    assert_eq!(winners.len(), 1);
    let kept = store.record(&town(), THINGS, b"k").await.unwrap().unwrap().value;
    assert_eq!(kept, winners[0].to_be_bytes());
    store.close().await;
}

/// Many writers append to one log and add to one counter: every entry has its own index, each writer's in its own order, nothing is lost.
pub async fn logs_are_dense_under_many_writers(place: &dyn Place) {
    const EACH: u64 = 8;
    let store = place.open().await;
    let mut tasks = JoinSet::new();
    for writer in 0..WRITERS {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            let mut got = Vec::new();
            for n in 0..EACH {
                let entry = (writer * EACH + n).to_be_bytes().to_vec();
                let set = WriteSet::new(town())
                    .with(Op::Append { log: NOTES, entry: entry.clone() })
                    .with(Op::Add {
                        collection: THINGS,
                        key: b"n".to_vec(),
                        delta: 1,
                        min: 0,
                        max: i64::MAX,
                    });
                let receipt = store.commit(set).await.unwrap();
                assert_eq!(receipt.appended.len(), 1);
                got.push((receipt.version, receipt.appended[0], entry));
            }
            got
        });
    }
    let per_writer = tasks.join_all().await;
    assert!(per_writer.iter().all(|got| got.is_sorted()));
    let mut all: Vec<_> = per_writer.into_iter().flatten().collect();
    all.sort_by_key(|(_, index, _)| *index);
    assert!(all.windows(2).all(|pair| pair[0].0 < pair[1].0), "versions follow the log");
    let indexes: Vec<u64> = all.iter().map(|(_, index, _)| *index).collect();
    assert_eq!(indexes, (0..WRITERS * EACH).collect::<Vec<_>>());
    let entries = store.log_entries(&town(), NOTES, 0, usize::MAX).await.unwrap();
    assert!(entries.iter().eq(all.iter().map(|(_, _, entry)| entry)));
    let sum = store.record(&town(), THINGS, b"n").await.unwrap().unwrap().value;
    assert_eq!(sum, (WRITERS * EACH).to_be_bytes());
    store.close().await;
}

/// A reader beside a writer sees both entities of a set or none of it, never goes back, and sees what was acknowledged.
pub async fn a_set_is_seen_whole(place: &dyn Place) {
    const ROUNDS: u32 = 200;
    let store = place.open().await;
    put(&*store, &town(), vec![lamp(1, 0.0), lamp(2, 0.0)]).await;
    let writer = {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            let view = platform(&town());
            for round in 1..=ROUNDS {
                let at = f64::from(round);
                put(&*store, &town(), vec![lamp(1, at), lamp(2, at)]).await;
                let seen = store.entity(&view, &id(LAMP, 2)).await.unwrap().unwrap();
                assert_eq!(level(&seen.doc), at, "what was acknowledged is seen");
            }
        })
    };
    let view = platform(&town());
    let mut query = all();
    query.filter.ids = vec![id(LAMP, 1), id(LAMP, 2)];
    let mut last = 0.0;
    while last < f64::from(ROUNDS) {
        let page = store.query(&view, &query).await.unwrap();
        let levels: Vec<f64> = page.entities.iter().map(|found| level(&found.doc)).collect();
        assert_eq!(levels.len(), 2);
        assert_eq!(levels[0], levels[1], "half a set was seen");
        assert!(levels[0] >= last, "a reader went back");
        last = levels[0];
        let one = store.entity(&view, &id(LAMP, 1)).await.unwrap().unwrap();
        assert!(level(&one.doc) >= last, "a single read went back behind a query");
        last = level(&one.doc);
    }
    writer.await.unwrap();
    store.close().await;
}
