//! Compact JWS (RFC 7515): signed with ES256, verified with what the reader accepts.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Algorithm, Jwk, b64, unb64};

/// Longer texts are not looked at.
const MAX_LENGTH: usize = 16 * 1024;

/// Why a text is not a valid signature. Told to operators and clients, so without any of its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum JwsError {
    #[error("not a compact jws")]
    Malformed,
    #[error("the signature algorithm is not accepted")]
    Algorithm,
    #[error("the header asks for an extension")]
    Critical,
    #[error("no key of that kid")]
    UnknownKey,
    #[error("the signature does not verify")]
    Signature,
    #[error("a claim is missing or of the wrong type")]
    Claims,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    jwk: Option<Jwk>,
    // Any extension that must be understood is not.
    crit: Option<serde::de::IgnoredAny>,
}

/// A compact JWS whose header was read, not yet verified.
#[derive(Debug)]
pub(crate) struct Signed<'a> {
    pub(crate) kid: Option<String>,
    pub(crate) typ: Option<String>,
    /// A key that the sender offers. Only proofs of possession look at it; to verify anything else with it would prove nothing.
    pub(crate) offered: Option<Jwk>,
    pub(crate) algorithm: Algorithm,
    message: &'a str,
    payload: &'a str,
    signature: &'a str,
}

impl<'a> Signed<'a> {
    /// Reads the header. Only accepted algorithms go on.
    pub(crate) fn read(text: &'a str, accepted: &[Algorithm]) -> Result<Self, JwsError> {
        if text.len() > MAX_LENGTH {
            return Err(JwsError::Malformed);
        }
        let (message, signature) = text.rsplit_once('.').ok_or(JwsError::Malformed)?;
        let (header, payload) = message.split_once('.').ok_or(JwsError::Malformed)?;
        if payload.contains('.') {
            return Err(JwsError::Malformed);
        }
        let header = unb64(header).ok_or(JwsError::Malformed)?;
        let header: Header = serde_json::from_slice(&header).map_err(|_| JwsError::Malformed)?;
        let algorithm = Algorithm::named(&header.alg)
            .filter(|algorithm| accepted.contains(algorithm))
            .ok_or(JwsError::Algorithm)?;
        if header.crit.is_some() {
            return Err(JwsError::Critical);
        }
        Ok(Self {
            kid: header.kid,
            typ: header.typ,
            offered: header.jwk,
            algorithm,
            message,
            payload,
            signature,
        })
    }

    /// The claims, not verified: only for finding the key to verify with.
    pub(crate) fn peek<T: DeserializeOwned>(&self) -> Result<T, JwsError> {
        let payload = unb64(self.payload).ok_or(JwsError::Malformed)?;
        serde_json::from_slice(&payload).map_err(|_| JwsError::Claims)
    }

    /// Verifies with a key and gives the claims.
    pub(crate) fn verify<T: DeserializeOwned>(&self, key: &Jwk) -> Result<T, JwsError> {
        let signature = unb64(self.signature).ok_or(JwsError::Malformed)?;
        self.algorithm.verify(key, self.message.as_bytes(), &signature)?;
        self.peek()
    }
}

/// The crypto library refused a key or an operation with it. Nothing about the key is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signing key could not be used")]
pub struct KeyFailure;

/// A P-256 key pair that signs ES256.
#[derive(Clone)]
pub struct SigningKey {
    pair: Arc<EcdsaKeyPair>,
    public: Jwk,
    kid: String,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}

impl SigningKey {
    /// A fresh key as PKCS#8 bytes, to be kept and read with [`Self::from_pkcs8`].
    pub fn generate_pkcs8() -> Result<Vec<u8>, KeyFailure> {
        EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
            .map(|pkcs8| pkcs8.as_ref().to_vec())
            .map_err(|_| KeyFailure)
    }

