//! The cases of a connector that reads the files of a folder.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use async_trait::async_trait;
use chrono::TimeDelta;
use tsunagu_domain::Clock as _;

use super::{Kit, Life, Record, records};
use crate::{Caps, ConnectError, Cursor, Parts, Ready, RunReport, Runner, Source, runs};

/// How a connector that reads files is held to the cases.
#[async_trait]
pub trait FolderRig: Send + Sync {
    /// The connector, with settings that are right, for this folder.
    fn ready(&self, folder: &Path) -> Ready;

    /// A folder that is there and empty, another one each time.
    fn folder(&self) -> PathBuf;

    /// A file in which the other side hands over these records: its name, another one for each `n`, and its bytes. Its last byte ends the last record.
    fn file(&self, n: u32, records: &[Record]) -> (String, Vec<u8>);
}

/// What stands in files of the kit that nothing may repeat.
const MARK: &str = "x-ray-7315";
/// So many records are more than are taken over at once.
const MANY: u32 = 9;

/// A folder and what reads it.
struct World<'a, R> {
    rig: &'a R,
    kit: Kit,
    folder: PathBuf,
}

impl<'a, R: FolderRig> World<'a, R> {
    fn new(rig: &'a R) -> Self {
        Self { rig, kit: Kit::default(), folder: rig.folder() }
    }

    /// Puts these bytes there, changed last so many seconds ago.
    fn put(&self, name: &str, bytes: &[u8], seconds_ago: u64) {
        let path = self.folder.join(name);
        good(fs::write(&path, bytes));
        self.touch(name, seconds_ago);
    }

    fn touch(&self, name: &str, seconds_ago: u64) {
        let now = u64::try_from(self.kit.clock.micros()).unwrap_or_default();
        let at = UNIX_EPOCH + Duration::from_micros(now) - Duration::from_secs(seconds_ago);
        let file = good(OpenOptions::new().append(true).open(self.folder.join(name)));
        good(file.set_modified(at));
    }

    /// Hands over records in file `n`.
    fn hand_over(&self, n: u32, records: &[Record], seconds_ago: u64) {
        let (name, bytes) = self.rig.file(n, records);
        self.put(&name, &bytes, seconds_ago);
    }

    async fn parts(&self, life: &Arc<Life>) -> Parts {
        let built = self.rig.ready(&self.folder).build(&self.kit.mortal_host(life)).await;
        assert!(built.is_ok(), "the connector cannot be built: {built:?}");
        built.unwrap_or_default()
    }

    async fn source(&self) -> Box<dyn Source> {
        let source = self.parts(&Life::whole()).await.source;
        assert!(source.is_some(), "the connector has no source");
        source.unwrap_or_else(|| Box::new(Nothing))
    }

    async fn runner(&self, gateway: &str, life: &Arc<Life>) -> Runner {
        let ready = self.rig.ready(&self.folder);
        let source = self.parts(life).await.source.unwrap_or_else(|| Box::new(Nothing));
        let mapper = ready.mapper();
        assert!(mapper.is_ok(), "the mapping cannot be used");
        let ground = self.kit.mortal_ground(gateway, life);
        let name = &ready.manifest().name;
        Runner::new(ground, name, source, mapper.unwrap_or_default(), Caps::default())
    }

    async fn run(&self) -> Result<Option<RunReport>, ConnectError> {
        self.runner("gateway-1", &Life::whole()).await.run_once().await
    }

    /// Runs until nothing is left.
    async fn settle(&self, gateway: &str, life: &Arc<Life>) {
        let mut runner = self.runner(gateway, life).await;
        for _ in 0..100 {
            tokio::select! {
                () = life.over() => return,
                report = runner.run_once() => match report {
                    Ok(None) => return,
                    Ok(Some(report)) => assert_eq!(report.error, None, "a run fails"),
                    Err(error) => assert!(false_with(&error), "a run fails: {error}"),
                }
            }
        }
        assert!(life.is_over(), "there is always something new");
    }

    async fn settled(&self) -> BTreeMap<String, Vec<String>> {
        self.settle("gateway-1", &Life::whole()).await;
        self.kit.town.kept()
    }

    async fn runs(&self) -> Vec<RunReport> {
        let name = self.rig.ready(&self.folder).manifest().name.clone();
        runs(&*self.kit.store, &Kit::tenant(), &name, 50).await.unwrap_or_default()
    }

