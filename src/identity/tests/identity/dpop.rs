//! Proofs of possession (RFC 9449): every check of a proof, alone.

use std::sync::Arc;

use serde_json::{Value, json};
use tsunagu_identity::{
    AccessToken, AuthorizationServer, Binding, ErrorCode, OAuthError, Possession, ProofError,
    Proofs, Scheme, TokenError, Tokens,
};

use super::holder::Holder;
use super::tokens::with_proofs;
use super::world::{CALLBACK, ISSUER, VERIFIER, World, b64, claims, consumer};

const PATH: &str = "https://gateway.example/ngsi-ld/v1/entities";
const TOKEN: &str = "https://gateway.example/oauth/token";

fn code_of<T: std::fmt::Debug>(result: Result<T, OAuthError>) -> ErrorCode {
    result.unwrap_err().error
}

fn post(proof: &str) -> Possession<'_> {
    Possession { method: "POST", target: TOKEN, proof: Some(proof), ..Possession::default() }
}

/// The app redeems a code with a proof.
async fn redeem(world: &World, code: &str, proof: &str) -> Result<Tokens, OAuthError> {
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    world.server.token(&world.form("app", &fields), &post(proof)).await
}

async fn bound(world: &World, holder: &Holder) -> Tokens {
    let code = world.code().await;
    redeem(world, &code, &holder.proof(world, "POST", TOKEN, None)).await.unwrap()
}

async fn present(
    server: &AuthorizationServer,
    token: &str,
    proof: &str,
) -> Result<Arc<AccessToken>, TokenError> {
    let possession =
        Possession { method: "GET", target: PATH, proof: Some(proof), ..Possession::default() };
    server.verify_presented(Scheme::Dpop, token, &possession).await
}

fn is_invalid(result: &Result<Arc<AccessToken>, TokenError>) -> bool {
    matches!(result, Err(TokenError::Proof(ProofError::Invalid(_))))
}

#[tokio::test]
async fn a_token_is_bound_to_the_key_of_its_proof_in_every_algorithm() {
    let world = World::new().await;
    for holder in [Holder::es256(), Holder::ps256(), Holder::eddsa()] {
        let tokens = bound(&world, &holder).await;
        assert_eq!((tokens.token_type, tokens.expires_in), ("DPoP", 300));
        let token = tokens.access_token.as_str();
        let proof = holder.proof(&world, "GET", PATH, Some(token));
        let verified = present(&world.server, token, &proof).await.unwrap();
        let Some(Binding::Key(jkt)) = &verified.binding else { panic!("{verified:?}") };
        assert_eq!(claims(token)["cnf"], json!({"jkt": jkt}));
        assert_eq!(jkt.len(), 43);
        let told = world.form("app", &[("token", token)]);
        let told = world.server.introspect(&told).await.unwrap();
        assert_eq!((&told["token_type"], &told["cnf"]["jkt"]), (&json!("DPoP"), &json!(jkt)));
    }
}

#[tokio::test]
async fn t44_a_bound_token_needs_its_scheme_and_one_proof() {
    let world = World::new().await;
    let holder = Holder::es256();
    let tokens = bound(&world, &holder).await;
    let token = tokens.access_token.as_str();
    let proof = holder.proof(&world, "GET", PATH, Some(token));
    let asks = |proof| Possession { method: "GET", target: PATH, proof, ..Possession::default() };
    let as_bearer = world.server.verify_presented(Scheme::Bearer, token, &asks(None)).await;
    assert_eq!(as_bearer, Err(TokenError::Scheme));
    let as_bearer = world.server.verify_presented(Scheme::Bearer, token, &asks(Some(&proof))).await;
    assert_eq!(as_bearer, Err(TokenError::Scheme));
    let bare = world.server.verify_presented(Scheme::Dpop, token, &asks(None)).await;
    assert!(is_invalid(&bare));
    // What tried to use it as a bearer token did not use the proof up.
    present(&world.server, token, &proof).await.unwrap();
    // A proof does not bind what is not bound.
    let bearer = world.tokens().await.access_token;
    let proof = holder.proof(&world, "GET", PATH, Some(&bearer));
    assert_eq!(present(&world.server, &bearer, &proof).await, Err(TokenError::Scheme));
}

