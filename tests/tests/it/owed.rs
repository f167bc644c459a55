//! What receivers are owed survives `kill -9` and their own faults: of every watched entity each acknowledged change arrives, in order.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::{Client, Method};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

use crate::support::http::{client, seen, tried};
use crate::support::town::{Plan, SENSORS, Town, property};
use crate::support::{Backend, eventually};

const WRITERS: usize = 12;
/// Longer than the deliverer waits after the faults that the receiver has in a row.
const PATIENCE: Duration = Duration::from_mins(1);
const ENTITIES: &str = "/ngsi-ld/v1/entities";

/// Numbers by entity, as they came.
type Arrived = BTreeMap<String, Vec<u64>>;

/// A receiver of notifications about counters, which fails when told to.
#[derive(Default)]
struct Receiver {
    arrived: Mutex<Arrived>,
    /// So many of the next notifications are answered with 500 and forgotten.
    faults: AtomicUsize,
}

impl Receiver {
    /// Starts it, and gives its address.
    async fn start(self: &Arc<Self>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let this = Arc::clone(self);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let this = Arc::clone(&this);
                tokio::spawn(async move { this.answer(stream).await });
            }
        });
        address
    }

    /// One notification of one connection; `None` when it breaks off, for the gateway is killed.
    async fn answer(&self, stream: TcpStream) -> Option<()> {
        let mut stream = BufReader::new(stream);
        let mut length = 0;
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).await.ok().filter(|read| *read > 0)?;
            let Some((name, value)) = line.trim().split_once(':') else {
                if line.trim().is_empty() {
                    break;
                }
                continue;
            };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.ok()?;
        let fails =
            self.faults.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
        let status = if fails.is_ok() {
            "500 Internal Server Error"
        } else {
            let told: Value = serde_json::from_slice(&body).unwrap();
            let entity = &told["data"][0];
            let id = entity["id"].as_str().unwrap().to_owned();
            let mut arrived = self.arrived.lock().unwrap();
            arrived.entry(id).or_default().push(entity["count"].as_u64().unwrap());
            "200 OK"
        };
        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        stream.write_all(answer.as_bytes()).await.ok()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_acknowledged_change_is_told_after_kill_9_on_the_embedded_store() {
    nothing_owed_is_lost(Backend::Embedded).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_acknowledged_change_is_told_after_kill_9_on_postgresql() {
    nothing_owed_is_lost(Backend::Postgres).await;
}

async fn nothing_owed_is_lost(backend: Backend) {
    let rounds = std::env::var("SOAK_ROUNDS").ok().map_or(3, |rounds| rounds.parse().unwrap());
    let receiver = Arc::new(Receiver::default());
    let address = receiver.start().await;
    let plan = Plan { receivers: vec![address.clone()], ..Plan::default() };
    let mut town = Town::start(backend, &plan).await;
    let subscription = json!({
        "type": "Subscription",
        "entities": [{ "type": "Counter" }],
        "notification": { "format": "keyValues", "endpoint": { "uri": format!("http://{address}/") } },
    });
    let subscribe = town.ask(Method::POST, "/ngsi-ld/v1/subscriptions").json(&subscription);
    let created = seen(subscribe.bearer_auth(town.token(SENSORS).await)).await;
    assert_eq!(created.status, 201, "{}", created.text());
    let mut acknowledged = BTreeMap::new();
    for round in 0..rounds {
        let token = town.token(SENSORS).await;
        receiver.faults.store(round % 3, Ordering::SeqCst);
        acknowledged.extend(interrupted(&mut town, round, &token).await);
        town.open().await;
    }
    assert!(acknowledged.len() >= rounds, "only {} counters began", acknowledged.len());
    eventually("telling of every change", PATIENCE, || async {
        let arrived = receiver.arrived.lock().unwrap();
        let told = |(id, last): (&String, &u64)| {
            arrived.get(id).is_some_and(|numbers| numbers.contains(last))
        };
        acknowledged.iter().all(told).then_some(())
    })
    .await;
    for (id, last) in &acknowledged {
        let arrived = receiver.arrived.lock().unwrap()[id].clone();
        // What was on its way when the gateway died may come again; what is new comes in order and without a gap.
        let mut next = 0;
        for number in arrived {
            assert!(number <= next, "{id}: {number} came before {next}");
            next += u64::from(number == next);
        }
        assert!(next > *last, "{id}: {last} was acknowledged, and {next} not told");
    }
}

/// Counts from all sides until the gateway is killed; the last number of each counter that was acknowledged.
async fn interrupted(town: &mut Town, round: usize, token: &str) -> BTreeMap<String, u64> {
    let done = Arc::new(AtomicUsize::new(0));
    let http = client();
    let writers: Vec<_> = (0..WRITERS)
        .map(|nth| {
            let (http, base, token) = (http.clone(), town.base.clone(), token.to_owned());
            let (id, done) = (format!("urn:ngsi-ld:Counter:{round}-{nth}"), Arc::clone(&done));
            tokio::spawn(async move {
                let last = count(&http, &base, &token, &id, &done).await;
                last.map(|last| (id, last))
            })
        })
        .collect();
    // Killed at another moment each round, with changes and notifications under way.
    let enough = WRITERS * (3 + round % 3) + round * 5 % WRITERS;
    eventually("counting", PATIENCE, || async {
        (done.load(Ordering::SeqCst) >= enough).then_some(())
    })
    .await;
    town.kill().await;
    let mut acknowledged = BTreeMap::new();
    for writer in writers {
        acknowledged.extend(writer.await.unwrap());
    }
    acknowledged
}

/// Counts one up until nobody answers.
async fn count(
    http: &Client,
    base: &Url,
    token: &str,
    id: &str,
    done: &AtomicUsize,
) -> Option<u64> {
    let entities = base.join(ENTITIES).unwrap();
    let attributes = base.join(&format!("{ENTITIES}/{id}/attrs")).unwrap();
    let mut last = None;
    for number in 0_u64.. {
        let mut body = json!({ "count": property(number) });
        let request = if number == 0 {
            body["id"] = json!(id);
            body["type"] = json!("Counter");
            http.post(entities.clone())
        } else {
            http.patch(attributes.clone())
        };
        let Ok(answer) = tried(request.bearer_auth(token).json(&body)).await else { break };
        assert!(matches!(answer.status, 201 | 204), "{}", answer.text());
        last = Some(number);
        done.fetch_add(1, Ordering::SeqCst);
    }
    last
}