    /// Everything that was told so far.
    async fn told(&self) -> String {
        serde_json::to_string(&self.runs().await).unwrap_or_default()
    }
}

/// For an assertion that always fails.
fn false_with(_: &ConnectError) -> bool {
    false
}

#[expect(clippy::expect_used, reason = "a test fails by panicking")]
fn good<T>(done: io::Result<T>) -> T {
    done.expect("the folder of a test")
}

/// Stands in for a source that is missing, which was told.
struct Nothing;

#[async_trait]
impl Source for Nothing {
    async fn poll(&mut self, _cursor: Option<&Cursor>) -> Result<crate::Batch, ConnectError> {
        Err(ConnectError::Config("the connector has no source".to_owned()))
    }

    async fn acknowledge(&mut self, _cursor: &Cursor) -> Result<(), ConnectError> {
        Ok(())
    }
}

/// The same records as they are after so many changes, in another order.
fn revised(revision: u32) -> Vec<Record> {
    let mut all: Vec<Record> =
        records(MANY).into_iter().map(|record| Record { revision, ..record }).collect();
    all.rotate_left(revision as usize);
    all
}

/// What the platform has of one file when nothing goes wrong.
async fn clean<R: FolderRig>(rig: &R, records: &[Record]) -> BTreeMap<String, Vec<String>> {
    let world = World::new(rig);
    world.hand_over(1, records, 3_600);
    world.settled().await
}

/// Every case.
///
/// # Panics
/// With what is wrong.
pub async fn folder<R: FolderRig>(rig: &R) {
    takes_everything_once(rig).await;
    takes_files_in_their_order_however_they_arrive(rig).await;
    goes_on_after_a_kill_at_any_step(rig).await;
    waits_for_a_file_that_is_being_written(rig).await;
    lets_garbage_stand_in_nobodys_way(rig).await;
    bounds_what_is_huge(rig).await;
    outlives_the_folder_and_the_disk(rig).await;
    begins_anew_from_a_cursor_of_other_settings(rig).await;
}

async fn takes_everything_once<R: FolderRig>(rig: &R) {
    let (world, all) = (World::new(rig), records(MANY));
    world.hand_over(1, &all, 3_600);
    let kept = world.settled().await;
    assert_eq!(kept.len(), all.len(), "each record is one entity");
    assert_eq!(world.kit.town.writes(), all.len(), "nothing is written twice");
    // The same file with another time, the same records in another file, and each twice in one.
    world.hand_over(1, &all, 1_800);
    assert_eq!(world.settled().await, kept, "a file that comes again changes nothing");
    world.hand_over(2, &all, 1_700);
    assert_eq!(world.settled().await, kept, "records that come again change nothing");
    let twice: Vec<Record> = all.iter().chain(&all).copied().collect();
    world.hand_over(3, &twice, 1_600);
    assert_eq!(world.settled().await, kept, "duplicates change nothing");
    assert_eq!(world.kit.town.writes(), all.len(), "duplicates are not written");
}

async fn takes_files_in_their_order_however_they_arrive<R: FolderRig>(rig: &R) {
    let expected = clean(rig, &revised(2)).await;
    // All there at once; the names are in another order than the times.
    let world = World::new(rig);
    for (n, revision) in [(3, 0), (1, 1), (2, 2)] {
        world.hand_over(n, &revised(revision), 3_600 - u64::from(revision));
    }
    assert_eq!(world.settled().await, expected, "the latest file is kept");
    // One by one, in any order. A file that is older than one that was read brings nothing back.
    for arrival in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let world = World::new(rig);
        for revision in arrival {
            world.hand_over(revision, &revised(revision), 3_600 - u64::from(revision));
            world.settled().await;
        }
        assert_eq!(world.kit.town.kept(), expected, "files that arrive as {arrival:?}");
    }
    // A late file still brings what the later ones have not.
    let world = World::new(rig);
    let (some, rest) = (revised(2).split_off(4), revised(2));
    world.hand_over(2, &some, 1_000);
    world.settled().await;
    world.hand_over(1, &rest, 2_000);
    assert_eq!(world.settled().await, expected, "what only a late file has is taken over");
}

