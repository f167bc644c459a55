//! A gateway of the tests' own: strict about what the vendor sends, and wrong on demand.

use std::collections::{HashMap, HashSet};
use std::net::TcpListener;
use std::sync::{Arc, Mutex, MutexGuard};

use actix_web::web::{self, Bytes, Data, Form, Json, Query};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde_json::{Value, json};

use super::support::{KEY, NOON};

pub(crate) const TOKEN: &str = "the-resident's-token";
type Map = HashMap<String, String>;

/// What a request to an NGSI-LD path was: method, path and query, headers, body.
pub(crate) type Asked = (String, String, HashMap<String, String>, Value);

#[derive(Default)]
pub(crate) struct Memory {
    /// What is wrong with the next login.
    pub(crate) fault: &'static str,
    pub(crate) vendor_keys: Value,
    pub(crate) pushed: Map,
    pub(crate) asked: Vec<Asked>,
    assertions: HashSet<String>,
    proofs: usize,
}

pub(crate) struct Gateway {
    pub(crate) url: String,
    memory: Arc<Mutex<Memory>>,
}

struct State {
    url: String,
    memory: Arc<Mutex<Memory>>,
}

impl Gateway {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let memory = Arc::new(Mutex::new(Memory::default()));
        let state = Data::new(State { url: url.clone(), memory: Arc::clone(&memory) });
        let server = HttpServer::new(move || {
            App::new()
                .app_data(state.clone())
                .route("/.well-known/openid-configuration", web::get().to(metadata))
                .route("/oauth/par", web::post().to(par))
                .route("/oauth/authorize", web::get().to(authorize))
                .route("/oauth/token", web::post().to(token))
                .route("/oauth/jwks", web::get().to(keys))
                .route("/consents/v1/keys", web::get().to(keys))
                .route("/oauth/userinfo", web::get().to(userinfo))
                .default_service(web::to(ngsi_ld))
        });
        let server = server.workers(1).disable_signals().listen(listener).unwrap().run();
        tokio::spawn(server);
        Self { url, memory }
    }

    pub(crate) fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap()
    }
}

fn signing_key() -> EncodingKey {
    EncodingKey::from_ec_der(&KEY.0)
}

/// An order to delete, as the gateway signs it, but for what `change` does to its claims.
pub(crate) fn order(url: &str, typ: &str, change: impl FnOnce(&mut Value)) -> String {
    let mut claims = json!({
        "iss": url, "iat": NOON, "jti": "order-1", "aud": "app-1",
        "sub_id": {"format": "iss_sub", "iss": url, "sub": "pairwise-1"},
        "events": {"urn:tsunagu:event:deletion-required": {"grant_id": "g"}},
    });
    change(&mut claims);
    let mut header = Header::new(Algorithm::ES256);
    header.kid = Some("gateway-1".to_owned());
    header.typ = Some(typ.to_owned());
    encode(&header, &claims, &signing_key()).unwrap()
}

fn public_key() -> Jwk {
    let mut jwk = Jwk::from_encoding_key(&signing_key(), Algorithm::ES256).unwrap();
    jwk.common.key_id = Some("gateway-1".to_owned());
    jwk
}

async fn metadata(state: Data<State>) -> Json<Value> {
    let url = &state.url;
    let other = state.memory.lock().unwrap().fault == "metadata_of_another_issuer";
    Json(json!({
        "issuer": if other { "https://other.example" } else { url },
        "authorization_endpoint": format!("{url}/oauth/authorize"),
        "pushed_authorization_request_endpoint": format!("{url}/oauth/par"),
        "token_endpoint": format!("{url}/oauth/token"),
        "userinfo_endpoint": format!("{url}/oauth/userinfo"),
        "jwks_uri": format!("{url}/oauth/jwks"),
    }))
}

