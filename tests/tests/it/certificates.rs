//! Tokens bound to client certificates, which a proxy tells in `Client-Cert` (RFC 8705, RFC 9440).

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tsunagu_sandbox::story;

use crate::support::Backend;
use crate::support::http::{Answer, seen};
use crate::support::town::{Plan, REGISTER, SENSORS, Town};

/// Any bytes: that the client holds its key was the proxy's to check.
const CERTIFICATE: &str = ":MIIBqDCCAU6gAwIBAgIBBzAKBggqhkjOPQQDAjA6:";
const OTHER: &str = ":MIIBpTCCAUqgAwIBAgIBBzAKBggqhkjOPQQDAjA6:";
const CLIENT_CERT: &str = "Client-Cert";
const HERE: &str = "127.0.0.1";

async fn ask(town: &Town, headers: &[(&str, &str)]) -> Answer {
    let assertion = story::assertion(&town.base, &town.machine(SENSORS)).unwrap();
    let form = [
        ("grant_type", "client_credentials"),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", assertion.as_str()),
    ];
    let request = town.ask(Method::POST, "/oauth/token").form(&form);
    seen(with(request, headers)).await
}

fn with(request: RequestBuilder, headers: &[(&str, &str)]) -> RequestBuilder {
    headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))
}

async fn read(town: &Town, token: &str, headers: &[(&str, &str)]) -> Answer {
    let request = town.ask(Method::GET, "/ngsi-ld/v1/types").bearer_auth(token);
    seen(with(request, headers)).await
}

fn is_refused(answer: &Answer, what: &str) {
    assert_eq!(answer.status, 401, "{what}: {}", answer.text());
    let challenge = answer.header("www-authenticate").unwrap();
    assert!(
        challenge.contains("Bearer") && challenge.contains("error=\"invalid_token\""),
        "{what}"
    );
    let detail = answer.problem(what)["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("client certificate"), "{what}: {detail}");
}

#[tokio::test]
async fn t48_a_token_is_refused_over_another_certificate_and_without_one() {
    let plan = Plan { certified_by: Some(HERE), ..Plan::default() };
    let town = Town::start(Backend::Embedded, &plan).await;
    let answer = ask(&town, &[(CLIENT_CERT, CERTIFICATE)]).await.json();
    let token = answer["access_token"].as_str().unwrap();
    assert_eq!(answer["token_type"], "Bearer");
    assert_eq!(read(&town, token, &[(CLIENT_CERT, CERTIFICATE)]).await.status, 200);
    is_refused(&read(&town, token, &[]).await, "no certificate");
    for (what, headers) in [
        ("another certificate", &[(CLIENT_CERT, OTHER)][..]),
        ("no structured field", &[(CLIENT_CERT, CERTIFICATE.trim_matches(':'))]),
        ("another header", &[("X-Client-Cert", CERTIFICATE)]),
        ("two headers", &[(CLIENT_CERT, CERTIFICATE), (CLIENT_CERT, CERTIFICATE)]),
        ("two in one header", &[(CLIENT_CERT, &format!("{CERTIFICATE}, {CERTIFICATE}"))]),
    ] {
        is_refused(&read(&town, token, headers).await, what);
    }
    // A client whose tokens are bound to nothing is not disturbed by what a proxy says.
    let bearer = town.token(REGISTER).await;
    assert_eq!(read(&town, &bearer, &[(CLIENT_CERT, OTHER)]).await.status, 200);

    let metadata = "/.well-known/openid-configuration";
    let told: Value = seen(town.ask(Method::GET, metadata)).await.json();
    assert_eq!(told["tls_client_certificate_bound_access_tokens"], true);
    let aliases = &told["mtls_endpoint_aliases"];
    assert_eq!(aliases["token_endpoint"], json!("https://mtls.town.example/oauth/token"));
}

#[tokio::test]
async fn t48_a_certificate_spoofed_from_outside_counts_for_nothing() {
    let mut town =
        Town::start(Backend::Embedded, &Plan { certified_by: Some(HERE), ..Plan::default() }).await;
    let answer = ask(&town, &[(CLIENT_CERT, CERTIFICATE)]).await.json();
    let token = answer["access_token"].as_str().unwrap();
    assert_eq!(read(&town, token, &[(CLIENT_CERT, CERTIFICATE)]).await.status, 200);
    // The same gateway, whose proxy is elsewhere: these requests come from outside now.
    town.stop().await;
    let config = std::fs::read_to_string(town.config()).unwrap();
    let moved = config.replace("proxies = [\"127.0.0.1\"]", "proxies = [\"203.0.113.7\"]");
    assert_ne!(config, moved);
    std::fs::write(town.config(), moved).unwrap();
    town.open().await;
    for (what, headers) in [
        ("Client-Cert", &[(CLIENT_CERT, CERTIFICATE)][..]),
        ("X-Client-Cert", &[("X-Client-Cert", CERTIFICATE)]),
        ("a forged way", &[(CLIENT_CERT, CERTIFICATE), ("X-Forwarded-For", "203.0.113.7")]),
        ("a forged host", &[(CLIENT_CERT, CERTIFICATE), ("Forwarded", "for=203.0.113.7")]),
    ] {
        is_refused(&read(&town, token, headers).await, what);
        let refused = ask(&town, headers).await;
        assert_eq!((refused.status, &refused.json()["error"]), (400, &json!("invalid_request")));
    }
}
