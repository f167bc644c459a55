//! What the log says about a person can be erased; the tree, its checkpoints and everybody else's proofs stay. And the stored form of the first
//! version is still read.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::TimeDelta;
use tsunagu_audit::{
    Content, Erased, Finding, Period, TilePath, Trust, bundle_is_open, leaf_hash, open, verify,
    verify_inclusion,
};
use tsunagu_domain::Clock;
use tsunagu_store::access::AccessLog;
use tsunagu_store::{Collection, Expect, Log, Op, Store, WriteSet};

use crate::world::{World, exported, person, reader, world};

const LOG: Log = Log("audit");

async fn stored(world: &World) -> Vec<Vec<u8>> {
    world.store.log_entries(&world.tenant, LOG, 0, 10_000).await.unwrap()
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[tokio::test]
async fn t86_what_is_erased_is_gone_and_the_proofs_of_others_still_verify() {
    let world = world();
    for n in 0..300_u16 {
        // Every third is about two people.
        let about = if n % 3 == 0 {
            vec![person(1), person(2)]
        } else {
            vec![person(1 + u8::from(n % 2 == 1))]
        };
        world.log.record(&world.tenant, &world.access(&about)).await.unwrap();
    }
    let before = world.checkpoint().await;
    let old = world.log.inclusion(&world.tenant, 3, None).await.unwrap();
    world.clock.advance(TimeDelta::seconds(1));
    let erased =
        world.log.erase(&world.tenant, &reader(), person(1), world.clock.micros()).await.unwrap();
    assert_eq!(erased, Erased { entries: 200, kept: 0 });

    let entries = stored(&world).await;
    let id = *person(1).as_bytes();
    assert!(!entries.iter().any(|entry| contains(entry, &id)), "the id is nowhere");
    // Entries about nobody else say nothing; the others still open their commitment, about the other person alone.
    for (index, entry) in entries.iter().enumerate().take(300) {
        let (leaf, payload) = entry.split_at(33);
        match open(leaf, payload).unwrap() {
            Content::Erased => assert!(index % 3 != 0 && index % 2 == 0, "{index}"),
            Content::Access { access, erased } => {
                assert_eq!(access.subjects, [person(2)], "{index}");
                assert_eq!(erased, usize::from(index % 3 == 0), "{index}");
            }
        }
    }
    let mine = |n| world.log.accesses_about(&world.tenant, person(n), Period::newest(500));
    assert_eq!(mine(1).await.unwrap().total, 0);
    assert_eq!(mine(2).await.unwrap().total, 200);

    // The tree goes on, and what was proven before still is.
    let after = world.checkpoint().await;
    assert!(after.size > before.size, "the erasure is an entry");
    assert!(verify_inclusion(3, before.size, &old.leaf, &old.path, &before.root));
    for index in 0..300 {
        let proof = world.log.inclusion(&world.tenant, index, None).await.unwrap();
        let leaf = leaf_hash(&entries[usize::try_from(index).unwrap()][..33]);
        assert!(verify_inclusion(index, after.size, &leaf, &proof.path, &after.root), "{index}");
    }
    let (dir, key) = exported(&world).await;
    let report = verify(dir.path(), &Trust::in_key(key.parse().unwrap()));
    assert!(report.holds(), "{report}");
    assert_eq!(report.erased, 200);
}

#[tokio::test]
async fn only_what_is_older_is_erased_and_each_erasure_is_on_record() {
    let world = world();
    world.log.record(&world.tenant, &world.access(&[person(1)])).await.unwrap();
    world.clock.advance(TimeDelta::days(1));
    let limit = world.clock.micros();
    world.log.record(&world.tenant, &world.access(&[person(1)])).await.unwrap();
    let by = reader();
    let erase = || world.log.erase(&world.tenant, &by, person(1), limit);
    assert_eq!(erase().await.unwrap().entries, 1);
    assert_eq!(erase().await.unwrap().entries, 0);
    let entries = stored(&world).await;
    assert_eq!(entries.len(), 3, "erasing nothing is no entry");
    let (leaf, payload) = entries[2].split_at(33);
    let Content::Access { access, .. } = open(leaf, payload).unwrap() else { panic!("erased") };
    assert_eq!((access.reason.as_str(), access.count), ("erasure", 1));
    assert!(access.subjects.is_empty() && access.actor == reader().actor);
    let newest = world.log.accesses_about(&world.tenant, person(1), Period::newest(9)).await;
    assert_eq!(newest.unwrap().accesses[0].index, Some(1));
    assert_eq!(world.log.since(&world.tenant).await.unwrap(), Some(limit));
}

#[tokio::test]
async fn an_erasure_behind_the_log_is_found() {
    let world = world();
    world.fill(20).await;
    let leaf = stored(&world).await[4][..33].to_vec();
    let set =
        WriteSet::new(world.tenant.clone()).with(Op::Redact { log: LOG, index: 4, entry: leaf });
    world.store.commit(set).await.unwrap();
    let (dir, key) = exported(&world).await;
    let report = verify(dir.path(), &Trust::in_key(key.parse().unwrap()));
    assert_eq!(report.findings, [Finding::Erased { erased: 1, recorded: 0 }]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_erasures_at_the_same_time_do_not_undo_each_other() {
    let world = std::sync::Arc::new(world());
    for _ in 0..40 {
        let about: Vec<_> = (1..5).map(person).collect();
        world.log.record(&world.tenant, &world.access(&about)).await.unwrap();
    }
    world.clock.advance(TimeDelta::seconds(1));
    let before = world.clock.micros();
    let mut tasks = Vec::new();
    for n in 1..4 {
        let world = std::sync::Arc::clone(&world);
        tasks.push(tokio::spawn(async move {
            world.log.erase(&world.tenant, &reader(), person(n), before).await
        }));
    }
    for task in tasks {
        assert_eq!(task.await.unwrap().unwrap().entries, 40);
    }
    for entry in stored(&world).await.iter().take(40) {
        let (leaf, payload) = entry.split_at(33);
        let Content::Access { access, erased } = open(leaf, payload).unwrap() else { panic!() };
        assert_eq!((access.subjects, erased), (vec![person(4)], 3));
    }
}

#[tokio::test]
async fn nothing_but_what_was_said_opens_a_commitment() {
    let world = world();
    world.log.record(&world.tenant, &world.access(&[person(1), person(2)])).await.unwrap();
    let entry = stored(&world).await.remove(0);
    let (leaf, payload) = entry.split_at(33);
    assert!(open(leaf, payload).is_ok());
    for at in 0..payload.len() {
        let mut wrong = payload.to_vec();
        wrong[at] ^= 1;
        assert!(open(leaf, &wrong).is_err(), "byte {at}");
        assert!(open(leaf, &payload[..at]).is_err() || at == 0, "{at} bytes");
    }
    // Two equal accesses look unrelated.
    world.log.record(&world.tenant, &world.access(&[person(1), person(2)])).await.unwrap();
    let second = stored(&world).await.remove(1);
    assert_ne!(second[..33], entry[..33]);
}

/// An entry as version 1 stored it, and the record of its index.
async fn first_version(world: &World, n: u8) {
    let access = world.access(&[person(n)]);
    let json = format!("{{\"v\":1,\"access\":{}}}", serde_json::to_string(&access).unwrap());
    let entry = [&[2; 32][..], json.as_bytes()].concat();
    let value =
        serde_json::json!({ "v": 1, "leaf": STANDARD.encode(leaf_hash(&entry)), "access": access });
    let time = (u64::MAX - u64::try_from(access.at).unwrap()).to_be_bytes();
    let set = WriteSet::new(world.tenant.clone()).with(Op::Append { log: LOG, entry }).with(
        Op::PutRecord {
            collection: Collection("access-about"),
            key: [&person(n).as_bytes()[..], &time, &[7; 8]].concat(),
            value: serde_json::to_vec(&value).unwrap(),
            expect: Expect::Absent,
        },
    );
    world.store.commit(set).await.unwrap();
}

#[tokio::test]
async fn entries_of_the_first_version_are_read_verified_and_cannot_be_erased() {
    let world = world();
    first_version(&world, 1).await;
    let (dir, key) = exported(&world).await;
    std::fs::remove_dir_all(dir.path().join("payload")).unwrap();
    assert!(
        verify(dir.path(), &Trust::in_key(key.parse().unwrap())).holds(),
        "as the first version exported it"
    );
    world.clock.advance(TimeDelta::seconds(1));
    world.log.record(&world.tenant, &world.access(&[person(1)])).await.unwrap();
    world.clock.advance(TimeDelta::seconds(1));

    let about =
        world.log.accesses_about(&world.tenant, person(1), Period::newest(9)).await.unwrap();
    let indexes: Vec<_> = about.accesses.iter().map(|seen| seen.index).collect();
    assert_eq!(indexes, [Some(1), None]);
    let read = world.log.read_entries(&world.tenant, &reader(), 0, 9).await.unwrap();
    assert!(read.iter().all(|entry| entry.access().unwrap().subjects == [person(1)]));

    let bundle = |width| TilePath { level: None, index: 0, width };
    let first = world.log.tile(&world.tenant, &bundle(1)).await.unwrap().unwrap();
    assert!(!bundle_is_open(&first), "it names a person");
    let erased =
        world.log.erase(&world.tenant, &reader(), person(1), world.clock.micros()).await.unwrap();
    assert_eq!(erased, Erased { entries: 1, kept: 1 });
    let (dir, key) = exported(&world).await;
    let report = verify(dir.path(), &Trust::in_key(key.parse().unwrap()));
    assert!(report.holds(), "{report}");
    assert_eq!((report.size, report.erased), (4, 1));
}
