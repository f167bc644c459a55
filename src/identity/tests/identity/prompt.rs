//! What a client asks of the login: `prompt`, `max_age`, `acr_values` (`OpenID` Connect Core section 3.1.2.1, RFC 9470).

use serde_json::json;
use tsunagu_domain::{Assurance, Clock as _, Level, TsunoId};
use tsunagu_identity::{Answerable, AuthorizationRequest, ErrorCode, OAuthError, Session};

use super::world::{World, claims};

const NO_DATA: (&str, &str) = ("authorization_details", "");

fn code_of<T: std::fmt::Debug>(result: Result<T, OAuthError>) -> ErrorCode {
    result.unwrap_err().error
}

/// A request that a browser has brought.
async fn brought(world: &World, changes: &[(&str, &str)]) -> AuthorizationRequest {
    let request_uri = world.push(&[changes, &[NO_DATA]].concat()).await.unwrap();
    world.server.authorization_request("app", &request_uri).await.unwrap()
}

/// A login at these levels, for which the person authenticated so many seconds ago.
async fn login(world: &World, (ial, aal): (Level, Level), seconds_ago: i64) -> Session {
    let assurance = Assurance {
        ial,
        aal,
        acr: None,
        auth_time: world.clock.micros() - seconds_ago * 1_000_000,
        idp: "xid".to_owned(),
        ..Assurance::default()
    };
    let id = TsunoId::from_bytes([5; 16]);
    world.sessions.begin(&world.tenant, id, assurance).await.unwrap().session
}

const SUBSTANTIAL: (Level, Level) = (Level::High, Level::Substantial);

#[tokio::test]
async fn a_login_older_than_the_client_allows_cannot_approve() {
    let world = World::new().await;
    let old = world.session().await.session;
    world.pass(61);
    let request = brought(&world, &[("max_age", "60")]).await;
    assert!(request.asks_fresh_login());
    let server = &world.server;
    assert_eq!(server.answerable(&request, None), Answerable::AfterLogin);
    assert_eq!(server.answerable(&request, Some(&old)), Answerable::AfterLogin);
    assert_eq!(code_of(server.approve(&request, &old, None).await), ErrorCode::AccessDenied);
    world.pass(1);
    let fresh = world.session().await.session;
    assert_eq!(server.answerable(&request, Some(&fresh)), Answerable::Yes);
    // Reading what is asked may take a while; the login was for this request.
    world.pass(300);
    assert_eq!(server.answerable(&request, Some(&fresh)), Answerable::Yes);
    let url = server.approve(&request, &fresh, None).await.unwrap();
    let code = url.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
    let tokens = world.redeem(&code, &[]).await.unwrap();
    let id = claims(tokens.id_token.as_deref().unwrap());
    assert_eq!(id["auth_time"], json!(fresh.assurance.auth_time / 1_000_000));
}

#[tokio::test]
async fn t28_an_old_authentication_told_anew_by_the_provider_is_no_fresh_one() {
    let world = World::new().await;
    for changes in [("max_age", "60"), ("prompt", "login"), ("max_age", "0")] {
        let request = brought(&world, &[changes]).await;
        world.pass(1);
        for (seconds_ago, expected) in [(0, Answerable::Yes), (600, Answerable::Never)] {
            let session = login(&world, SUBSTANTIAL, seconds_ago).await;
            let answerable = world.server.answerable(&request, Some(&session));
            assert_eq!(answerable, expected, "{changes:?} {seconds_ago}");
        }
        // A provider that does not say when counts as never.
        let session = login(&world, SUBSTANTIAL, world.now()).await;
        assert_eq!(world.server.answerable(&request, Some(&session)), Answerable::Never);
    }
}

#[tokio::test]
async fn prompt_login_takes_no_earlier_session() {
    let world = World::new().await;
    let session = world.session().await.session;
    world.pass(1);
    let request = brought(&world, &[("prompt", "login")]).await;
    assert_eq!(world.server.answerable(&request, Some(&session)), Answerable::AfterLogin);
    let refused = world.server.approve(&request, &session, None).await;
    assert_eq!(code_of(refused), ErrorCode::AccessDenied);
    let request = brought(&world, &[]).await;
    assert!(!request.asks_fresh_login() && !request.is_silent() && !request.asks_consent_anew());
    assert_eq!(world.server.answerable(&request, Some(&session)), Answerable::Yes);
}

