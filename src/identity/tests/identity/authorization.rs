//! Pushed requests, client authentication, and the way back to the client.

use serde_json::{Value, json};
use tsunagu_identity::{ClientStatus, ErrorCode, Form, Possession};

use super::provider::Provider;
use super::world::{CALLBACK, ISSUER, World, b64, consumer, details, form_with, key};

fn code_of<T: std::fmt::Debug>(result: Result<T, tsunagu_identity::OAuthError>) -> ErrorCode {
    result.unwrap_err().error
}

#[tokio::test]
async fn a_request_is_shown_approved_and_answered_with_code_state_and_issuer() {
    let world = World::new().await;
    let request_uri = world.push(&[]).await.unwrap();
    let request = world.server.authorization_request("app", &request_uri).await.unwrap();
    let asked = request.details.clone().unwrap();
    assert_eq!(asked.purpose, "health-coaching");
    assert_eq!(request.client.name.en, "Tsuno health");
    // Looking again, as after a login, is fine.
    let request = {
        world.pass(300);
        world.server.authorization_request("app", &request.request_uri).await.unwrap()
    };
    let session = world.session().await.session;
    let url = world.server.approve(&request, &session, Some("grant-1")).await.unwrap();
    assert!(url.as_str().starts_with(CALLBACK));
    let query: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let names: Vec<&str> = query.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["code", "state", "iss"]);
    assert_eq!((query[1].1.as_str(), query[2].1.as_str()), ("the-state", ISSUER));
    // Deciding a second time, or on the page that was still open, does nothing.
    assert_eq!(
        code_of(world.server.approve(&request, &session, Some("grant-1")).await),
        ErrorCode::InvalidRequestUri
    );
    assert_eq!(code_of(world.server.deny(&request).await), ErrorCode::InvalidRequestUri);
    assert_eq!(
        code_of(world.server.authorization_request("app", &request_uri).await),
        ErrorCode::InvalidRequestUri
    );
}

#[tokio::test]
async fn a_refusal_goes_back_as_access_denied() {
    let world = World::new().await;
    let request_uri = world.push(&[]).await.unwrap();
    let request = world.server.authorization_request("app", &request_uri).await.unwrap();
    let url = world.server.deny(&request).await.unwrap();
    let query: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    assert_eq!(query[0], ("error".to_owned(), "access_denied".to_owned()));
    assert_eq!(query[1..].iter().map(|(n, _)| n.as_str()).collect::<Vec<_>>(), ["state", "iss"]);
}

#[tokio::test]
async fn a_request_uri_is_for_its_client_for_a_while_and_not_made_up() {
    let world = World::new().await;
    let request_uri = world.push(&[]).await.unwrap();
    let ask = async |client: &str, uri: &str| {
        code_of(world.server.authorization_request(client, uri).await)
    };
    assert_eq!(ask("other", &request_uri).await, ErrorCode::InvalidRequestUri);
    assert_eq!(
        ask("app", "urn:ietf:params:oauth:request_uri:made-up").await,
        ErrorCode::InvalidRequestUri
    );
    assert_eq!(ask("app", "https://evil.example/request").await, ErrorCode::InvalidRequestUri);
    world.pass(90);
    assert_eq!(ask("app", &request_uri).await, ErrorCode::InvalidRequestUri);
    let opened = world.push(&[]).await.unwrap();
    world.server.authorization_request("app", &opened).await.unwrap();
    world.pass(600);
    assert_eq!(ask("app", &opened).await, ErrorCode::InvalidRequestUri);
}

#[tokio::test]
async fn consent_and_request_belong_together() {
    let world = World::new().await;
    let session = world.session().await.session;
    let request_uri = world.push(&[]).await.unwrap();
    let request = world.server.authorization_request("app", &request_uri).await.unwrap();
    assert!(world.server.approve(&request, &session, None).await.is_err());
    let request_uri = world.push(&[("authorization_details", "")]).await.unwrap();
    let request = world.server.authorization_request("app", &request_uri).await.unwrap();
    assert_eq!(request.details, None);
    assert!(world.server.approve(&request, &session, Some("grant-1")).await.is_err());
    world.server.approve(&request, &session, None).await.unwrap();
}

