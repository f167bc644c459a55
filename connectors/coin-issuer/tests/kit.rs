//! The connector against the cases that every connector which takes orders passes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use secrecy::ExposeSecret as _;
use serde_json::value::to_raw_value;
use serde_json::{Value, json};
use tsunagu_connect::testkit::{self, Books, CommandRig, Kit};
use tsunagu_connect::{Call, Command, Order, Reply};
use tsunagu_connector_coin_issuer::CoinIssuer;

struct Rig;

fn order(n: u32, amount: i64) -> Order {
    let body = json!({ "account": "acc", "amount": amount, "reason": "walk" });
    Order { key: format!("{n:064x}"), body: to_raw_value(&body).unwrap() }
}

fn reply(status: u16, body: &Value) -> Reply {
    Reply { status, headers: Vec::new(), body: body.to_string().into_bytes() }
}

fn granted(key: &str, order: &str) -> Value {
    let order: Value = serde_json::from_str(order).unwrap();
    json!({ "key": key, "grant_id": "g-1", "order": order })
}

impl CommandRig for Rig {
    fn command(&self, kit: &Kit) -> Arc<dyn Command> {
        let config = json!({ "base": "https://coins.example/api/", "key": "k" });
        let config = serde_json::from_value(config).unwrap();
        Arc::new(CoinIssuer::new(config, Arc::clone(&kit.http) as _).unwrap())
    }

    fn order(&self, n: u32) -> Order {
        order(n + 1, 10)
    }

    fn other(&self, n: u32) -> Order {
        order(n + 1, 11)
    }

    fn answer(books: &mut Books, call: &Call) -> Reply {
        if call.method == "GET" {
            let key = call.url.path_segments().unwrap().next_back().unwrap();
            return match books.get(key) {
                Some(order) => reply(200, &granted(key, order)),
                None => reply(404, &json!({})),
            };
        }
        let key = call.headers.iter().find(|(name, _)| name == "idempotency-key").unwrap();
        let key = key.1.expose_secret().trim_matches('"').to_owned();
        let body = String::from_utf8(call.body.as_ref().unwrap().1.clone()).unwrap();
        let kept = books.entry(key.clone()).or_insert_with(|| body.clone());
        if *kept == body { reply(200, &granted(&key, kept)) } else { reply(422, &json!({})) }
    }
}

#[tokio::test]
async fn passes_the_kit() {
    testkit::command(&Rig).await;
}
