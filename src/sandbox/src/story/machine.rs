//! A machine client of the gateway: client credentials with `private_key_jwt`, then NGSI-LD.

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use url::Url;

use super::Machine;
use crate::jose::{self, SigningKey};

/// What proves who the machine is, good for one request within a minute (RFC 7523).
pub fn assertion(gateway: &Url, machine: &Machine) -> Result<String, String> {
    let told = |_| "the machine client cannot sign".to_owned();
    let key = SigningKey::from_private_jwk(&machine.private_jwk).map_err(told)?;
    let now = crate::system_clock()().timestamp();
    let issuer = gateway.as_str().trim_end_matches('/');
    let claims = json!({
        "iss": machine.client_id, "sub": machine.client_id, "aud": issuer,
        "jti": jose::random_token().map_err(told)?, "iat": now, "exp": now + 60,
    });
    jose::sign(&key, &jose::header(&key), &claims).map_err(told)
}

/// Asks for a token on the machine's own behalf (RFC 6749 4.4).
pub async fn token(
    http: &Client,
    gateway: &Url,
    machine: &Machine,
    scope: &str,
) -> Result<String, String> {
    let assertion = assertion(gateway, machine)?;
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", machine.client_id.as_str()),
        ("scope", scope),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", assertion.as_str()),
    ];
    let url = gateway.join("/oauth/token").map_err(|_| "no token endpoint".to_owned())?;
    let answer = http.post(url).form(&form).send().await.map_err(|_| "no answer".to_owned())?;
    let status = answer.status();
    let body: Value =
        answer.json().await.map_err(|_| format!("the token endpoint said {status}"))?;
    let token = body.get("access_token").and_then(Value::as_str).map(str::to_owned);
    token.ok_or_else(|| format!("the token endpoint refused: {status} {}", body["error"]))
}

/// Reads an NGSI-LD path and gives status, result count and body.
pub(super) async fn read(
    http: &Client,
    gateway: &Url,
    token: &str,
    path: &str,
) -> Result<(StatusCode, Option<u64>, Value), String> {
    let url = gateway.join(path).map_err(|_| "no such path".to_owned())?;
    let answer = http.get(url).bearer_auth(token).send().await;
    let answer = answer.map_err(|_| "the gateway did not answer".to_owned())?;
    let status = answer.status();
    let count = answer.headers().get("NGSILD-Results-Count").and_then(|v| v.to_str().ok());
    let count = count.and_then(|text| text.parse().ok());
    let body = answer.json().await.unwrap_or(Value::Null);
    Ok((status, count, body))
}
