//! Witnesses: what they cosign and refuse, what they remember, and what the log does with and without them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::TimeDelta;
use tsunagu_audit::{
    Answer, AskedWitness, AuditError, Checkpoint, Cosigner, Finding, FolderMemory, InvalidProof,
    Quorum, Signer, TlogProof, Trust, Witness, WitnessCalls, Witnesses, verify,
};
use tsunagu_domain::{Clock, ManualClock, ProblemCode};
use tsunagu_store::access::{AccessLog, Action, Decision};

use crate::world::{World, audit_log, exported, person, world};

const NAME: &str = "witness.example/w1";
const NOW: u64 = 1_800_000_000;

fn cosigner(seed: u8) -> Cosigner {
    Cosigner::from_seed(NAME, &[seed; 32]).unwrap()
}

fn witness(world: &World, folder: &std::path::Path) -> Witness {
    let memory = Box::new(FolderMemory::open(folder).unwrap());
    Witness::new(cosigner(8), vec![world.log.verifying_key(&world.tenant)], memory)
}

/// What the log sends for its present state, to a witness that saw `old` entries.
async fn call(world: &World, old: u64) -> String {
    let note = world.log.checkpoint(&world.tenant).await.unwrap();
    let mut lines = vec![format!("old {old}")];
    if old > 0 {
        let proof = world.log.consistency(&world.tenant, old, None).await.unwrap();
        lines.extend(proof.path.iter().map(|hash| STANDARD.encode(hash)));
    }
    format!("{}\n\n{note}", lines.join("\n"))
}

#[tokio::test]
async fn t81_a_witness_cosigns_only_what_continues_what_it_saw() {
    let world = world();
    let dir = tempfile::tempdir().unwrap();
    let seen = witness(&world, dir.path());
    world.fill(5).await;
    let first = call(&world, 0).await;
    let answer = seen.add_checkpoint(&first, NOW);
    assert_eq!(answer.status, 200);
    let note = first.split_once("\n\n").unwrap().1;
    let cosigned = format!("{note}{}", answer.body);
    assert_eq!(cosigner(8).key().cosigned(&cosigned), Ok(Some(NOW)));
    // The same again is cosigned again, at its time.
    assert_eq!(seen.add_checkpoint(&call(&world, 5).await, NOW + 9).status, 200);

    world.fill(7).await;
    let stale = seen.add_checkpoint(&call(&world, 0).await, NOW);
    assert_eq!((stale.status, stale.body.as_str()), (409, "5\n"));
    assert_eq!(stale.media_type, "text/x.tlog.size");
    let grown = call(&world, 5).await;
    let unproven = grown.replacen(grown.split('\n').nth(1).unwrap(), &STANDARD.encode([0; 32]), 1);
    assert_eq!(seen.add_checkpoint(&unproven, NOW).status, 422);
    assert_eq!(seen.add_checkpoint(&grown, NOW).status, 200);
    // Rolled back to what it was: refused, and the memory stays.
    assert_eq!(seen.add_checkpoint(&first, NOW).status, 409);
    assert_eq!(seen.add_checkpoint(&call(&world, 12).await, NOW).status, 200);

    // Another form of the log, with the same key.
    let fork = self::world();
    fork.clock.advance(TimeDelta::seconds(1));
    fork.fill(12).await;
    let forked = call(&fork, 12).await;
    assert_eq!(seen.add_checkpoint(&forked, NOW).status, 409, "the same size with another root");
    fork.fill(3).await;
    assert_eq!(seen.add_checkpoint(&call(&fork, 12).await, NOW).status, 422);

    // Not this log, not its key, not of the form.
    let other = audit_log(&world.store, &world.clock, 6);
    let unknown = Signer::from_seed(&[5; 32]).unwrap().sign("other/log", "other/log\n1\nAAAA\n");
    assert_eq!(seen.add_checkpoint(&format!("old 0\n\n{unknown}"), NOW).status, 404);
    let point = Checkpoint { origin: "tsunagu/tsuno".to_owned(), size: 99, root: [1; 32] };
    let foreign = point.sign(&Signer::from_seed(&[6; 32]).unwrap());
    assert_eq!(seen.add_checkpoint(&format!("old 12\n\n{foreign}"), NOW).status, 403);
    drop(other);
    for wrong in ["", "old\n\nx", "old 01\n\nx", "new 1\n\nx", "old 1\nnothing\n\nx"] {
        assert_eq!(seen.add_checkpoint(wrong, NOW).status, 400, "{wrong:?}");
    }
    let small = first.replacen("old 0", "old 6", 1);
    assert_eq!(seen.add_checkpoint(&small, NOW).status, 400, "the old size is the greater");
}