#[tokio::test]
async fn t11_redirect_uris_are_compared_exactly() {
    let world = World::new().await;
    for uri in [
        "https://app.example/callback/",
        "https://app.example/callback/x",
        "https://app.example/callback?x=1",
        "https://app.example/callback#x",
        "https://app.example/a/../callback",
        "https://app.example/a/%2e%2e/callback",
        "https://user@app.example/callback",
        "https://app.example@other.example/callback",
        "https://app.example.other.example/callback",
        "https://app.example/callback%2f",
        "https://app.example/*",
        "https://*.example/callback",
        "https://app.example/callback ",
        "HTTPS://app.example/callback",
        "http://app.example/callback",
        "https://app.example:8443/callback",
        "https://app.example:443/callback",
        "https://APP.example/callback",
        "https://app.example/Callback",
        "https://other.example/callback",
        "*",
    ] {
        assert_eq!(
            code_of(world.push(&[("redirect_uri", uri)]).await),
            ErrorCode::InvalidRequest,
            "{uri}"
        );
    }
}

#[tokio::test]
async fn t04_t09_t12_what_this_server_does_not_take_is_refused() {
    let world = World::new().await;
    let too_long = "x".repeat(1025);
    for (name, value, error) in [
        ("response_type", "token", ErrorCode::UnsupportedResponseType),
        ("response_type", "code id_token", ErrorCode::UnsupportedResponseType),
        ("response_type", "", ErrorCode::InvalidRequest),
        ("response_mode", "form_post", ErrorCode::InvalidRequest),
        ("redirect_uri", "", ErrorCode::InvalidRequest),
        ("code_challenge", "", ErrorCode::InvalidRequest),
        ("code_challenge", "short", ErrorCode::InvalidRequest),
        ("code_challenge_method", "plain", ErrorCode::InvalidRequest),
        ("code_challenge_method", "", ErrorCode::InvalidRequest),
        ("request_uri", "urn:ietf:params:oauth:request_uri:x", ErrorCode::InvalidRequest),
        ("request", "eyJ", ErrorCode::InvalidRequest),
        ("scope", "", ErrorCode::InvalidRequest),
        ("scope", "ngsi-ld", ErrorCode::InvalidScope),
        ("scope", "openid email", ErrorCode::InvalidScope),
        ("resource", "https://elsewhere.example", ErrorCode::InvalidTarget),
        ("max_age", "-1", ErrorCode::InvalidRequest),
        ("prompt", "select_account", ErrorCode::InvalidRequest),
        ("prompt", "none login", ErrorCode::InvalidRequest),
        ("prompt", "consent none", ErrorCode::InvalidRequest),
        ("prompt", "None", ErrorCode::InvalidRequest),
        ("state", &too_long, ErrorCode::InvalidRequest),
        ("client_id", "other", ErrorCode::InvalidClient),
        ("client_secret", "x", ErrorCode::InvalidClient),
    ] {
        assert_eq!(code_of(world.push(&[(name, value)]).await), error, "{name}={value}");
    }
    assert!(Form::read(b"a=1&a=2").is_err());
    assert!(Form::read(&vec![b'a'; 70_000]).is_err());
}

#[tokio::test]
async fn only_registered_data_can_be_asked_for() {
    type Flaw = fn(&mut Value);
    let world = World::new().await;
    let flaws: [(&str, Flaw); 12] = [
        ("unknown type", |d| {
            d[0]["type"] = json!("payment_initiation");
        }),
        ("no type", |d| d[0]["type"] = Value::Null),
        ("unknown member", |d| d[0]["locations"] = json!([])),
        ("purpose not registered", |d| {
            d[0]["purpose"] = json!("research");
        }),
        ("purpose unknown", |d| d[0]["purpose"] = json!("marketing")),
        ("class not registered", |d| {
            d[0]["data_classes"] = json!(["basic"]);
        }),
        ("class not of the purpose", |d| {
            d[0]["data_classes"] = json!(["resident-record"]);
        }),
        ("no classes", |d| d[0]["data_classes"] = json!([])),
        ("no actions", |d| d[0]["actions"] = json!([])),
        ("unknown action", |d| {
            d[0]["actions"] = json!(["read", "delete"]);
        }),
        ("two at once", |d| *d = json!([d[0], d[0]])),
        ("no array", |d| *d = d[0].clone()),
    ];
    for (name, flaw) in flaws {
        let mut asked = details();
        flaw(&mut asked);
        let pushed = world.push(&[("authorization_details", &asked.to_string())]).await;
        assert_eq!(code_of(pushed), ErrorCode::InvalidAuthorizationDetails, "{name}");
    }
    assert!(world.push(&[("authorization_details", "not json")]).await.is_err());
}

