//! Tokens for the resources of others (RFC 8707), and what those learn about them (RFC 7662).

use std::sync::Arc;

use serde_json::{Value, json};
use tsunagu_domain::{SectorKeys, TsunoId};
use tsunagu_identity::{
    Client, ClientStatus, ErrorCode, JwkSet, OAuthError, Possession, TokenError, Tokens,
};

use super::holder::Holder;
use super::world::{
    CALLBACK, ISSUER, VERIFIER, World, challenge, claims, consumer, details, publisher,
};

const COINS: &str = "https://coins.example/api";
const PARKING: &str = "https://parking.example/";
const OWN: &str = "https://gateway.example/ngsi-ld";
const GRANT: &str = "6f1f8f0e-3f67-4b0a-9d3b-0a4c6f1f2b7d";
const SUBJECT: TsunoId = TsunoId::from_bytes([5; 16]);

fn code_of<T: std::fmt::Debug>(result: Result<T, OAuthError>) -> ErrorCode {
    result.unwrap_err().error
}

fn server(world: &World, id: &str, resource: &str) -> Client {
    serde_json::from_value(json!({
        "id": id,
        "name": {"ja": "つのコイン", "en": "Tsuno Coin"},
        "sector": format!("{id}.example"),
        "kind": "resource-server",
        "resource": resource,
        "scopes": [format!("{id}:read")],
        "jwks": JwkSet { keys: vec![world.municipal.public().clone()] },
        "bearer": true,
        "contact": "coins@example",
    }))
    .unwrap()
}

/// A town with two resource servers, whose tokens `app` and `juki` may ask for.
async fn world() -> World {
    let world = World::new().await;
    for client in [server(&world, "coins", COINS), server(&world, "parking", PARKING)] {
        world.clients.put(&world.tenant, &client).await.unwrap();
    }
    let resources = vec![COINS.to_owned(), PARKING.to_owned()];
    for client in [consumer("app", CALLBACK, &world.app), publisher("juki", &world.municipal)] {
        let client = Client { resources: resources.clone(), ..client };
        world.clients.put(&world.tenant, &client).await.unwrap();
    }
    world
}

fn many<'a>(resources: &[&'a str]) -> Vec<(&'static str, &'a str)> {
    resources.iter().map(|resource| ("resource", *resource)).collect()
}

/// Pushes a request for these resources.
async fn push(world: &World, resources: &[&str], scope: &str) -> Result<String, OAuthError> {
    let (challenge, details) = (challenge(VERIFIER), details().to_string());
    let fields = [
        ("response_type", "code"),
        ("redirect_uri", CALLBACK),
        ("scope", scope),
        ("code_challenge", challenge.as_str()),
        ("code_challenge_method", "S256"),
        ("authorization_details", details.as_str()),
    ];
    let form = world.form("app", &[&fields[..], &many(resources)].concat());
    Ok(world.server.par(&form, &Possession::default()).await?.request_uri)
}

async fn code(world: &World, resources: &[&str], scope: &str) -> String {
    let request_uri = push(world, resources, scope).await.unwrap();
    let request = world.server.authorization_request("app", &request_uri).await.unwrap();
    world.grants.0.lock().unwrap().insert(GRANT.to_owned());
    let session = world.session().await.session;
    let url = world.server.approve(&request, &session, Some(GRANT)).await.unwrap();
    url.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned()
}

async fn redeem(world: &World, code: &str, resources: &[&str]) -> Result<Tokens, OAuthError> {
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    world.ask(&world.form("app", &[&fields[..], &many(resources)].concat())).await
}

async fn told(world: &World, asker: &str, token: &str) -> Value {
    world.server.introspect(&world.form(asker, &[("token", token)])).await.unwrap()
}

fn name_at(sector: &str) -> String {
    SectorKeys::new(&[9; 32]).sector(sector).unwrap().outward(SUBJECT).to_string()
}

