//! Compact JWS with ES256.

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use serde_json::{Value, json};

use super::{Jwk, SigningKey, decode, encode};
use crate::Error;

/// The usual header of a token signed with `key`.
pub(crate) fn header(key: &SigningKey) -> Value {
    json!({"alg": "ES256", "typ": "JWT", "kid": key.public().kid})
}

/// Signs `claims` under `header`, whatever the header claims.
pub(crate) fn sign(key: &SigningKey, header: &Value, claims: &Value) -> Result<String, Error> {
    let input = signing_input(header, claims);
    let signature = key
        .pair
        .sign(&SystemRandom::new(), input.as_bytes())
        .map_err(|_| Error::Key("a token could not be signed"))?;
    Ok(format!("{input}.{}", encode(signature)))
}

/// A token with `alg` `none` and no signature: what no verifier may take.
pub(crate) fn unsigned(claims: &Value) -> String {
    format!("{}.", signing_input(&json!({"alg": "none", "typ": "JWT"}), claims))
}

/// A token signed by HMAC with a public key as its secret, as libraries once fell for.
pub(crate) fn hmac_signed(public: &Jwk, claims: &Value) -> String {
    let header = json!({"alg": "HS256", "typ": "JWT", "kid": public.kid});
    let input = signing_input(&header, claims);
    let secret = json!(public).to_string();
    let secret = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    format!("{input}.{}", encode(hmac::sign(&secret, input.as_bytes())))
}

fn signing_input(header: &Value, claims: &Value) -> String {
    format!("{}.{}", encode(header.to_string()), encode(claims.to_string()))
}

/// The claims of a token that one of `keys` signed with ES256, or what is wrong with it.
pub(crate) fn verify(token: &str, keys: &[Jwk]) -> Result<Value, &'static str> {
    let (input, signature) = token.rsplit_once('.').ok_or("the token is not a compact JWS")?;
    let (head, payload) = input.split_once('.').ok_or("the token is not a compact JWS")?;
    let head = object(head).ok_or("the token's header is not JSON")?;
    if head.get("alg") != Some(&json!("ES256")) {
        return Err("the token is not signed with ES256");
    }
    if head.get("crit").is_some() {
        return Err("the token needs an extension that is not understood");
    }
    let kid = head.get("kid").and_then(Value::as_str).ok_or("the token names no key")?;
    let key = keys
        .iter()
        .find(|key| key.kid.as_deref() == Some(kid))
        .ok_or("the token's key is not in the key set")?;
    let point = key.point().ok_or("the token's key is not a P-256 key")?;
    let signature = decode(signature).ok_or("the token's signature is not base64url")?;
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
        .verify(input.as_bytes(), &signature)
        .map_err(|_| "the token's signature is wrong")?;
    object(payload).ok_or("the token's claims are not JSON")
}

/// The same for a token whose header must say this `typ` (RFC 8725 section 3.11).
pub(crate) fn verify_typed(token: &str, typ: &str, keys: &[Jwk]) -> Result<Value, &'static str> {
    let head = token.split('.').next().and_then(object);
    if head.is_none_or(|head| head.get("typ").and_then(Value::as_str) != Some(typ)) {
        return Err("the token is of another type");
    }
    verify(token, keys)
}

fn object(part: &str) -> Option<Value> {
    let value: Value = serde_json::from_slice(&decode(part)?).ok()?;
    value.is_object().then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_key_signed_is_believed() {
        let (key, other) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
        let claims = json!({"sub": "x"});
        let token = sign(&key, &header(&key), &claims).unwrap();
        let keys = [key.public().clone()];
        assert_eq!(verify(&token, &keys), Ok(claims.clone()));
        assert!(verify(&token, &[other.public().clone()]).is_err());
        let forged = sign(&other, &header(&key), &claims).unwrap();
        assert!(verify(&forged, &keys).is_err());
        assert!(verify(&unsigned(&claims), &keys).is_err());
    }
}
