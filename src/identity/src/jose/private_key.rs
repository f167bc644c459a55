//! Private keys in PEM, and signatures in the algorithm that somebody else asks for.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding,
    RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::{KeyFailure, b64};

/// Shorter RSA keys sign nothing (RFC 7518 section 3.3).
const MIN_RSA_BYTES: usize = 256;

/// An algorithm that client assertions are signed with (RFC 7518 section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum AssertionAlgorithm {
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// RSA PKCS #1 v1.5 with SHA-256: for providers that take nothing else.
    RS256,
    /// RSA PSS with SHA-256.
    PS256,
}

/// A private key with the one algorithm it is used with.
pub(crate) enum PrivateKey {
    Ecdsa(EcdsaKeyPair),
    Rsa(RsaKeyPair, &'static dyn RsaEncoding, &'static str),
}

impl PrivateKey {
    /// Reads PKCS #8 in PEM (RFC 7468 section 10); `None` when it is none, or no key of the algorithm.
    pub(crate) fn from_pem(pem: &str, algorithm: AssertionAlgorithm) -> Option<Self> {
        let der = der(pem)?;
        let rsa = |encoding: &'static dyn RsaEncoding, name| {
            let pair = RsaKeyPair::from_pkcs8(&der).ok()?;
            (pair.public_modulus_len() >= MIN_RSA_BYTES).then_some(Self::Rsa(pair, encoding, name))
        };
        match algorithm {
            AssertionAlgorithm::ES256 => {
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der)
                    .ok()
                    .map(Self::Ecdsa)
            }
            AssertionAlgorithm::RS256 => rsa(&RSA_PKCS1_SHA256, "RS256"),
            AssertionAlgorithm::PS256 => rsa(&RSA_PSS_SHA256, "PS256"),
        }
    }

    /// Signs claims as a compact JWS.
    pub(crate) fn sign(
        &self,
        kid: Option<&str>,
        claims: &impl Serialize,
    ) -> Result<String, KeyFailure> {
        #[derive(Serialize)]
        struct Header<'a> {
            typ: &'a str,
            alg: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            kid: Option<&'a str>,
        }
        let alg = match self {
            Self::Ecdsa(_) => "ES256",
            Self::Rsa(_, _, name) => name,
        };
        let header = Header { typ: "JWT", alg, kid };
        let header = serde_json::to_vec(&header).map_err(|_| KeyFailure)?;
        let payload = serde_json::to_vec(claims).map_err(|_| KeyFailure)?;
        let message = format!("{}.{}", b64(header), b64(payload));
        let random = SystemRandom::new();
        let signature = match self {
            Self::Ecdsa(pair) => {
                let signed = pair.sign(&random, message.as_bytes()).map_err(|_| KeyFailure)?;
                signed.as_ref().to_vec()
            }
            Self::Rsa(pair, encoding, _) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &random, message.as_bytes(), &mut signature)
                    .map_err(|_| KeyFailure)?;
                signature
            }
        };
        Ok(format!("{message}.{}", b64(signature)))
    }
}

/// The bytes between the marks of a PEM text.
fn der(pem: &str) -> Option<Vec<u8>> {
    let (_, rest) = pem.split_once("-----BEGIN PRIVATE KEY-----")?;
    let (body, _) = rest.split_once("-----END PRIVATE KEY-----")?;
    let body: String = body.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    STANDARD.decode(body).ok()
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::encoding::AsDer as _;
    use aws_lc_rs::rsa::KeySize;
    use aws_lc_rs::signature::{
        ECDSA_P256_SHA256_FIXED, KeyPair as _, RSA_PKCS1_2048_8192_SHA256,
        RSA_PSS_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm,
    };
    use serde_json::json;

    use super::*;
    use crate::jose::{SigningKey, unb64};

    fn pem(der: &[u8]) -> String {
        format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
            STANDARD.encode(der)
        )
    }

    fn verifies(text: &str, algorithm: &'static dyn VerificationAlgorithm, key: &[u8]) -> bool {
        let (message, signature) = text.rsplit_once('.').unwrap();
        let signature = unb64(signature).unwrap();
        UnparsedPublicKey::new(algorithm, key).verify(message.as_bytes(), &signature).is_ok()
    }

    #[test]
    fn each_algorithm_signs_with_its_own_kind_of_key_only() {
        let claims = json!({"iss": "RP00000001"});
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let rsa = pem(pair.as_der().unwrap().as_ref());
        let public = pair.public_key().as_ref();
        for (algorithm, verification) in [
            (AssertionAlgorithm::RS256, &RSA_PKCS1_2048_8192_SHA256),
            (AssertionAlgorithm::PS256, &RSA_PSS_2048_8192_SHA256),
        ] {
            let signed = PrivateKey::from_pem(&rsa, algorithm).unwrap().sign(Some("k1"), &claims);
            assert!(verifies(&signed.unwrap(), verification, public), "{algorithm:?}");
        }
        let pkcs8 = SigningKey::generate_pkcs8().unwrap();
        let ec = pem(&pkcs8);
        let signed =
            PrivateKey::from_pem(&ec, AssertionAlgorithm::ES256).unwrap().sign(None, &claims);
        let point = SigningKey::from_pkcs8(&pkcs8).unwrap().public().point().unwrap();
        assert!(verifies(&signed.unwrap(), &ECDSA_P256_SHA256_FIXED, &point));
        assert!(PrivateKey::from_pem(&rsa, AssertionAlgorithm::ES256).is_none());
        assert!(PrivateKey::from_pem(&ec, AssertionAlgorithm::RS256).is_none());
        assert!(PrivateKey::from_pem("no key", AssertionAlgorithm::RS256).is_none());
    }
}
