use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tsunagu_sandbox::vendor::Options;
use tsunagu_sandbox::{Role, Running};

use super::gateway::{Gateway, TOKEN, order};
use super::support::{TestClock, browser, location, query, seen, started};

struct App {
    gateway: Gateway,
    vendor: Running,
    http: reqwest::Client,
}

fn options(gateway: &Gateway) -> Options {
    Options {
        port: 0,
        gateway: gateway.url.clone(),
        client_id: "app-1".to_owned(),
        private_jwk: None,
        purpose: "health-coaching".to_owned(),
        data_classes: vec!["contact".to_owned(), "health-activity".to_owned()],
        actions: vec!["read".to_owned(), "write".to_owned()],
        context_url: None,
    }
}

impl App {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut Options)) -> Self {
        let gateway = Gateway::start();
        let mut options = options(&gateway);
        change(&mut options);
        let vendor = started(Role::Vendor(options), &TestClock::at_noon()).await;
        let app = Self { gateway, vendor, http: browser() };
        let (_, keys) = seen(app.get("/jwks.json")).await;
        app.gateway.memory().vendor_keys = keys;
        app
    }

    fn get(&self, path: &str) -> reqwest::RequestBuilder {
        self.http.get(format!("{}{path}", self.vendor.url()))
    }

    fn post(&self, path: &str) -> reqwest::RequestBuilder {
        self.http.post(format!("{}{path}", self.vendor.url()))
    }

    /// From `/login` through the gateway to the URL of the callback.
    async fn authorized(&self) -> url::Url {
        let login = self.get("/login").send().await.unwrap();
        assert_eq!(login.status(), 302, "{}", login.text().await.unwrap());
        let authorize = self.http.get(location(&login)).send().await.unwrap();
        location(&authorize)
    }

    async fn log_in(&self) -> (u16, Value) {
        seen(self.http.get(self.authorized().await)).await
    }

    fn last_asked(&self) -> super::gateway::Asked {
        self.gateway.memory().asked.last().cloned().unwrap()
    }
}

#[tokio::test]
async fn a_resident_logs_in_and_the_consent_asked_for_is_the_one_configured() {
    let app = App::new().await;
    assert_eq!(seen(app.get("/session")).await, (200, json!({"logged_in": false})));
    let (status, session) = app.log_in().await;
    assert_eq!(status, 200, "{session}");
    assert_eq!(session["person"], "urn:ngsi-ld:Person:pairwise-1");
    let details = json!([{
        "type": "resident_data", "purpose": "health-coaching",
        "data_classes": ["contact", "health-activity"], "actions": ["read", "write"],
    }]);
    assert_eq!(session["authorization_details"], details);
    assert!(!session.to_string().contains(TOKEN), "tokens never leave the server");
    let pushed = app.gateway.memory().pushed.clone();
    assert_eq!(pushed["response_type"], "code");
    assert_eq!(pushed["scope"], "openid");
    assert_eq!(pushed["code_challenge_method"], "S256");
    assert_eq!(pushed["redirect_uri"], format!("{}/callback", app.vendor.url()));
    assert_eq!(serde_json::from_str::<Value>(&pushed["authorization_details"]).unwrap(), details);
    assert_eq!(seen(app.get("/session")).await, (200, session));

    assert_eq!(seen(app.post("/logout")).await.0, 204);
    assert_eq!(seen(app.get("/me")).await.0, 401);
}

#[tokio::test]
async fn the_app_signs_in_with_the_key_it_is_given() {
    let key = r#"{"kty":"EC","crv":"P-256","kid":"app-key",
        "x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        "d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}"#;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key.json");
    std::fs::write(&path, key).unwrap();
    let app = App::with(|options| options.private_jwk = Some(path)).await;
    let keys = app.gateway.memory().vendor_keys.clone();
    assert_eq!(keys["keys"][0]["kid"], "app-key");
    assert_eq!(keys["keys"][0].get("d"), None, "the private part stays private");
    assert_eq!(app.log_in().await.0, 200);
}

