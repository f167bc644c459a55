use std::path::PathBuf;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tsunagu_sandbox::coin_issuer::Options;
use tsunagu_sandbox::{Error, Role, Running, start};

use super::support::{TestClock, browser, seen, started};

struct Issuer {
    server: Running,
    http: reqwest::Client,
}

fn options(journal: Option<PathBuf>) -> Role {
    Role::CoinIssuer(Options {
        port: 0,
        api_key: "orders".to_owned(),
        admin_key: Some("admin".to_owned()),
        journal,
    })
}

impl Issuer {
    async fn new(journal: Option<PathBuf>, clock: &TestClock) -> Self {
        Self { server: started(options(journal), clock).await, http: browser() }
    }

    fn get(&self, path: &str) -> reqwest::RequestBuilder {
        self.http.get(format!("{}{path}", self.server.url())).bearer_auth("orders")
    }

    fn post(&self, path: &str) -> reqwest::RequestBuilder {
        self.http.post(format!("{}{path}", self.server.url())).bearer_auth("orders")
    }

    fn grant(&self, key: &str, body: &Value) -> reqwest::RequestBuilder {
        self.post("/grants").header("Idempotency-Key", format!("\"{key}\"")).json(body)
    }

    async fn balance(&self, account: &str) -> Value {
        seen(self.get(&format!("/accounts/{account}"))).await.1["balance"].clone()
    }

    async fn order_fault(&self, fault: &str, count: u32) -> u16 {
        let url = format!("{}/faults", self.server.url());
        let order = json!({"fault": fault, "count": count});
        seen(self.http.post(url).bearer_auth("admin").json(&order)).await.0
    }
}

fn order(amount: u64) -> Value {
    json!({"account": "acc-1", "amount": amount, "reason": "steps", "reference": "rule-1"})
}

#[tokio::test]
async fn a_key_makes_one_grant() {
    let issuer = Issuer::new(None, &TestClock::at_noon()).await;
    let (status, first) = seen(issuer.grant("k1", &order(30))).await;
    assert_eq!((status, &first["status"]), (201, &json!("granted")));
    assert_eq!(first["order"], order(30));
    let (status, again) = seen(issuer.grant("k1", &order(30))).await;
    assert_eq!((status, &again), (200, &first));
    assert_eq!(seen(issuer.grant("k1", &order(31))).await.0, 422);
    assert_eq!(seen(issuer.get("/grants/k1")).await, (200, first));
    assert_eq!(seen(issuer.get("/grants/k2")).await.0, 404);
    assert_eq!(issuer.balance("acc-1").await, 30);
    assert_eq!(seen(issuer.get("/accounts/acc-2")).await.0, 404);
}

#[tokio::test]
async fn fifty_equal_orders_at_once_are_one_grant() {
    let issuer = Issuer::new(None, &TestClock::at_noon()).await;
    let answers = join_all((0..50).map(|_| seen(issuer.grant("k1", &order(7))))).await;
    assert_eq!(answers.iter().filter(|(status, _)| *status == 201).count(), 1);
    assert_eq!(answers.iter().filter(|(status, _)| *status == 200).count(), 49);
    assert!(answers.iter().all(|(_, body)| *body == answers[0].1));
    assert_eq!(issuer.balance("acc-1").await, 7);
}

#[tokio::test]
async fn orders_without_a_key_a_bearer_or_sense_book_nothing() {
    let issuer = Issuer::new(None, &TestClock::at_noon()).await;
    assert_eq!(seen(issuer.post("/grants").json(&order(1))).await.0, 400);
    let unquoted = issuer.post("/grants").header("Idempotency-Key", "k1").json(&order(1));
    assert_eq!(seen(unquoted).await.0, 400);
    let url = format!("{}/grants", issuer.server.url());
    let bare = issuer.http.post(&url).header("Idempotency-Key", "\"k1\"").json(&order(1));
    assert_eq!(seen(bare).await.0, 401);
    for body in [
        json!([]),
        json!({"account": "a", "amount": 1}),
        json!({"account": "a", "amount": 0, "reason": "r"}),
        json!({"account": "a", "amount": -5, "reason": "r"}),
        json!({"account": "a", "amount": 1.5, "reason": "r"}),
        json!({"account": "", "amount": 1, "reason": "r"}),
        json!({"account": "a", "amount": 1_000_001, "reason": "r"}),
    ] {
        assert_eq!(seen(issuer.grant("k1", &body)).await.0, 400, "{body}");
    }
    assert_eq!(seen(issuer.get("/grants/k1")).await.0, 404);
}

#[tokio::test]
async fn a_cancelled_grant_is_taken_back_once_and_stays_cancelled() {
    let issuer = Issuer::new(None, &TestClock::at_noon()).await;
    seen(issuer.grant("k1", &order(30))).await;
    seen(issuer.grant("k2", &order(5))).await;
    assert_eq!(seen(issuer.post("/grants/none/cancel")).await.0, 404);
    let (status, cancelled) = seen(issuer.post("/grants/k1/cancel")).await;
    assert_eq!((status, &cancelled["status"]), (200, &json!("cancelled")));
    assert_eq!(seen(issuer.post("/grants/k1/cancel")).await, (200, cancelled.clone()));
    assert_eq!(seen(issuer.grant("k1", &order(30))).await, (200, cancelled));
    assert_eq!(issuer.balance("acc-1").await, 5);
}

