//! The past of entities.

use tsunagu_ngsi_ld::{EntityDoc, Instance, PastDoc};
use tsunagu_policy::View;

use crate::conformance::Place;
use crate::conformance::samples::{
    LAMP, WALK, all, anonymous, found, id, iri, lamp, lamps, other_town, person, platform, put,
    resident, town, typed, walk,
};
use crate::temporal::{InstanceKey, InstanceRange, Place as Spot, Series};
use crate::{Conflict, EntityQuery, Expect, Op, Store, StoreError, WriteSet};

fn level() -> Series {
    Series::of(&iri("level"), None)
}

fn spot(at: i64) -> Spot {
    Spot { at, id: [7; 16] }
}

fn remember(of: &EntityDoc, at: i64) -> Op {
    let instance = Instance::property(&at, at).unwrap();
    let doc = PastDoc::new(&iri("level"), &instance, of.subject()).unwrap();
    let key = InstanceKey { entity: of.id().to_owned(), series: level(), place: spot(at) };
    Op::PutInstance { key, doc }
}

fn forget(of: &EntityDoc, at: i64) -> Op {
    let key = InstanceKey { entity: of.id().to_owned(), series: level(), place: spot(at) };
    Op::DeleteInstance { key }
}

async fn times(store: &dyn Store, view: &View, of: &EntityDoc, range: InstanceRange) -> Vec<i64> {
    let chunk = store.instances(view, of, &range).await.unwrap();
    chunk.instances.iter().map(|one| one.place.at).collect()
}

/// Instances are found by time, forwards and backwards, in steps; those of other entities, series and towns are not met.
pub async fn the_past_is_read_by_time(place: &dyn Place) {
    let store = place.open().await;
    let view = platform(&town());
    let (one, two) = (lamp(1, 1.0), lamp(11, 1.0));
    let mut set = WriteSet::new(town());
    for at in [-5, -1, 0, 3, 9] {
        set = set.with(remember(&one, at)).with(remember(&two, at + 100));
    }
    store.commit(set).await.unwrap();
    store.commit(WriteSet::new(other_town()).with(remember(&one, 1_000))).await.unwrap();
    assert_eq!(store.series(&view, &one).await.unwrap(), [level()]);
    assert!(store.series(&view, &lamp(2, 1.0)).await.unwrap().is_empty());
    let range = InstanceRange::all(level(), 99);
    assert_eq!(times(&*store, &view, &one, range).await, [-5, -1, 0, 3, 9]);
    let within =
        InstanceRange { from: Some(Spot::first_at(-1)), to: Some(Spot::first_at(9)), ..range };
    assert_eq!(times(&*store, &view, &one, within).await, [-1, 0, 3]);
    let back = InstanceRange { reverse: true, ..within };
    assert_eq!(times(&*store, &view, &one, back).await, [3, 0, -1]);
    let mut steps = Vec::new();
    let mut next = Some(InstanceRange { reverse: true, limit: 2, ..range });
    while let Some(range) = next {
        let chunk = store.instances(&view, &one, &range).await.unwrap();
        steps.push(chunk.instances.len());
        next = chunk.last.and_then(|last| range.after(last));
    }
    assert_eq!(steps, [2, 2, 1]);
    let other = InstanceRange::all(Series::of(&iri("level"), Some("urn:d:1")), 99);
    assert!(times(&*store, &view, &one, other).await.is_empty());
    store.commit(WriteSet::new(town()).with(forget(&one, 0)).with(forget(&one, 77))).await.unwrap();
    assert_eq!(times(&*store, &view, &one, range).await, [-5, -1, 3, 9]);
    assert_eq!(store.verify().await.unwrap(), Vec::<String>::new());
    store.close().await;
    let store = place.open().await;
    assert_eq!(times(&*store, &view, &one, range).await, [-5, -1, 3, 9]);
    store.close().await;
}