    /// Reads PKCS#8 bytes.
    pub fn from_pkcs8(pkcs8: &[u8]) -> Result<Self, KeyFailure> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8)
            .map_err(|_| KeyFailure)?;
        let public = Jwk::from_point(pair.public_key().as_ref()).ok_or(KeyFailure)?;
        let kid = public.kid.clone().ok_or(KeyFailure)?;
        Ok(Self { pair: Arc::new(pair), public, kid })
    }

    /// Its id: the thumbprint of RFC 7638.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The public key.
    pub fn public(&self) -> &Jwk {
        &self.public
    }

    /// Signs claims as a compact JWS with this `typ`.
    pub fn sign(&self, typ: &str, claims: &impl Serialize) -> Result<String, KeyFailure> {
        #[derive(Serialize)]
        struct Header<'a> {
            typ: &'a str,
            alg: &'a str,
            kid: &'a str,
        }
        let header = Header { typ, alg: "ES256", kid: &self.kid };
        let json =
            |bytes: Result<Vec<u8>, serde_json::Error>| bytes.map(b64).map_err(|_| KeyFailure);
        let header = json(serde_json::to_vec(&header))?;
        let payload = json(serde_json::to_vec(claims))?;
        let message = format!("{header}.{payload}");
        let signature =
            self.pair.sign(&SystemRandom::new(), message.as_bytes()).map_err(|_| KeyFailure)?;
        Ok(format!("{message}.{}", b64(signature)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn key() -> SigningKey {
        SigningKey::from_pkcs8(&SigningKey::generate_pkcs8().unwrap()).unwrap()
    }

    fn forged(header: &Value, rest: &str) -> String {
        format!("{}.{rest}", b64(header.to_string()))
    }

    #[test]
    fn what_was_signed_verifies_and_nothing_else() {
        let (key, other) = (key(), key());
        let text = key.sign("JWT", &json!({"sub": "a"})).unwrap();
        let signed = Signed::read(&text, &[Algorithm::Es256]).unwrap();
        assert_eq!(signed.kid.as_deref(), Some(key.kid()));
        assert_eq!(signed.verify::<Value>(key.public()), Ok(json!({"sub": "a"})));
        assert_eq!(signed.verify::<Value>(other.public()), Err(JwsError::Signature));
        let (message, signature) = text.rsplit_once('.').unwrap();
        let (header, _) = message.split_once('.').unwrap();
        let changed = format!("{header}.{}.{signature}", b64(r#"{"sub":"b"}"#));
        let changed = Signed::read(&changed, &[Algorithm::Es256]).unwrap();
        assert_eq!(changed.verify::<Value>(key.public()), Err(JwsError::Signature));
    }

    #[test]
    fn a_token_has_one_spelling() {
        let key = key();
        let text = key.sign("JWT", &json!({"sub": "a", "n": 12})).unwrap();
        let verifies = |text: &str| {
            Signed::read(text, &[Algorithm::Es256])
                .is_ok_and(|signed| signed.verify::<Value>(key.public()).is_ok())
        };
        assert!(verifies(&text));
        for (at, was) in text.char_indices() {
            let (before, rest) = text.split_at(at);
            let after = rest.strip_prefix(was).unwrap();
            for other in ['A', 'B', 'x', '-', '_', '.', '=', '\n'].into_iter().filter(|c| *c != was)
            {
                assert!(!verifies(&format!("{before}{other}{after}")), "{other:?} at {at}");
            }
            assert!(!verifies(&format!("{before}{after}")), "without the one at {at}");
            assert!(!verifies(&format!("{before}{was}{was}{after}")), "twice the one at {at}");
        }
    }

    #[test]
    fn headers_that_try_something_are_refused() {
        let text = key().sign("JWT", &json!({})).unwrap();
        let rest = text.split_once('.').unwrap().1;
        for (header, error) in [
            (json!({"alg": "none"}), JwsError::Algorithm),
            (json!({"alg": "HS256"}), JwsError::Algorithm),
            (json!({"alg": "RS256"}), JwsError::Algorithm),
            (json!({"alg": "es256"}), JwsError::Algorithm),
            (json!({"alg": "ES256", "crit": ["b64"], "b64": false}), JwsError::Critical),
            (json!({"kid": "a"}), JwsError::Malformed),
            (json!(["ES256"]), JwsError::Malformed),
        ] {
            assert_eq!(
                Signed::read(&forged(&header, rest), &[Algorithm::Es256]).unwrap_err(),
                error,
                "{header}"
            );
        }
        for text in ["", "a", "a.b", "a.b.c.d", "..", "a.b.c"] {
            assert_eq!(
                Signed::read(text, &[Algorithm::Es256]).unwrap_err(),
                JwsError::Malformed,
                "{text}"
            );
        }
    }
}