#[tokio::test]
async fn a_witness_remembers_when_it_starts_again_and_never_forgets_by_damage() {
    let world = world();
    let dir = tempfile::tempdir().unwrap();
    world.fill(3).await;
    let seen = witness(&world, dir.path());
    assert_eq!(seen.add_checkpoint(&call(&world, 0).await, NOW).status, 200);
    assert!(FolderMemory::open(dir.path()).is_err(), "one folder, one witness");
    drop(seen);
    let seen = witness(&world, dir.path());
    assert_eq!(seen.add_checkpoint(&call(&world, 0).await, NOW).status, 409);
    assert_eq!(seen.add_checkpoint(&call(&world, 3).await, NOW).status, 200);
    let files = std::fs::read_dir(dir.path()).unwrap().map(|file| file.unwrap().path());
    let kept = files.into_iter().find(|file| file.extension().is_some_and(|e| e == "checkpoint"));
    std::fs::write(kept.unwrap(), "damaged").unwrap();
    assert_eq!(seen.add_checkpoint(&call(&world, 0).await, NOW).status, 500);
    assert_eq!(seen.add_checkpoint(&call(&world, 3).await, NOW).status, 500);
}

/// A witness in the same process that can be away.
struct Near {
    witness: Witness,
    away: AtomicBool,
    clock: Arc<ManualClock>,
    bodies: Mutex<Vec<String>>,
}

#[async_trait]
impl WitnessCalls for Near {
    async fn add_checkpoint(&self, body: String) -> Result<Answer, String> {
        if self.away.load(Ordering::SeqCst) {
            return Err("nobody answers".to_owned());
        }
        let now = u64::try_from(self.clock.micros() / 1_000_000).unwrap();
        let answer = self.witness.add_checkpoint(&body, now);
        self.bodies.lock().unwrap().push(body);
        Ok(answer)
    }
}

/// A log with a witness that must cosign, for an hour at most without it.
fn watched(folder: &std::path::Path) -> (World, Arc<Near>) {
    let mut world = world();
    let near = Arc::new(Near {
        witness: witness(&world, folder),
        away: AtomicBool::new(false),
        clock: Arc::clone(&world.clock),
        bodies: Mutex::default(),
    });
    let asked = AskedWitness { key: cosigner(8).key(), calls: Arc::clone(&near) as _ };
    world.log =
        audit_log(&world.store, &world.clock, 5).witnessed(Witnesses::new(vec![asked], 1, 3600));
    (world, near)
}

fn quorum() -> Quorum {
    Quorum { witnesses: vec![cosigner(8).key()], needed: 1 }
}