async fn goes_on_after_a_kill_at_any_step<R: FolderRig>(rig: &R) {
    let expected = clean(rig, &revised(1)).await;
    let mut steps = 0;
    loop {
        let world = World::new(rig);
        world.hand_over(1, &revised(0), 3_600);
        world.hand_over(2, &revised(1), 3_000);
        let life = Life::of(steps);
        world.settle("gateway-1", &life).await;
        if !life.is_over() {
            break;
        }
        world.kit.clock.advance(TimeDelta::minutes(1));
        world.settle("gateway-2", &Life::whole()).await;
        assert_eq!(world.kit.town.kept(), expected, "killed after {steps} steps");
        steps += 1;
    }
    // Before and after each entity of each file, at least.
    assert!(steps > 4 * MANY as usize, "it was killed only {steps} times");
}

async fn waits_for_a_file_that_is_being_written<R: FolderRig>(rig: &R) {
    let all = revised(1);
    let expected = clean(rig, &all).await;
    let (name, bytes) = rig.file(1, &all);
    let world = World::new(rig);
    // A part, a little later some more, and so on: nobody says when it is over but the time that passes.
    for part in 1..8 {
        let written = bytes.get(..bytes.len() * part / 8).unwrap_or_default();
        world.put(&name, written, 0);
        assert!(matches!(world.run().await, Ok(None)), "what is being written is not read");
        world.kit.clock.advance(TimeDelta::milliseconds(700));
        assert!(matches!(world.run().await, Ok(None)), "nor a moment later");
    }
    world.put(&name, &bytes, 0);
    assert!(matches!(world.run().await, Ok(None)), "nor when its last byte is there");
    world.kit.clock.advance(TimeDelta::minutes(1));
    assert_eq!(world.settled().await, expected, "then it is read");
    assert!(world.runs().await.iter().all(|run| run.rows.refused_count == 0), "whole");

    // A writer that fell asleep, and woke up when the file was being read.
    let written = bytes.get(..bytes.len() * 3 / 4).unwrap_or_default();
    let mut steps = 0;
    loop {
        let world = World::new(rig);
        world.put(&name, written, 3_600);
        let life = Life::of(steps);
        world.settle("gateway-1", &life).await;
        world.put(&name, &bytes, 60);
        world.settle("gateway-1", &Life::whole()).await;
        assert_eq!(world.kit.town.kept(), expected, "changed after {steps} steps");
        if !life.is_over() {
            break;
        }
        steps += 1;
    }
}

async fn lets_garbage_stand_in_nobodys_way<R: FolderRig>(rig: &R) {
    let all = records(MANY);
    let expected = clean(rig, &all).await;
    let (_, bytes) = rig.file(1, &all);
    let half = bytes.len() / 2;
    let (head, tail) = bytes.split_at_checked(half).unwrap_or_default();
    let noise = [0xFF, 0x00, 0x9D, 0xC3, 0x28, 0xFE, 0x80].repeat(100);
    for (what, garbage) in [
        ("nothing", Vec::new()),
        ("noise", noise.clone()),
        ("zeros", vec![0; 4_096]),
        ("HTML", format!("<html><body>{MARK}, \"{MARK}</body></html>\n").into_bytes()),
        ("JSON", format!("{{\"{MARK}\":[[[1e400,null]]]}}").into_bytes()),
        ("a mark and no more", vec![0xEF, 0xBB, 0xBF]),
        ("half a character", [&[0xFE, 0xFF][..], &[0x00]].concat()),
        ("noise in the middle", [head, &noise, tail].concat()),
        ("a quote in the middle", [head, &b"\""[..], tail].concat()),
        ("a quote at the beginning", [&b"\""[..], &bytes].concat()),
        ("another encoding in the middle", [head, &b"\x82\xA0\xFF"[..], tail].concat()),
        ("cut off", head.to_vec()),
    ] {
        let world = World::new(rig);
        let (name, _) = rig.file(1, &all);
        world.put(&name, &garbage, 3_600);
        world.settled().await;
        let told: u64 = world
            .runs()
            .await
            .iter()
            .map(|run| run.rows.refused_count + run.rows.warning_count)
            .sum();
        assert!(told > 0, "{what} is told");
        assert!(!world.told().await.contains(MARK), "{what} is not repeated");
        world.hand_over(2, &all, 3_000);
        assert_eq!(world.settled().await, expected, "what follows {what} is taken over");
        assert!(matches!(world.run().await, Ok(None)), "{what} is told once");
    }
}

