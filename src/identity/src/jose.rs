//! The little of JOSE that the platform speaks: it signs with ES256, verifies PS256, ES256 and Ed25519, decrypts ECDH-ES with A256GCM.
//!
//! Deliberately not a general library. Whoever reads a signature names the algorithms it accepts, and a key serves the one that it is
//! made for: no `none`, no HMAC, and a key inside a header is looked at by proofs of possession only. Only where we prove to others who we
//! are do they choose the algorithm.

mod algorithm;
mod jwe;
mod jwk;
mod jws;
mod private_key;
mod remote;

use aws_lc_rs::{constant_time, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

pub use jwe::{UserDataKey, UserDataKeyError};
pub use jwk::{Jwk, JwkSet};
pub use jws::{KeyFailure, SigningKey};
pub use private_key::AssertionAlgorithm;

pub(crate) use algorithm::{Algorithm, FAPI};
pub(crate) use jws::{JwsError, Signed};
pub(crate) use private_key::PrivateKey;
pub(crate) use remote::RemoteKeys;

/// Base64url without padding.
pub(crate) fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads base64url without padding; anything else is `None`.
pub(crate) fn unb64(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// SHA-256.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    out
}

/// The left half of SHA-256 in base64url: `at_hash` for ES256 (OpenID Connect Core 3.1.3.6).
pub(crate) fn half_hash(text: &str) -> String {
    let [left @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = sha256(text.as_bytes());
    b64(left)
}

/// Whether two secrets are the same, in time that does not tell where they differ.
pub(crate) fn same(a: &str, b: &str) -> bool {
    constant_time::verify_slices_are_equal(a.as_bytes(), b.as_bytes()).is_ok()
}
