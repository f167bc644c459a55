use aws_lc_rs::agreement::{ECDH_P256, PrivateKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tsunagu_sandbox::Role;
use tsunagu_sandbox::xid::{Fault, Options};

use super::party::{Party, REDIRECT, public_jwk};
use super::support::{TestClock, VERIFIER, browser, location, query, seen, started};

#[tokio::test]
async fn a_resident_logs_in_and_the_party_reads_verified_data() {
    let party = Party::new().await;
    let configuration = party.http.get(party.url("/.well-known/openid-configuration"));
    let (_, metadata) = seen(configuration).await;
    assert_eq!(metadata["issuer"], party.xid.url());
    assert_eq!(metadata["authorization_endpoint"], party.url("/oauth2/auth"));
    assert_eq!(metadata["userinfo_endpoint"], party.url("/userinfo"));

    let code = party.code(&[("persona", "hanako")]).await;
    let (status, tokens) = party.exchange(&code, &[]).await;
    assert_eq!(status, 200, "{tokens}");
    let claims = party.believed(tokens["id_token"].as_str().unwrap()).await.unwrap();
    assert_eq!(claims["nonce"], "n0nce");
    assert_eq!(claims["acr"], "urn:x-id:aal2");
    assert_eq!(claims["XID_verified"], true);
    assert_eq!(claims["exp"].as_i64(), claims["iat"].as_i64().map(|iat| iat + 300));
    for name in ["sub", "tid", "email", "sid", "userdataid", "auth_time", "amr", "at_hash"] {
        assert!(!claims[name].is_null(), "{name}");
    }

    let token = tokens["access_token"].as_str().unwrap();
    let (_, userinfo) = seen(party.http.get(party.url("/userinfo")).bearer_auth(token)).await;
    assert_eq!(userinfo["sub"], claims["sub"]);

    let data = party.user_data("hanako").await;
    assert_eq!(
        data,
        json!({
            "last_name": "都農", "first_name": "花子", "previous_name": "",
            "year": "1985", "month": "03", "date": "15",
            "prefecture": "宮崎県", "city": "児湯郡都農町", "address": "大字川北4874番地2",
            "sub_char_common_name": "0000", "sub_char_previous_name": "",
            "sub_char_address": "0".repeat(20), "gender": "2",
            "verified_at": "2026-06-01T03:00:00Z",
        })
    );
}

#[tokio::test]
async fn people_have_the_awkward_data_they_are_there_for() {
    let party = Party::new().await;
    let sakura = party.user_data("sakura").await;
    assert_eq!(sakura["last_name"], "高鍋");
    assert_eq!(sakura["sub_char_common_name"], "10000");
    assert_eq!(party.user_data("katsuragi").await["sub_char_common_name"], "100");
    assert_eq!(party.user_data("jiro").await["city"], "日向市");
    assert_eq!(party.user_data("tenshutsu").await["city"], "児湯郡川南町");
    for persona in ["kodomo", "shibou", "nobody"] {
        let form = [("persona", persona), ("outcome", "ok")];
        let (status, _) = seen(party.http.post(party.request(&[])).form(&form)).await;
        assert_eq!(status, 400, "{persona}");
    }
}

#[tokio::test]
async fn the_subject_is_stable_and_differs_between_people() {
    let party = Party::new().await;
    let mut subjects = Vec::new();
    for persona in ["hanako", "hanako", "taro"] {
        let (_, tokens) = party.exchange(&party.code(&[("persona", persona)]).await, &[]).await;
        let claims = party.believed(tokens["id_token"].as_str().unwrap()).await.unwrap();
        subjects.push(claims["sub"].clone());
    }
    assert_eq!(subjects[0], subjects[1]);
    assert_ne!(subjects[0], subjects[2]);
}

#[tokio::test]
async fn the_page_works_without_scripts_and_posts_to_its_own_query() {
    let party = Party::new().await;
    let url = party.request(&[]);
    let page = party.http.get(&url).send().await.unwrap();
    assert_eq!(page.status(), 200);
    assert!(page.headers()["content-security-policy"].to_str().unwrap().contains("'none'"));
    let html = page.text().await.unwrap();
    assert!(!html.contains("<script"));
    assert!(html.contains("value=\"hanako\"") && !html.contains("value=\"kodomo\""));
    let action = html.split("action=\"").nth(1).unwrap().split('"').next().unwrap();
    let action = party.url(&action.replace("&amp;", "&"));
    let answer = party.choose(&action, &[("persona", "taro"), ("outcome", "ok")]).await;
    assert_eq!(party.exchange(&answer["code"], &[]).await.0, 200);
}

#[tokio::test]
async fn a_cancelled_login_goes_back_as_access_denied() {
    let party = Party::new().await;
    let answer = party.choose(&party.request(&[]), &[("outcome", "cancelled")]).await;
    assert_eq!(answer["error"], "access_denied");
    assert_eq!(answer["state"], "st&te");
    assert!(!answer.contains_key("code"));
}

#[tokio::test]
async fn bad_authorization_requests_are_refused_at_the_right_place() {
    let party = Party::new().await;
    for change in
        [("client_id", "other"), ("redirect_uri", "http://127.0.0.1:9/login/xid/callback/")]
    {
        let response = party.http.get(party.request(&[change])).send().await.unwrap();
        assert_eq!(response.status(), 400, "{change:?} must not redirect");
    }
    for (name, value, error) in [
        ("response_type", "token", "unsupported_response_type"),
        ("response_mode", "fragment", "invalid_request"),
        ("scope", "verification", "invalid_scope"),
        ("scope", "openid everything", "invalid_scope"),
        ("nonce", "", "invalid_request"),
        ("state", "", "invalid_request"),
        ("code_challenge", "", "invalid_request"),
        ("code_challenge_method", "plain", "invalid_request"),
    ] {
        let response = party.http.get(party.request(&[(name, value)])).send().await.unwrap();
        assert_eq!(response.status(), 302);
        assert_eq!(query(&location(&response))["error"], error, "{name}={value}");
    }
}

#[tokio::test]
async fn a_code_works_once_for_its_client_redirect_and_verifier_within_a_minute() {
    let party = Party::new().await;
    let wrong = [
        ("redirect_uri", "http://127.0.0.1:9/other"),
        ("code_verifier", "aBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
        ("code", "unknown"),
    ];
    for change in wrong {
        let code = party.code(&[("persona", "hanako")]).await;
        let (status, body) = party.exchange(&code, &[change]).await;
        assert_eq!((status, &body["error"]), (400, &json!("invalid_grant")), "{change:?}");
    }

    let code = party.code(&[("persona", "hanako")]).await;
    party.clock.advance(59);
    let (status, tokens) = party.exchange(&code, &[]).await;
    assert_eq!(status, 200);
    let ask = || {
        let token = tokens["access_token"].as_str().unwrap();
        seen(party.http.get(party.url("/userinfo")).bearer_auth(token))
    };
    assert_eq!(ask().await.0, 200);
    assert_eq!(party.exchange(&code, &[]).await.1["error"], "invalid_grant");
    assert_eq!(ask().await.0, 401, "a reused code ends what it gave");

    let late = party.code(&[("persona", "hanako")]).await;
    party.clock.advance(60);
    assert_eq!(party.exchange(&late, &[]).await.1["error"], "invalid_grant");
}

#[tokio::test]
async fn a_client_authenticates_by_basic_or_in_the_form() {
    let party = Party::new().await;
    let attempt = async |basic: Option<&str>, form: Option<&str>| {
        let code = party.code(&[("persona", "hanako")]).await;
        let mut params = vec![
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", REDIRECT),
            ("code_verifier", VERIFIER),
        ];
        if let Some(secret) = form {
            params.extend([("client_id", "tsunagu"), ("client_secret", secret)]);
        }
        let mut request = party.http.post(party.url("/oauth2/token")).form(&params);
        if let Some(secret) = basic {
            request = request.basic_auth("tsunagu", Some(secret));
        }
        seen(request).await.0
    };
    assert_eq!(attempt(Some("s3cret"), None).await, 200);
    assert_eq!(attempt(None, Some("s3cret")).await, 200);
    assert_eq!(attempt(Some("wrong"), None).await, 401);
    assert_eq!(attempt(None, Some("wrong")).await, 401);
    assert_eq!(attempt(None, None).await, 401);
    assert_eq!(attempt(Some("s3cret"), Some("s3cret")).await, 400);
}

#[tokio::test]
async fn access_tokens_are_needed_end_and_carry_their_scope() {
    let party = Party::new().await;
    for path in ["/userinfo", "/v4/verification/userdata"] {
        let missing = party.http.get(party.url(path)).send().await.unwrap();
        assert_eq!(missing.status(), 401, "{path}");
        assert_eq!(missing.headers()["www-authenticate"], "Bearer");
        assert_eq!(seen(party.http.get(party.url(path)).bearer_auth("x")).await.0, 401);
    }
    let form = [("persona", "hanako"), ("outcome", "ok")];
    let answer = party.choose(&party.request(&[("scope", "openid")]), &form).await;
    let (_, tokens) = party.exchange(&answer["code"], &[]).await;
    let token = tokens["access_token"].as_str().unwrap();
    let data = || seen(party.http.get(party.url("/v4/verification/userdata")).bearer_auth(token));
    assert_eq!(data().await.0, 403);
    party.clock.advance(300);
    assert_eq!(data().await.0, 401);
}

#[tokio::test]
async fn every_fault_makes_an_id_token_or_answer_that_a_careful_party_refuses() {
    let party = Party::new().await;
    let names = [
        // no fault: what follows is not refused for another reason
        "",
        "wrong_nonce",
        "wrong_aud",
        "wrong_iss",
        "alg_none",
        "unknown_kid",
        "bad_signature",
        "expired",
        "wrong_at_hash",
        "userinfo_sub",
    ];
    for name in names {
        let code = party.code(&[("persona", "hanako"), ("fault", name)]).await;
        let (_, tokens) = party.exchange(&code, &[]).await;
        let claims = party.believed(tokens["id_token"].as_str().unwrap()).await;
        let token = tokens["access_token"].as_str().unwrap();
        let (_, userinfo) = seen(party.http.get(party.url("/userinfo")).bearer_auth(token)).await;
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, token.as_bytes());
        let good = claims.is_ok_and(|claims| {
            claims["nonce"] == "n0nce"
                && claims["at_hash"] == URL_SAFE_NO_PAD.encode(&hash.as_ref()[..16])
                && claims["sub"] == userinfo["sub"]
                && claims["exp"].as_i64().unwrap() > super::support::NOON
        });
        assert_eq!(good, name.is_empty(), "{name}");
    }
    let unknown = [("persona", "hanako"), ("outcome", "ok"), ("fault", "sunspots")];
    assert_eq!(seen(party.http.post(party.request(&[])).form(&unknown)).await.0, 400);
}

#[tokio::test]
async fn clients_are_registered_while_running_with_the_admin_key_only() {
    let clock = TestClock::at_noon();
    let options = |admin_key: Option<&str>| Options {
        port: 0,
        client_id: None,
        client_secret: None,
        redirect_uri: Vec::new(),
        user_data_jwk: None,
        admin_key: admin_key.map(str::to_owned),
        fault: Some(Fault::WrongNonce),
        residents: 20,
    };
    let xid = started(Role::Xid(options(Some("admin"))), &clock).await;
    let key = PrivateKey::generate(&ECDH_P256).unwrap();
    let party = Party { xid, clock: clock.clone(), key, http: browser() };
    let put = |key: &str, body: Value| {
        let url = party.url("/sandbox/clients/tsunagu");
        seen(party.http.put(url).bearer_auth(key).json(&body))
    };
    let jwk = public_jwk(&party.key);
    let body =
        json!({"client_secret": "s3cret", "redirect_uris": [REDIRECT], "user_data_jwk": jwk});
    assert_eq!(put("wrong", body.clone()).await.0, 401);
    let mut off_curve = body.clone();
    off_curve["user_data_jwk"]["y"] = off_curve["user_data_jwk"]["x"].clone();
    assert_eq!(put("admin", off_curve).await.0, 400);
    assert_eq!(put("admin", body.clone()).await.0, 204);
    let code = party.code(&[("persona", "hanako")]).await;
    let (_, tokens) = party.exchange(&code, &[]).await;
    let claims = party.believed(tokens["id_token"].as_str().unwrap()).await.unwrap();
    assert_ne!(claims["nonce"], "n0nce", "the fault of the option is on");

    let closed = started(Role::Xid(options(None)), &clock).await;
    let url = format!("{}/sandbox/clients/tsunagu", closed.url());
    assert_eq!(seen(party.http.put(url).bearer_auth("admin").json(&body)).await.0, 404);
}
