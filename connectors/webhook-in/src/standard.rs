//! Standard Webhooks: `webhook-id`, `webhook-timestamp`, `webhook-signature` with `v1` (HMAC-SHA256) and `v1a` (Ed25519) signatures over
//! `{id}.{timestamp}.{body}`.

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::ExposeSecret as _;
use tsunagu_connect::{ConnectError, Incoming, Secret};

use crate::receiver::TOLERANCE;

pub(crate) struct Secrets {
    shared: Vec<hmac::Key>,
    public: Vec<Vec<u8>>,
}

/// The bytes of `whpk_…`.
pub(crate) fn public_key(text: &str) -> Option<Vec<u8>> {
    let bytes = STANDARD.decode(text.strip_prefix("whpk_")?).ok()?;
    (bytes.len() == 32).then_some(bytes)
}

impl Secrets {
    pub(crate) fn read(secrets: &[Secret], public: &[String]) -> Result<Self, ConnectError> {
        let shared = secrets.iter().map(|secret| {
            let text = secret.read()?;
            let text = text.expose_secret();
            let bytes = STANDARD.decode(text.strip_prefix("whsec_").unwrap_or(text)).ok();
            // The specification's lower bound.
            let bytes = bytes.filter(|bytes| bytes.len() >= 24).ok_or_else(|| {
                ConnectError::Config("a secret is whsec_ and base64 of 24 to 64 bytes".to_owned())
            })?;
            Ok(hmac::Key::new(hmac::HMAC_SHA256, &bytes))
        });
        let shared = shared.collect::<Result<_, ConnectError>>()?;
        Ok(Self { shared, public: public.iter().filter_map(|key| public_key(key)).collect() })
    }

    /// The message's name, if one of the secrets signed it and not long ago.
    pub(crate) fn prove(&self, incoming: &Incoming<'_>) -> Option<String> {
        let id = incoming.header("webhook-id").filter(|id| !id.is_empty() && id.len() <= 256)?;
        let timestamp = incoming.header("webhook-timestamp")?;
        let signed_at: i64 = timestamp.parse().ok()?;
        let now = incoming.now / 1_000_000;
        if now.saturating_sub(signed_at).saturating_abs() > TOLERANCE {
            return None;
        }
        let content = [id.as_bytes(), b".", timestamp.as_bytes(), b".", incoming.body].concat();
        let mut signatures = incoming.header("webhook-signature")?.split(' ');
        let good = signatures.any(|signature| match signature.split_once(',') {
            Some(("v1", text)) => STANDARD.decode(text).is_ok_and(|tag| {
                self.shared.iter().any(|key| hmac::verify(key, &content, &tag).is_ok())
            }),
            Some(("v1a", text)) => STANDARD.decode(text).is_ok_and(|bytes| {
                let verify = |key: &Vec<u8>| {
                    UnparsedPublicKey::new(&ED25519, key).verify(&content, &bytes).is_ok()
                };
                self.public.iter().any(verify)
            }),
            _ => false,
        });
        good.then(|| id.to_owned())
    }
}