async fn bounds_what_is_huge<R: FolderRig>(rig: &R) {
    let all = records(MANY);
    let expected = clean(rig, &all).await;
    let (name, bytes) = rig.file(1, &all);
    // A record that does not end.
    let world = World::new(rig);
    let (head, tail) = bytes.split_at_checked(bytes.len() - 2).unwrap_or_default();
    world.put(&name, &[head, &b"x".repeat(4 << 20), tail].concat(), 3_600);
    world.settled().await;
    assert!(world.runs().await.iter().any(|run| run.rows.refused_count > 0), "it is told");
    world.hand_over(2, &all, 3_000);
    assert_eq!(world.settled().await, expected, "what follows it is taken over");

    // A file that is larger than any disk of ours; it is sparse.
    let world = World::new(rig);
    good(good(File::create(world.folder.join(&name))).set_len(1 << 40));
    world.touch(&name, 3_600);
    world.settled().await;
    assert!(world.runs().await.iter().any(|run| run.rows.refused_count > 0), "it is told");
    world.hand_over(2, &all, 3_000);
    assert_eq!(world.settled().await, expected, "what follows it is taken over");

    // Many records come in parts.
    let world = World::new(rig);
    world.hand_over(1, &records(3_000), 3_600);
    let (mut source, mut cursor, mut came) = (world.source().await, None, 0);
    loop {
        let batch = source.poll(cursor.as_ref()).await;
        let Ok(batch) = batch else {
            assert!(batch.is_ok(), "a large file cannot be read: {batch:?}");
            return;
        };
        assert!(batch.items.len() <= 1_000, "{} items at once", batch.items.len());
        came += batch.items.len();
        if !batch.more {
            break;
        }
        cursor = Some(batch.cursor);
    }
    assert_eq!(came, 3_000, "all of them");
}

async fn outlives_the_folder_and_the_disk<R: FolderRig>(rig: &R) {
    let all = records(MANY);
    let expected = clean(rig, &all).await;
    let world = World::new(rig);
    world.hand_over(1, &all, 3_600);
    let probe = world.parts(&Life::whole()).await.probe;
    assert!(probe.is_some(), "the connector has no probe");
    let there = async || match &probe {
        Some(probe) => probe.probe().await.is_ok(),
        None => false,
    };
    let away = world.folder.with_extension("away");
    for stands_there in [false, true] {
        assert!(there().await, "the folder is there");
        good(fs::rename(&world.folder, &away));
        if stands_there {
            // Something else of its name, as where a disk is not mounted.
            good(good(File::create(&world.folder)).write_all(b"not a folder"));
        }
        assert!(!there().await, "that the folder is gone goes unnoticed");
        for _ in 0..3 {
            let run = world.run().await;
            assert!(matches!(run, Err(ConnectError::Unavailable(_))), "it is told: {run:?}");
        }
        let path = world.folder.to_string_lossy().into_owned();
        assert!(!world.told().await.contains(&path), "where the folder is is nobody's business");
        if stands_there {
            good(fs::remove_file(&world.folder));
        }
        good(fs::rename(&away, &world.folder));
    }
    // The gateway's own disk is full, or away: nothing can be remembered.
    tsunagu_store::Store::close(&*world.kit.store).await;
    for _ in 0..3 {
        let run = world.run().await;
        assert!(matches!(run, Err(ConnectError::Unavailable(_))), "it is told: {run:?}");
    }
    world.kit.store.reopen();
    assert_eq!(world.settled().await, expected, "after all of that");
    // Everything is taken away while it is read, and brought again.
    let mut steps = 0;
    loop {
        let world = World::new(rig);
        world.hand_over(1, &all, 3_600);
        let life = Life::of(steps);
        world.settle("gateway-1", &life).await;
        good(fs::remove_file(world.folder.join(rig.file(1, &all).0)));
        world.settle("gateway-1", &Life::whole()).await;
        world.hand_over(2, &all, 1_800);
        world.settle("gateway-1", &Life::whole()).await;
        assert_eq!(world.kit.town.kept(), expected, "taken away after {steps} steps");
        if !life.is_over() {
            break;
        }
        steps += 5;
    }
}

async fn begins_anew_from_a_cursor_of_other_settings<R: FolderRig>(rig: &R) {
    let world = World::new(rig);
    world.hand_over(1, &records(2), 3_600);
    let mut source = world.source().await;
    for text in ["", "page=7", "{}", "[1]", "{\"v\":9,\"done\":7}"] {
        let batch = source.poll(Some(&Cursor(text.to_owned()))).await;
        let came = batch.as_ref().map(|batch| batch.items.len());
        assert_eq!(came.ok(), Some(2), "from '{text}' it does not begin anew: {:?}", batch.err());
    }
}
