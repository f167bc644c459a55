//! Tokens: given, verified, looked at, revoked.

use std::sync::Arc;

use serde_json::{Value, json};
use tsunagu_domain::{Level, TsunoId};
use tsunagu_identity::{
    AuthorizationServer, ClientStatus, ErrorCode, OAuthError, Parts, Proofs, SigningKeys,
    TokenError,
};
use tsunagu_store::access::Action;

use super::world::{
    CALLBACK, Grants, ISSUER, VERIFIER, World, b64, claims, consumer, details, key,
};

fn code_of<T: std::fmt::Debug>(result: Result<T, OAuthError>) -> ErrorCode {
    result.unwrap_err().error
}

/// A second server over the same store, as after a restart.
pub(crate) async fn restarted(world: &World, issuer: &str) -> AuthorizationServer {
    with_proofs(world, issuer, Proofs::of_one_process(&*world.services.ids)).await
}

/// A second server over the same store, with proofs of its own.
pub(crate) async fn with_proofs(
    world: &World,
    issuer: &str,
    proofs: Proofs,
) -> AuthorizationServer {
    AuthorizationServer::new(Parts {
        services: world.services.clone(),
        tenant: world.tenant.clone(),
        issuer: issuer.to_owned(),
        clients: Arc::clone(&world.clients),
        keys: SigningKeys::load(&world.services, &world.tenant).await.unwrap(),
        proofs,
        grants: Arc::<Grants>::clone(&world.grants),
        mtls: None,
    })
    .unwrap()
}

#[tokio::test]
async fn a_code_becomes_an_access_token_and_an_id_token() {
    let world = World::new().await;
    let tokens = world.tokens().await;
    let subject = TsunoId::from_bytes([5; 16]);
    assert_eq!((tokens.token_type, tokens.expires_in), ("Bearer", 120));
    assert_eq!(tokens.grant_id.as_deref(), Some("grant-1"));
    let id = claims(tokens.id_token.as_deref().unwrap());
    let access = claims(&tokens.access_token);
    assert_eq!(
        (&id["iss"], &id["aud"], &id["nonce"]),
        (&json!(ISSUER), &json!("app"), &json!("the-nonce"))
    );
    let half =
        aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, tokens.access_token.as_bytes());
    assert_eq!(id["at_hash"], b64(&half.as_ref()[..16]));
    assert_eq!(id["sub"], access["sub"]);
    // What the client sees is its own name for the resident, not the Tsuno ID.
    assert_ne!(id["sub"], json!(subject));
    assert!(!tokens.access_token.is_empty() && !access.to_string().contains(&subject.to_string()));
    assert_eq!(access["aud"], format!("{ISSUER}/ngsi-ld"));
    assert_eq!(access["client_id"], "app");
    assert_eq!(access["grant_id"], "grant-1");
    assert_eq!(
        access["authorization_details"],
        serde_json::to_value(&tokens.authorization_details).unwrap()
    );

    let verified = world.server.verify_access_token(&tokens.access_token).await.unwrap();
    assert_eq!(verified.subject, Some(subject));
    assert_eq!((verified.client.as_str(), verified.grant_id.as_deref()), ("app", Some("grant-1")));
    assert_eq!(verified.assurance.aal, Level::Substantial);
    assert!(verified.has_scope("ngsi-ld") && !verified.has_scope("ngsi"));
    let given = world.accesses().await.pop().unwrap();
    assert_eq!((given.action, given.actor.as_str()), (Action::Identify, "client:app"));
    assert_eq!((given.subjects, given.grant.as_deref()), (vec![subject], Some("grant-1")));
}

#[tokio::test]
async fn t01_a_code_used_twice_gives_nothing_and_takes_back_what_it_gave() {
    let world = World::new().await;
    let code = world.code().await;
    let tokens = world.redeem(&code, &[]).await.unwrap();
    world.server.verify_access_token(&tokens.access_token).await.unwrap();
    assert_eq!(code_of(world.redeem(&code, &[]).await), ErrorCode::InvalidGrant);
    let refused = world.server.verify_access_token(&tokens.access_token).await;
    assert_eq!(refused, Err(TokenError::Revoked));
    let after_restart = restarted(&world, ISSUER).await;
    assert_eq!(
        after_restart.verify_access_token(&tokens.access_token).await,
        Err(TokenError::Revoked)
    );
}

#[tokio::test]
async fn a_code_redeemed_many_times_at_once_leaves_no_live_token() {
    let world = Arc::new(World::new().await);
    let code = world.code().await;
    let redeemers = (0..8).map(|_| {
        let (world, code) = (Arc::clone(&world), code.clone());
        tokio::spawn(async move { world.redeem(&code, &[]).await })
    });
    let mut given = Vec::new();
    for redeemer in redeemers.collect::<Vec<_>>() {
        given.extend(redeemer.await.unwrap());
    }
    assert_eq!(given.len(), 1);
    let refused = world.server.verify_access_token(&given[0].access_token).await;
    assert_eq!(refused, Err(TokenError::Revoked));
}