#[tokio::test]
async fn t45_a_proof_is_refused_for_every_claim_that_is_wrong() {
    type Flaw = fn(&mut Value, i64);
    let world = World::new().await;
    let holder = Holder::es256();
    let tokens = bound(&world, &holder).await;
    let token = tokens.access_token.as_str();
    let flaws: [(&str, Flaw); 22] = [
        ("no jti", |c, _| c["jti"] = Value::Null),
        ("empty jti", |c, _| c["jti"] = json!("")),
        ("number as jti", |c, _| c["jti"] = json!(7)),
        ("long jti", |c, _| c["jti"] = json!("j".repeat(257))),
        ("no htm", |c, _| c["htm"] = Value::Null),
        ("other htm", |c, _| c["htm"] = json!("POST")),
        ("htm in other letters", |c, _| c["htm"] = json!("get")),
        ("no htu", |c, _| c["htu"] = Value::Null),
        ("other path", |c, _| c["htu"] = json!("https://gateway.example/ngsi-ld/v1/types")),
        ("other host", |c, _| c["htu"] = json!("https://elsewhere.example/ngsi-ld/v1/entities")),
        ("other scheme", |c, _| c["htu"] = json!("http://gateway.example/ngsi-ld/v1/entities")),
        ("other port", |c, _| c["htu"] = json!("https://gateway.example:8443/ngsi-ld/v1/entities")),
        ("path alone", |c, _| c["htu"] = json!("/ngsi-ld/v1/entities")),
        ("no iat", |c, _| c["iat"] = Value::Null),
        ("text as iat", |c, _| c["iat"] = json!("now")),
        ("an hour ago", |c, now| c["iat"] = json!(now - 3_600)),
        ("71 seconds ago", |c, now| c["iat"] = json!(now - 71)),
        ("in an hour", |c, now| c["iat"] = json!(now + 3_600)),
        ("in 11 seconds", |c, now| c["iat"] = json!(now + 11)),
        ("no ath", |c, _| c["ath"] = Value::Null),
        ("ath of another token", |c, _| c["ath"] = json!(b64([7; 32]))),
        ("the token as ath", |c, _| c["ath"] = json!("token")),
    ];
    for (name, flaw) in flaws {
        let mut claims = world.proof_claims("GET", PATH, Some(token));
        flaw(&mut claims, world.now());
        let proof = holder.sign(&holder.header(), &claims);
        assert!(is_invalid(&present(&world.server, token, &proof).await), "{name}");
    }
    let fine: [(&str, Flaw); 5] = [
        ("query", |c, _| c["htu"] = json!(format!("{PATH}?type=Person"))),
        ("fragment", |c, _| c["htu"] = json!(format!("{PATH}#a"))),
        ("letters", |c, _| c["htu"] = json!("HTTPS://Gateway.example:443/ngsi-ld/v1/entities")),
        ("a minute ago", |c, now| c["iat"] = json!(now - 60)),
        ("8 seconds ahead", |c, now| c["iat"] = json!(now + 8)),
    ];
    for (name, change) in fine {
        let mut claims = world.proof_claims("GET", PATH, Some(token));
        change(&mut claims, world.now());
        let proof = holder.sign(&holder.header(), &claims);
        assert!(present(&world.server, token, &proof).await.is_ok(), "{name}");
    }
}

#[tokio::test]
async fn t45_a_proof_is_refused_for_every_header_and_signature_that_is_wrong() {
    let world = World::new().await;
    let (holder, rsa, other) = (Holder::es256(), Holder::ps256(), Holder::es256());
    let tokens = bound(&world, &holder).await;
    let token = tokens.access_token.as_str();
    let claims = || world.proof_claims("GET", PATH, Some(token));
    let with = |member: &str, value: Value| {
        let mut header = holder.header();
        header[member] = value;
        holder.sign(&header, &claims())
    };
    let without = |member: &str| {
        let mut header = holder.header();
        header.as_object_mut().unwrap().remove(member);
        holder.sign(&header, &claims())
    };
    let private = {
        let mut key = holder.jwk();
        key["d"] = json!(b64([1; 32]));
        with("jwk", key)
    };
    let symmetric = with("jwk", json!({"kty": "oct", "k": b64([1; 32])}));
    let (message, signature) = {
        let proof = holder.sign(&holder.header(), &claims());
        let (message, signature) = proof.rsplit_once('.').unwrap();
        (message.to_owned(), signature.to_owned())
    };
    let mut rs256 = rsa.header();
    rs256["alg"] = json!("RS256");
    let small = json!({"kty": "RSA", "n": b64([0xf7; 128]), "e": "AQAB"});
    for (name, proof) in [
        ("no typ", without("typ")),
        ("other typ", with("typ", json!("JWT"))),
        ("no alg", without("alg")),
        ("none", with("alg", json!("none"))),
        (
            "none, unsigned",
            format!(
                "{}.{}.",
                b64(json!({"typ": "dpop+jwt", "alg": "none"}).to_string()),
                b64(claims().to_string())
            ),
        ),
        ("HS256", with("alg", json!("HS256"))),
        ("RS256", rsa.sign(&rs256, &claims())),
        ("alg of another kind of key", with("alg", json!("EdDSA"))),
        ("ES384", with("alg", json!("ES384"))),
        ("no jwk", without("jwk")),
        ("jwk as text", with("jwk", json!("key"))),
        ("private jwk", private),
        ("symmetric jwk", symmetric),
        ("RSA key of 1024 bits", {
            let mut header = rsa.header();
            header["jwk"] = small;
            rsa.sign(&header, &claims())
        }),
        ("jwk of another key", with("jwk", other.jwk())),
        ("wrong key", other.proof(&world, "GET", PATH, Some(token))),
        ("critical extension", with("crit", json!(["x"]))),
        ("no signature", format!("{message}.")),
        ("foreign signature", {
            let foreign = other.proof(&world, "GET", PATH, Some(token));
            format!("{message}.{}", foreign.rsplit_once('.').unwrap().1)
        }),
        ("signature twice", format!("{message}.{signature}.{signature}")),
        ("nothing", String::new()),
        ("no jws", "proof".to_owned()),
    ] {
        assert!(is_invalid(&present(&world.server, token, &proof).await), "{name}");
    }
}