const SCOPE: &str = "openid ngsi-ld coins:read";

#[tokio::test]
async fn t49_a_token_for_another_resource_is_none_here() {
    let world = world().await;
    let first = code(&world, &[COINS, OWN], SCOPE).await;
    let tokens = redeem(&world, &first, &[COINS]).await.unwrap();
    let token = tokens.access_token.as_str();
    assert_eq!((claims(token)["aud"].clone(), tokens.scope.as_str()), (json!(COINS), "coins:read"));
    assert_eq!(claims(token)["authorization_details"], Value::Null);
    assert_eq!(world.server.verify_access_token(token).await, Err(TokenError::Audience));

    let second = code(&world, &[COINS, OWN], SCOPE).await;
    let tokens = redeem(&world, &second, &[OWN]).await.unwrap();
    assert_eq!(claims(&tokens.access_token)["aud"], OWN);
    assert_eq!(tokens.scope, "openid ngsi-ld");
    world.server.verify_access_token(&tokens.access_token).await.unwrap();
    assert_eq!(told(&world, "coins", &tokens.access_token).await, json!({"active": false}));

    // Named nowhere, it is for the NGSI-LD resource; named before only, for all of them.
    let third = code(&world, &[], "openid ngsi-ld").await;
    let tokens = redeem(&world, &third, &[]).await.unwrap();
    assert_eq!(claims(&tokens.access_token)["aud"], OWN);
    let fourth = code(&world, &[COINS, OWN], SCOPE).await;
    let tokens = redeem(&world, &fourth, &[]).await.unwrap();
    assert_eq!(claims(&tokens.access_token)["aud"], json!([COINS, OWN]));
    let verified = world.server.verify_access_token(&tokens.access_token).await.unwrap();
    assert_eq!(verified.subject, Some(SUBJECT));
    assert_eq!(told(&world, "coins", &tokens.access_token).await["active"], true);
}

#[tokio::test]
async fn t52_a_resource_server_learns_about_tokens_for_it_and_a_stranger_nothing() {
    let world = world().await;
    let code = code(&world, &[COINS], SCOPE).await;
    let token = redeem(&world, &code, &[]).await.unwrap().access_token;
    let before = world.accesses().await.len();
    for stranger in ["other", "juki", "parking"] {
        assert_eq!(told(&world, stranger, &token).await, json!({"active": false}), "{stranger}");
    }
    assert_eq!(world.accesses().await.len(), before);
    let seen = told(&world, "coins", &token).await;
    assert_eq!((&seen["active"], &seen["aud"]), (&json!(true), &json!(COINS)));
    assert_eq!((&seen["client_id"], &seen["scope"]), (&json!("app"), &json!("coins:read")));
    assert_eq!((&seen["iss"], &seen["acr"]), (&json!(ISSUER), &json!("urn:tsunagu:acr:2")));
    assert_eq!(seen["sub"], name_at("coins.example"));
    for hidden in ["grant_id", "authorization_details"] {
        assert_eq!(seen[hidden], Value::Null, "{hidden}");
    }
    let accesses = world.accesses().await;
    assert_eq!(accesses.len(), before + 1);
    let access = &accesses[before];
    assert_eq!((access.actor.as_str(), access.reason.as_str()), ("client:coins", "introspection"));
    assert_eq!(access.subjects, [SUBJECT]);
    let own = told(&world, "app", &token).await;
    assert_eq!((&own["sub"], &own["grant_id"]), (&json!(name_at("app.example")), &json!(GRANT)));
    // What ends the token ends it there too.
    world.server.revoke(&world.form("coins", &[("token", &token)])).await.unwrap();
    assert_eq!(told(&world, "coins", &token).await["active"], true);
    world.server.revoke(&world.form("app", &[("token", &token)])).await.unwrap();
    assert_eq!(told(&world, "coins", &token).await, json!({"active": false}));
}

