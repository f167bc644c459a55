//! The checks of an ID token (OpenID Connect Core 3.1.3.7).

use serde::Deserialize;
use serde_json::Value;

use crate::jose::{Algorithm, JwsError, RemoteKeys, Signed, half_hash, same};

/// Clocks may differ by so many seconds.
pub(super) const SKEW: i64 = 10;
/// An ID token made longer ago than this is not the answer to a login of now.
const MAX_AGE: i64 = 600;

/// Why an ID token was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdTokenError {
    /// Not a JWS that can be read.
    #[error("malformed")]
    Malformed,
    /// Not an algorithm agreed on, or asks for extensions.
    #[error("algorithm")]
    Algorithm,
    /// The provider publishes no such key.
    #[error("unknown-key")]
    UnknownKey,
    /// The keys could not be fetched.
    #[error("keys-unavailable")]
    KeysUnavailable,
    /// The signature is wrong.
    #[error("signature")]
    Signature,
    /// A claim is missing or has the wrong type, e.g. a time that is not a whole number.
    #[error("claims")]
    Claims,
    /// Another issuer.
    #[error("issuer")]
    Issuer,
    /// For another client, or for others too.
    #[error("audience")]
    Audience,
    /// Expired, or made in the future or long ago.
    #[error("time")]
    Time,
    /// The person authenticated too long ago, or nobody says when.
    #[error("auth-time")]
    AuthTime,
    /// The answer to another request.
    #[error("nonce")]
    Nonce,
    /// Does not belong to the access token.
    #[error("access-token-hash")]
    AccessTokenHash,
}

impl From<JwsError> for IdTokenError {
    fn from(error: JwsError) -> Self {
        match error {
            JwsError::Malformed => Self::Malformed,
            JwsError::Algorithm | JwsError::Critical => Self::Algorithm,
            JwsError::UnknownKey => Self::UnknownKey,
            JwsError::Signature => Self::Signature,
            JwsError::Claims => Self::Claims,
        }
    }
}

/// The claims used. Times must be whole numbers: a text or a fraction is no time (CVE-2026-25537).
#[derive(Deserialize)]
pub(crate) struct IdClaims {
    iss: String,
    pub(crate) sub: String,
    aud: Value,
    exp: i64,
    pub(crate) iat: i64,
    nonce: String,
    azp: Option<String>,
    at_hash: Option<String>,
    pub(crate) acr: Option<String>,
    #[serde(default)]
    pub(crate) amr: Vec<String>,
    pub(crate) auth_time: Option<i64>,
}

/// What an ID token must agree with.
pub(crate) struct Expected<'a> {
    pub(crate) algorithms: &'a [Algorithm],
    pub(crate) issuer: &'a str,
    pub(crate) client_id: &'a str,
    pub(crate) nonce: &'a str,
    pub(crate) access_token: &'a str,
    /// Seconds since the epoch.
    pub(crate) now: i64,
}

/// Verifies an ID token.
pub(crate) async fn verify(
    token: &str,
    keys: &RemoteKeys,
    expected: &Expected<'_>,
) -> Result<IdClaims, IdTokenError> {
    let signed = Signed::read(token, expected.algorithms)?;
    let kid = signed.kid.as_deref().ok_or(IdTokenError::UnknownKey)?;
    let key =
        keys.find(Some(kid), signed.algorithm).await.map_err(|_| IdTokenError::KeysUnavailable)?;
    let claims: IdClaims = signed.verify(&key.ok_or(IdTokenError::UnknownKey)?)?;
    if claims.iss != expected.issuer {
        return Err(IdTokenError::Issuer);
    }
    let only_us = match &claims.aud {
        Value::String(aud) => aud == expected.client_id,
        Value::Array(all) => {
            matches!(all.as_slice(), [Value::String(aud)] if aud == expected.client_id)
        }
        _ => false,
    };
    if !only_us || claims.azp.as_deref().is_some_and(|azp| azp != expected.client_id) {
        return Err(IdTokenError::Audience);
    }
    let age = expected.now.saturating_sub(claims.iat);
    if expected.now >= claims.exp || !(-SKEW..=MAX_AGE).contains(&age) {
        return Err(IdTokenError::Time);
    }
    if !same(&claims.nonce, expected.nonce) {
        return Err(IdTokenError::Nonce);
    }
    let other_token = |hash: &String| !same(hash, &half_hash(expected.access_token));
    if claims.at_hash.as_ref().is_some_and(other_token) {
        return Err(IdTokenError::AccessTokenHash);
    }
    if claims.sub.is_empty() {
        return Err(IdTokenError::Claims);
    }
    Ok(claims)
}