#[tokio::test]
async fn t02_a_code_is_good_for_a_minute() {
    let world = World::new().await;
    let code = world.code().await;
    world.pass(59);
    world.redeem(&code, &[]).await.unwrap();
    let code = world.code().await;
    world.pass(60);
    assert_eq!(code_of(world.redeem(&code, &[]).await), ErrorCode::InvalidGrant);
}

#[tokio::test]
async fn t03_t04_t19_a_code_is_for_its_client_redirect_uri_verifier_and_what_was_granted() {
    let world = World::new().await;
    let code = world.code().await;
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    let stranger = world.ask(&world.form("other", &fields)).await;
    assert_eq!(code_of(stranger), ErrorCode::InvalidGrant);
    for (name, value, error) in [
        ("code_verifier", "", ErrorCode::InvalidGrant),
        (
            "code_verifier",
            "another-verifier-of-at-least-forty-three-chars",
            ErrorCode::InvalidGrant,
        ),
        ("code_verifier", &super::world::challenge(VERIFIER), ErrorCode::InvalidGrant),
        ("redirect_uri", "https://app.example/other", ErrorCode::InvalidGrant),
        ("redirect_uri", "", ErrorCode::InvalidRequest),
        ("code", "made-up", ErrorCode::InvalidGrant),
        ("code", "", ErrorCode::InvalidRequest),
        ("resource", "https://elsewhere.example", ErrorCode::InvalidTarget),
    ] {
        assert_eq!(code_of(world.redeem(&code, &[(name, value)]).await), error, "{name}={value}");
    }
    // More than was granted is never given, whatever is asked here.
    let details = details().to_string().replace("contact", "health-checkup");
    let more = [("authorization_details", details.as_str())];
    assert_eq!(code_of(world.redeem(&code, &more).await), ErrorCode::InvalidAuthorizationDetails);
    let more = [("scope", "openid admin")];
    assert_eq!(world.redeem(&code, &more).await.unwrap().scope, "openid ngsi-ld");
}

#[tokio::test]
async fn a_consent_withdrawn_before_the_code_came_gives_no_token() {
    let world = World::new().await;
    let code = world.code().await;
    world.grants.0.lock().unwrap().clear();
    assert_eq!(code_of(world.redeem(&code, &[]).await), ErrorCode::InvalidGrant);
}

#[tokio::test]
async fn t16_other_grant_types_are_refused() {
    let world = World::new().await;
    for grant_type in ["password", "implicit", "urn:ietf:params:oauth:grant-type:device_code"] {
        let form = world.form("app", &[("grant_type", grant_type)]);
        assert_eq!(
            code_of(world.ask(&form).await),
            ErrorCode::UnsupportedGrantType,
            "{grant_type}"
        );
    }
}

#[tokio::test]
async fn t16_a_publisher_acts_on_its_own_behalf_and_a_vendor_does_not() {
    let world = World::new().await;
    let ask = async |client: &str, fields: &[(&str, &str)]| {
        let all = [&[("grant_type", "client_credentials")], fields].concat();
        world.ask(&world.form(client, &all)).await
    };
    let tokens = ask("juki", &[("scope", "ngsi-ld")]).await.unwrap();
    assert!(tokens.id_token.is_none());
    let verified = world.server.verify_access_token(&tokens.access_token).await.unwrap();
    assert_eq!((verified.client.as_str(), verified.subject), ("juki", None));
    assert!(!verified.assurance.reaches(Level::Substantial));
    assert_eq!(code_of(ask("app", &[]).await), ErrorCode::UnauthorizedClient);
    assert_eq!(code_of(ask("juki", &[("scope", "openid")]).await), ErrorCode::InvalidScope);
    let details = details().to_string();
    let asked = ask("juki", &[("authorization_details", &details)]).await;
    assert_eq!(code_of(asked), ErrorCode::InvalidAuthorizationDetails);
    assert_eq!(code_of(world.server.userinfo(&verified).await), ErrorCode::InsufficientScope);
}

#[tokio::test]
async fn an_access_token_dies_in_time_with_its_client_and_on_demand() {
    let world = World::new().await;
    let tokens = world.tokens().await;
    let verify = async || world.server.verify_access_token(&tokens.access_token).await.map(|_| ());
    world.pass(119);
    assert_eq!(verify().await, Ok(()));
    world.pass(1);
    assert_eq!(verify().await, Err(TokenError::Expired));
    assert_eq!(
        restarted(&world, ISSUER).await.verify_access_token(&tokens.access_token).await,
        Err(TokenError::Expired)
    );

    let tokens = world.tokens().await;
    let mut client = consumer("app", CALLBACK, &world.app);
    world.server.verify_access_token(&tokens.access_token).await.unwrap();
    client.status = ClientStatus::Suspended;
    world.clients.put(&world.tenant, &client).await.unwrap();
    assert_eq!(
        world.server.verify_access_token(&tokens.access_token).await,
        Err(TokenError::Revoked)
    );
    client.status = ClientStatus::Active;
    world.clients.put(&world.tenant, &client).await.unwrap();

    let fields = [("token", tokens.access_token.as_str())];
    // A stranger's wish to revoke it is answered politely and ignored.
    world.server.revoke(&world.form("other", &fields)).await.unwrap();
    world.server.verify_access_token(&tokens.access_token).await.unwrap();
    world.server.revoke(&world.form("app", &[("token", "made-up")])).await.unwrap();
    world.server.revoke(&world.form("app", &fields)).await.unwrap();
    assert_eq!(
        world.server.verify_access_token(&tokens.access_token).await,
        Err(TokenError::Revoked)
    );
    assert_eq!(
        restarted(&world, ISSUER).await.verify_access_token(&tokens.access_token).await,
        Err(TokenError::Revoked)
    );
}