#[tokio::test]
async fn t33_a_token_that_others_read_names_its_resident_for_itself_alone() {
    let world = world().await;
    let mut names = vec![name_at("app.example"), name_at("coins.example"), SUBJECT.to_string()];
    names.push(GRANT.to_owned());
    for resources in [&[COINS][..], &[COINS], &[OWN, COINS], &[PARKING, COINS]] {
        let code = code(&world, resources, SCOPE).await;
        let token = redeem(&world, &code, &[]).await.unwrap().access_token;
        for claim in ["sub", "family", "grant_id"] {
            names.push(claims(&token)[claim].as_str().unwrap().to_owned());
        }
        assert_eq!(claims(&token)["authorization_details"], Value::Null);
        assert_eq!(told(&world, "app", &token).await["grant_id"], GRANT);
        assert_eq!(told(&world, "coins", &token).await["sub"], name_at("coins.example"));
    }
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all, "a name can be linked");
}

#[tokio::test]
async fn a_client_asks_for_resources_that_it_is_registered_for_and_later_for_some_of_them() {
    let world = world().await;
    let unregistered = "https://elsewhere.example/api";
    for resources in
        [&[unregistered][..], &[OWN, unregistered], &["coins"], &[&format!("{COINS}/")]]
    {
        let pushed = push(&world, resources, "openid").await;
        assert_eq!(code_of(pushed), ErrorCode::InvalidTarget, "{resources:?}");
    }
    let many: Vec<String> = (0..9).map(|n| format!("https://r{n}.example/")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(code_of(push(&world, &many, "openid").await), ErrorCode::InvalidTarget);
    // A scope of a resource that is not asked for means nothing.
    assert_eq!(code_of(push(&world, &[OWN], SCOPE).await), ErrorCode::InvalidScope);
    let scope = "openid ngsi-ld offline_access coins:read parking:read";
    let code = code(&world, &[OWN, COINS, PARKING], scope).await;
    let narrow = redeem(&world, &code, &[unregistered]).await;
    assert_eq!(code_of(narrow), ErrorCode::InvalidTarget);

    let holder = Holder::es256();
    let ask = async |fields: &[(&str, &str)]| {
        let target = "https://gateway.example/oauth/token";
        let proof = holder.proof(&world, "POST", target, None);
        let possession =
            Possession { method: "POST", target, proof: Some(&proof), ..Possession::default() };
        world.server.token(&world.form("app", fields), &possession).await
    };
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    let tokens = ask(&[&fields[..], &[("resource", OWN), ("resource", COINS)]].concat()).await;
    let tokens = tokens.unwrap();
    assert_eq!(claims(&tokens.access_token)["aud"], json!([OWN, COINS]));
    let refresh = tokens.refresh_token.unwrap();
    let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str())];
    let wider = ask(&[&fields[..], &[("resource", unregistered)]].concat()).await;
    assert_eq!(code_of(wider), ErrorCode::InvalidTarget);
    // Narrowed once, it is not narrowed for ever.
    let tokens = ask(&[&fields[..], &[("resource", PARKING)]].concat()).await.unwrap();
    assert_eq!(claims(&tokens.access_token)["aud"], PARKING);
    assert_eq!(tokens.scope, "parking:read");

    let coins = Client { status: ClientStatus::Suspended, ..server(&world, "coins", COINS) };
    world.clients.put(&world.tenant, &coins).await.unwrap();
    assert_eq!(code_of(push(&world, &[COINS], "openid").await), ErrorCode::InvalidTarget);
}

