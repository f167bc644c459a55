//! What somebody gets a client who logs in for another.

use serde_json::json;
use tsunagu_identity::{ErrorCode, OAuthError, Possession, TokenError, Tokens};

use super::holder::Holder;
use super::world::{CALLBACK, VERIFIER, World, claims};

const TOKEN: &str = "https://gateway.example/oauth/token";
const DELEGATION: &str = "0b2c7a8e-5f0d-4a58-9b7e-2f6a3c1d4e5f";
const OFFLINE: (&str, &str) = ("scope", "openid ngsi-ld offline_access");

async fn ask(
    world: &World,
    holder: &Holder,
    fields: &[(&str, &str)],
) -> Result<Tokens, OAuthError> {
    let proof = holder.proof(world, "POST", TOKEN, None);
    let possession =
        Possession { method: "POST", target: TOKEN, proof: Some(&proof), ..Possession::default() };
    world.server.token(&world.form("app", fields), &possession).await
}

async fn redeem(world: &World, holder: &Holder, code: &str) -> Result<Tokens, OAuthError> {
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    ask(world, holder, &fields).await
}

fn delegate(world: &World, may: bool) {
    let mut live = world.grants.0.lock().unwrap();
    if may {
        live.insert(DELEGATION.to_owned());
    } else {
        live.remove(DELEGATION);
    }
}

#[tokio::test]
async fn what_a_delegate_got_a_client_ends_with_the_delegation() {
    let world = World::new().await;
    let holder = Holder::es256();
    delegate(&world, true);
    let code = world.code_under(Some(DELEGATION), &[OFFLINE]).await;
    let late = world.code_under(Some(DELEGATION), &[OFFLINE]).await;
    let own = world.code_of(&[OFFLINE]).await;
    let own = redeem(&world, &holder, &own).await.unwrap();
    let first = redeem(&world, &holder, &code).await.unwrap();
    let token = first.refresh_token.unwrap();
    let fields = |token| [("grant_type", "refresh_token"), ("refresh_token", token)];
    let second = ask(&world, &holder, &fields(&token)).await.unwrap();
    let token = second.refresh_token.unwrap();
    let verified = world.server.verify_access_token(&second.access_token).await.unwrap();
    assert_eq!(verified.acting.as_deref(), Some(DELEGATION));
    world.server.userinfo(&verified).await.unwrap();
    // The client does not learn under which delegation.
    let [one, other] = [&first.access_token, &second.access_token].map(|token| claims(token));
    assert!(one["acting"].is_string() && one["acting"] != other["acting"]);
    assert!(!one.to_string().contains(DELEGATION), "{one}");

    delegate(&world, false);
    for access in [&first.access_token, &second.access_token] {
        let refused = world.server.verify_access_token(access).await;
        assert_eq!(refused, Err(TokenError::Revoked));
    }
    for text in [&token, &second.access_token] {
        let form = world.form("app", &[("token", text)]);
        let answer = world.server.introspect(&form).await.unwrap();
        assert_eq!(answer, json!({ "active": false }));
    }
    let refused = ask(&world, &holder, &fields(&token)).await.unwrap_err();
    assert_eq!(refused.error, ErrorCode::InvalidGrant);
    let refused = redeem(&world, &holder, &late).await.unwrap_err();
    assert_eq!(refused.error, ErrorCode::InvalidGrant);
    // What the resident authorized goes on, under the same consent.
    world.server.verify_access_token(&own.access_token).await.unwrap();
    ask(&world, &holder, &fields(&own.refresh_token.unwrap())).await.unwrap();
}

#[tokio::test]
async fn the_record_of_a_login_names_the_delegation() {
    let world = World::new().await;
    delegate(&world, true);
    for delegation in [Some(DELEGATION), None] {
        let code = world.code_under(delegation, &[]).await;
        redeem(&world, &Holder::es256(), &code).await.unwrap();
    }
    let log = world.accesses().await;
    let mut logins: Vec<String> = log.into_iter().map(|access| access.reason).collect();
    logins.retain(|reason| reason.starts_with("login-to-service"));
    logins.sort();
    let named = format!("login-to-service delegation:{DELEGATION}");
    assert_eq!(logins, ["login-to-service", named.as_str()]);
}
