//! Tokens of people who closed their Tsuno ID, or whose id is suspended.

use serde_json::json;
use tsunagu_domain::{Assurance, Clock as _, Level, TsunoId};
use tsunagu_identity::{ErrorCode, LoginOutcome, OAuthError, Tokens};
use tsunagu_store::access::{Action, Decision};

use super::linking::{publish, record};
use super::login::{Town, hanako};
use super::world::World;

/// A code of a login to `app` that asks for nothing but the login.
async fn code(world: &World, id: TsunoId) -> String {
    let request_uri = world.push(&[("authorization_details", "")]).await.unwrap();
    let request = world.server.authorization_request("app", &request_uri).await.unwrap();
    let assurance = Assurance {
        ial: Level::High,
        aal: Level::Substantial,
        auth_time: world.clock.micros(),
        ..Assurance::default()
    };
    let session = world.sessions.begin(&world.tenant, id, assurance).await.unwrap().session;
    let url = world.server.approve(&request, &session, None).await.unwrap();
    url.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned()
}

async fn userinfo(world: &World, tokens: &Tokens) -> Result<serde_json::Value, OAuthError> {
    let token = world.server.verify_access_token(&tokens.access_token).await.unwrap();
    world.server.userinfo(&token).await
}

async fn active(world: &World, tokens: &Tokens) -> bool {
    let form = world.form("app", &[("token", &tokens.access_token)]);
    world.server.introspect(&form).await.unwrap()["active"] == json!(true)
}

async fn hanako_of(town: &Town) -> TsunoId {
    let LoginOutcome::SignedIn { session, .. } = town.log_in("sub-hanako", hanako()).await else {
        unreachable!("she lives here")
    };
    session.session.tsuno_id
}

#[tokio::test]
async fn t51_user_information_of_a_closed_tsuno_id_is_refused_at_once() {
    let town = Town::new().await;
    let world = &town.world;
    let id = hanako_of(&town).await;
    let tokens = world.redeem(&code(world, id).await, &[]).await.unwrap();
    assert!(tokens.grant_id.is_none(), "there is no consent whose end would end it");
    let late = code(world, id).await;
    userinfo(world, &tokens).await.unwrap();
    assert!(active(world, &tokens).await);
    world.residents.close(&world.tenant, id, "request-1", &world.sessions).await.unwrap();
    let before = world.accesses().await.len();
    let refused = userinfo(world, &tokens).await.unwrap_err();
    assert_eq!((refused.error, refused.status()), (ErrorCode::InvalidToken, 401));
    let accesses = world.accesses().await;
    assert_eq!(accesses.len(), before + 1, "a refusal is on record too");
    let last = accesses.last().unwrap();
    assert_eq!((last.action, last.decision, last.count), (Action::Identify, Decision::Denied, 0));
    assert!(!active(world, &tokens).await);
    // A code given before gives nothing any more.
    let refused = world.redeem(&late, &[]).await.unwrap_err();
    assert_eq!(refused.error, ErrorCode::InvalidGrant);
}

#[tokio::test]
async fn t51_user_information_of_a_suspended_tsuno_id_is_refused_until_it_is_in_force_again() {
    let town = Town::new().await;
    let world = &town.world;
    publish(&town, &record(&town, "a", &[("status", json!("転入"))])).await;
    let id = hanako_of(&town).await;
    let tokens = world.redeem(&code(world, id).await, &[]).await.unwrap();
    userinfo(world, &tokens).await.unwrap();
    publish(&town, &record(&town, "a", &[("status", json!("転出"))])).await;
    assert_eq!(userinfo(world, &tokens).await.unwrap_err().error, ErrorCode::InvalidToken);
    assert!(!active(world, &tokens).await);
    publish(&town, &record(&town, "a", &[("status", json!("転入"))])).await;
    userinfo(world, &tokens).await.unwrap();
    assert!(active(world, &tokens).await);
}