#[tokio::test]
async fn nothing_wrong_that_the_gateway_says_is_believed() {
    let expected = [
        ("wrong_nonce", 502, "nonce"),
        ("wrong_aud", 502, "another client"),
        ("two_audiences", 502, "another client"),
        ("wrong_iss", 502, "another issuer"),
        ("expired", 502, "expired"),
        ("exp_as_text", 502, "expired"),
        ("wrong_at_hash", 502, "another access token"),
        ("bearer_token", 502, "not bound to our key"),
        ("nonce_never_good", 502, "use_dpop_nonce"),
        ("unknown_kid", 502, "not in the key set"),
        ("bad_signature", 502, "signature is wrong"),
        ("alg_none", 502, "not signed with ES256"),
        ("userinfo_sub", 502, "somebody else"),
        ("refused", 403, "did not say why"),
        ("mix_up", 400, "not from our gateway"),
        ("wrong_state", 400, "another login"),
    ];
    for (fault, status, reason) in expected {
        let app = App::new().await;
        app.gateway.memory().fault = fault;
        let (seen_status, body) = app.log_in().await;
        assert_eq!(seen_status, status, "{fault}: {body}");
        let description = body["error_description"].as_str().unwrap();
        assert!(description.contains(reason), "{fault}: {description}");
        assert_eq!(seen(app.get("/session")).await.1["logged_in"], false, "{fault}");
    }
    let app = App::new().await;
    app.gateway.memory().fault = "metadata_of_another_issuer";
    let (status, body) = seen(app.get("/login")).await;
    assert_eq!((status, &body["error"]), (502, &json!("gateway_untrusted")));
}

#[tokio::test]
async fn a_refused_request_says_what_the_gateway_said() {
    let app = App::with(|options| options.purpose = "no-such-purpose".to_owned()).await;
    let (status, body) = seen(app.get("/login")).await;
    assert_eq!((status, &body["error"]), (502, &json!("gateway_refused")));
    let text = body["error_description"].as_str().unwrap();
    assert!(text.contains("invalid_authorization_details"), "{text}");
}

#[tokio::test]
async fn an_answer_is_taken_once_and_only_in_the_browser_that_began() {
    let app = App::new().await;
    let callback = app.authorized().await;
    let (status, body) = seen(browser().get(callback.clone())).await;
    assert_eq!((status, &body["error"]), (400, &json!("no_login_pending")));
    assert_eq!(seen(app.http.get(callback.clone())).await.0, 200);
    assert_eq!(seen(app.http.get(callback)).await.0, 400);
}

#[tokio::test]
async fn logging_in_changes_the_cookie() {
    let app = App::new().await;
    let value = |response: &reqwest::Response| {
        response.cookies().next().map(|cookie| {
            assert!(cookie.http_only() && cookie.same_site_lax());
            cookie.value().to_owned()
        })
    };
    let login = app.get("/login").send().await.unwrap();
    let authorize = app.http.get(location(&login)).send().await.unwrap();
    let callback = app.http.get(location(&authorize)).send().await.unwrap();
    assert!(value(&login).is_some());
    assert_ne!(value(&login), value(&callback));
}