#[tokio::test]
async fn t46_a_proof_is_good_once_on_this_process_and_after_a_restart() {
    let world = World::new().await;
    let holder = Holder::es256();
    let tokens = bound(&world, &holder).await;
    let token = tokens.access_token.as_str();
    let proof = holder.proof(&world, "GET", PATH, Some(token));
    present(&world.server, token, &proof).await.unwrap();
    let replayed = Err(TokenError::Proof(ProofError::Replayed));
    assert_eq!(present(&world.server, token, &proof).await, replayed);
    world.pass(50);
    assert_eq!(present(&world.server, token, &proof).await, replayed);
    // A process that forgot the proof does not know its nonce either.
    let proofs = Proofs::of_one_process(&*world.services.ids);
    let restarted = with_proofs(&world, ISSUER, proofs).await;
    let foreign = Err(TokenError::Proof(ProofError::Nonce));
    assert_eq!(present(&restarted, token, &proof).await, foreign);
}

#[tokio::test]
async fn t46_a_proof_is_good_once_on_all_replicas() {
    let world = World::new().await;
    let replica = async || {
        let store = Arc::clone(&world.services.store);
        with_proofs(&world, ISSUER, Proofs::of_replicas(&[4; 32], store)).await
    };
    let (one, two) = (replica().await, replica().await);
    let holder = Holder::es256();
    let tokens = bound(&world, &holder).await;
    let token = tokens.access_token.as_str();
    let proof_with = |nonce: String| {
        let mut claims = world.proof_claims("GET", PATH, Some(token));
        claims["nonce"] = json!(nonce);
        holder.sign(&holder.header(), &claims)
    };
    // A nonce of one serves the other too, so that no request has to be repeated because it went elsewhere.
    let proof = proof_with(one.dpop_nonce());
    present(&two, token, &proof).await.unwrap();
    let replayed = Err(TokenError::Proof(ProofError::Replayed));
    assert_eq!(present(&one, token, &proof).await, replayed);
    assert_eq!(present(&two, token, &proof).await, replayed);
    // Both at once: the commit decides.
    let proof = proof_with(two.dpop_nonce());
    let (a, b) = tokio::join!(present(&one, token, &proof), present(&two, token, &proof));
    assert_eq!(usize::from(a.is_ok()) + usize::from(b.is_ok()), 1);
}

#[tokio::test]
async fn t47_a_proof_needs_a_nonce_of_late() {
    let world = World::new().await;
    let holder = Holder::es256();
    let tokens = bound(&world, &holder).await;
    let token = tokens.access_token.as_str();
    let stale = world.server.dpop_nonce();
    let with = |nonce: Value| {
        let mut claims = world.proof_claims("GET", PATH, Some(token));
        claims["nonce"] = nonce;
        holder.sign(&holder.header(), &claims)
    };
    let wanted = Err(TokenError::Proof(ProofError::Nonce));
    for nonce in [Value::Null, json!(""), json!("made-up"), json!(b64([0; 24]))] {
        assert_eq!(present(&world.server, token, &with(nonce.clone())).await, wanted, "{nonce}");
    }
    present(&world.server, token, &with(json!(stale))).await.unwrap();
    // A token that outlives the nonce: the same nonce is not good any more.
    world.pass(290);
    present(&world.server, token, &with(json!(world.server.dpop_nonce()))).await.unwrap();
    let fresh = bound(&world, &holder).await.access_token;
    world.pass(20);
    let mut claims = world.proof_claims("GET", PATH, Some(&fresh));
    claims["nonce"] = json!(stale);
    let proof = holder.sign(&holder.header(), &claims);
    assert_eq!(present(&world.server, &fresh, &proof).await, wanted);
}

