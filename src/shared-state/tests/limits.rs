//! Quotas in one process and over several, and what is left of them without Redis.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and is told by a variable where services are"
)]

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tsunagu_domain::{ManualClock, SystemClock};
use tsunagu_shared_state::{LocalLimits, Quota, Quotas, RateLimits, RedisLimits, Verdict, Whose};

const ISSUER: &str = "https://gateway.example";

fn quota(per_minute: u32, burst: u32) -> Quota {
    let some = |n| NonZeroU32::new(n).unwrap();
    Quota { per_minute: some(per_minute), burst: some(burst) }
}

fn of_clients(quota: Quota) -> Quotas {
    Quotas { client: Some(quota), ..Quotas::default() }
}

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(DateTime::from_timestamp(1_800_000_000, 0).unwrap()))
}

async fn admitted(limits: &dyn RateLimits, who: &str, times: usize) -> usize {
    let mut admitted = 0;
    for _ in 0..times {
        admitted += usize::from(limits.admit(Whose::Client, who).await == Verdict::Admitted);
    }
    admitted
}

#[tokio::test]
async fn a_burst_is_taken_then_the_average() {
    let clock = clock();
    let limits = LocalLimits::new(&of_clients(quota(60, 10)), Arc::<ManualClock>::clone(&clock));
    assert_eq!(admitted(&limits, "a", 30).await, 10);
    let Verdict::Refused { retry_after } = limits.admit(Whose::Client, "a").await else {
        panic!("the burst was over");
    };
    assert!(retry_after <= Duration::from_secs(1) && !retry_after.is_zero(), "{retry_after:?}");
    // Refused requests cost nothing: after the stated time there is one again, and only one.
    clock.advance(TimeDelta::from_std(retry_after).unwrap());
    assert_eq!(admitted(&limits, "a", 5).await, 1);
    clock.advance(TimeDelta::minutes(10));
    assert_eq!(admitted(&limits, "a", 30).await, 10);
}

#[tokio::test]
async fn callers_and_kinds_are_apart() {
    let limits = LocalLimits::new(&of_clients(quota(1, 1)), clock());
    assert_eq!(admitted(&limits, "a", 2).await, 1);
    assert_eq!(admitted(&limits, "b", 2).await, 1);
    for _ in 0..3 {
        assert_eq!(limits.admit(Whose::Address, "a").await, Verdict::Admitted, "it has no quota");
    }
}

#[tokio::test]
async fn a_clock_that_goes_back_opens_nothing() {
    let clock = clock();
    let limits = LocalLimits::new(&of_clients(quota(60, 10)), Arc::<ManualClock>::clone(&clock));
    assert_eq!(admitted(&limits, "a", 20).await, 10);
    clock.advance(TimeDelta::hours(-1));
    assert_eq!(admitted(&limits, "a", 20).await, 0);
}

/// A name that no other test and no other run uses.
fn unique(test: &str) -> String {
    format!("{test}-{}-{:?}", std::process::id(), std::thread::current().id())
}

fn redis_url() -> String {
    std::env::var("TEST_REDIS_URL")
        .unwrap_or_else(|_| panic!("TEST_REDIS_URL names no server; `cargo xtask test` starts one"))
}

#[tokio::test]
async fn replicas_share_a_quota() {
    // One a minute, so that time gives nothing meanwhile.
    let quotas = of_clients(quota(1, 100));
    let replica =
        || RedisLimits::new(&redis_url(), ISSUER, &quotas, Arc::new(SystemClock)).unwrap();
    let replicas = [replica(), replica(), replica()];
    let who = unique("shared");
    let mut sum = 0;
    for replica in &replicas {
        sum += admitted(replica, &who, 60).await;
    }
    // What one replica took and did not spend is all that can be missing.
    assert!((90..=101).contains(&sum), "{sum}");
    assert_eq!(admitted(&replicas[0], &unique("another"), 3).await, 3);
    let elsewhere = "https://elsewhere.example";
    let elsewhere = RedisLimits::new(&redis_url(), elsewhere, &quotas, Arc::new(SystemClock));
    assert_eq!(admitted(&elsewhere.unwrap(), &who, 3).await, 3, "another town on the same Redis");
}

#[tokio::test]
async fn at_the_same_moment_replicas_admit_no_more_than_the_quota() {
    let quotas = of_clients(quota(1, 40));
    let who = unique("at-once");
    let tasks: Vec<JoinHandle<usize>> = (0..4)
        .map(|_| {
            let replica =
                RedisLimits::new(&redis_url(), ISSUER, &quotas, Arc::new(SystemClock)).unwrap();
            let who = who.clone();
            tokio::spawn(async move { admitted(&replica, &who, 40).await })
        })
        .collect();
    let mut sum = 0;
    for task in tasks {
        sum += task.await.unwrap();
    }
    assert!((30..=41).contains(&sum), "{sum}");
}

/// A way to Redis that can be cut.
async fn cable() -> (String, JoinHandle<()>) {
    let url = redis_url();
    let target = url.trim_start_matches("redis://").trim_end_matches('/').to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(async move {
        let mut ways = tokio::task::JoinSet::new();
        loop {
            let (mut near, _) = listener.accept().await.unwrap();
            let mut far = TcpStream::connect(&target).await.unwrap();
            ways.spawn(async move { tokio::io::copy_bidirectional(&mut near, &mut far).await });
        }
    });
    (format!("redis://{address}/"), task)
}

#[tokio::test]
async fn without_redis_each_replica_limits_by_itself() {
    let clock = clock();
    let (url, way) = cable().await;
    let quotas = of_clients(quota(1, 20));
    let limits =
        RedisLimits::new(&url, ISSUER, &quotas, Arc::<ManualClock>::clone(&clock)).unwrap();
    let who = unique("cut");
    assert_eq!(admitted(&limits, &who, 30).await, 20);
    way.abort();
    assert!(way.await.unwrap_err().is_cancelled());
    // Neither everybody is refused nor is everything admitted.
    let other = unique("cut-other");
    assert_eq!(admitted(&limits, &other, 30).await, 20);
    // Nobody listens on that address any more; the next try after a pause finds that out again.
    clock.advance(TimeDelta::seconds(2));
    assert_eq!(admitted(&limits, &other, 5).await, 0);
}

#[tokio::test]
async fn an_address_that_is_none_is_an_error_at_start() {
    let refused = RedisLimits::new("not an address", ISSUER, &Quotas::default(), clock());
    assert!(refused.unwrap_err().to_string().contains("address of Redis"));
}

#[test]
fn quotas_are_read_strictly() {
    let read = serde_json::from_str::<Quotas>(r#"{"client":{"per_minute":60,"burst":10}}"#);
    assert_eq!(read.unwrap(), of_clients(quota(60, 10)));
    for wrong in [
        r#"{"client":{"per_minute":0,"burst":10}}"#,
        r#"{"client":{"per_minute":60}}"#,
        r#"{"clients":{"per_minute":60,"burst":10}}"#,
    ] {
        assert!(serde_json::from_str::<Quotas>(wrong).is_err(), "{wrong}");
    }
}
