//! What is agreed with one identity provider. No rule here holds for another.

use std::collections::BTreeMap;
use std::path::PathBuf;

use secrecy::SecretString;
use serde::Deserialize;
use tsunagu_domain::{Level, Text};
use url::Url;

use crate::jose::{Algorithm, AssertionAlgorithm};

/// What an `acr` of the provider is worth here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcrLevels {
    /// Identity assurance.
    pub ial: Level,
    /// Authentication assurance.
    pub aal: Level,
}

/// The policy of one provider.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderPolicy {
    /// What residents call it.
    pub label: Text,
    /// Issuer identifier, compared exactly.
    pub issuer: String,
    /// Our client id there.
    pub client_id: String,
    /// How we prove at the token endpoint who we are.
    pub client_auth: ClientAuth,
    /// Endpoints that are not discovered.
    #[serde(default)]
    pub endpoints: Endpoints,
    /// Algorithms of its ID tokens. What is signed otherwise is refused.
    #[serde(default = "es256")]
    pub algorithms: Vec<IdTokenAlgorithm>,
    /// Scopes that are asked for; each must be granted.
    pub scopes: Vec<String>,
    /// More parameters of the authorization request, such as `acr_values` or `prompt`.
    #[serde(default)]
    pub parameters: BTreeMap<String, String>,
    /// Where the verified data about a person come from. Residents need it; of staff nothing is asked but which account it is.
    #[serde(default)]
    pub verified_data: Option<VerifiedData>,
    /// What each `acr` is worth. Anything else, and none at all, is level 1.
    #[serde(default)]
    pub acr_map: BTreeMap<String, AcrLevels>,
    /// How long ago the person may have authenticated there, in seconds. Then `auth_time` must be told.
    #[serde(default)]
    pub max_auth_age: Option<i64>,
    /// Whether every login there means that the person authenticates: only then does `iat` stand for an `auth_time` that is left out.
    /// Elsewhere such a login is as old as can be, and good for no step-up.
    #[serde(default)]
    pub always_authenticates: bool,
    /// Whether it names itself in its answers (RFC 9207); as discovered when left out.
    #[serde(default)]
    pub issuer_in_response: Option<bool>,
}

/// Where a provider is, as far as its metadata are not to tell.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoints {
    /// Authorization endpoint.
    #[serde(default)]
    pub authorization: Option<Url>,
    /// Token endpoint.
    #[serde(default)]
    pub token: Option<Url>,
    /// `UserInfo` endpoint.
    #[serde(default)]
    pub userinfo: Option<Url>,
    /// JWK set.
    #[serde(default)]
    pub jwks: Option<Url>,
}

fn es256() -> Vec<IdTokenAlgorithm> {
    vec![IdTokenAlgorithm::ES256]
}

/// An algorithm of ID tokens (RFC 7518 section 3.1). Both hash with SHA-256, as `at_hash` does then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum IdTokenAlgorithm {
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// RSA PSS with SHA-256.
    PS256,
}

impl From<IdTokenAlgorithm> for Algorithm {
    fn from(algorithm: IdTokenAlgorithm) -> Self {
        match algorithm {
            IdTokenAlgorithm::ES256 => Self::Es256,
            IdTokenAlgorithm::PS256 => Self::Ps256,
        }
    }
}

/// Whom a client assertion addresses; providers disagree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AssertionAudience {
    /// The issuer identifier, as FAPI 2.0 has it.
    Issuer,
    /// The URL of the token endpoint, as OpenID Connect Core section 9 has it.
    TokenEndpoint,
}

/// How we prove who we are (OpenID Connect Core section 9).
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "method", rename_all = "snake_case", deny_unknown_fields)]
pub enum ClientAuth {
    /// A secret in the header.
    ClientSecretBasic {
        /// The secret.
        secret: SecretString,
    },
    /// A secret in the form.
    ClientSecretPost {
        /// The secret.
        secret: SecretString,
    },
    /// A signed assertion, fresh for each request (RFC 7523).
    PrivateKeyJwt {
        /// File with the private key, PKCS #8 in PEM.
        key_file: PathBuf,
        /// Its algorithm.
        algorithm: AssertionAlgorithm,
        /// The `kid` under which the provider knows it.
        #[serde(default)]
        kid: Option<String>,
        /// Whom the assertion addresses.
        audience: AssertionAudience,
        /// How long it is good, in seconds.
        #[serde(default = "one_minute")]
        lifetime: i64,
    },
}

fn one_minute() -> i64 {
    60
}

/// Where the verified data about a person come from, and how they are written.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "from", rename_all = "kebab-case", deny_unknown_fields)]
pub enum VerifiedData {
    /// xID's user data API. How its envelope looks is not public; it is read as a compact JWE with ECDH-ES and A256GCM.
    UserData {
        /// File with the private P-256 JWK that user data are encrypted to.
        key_file: PathBuf,
        /// `{issuer}/v4/verification/userdata` when left out.
        #[serde(default)]
        endpoint: Option<Url>,
    },
    /// The claims `name`, `address`, `birthdate` and `gender` of the `UserInfo` endpoint.
    Userinfo {
        /// How `birthdate` is written.
        birth_date: BirthDateForm,
        /// How `gender` is written.
        gender: GenderForm,
        /// How `address` is written.
        address: AddressForm,
    },
}

/// How a birth date is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BirthDateForm {
    /// `19850315`.
    Compact,
    /// `1985-03-15` (OpenID Connect Core section 5.1).
    Iso,
}

/// How a gender is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GenderForm {
    /// `1` for male, `2` for female, as in certificates of the My Number Card.
    Digit,
    /// `male`, `female` (OpenID Connect Core section 5.1).
    Word,
}

/// How an address is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AddressForm {
    /// One text.
    Text,
    /// An object with the member `formatted` (OpenID Connect Core section 5.1.1).
    Object,
}
