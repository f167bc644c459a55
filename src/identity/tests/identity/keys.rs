//! Rotation of the keys that sign tokens.

use tsunagu_identity::{KeyRole, SigningKeys, TokenError};

use super::tokens::restarted;
use super::world::{ISSUER, World};

async fn roles(keys: &SigningKeys) -> Vec<KeyRole> {
    keys.list().await.unwrap().into_iter().map(|key| key.role).collect()
}

/// The id of the key that signed a token.
fn kid(token: &str) -> String {
    use base64::Engine as _;
    let header = token.split('.').next().unwrap();
    let header = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(header).unwrap();
    let header: serde_json::Value = serde_json::from_slice(&header).unwrap();
    header["kid"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn t80_a_new_key_is_published_before_it_signs_and_the_old_one_verifies_on() {
    let world = World::new().await;
    let replica = restarted(&world, ISSUER).await;
    let operator = SigningKeys::load(&world.services, &world.tenant).await.unwrap();
    let old = world.tokens().await.access_token;
    let made = operator.rotate(false).await.unwrap();
    assert_eq!(roles(&operator).await, [KeyRole::Upcoming, KeyRole::Signing]);
    world.pass(1);
    for server in [&world.server, &replica] {
        let published = server.jwks().await.unwrap().keys;
        assert_eq!(published.first().unwrap().kid.as_deref(), Some(made.as_str()));
        assert_eq!(published.len(), 2);
    }
    assert_eq!(kid(&world.tokens().await.access_token), kid(&old));
    world.pass(600);
    let late = world.tokens().await;
    assert_eq!(kid(&late.access_token), made);
    assert_eq!(kid(late.id_token.as_deref().unwrap()), made);
    replica.verify_access_token(&late.access_token).await.unwrap();
    assert_eq!(roles(&operator).await, [KeyRole::Signing, KeyRole::Verifying]);
    // What has signed nothing for an hour goes with the next rotation.
    world.pass(3_600);
    operator.rotate(true).await.unwrap();
    assert_eq!(roles(&operator).await, [KeyRole::Signing, KeyRole::Verifying]);
}

#[tokio::test]
async fn t80_tokens_of_an_old_key_work_until_they_end_and_those_of_a_removed_one_stop() {
    let world = World::new().await;
    let replica = restarted(&world, ISSUER).await;
    let operator = SigningKeys::load(&world.services, &world.tenant).await.unwrap();
    let before = world.tokens().await.access_token;
    operator.rotate(true).await.unwrap();
    world.pass(1);
    let after = world.tokens().await.access_token;
    assert_ne!(kid(&before), kid(&after));
    for server in [&world.server, &replica] {
        server.verify_access_token(&before).await.unwrap();
        server.verify_access_token(&after).await.unwrap();
    }
    // Out of anybody's hands: what it signed, also what nobody here signed, is refused at once.
    operator.remove(&kid(&before)).await.unwrap();
    world.pass(1);
    for server in [&world.server, &replica] {
        assert_eq!(server.verify_access_token(&before).await, Err(TokenError::Invalid));
        server.verify_access_token(&after).await.unwrap();
    }
    assert!(operator.remove("no-such-key").await.is_err());
    // The one that signs is replaced by another.
    operator.remove(&kid(&after)).await.unwrap();
    world.pass(1);
    assert_eq!(world.server.verify_access_token(&after).await, Err(TokenError::Invalid));
    let next = world.tokens().await.access_token;
    replica.verify_access_token(&next).await.unwrap();
    assert_eq!(roles(&operator).await, [KeyRole::Signing]);
}
