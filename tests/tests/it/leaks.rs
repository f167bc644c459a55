//! What must not travel: tokens in addresses and forms, and the parameters of pushed requests.

use reqwest::Method;
use tsunagu_sandbox::story;
use url::Url;

use crate::support::Backend;
use crate::support::http::seen;
use crate::support::town::{APP, Plan, SENSORS, Town};

const FORM: &str = "application/x-www-form-urlencoded";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

#[tokio::test]
async fn t43_a_token_in_an_address_or_a_form_is_refused_and_not_used() {
    let town = Town::start(Backend::Embedded, &Plan::default()).await;
    let token = town.token(SENSORS).await;
    let with = format!("access_token={token}");
    for path in ["/ngsi-ld/v1/types", "/oauth/userinfo", "/consents/v1", "/connectors/v1"] {
        for query in [
            with.clone(),
            format!("limit=1&{with}"),
            format!("access%5Ftoken={token}"),
            format!("%61ccess_token={token}"),
            "access_token".to_owned(),
        ] {
            let bare = seen(town.ask(Method::GET, &format!("{path}?{query}"))).await;
            assert_eq!(bare.status, 400, "{path}: {}", bare.text());
            let both = town.ask(Method::GET, &format!("{path}?{query}")).bearer_auth(&token);
            let both = seen(both).await;
            assert_eq!(both.status, 400, "{path}: {}", both.text());
            assert!(!both.text().contains(&token), "{path}");
        }
    }
    for path in ["/oauth/userinfo", "/ngsi-ld/v1/entities", "/ngsi-ld/v1/entityOperations/query"] {
        for media in [FORM, "application/x-www-form-urlencoded; charset=utf-8"] {
            let form = || town.ask(Method::POST, path).header("Content-Type", media);
            let bare = seen(form().body(with.clone())).await;
            assert_eq!(bare.status, 400, "{path}: {}", bare.text());
            let both = seen(form().bearer_auth(&token).body(with.clone())).await;
            assert!(matches!(both.status, 400 | 415), "{path}: {} {}", both.status, both.text());
        }
    }
    // A form without a token is how OpenID Connect lets user information be asked, too.
    let empty = town.ask(Method::POST, "/oauth/userinfo").header("Content-Type", FORM);
    let told = seen(empty.bearer_auth(&token).body("")).await;
    assert_eq!(told.status, 403, "a machine's token is not from a login: {}", told.text());
    assert!(!town.log().contains(&token));
}

#[tokio::test]
async fn t10_what_was_pushed_is_in_no_cookie_log_address_or_page() {
    let town = Town::start(Backend::Embedded, &Plan { people: true, ..Plan::default() }).await;
    let mut hanako = town.hanako().await;
    let assertion = story::assertion(&town.base, &town.machine(APP)).unwrap();
    let (state, nonce) = ("canary-of-the-state", "canary-of-the-nonce");
    let details = r#"[{"type":"resident_data","purpose":"health-coaching","data_classes":["contact"],"actions":["read"]}]"#;
    let form = [
        ("client_id", APP),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", assertion.as_str()),
        ("response_type", "code"),
        ("redirect_uri", town.callback.as_str()),
        ("scope", "openid"),
        ("state", state),
        ("nonce", nonce),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
        ("authorization_details", details),
    ];
    let pushed = seen(town.ask(Method::POST, "/oauth/par").form(&form)).await;
    let request_uri = pushed.json()["request_uri"].as_str().unwrap().to_owned();
    let canaries = [state, nonce, CHALLENGE, assertion.as_str()];
    let mut url = town.base.join("/oauth/authorize").unwrap();
    url.query_pairs_mut().append_pair("client_id", APP).append_pair("request_uri", &request_uri);

    // A browser that is not logged in is sent on with what it came with.
    let sent = seen(town.http.get(url.clone()).header("accept", "text/html")).await;
    assert_eq!(sent.status, 303);
    assert_eq!(sent.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(sent.header("cache-control"), Some("no-store"));
    let headers = format!("{:?}", sent.headers);
    let page = hanako.open(url.clone()).await.unwrap();
    for canary in canaries {
        assert!(!headers.contains(canary), "{canary} in {headers}");
        assert!(!page.body.contains(canary) && !page.url.as_str().contains(canary), "{canary}");
    }
    let cookies = format!("{hanako:?}");
    for canary in canaries.into_iter().chain([request_uri.as_str()]) {
        assert!(!cookies.contains(canary), "{canary} in a cookie");
    }
    let back: Url = town.consented(&mut hanako, url).await;
    let query: Vec<(String, String)> = back.query_pairs().into_owned().collect();
    let names: Vec<&str> = query.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["code", "state", "iss"]);
    assert!(!back.as_str().contains(nonce) && !back.as_str().contains(CHALLENGE));
    let log = town.log();
    let secret = request_uri.rsplit(':').next().unwrap();
    for canary in canaries.into_iter().chain([secret, query[0].1.as_str()]) {
        assert!(!log.contains(canary), "{canary} in the log");
    }
}