#[tokio::test]
async fn what_is_shown_exported_and_proven_is_cosigned() {
    let dir = tempfile::tempdir().unwrap();
    let (world, near) = watched(dir.path());
    let tenants = [world.tenant.clone()];
    world.fill(300).await;
    assert!(matches!(world.log.shown(&world.tenant).await, Err(AuditError::Unpublished)));
    world.log.publish(&tenants).await.unwrap();
    world.fill(9).await;
    let note = world.log.shown(&world.tenant).await.unwrap();
    assert_eq!(cosigner(8).key().cosigned(&note), Ok(Some(NOW)));
    let key = world.log.verifying_key(&world.tenant);
    assert_eq!(Checkpoint::open(&note, &key).unwrap().size, 300, "the rest is not cosigned yet");

    let (folder, _) = exported(&world).await;
    let trust = Trust { key: key.clone(), quorum: quorum(), earlier: Vec::new() };
    let report = verify(folder.path(), &trust);
    assert!(report.holds(), "{report}");
    assert_eq!(report.witnesses, [NAME]);

    let stored = world.log.proof_file(&world.tenant, 299, None).await.unwrap().unwrap();
    let read = TlogProof::read(&stored.text()).unwrap();
    assert_eq!(read, stored);
    assert_eq!(read.verify(&key, &quorum()).unwrap().index, 299);
    assert_eq!(world.log.proof_file(&world.tenant, 300, None).await.unwrap(), None);

    // A process that starts again lost count, asks and goes on.
    world.log.publish(&tenants).await.unwrap();
    let asked = AskedWitness { key: cosigner(8).key(), calls: Arc::clone(&near) as _ };
    let again =
        audit_log(&world.store, &world.clock, 5).witnessed(Witnesses::new(vec![asked], 1, 3600));
    near.bodies.lock().unwrap().clear();
    again.publish(&tenants).await.unwrap();
    let bodies = near.bodies.lock().unwrap().clone();
    let old: Vec<_> = bodies.iter().map(|body| body.lines().next().unwrap()).collect();
    assert_eq!(old, ["old 0", "old 309"]);
}

#[tokio::test]
async fn t82_without_witnesses_for_too_long_personal_data_is_refused_and_nothing_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let (world, near) = watched(dir.path());
    let tenants = [world.tenant.clone()];
    world.fill(3).await;
    world.log.publish(&tenants).await.unwrap();
    near.away.store(true, Ordering::SeqCst);
    world.clock.advance(TimeDelta::seconds(3600));
    assert!(matches!(world.log.publish(&tenants).await, Err(AuditError::Unpublished)));
    world.fill(2).await;
    world.clock.advance(TimeDelta::seconds(1));
    let refused = world.log.record(&world.tenant, &world.access(&[person(1)])).await.unwrap_err();
    assert_eq!((refused.code, refused.code.status()), (ProblemCode::Unavailable, 503));
    // Starting again does not extend the limit.
    let asked = AskedWitness { key: cosigner(8).key(), calls: Arc::clone(&near) as _ };
    let again =
        audit_log(&world.store, &world.clock, 5).witnessed(Witnesses::new(vec![asked], 1, 3600));
    again.resume(&tenants).await.unwrap();
    assert!(again.record(&world.tenant, &world.access(&[person(1)])).await.is_err());
    // Refusals are still on record, and consents can still be withdrawn.
    let mut denied = world.access(&[person(1)]);
    denied.decision = Decision::Denied;
    world.log.record(&world.tenant, &denied).await.unwrap();
    let mut withdrawn = world.access(&[person(1)]);
    withdrawn.action = Action::Consent;
    world.log.record(&world.tenant, &withdrawn).await.unwrap();

    near.away.store(false, Ordering::SeqCst);
    world.log.publish(&tenants).await.unwrap();
    world.log.record(&world.tenant, &world.access(&[person(1)])).await.unwrap();
    world.log.publish(&tenants).await.unwrap();
    let note = world.log.shown(&world.tenant).await.unwrap();
    let point = Checkpoint::open(&note, &world.log.verifying_key(&world.tenant)).unwrap();
    assert_eq!(point.size, 8, "everything acknowledged is there");
}

