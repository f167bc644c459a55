//! The few parts of JOSE that the counterparties need: P-256 keys (RFC 7517), ES256 signatures
//! (RFC 7515), RSA keys of clients that sign with RS256, and ECDH-ES encryption (RFC 7516, RFC 7518).

mod jwe;
mod jwk;
mod jws;
mod pair;
mod rsa;

pub(crate) use jwe::encrypt;
pub(crate) use jwk::{Jwk, SigningKey};
pub(crate) use jws::{header, hmac_signed, sign, unsigned, verify, verify_typed};
pub use pair::KeyPair;
pub use rsa::RsaPair;
pub(crate) use rsa::RsaPublic;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::Error;

/// base64url without padding.
pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The bytes of base64url without padding.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// SHA-256.
pub(crate) fn sha256(bytes: &[u8]) -> digest::Digest {
    digest::digest(&digest::SHA256, bytes)
}

/// `at_hash`: the left half of the SHA-256 of an access token (OpenID Connect Core, 3.1.3.6).
pub(crate) fn half_hash(token: &str) -> String {
    encode(sha256(token.as_bytes()).as_ref().iter().copied().take(16).collect::<Vec<u8>>())
}

/// The S256 challenge of a PKCE verifier (RFC 7636, 4.2).
pub(crate) fn challenge(verifier: &str) -> String {
    encode(sha256(verifier.as_bytes()))
}

/// 256 random bits as base64url.
pub(crate) fn random_token() -> Result<String, Error> {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| Error::Key("no randomness"))?;
    Ok(encode(bytes))
}

/// A random UUID (version 4).
pub(crate) fn random_uuid() -> Result<String, Error> {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| Error::Key("no randomness"))?;
    Ok(uuid::Builder::from_random_bytes(bytes).into_uuid().to_string())
}