#[tokio::test]
async fn client_assertions_with_any_flaw_are_refused() {
    type Flaw = fn(&mut Value, i64);
    let world = World::new().await;
    let flaws: [(&str, Flaw); 18] = [
        ("token endpoint as audience", |c, _| {
            c["aud"] = json!(format!("{ISSUER}/oauth/token"));
        }),
        ("par endpoint as audience", |c, _| {
            c["aud"] = json!(format!("{ISSUER}/oauth/par"));
        }),
        ("audience with a slash", |c, _| {
            c["aud"] = json!(format!("{ISSUER}/"));
        }),
        ("audience as array", |c, _| c["aud"] = json!([ISSUER])),
        ("no audience", |c, _| c["aud"] = Value::Null),
        ("expired", |c, now| c["exp"] = json!(now)),
        ("expired long ago", |c, now| c["exp"] = json!(now - 300)),
        ("lives too long", |c, now| c["exp"] = json!(now + 3600)),
        ("exp as text", |c, now| {
            c["exp"] = json!((now + 60).to_string());
        }),
        ("no exp", |c, _| c["exp"] = Value::Null),
        ("from the future", |c, now| c["iat"] = json!(now + 70)),
        ("not yet valid", |c, now| c["nbf"] = json!(now + 70)),
        ("no subject", |c, _| c["sub"] = Value::Null),
        ("other subject", |c, _| c["sub"] = json!("other")),
        ("no jti", |c, _| c["jti"] = Value::Null),
        ("empty jti", |c, _| c["jti"] = json!("")),
        ("long jti", |c, _| c["jti"] = json!("j".repeat(257))),
        ("unknown client", |c, _| {
            c["iss"] = json!("nobody");
            c["sub"] = json!("nobody");
        }),
    ];
    for (name, flaw) in flaws {
        let mut claims = world.assertion_claims("app");
        flaw(&mut claims, world.now());
        let form = form_with(&world.app.sign("JWT", &claims).unwrap(), &[("grant_type", "x")]);
        assert_eq!(code_of(world.ask(&form).await), ErrorCode::InvalidClient, "{name}");
    }
    // Clocks differ a little: that is fine.
    let mut claims = world.assertion_claims("app");
    claims["iat"] = json!(world.now() + 8);
    claims["nbf"] = json!(world.now() + 8);
    let form = form_with(&world.app.sign("JWT", &claims).unwrap(), &[("grant_type", "x")]);
    assert_eq!(code_of(world.ask(&form).await), ErrorCode::UnsupportedGrantType);
}

#[tokio::test]
async fn client_assertions_signed_otherwise_are_refused() {
    let world = World::new().await;
    let claims = world.assertion_claims("app");
    let payload = b64(claims.to_string());
    let header = |alg: &str| b64(json!({"alg": alg, "kid": world.app.kid()}).to_string());
    let public = serde_json::to_vec(world.app.public()).unwrap();
    let hmac = {
        let message = format!("{}.{payload}", header("HS256"));
        let secret = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &public);
        format!("{message}.{}", b64(aws_lc_rs::hmac::sign(&secret, message.as_bytes())))
    };
    let signature = world.app.sign("JWT", &claims).unwrap().rsplit_once('.').unwrap().1.to_owned();
    for text in [
        format!("{}.{payload}.", header("none")),
        format!("{}.{payload}.{signature}", header("RS256")),
        hmac,
        key().sign("JWT", &claims).unwrap(),
        world.other.sign("JWT", &claims).unwrap(),
        "nonsense".to_owned(),
    ] {
        let form = form_with(&text, &[("grant_type", "client_credentials")]);
        assert_eq!(code_of(world.ask(&form).await), ErrorCode::InvalidClient);
    }
    let bare = Form::read(b"grant_type=client_credentials&client_id=juki").unwrap();
    assert_eq!(code_of(world.ask(&bare).await), ErrorCode::InvalidClient);
}