#[tokio::test]
async fn a_proof_for_a_person_names_nobody_else() {
    let world = world();
    world.log.record(&world.tenant, &world.access(&[person(1), person(2)])).await.unwrap();
    world.fill(4).await;
    world.checkpoint().await;
    let key = world.log.verifying_key(&world.tenant);
    let proof = world.log.proof_file(&world.tenant, 0, Some(person(1))).await.unwrap().unwrap();
    let bytes = proof.extra.clone().unwrap();
    let other = *person(2).as_bytes();
    assert!(!bytes.windows(16).any(|window| window == other));
    let proven = proof.verify(&key, &Quorum::default()).unwrap();
    let tsunagu_audit::Content::Access { access, erased } = proven.content else { panic!() };
    assert_eq!((access.subjects, erased), (vec![person(1)], 1));
    assert_eq!(world.log.proof_file(&world.tenant, 0, Some(person(9))).await.unwrap(), None);

    let text = proof.text();
    assert!(text.starts_with("c2sp.org/tlog-proof@v1\nextra "));
    let wrong = |text: &str| TlogProof::read(text).and_then(|p| p.verify(&key, &Quorum::default()));
    assert_eq!(wrong(&text.replace("index 0", "index 1")), Err(InvalidProof::NotIncluded));
    assert_eq!(wrong(&text.replace("index 0", "index 00")), Err(InvalidProof::Malformed));
    assert_eq!(wrong(&text.replace("@v1", "@v2")), Err(InvalidProof::Malformed));
    let few = Err(InvalidProof::Quorum { found: 0, needed: 1 });
    assert_eq!(proof.verify(&key, &quorum()), few);
    let mut untrue = proof;
    if let Some(last) = untrue.extra.as_mut().and_then(|extra| extra.last_mut()) {
        *last ^= 1;
    }
    assert_eq!(untrue.verify(&key, &Quorum::default()), Err(InvalidProof::Untrue));
}

#[tokio::test]
async fn t81_the_verifier_finds_wrong_cosignatures_and_forks() {
    let dir = tempfile::tempdir().unwrap();
    let (world, _) = watched(dir.path());
    let tenants = [world.tenant.clone()];
    world.fill(20).await;
    world.log.publish(&tenants).await.unwrap();
    let earlier = world.log.shown(&world.tenant).await.unwrap();
    world.fill(10).await;
    world.log.publish(&tenants).await.unwrap();
    let (folder, _) = exported(&world).await;
    let key = world.log.verifying_key(&world.tenant);
    let trust = |quorum: Quorum, earlier: &[&str]| Trust {
        key: key.clone(),
        quorum,
        earlier: earlier.iter().map(|note| (*note).to_owned()).collect(),
    };
    let found = |trust: &Trust| verify(folder.path(), trust).findings;
    assert_eq!(found(&trust(quorum(), &[&earlier])), []);
    let other = Quorum { witnesses: vec![cosigner(9).key()], needed: 1 };
    assert_eq!(found(&trust(other, &[])), [Finding::Quorum { found: 0, needed: 1 }]);

    let forked = Checkpoint { origin: "tsunagu/tsuno".to_owned(), size: 20, root: [7; 32] };
    let forked = forked.sign(&Signer::from_seed(&[5; 32]).unwrap());
    assert_eq!(found(&trust(quorum(), &[&forked])), [Finding::Forked { size: 20 }]);
    let both = found(&trust(quorum(), &[&earlier, &forked]));
    assert_eq!(both, [Finding::Forked { size: 20 }]);
    let beyond = Checkpoint { origin: "tsunagu/tsuno".to_owned(), size: 31, root: [7; 32] };
    let beyond = beyond.sign(&Signer::from_seed(&[5; 32]).unwrap());
    assert_eq!(found(&trust(quorum(), &[&beyond])), [Finding::Forked { size: 31 }]);

    let file = folder.path().join("checkpoint");
    let note = std::fs::read_to_string(&file).unwrap();
    let (rest, line) = note.trim_end().rsplit_once('\n').unwrap();
    let (name, signature) = line.rsplit_once(' ').unwrap();
    let mut bytes = STANDARD.decode(signature).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&file, format!("{rest}\n{name} {}\n", STANDARD.encode(bytes))).unwrap();
    let wrong = Finding::Cosignature { witness: NAME.to_owned() };
    assert_eq!(found(&trust(quorum(), &[])), [wrong, Finding::Quorum { found: 0, needed: 1 }]);
}
