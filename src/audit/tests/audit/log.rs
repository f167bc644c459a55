//! The log in a store, its proofs, and the verification of an exported folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::TimeDelta;
use proptest::prelude::*;
use tsunagu_audit::{
    AuditError, Checkpoint, Finding, Period, Reader, Signer, TilePath, Trust, leaf_hash, verify,
    verify_consistency, verify_inclusion,
};
use tsunagu_domain::{Clock, ProblemCode, TenantId, TsunoId};
use tsunagu_store::access::AccessLog;
use tsunagu_store::{Collection, Expect, Log, Op, Store, WriteSet};

use crate::world::{audit_log, person, world};

#[tokio::test]
async fn every_entry_is_proven_under_every_checkpoint() {
    let world = world();
    let mut older: Vec<Checkpoint> = Vec::new();
    for added in [0, 1, 2, 252, 1, 1, 300] {
        world.fill(added).await;
        let point = world.checkpoint().await;
        for index in (0..point.size).step_by(37).chain(point.size.checked_sub(1)) {
            let proof = world.log.inclusion(&world.tenant, index, None).await.unwrap();
            let bundle =
                TilePath { level: None, index: index / 256, width: 1 + (index % 256) as u16 };
            let bundle = world.log.tile(&world.tenant, &bundle).await.unwrap().unwrap();
            let (_, entry) = bundle.split_last_chunk::<33>().unwrap();
            assert_eq!(proof.leaf, leaf_hash(entry));
            assert!(verify_inclusion(index, point.size, &proof.leaf, &proof.path, &point.root));
        }
        for old in &older {
            let proof = world.log.consistency(&world.tenant, old.size, None).await.unwrap();
            let (a, b) = (&old.root, &point.root);
            assert!(verify_consistency(old.size, point.size, a, b, &proof.path), "{}", old.size);
        }
        older.push(point);
    }
    // Proofs for trees of the past are given too.
    let old = &older[3];
    let proof = world.log.inclusion(&world.tenant, 200, Some(old.size)).await.unwrap();
    assert!(verify_inclusion(200, old.size, &proof.leaf, &proof.path, &old.root));
    let beyond = world.log.inclusion(&world.tenant, 557, None).await;
    assert!(matches!(beyond, Err(AuditError::OutOfRange(557))));
}

#[tokio::test]
async fn a_checkpoint_after_a_restart_goes_on_from_the_last() {
    let world = world();
    world.fill(600).await;
    let before = world.checkpoint().await;
    world.fill(10).await;
    let restarted = audit_log(&world.store, &world.clock, 5);
    restarted.check(&world.tenant).await.unwrap();
    let note = restarted.checkpoint(&world.tenant).await.unwrap();
    let after = Checkpoint::open(&note, &restarted.verifying_key(&world.tenant)).unwrap();
    assert_eq!(after.size, 610);
    let proof = restarted.consistency(&world.tenant, 600, None).await.unwrap();
    assert!(verify_consistency(600, 610, &before.root, &after.root, &proof.path));
    // The first replica, which still holds the older state, continues from the newer one.
    assert_eq!(world.checkpoint().await.size, 610);
    world.fill(1).await;
    assert_eq!(world.checkpoint().await.size, 611);
}

#[tokio::test]
async fn another_key_or_a_changed_state_is_noticed_at_start() {
    let world = world();
    world.fill(20).await;
    world.checkpoint().await;
    let other = audit_log(&world.store, &world.clock, 6);
    assert!(matches!(
        other.check(&world.tenant).await,
        Err(AuditError::Altered { signed: 20, .. })
    ));

    let state = Collection("audit-state");
    let scan = tsunagu_store::Scan { limit: 1, ..tsunagu_store::Scan::default() };
    let (key, record) = world.store.records(&world.tenant, state, &scan).await.unwrap().remove(0);
    let text = String::from_utf8(record.value).unwrap();
    let put = |value: String| {
        WriteSet::new(world.tenant.clone()).with(Op::PutRecord {
            collection: state,
            key: key.clone(),
            value: value.into_bytes(),
            expect: Expect::Any,
        })
    };
    for (from, to) in [
        ("\"size\":20", "\"size\":19"),
        ("levels\":[\"", "levels\":[\"AAAA"),
        ("\\n20\\n", "\\n19\\n"),
    ] {
        assert!(text.contains(from), "{from}");
        world.store.commit(put(text.replacen(from, to, 1))).await.unwrap();
        let restarted = audit_log(&world.store, &world.clock, 5);
        assert!(restarted.check(&world.tenant).await.is_err(), "{to}");
        assert!(restarted.checkpoint(&world.tenant).await.is_err(), "{to}");
    }
    // Rolled back below what this process has seen signed.
    world.store.commit(put(text)).await.unwrap();
    world.fill(1).await;
    world.checkpoint().await;
    let gone = WriteSet::new(world.tenant.clone()).with(Op::DeleteRecord {
        collection: state,
        key: key.clone(),
        expect: Expect::Present,
    });
    world.store.commit(gone).await.unwrap();
    let found = world.log.check(&world.tenant).await;
    assert!(matches!(found, Err(AuditError::Shrunk { signed: 21, found: 0 })), "{found:?}");
}

