//! An issuer that is given files: each order in one file, whatever is killed.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta};
use tsunagu_connector_coin_issuer::{Batch, BatchConfig};
use tsunagu_domain::ManualClock;
use tsunagu_rewards::{AwardUid, Issuer as _, IssuerError};

fn key(n: u32) -> AwardUid {
    format!("{n:064x}").parse().unwrap()
}

struct World {
    folder: tempfile::TempDir,
    clock: Arc<ManualClock>,
}

impl World {
    fn new() -> Self {
        let start = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
        Self { folder: tempfile::tempdir().unwrap(), clock: Arc::new(ManualClock::at(start)) }
    }

    /// As after a start of the process.
    fn open(&self) -> Batch {
        let config = BatchConfig { folder: self.folder.path().to_owned(), every_seconds: 60 };
        Batch::open(config, Arc::<ManualClock>::clone(&self.clock)).unwrap()
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn result(&self, name: &str, text: &str) {
        let text = format!("key,status,account,amount,reference\n{text}");
        std::fs::write(self.path("results").join(name), text).unwrap();
    }
}

/// How often each line is in the files of orders.
fn ordered(orders: &Path) -> BTreeMap<String, usize> {
    let mut lines = BTreeMap::new();
    for entry in std::fs::read_dir(orders).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|end| end == "csv") {
            let text = std::fs::read_to_string(path).unwrap();
            assert!(text.starts_with("action,key,account,amount,reason\r\n"), "{text}");
            for line in text.lines().skip(1) {
                *lines.entry(line.to_owned()).or_default() += 1;
            }
        }
    }
    lines
}

#[tokio::test]
async fn an_order_goes_out_once_and_is_what_its_result_says() {
    let world = World::new();
    let issuer = world.open();
    assert_eq!(issuer.find(key(1)).await, Ok(None), "nothing was ordered");
    let config = BatchConfig { folder: world.folder.path().to_owned(), every_seconds: 60 };
    let second = Batch::open(config, Arc::<ManualClock>::clone(&world.clock));
    assert!(second.unwrap_err().to_string().contains("another process"));
    for _ in 0..3 {
        let ordered = issuer.grant(key(1), "acc", 10, "walk").await;
        assert!(matches!(ordered, Err(IssuerError::Pending(_))), "{ordered:?}");
    }
    assert!(matches!(issuer.find(key(1)).await, Err(IssuerError::Pending(_))));
    assert!(ordered(&world.path("orders")).is_empty(), "its file is not due");
    world.clock.advance(TimeDelta::minutes(1));
    let second = issuer.grant(key(2), "=1+1", 5, "walk").await;
    assert!(second.is_err());
    world.clock.advance(TimeDelta::minutes(1));
    issuer.find(key(2)).await.unwrap_err();
    let lines = ordered(&world.path("orders"));
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[&format!("grant,{},acc,10,walk", key(1))], 1);
    assert_eq!(lines[&format!("grant,{},\"'=1+1\",5,walk", key(2))], 1, "no spreadsheet runs it");

    // Garbage is told and left; what is right counts; a file that grows is read again.
    world.result("a.csv", "nonsense,granted,acc,10,\n");
    assert!(issuer.find(key(1)).await.is_err());
    world.result("b.csv", &format!("{},granted,acc,10,r-1\n", key(1)));
    let grant = issuer.find(key(1)).await.unwrap().unwrap();
    assert_eq!((grant.amount, grant.account.as_deref()), (10, Some("acc")));
    assert_eq!(issuer.grant(key(1), "acc", 10, "walk").await, Ok(grant));
    world.result("b.csv", &format!("{},granted,acc,10,r-1\n{},refused,acc,5,\n", key(1), key(2)));
    assert_eq!(issuer.find(key(2)).await, Ok(None));
    let refused = issuer.grant(key(2), "acc", 5, "walk").await;
    assert!(matches!(refused, Err(IssuerError::Refused(_))));
    assert_eq!(issuer.cancel(key(2)).await, Ok(None), "there is nothing to take back");

    // Taken back once.
    for _ in 0..2 {
        assert!(matches!(issuer.cancel(key(1)).await, Err(IssuerError::Pending(_))));
    }
    world.clock.advance(TimeDelta::minutes(1));
    issuer.cancel(key(1)).await.unwrap_err();
    assert_eq!(ordered(&world.path("orders"))[&format!("cancel,{},,,", key(1))], 1);
    world.result("c.csv", &format!("{},cancelled,acc,10,\n", key(1)));
    assert_eq!(issuer.cancel(key(1)).await.unwrap().unwrap().amount, 0);

    assert!(issuer.statement("2026-11-23".parse().unwrap()).await.is_err());
    let statement = format!("key,account,amount\n{},acc,10\n", key(1));
    std::fs::write(world.path("results/statement-2026-11-23.csv"), statement).unwrap();
    let lines = issuer.statement("2026-11-23".parse().unwrap()).await.unwrap();
    assert_eq!((lines.len(), lines[0].amount), (1, 10));
}

#[tokio::test]
async fn killed_anywhere_each_order_is_in_one_file() {
    let world = World::new();
    let first = world.open();
    for n in 0..5 {
        first.grant(key(n), "acc", 10, "walk").await.unwrap_err();
    }
    drop(first);
    // A kill within the last line: it was never answered for.
    let journal = std::fs::read(world.path("journal")).unwrap();
    let cut = [&journal[..], b"grant,0000"].concat();
    std::fs::write(world.path("journal"), cut).unwrap();
    world.clock.advance(TimeDelta::minutes(2));
    let second = world.open();
    second.grant(key(5), "acc", 10, "walk").await.unwrap_err();
    assert_eq!(ordered(&world.path("orders")).len(), 5, "the first five went out");

    // Each point at which the next file can be killed: written, said to go out, renamed, taken away.
    world.clock.advance(TimeDelta::minutes(2));
    drop(second);
    let before = std::fs::read(world.path("journal")).unwrap();
    let third = world.open();
    world.clock.advance(TimeDelta::minutes(2));
    third.find(key(5)).await.unwrap_err();
    let after = std::fs::read(world.path("journal")).unwrap();
    drop(third);
    let (file, tmp) = (world.path("orders/000002.csv"), world.path("orders/000002.csv.tmp"));
    let content = std::fs::read(&file).unwrap();

    // Written, not yet said: made anew.
    std::fs::remove_file(&file).unwrap();
    std::fs::write(&tmp, b"half of it").unwrap();
    std::fs::write(world.path("journal"), &before).unwrap();
    let open = world.open();
    world.clock.advance(TimeDelta::minutes(2));
    open.find(key(5)).await.unwrap_err();
    drop(open);
    assert_eq!(std::fs::read(&file).unwrap(), content);
    // Said, not yet renamed: renamed.
    std::fs::rename(&file, &tmp).unwrap();
    std::fs::write(world.path("journal"), &after).unwrap();
    drop(world.open());
    assert_eq!(std::fs::read(&file).unwrap(), content);
    // Taken away by the issuer: not made again.
    std::fs::remove_file(&file).unwrap();
    let open = world.open();
    world.clock.advance(TimeDelta::hours(5));
    open.find(key(5)).await.unwrap_err();
    assert!(!file.exists());
    // Whoever has another journal is told.
    std::fs::write(world.path("journal"), "something,else\n").unwrap();
    let config = BatchConfig { folder: world.folder.path().to_owned(), every_seconds: 60 };
    assert!(Batch::open(config, Arc::<ManualClock>::clone(&world.clock)).is_err());
}