#[tokio::test]
async fn t28_a_login_below_the_asked_level_is_refused_and_told() {
    let world = World::new().await;
    let weak = login(&world, (Level::High, Level::Low), 0).await;
    let unproven = login(&world, (Level::Low, Level::High), 0).await;
    let good = login(&world, SUBSTANTIAL, 0).await;
    let best = login(&world, (Level::High, Level::High), 0).await;
    world.pass(1);
    for (values, lowest) in [
        ("urn:tsunagu:acr:2", Level::Substantial),
        ("urn:tsunagu:acr:3 urn:tsunagu:acr:2", Level::Substantial),
        ("urn:tsunagu:acr:2 urn:elsewhere:gold", Level::Substantial),
        ("urn:tsunagu:acr:3", Level::High),
        ("urn:tsunagu:acr:1", Level::Low),
    ] {
        let request = brought(&world, &[("acr_values", values)]).await;
        for session in [&weak, &unproven, &good, &best] {
            let enough = session.assurance.reaches(lowest);
            let expected = if enough { Answerable::Yes } else { Answerable::AfterLogin };
            let answerable = world.server.answerable(&request, Some(session));
            assert_eq!(answerable, expected, "{values} {session:?}");
            if !enough {
                let refused = world.server.approve(&request, session, None).await;
                assert_eq!(code_of(refused), ErrorCode::AccessDenied);
            }
        }
        // Once more at a provider that is not sure enough ends the matter.
        let again = login(&world, (Level::Low, Level::Low), 0).await;
        let expected = if lowest == Level::Low { Answerable::Yes } else { Answerable::Never };
        assert_eq!(world.server.answerable(&request, Some(&again)), expected, "{values}");
    }
    // No level of this platform: no login can reach it.
    let request = brought(&world, &[("acr_values", "urn:elsewhere:gold")]).await;
    for session in [None, Some(&best)] {
        assert_eq!(world.server.answerable(&request, session), Answerable::Never);
    }
    let unmet = ErrorCode::UnmetAuthenticationRequirements;
    let back = world.server.refuse(&request, unmet).await.unwrap();
    let query: Vec<_> = back.query_pairs().into_owned().collect();
    assert_eq!(query[0], ("error".to_owned(), "unmet_authentication_requirements".to_owned()));
    assert_eq!(query[1], ("state".to_owned(), "the-state".to_owned()));
    // The request is used up.
    let again = world.server.approve(&request, &best, None).await;
    assert!(again.is_err());
}

#[tokio::test]
async fn t28_the_level_in_tokens_is_the_platforms_own_and_never_guessed() {
    let world = World::new().await;
    for (levels, acr) in [
        ((Level::High, Level::Low), "urn:tsunagu:acr:1"),
        (SUBSTANTIAL, "urn:tsunagu:acr:2"),
        ((Level::High, Level::High), "urn:tsunagu:acr:3"),
    ] {
        let request = brought(&world, &[]).await;
        let session = login(&world, levels, 0).await;
        let url = world.server.approve(&request, &session, None).await.unwrap();
        let code = url.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
        let tokens = world.redeem(&code, &[]).await.unwrap();
        assert_eq!(claims(tokens.id_token.as_deref().unwrap())["acr"], acr);
        let token = ("token", tokens.access_token.as_str());
        let told = world.server.introspect(&world.form("app", &[token])).await.unwrap();
        assert_eq!((&told["acr"], &told["auth_time"]), (&json!(acr), &json!(world.now())));
    }
}

#[tokio::test]
async fn prompt_consent_is_for_requests_that_ask_for_data() {
    let world = World::new().await;
    let alone = world.push(&[("prompt", "consent"), NO_DATA]).await;
    assert_eq!(code_of(alone), ErrorCode::InvalidRequest);
    let request_uri = world.push(&[("prompt", "login consent")]).await.unwrap();
    let request = world.server.authorization_request("app", &request_uri).await.unwrap();
    assert!(request.asks_consent_anew() && request.asks_fresh_login());
    let request_uri = world.push(&[("prompt", "none")]).await.unwrap();
    let request = world.server.authorization_request("app", &request_uri).await.unwrap();
    assert!(request.is_silent());
}
