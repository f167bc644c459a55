//! `private_key_jwt` as デジタル認証アプリ takes it: RS256, `aud` the URL of the token endpoint, each assertion once.

use std::sync::PoisonError;

use actix_web::http::StatusCode;
use serde::Deserialize;

use super::State;
use crate::http::{Params, Refusal};
use crate::jose;

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

#[derive(Deserialize)]
struct Header {
    alg: String,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: String,
    jti: String,
    exp: i64,
}

fn refused(reason: &'static str) -> Refusal {
    Refusal::new(StatusCode::UNAUTHORIZED, "invalid_client", reason)
}

/// Checks that the form proves to be from the registered client.
pub(super) fn check(state: &State, form: &Params) -> Result<(), Refusal> {
    let id = &state.options.client_id;
    if form.get("client_secret").is_some() {
        return Err(refused("a client secret is not accepted"));
    }
    if form.get("client_id") != Some(id) {
        return Err(refused("the client is unknown"));
    }
    if form.required("client_assertion_type")? != JWT_BEARER {
        return Err(refused("the type of the assertion must be jwt-bearer"));
    }
    let claims = verified(state, form.required("client_assertion")?).map_err(refused)?;
    if claims.iss != *id || claims.sub != *id {
        return Err(refused("iss and sub must be the client id"));
    }
    if claims.aud != state.at("token") {
        return Err(refused("aud must be the URL of the token endpoint"));
    }
    if claims.exp <= state.now().timestamp() {
        return Err(refused("the assertion has expired"));
    }
    let mut used = state.assertions.lock().unwrap_or_else(PoisonError::into_inner);
    if claims.jti.is_empty() || !used.insert(claims.jti) {
        return Err(refused("the assertion was used before"));
    }
    Ok(())
}

fn verified(state: &State, assertion: &str) -> Result<Claims, &'static str> {
    let malformed = "the assertion is no compact JWS";
    let (message, signature) = assertion.rsplit_once('.').ok_or(malformed)?;
    let (header, payload) = message.split_once('.').ok_or(malformed)?;
    let bytes = |part: &str| jose::decode(part).ok_or(malformed);
    let header: Header = serde_json::from_slice(&bytes(header)?).map_err(|_| malformed)?;
    if header.alg != "RS256" {
        return Err("the assertion must be signed with RS256");
    }
    if !state.client_key.verifies(message.as_bytes(), &bytes(signature)?) {
        return Err("the signature of the assertion is wrong");
    }
    serde_json::from_slice(&bytes(payload)?).map_err(|_| "a claim is missing or of the wrong type")
}