#[tokio::test]
async fn the_token_endpoint_asks_for_a_nonce_and_gives_nothing_without() {
    let world = World::new().await;
    let (holder, code) = (Holder::es256(), world.code().await);
    let mut claims = world.proof_claims("POST", TOKEN, None);
    claims["nonce"] = Value::Null;
    let asked = redeem(&world, &code, &holder.sign(&holder.header(), &claims)).await;
    assert_eq!(code_of(asked), ErrorCode::UseDpopNonce);
    let elsewhere = holder.proof(&world, "POST", "https://gateway.example/oauth/par", None);
    assert_eq!(code_of(redeem(&world, &code, &elsewhere).await), ErrorCode::InvalidDpopProof);
    // None of it used the code up.
    let proof = holder.proof(&world, "POST", TOKEN, None);
    redeem(&world, &code, &proof).await.unwrap();
    let again = world.code().await;
    assert_eq!(code_of(redeem(&world, &again, &proof).await), ErrorCode::InvalidDpopProof);
}

#[tokio::test]
async fn a_client_gets_bearer_tokens_only_if_registered_and_none_for_sensitive_data() {
    // The same catalogue, were everything in it sensitive.
    let catalogue = include_str!("../../../../schemas/catalogue.json");
    let world = World::with_catalogue(&catalogue.replace("\"personal\"", "\"sensitive\"")).await;
    let holder = Holder::es256();
    let code = world.code().await;
    assert_eq!(code_of(world.redeem(&code, &[]).await), ErrorCode::InvalidDpopProof);
    redeem(&world, &code, &holder.proof(&world, "POST", TOKEN, None)).await.unwrap();

    let world = World::new().await;
    let mut client = consumer("app", CALLBACK, &world.app);
    client.bearer = false;
    world.clients.put(&world.tenant, &client).await.unwrap();
    let code = world.code().await;
    assert_eq!(code_of(world.redeem(&code, &[]).await), ErrorCode::InvalidDpopProof);
    redeem(&world, &code, &holder.proof(&world, "POST", TOKEN, None)).await.unwrap();
}

#[tokio::test]
async fn a_code_bound_to_a_key_is_redeemed_with_it() {
    let world = World::new().await;
    let (holder, thief) = (Holder::es256(), Holder::es256());
    let jkt = claims(&bound(&world, &holder).await.access_token)["cnf"]["jkt"].clone();
    let jkt = jkt.as_str().unwrap();
    let code = world.code_of(&[("dpop_jkt", jkt)]).await;
    let stolen = redeem(&world, &code, &thief.proof(&world, "POST", TOKEN, None)).await;
    assert_eq!(code_of(stolen), ErrorCode::InvalidGrant);
    assert_eq!(code_of(world.redeem(&code, &[]).await), ErrorCode::InvalidGrant);
    redeem(&world, &code, &holder.proof(&world, "POST", TOKEN, None)).await.unwrap();

    let push = async |jkt: &str, proof: Option<&str>| {
        let par = "https://gateway.example/oauth/par";
        let possession = Possession { method: "POST", target: par, proof, ..Possession::default() };
        let form = world.push_form(&[("dpop_jkt", jkt)]);
        world.server.par(&form, &possession).await
    };
    assert_eq!(code_of(push("short", None).await), ErrorCode::InvalidRequest);
    let par = "https://gateway.example/oauth/par";
    let other = thief.proof(&world, "POST", par, None);
    assert_eq!(code_of(push(jkt, Some(&other)).await), ErrorCode::InvalidRequest);
    let own = holder.proof(&world, "POST", par, None);
    push(jkt, Some(&own)).await.unwrap();
}

#[tokio::test]
async fn t13_t14_assertions_are_taken_in_every_algorithm_of_the_profile() {
    let world = World::new().await;
    for holder in [Holder::es256(), Holder::ps256(), Holder::eddsa()] {
        let mut key = holder.jwk();
        key["kid"] = json!("k1");
        // A decoy that nobody here can use does no harm, and the same kid twice would be no kid.
        let keys = json!({"keys": [{"kty": "EC", "crv": "secp256k1", "kid": "decoy"}, key]});
        let mut client = consumer("app", CALLBACK, &world.app);
        client.jwks = Some(serde_json::from_value(keys).unwrap());
        world.clients.put(&world.tenant, &client).await.unwrap();
        let header = json!({"alg": holder.alg(), "kid": "k1"});
        let assertion = holder.sign(&header, &world.assertion_claims("app"));
        let asked = super::world::form_with(&assertion, &[("grant_type", "client_credentials")]);
        // It is known by then, and may not act on its own behalf.
        assert_eq!(code_of(world.ask(&asked).await), ErrorCode::UnauthorizedClient);
        let mut rs256 = header.clone();
        rs256["alg"] = json!("RS256");
        let assertion = holder.sign(&rs256, &world.assertion_claims("app"));
        let asked = super::world::form_with(&assertion, &[("grant_type", "client_credentials")]);
        assert_eq!(code_of(world.ask(&asked).await), ErrorCode::InvalidClient);
    }
}
