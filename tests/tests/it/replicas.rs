//! Several gateways on one database: what one is told, all hold to, with Redis or without.

use reqwest::{Method, RequestBuilder};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use url::Url;

use crate::support::Backend;
use crate::support::http::seen;
use crate::support::town::{Login, Plan, Replica, SENSORS, Town, property};
use crate::withdrawal::denials;

/// Withdrawals in one run.
const TRIES: usize = 12;

const SETTINGS: &str = r"
[rates]
client = { per_minute = 1000000, burst = 100000 }
resident = { per_minute = 1000000, burst = 100000 }
";

struct Replicas {
    // They log into the folder of the town, and so end before it.
    others: [Replica; 2],
    town: Town,
}

impl Replicas {
    async fn start(redis: &str) -> Self {
        let plan = Plan { people: true, more: SETTINGS, ..Plan::default() };
        let town = Town::start(Backend::Postgres, &plan).await;
        let settings = [("TSUNAGU_REDIS", redis)];
        let others = [town.replica(&settings).await, town.replica(&settings).await];
        Self { others, town }
    }

    fn bases(&self) -> [&Url; 3] {
        [&self.town.base, &self.others[0].base, &self.others[1].base]
    }

    fn read(&self, base: &Url, login: &Login) -> RequestBuilder {
        let url = base.join(&format!("/ngsi-ld/v1/entities/{}", login.person)).unwrap();
        self.town.http.request(Method::GET, url).bearer_auth(&login.token)
    }

    async fn everywhere(&self, login: &Login, status: u16) {
        for base in self.bases() {
            let answer = seen(self.read(base, login)).await;
            assert_eq!(answer.status, status, "{base}: {}", answer.text());
        }
    }
}

fn redis_url() -> String {
    std::env::var("TEST_REDIS_URL")
        .expect("TEST_REDIS_URL names no server; `cargo xtask test` starts one")
}

/// A way to Redis that can be cut.
async fn cable() -> (String, JoinHandle<()>) {
    let target = redis_url().trim_start_matches("redis://").trim_end_matches('/').to_owned();
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t55_a_withdrawal_at_one_gateway_is_refused_by_the_next_request_to_any_other() {
    let (redis, way) = cable().await;
    let replicas = Replicas::start(&redis).await;
    let tries = std::env::var("SOAK_ROUNDS").ok().map_or(TRIES, |tries| tries.parse().unwrap());
    let mut hanako = replicas.town.hanako().await;
    for nth in 0..tries {
        // Consent is given after a login of the last five minutes.
        if nth % 50 == 49 {
            hanako = replicas.town.hanako().await;
        }
        let login = replicas.town.connect(&mut hanako).await;
        replicas.everywhere(&login, 200).await;
        // Half-way Redis is gone: nothing that decides about data is there.
        if nth == tries / 2 {
            way.abort();
        }
        replicas.town.withdraw(&mut hanako).await;
        // Nothing travels between the gateways that could be late: the very first request is refused.
        replicas.everywhere(&login, 403).await;
    }
    let denied = denials(&replicas.town, &mut hanako, "no-live-consent").await;
    assert_eq!(denied, TRIES * 3, "one entry for each refusal, whichever gateway refused");
    assert!(way.await.unwrap_err().is_cancelled());
    // And what is about nobody goes on.
    let token = replicas.town.token(SENSORS).await;
    let entity = serde_json::json!({"id": "urn:ngsi-ld:T:1", "type": "T", "a": property(1)});
    let created = replicas.town.ask(Method::POST, "/ngsi-ld/v1/entities").bearer_auth(&token);
    assert_eq!(seen(created.json(&entity)).await.status, 201);
    for base in replicas.bases() {
        let url = base.join("/ngsi-ld/v1/entities/urn:ngsi-ld:T:1").unwrap();
        let read = replicas.town.http.get(url).bearer_auth(&token);
        assert_eq!(seen(read).await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gateways_share_the_rate_of_a_client() {
    let plan =
        Plan { more: "\n[rates]\nclient = { per_minute = 1, burst = 60 }\n", ..Plan::default() };
    let town = Town::start(Backend::Postgres, &plan).await;
    let redis = redis_url();
    let settings = [("TSUNAGU_REDIS", redis.as_str())];
    let two = [town.replica(&settings).await, town.replica(&settings).await];
    // What gateways share there is kept apart by their address, so other runs are not in the way.
    let token = town.token(SENSORS).await;
    let mut admitted = 0;
    for replica in &two {
        for _ in 0..60 {
            let url = replica.base.join("/ngsi-ld/v1/types").unwrap();
            let answer = seen(town.http.get(url).bearer_auth(&token)).await;
            admitted += usize::from(answer.status == 200);
        }
    }
    assert!((50..=61).contains(&admitted), "{admitted} of 60 for both");
}