#[tokio::test]
async fn a_statement_holds_the_bookings_of_a_day_in_japan() {
    let clock = TestClock::at_noon();
    let issuer = Issuer::new(None, &clock).await;
    seen(issuer.grant("k1", &order(30))).await;
    clock.advance(12 * 3600); // midnight in Japan, still the same day in UTC
    seen(issuer.grant("k2", &order(5))).await;
    seen(issuer.post("/grants/k1/cancel")).await;
    let (_, first) = seen(issuer.get("/statement?date=2026-06-01")).await;
    assert_eq!((&first["granted"], &first["net"]), (&json!(30), &json!(30)));
    let (_, second) = seen(issuer.get("/statement?date=2026-06-02")).await;
    assert_eq!(second["net"], -25);
    let lines: Vec<_> = second["lines"].as_array().unwrap().iter().collect();
    assert_eq!(lines.len(), 2);
    assert_eq!((&lines[1]["entry"], &lines[1]["amount"]), (&json!("cancel"), &json!(-30)));
    assert_eq!(seen(issuer.get("/statement")).await.0, 400);
    assert_eq!(seen(issuer.get("/statement?date=yesterday")).await.0, 400);
}

#[tokio::test]
async fn after_a_fault_the_booking_stands_and_asking_again_shows_it() {
    let issuer = Issuer::new(None, &TestClock::at_noon()).await;
    assert_eq!(issuer.order_fault("error_after_commit", 1).await, 200);
    assert_eq!(seen(issuer.grant("k1", &order(1))).await.0, 500);
    assert_eq!(seen(issuer.grant("k1", &order(1))).await.0, 200);

    issuer.order_fault("lost_reply", 2).await;
    for _ in 0..2 {
        let lost = issuer.grant("k2", &order(1)).send().await;
        let lost = match lost {
            Err(_) => true,
            Ok(response) => response.bytes().await.is_err(),
        };
        assert!(lost, "no whole answer may arrive");
    }
    assert_eq!(seen(issuer.get("/grants/k2")).await.0, 200);

    issuer.order_fault("timeout_after_commit", 1).await;
    let patience = Duration::from_millis(500);
    let error = issuer.grant("k3", &order(1)).timeout(patience).send().await.unwrap_err();
    assert!(error.is_timeout());
    assert_eq!(seen(issuer.grant("k3", &order(1))).await.0, 200);

    issuer.order_fault("down", 1).await;
    assert_eq!(seen(issuer.grant("k4", &order(1))).await.0, 503);
    assert_eq!(seen(issuer.get("/grants/k4")).await.0, 404);
    assert_eq!(issuer.balance("acc-1").await, 3);
}

#[tokio::test]
async fn faults_need_the_admin_key_and_can_be_taken_back() {
    let issuer = Issuer::new(None, &TestClock::at_noon()).await;
    let down = json!({"fault": "down", "count": 9});
    assert_eq!(seen(issuer.post("/faults").json(&down)).await.0, 401);
    issuer.order_fault("down", 9).await;
    assert_eq!(seen(issuer.grant("k1", &order(1))).await.0, 503);
    issuer.order_fault("down", 0).await;
    assert_eq!(seen(issuer.grant("k1", &order(1))).await.0, 201);
    assert_eq!(issuer.order_fault("sunspots", 1).await, 400);
}

#[tokio::test]
async fn a_restart_with_the_same_journal_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let clock = TestClock::at_noon();
    let issuer = Issuer::new(Some(path.clone()), &clock).await;
    let (_, first) = seen(issuer.grant("k1", &order(30))).await;
    seen(issuer.grant("k2", &order(5))).await;
    let (_, cancelled) = seen(issuer.post("/grants/k2/cancel")).await;
    issuer.server.stop().await;

    // a crash in the middle of a line
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, [&whole[..], b"{\"version\":1,\"boo"].concat()).unwrap();
    let issuer = Issuer::new(Some(path.clone()), &clock).await;
    assert_eq!(issuer.balance("acc-1").await, 30);
    assert_eq!(seen(issuer.grant("k1", &order(30))).await, (200, first));
    assert_eq!(seen(issuer.get("/grants/k2")).await, (200, cancelled));
    assert_eq!(seen(issuer.grant("k3", &order(1))).await.0, 201);
    issuer.server.stop().await;

    let issuer = Issuer::new(Some(path.clone()), &clock).await;
    assert_eq!(issuer.balance("acc-1").await, 31, "what followed the torn line is whole");
    issuer.server.stop().await;

    std::fs::write(&path, "not a booking\n").unwrap();
    let refused = start(options(Some(path)), clock.clock()).await.unwrap_err();
    assert!(matches!(refused, Error::Journal { line: 1, .. }));
}
