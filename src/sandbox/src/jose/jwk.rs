//! P-256 keys as JWK.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde::{Deserialize, Serialize};

use super::{decode, encode, sha256};
use crate::Error;

/// A public P-256 key (RFC 7518, 6.2.1). Members that are not used here are ignored, as RFC 7517
/// asks; `d` in particular is never kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Jwk {
    pub(crate) kty: String,
    pub(crate) crv: String,
    pub(crate) x: String,
    pub(crate) y: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) kid: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "use")]
    pub(crate) usage: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) alg: Option<String>,
}

impl Jwk {
    /// The key of an uncompressed point: 0x04, x, y.
    pub(crate) fn from_point(point: &[u8]) -> Option<Self> {
        let coordinates = point.strip_prefix(&[4])?;
        let (x, y) = coordinates.split_at_checked(32)?;
        (y.len() == 32).then(|| Self {
            kty: "EC".to_owned(),
            crv: "P-256".to_owned(),
            x: encode(x),
            y: encode(y),
            kid: None,
            usage: None,
            alg: None,
        })
    }

    /// The uncompressed point, 65 bytes; whether it is on the curve shows when it is used.
    pub(crate) fn point(&self) -> Option<Vec<u8>> {
        if self.kty != "EC" || self.crv != "P-256" {
            return None;
        }
        let (x, y) = (decode(&self.x)?, decode(&self.y)?);
        (x.len() == 32 && y.len() == 32).then(|| [&[4][..], &x, &y].concat())
    }

    /// The thumbprint (RFC 7638), used as key id.
    pub(crate) fn thumbprint(&self) -> String {
        let canonical =
            format!(r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#, self.x, self.y);
        encode(sha256(canonical.as_bytes()))
    }
}

/// A private P-256 key that signs.
#[derive(Debug)]
pub(crate) struct SigningKey {
    pub(super) pair: EcdsaKeyPair,
    public: Jwk,
}

impl SigningKey {
    pub(crate) fn generate() -> Result<Self, Error> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
            .map_err(|_| Error::Key("a P-256 key could not be generated"))?;
        Self::new(pair, None)
    }

    /// Reads a private JWK: `kty` EC, `crv` P-256, `x`, `y`, `d`, and `kid` if it has one.
    pub(crate) fn from_private_jwk(json: &str) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct Private {
            d: String,
        }
        let malformed = Error::Key("the file is not a private P-256 JWK with kty, crv, x, y, d");
        let (Ok(public), Ok(private)) =
            (serde_json::from_str::<Jwk>(json), serde_json::from_str::<Private>(json))
        else {
            return Err(malformed);
        };
        let (Some(point), Some(d)) = (public.point(), decode(&private.d)) else {
            return Err(malformed);
        };
        let pair = EcdsaKeyPair::from_private_key_and_public_key(
            &ECDSA_P256_SHA256_FIXED_SIGNING,
            &d,
            &point,
        )
        .map_err(|_| Error::Key("the private JWK's d does not belong to its x and y"))?;
        Self::new(pair, public.kid)
    }

    fn new(pair: EcdsaKeyPair, kid: Option<String>) -> Result<Self, Error> {
        let mut public = Jwk::from_point(pair.public_key().as_ref())
            .ok_or(Error::Key("the public key is not an uncompressed P-256 point"))?;
        public.kid = Some(kid.unwrap_or_else(|| public.thumbprint()));
        public.usage = Some("sig".to_owned());
        public.alg = Some("ES256".to_owned());
        Ok(Self { pair, public })
    }

    /// The public half, as published in a JWK set.
    pub(crate) fn public(&self) -> &Jwk {
        &self.public
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_jwk_is_read_and_a_foreign_d_is_refused() {
        // RFC 7515, appendix A.3.1
        let key = r#"{"kty":"EC","crv":"P-256",
            "x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
            "d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}"#;
        let read = SigningKey::from_private_jwk(key).unwrap();
        assert_eq!(read.public().kid.as_deref(), Some(read.public().thumbprint().as_str()));
        let foreign = key.replace("jpsQ", "jpsR");
        assert!(SigningKey::from_private_jwk(&foreign).is_err());
    }
}
