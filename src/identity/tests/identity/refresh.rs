//! Refresh tokens and what is revoked together.

use tsunagu_identity::{ErrorCode, OAuthError, Possession, TokenError, Tokens};

use super::holder::Holder;
use super::tokens::restarted;
use super::world::{CALLBACK, ISSUER, VERIFIER, World, claims, details};

const TOKEN: &str = "https://gateway.example/oauth/token";
const OFFLINE: (&str, &str) = ("scope", "openid ngsi-ld offline_access");

fn code_of<T: std::fmt::Debug>(result: Result<T, OAuthError>) -> ErrorCode {
    result.unwrap_err().error
}

async fn ask(
    world: &World,
    client: &str,
    holder: &Holder,
    fields: &[(&str, &str)],
) -> Result<Tokens, OAuthError> {
    let proof = holder.proof(world, "POST", TOKEN, None);
    let possession =
        Possession { method: "POST", target: TOKEN, proof: Some(&proof), ..Possession::default() };
    world.server.token(&world.form(client, fields), &possession).await
}

async fn login(world: &World, holder: &Holder) -> Tokens {
    let code = world.code_of(&[OFFLINE]).await;
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    ask(world, "app", holder, &fields).await.unwrap()
}

async fn refresh(
    world: &World,
    holder: &Holder,
    token: &str,
    more: &[(&str, &str)],
) -> Result<Tokens, OAuthError> {
    let fields = [&[("grant_type", "refresh_token"), ("refresh_token", token)], more].concat();
    ask(world, "app", holder, &fields).await
}

#[tokio::test]
async fn a_refresh_token_gives_the_same_authorization_and_its_successor() {
    let world = World::new().await;
    let holder = Holder::es256();
    let first = login(&world, &holder).await;
    world.pass(400);
    let token = first.refresh_token.clone().unwrap();
    let second = refresh(&world, &holder, &token, &[]).await.unwrap();
    assert_eq!((second.token_type, second.scope.as_str()), ("DPoP", OFFLINE.1));
    assert_ne!(second.refresh_token, first.refresh_token);
    let (before, after) = (claims(&first.access_token), claims(&second.access_token));
    for same in ["sub", "grant_id", "family", "authorization_details", "acr", "auth_time", "cnf"] {
        assert_eq!(before[same], after[same], "{same}");
    }
    assert_ne!(before["jti"], after["jti"]);
    // It is the client that is bound to it; its key for proofs may change.
    let token = second.refresh_token.unwrap();
    refresh(&world, &Holder::eddsa(), &token, &[]).await.unwrap();
}

#[tokio::test]
async fn t18_rotated_refresh_token_used_again_revokes_the_family() {
    let world = World::new().await;
    let holder = Holder::es256();
    let first = login(&world, &holder).await;
    let old = first.refresh_token.unwrap();
    let second = refresh(&world, &holder, &old, &[]).await.unwrap();
    world.server.verify_access_token(&second.access_token).await.unwrap();
    assert_eq!(code_of(refresh(&world, &holder, &old, &[]).await), ErrorCode::InvalidGrant);
    for token in [&first.access_token, &second.access_token] {
        let verified = world.server.verify_access_token(token).await;
        assert_eq!(verified, Err(TokenError::Revoked));
    }
    let token = second.refresh_token.unwrap();
    assert_eq!(code_of(refresh(&world, &holder, &token, &[]).await), ErrorCode::InvalidGrant);
}

#[tokio::test]
async fn a_refresh_token_used_by_two_at_once_leaves_nothing_alive() {
    let world = World::new().await;
    let holder = Holder::es256();
    let token = login(&world, &holder).await.refresh_token.unwrap();
    let (a, b) =
        tokio::join!(refresh(&world, &holder, &token, &[]), refresh(&world, &holder, &token, &[]));
    let given: Vec<_> = [a, b].into_iter().flatten().collect();
    assert_eq!(given.len(), 1);
    let verified = world.server.verify_access_token(&given[0].access_token).await;
    assert_eq!(verified, Err(TokenError::Revoked));
}

