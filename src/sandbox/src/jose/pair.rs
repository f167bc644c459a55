//! Fresh P-256 keys for the parties of a sandbox.

use aws_lc_rs::encoding::AsBigEndian as _;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};

use super::{Jwk, encode};
use crate::Error;

/// A fresh key pair as JWKs.
#[derive(Debug, Clone)]
pub struct KeyPair {
    /// With `d`: for its owner alone.
    pub private: Value,
    /// Without.
    pub public: Value,
}

impl KeyPair {
    /// A fresh pair for P-256, `kid` being the thumbprint (RFC 7638).
    pub fn generate() -> Result<Self, Error> {
        let failed = |_| Error::Key("no key could be made");
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(failed)?;
        let d = pair.private_key().as_be_bytes().map_err(failed)?;
        let point = pair.public_key().as_ref();
        let jwk = Jwk::from_point(point).ok_or(Error::Key("the public key is no P-256 point"))?;
        let public =
            json!({"kty": "EC", "crv": "P-256", "x": jwk.x, "y": jwk.y, "kid": jwk.thumbprint()});
        let mut private = public.clone();
        if let Value::Object(members) = &mut private {
            members.insert("d".to_owned(), Value::String(encode(d.as_ref())));
        }
        Ok(Self { private, public })
    }
}