/// The past is seen as the entity is: by those who see it, and only as far as it was about whom it is about.
pub async fn the_past_is_seen_through_the_view(place: &dyn Place) {
    let store = place.open().await;
    let (mine, theirs) = (person(1), person(2));
    let then = walk(1, theirs, 5);
    let now = walk(1, mine, 6);
    let set = WriteSet::new(town()).with(remember(&then, 1)).with(remember(&now, 2));
    store.commit(set).await.unwrap();
    let range = InstanceRange::all(level(), 9);
    for (view, of, expected) in [
        (resident(&town(), mine), &now, vec![2]),
        (resident(&town(), theirs), &now, vec![]),
        (resident(&town(), theirs), &then, vec![1]),
        (anonymous(&town()), &now, vec![]),
        (platform(&town()), &now, vec![2]),
    ] {
        assert_eq!(times(&*store, &view, of, range).await, expected);
    }
    store.close().await;
}

/// What is kept of a deleted entity is found by id, type and subject, apart from those that are there.
pub async fn what_is_gone_is_found_apart(place: &dyn Place) {
    let store = place.open().await;
    let view = platform(&town());
    put(&*store, &town(), vec![lamp(1, 1.0), lamp(2, 2.0)]).await;
    let gone = |doc: EntityDoc, expect| Op::PutPast { doc, expect };
    let set = WriteSet::new(town())
        .with(Op::DeleteEntity { id: id(LAMP, 1), expect: Expect::Present })
        .with(gone(lamp(1, 1.0), Expect::Absent))
        .with(gone(walk(3, person(1), 5), Expect::Absent));
    let version = store.commit(set).await.unwrap().version;
    assert_eq!(found(&*store, &view, &all()).await, lamps(&[2]));
    let ids = async |view: View, query: EntityQuery| {
        let page = store.pasts(&view, &query).await.unwrap();
        page.entities.iter().map(|found| found.doc.id().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ids(view.clone(), typed(LAMP)).await, lamps(&[1]));
    assert_eq!(ids(view.clone(), typed(WALK)).await, [id(WALK, 3)]);
    assert_eq!(ids(resident(&town(), person(1)), all()).await, [id(WALK, 3), id(LAMP, 1)]);
    assert_eq!(ids(resident(&town(), person(2)), all()).await, lamps(&[1]));
    assert!(store.past(&anonymous(&town()), &id(WALK, 3)).await.unwrap().is_none());
    assert!(store.past(&platform(&other_town()), &id(LAMP, 1)).await.unwrap().is_none());
    let kept = store.past(&view, &id(LAMP, 1)).await.unwrap().unwrap();
    assert_eq!(kept.version, version);
    let again = WriteSet::new(town()).with(gone(lamp(1, 2.0), Expect::Absent));
    let outcome = store.commit(again).await;
    assert!(matches!(outcome, Err(StoreError::Conflict { conflict: Conflict::Exists, .. })));
    assert_eq!(store.verify().await.unwrap(), Vec::<String>::new());
    let expect = Expect::Version(version);
    let set = WriteSet::new(town()).with(Op::DeletePast { id: id(LAMP, 1), expect });
    store.commit(set).await.unwrap();
    assert!(ids(view.clone(), typed(LAMP)).await.is_empty());
    store.close().await;
}

/// A set that conflicts leaves nothing in the past either, and of two instances of one name the last stays.
pub async fn the_past_is_changed_with_the_rest(place: &dyn Place) {
    let store = place.open().await;
    let view = platform(&town());
    let one = lamp(1, 1.0);
    let failing = WriteSet::new(town())
        .with(remember(&one, 1))
        .with(Op::DeleteEntity { id: id(LAMP, 1), expect: Expect::Present });
    assert!(store.commit(failing).await.is_err());
    let range = InstanceRange::all(level(), 9);
    assert!(times(&*store, &view, &one, range).await.is_empty());
    let set = WriteSet::new(town()).with(remember(&one, 1)).with(forget(&one, 1));
    store.commit(set.with(remember(&one, 2)).with(remember(&one, 2))).await.unwrap();
    assert_eq!(times(&*store, &view, &one, range).await, [2]);
    store.close().await;
}
