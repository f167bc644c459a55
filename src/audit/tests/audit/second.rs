//! The second verifier, in Python without anything but its standard library, agrees with the first on whatever is done to a log.

use std::path::Path;
use std::process::Command;
use std::{fs, io};

use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;
use tsunagu_audit::{Checkpoint, Cosigner, Quorum, Signer, Trust, verify};

use crate::log::{files, read_bundle, write_bundle};
use crate::world::{exported, person, reader, world};
use tsunagu_domain::Clock as _;
use tsunagu_store::access::AccessLog as _;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/verify/verify.py");

/// Does something to the log in a folder.
type Deceit = fn(&Path);

/// Whether the log holds, and what was said. What is neither yes nor no is a failure.
fn python(what: &Path, trust: &Trust, earlier: &[&Path]) -> (bool, String) {
    let mut command = Command::new("python3");
    command.args(["-I", "-B", SCRIPT]).arg(what).args(["--key", &trust.key.to_string()]);
    for witness in &trust.quorum.witnesses {
        command.args(["--witness", &witness.to_string()]);
    }
    command.args(["--quorum", &trust.quorum.needed.to_string()]);
    for file in earlier {
        command.arg("--earlier").arg(file);
    }
    let done = command.output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    let errors = String::from_utf8_lossy(&done.stderr);
    assert!(matches!(done.status.code(), Some(0 | 1)), "{said}{errors}");
    (done.status.success(), said)
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for item in fs::read_dir(from)? {
        let item = item?;
        let target = to.join(item.file_name());
        if item.file_type()?.is_dir() {
            copy(&item.path(), &target)?;
        } else {
            fs::copy(item.path(), target)?;
        }
    }
    Ok(())
}

/// A log of two tiles in which one person was erased.
async fn subject() -> (tempfile::TempDir, Trust) {
    let world = world();
    world.log.record(&world.tenant, &world.access(&[person(1), person(9)])).await.unwrap();
    world.fill(259).await;
    world.clock.advance(chrono::TimeDelta::seconds(1));
    let now = world.clock.micros();
    world.log.erase(&world.tenant, &reader(), person(1), now).await.unwrap();
    let (dir, key) = exported(&world).await;
    (dir, Trust::in_key(key.parse().unwrap()))
}

#[tokio::test]
async fn t81_both_verifiers_find_what_was_done_to_a_log() {
    let (dir, trust) = subject().await;
    let (holds, said) = python(dir.path(), &trust, &[]);
    assert!(holds && said.contains("261 entries"), "{said}");
    assert!(verify(dir.path(), &trust).holds());

    let deceits: [(&str, Deceit); 7] = [
        ("a flipped bit", |dir| change(dir, |entries| entries[40][20] ^= 4)),
        ("a dropped entry", |dir| change(dir, |entries| drop(entries.remove(7)))),
        ("a swapped entry", |dir| change(dir, |entries| entries.swap(3, 4))),
        ("an inserted entry", |dir| change(dir, |entries| entries.insert(9, vec![2; 33]))),
        ("a truncated tree", |dir| {
            fs::remove_dir_all(dir.join("tile/entries/001.p")).unwrap();
            fs::remove_dir_all(dir.join("payload/001.p")).unwrap();
        }),
        ("a statement erased behind the log", |dir| {
            let file = dir.join("payload/000");
            let mut payloads = read_bundle(&file);
            payloads[3].clear();
            write_bundle(&file, &payloads);
        }),
        ("another statement", |dir| {
            let file = dir.join("payload/000");
            let mut payloads = read_bundle(&file);
            let place = payloads[3].len() - 2;
            payloads[3][place] ^= 1;
            write_bundle(&file, &payloads);
        }),
    ];
    for (name, deceive) in deceits {
        let other = tempfile::tempdir().unwrap();
        copy(dir.path(), other.path()).unwrap();
        deceive(other.path());
        let (holds, said) = python(other.path(), &trust, &[]);
        assert!(!holds && said.starts_with("does not hold"), "{name}: {said}");
        assert!(!verify(other.path(), &trust).holds(), "{name}");
    }
}