#[tokio::test]
async fn t49_t50_only_access_tokens_of_this_server_count() {
    let world = World::new().await;
    let tokens = world.tokens().await;
    let access = tokens.access_token.as_str();
    let payload = claims(access);
    let (header, rest) = access.split_once('.').unwrap();
    let signature = rest.split_once('.').unwrap().1;
    let with_header = |header: Value| format!("{}.{rest}", b64(header.to_string()));
    let kid: Value = serde_json::from_slice(&base64_decode(header)).unwrap();
    let kid = kid["kid"].as_str().unwrap().to_owned();
    let mut more = payload.clone();
    more["scope"] = json!("everything");
    let elsewhere = restarted(&world, "https://elsewhere.example").await;
    for text in [
        tokens.id_token.clone().unwrap(),
        with_header(json!({"typ": "JWT", "alg": "ES256", "kid": kid})),
        with_header(json!({"typ": "at+jwt", "alg": "none", "kid": kid})),
        with_header(json!({"typ": "at+jwt", "alg": "HS256", "kid": kid})),
        with_header(json!({"typ": "at+jwt", "alg": "ES256"})),
        with_header(json!({"typ": "at+jwt", "alg": "ES256", "kid": "unknown"})),
        format!("{header}.{}.{signature}", b64(more.to_string())),
        key().sign("at+jwt", &payload).unwrap(),
        world.app.sign("at+jwt", &payload).unwrap(),
        format!("{access}A"),
        format!(" {access}"),
        String::new(),
    ] {
        assert_eq!(
            world.server.verify_access_token(&text).await,
            Err(TokenError::Invalid),
            "{text}"
        );
    }
    // The same keys under another issuer: audience and issuer differ, so it does not count there.
    assert_eq!(elsewhere.verify_access_token(access).await, Err(TokenError::Invalid));
    restarted(&world, ISSUER).await.verify_access_token(access).await.unwrap();
}

fn base64_decode(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text).unwrap()
}

#[tokio::test]
async fn user_information_is_the_pairwise_subject_and_is_written_down() {
    let world = World::new().await;
    let tokens = world.tokens().await;
    let before = world.accesses().await.len();
    let token = world.server.verify_access_token(&tokens.access_token).await.unwrap();
    let info = world.server.userinfo(&token).await.unwrap();
    assert_eq!(info, json!({ "sub": claims(&tokens.access_token)["sub"] }));
    let accesses = world.accesses().await;
    assert_eq!(accesses.len(), before + 1);
    assert_eq!(accesses[before].reason, "userinfo");
    world.grants.0.lock().unwrap().clear();
    assert_eq!(code_of(world.server.userinfo(&token).await), ErrorCode::InvalidToken);
}

#[tokio::test]
async fn t52_introspection_tells_the_owner_and_nobody_else() {
    let world = World::new().await;
    let tokens = world.tokens().await;
    let fields = [("token", tokens.access_token.as_str())];
    let own = world.server.introspect(&world.form("app", &fields)).await.unwrap();
    assert_eq!(own["active"], true);
    assert_eq!(own["sub"], claims(&tokens.access_token)["sub"]);
    assert_eq!((&own["grant_id"], &own["client_id"]), (&json!("grant-1"), &json!("app")));
    let inactive = json!({"active": false});
    assert_eq!(world.server.introspect(&world.form("other", &fields)).await.unwrap(), inactive);
    let made_up = world.form("app", &[("token", "made-up")]);
    assert_eq!(world.server.introspect(&made_up).await.unwrap(), inactive);
    world.grants.0.lock().unwrap().clear();
    assert_eq!(world.server.introspect(&world.form("app", &fields)).await.unwrap(), inactive);
}

#[tokio::test]
async fn keys_are_made_once_and_kept() {
    let world = World::new().await;
    let first = world.server.jwks().await.unwrap();
    let again = SigningKeys::load(&world.services, &world.tenant).await.unwrap();
    assert_eq!(again.jwks().await.unwrap(), first);
    let other_town = "other-town".parse().unwrap();
    let other = SigningKeys::load(&world.services, &other_town).await.unwrap();
    assert_ne!(other.jwks().await.unwrap(), first);
}