/// The client assertion as FAPI 2.0 wants it: for the issuer, as one string, never seen before.
fn authenticated(state: &State, form: &Map) -> Result<(), Box<HttpResponse>> {
    let mut memory = state.memory.lock().unwrap();
    let refuse = |why: &str| {
        let refused = json!({"error": "invalid_client", "why": why});
        Box::new(HttpResponse::Unauthorized().json(refused))
    };
    let keys: JwkSet = serde_json::from_value(memory.vendor_keys.clone()).unwrap();
    let assertion = &form["client_assertion"];
    let header = jsonwebtoken::decode_header(assertion).unwrap();
    let key = keys.find(&header.kid.unwrap()).ok_or_else(|| refuse("unknown key"))?;
    let mut validation = Validation::new(Algorithm::ES256);
    validation.validate_exp = false;
    validation.set_audience(&[&state.url]);
    let claims: Value = decode(assertion, &DecodingKey::from_jwk(key).unwrap(), &validation)
        .map_err(|error| refuse(&error.to_string()))?
        .claims;
    let good = claims["aud"] == json!(state.url)
        && claims["iss"] == "app-1"
        && claims["sub"] == "app-1"
        && form["client_id"] == "app-1"
        && claims["iat"] == NOON
        && claims["exp"].as_i64().is_some_and(|exp| (NOON + 1..=NOON + 300).contains(&exp))
        && memory.assertions.insert(claims["jti"].as_str().unwrap().to_owned());
    if good { Ok(()) } else { Err(refuse("wrong claims or seen before")) }
}

async fn par(state: Data<State>, form: Form<Map>) -> HttpResponse {
    if let Err(refused) = authenticated(&state, &form) {
        return *refused;
    }
    if form["authorization_details"].contains("no-such-purpose") {
        return HttpResponse::BadRequest().json(json!({"error": "invalid_authorization_details"}));
    }
    state.memory.lock().unwrap().pushed = form.into_inner();
    HttpResponse::Created().json(json!({"request_uri": "urn:request:1", "expires_in": 60}))
}

async fn authorize(state: Data<State>, query: Query<Map>) -> HttpResponse {
    let memory = state.memory.lock().unwrap();
    assert_eq!((&*query["client_id"], &*query["request_uri"]), ("app-1", "urn:request:1"));
    let mut uri = url::Url::parse(&memory.pushed["redirect_uri"]).unwrap();
    let answer = match memory.fault {
        "refused" => ("error", "access_denied"),
        _ => ("code", "code-1"),
    };
    let state_sent = match memory.fault {
        "wrong_state" => "other",
        _ => &memory.pushed["state"],
    };
    let iss = match memory.fault {
        "mix_up" => "https://other.example",
        _ => &state.url,
    };
    uri.query_pairs_mut().extend_pairs([answer, ("state", state_sent), ("iss", iss)]);
    HttpResponse::SeeOther().insert_header(("Location", uri.as_str())).finish()
}

/// The proof of possession as RFC 9449 wants it: of the key that the code is bound to, about this request and token, with our nonce
/// of the moment (each is good for three answers), never seen before.
fn proven(state: &State, request: &HttpRequest, token: Option<&str>) -> Result<(), HttpResponse> {
    let mut memory = state.memory.lock().unwrap();
    memory.proofs += 1;
    let wanted = format!("nonce-{}", memory.proofs / 3);
    let proof = request.headers().get("dpop").unwrap().to_str().unwrap();
    let header = jsonwebtoken::decode_header(proof).unwrap();
    assert_eq!(header.typ.as_deref(), Some("dpop+jwt"));
    let jwk = header.jwk.unwrap();
    assert_eq!(
        jwk.thumbprint(jsonwebtoken::jwk::ThumbprintHash::SHA256).unwrap(),
        memory.pushed["dpop_jkt"]
    );
    let mut validation = Validation::new(Algorithm::ES256);
    validation.validate_exp = false;
    validation.required_spec_claims.clear();
    let key = DecodingKey::from_jwk(&jwk).unwrap();
    let claims = decode::<Value>(proof, &key, &validation).unwrap().claims;
    assert_eq!(claims["htm"], request.method().as_str());
    assert_eq!(claims["htu"], format!("{}{}", state.url, request.path()));
    assert_eq!(claims["iat"], NOON);
    let ath = token.map(|token| json!(URL_SAFE_NO_PAD.encode(sha256(token))));
    assert_eq!(claims.get("ath"), ath.as_ref());
    assert!(memory.assertions.insert(claims["jti"].as_str().unwrap().to_owned()));
    if claims["nonce"] == wanted && memory.fault != "nonce_never_good" {
        return Ok(());
    }
    let mut refused =
        if token.is_some() { HttpResponse::Unauthorized() } else { HttpResponse::BadRequest() };
    refused.insert_header(("DPoP-Nonce", wanted));
    Err(refused.json(json!({"error": "use_dpop_nonce"})))
}

fn sha256(text: &str) -> Vec<u8> {
    aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes()).as_ref().to_vec()
}

