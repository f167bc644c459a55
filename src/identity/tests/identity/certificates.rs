//! Tokens bound to the client's TLS certificate (RFC 8705 section 3).

use serde_json::json;
use tsunagu_identity::{
    Binding, Client, ErrorCode, OAuthError, Possession, Scheme, TokenError, Tokens,
};

use super::holder::Holder;
use super::world::{CALLBACK, VERIFIER, World, challenge, claims, consumer};

const TOKEN: &str = "https://gateway.example/oauth/token";
const PATH: &str = "https://gateway.example/ngsi-ld/v1/entities";
/// Certificates are compared by their bytes; what is in them was the business of the proxy.
const CERTIFICATE: &str = "certificate of app";
const OTHER: &str = "certificate of somebody else";

fn code_of<T: std::fmt::Debug>(result: Result<T, OAuthError>) -> ErrorCode {
    result.unwrap_err().error
}

/// A town whose `app` is registered for tokens bound to its certificate.
async fn world() -> World {
    let world = World::new().await;
    let app = consumer("app", CALLBACK, &world.app);
    let app = Client { bearer: false, tls_client_certificate_bound_access_tokens: true, ..app };
    world.clients.put(&world.tenant, &app).await.unwrap();
    world
}

fn over(certificate: Option<&str>) -> Possession<'_> {
    let certificate = certificate.map(str::as_bytes);
    Possession { method: "POST", target: TOKEN, certificate, ..Possession::default() }
}

async fn redeem(
    world: &World,
    code: &str,
    possession: &Possession<'_>,
) -> Result<Tokens, OAuthError> {
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    world.server.token(&world.form("app", &fields), possession).await
}

async fn refresh(
    world: &World,
    token: &str,
    certificate: Option<&str>,
) -> Result<Tokens, OAuthError> {
    let fields = [("grant_type", "refresh_token"), ("refresh_token", token)];
    world.server.token(&world.form("app", &fields), &over(certificate)).await
}

#[tokio::test]
async fn t48_a_token_serves_over_its_certificate_only() {
    let world = world().await;
    let code = world.code().await;
    let tokens = redeem(&world, &code, &over(Some(CERTIFICATE))).await.unwrap();
    assert_eq!((tokens.token_type, tokens.expires_in), ("Bearer", 300));
    let token = tokens.access_token.as_str();
    let thumbprint = challenge(CERTIFICATE);
    assert_eq!(claims(token)["cnf"], json!({"x5t#S256": thumbprint}));
    let told = world.server.introspect(&world.form("app", &[("token", token)])).await.unwrap();
    assert_eq!(
        (&told["token_type"], &told["cnf"]),
        (&json!("Bearer"), &json!({"x5t#S256": thumbprint}))
    );

    let present = async |scheme, certificate| {
        world.server.verify_presented(scheme, token, &over(certificate)).await
    };
    let verified = present(Scheme::Bearer, Some(CERTIFICATE)).await.unwrap();
    assert_eq!(verified.binding, Some(Binding::Certificate(thumbprint)));
    for certificate in [None, Some(OTHER), Some("")] {
        let refused = present(Scheme::Bearer, certificate).await;
        assert!(matches!(refused, Err(TokenError::Certificate(_))), "{certificate:?}");
    }
    let as_dpop = present(Scheme::Dpop, Some(CERTIFICATE)).await;
    assert_eq!(as_dpop, Err(TokenError::Scheme));
    // A proof of some key is no certificate.
    let holder = Holder::es256();
    let proof = holder.proof(&world, "GET", PATH, Some(token));
    let possession =
        Possession { method: "GET", target: PATH, proof: Some(&proof), certificate: None };
    let refused = world.server.verify_presented(Scheme::Bearer, token, &possession).await;
    assert!(matches!(refused, Err(TokenError::Certificate("without one"))));
}