fn change(dir: &Path, how: impl Fn(&mut Vec<Vec<u8>>)) {
    let file = dir.join("tile/entries/000");
    let mut entries = read_bundle(&file);
    how(&mut entries);
    write_bundle(&file, &entries);
}

#[tokio::test]
async fn t81_both_verifiers_find_forks_and_wrong_cosignatures() {
    let (dir, mut trust) = subject().await;
    let signer = Signer::from_seed(&[5; 32]).unwrap();
    let aside = tempfile::tempdir().unwrap();
    let (mine, theirs) = (aside.path().join("mine"), aside.path().join("theirs"));
    let note = fs::read_to_string(dir.path().join("checkpoint")).unwrap();
    fs::write(&mine, &note).unwrap();
    let fork = Checkpoint { origin: "tsunagu/tsuno".to_owned(), size: 100, root: [7; 32] };
    fs::write(&theirs, fork.sign(&signer)).unwrap();
    assert!(python(dir.path(), &trust, &[&mine]).0);
    let (holds, said) = python(dir.path(), &trust, &[&mine, &theirs]);
    assert!(!holds && said.contains("not the continuation"), "{said}");

    let witness = Cosigner::from_seed("witness.example/w1", &[8; 32]).unwrap();
    trust.quorum = Quorum { witnesses: vec![witness.key()], needed: 1 };
    assert!(!python(dir.path(), &trust, &[]).0, "nobody cosigned");
    let text = note.split_once("\n\n").unwrap().0;
    let cosigned = format!("{note}{}", witness.cosign(&format!("{text}\n"), 1_800_000_000));
    fs::write(dir.path().join("checkpoint"), &cosigned).unwrap();
    let (holds, said) = python(dir.path(), &trust, &[]);
    assert!(holds && said.contains("witness.example/w1"), "{said}");
    assert!(verify(dir.path(), &trust).holds());
    let other = witness.cosign(&format!("{text}0\n"), 1_800_000_000);
    fs::write(dir.path().join("checkpoint"), format!("{note}{other}")).unwrap();
    let (holds, said) = python(dir.path(), &trust, &[]);
    assert!(!holds && said.contains("the cosignature of witness.example/w1 is wrong"), "{said}");
    assert!(!verify(dir.path(), &trust).holds());
}

#[tokio::test]
async fn both_verifiers_read_the_proof_of_one_entry() {
    let world = world();
    world.log.record(&world.tenant, &world.access(&[person(1), person(2)])).await.unwrap();
    world.fill(30).await;
    world.checkpoint().await;
    let trust = Trust::in_key(world.log.verifying_key(&world.tenant));
    let proof = world.log.proof_file(&world.tenant, 0, Some(person(2))).await.unwrap().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("mine.tlog-proof");
    fs::write(&file, proof.text()).unwrap();
    let (holds, said) = python(&file, &trust, &[]);
    assert!(holds && said.contains("health-coaching"), "{said}");
    fs::write(&file, proof.text().replace("index 0", "index 2")).unwrap();
    assert!(!python(&file, &trust, &[]).0);
}

#[test]
fn both_verifiers_agree_on_random_damage() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (dir, trust) = runtime.block_on(subject());
    let files = files(dir.path());
    let mut runner = TestRunner::deterministic();
    let any = proptest::prelude::any::<(proptest::sample::Index, proptest::sample::Index, u8)>();
    for _ in 0..8 {
        let (file, at, bit) = any.new_tree(&mut runner).unwrap().current();
        let path = &files[file.index(files.len())];
        let good = fs::read(path).unwrap();
        let mut bytes = good.clone();
        bytes[at.index(good.len())] ^= 1 << (bit % 8);
        fs::write(path, &bytes).unwrap();
        let (first, second) = (verify(dir.path(), &trust).holds(), python(dir.path(), &trust, &[]));
        fs::write(path, &good).unwrap();
        assert_eq!((first, second.0), (false, false), "{}: {}", path.display(), second.1);
    }
}