#[tokio::test]
async fn a_log_that_lost_its_entries_is_not_signed() {
    let full = world();
    full.fill(30).await;
    full.checkpoint().await;
    // The same signed state over a log with fewer and other entries.
    let poor = world();
    let scan = tsunagu_store::Scan { limit: 1, ..tsunagu_store::Scan::default() };
    let state = Collection("audit-state");
    let (key, record) = full.store.records(&full.tenant, state, &scan).await.unwrap().remove(0);
    let set = WriteSet::new(poor.tenant.clone()).with(Op::PutRecord {
        collection: state,
        key,
        value: record.value,
        expect: Expect::Absent,
    });
    poor.store.commit(set).await.unwrap();
    poor.fill(29).await;
    let shrunk = poor.log.checkpoint(&poor.tenant).await;
    assert!(matches!(shrunk, Err(AuditError::Shrunk { signed: 30, found: 29 })));
    poor.clock.advance(TimeDelta::seconds(1));
    poor.fill(1).await;
    let altered = poor.log.checkpoint(&poor.tenant).await;
    assert!(matches!(altered, Err(AuditError::Altered { signed: 30, .. })), "{altered:?}");
}

#[tokio::test]
async fn residents_see_their_accesses_newest_first_and_no_one_else() {
    let world = world();
    for n in 0..1_203u64 {
        world.clock.advance(TimeDelta::seconds(1));
        let mut access = world.access(&[person(1), person(2), person(1)]);
        access.count = n;
        world.log.record(&world.tenant, &access).await.unwrap();
        world.log.record(&world.tenant, &world.access(&[person(2)])).await.unwrap();
    }
    let about = |period| world.log.accesses_about(&world.tenant, person(1), period);
    let newest = about(Period::newest(3)).await.unwrap();
    assert_eq!(newest.total, 1_203);
    let counts: Vec<u64> = newest.accesses.iter().map(|seen| seen.access.count).collect();
    assert_eq!(newest.accesses[0].index, Some(2_404));
    assert_eq!(counts, [1_202, 1_201, 1_200]);
    assert!(newest.accesses.iter().all(|seen| seen.access.subjects == [person(1)]));
    let last = world.clock.micros();
    let period = Period { from: last - 9_000_000, until: last, offset: 2, limit: 100 };
    let some = about(period).await.unwrap();
    assert_eq!(some.total, 9);
    let counts: Vec<u64> = some.accesses.iter().map(|seen| seen.access.count).collect();
    assert_eq!(counts, [1_199, 1_198, 1_197, 1_196, 1_195, 1_194, 1_193]);
    let nobody =
        world.log.accesses_about(&world.tenant, person(9), Period::newest(5)).await.unwrap();
    assert_eq!(nobody.total, 0);
    let other: TenantId = "other".parse().unwrap();
    let elsewhere = world.log.accesses_about(&other, person(1), Period::newest(5)).await.unwrap();
    assert_eq!(elsewhere.total, 0);
}

