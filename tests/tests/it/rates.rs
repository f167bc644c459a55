//! Who asks too often is told when to ask again, and nobody else notices.

use reqwest::Method;

use crate::support::Backend;
use crate::support::http::{Answer, seen};
use crate::support::town::{Plan, REGISTER, SENSORS, STAFF, Town};

/// So slow that nothing comes back while the test runs.
const SETTINGS: &str = r"
[rates]
login = { per_minute = 1, burst = 30 }
client = { per_minute = 1, burst = 10 }
";

async fn list(town: &Town, token: &str) -> Answer {
    seen(town.ask(Method::GET, "/ngsi-ld/v1/types").bearer_auth(token)).await
}

fn is_refused(answer: &Answer, what: &str) {
    assert_eq!(answer.status, 429, "{what}: {}", answer.text());
    let seconds: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds), "{what}: {seconds}");
    assert!(answer.header("x-request-id").is_some(), "{what}");
}

#[tokio::test]
async fn a_client_beyond_its_rate_is_refused_and_another_is_not() {
    let plan = Plan { more: SETTINGS, ..Plan::default() };
    let town = Town::start(Backend::Embedded, &plan).await;
    let token = town.token(SENSORS).await;
    for nth in 0..10 {
        assert_eq!(list(&town, &token).await.status, 200, "{nth}");
    }
    let refused = list(&town, &token).await;
    is_refused(&refused, "the client");
    assert!(refused.problem("the client")["detail"].as_str().unwrap().contains("this client"));
    // A new token is the same client.
    let again = town.token(SENSORS).await;
    is_refused(&list(&town, &again).await, "with another token");
    // Other paths count together, other clients apart.
    let entities = town.ask(Method::GET, "/ngsi-ld/v1/entities?type=T").bearer_auth(&again);
    is_refused(&seen(entities).await, "on another path");
    let other = town.token(REGISTER).await;
    assert_eq!(list(&town, &other).await.status, 200);
    let staff = town.token(STAFF).await;
    let rules = town.ask(Method::GET, "/rewards/v1/rules").bearer_auth(&staff);
    assert_eq!(seen(rules).await.status, 200);
}

#[tokio::test]
async fn logins_beyond_the_rate_of_an_address_are_refused_with_a_page() {
    let plan = Plan { more: SETTINGS, ..Plan::default() };
    let town = Town::start(Backend::Embedded, &plan).await;
    let page = |path: &'static str| {
        town.ask(Method::GET, path).header("accept", "text/html,application/xhtml+xml")
    };
    for _ in 0..30 {
        assert_ne!(seen(page("/oauth/authorize?client_id=nobody")).await.status, 429);
    }
    let refused = seen(page("/oauth/authorize?client_id=nobody")).await;
    is_refused(&refused, "the page");
    assert!(refused.header("content-type").unwrap().starts_with("text/html"));
    assert!(refused.text().contains("操作が多すぎます"), "{}", refused.text());
    // A program gets a problem.
    let token = seen(town.ask(Method::POST, "/oauth/token")).await;
    is_refused(&token, "the token endpoint");
    token.problem("the token endpoint");
    // What an address writes of itself changes nothing: there is no proxy here.
    let other = page("/oauth/authorize").header("x-forwarded-for", "198.51.100.7");
    is_refused(&seen(other).await, "with a header");
    // What is no login goes on.
    assert_eq!(seen(page("/")).await.status, 200);
}
