//! A withdrawal counts from the moment it is acknowledged, however many are reading.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use reqwest::Method;
use tsunagu_sandbox::story::Browser;

use crate::support::Backend;
use crate::support::http::{client, seen};
use crate::support::town::{APP, Plan, Town};

const READERS: usize = 32;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t55_no_read_begun_after_a_withdrawal_succeeds_on_the_embedded_store() {
    withdrawn_under_load(Backend::Embedded).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t55_no_read_begun_after_a_withdrawal_succeeds_on_postgresql() {
    withdrawn_under_load(Backend::Postgres).await;
}

/// One read: when it began, and what came.
struct Read {
    begun: Instant,
    status: u16,
}

async fn withdrawn_under_load(backend: Backend) {
    let town = Town::start(backend, &Plan { people: true, ..Plan::default() }).await;
    let mut hanako = town.hanako().await;
    let login = town.connect(&mut hanako).await;
    let http = client();
    let stop = Arc::new(AtomicBool::new(false));
    let answered = Arc::new(AtomicUsize::new(0));
    let readers: Vec<_> = (0..READERS)
        .map(|nth| {
            // Reads by id, queries and counts alike.
            let path = match nth % 3 {
                0 => format!("/ngsi-ld/v1/entities/{}", login.person),
                1 => "/ngsi-ld/v1/entities?type=Person".to_owned(),
                _ => "/ngsi-ld/v1/entities?type=Person&limit=0&count=true".to_owned(),
            };
            let url = town.base.join(&path).unwrap();
            let (http, token) = (http.clone(), login.token.clone());
            let (stop, answered) = (Arc::clone(&stop), Arc::clone(&answered));
            tokio::spawn(async move {
                let mut reads = Vec::new();
                while !stop.load(Ordering::SeqCst) {
                    let begun = Instant::now();
                    let answer =
                        seen(http.request(Method::GET, url.clone()).bearer_auth(&token)).await;
                    reads.push(Read { begun, status: answer.status });
                    answered.fetch_add(1, Ordering::SeqCst);
                }
                reads
            })
        })
        .collect();

    reach(&answered, READERS * 8).await;
    town.withdraw(&mut hanako).await;
    let acknowledged = Instant::now();
    let so_far = answered.load(Ordering::SeqCst);
    reach(&answered, so_far + READERS * 8).await;
    stop.store(true, Ordering::SeqCst);

    let (mut before, mut after, mut refused) = (0, 0, 0);
    for reader in readers {
        for Read { begun, status } in reader.await.unwrap() {
            refused += usize::from(status == 403);
            if begun > acknowledged {
                assert_eq!(status, 403, "a read begun after the withdrawal");
                after += 1;
            } else {
                assert!([200, 403].contains(&status), "{status}");
                before += usize::from(status == 200);
            }
        }
    }
    assert!(before >= READERS, "only {before} reads succeeded before the withdrawal");
    assert!(after >= READERS, "only {after} reads began after the withdrawal");
    assert_eq!(
        denials(&town, &mut hanako, "no-live-consent").await,
        refused,
        "one entry for each refusal"
    );
}

async fn reach(count: &AtomicUsize, enough: usize) {
    crate::support::eventually("reading", Duration::from_secs(30), || async {
        (count.load(Ordering::SeqCst) >= enough).then_some(())
    })
    .await;
}

/// How many refusals of the app for this reason are in the resident's own record.
pub(crate) async fn denials(town: &Town, browser: &mut Browser, reason: &str) -> usize {
    let (mut offset, mut found) = (0, 0);
    loop {
        let path = format!("/me/access-log?offset={offset}");
        let url = town.base.join(&path).unwrap();
        let (_, log) = browser.json(Method::GET, url, None).await.unwrap();
        let accesses = log["accesses"].as_array().unwrap();
        let actor = format!("client:{APP}");
        let denied = |access: &&serde_json::Value| {
            access["actor"] == actor.as_str()
                && access["decision"] == "denied"
                && access["reason"] == reason
        };
        found += accesses.iter().filter(denied).count();
        if accesses.len() < 1000 {
            return found;
        }
        // Each look at the record is an entry of it, so the next page begins one later.
        offset += accesses.len() + 1;
    }
}

#[tokio::test]
async fn t57_a_consent_for_one_purpose_opens_nothing_for_another() {
    let town = Town::start(Backend::Embedded, &Plan { people: true, ..Plan::default() }).await;
    let mut hanako = town.hanako().await;
    let login = town.connect(&mut hanako).await;
    let path = format!("/ngsi-ld/v1/entities/{}", login.person);
    let stated = async |purpose: &str| {
        let read = town.ask(Method::GET, &path).bearer_auth(&login.token);
        seen(read.header("Tsunagu-Purpose", purpose)).await.status
    };
    assert_eq!(stated("health-coaching").await, 200);
    assert_eq!(denials(&town, &mut hanako, "other-purpose").await, 0);
    assert_eq!(stated("research").await, 403);
    assert_eq!(denials(&town, &mut hanako, "other-purpose").await, 1, "exactly one entry");
}
