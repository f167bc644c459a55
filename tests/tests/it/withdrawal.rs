//! A withdrawal counts from the moment it is acknowledged, however many are reading.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use reqwest::Method;

use crate::support::Backend;
use crate::support::http::{client, seen};
use crate::support::town::{Plan, Town};

const READERS: usize = 32;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_read_begun_after_a_withdrawal_succeeds_on_the_embedded_store() {
    withdrawn_under_load(Backend::Embedded).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_read_begun_after_a_withdrawal_succeeds_on_postgresql() {
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

    let (mut before, mut after) = (0, 0);
    for reader in readers {
        for Read { begun, status } in reader.await.unwrap() {
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
}

async fn reach(count: &AtomicUsize, enough: usize) {
    crate::support::eventually("reading", Duration::from_secs(30), || async {
        (count.load(Ordering::SeqCst) >= enough).then_some(())
    })
    .await;
}