#[tokio::test]
async fn the_residents_data_is_read_and_activities_are_written_and_listed() {
    let app = App::new().await;
    app.log_in().await;
    let (status, me) = seen(app.get("/me")).await;
    assert_eq!((status, &me["status"]), (200, &json!(200)));
    assert_eq!(me["body"]["id"], "urn:ngsi-ld:Person:pairwise-1");
    let (_, uri, headers, _) = app.last_asked();
    assert_eq!(uri, "/ngsi-ld/v1/entities/urn:ngsi-ld:Person:pairwise-1");
    assert_eq!(headers["authorization"], format!("DPoP {TOKEN}"));

    let uuid = "3f0c2f6e-8f1d-4a57-9c1f-0d6a3f1b2c4d";
    let activity = json!({"date": "2026-05-31", "steps": 8123, "id": uuid});
    let (_, made) = seen(app.post("/activities").json(&activity)).await;
    let id = format!("urn:ngsi-ld:HealthActivity:{uuid}");
    assert_eq!((&made["status"], &made["id"]), (&json!(201), &json!(id)));
    assert_eq!(made["headers"]["location"], "/ngsi-ld/v1/entities/made");
    let (method, uri, headers, entity) = app.last_asked();
    assert_eq!((&*method, &*uri), ("POST", "/ngsi-ld/v1/entities"));
    assert_eq!(headers["content-type"], "application/json");
    let date_time =
        |text: &str| json!({"type": "Property", "value": {"@type": "DateTime", "@value": text}});
    assert_eq!(
        entity,
        json!({
            "id": id,
            "type": "HealthActivity",
            "person": {"type": "Relationship", "object": "urn:ngsi-ld:Person:pairwise-1"},
            "steps": {"type": "Property", "value": 8123, "unitCode": "H87",
                      "observedAt": "2026-05-31T15:00:00Z"},
            "activityType": {"type": "Property", "value": "walking"},
            "startedAt": date_time("2026-05-30T15:00:00Z"),
            "endedAt": date_time("2026-05-31T15:00:00Z"),
            "recordingMethod": {"type": "Property", "value": "sensed"},
        })
    );
    let today = json!({"date": "2026-06-01", "steps": 1});
    seen(app.post("/activities").json(&today)).await;
    assert_eq!(app.last_asked().3["endedAt"], date_time("2026-06-01T03:00:00Z"), "it is noon");

    seen(app.get("/activities")).await;
    let asked = url::Url::parse(&format!("http://x{}", app.last_asked().1)).unwrap();
    assert_eq!(query(&asked)["type"], "HealthActivity");
    assert_eq!(query(&asked)["q"], "person==\"urn:ngsi-ld:Person:pairwise-1\"");
}

#[tokio::test]
async fn activities_that_make_no_sense_are_not_sent() {
    let app = App::new().await;
    let walk = json!({"date": "2026-05-31", "steps": 1});
    assert_eq!(seen(app.post("/activities").json(&walk)).await.0, 401, "nobody is logged in");
    app.log_in().await;
    for body in [
        json!({"date": "2026-06-02", "steps": 1}),
        json!({"date": "2026-02-30", "steps": 1}),
        json!({"date": "2026-05-31", "steps": -1}),
        json!({"date": "2026-05-31"}),
        json!({"date": "2026-05-31", "steps": 1, "colour": "red"}),
        json!({"date": "2026-05-31", "steps": 1, "id": "not-a-uuid"}),
    ] {
        assert_eq!(seen(app.post("/activities").json(&body)).await.0, 400, "{body}");
    }
    assert!(app.gateway.memory().asked.is_empty());
}

#[tokio::test]
async fn a_probe_shows_what_the_gateway_says_and_goes_nowhere_else() {
    let app = App::new().await;
    app.log_in().await;
    let (status, answer) = seen(app.get("/probe?path=/ngsi-ld/v1/entities/missing")).await;
    assert_eq!((status, &answer["status"]), (200, &json!(404)));
    assert_eq!(answer["body"], json!({"title": "not found"}));

    let ask = json!({
        "method": "PATCH", "path": "/ngsi-ld/v1/entities/x/attrs", "body": {"steps": 1},
        "content_type": "application/merge-patch+json", "headers": {"NGSILD-Tenant": "other"},
        "token": false,
    });
    assert_eq!(seen(app.post("/probe").json(&ask)).await.0, 200);
    let (method, _, headers, body) = app.last_asked();
    assert_eq!((&*method, &body), ("PATCH", &json!({"steps": 1})));
    assert_eq!(headers["ngsild-tenant"], "other");
    assert_eq!(headers["content-type"], "application/merge-patch+json");
    assert!(!headers.contains_key("authorization"));

    let before = app.gateway.memory().asked.len();
    let elsewhere = Gateway::start();
    let host = elsewhere.url.trim_start_matches("http:");
    for path in [host, &elsewhere.url, "ngsi-ld", "", &host.replace('/', "\\")] {
        let ask = json!({"method": "GET", "path": path});
        assert_eq!(seen(app.post("/probe").json(&ask)).await.0, 400, "{path}");
    }
    assert_eq!(app.gateway.memory().asked.len(), before);
    assert!(elsewhere.memory().asked.is_empty());
}

