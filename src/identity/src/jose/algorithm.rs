//! The signature algorithms that are verified (RFC 7518 section 3.1, RFC 8037), those of FAPI 2.0 section 5.4.1.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PSS_2048_8192_SHA256, RsaPublicKeyComponents,
    UnparsedPublicKey,
};

use super::Jwk;
use super::jws::JwsError;

/// An algorithm. There is no `none` and none with a shared secret, so there is nothing to be talked down to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Algorithm {
    /// RSASSA-PSS with SHA-256, keys of 2048 bits and more.
    Ps256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

/// What clients may sign with.
pub(crate) const FAPI: [Algorithm; 3] = [Algorithm::Ps256, Algorithm::Es256, Algorithm::EdDsa];

impl Algorithm {
    /// The algorithm of an `alg` header. `Ed25519` is what RFC 9864 calls the one curve of `EdDSA` that is taken.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "PS256" => Some(Self::Ps256),
            "ES256" => Some(Self::Es256),
            "EdDSA" | "Ed25519" => Some(Self::EdDsa),
            _ => None,
        }
    }

    /// As metadata name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ps256 => "PS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }

    /// Verifies a signature of a message.
    pub(super) fn verify(
        self,
        key: &Jwk,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), JwsError> {
        let verified = match self {
            Self::Ps256 => {
                let (n, e) = key.rsa().ok_or(JwsError::UnknownKey)?;
                RsaPublicKeyComponents { n, e }.verify(
                    &RSA_PSS_2048_8192_SHA256,
                    message,
                    signature,
                )
            }
            Self::Es256 => {
                let point = key.point().ok_or(JwsError::UnknownKey)?;
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature)
            }
            Self::EdDsa => {
                let bytes = key.ed25519().ok_or(JwsError::UnknownKey)?;
                UnparsedPublicKey::new(&ED25519, bytes).verify(message, signature)
            }
        };
        verified.map_err(|_| JwsError::Signature)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_algorithms_of_fapi_have_a_name() {
        for algorithm in FAPI {
            assert_eq!(Algorithm::named(algorithm.name()), Some(algorithm));
        }
        for name in ["none", "RS256", "HS256", "ES384", "PS512", "es256", "Ed448", ""] {
            assert_eq!(Algorithm::named(name), None, "{name}");
        }
    }
}