#[tokio::test]
async fn a_machine_gets_tokens_for_resources_too() {
    let world = world().await;
    let ask = async |client: &str, fields: &[(&str, &str)]| {
        let all = [&[("grant_type", "client_credentials")], fields].concat();
        world.ask(&world.form(client, &all)).await
    };
    let tokens = ask("juki", &[("resource", COINS), ("scope", "coins:read")]).await.unwrap();
    let told_coins = told(&world, "coins", &tokens.access_token).await;
    assert_eq!((&told_coins["sub"], &told_coins["aud"]), (&json!("juki"), &json!(COINS)));
    let refused = world.server.verify_access_token(&tokens.access_token).await;
    assert_eq!(refused, Err(TokenError::Audience));
    assert_eq!(ask("juki", &[("resource", COINS)]).await.unwrap().scope, "");
    let foreign = ask("juki", &[("resource", COINS), ("scope", "ngsi-ld")]).await;
    assert_eq!(code_of(foreign), ErrorCode::InvalidScope);
    assert_eq!(code_of(ask("other", &[("resource", COINS)]).await), ErrorCode::InvalidTarget);
    // To serve a resource gives no rights here.
    assert_eq!(code_of(ask("coins", &[]).await), ErrorCode::UnauthorizedClient);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_who_claim_a_resource_at_once_one_has_it() {
    let world = Arc::new(World::new().await);
    let claims = (0..16).map(|n| {
        let world = Arc::clone(&world);
        let id = if n % 2 == 0 { "coins" } else { "parking" };
        tokio::spawn(async move {
            let claimed = world.clients.put(&world.tenant, &server(&world, id, COINS)).await;
            (id, claimed)
        })
    });
    let mut owners = std::collections::BTreeSet::new();
    for claim in claims.collect::<Vec<_>>() {
        match claim.await.unwrap() {
            (id, Ok(())) => {
                owners.insert(id);
            }
            (_, Err(problem)) => {
                assert_eq!(problem.pointer.as_deref(), Some("/resource"), "{problem}");
            }
        }
    }
    assert_eq!(owners.len(), 1, "two servers have one resource");
}

#[tokio::test]
async fn a_resource_has_one_server() {
    type Flaw = fn(&mut Client);
    let world = world().await;
    let flaws: [(&str, Flaw); 8] = [
        ("/resource", |c| c.resource = None),
        ("/resource", |c| c.resource = Some("coins".to_owned())),
        ("/resource", |c| c.resource = Some("http://coins.example/".to_owned())),
        ("/resource", |c| c.resource = Some("https://coins.example/#a".to_owned())),
        ("/scopes", |c| c.scopes = vec!["staff".to_owned()]),
        ("/scopes", |c| c.scopes = vec!["a b".to_owned()]),
        ("/scopes", |c| c.scopes = vec![String::new()]),
        ("/resource", |c| c.resource = Some(PARKING.to_owned())),
    ];
    for (pointer, flaw) in flaws {
        let mut coins = server(&world, "coins", COINS);
        flaw(&mut coins);
        let refused = world.clients.put(&world.tenant, &coins).await.unwrap_err();
        assert_eq!(refused.pointer.as_deref(), Some(pointer), "{refused}");
    }
    let app = Client { resource: Some(COINS.to_owned()), ..consumer("app", CALLBACK, &world.app) };
    assert_eq!(app.check().unwrap_err().pointer.as_deref(), Some("/resource"));
    // Given up by one, it can be another's.
    let moved = server(&world, "parking", "https://parking.example/v2");
    world.clients.put(&world.tenant, &moved).await.unwrap();
    let heir = server(&world, "coins", PARKING);
    world.clients.put(&world.tenant, &heir).await.unwrap();
}

#[tokio::test]
async fn t52_who_claims_the_resource_of_this_platform_learns_nothing_of_its_tokens() {
    let world = world().await;
    let code = code(&world, &[OWN], "openid ngsi-ld").await;
    let token = redeem(&world, &code, &[]).await.unwrap().access_token;
    world.clients.put(&world.tenant, &server(&world, "parking", OWN)).await.unwrap();
    assert_eq!(told(&world, "parking", &token).await, json!({"active": false}));
    assert_eq!(told(&world, "app", &token).await["active"], true);
}
