//! How we prove to a provider who we are.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use tsunagu_outbound::Request;
use url::Url;

use super::ProviderError;
use super::policy::{AssertionAudience, ClientAuth};
use crate::jose::PrivateKey;

/// The type of an assertion that is a JWT (RFC 7523 section 2.2).
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A client's credential, its key read.
pub(super) enum Credential {
    Basic(SecretString),
    Post(SecretString),
    Assertion { key: PrivateKey, kid: Option<String>, audience: AssertionAudience, lifetime: i64 },
}

/// What an assertion is made from.
pub(super) struct Now<'a> {
    pub(super) client_id: &'a str,
    pub(super) issuer: &'a str,
    pub(super) token_endpoint: &'a Url,
    pub(super) jti: String,
    /// Seconds since the epoch.
    pub(super) seconds: i64,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    jti: &'a str,
    iat: i64,
    exp: i64,
}

impl Credential {
    /// Reads the key of the policy.
    pub(super) fn read(policy: &ClientAuth) -> Result<Self, ProviderError> {
        Ok(match policy {
            ClientAuth::ClientSecretBasic { secret } => Self::Basic(secret.clone()),
            ClientAuth::ClientSecretPost { secret } => Self::Post(secret.clone()),
            ClientAuth::PrivateKeyJwt { key_file, algorithm, kid, audience, lifetime } => {
                let wrong = |reason| ProviderError::of_file(key_file, reason);
                let pem = std::fs::read_to_string(key_file).map_err(|_| wrong("not readable"))?;
                let key = PrivateKey::from_pem(&pem, *algorithm)
                    .ok_or_else(|| wrong("no private key of the algorithm, PKCS #8 in PEM"))?;
                let (kid, audience, lifetime) = (kid.clone(), *audience, *lifetime);
                Self::Assertion { key, kid, audience, lifetime }
            }
        })
    }

    /// The request for tokens, with the proof in it. `None`: the key could not be used.
    pub(super) fn request(&self, now: &Now<'_>, form: &[(&str, &str)]) -> Option<Request> {
        let url = now.token_endpoint.clone();
        let id = ("client_id", now.client_id);
        match self {
            Self::Basic(secret) => {
                let encode = |text: &str| {
                    url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>()
                };
                // RFC 6749 section 2.3.1: both are form-encoded first.
                let pair = format!("{}:{}", encode(now.client_id), encode(secret.expose_secret()));
                let header = format!("Basic {}", STANDARD.encode(pair));
                Request::post_form(url, form).header("authorization", &header).ok()
            }
            Self::Post(secret) => {
                let proof = [id, ("client_secret", secret.expose_secret())];
                Some(Request::post_form(url, &[form, &proof].concat()))
            }
            Self::Assertion { key, kid, audience, lifetime } => {
                let claims = Claims {
                    iss: now.client_id,
                    sub: now.client_id,
                    aud: match audience {
                        AssertionAudience::Issuer => now.issuer,
                        AssertionAudience::TokenEndpoint => now.token_endpoint.as_str(),
                    },
                    jti: &now.jti,
                    iat: now.seconds,
                    exp: now.seconds.saturating_add(*lifetime),
                };
                let assertion = key.sign(kid.as_deref(), &claims).ok()?;
                let proof =
                    [id, ("client_assertion_type", JWT_BEARER), ("client_assertion", &assertion)];
                Some(Request::post_form(url, &[form, &proof].concat()))
            }
        }
    }
}