#[tokio::test]
async fn people_get_pages_in_japanese_without_scripts() {
    let app = App::new().await;
    let html = async |path: &str| {
        let page = app.get(path).header("Accept", "text/html").send().await.unwrap();
        let csp = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
        assert!(csp.starts_with("default-src 'none'"));
        page.text().await.unwrap()
    };
    assert!(html("/").await.contains("都農IDでログイン"));
    assert!(html("/callback?state=<b>").await.contains("ログインできませんでした"));
    let back = app.http.get(app.authorized().await).header("Accept", "text/html");
    assert_eq!(back.send().await.unwrap().status(), 303);
    let home = html("/").await;
    assert!(home.contains("pairwise-1") && home.contains("value=\"2026-06-01\""));
    let form = [("date", "2026-05-31"), ("steps", "5000")];
    let sent = app.post("/activities").header("Accept", "text/html").form(&form);
    let sent = sent.send().await.unwrap();
    assert_eq!(sent.headers()["location"], "/?status=201");
    assert!(html("/?status=201").await.contains("記録を送りました"));
    assert_eq!(app.last_asked().3["steps"]["value"], 5000);
}

#[tokio::test]
async fn a_gateway_that_does_not_answer_is_named_as_the_cause() {
    let app = App::with(|options| {
        let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        options.gateway = format!("http://{}", nobody.local_addr().unwrap());
    })
    .await;
    let (status, body) = seen(app.get("/login")).await;
    assert_eq!((status, &body["error"]), (502, &json!("gateway_unreachable")));
}

#[test]
fn the_published_challenge_is_that_of_the_standard() {
    let digest =
        aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, super::support::VERIFIER.as_bytes());
    assert_eq!(URL_SAFE_NO_PAD.encode(digest), super::support::CHALLENGE);
}

#[tokio::test]
async fn an_order_to_delete_is_obeyed_when_it_is_the_gateways_own_and_for_this_app() {
    let app = App::new().await;
    app.log_in().await;
    assert_eq!(seen(app.get("/kept")).await, (200, json!({"kept": false})));
    assert_eq!(seen(app.get("/me")).await.0, 200);
    let push = async |token: String| {
        let request = app.post("/events").header("content-type", "application/secevent+jwt");
        seen(request.body(token)).await
    };
    let url = app.gateway.url.clone();
    let typ = "secevent+jwt";
    let other = json!("https://other.example");
    let forged = order(&url, typ, |_| {});
    let (signed, signature) = forged.rsplit_once('.').unwrap();
    let reversed: String = signature.chars().rev().collect();
    for token in [
        format!("{signed}.{reversed}"),
        "nonsense".to_owned(),
        order(&url, "JWT", |_| {}),
        order(&url, typ, |claims| claims["iss"] = other.clone()),
        order(&url, typ, |claims| claims["aud"] = json!("app-2")),
        order(&url, typ, |claims| claims["sub_id"]["iss"] = other.clone()),
        order(&url, typ, |claims| claims["events"] = json!({"urn:other": {}})),
    ] {
        assert_eq!(push(token.clone()).await.0, 400, "{token}");
    }
    let form = seen(app.post("/events").form(&[("token", forged.clone())])).await;
    assert_eq!(form.0, 415);
    assert_eq!(seen(app.get("/kept")).await.1, json!({"kept": true}));
    for _ in 0..2 {
        assert_eq!(push(forged.clone()).await, (200, json!({"deleted": true})));
        assert_eq!(seen(app.get("/kept")).await.1, json!({"kept": false}));
    }
}
