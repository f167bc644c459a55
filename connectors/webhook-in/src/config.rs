//! Settings.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use tsunagu_connect::{
    ConnectError, Direction, Finding, Host, Kind, Manifest, Parts, Plan, Secret, Settings,
};

use crate::receiver::{Signed, Webhook};
use crate::signatures::{Key, Keys};
use crate::standard::{self, Secrets};

/// The kind `webhook-in`.
#[derive(Debug, Clone, Copy, Default)]
pub struct WebhookIn;

/// How a caller proves that it called.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Scheme {
    /// The specification of Standard Webhooks.
    StandardWebhooks {
        /// Shared secrets, `whsec_` and base64; any of them is good.
        #[serde(default)]
        secrets: Vec<Secret>,
        /// Public keys, `whpk_` and base64 (Ed25519); any of them is good.
        #[serde(default)]
        public_keys: Vec<String>,
    },
    /// RFC 9421.
    HttpSignatures {
        /// `keyid` → key.
        keys: BTreeMap<String, KeyConfig>,
    },
}

/// A key with its algorithm: what comes in a message never chooses one.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum KeyConfig {
    /// `ed25519`: base64 of the 32 bytes of the public key.
    Ed25519(String),
    /// `ecdsa-p256-sha256`: base64 of the 65 bytes of the uncompressed point.
    EcdsaP256Sha256(String),
    /// `hmac-sha256`: a shared secret of at least 32 bytes.
    HmacSha256(Secret),
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) scheme: Scheme,
    /// JSON Pointer to a record or a list of records.
    #[serde(default)]
    pub(crate) records: String,
    /// Entity types that it publishes, for the list of connectors.
    #[serde(default)]
    pub(crate) entity_types: Vec<String>,
}

impl Kind for WebhookIn {
    fn name(&self) -> &'static str {
        "webhook-in"
    }

    fn validate(&self, settings: &Settings) -> Result<Arc<dyn Plan>, Vec<Finding>> {
        let config: Config = settings.read()?;
        let mut findings = Vec::new();
        let mut wrong =
            |at: &str, what: &str| findings.push(Finding::new(&settings.name, at, what));
        match &config.scheme {
            Scheme::StandardWebhooks { secrets, public_keys } => {
                if secrets.is_empty() && public_keys.is_empty() {
                    wrong("settings.scheme", "it needs a secret or a public key");
                }
                if public_keys.iter().any(|key| standard::public_key(key).is_none()) {
                    let what = "a public key is whpk_ and base64 of 32 bytes";
                    wrong("settings.scheme.public_keys", what);
                }
            }
            Scheme::HttpSignatures { keys } => {
                if keys.is_empty() {
                    wrong("settings.scheme.keys", "it needs a key, by its keyid");
                }
                for key in keys.values() {
                    let (text, length) = match key {
                        KeyConfig::Ed25519(text) => (text, 32),
                        KeyConfig::EcdsaP256Sha256(text) => (text, 65),
                        KeyConfig::HmacSha256(_) => continue,
                    };
                    if STANDARD.decode(text).map_or(0, |bytes| bytes.len()) != length {
                        let what = "a public key is base64 of 32 (Ed25519) or 65 bytes (P-256)";
                        wrong("settings.scheme.keys", what);
                    }
                }
            }
        }
        if !config.records.is_empty() && !config.records.starts_with('/') {
            wrong("settings.records", "a JSON Pointer is empty or begins with '/', e.g. /data");
        }
        if settings.mapping.is_none() {
            wrong("mapping", "its records need a mapping, e.g. mapping = { file = \"….json\" }");
        }
        if !findings.is_empty() {
            return Err(findings);
        }
        let manifest = Manifest {
            name: settings.name.clone(),
            kind: self.name().to_owned(),
            title: settings.title.clone(),
            direction: Direction::Inbound,
            entity_types: config.entity_types.clone(),
        };
        Ok(Arc::new(Called { manifest, config }))
    }
}

struct Called {
    manifest: Manifest,
    config: Config,
}

#[async_trait]
impl Plan for Called {
    fn manifest(&self) -> Manifest {
        self.manifest.clone()
    }

    async fn build(&self, _host: &Host) -> Result<Parts, ConnectError> {
        let signed = match &self.config.scheme {
            Scheme::StandardWebhooks { secrets, public_keys } => {
                Signed::Standard(Secrets::read(secrets, public_keys)?)
            }
            Scheme::HttpSignatures { keys } => {
                let key = |(id, key): (&String, &KeyConfig)| Ok((id.clone(), Key::read(key)?));
                let keys: Result<BTreeMap<String, Key>, ConnectError> =
                    keys.iter().map(key).collect();
                Signed::Http(Keys(keys?))
            }
        };
        let receiver = Webhook { signed, records: self.config.records.clone() };
        Ok(Parts { receiver: Some(Arc::new(receiver)), ..Parts::default() })
    }
}
