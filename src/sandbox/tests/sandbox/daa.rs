//! The simulator of デジタル認証アプリ: limits of parameters, client assertions, what is told. How logins fare with it is tested by the
//! relying party in the identity room.

use std::collections::HashMap;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tsunagu_sandbox::daa::{Birthdate, GenderForm, Options};
use tsunagu_sandbox::{Role, RsaPair, Running};

use super::support::{CHALLENGE, TestClock, VERIFIER, browser, location, query, seen, started};

const REDIRECT: &str = "http://127.0.0.1:9/login/daa/callback";
const CLIENT: &str = "RP00000001";
const PROTOCOL: &str = "/api/realms/main/protocol/openid-connect";

struct Party {
    daa: Running,
    clock: TestClock,
    key: RsaKeyPair,
    http: reqwest::Client,
}

impl Party {
    async fn new() -> Self {
        let pair = RsaPair::generate().unwrap();
        let body: String = pair.private.lines().filter(|line| !line.starts_with('-')).collect();
        let key = RsaKeyPair::from_pkcs8(&STANDARD.decode(body).unwrap()).unwrap();
        let clock = TestClock::at_noon();
        let options = Options {
            port: 0,
            client_id: CLIENT.to_owned(),
            client_key: pair.public,
            redirect_uri: vec![REDIRECT.to_owned()],
            acr: "aal3".to_owned(),
            birthdate: Birthdate::Compact,
            gender: GenderForm::Digit,
            code_lifetime: 60,
            token_lifetime: 300,
            id_token_lifetime: 300,
            fault: None,
            residents: 20,
        };
        let daa = started(Role::Daa(options), &clock).await;
        Self { daa, clock, key, http: browser() }
    }

    fn url(&self, endpoint: &str) -> String {
        format!("{}{PROTOCOL}/{endpoint}", self.daa.url())
    }

    /// The authorization request, with `changes` to its parameters.
    fn request(&self, changes: &[(&str, &str)]) -> String {
        let mut params = HashMap::from([
            ("response_type", "code"),
            ("client_id", CLIENT),
            ("redirect_uri", REDIRECT),
            ("scope", "openid name birthdate"),
            ("state", "st&te"),
            ("nonce", "n0nce"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
            ("acr_values", "aal3 crl"),
        ]);
        params.extend(changes.iter().copied());
        params.retain(|_, value| !value.is_empty());
        url::Url::parse_with_params(&self.url("auth"), params).unwrap().into()
    }

    async fn code(&self) -> String {
        let form = [("persona", "hanako"), ("outcome", "ok")];
        let answer = self.http.post(self.request(&[])).form(&form).send().await.unwrap();
        let mut answer = query(&location(&answer));
        assert_eq!(answer["state"], "st&te");
        assert!(answer.contains_key("session_state") && !answer.contains_key("iss"));
        answer.remove("code").unwrap()
    }

    fn assertion(&self, changes: &[(&str, Value)]) -> String {
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let now = self.clock.clock()().timestamp();
        let mut claims = json!({
            "iss": CLIENT, "sub": CLIENT, "aud": self.url("token"), "jti": "one", "exp": now + 60,
        });
        let mut header = json!({"alg": "RS256", "typ": "JWT"});
        for (name, value) in changes {
            let there = if *name == "alg" { &mut header } else { &mut claims };
            there[*name] = value.clone();
        }
        let message = format!("{}.{}", encode(&header), encode(&claims));
        let mut signature = vec![0; self.key.public_modulus_len()];
        let random = SystemRandom::new();
        self.key.sign(&RSA_PKCS1_SHA256, &random, message.as_bytes(), &mut signature).unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    async fn exchange(&self, code: &str, assertion: &str) -> (u16, Value) {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", REDIRECT),
            ("client_id", CLIENT),
            ("code_verifier", VERIFIER),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", assertion),
        ];
        seen(self.http.post(self.url("token")).form(&form)).await
    }
}

#[tokio::test]
async fn what_was_granted_is_told_and_nothing_else() {
    let party = Party::new().await;
    let (status, tokens) = party.exchange(&party.code().await, &party.assertion(&[])).await;
    assert_eq!((status, &tokens["scope"]), (200, &json!("openid name birthdate")), "{tokens}");
    let token = tokens["access_token"].as_str().unwrap();
    let (_, told) = seen(party.http.get(party.url("userinfo")).bearer_auth(token)).await;
    assert_eq!(told["name"], "都農\u{3000}花子");
    assert_eq!(told["birthdate"], "19850315");
    assert!(told.get("address").is_none() && told.get("gender").is_none());
    party.clock.advance(300);
    let late = seen(party.http.get(party.url("userinfo")).bearer_auth(token)).await;
    assert_eq!(late.0, 401);
}

#[tokio::test]
async fn parameters_have_limits() {
    let party = Party::new().await;
    let long = "x".repeat(256);
    for (name, value) in [("client_id", "RP-1"), ("redirect_uri", "http://127.0.0.1:9/other")] {
        let (status, _) = seen(party.http.get(party.request(&[(name, value)]))).await;
        assert_eq!(status, 400, "{name}={value} must not redirect");
    }
    for (name, value, error) in [
        ("response_type", "token", "unsupported_response_type"),
        ("scope", "name", "invalid_scope"),
        ("scope", "openid Name", "invalid_scope"),
        ("scope", "openid sign", "invalid_scope"),
        ("state", "", "invalid_request"),
        ("nonce", "", "invalid_request"),
        ("nonce", "ひみつ", "invalid_request"),
        ("nonce", &long, "invalid_request"),
        ("code_challenge", "", "invalid_request"),
        ("code_challenge", "a+b", "invalid_request"),
        ("code_challenge_method", "plain", "invalid_request"),
    ] {
        let answer = party.http.get(party.request(&[(name, value)])).send().await.unwrap();
        assert_eq!(answer.status(), 302, "{name}={value}");
        assert_eq!(query(&location(&answer))["error"], error, "{name}={value}");
    }
}

#[tokio::test]
async fn a_client_proves_itself_with_a_fresh_assertion_of_the_right_kind() {
    let party = Party::new().await;
    for (name, value) in [
        ("aud", json!(format!("{}/api/realms/main", party.daa.url()))),
        ("alg", json!("PS256")),
        ("iss", json!("RP00000002")),
        ("sub", json!("RP00000002")),
        ("exp", json!(1)),
        ("exp", json!("4000000000")),
        ("jti", json!("")),
    ] {
        let (status, told) =
            party.exchange("a-code", &party.assertion(&[(name, value.clone())])).await;
        assert_eq!((status, &told["error"]), (401, &json!("invalid_client")), "{name}={value}");
    }
    let mut forged = party.assertion(&[]);
    forged.replace_range(forged.len() - 8.., "AAAAAAAA");
    assert_eq!(party.exchange("a-code", &forged).await.0, 401);
    let good = party.assertion(&[]);
    assert_eq!(party.exchange(&party.code().await, &good).await.0, 200);
    let again = party.exchange(&party.code().await, &good).await;
    assert_eq!((again.0, &again.1["error"]), (401, &json!("invalid_client")));
}

#[tokio::test]
async fn a_token_request_that_is_no_form_has_no_grant_type() {
    let party = Party::new().await;
    let url = format!("{}?grant_type=authorization_code&code=x", party.url("token"));
    let (status, told) = seen(party.http.post(url)).await;
    let expected = json!({
        "error": "invalid_request", "error_description": "Missing form parameter: grant_type",
    });
    assert_eq!((status, told), (400, expected));
}
