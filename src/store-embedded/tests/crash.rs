//! Killing the process that writes.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests may unwrap; the environment tells the killed half what it is"
)]

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use tsunagu_store::Store;
use tsunagu_store::conformance::{crash, samples};
use tsunagu_store_embedded::{EmbeddedStore, Options};

const FOLDER: &str = "STORE_CRASH_FOLDER";
const FIRST: &str = "STORE_CRASH_FIRST";

fn open(folder: &Path) -> Arc<dyn Store> {
    let options = Options { declared: samples::declared(), ..Options::default() };
    EmbeddedStore::open(folder, &options).unwrap()
}

/// The process starts itself again as the writer. `CRASH_ROUNDS` and `CRASH_SEED` make it longer or other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_a_kill() {
    if let Ok(folder) = std::env::var(FOLDER) {
        let first = std::env::var(FIRST).unwrap().parse().unwrap();
        return crash::write_until_killed(open(Path::new(&folder)), first, crash::say).await;
    }
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u32>().unwrap());
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("store");
    let writer = |first: u64| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", "what_was_acknowledged_survives_a_kill", "--nocapture"])
            .env(FOLDER, &folder)
            .env(FIRST, first.to_string());
        command
    };
    let rounds = number("CRASH_ROUNDS").unwrap_or(10);
    let seed = u64::from(number("CRASH_SEED").unwrap_or(1));
    crash::kill_and_check(rounds, seed, writer, || async { open(&folder) }).await;
}