#[tokio::test]
async fn t48_no_token_is_given_without_the_certificate() {
    let world = world().await;
    let code = world.code().await;
    assert_eq!(code_of(redeem(&world, &code, &over(None)).await), ErrorCode::InvalidRequest);
    let holder = Holder::es256();
    let proof = holder.proof(&world, "POST", TOKEN, None);
    for certificate in [None, Some(CERTIFICATE)] {
        let both = Possession { proof: Some(&proof), ..over(certificate) };
        assert_eq!(code_of(redeem(&world, &code, &both).await), ErrorCode::InvalidRequest);
    }
    // None of it used the code up.
    redeem(&world, &code, &over(Some(CERTIFICATE))).await.unwrap();
    // A code that waits for a key is not redeemed by a certificate.
    let code = world.code_of(&[("dpop_jkt", &challenge("key"))]).await;
    let refused = redeem(&world, &code, &over(Some(CERTIFICATE))).await;
    assert_eq!(code_of(refused), ErrorCode::InvalidGrant);
}

#[tokio::test]
async fn t48_a_refresh_token_is_bound_to_the_certificate_too() {
    let world = world().await;
    let code = world.code_of(&[("scope", "openid ngsi-ld offline_access")]).await;
    let tokens = redeem(&world, &code, &over(Some(CERTIFICATE))).await.unwrap();
    let token = tokens.refresh_token.unwrap();
    let told = world.server.introspect(&world.form("app", &[("token", &token)])).await.unwrap();
    assert_eq!(told["cnf"], json!({"x5t#S256": challenge(CERTIFICATE)}));
    let other = refresh(&world, &token, Some(OTHER)).await;
    assert_eq!(code_of(other), ErrorCode::InvalidGrant);
    assert_eq!(code_of(refresh(&world, &token, None).await), ErrorCode::InvalidRequest);
    // Who has the token without the certificate does not use it up.
    let next = refresh(&world, &token, Some(CERTIFICATE)).await.unwrap();
    assert_eq!(claims(&next.access_token)["cnf"], json!({"x5t#S256": challenge(CERTIFICATE)}));
    // Nor does a registration for keys free it.
    let app = Client { bearer: true, ..consumer("app", CALLBACK, &world.app) };
    world.clients.put(&world.tenant, &app).await.unwrap();
    let holder = Holder::es256();
    let proof = holder.proof(&world, "POST", TOKEN, None);
    let token = next.refresh_token.unwrap();
    let fields = [("grant_type", "refresh_token"), ("refresh_token", token.as_str())];
    let proven = Possession { proof: Some(&proof), ..over(None) };
    let asked = world.server.token(&world.form("app", &fields), &proven).await;
    assert_eq!(code_of(asked), ErrorCode::InvalidGrant);
}

#[tokio::test]
async fn a_certificate_changes_nothing_for_who_proves_a_key_or_bears() {
    let world = World::new().await;
    let holder = Holder::es256();
    let code = world.code().await;
    let proof = holder.proof(&world, "POST", TOKEN, None);
    let both = Possession { proof: Some(&proof), ..over(Some(CERTIFICATE)) };
    let tokens = redeem(&world, &code, &both).await.unwrap();
    let token = tokens.access_token.as_str();
    assert!(claims(token)["cnf"]["jkt"].is_string());
    let proof = holder.proof(&world, "GET", PATH, Some(token));
    let possession =
        Possession { method: "GET", target: PATH, proof: Some(&proof), certificate: None };
    world.server.verify_presented(Scheme::Dpop, token, &possession).await.unwrap();
    let code = world.code().await;
    let tokens = redeem(&world, &code, &over(Some(CERTIFICATE))).await.unwrap();
    assert_eq!((tokens.expires_in, &claims(&tokens.access_token)["cnf"]), (120, &json!(null)));
}

#[tokio::test]
async fn tokens_are_bound_to_a_certificate_or_borne_not_both() {
    let world = World::new().await;
    let app = consumer("app", CALLBACK, &world.app);
    let both = Client { tls_client_certificate_bound_access_tokens: true, ..app };
    assert_eq!(both.check().unwrap_err().pointer.as_deref(), Some("/bearer"));
}