#[tokio::test]
async fn t19_a_refreshed_token_is_never_wider() {
    let world = World::new().await;
    let holder = Holder::es256();
    let token = login(&world, &holder).await.refresh_token.unwrap();
    let wider = details().to_string().replace("contact", "basic");
    for (name, value, error) in [
        ("scope", "openid ngsi-ld offline_access staff", ErrorCode::InvalidScope),
        ("authorization_details", wider.as_str(), ErrorCode::InvalidAuthorizationDetails),
        ("authorization_details", "[]", ErrorCode::InvalidAuthorizationDetails),
        ("resource", "https://elsewhere.example", ErrorCode::InvalidTarget),
    ] {
        let asked = refresh(&world, &holder, &token, &[(name, value)]).await;
        assert_eq!(code_of(asked), error, "{name}={value}");
    }
    // None of it used the token up; less may be had.
    let narrower = refresh(&world, &holder, &token, &[("scope", "ngsi-ld")]).await.unwrap();
    assert_eq!(claims(&narrower.access_token)["scope"], "ngsi-ld");
    let token = narrower.refresh_token.unwrap();
    assert_eq!(refresh(&world, &holder, &token, &[]).await.unwrap().scope, OFFLINE.1);
}

#[tokio::test]
async fn a_refresh_token_is_for_its_client_its_consent_and_thirty_days() {
    let world = World::new().await;
    let holder = Holder::es256();
    let token = login(&world, &holder).await.refresh_token.unwrap();
    let fields = [("grant_type", "refresh_token"), ("refresh_token", token.as_str())];
    let stranger = ask(&world, "other", &holder, &fields).await;
    assert_eq!(code_of(stranger), ErrorCode::InvalidGrant);
    assert_eq!(code_of(world.ask(&world.form("app", &fields)).await), ErrorCode::InvalidDpopProof);
    for made_up in ["made-up", "a.b", "a.b.c", "."] {
        let asked = refresh(&world, &holder, made_up, &[]).await;
        assert_eq!(code_of(asked), ErrorCode::InvalidGrant, "{made_up}");
    }
    world.grants.0.lock().unwrap().clear();
    assert_eq!(code_of(refresh(&world, &holder, &token, &[]).await), ErrorCode::InvalidGrant);
    world.grants.0.lock().unwrap().insert("grant-1".to_owned());
    world.pass(30 * 24 * 60 * 60 - 1);
    let token = refresh(&world, &holder, &token, &[]).await.unwrap().refresh_token.unwrap();
    world.pass(30 * 24 * 60 * 60);
    assert_eq!(code_of(refresh(&world, &holder, &token, &[]).await), ErrorCode::InvalidGrant);
}

#[tokio::test]
async fn only_who_asks_and_proves_a_key_gets_a_refresh_token() {
    let world = World::new().await;
    let holder = Holder::es256();
    let code = world.code().await;
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    assert!(ask(&world, "app", &holder, &fields).await.unwrap().refresh_token.is_none());
    let code = world.code_of(&[OFFLINE]).await;
    assert!(world.redeem(&code, &[]).await.unwrap().refresh_token.is_none());
}

#[tokio::test]
async fn t51_a_revocation_reaches_every_replica_within_a_second() {
    let world = World::new().await;
    let holder = Holder::es256();
    let replica = restarted(&world, ISSUER).await;
    let first = login(&world, &holder).await;
    let token = first.refresh_token.unwrap();
    let second = refresh(&world, &holder, &token, &[]).await.unwrap();
    for access in [&first.access_token, &second.access_token] {
        replica.verify_access_token(access).await.unwrap();
    }
    let refresh_token = second.refresh_token.unwrap();
    let stranger = world.form("other", &[("token", &refresh_token)]);
    world.server.revoke(&stranger).await.unwrap();
    let told = world.form("app", &[("token", &refresh_token)]);
    assert_eq!(world.server.introspect(&told).await.unwrap()["active"], true);
    // Whichever token of an authorization is revoked, all of them are.
    world.server.revoke(&world.form("app", &[("token", &refresh_token)])).await.unwrap();
    world.pass(1);
    for access in [&first.access_token, &second.access_token] {
        for server in [&world.server, &replica] {
            assert_eq!(server.verify_access_token(access).await, Err(TokenError::Revoked));
        }
    }
    let told = world.form("app", &[("token", &refresh_token)]);
    assert_eq!(world.server.introspect(&told).await.unwrap()["active"], false);
    let again = refresh(&world, &holder, &refresh_token, &[]).await;
    assert_eq!(code_of(again), ErrorCode::InvalidGrant);
}
