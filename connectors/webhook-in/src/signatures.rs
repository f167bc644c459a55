//! HTTP Message Signatures (RFC 9421) with a digest of the body (RFC 9530).
//!
//! A signature must cover the method, where the message goes (`@target-uri`, or `@authority` and `@path`) and `content-digest`, and say
//! when it was made. The key's algorithm is that of the settings.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ED25519, UnparsedPublicKey};
use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::ExposeSecret as _;
use sfv::{BareItem, Dictionary, FieldType as _, InnerList, List, ListEntry, Parser};
use tsunagu_connect::{ConnectError, Incoming};

use crate::config::KeyConfig;
use crate::receiver::TOLERANCE;

/// Of a message, so many signatures are looked at.
const MOST_SIGNATURES: usize = 4;
/// So many components a signature may cover.
const MOST_COMPONENTS: usize = 32;

pub(crate) enum Key {
    Ed25519(Vec<u8>),
    EcdsaP256Sha256(Vec<u8>),
    HmacSha256(Box<hmac::Key>),
}

impl Key {
    pub(crate) fn read(config: &KeyConfig) -> Result<Self, ConnectError> {
        let bytes = |text: &String| {
            let decoded = STANDARD.decode(text);
            decoded.map_err(|_| ConnectError::Config("a public key is not base64".to_owned()))
        };
        Ok(match config {
            KeyConfig::Ed25519(text) => Self::Ed25519(bytes(text)?),
            KeyConfig::EcdsaP256Sha256(text) => Self::EcdsaP256Sha256(bytes(text)?),
            KeyConfig::HmacSha256(secret) => {
                let secret = secret.read()?;
                let secret = secret.expose_secret().as_bytes();
                if secret.len() < 32 {
                    let what = "a shared secret has at least 32 characters";
                    return Err(ConnectError::Config(what.to_owned()));
                }
                Self::HmacSha256(Box::new(hmac::Key::new(hmac::HMAC_SHA256, secret)))
            }
        })
    }

    /// Its name in RFC 9421, section 6.2.2.
    fn algorithm(&self) -> &'static str {
        match self {
            Self::Ed25519(_) => "ed25519",
            Self::EcdsaP256Sha256(_) => "ecdsa-p256-sha256",
            Self::HmacSha256(_) => "hmac-sha256",
        }
    }

    fn verifies(&self, base: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Ed25519(key) => {
                UnparsedPublicKey::new(&ED25519, key).verify(base, signature).is_ok()
            }
            Self::EcdsaP256Sha256(key) => UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key)
                .verify(base, signature)
                .is_ok(),
            Self::HmacSha256(key) => hmac::verify(key, base, signature).is_ok(),
        }
    }
}

/// `keyid` → key.
pub(crate) struct Keys(pub(crate) BTreeMap<String, Key>);

impl Keys {
    /// The message's name, if one of the keys signed it as asked and not long ago.
    pub(crate) fn prove(&self, incoming: &Incoming<'_>) -> Option<String> {
        if !is_digest_of(incoming.header("content-digest")?, incoming.body) {
            return None;
        }
        let inputs: Dictionary = Parser::new(incoming.header("signature-input")?).parse().ok()?;
        let signatures: Dictionary = Parser::new(incoming.header("signature")?).parse().ok()?;
        inputs.iter().take(MOST_SIGNATURES).find_map(|(label, input)| {
            let (ListEntry::InnerList(input), Some(ListEntry::Item(signature))) =
                (input, signatures.get(label))
            else {
                return None;
            };
            self.one(incoming, input, signature.bare_item.as_byte_sequence()?)
        })
    }

    fn one(&self, incoming: &Incoming<'_>, input: &InnerList, signature: &[u8]) -> Option<String> {
        let text = |name: &str| Some(input.params.get(name)?.as_string()?.as_str());
        let number = |name: &str| Some(i64::from(input.params.get(name)?.as_integer()?));
        let (now, created) = (incoming.now / 1_000_000, number("created")?);
        if now.saturating_sub(created).saturating_abs() > TOLERANCE
            || number("expires").is_some_and(|expires| expires <= now)
        {
            return None;
        }
        let key = self.0.get(text("keyid")?)?;
        if text("alg").is_some_and(|alg| alg != key.algorithm()) {
            return None;
        }
        let mut covered = Vec::new();
        for item in &input.items {
            // Parameters such as `;sf` or `;req` change what is signed; nothing here needs them.
            if !item.params.is_empty() || covered.len() == MOST_COMPONENTS {
                return None;
            }
            let name = item.bare_item.as_string()?.as_str();
            if covered.contains(&name) {
                return None;
            }
            covered.push(name);
        }
        let covers = |name: &str| covered.contains(&name);
        let to_us = covers("@target-uri") || covers("@authority") && covers("@path");
        if !covers("@method") || !covers("content-digest") || !to_us {
            return None;
        }
        let base = base(incoming, &covered, input)?;
        if !key.verifies(base.as_bytes(), signature) {
            return None;
        }
        let named = Some("idempotency-key").filter(|name| covers(name));
        let named = named.and_then(|name| incoming.header(name)).or_else(|| text("nonce"));
        let keyid = text("keyid")?;
        Some(match named {
            Some(name) => format!("{keyid} {name}"),
            // Not the signature: of one message there can be several.
            None => format!("{keyid} {created} {}", incoming.header("content-digest")?),
        })
    }
}

/// The signature base (section 2.5).
fn base(incoming: &Incoming<'_>, covered: &[&str], input: &InnerList) -> Option<String> {
    let mut base = String::new();
    for name in covered {
        let value = component(incoming, name)?;
        writeln!(base, "\"{name}\": {value}").ok()?;
    }
    let input: List = vec![ListEntry::InnerList(input.clone())];
    write!(base, "\"@signature-params\": {}", input.serialize()?).ok()?;
    Some(base)
}

/// The value of a component (sections 2.1 and 2.2); the URI is the one of the gateway's own configuration.
fn component(incoming: &Incoming<'_>, name: &str) -> Option<String> {
    let (scheme, rest) = incoming.uri.split_once("://")?;
    let (authority, target) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, "/"),
    };
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, format!("?{query}")),
        None => (target, "?".to_owned()),
    };
    Some(match name {
        "@method" => incoming.method.to_owned(),
        "@target-uri" => incoming.uri.to_owned(),
        "@authority" => authority.to_ascii_lowercase(),
        "@scheme" => scheme.to_ascii_lowercase(),
        "@request-target" => target.to_owned(),
        "@path" => path.to_owned(),
        "@query" => query,
        name if name.starts_with('@') => return None,
        name => {
            let values: Vec<&str> = incoming
                .headers
                .iter()
                .filter(|(other, _)| other == name)
                .map(|(_, value)| value.trim())
                .collect();
            if values.is_empty() {
                return None;
            }
            values.join(", ")
        }
    })
}

/// Whether a `Content-Digest` is of this body: every digest in it that we know, and at least one.
fn is_digest_of(header: &str, body: &[u8]) -> bool {
    let Ok(digests) = Parser::new(header).parse::<Dictionary>() else { return false };
    let mut known = 0;
    for (name, entry) in &digests {
        let algorithm = match name.as_str() {
            "sha-256" => &digest::SHA256,
            "sha-512" => &digest::SHA512,
            _ => continue,
        };
        known += 1;
        let ListEntry::Item(item) = entry else { return false };
        let BareItem::ByteSequence(bytes) = &item.bare_item else { return false };
        if digest::digest(algorithm, body).as_ref() != bytes.as_slice() {
            return false;
        }
    }
    known > 0
}