async fn token(state: Data<State>, request: HttpRequest, form: Form<Map>) -> HttpResponse {
    if let Err(refused) = authenticated(&state, &form) {
        return *refused;
    }
    if let Err(refused) = proven(&state, &request, None) {
        return refused;
    }
    let memory = state.memory.lock().unwrap();
    let challenge = URL_SAFE_NO_PAD.encode(sha256(&form["code_verifier"]));
    if challenge != memory.pushed["code_challenge"]
        || form["redirect_uri"] != memory.pushed["redirect_uri"]
        || form["code"] != "code-1"
    {
        return HttpResponse::BadRequest().json(json!({"error": "invalid_grant"}));
    }
    let mut claims = json!({
        "iss": state.url, "aud": "app-1", "sub": "pairwise-1", "iat": NOON, "exp": NOON + 300,
        "nonce": memory.pushed["nonce"], "acr": "urn:x-id:aal2",
        "at_hash": URL_SAFE_NO_PAD.encode(&sha256(TOKEN)[..16]),
    });
    let mut header = Header::new(Algorithm::ES256);
    header.kid = Some("gateway-1".to_owned());
    match memory.fault {
        "wrong_nonce" => claims["nonce"] = json!("other"),
        "wrong_aud" => claims["aud"] = json!("app-2"),
        "two_audiences" => claims["aud"] = json!(["app-1", "app-2"]),
        "wrong_iss" => claims["iss"] = json!("https://other.example"),
        "expired" => claims["exp"] = json!(NOON - 60),
        "exp_as_text" => claims["exp"] = json!((NOON + 300).to_string()),
        "wrong_at_hash" => claims["at_hash"] = json!("other"),
        "unknown_kid" => header.kid = Some("gateway-2".to_owned()),
        _ => {}
    }
    let mut id_token = encode(&header, &claims, &signing_key()).unwrap();
    if memory.fault == "bad_signature" {
        let (claimed, _) = id_token.rsplit_once('.').unwrap();
        let other = encode(&header, &json!({}), &signing_key()).unwrap();
        id_token = format!("{claimed}.{}", other.rsplit_once('.').unwrap().1);
    }
    if memory.fault == "alg_none" {
        let payload = id_token.split('.').nth(1).unwrap();
        let header = json!({"alg": "none", "kid": "gateway-1"}).to_string();
        id_token = format!("{}.{payload}.", URL_SAFE_NO_PAD.encode(header));
    }
    HttpResponse::Ok().json(json!({
        "access_token": TOKEN, "token_type": if memory.fault == "bearer_token" { "Bearer" } else { "DPoP" }, "expires_in": 300, "scope": "openid",
        "id_token": id_token,
        "authorization_details":
            serde_json::from_str::<Value>(&memory.pushed["authorization_details"]).unwrap(),
    }))
}

async fn keys() -> Json<Value> {
    // decoys: a client passes over what it cannot use
    let rsa = json!({"kty": "RSA", "kid": "decoy", "n": "AQAB", "e": "AQAB"});
    Json(json!({"keys": [rsa, public_key()]}))
}

async fn userinfo(state: Data<State>, request: HttpRequest) -> HttpResponse {
    let token = request.headers().get("authorization").unwrap();
    assert_eq!(token, format!("DPoP {TOKEN}").as_str());
    if let Err(refused) = proven(&state, &request, Some(TOKEN)) {
        return refused;
    }
    let other = state.memory.lock().unwrap().fault == "userinfo_sub";
    HttpResponse::Ok().json(json!({"sub": if other { "pairwise-2" } else { "pairwise-1" }}))
}

async fn ngsi_ld(state: Data<State>, request: HttpRequest, body: Bytes) -> HttpResponse {
    if request.headers().contains_key("authorization")
        && let Err(refused) = proven(&state, &request, Some(TOKEN))
    {
        return refused;
    }
    let headers = request
        .headers()
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    let (method, uri) = (request.method().to_string(), request.uri().to_string());
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let created = method == "POST";
    state.memory.lock().unwrap().asked.push((method, uri, headers, body));
    if request.path().ends_with("/missing") {
        return HttpResponse::NotFound().json(json!({"title": "not found"}));
    }
    if created {
        let made = ("Location", "/ngsi-ld/v1/entities/made");
        return HttpResponse::Created().insert_header(made).finish();
    }
    HttpResponse::Ok().json(json!({"id": "urn:ngsi-ld:Person:pairwise-1"}))
}