#[tokio::test]
async fn an_assertion_is_good_for_one_request() {
    let world = World::new().await;
    let assertion = world.assertion("juki");
    let form = form_with(&assertion, &[("grant_type", "client_credentials")]);
    world.ask(&form).await.unwrap();
    assert_eq!(code_of(world.ask(&form).await), ErrorCode::InvalidClient);
}

#[tokio::test]
async fn a_suspended_client_can_do_nothing() {
    let world = World::new().await;
    let request_uri = world.push(&[]).await.unwrap();
    let mut client = consumer("app", CALLBACK, &world.app);
    client.status = ClientStatus::Suspended;
    world.clients.put(&world.tenant, &client).await.unwrap();
    assert_eq!(code_of(world.push(&[]).await), ErrorCode::InvalidClient);
    assert!(world.server.authorization_request("app", &request_uri).await.is_err());
}

#[tokio::test]
async fn only_clients_for_logins_may_push() {
    let world = World::new().await;
    let form = world.form("juki", &[("response_type", "code")]);
    let pushed = world.server.par(&form, &Possession::default()).await;
    assert_eq!(code_of(pushed), ErrorCode::UnauthorizedClient);
}

#[tokio::test]
async fn metadata_tell_what_there_is_and_no_more() {
    let world = World::new().await;
    let metadata = world.server.metadata();
    assert_eq!(metadata["issuer"], ISSUER);
    assert_eq!(metadata["require_pushed_authorization_requests"], true);
    assert_eq!(metadata["code_challenge_methods_supported"], json!(["S256"]));
    assert_eq!(metadata["token_endpoint_auth_methods_supported"], json!(["private_key_jwt"]));
    assert!(metadata.get("registration_endpoint").is_none());
    let algorithms = json!(["PS256", "ES256", "EdDSA"]);
    assert_eq!(metadata["dpop_signing_alg_values_supported"], algorithms);
    assert_eq!(metadata["token_endpoint_auth_signing_alg_values_supported"], algorithms);
    assert_eq!(world.server.resource_metadata()["authorization_servers"], json!([ISSUER]));
    let keys = serde_json::to_value(world.server.jwks().await.unwrap()).unwrap();
    assert_eq!(keys["keys"][0]["alg"], "ES256");
    assert!(keys["keys"][0].get("d").is_none());
}

#[tokio::test]
async fn the_page_may_be_loaded_twice_at_once_and_decided_on_once() {
    let world = std::sync::Arc::new(World::new().await);
    let request_uri = world.push(&[]).await.unwrap();
    let loads = (0..4).map(|_| {
        let (world, request_uri) = (std::sync::Arc::clone(&world), request_uri.clone());
        tokio::spawn(async move { world.server.authorization_request("app", &request_uri).await })
    });
    let session = world.session().await.session;
    let mut approved = 0;
    for load in loads.collect::<Vec<_>>() {
        let request = load.await.unwrap().unwrap();
        approved +=
            usize::from(world.server.approve(&request, &session, Some("grant-1")).await.is_ok());
    }
    assert_eq!(approved, 1);
}

#[tokio::test]
async fn keys_that_a_client_publishes_are_fetched_with_care() {
    let world = World::new().await;
    let publisher = Provider::start(world.now()).await;
    let register = async |url: String| {
        let mut client = consumer("app", CALLBACK, &world.app);
        client.jwks = None;
        client.jwks_uri = Some(url.parse().unwrap());
        world.clients.put(&world.tenant, &client).await.unwrap();
    };
    let ask = async |key: &tsunagu_identity::SigningKey| {
        let assertion = key.sign("JWT", &world.assertion_claims("app")).unwrap();
        code_of(world.ask(&form_with(&assertion, &[("grant_type", "x")])).await)
    };
    register(format!("{}/jwks", publisher.issuer)).await;
    assert_eq!(ask(&publisher.key()).await, ErrorCode::UnsupportedGrantType);
    for _ in 0..3 {
        assert_eq!(ask(&key()).await, ErrorCode::InvalidClient);
    }
    assert_eq!(publisher.jwks_calls(), 1);
    // A place that has no keys, and one where nobody may call: no proof, so no answer.
    register(format!("{}/nothing", publisher.issuer)).await;
    assert_eq!(ask(&publisher.key()).await, ErrorCode::TemporarilyUnavailable);
    register("http://10.0.0.1/jwks".to_owned()).await;
    assert_eq!(ask(&publisher.key()).await, ErrorCode::TemporarilyUnavailable);
}