#[tokio::test]
async fn reading_the_log_is_an_entry_that_the_resident_sees() {
    let world = world();
    world.fill(3).await;
    let reader = Reader::auditor("client:auditor".to_owned(), "r-9".to_owned());
    let read = world.log.read_entries(&world.tenant, &reader, 1, 10).await.unwrap();
    assert_eq!(read.iter().map(|entry| entry.index).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(world.store.log_size(&world.tenant, Log("audit")).await.unwrap(), 4);
    let about = |n| {
        world.log.accesses_about(
            &world.tenant,
            person(n),
            Period { from: 0, until: i64::MAX, offset: 0, limit: 9 },
        )
    };
    assert_eq!(about(0).await.unwrap().total, 1);
    let mine = about(1).await.unwrap();
    assert!(mine.accesses.iter().any(|seen| seen.access.actor == "client:auditor"));
}

#[tokio::test]
async fn a_log_that_cannot_take_an_entry_refuses() {
    let world = world();
    let crowd: Vec<TsunoId> = (0..4000u128).map(|n| TsunoId::from_bytes(n.to_be_bytes())).collect();
    let refused = world.log.record(&world.tenant, &world.access(&crowd)).await.unwrap_err();
    assert_eq!(refused.code, ProblemCode::TooManyResults);
    assert_eq!(world.store.log_size(&world.tenant, Log("audit")).await.unwrap(), 0);
}

#[tokio::test]
async fn tiles_are_served_only_as_far_as_signed() {
    let world = world();
    world.fill(300).await;
    world.checkpoint().await;
    world.fill(5).await;
    let tile = |text: &str| {
        let path: TilePath = text.parse().unwrap();
        let world = &world;
        async move { world.log.tile(&world.tenant, &path).await.unwrap().map(|bytes| bytes.len()) }
    };
    assert_eq!(tile("0/000").await, Some(8192));
    assert_eq!(tile("0/000.p/3").await, Some(96));
    assert_eq!(tile("0/001.p/44").await, Some(44 * 32));
    assert_eq!(tile("0/001.p/45").await, None);
    assert_eq!(tile("0/001").await, None);
    assert_eq!(tile("1/000.p/1").await, Some(32));
    assert_eq!(tile("2/000.p/1").await, None);
    assert!(tile("entries/000").await.is_some());
    assert_eq!(tile("entries/001.p/45").await, None);
}

async fn exported(entries: u64) -> (tempfile::TempDir, String) {
    let world = world();
    world.fill(entries).await;
    let (dir, key) = crate::world::exported(&world).await;
    let again = world.log.export(&world.tenant, dir.path()).await;
    assert!(matches!(again, Err(AuditError::Export(_))), "a used folder is refused");
    (dir, key)
}

pub(crate) fn read_bundle(path: &Path) -> Vec<Vec<u8>> {
    let bytes = fs::read(path).unwrap();
    let mut rest = bytes.as_slice();
    let mut entries = Vec::new();
    while let Some((length, more)) = rest.split_first_chunk::<2>() {
        let (entry, more) = more.split_at(usize::from(u16::from_be_bytes(*length)));
        entries.push(entry.to_vec());
        rest = more;
    }
    entries
}

pub(crate) fn write_bundle(path: &Path, entries: &[Vec<u8>]) {
    let mut bytes = Vec::new();
    for entry in entries {
        bytes.extend_from_slice(&u16::try_from(entry.len()).unwrap().to_be_bytes());
        bytes.extend_from_slice(entry);
    }
    fs::write(path, bytes).unwrap();
}

#[tokio::test]
async fn the_verifier_says_what_was_done_and_where() {
    let (dir, key) = exported(600).await;
    let report = verify(dir.path(), &Trust::in_key(key.parse().unwrap()));
    assert!(report.holds(), "{report}");
    assert_eq!((report.size, report.entries), (600, 600));
    let bundle = dir.path().join("tile/entries/001");
    let good = read_bundle(&bundle);
    let with = |entries: Vec<Vec<u8>>| {
        write_bundle(&bundle, &entries);
        let report = verify(dir.path(), &Trust::in_key(key.parse().unwrap()));
        write_bundle(&bundle, &good);
        assert!(!report.holds());
        report.findings
    };

    let mut entries = good.clone();
    entries[44][30] ^= 1;
    let found = with(entries);
    assert_eq!(found[0], Finding::Changed { index: 300 });
    assert!(found.contains(&Finding::Root { tiles_match: true }));

    let mut entries = good.clone();
    entries.remove(10);
    let found = with(entries);
    assert_eq!(found[0], Finding::Dropped { index: 266, count: 1 });
    assert!(found.contains(&Finding::Size { signed: 600, found: 599 }));

    let mut entries = good.clone();
    entries.swap(3, 7);
    assert_eq!(with(entries)[0], Finding::Reordered { index: 259, last: 263 });

    let mut entries = good.clone();
    entries.insert(20, good[0].clone());
    assert_eq!(with(entries)[0], Finding::Inserted { index: 276, count: 1 });

    let last = dir.path().join("tile/entries/002.p/88");
    fs::rename(&last, dir.path().join("kept")).unwrap();
    let report = verify(dir.path(), &Trust::in_key(key.parse().unwrap()));
    assert!(report.findings.contains(&Finding::Size { signed: 600, found: 512 }));
    assert_eq!(
        report.findings[0],
        Finding::Missing { path: "tile/entries/002.p/88".to_owned(), index: 512 }
    );
    fs::rename(dir.path().join("kept"), &last).unwrap();

    fs::create_dir(dir.path().join("tile/entries/003.p")).unwrap();
    fs::copy(&last, dir.path().join("tile/entries/003.p/88")).unwrap();
    let report = verify(dir.path(), &Trust::in_key(key.parse().unwrap()));
    let path = "tile/entries/003.p/88".to_owned();
    assert_eq!(report.findings, [Finding::Unexpected { path }]);
    fs::remove_file(dir.path().join("tile/entries/003.p/88")).unwrap();

    let statements = dir.path().join("payload/001");
    let good = read_bundle(&statements);
    let with = |entries: &[Vec<u8>]| {
        write_bundle(&statements, entries);
        let report = verify(dir.path(), &Trust::in_key(key.parse().unwrap()));
        write_bundle(&statements, &good);
        report.findings
    };
    let mut payloads = good.clone();
    let at = payloads[44].len() - 3;
    payloads[44][at] ^= 1;
    assert_eq!(with(&payloads), [Finding::Unreadable { index: 300 }]);
    payloads[44].clear();
    assert_eq!(with(&payloads), [Finding::Erased { erased: 1, recorded: 0 }]);
    payloads.remove(0);
    let path = "payload/001".to_owned();
    assert_eq!(with(&payloads), [Finding::Malformed { path: path.clone(), index: 256 }]);
    let aside = dir.path().join("kept");
    fs::rename(&statements, &aside).unwrap();
    let report = verify(dir.path(), &Trust::in_key(key.parse().unwrap()));
    assert_eq!(report.findings, [Finding::Missing { path, index: 256 }]);
    fs::rename(&aside, &statements).unwrap();

    let other = Signer::from_seed(&[99; 32]).unwrap().verifying_key("tsunagu/tsuno");
    let report = verify(dir.path(), &Trust::in_key(other));
    assert!(matches!(&report.findings[..], [Finding::Checkpoint(_)]), "{report}");
    assert!(verify(dir.path(), &Trust::in_key(key.parse().unwrap())).holds());
}

pub(crate) fn files(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for item in fs::read_dir(dir).unwrap() {
        let path = item.unwrap().path();
        if path.is_dir() {
            files.extend(self::files(&path));
        } else {
            files.push(path);
        }
    }
    files.sort();
    files
}

#[test]
fn no_change_of_any_file_goes_unnoticed() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (dir, key) = runtime.block_on(exported(290));
    let files = files(dir.path());
    assert!(files.len() >= 8);
    let config = ProptestConfig { cases: 300, ..ProptestConfig::default() };
    let strategy = (any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0u8..5, 0u8..8);
    proptest!(config, |((file, at, kind, bit) in strategy)| {
        let path = &files[file.index(files.len())];
        let good = fs::read(path).unwrap();
        let mut bytes = good.clone();
        match kind {
            0 | 1 => { let at = at.index(bytes.len()); bytes[at] ^= 1 << bit; }
            2 => bytes.truncate(at.index(bytes.len())),
            3 => { bytes.remove(at.index(good.len())); }
            _ => bytes.insert(at.index(good.len() + 1), bit),
        }
        fs::write(path, &bytes).unwrap();
        let report = verify(dir.path(), &Trust::in_key(key.parse().unwrap()));
        fs::write(path, &good).unwrap();
        prop_assert!(!report.holds(), "{} {kind}", path.display());
    });
    assert!(verify(dir.path(), &Trust::in_key(key.parse().unwrap())).holds());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn replicas_that_sign_at_the_same_time_sign_one_log() {
    let world = Arc::new(world());
    let mut tasks = Vec::new();
    for replica in 0..4u8 {
        let world = Arc::clone(&world);
        tasks.push(tokio::spawn(async move {
            let log = audit_log(&world.store, &world.clock, 5);
            let mut notes = Vec::new();
            for n in 0..40u8 {
                let access = world.access(&[person(replica), person(n)]);
                log.record(&world.tenant, &access).await.unwrap();
                // Losing a race for the signature is an answer; a wrong signature is not.
                notes.extend(log.checkpoint(&world.tenant).await);
            }
            notes
        }));
    }
    let mut points = Vec::new();
    for task in tasks {
        for note in task.await.unwrap() {
            points.push(Checkpoint::open(&note, &world.log.verifying_key(&world.tenant)).unwrap());
        }
    }
    let last = world.checkpoint().await;
    assert_eq!(last.size, 160);
    assert!(!points.is_empty());
    for point in points {
        let proof = world.log.consistency(&world.tenant, point.size, None).await.unwrap();
        let (old, new) = (&point.root, &last.root);
        assert!(verify_consistency(point.size, 160, old, new, &proof.path), "{}", point.size);
    }
    let dir = tempfile::tempdir().unwrap();
    world.log.export(&world.tenant, dir.path()).await.unwrap();
    let key = world.log.verifying_key(&world.tenant).to_string();
    assert!(verify(dir.path(), &Trust::in_key(key.parse().unwrap())).holds());
}
