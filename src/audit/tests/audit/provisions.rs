//! The record of provisions, and who is concerned by a leak.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use tsunagu_audit::{Encoding, Period, Which};
use tsunagu_domain::{Clock, to_iso};
use tsunagu_store::access::{AccessLog, Action, Decision};
use tsunagu_store::{Log, Store};

use crate::world::{World, person, reader, world};

/// Provisions of two clients about two people, and what is none.
async fn filled() -> World {
    let world = world();
    let mut access = world.access(&[person(1)]);
    world.log.record(&world.tenant, &access).await.unwrap();
    access.decision = Decision::Denied;
    world.log.record(&world.tenant, &access).await.unwrap();
    access = world.access(&[person(1)]);
    access.action = Action::Write;
    world.log.record(&world.tenant, &access).await.unwrap();
    access = world.access(&[person(1)]);
    "resident".clone_into(&mut access.actor);
    world.log.record(&world.tenant, &access).await.unwrap();
    world.clock.advance(TimeDelta::hours(1));
    access = world.access(&[person(1), person(2)]);
    "client:=evil\"".clone_into(&mut access.actor);
    access.action = Action::Query;
    (access.grant, access.grant_version, access.purpose) = (None, None, None);
    "open".clone_into(&mut access.reason);
    access.attributes = vec!["https://example.org/birth".to_owned()];
    world.log.record(&world.tenant, &access).await.unwrap();
    world.log.read_entries(&world.tenant, &reader(), 0, 9).await.unwrap();
    world
}

#[tokio::test]
async fn the_record_says_when_to_whom_about_whom_what_and_by_which_consent() {
    let world = filled().await;
    let all = world.log.provisions(&world.tenant, &reader(), &Which::default()).await.unwrap();
    assert_eq!((all.provisions.len(), all.erased), (3, 0));
    let first = &all.provisions[0];
    assert_eq!((first.recipient.as_str(), first.entry), ("health", 0));
    assert_eq!(first.person, person(1).to_string());
    assert_eq!(first.consent.as_deref(), Some("g-1"));
    assert_eq!(first.items, ["https://example.org/name"]);
    assert_eq!(all.provisions[1].consent, None);

    let csv = String::from_utf8(all.csv(Encoding::Utf8)).unwrap();
    let mut lines = csv.split("\r\n");
    assert!(lines.next().unwrap().starts_with("\u{feff}\"提供年月日\",\"提供先\",\"本人\""));
    let at = to_iso(world.clock.micros() - 3_600_000_000);
    let me = person(1);
    assert_eq!(
        lines.next().unwrap(),
        format!(
            "\"{at}\",\"health\",\"{me}\",\"https://example.org/name\",\"health-coaching\",\"あり\",\"g-1/1\",\"consent\",\"0\""
        )
    );
    assert!(lines.next().unwrap().contains(",\"'=evil\"\"\","), "no formula, quotes doubled");
    let old = all.csv(Encoding::Cp932);
    assert_eq!(old[..10], *b"\"\x92\xf1\x8b\x9f\x94N\x8c\x8e\x93");

    let only = |which: Which| async move {
        let world = filled().await;
        let found = world.log.provisions(&world.tenant, &reader(), &which).await;
        found.unwrap().provisions.len()
    };
    assert_eq!(only(Which { person: Some(person(2)), ..Which::default() }).await, 1);
    assert_eq!(only(Which { from: world.clock.micros(), ..Which::default() }).await, 2);
    assert_eq!(only(Which { until: Some(world.clock.micros()), ..Which::default() }).await, 1);
    let recipients = BTreeSet::from(["health".to_owned()]);
    assert_eq!(only(Which { recipients, ..Which::default() }).await, 1);
    let items = BTreeSet::from(["https://example.org/birth".to_owned()]);
    assert_eq!(only(Which { items, ..Which::default() }).await, 2);
}

#[tokio::test]
async fn a_breach_names_persons_times_vendors_and_items() {
    let world = filled().await;
    let all = world.log.provisions(&world.tenant, &reader(), &Which::default()).await.unwrap();
    let breach = all.breach(1);
    assert_eq!((breach.persons, breach.above_threshold), (2, true));
    assert!(!all.breach(2).above_threshold, "more than the threshold, not as many");
    let mut people = [person(1).to_string(), person(2).to_string()];
    people.sort();
    let one = breach.concerned.iter().find(|one| one.person == person(1).to_string()).unwrap();
    assert_eq!(breach.concerned.iter().map(|one| one.person.clone()).collect::<Vec<_>>(), people);
    assert_eq!((one.times, one.recipients.len(), one.items.len()), (2, 2, 2));
    assert!(one.first < one.last);
    let csv = String::from_utf8(breach.csv(Encoding::Utf8)).unwrap();
    assert_eq!(csv.lines().count(), 3);
    let json = serde_json::to_value(&breach).unwrap();
    assert_eq!(json["aboveThreshold"], true);
}

#[tokio::test]
async fn t85_reading_the_record_is_itself_seen_by_those_in_it() {
    let world = filled().await;
    let about = |n| world.log.accesses_about(&world.tenant, person(n), Period::newest(99));
    let before = about(2).await.unwrap().total;
    world.clock.advance(TimeDelta::seconds(1));
    let which = Which { person: Some(person(2)), ..Which::default() };
    world.log.provisions(&world.tenant, &reader(), &which).await.unwrap();
    let after = about(2).await.unwrap();
    assert_eq!(after.total, before + 1, "one entry");
    assert_eq!(after.accesses[0].access.actor, reader().actor);
    let others = about(1).await.unwrap().accesses;
    assert!(others.iter().all(|seen| seen.access.at < world.clock.micros()), "not in it");
    // Nobody found is on record as well.
    let size = || world.store.log_size(&world.tenant, Log("audit"));
    let entries = size().await.unwrap();
    let which = Which { from: i64::MAX, ..Which::default() };
    world.log.provisions(&world.tenant, &reader(), &which).await.unwrap();
    assert_eq!(size().await.unwrap(), entries + 1);
}
