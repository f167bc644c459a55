//! From a record's key to the name of its entity.

use aws_lc_rs::hmac;
use secrecy::ExposeSecret as _;
use tsunagu_domain::Timestamp;
use tsunagu_ngsi_ld::{Context, Entity};

use crate::Config;

/// Makes entities of one type.
pub(crate) struct Entities {
    key: hmac::Key,
    connector: String,
    urn: String,
    iri: String,
}

impl Entities {
    pub(crate) fn new(config: &Config) -> Self {
        let term = config.entity_type.rsplit(['/', '#', ':']).next().unwrap_or(&config.entity_type);
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, config.id_secret.expose_secret().as_bytes()),
            connector: config.name.clone(),
            urn: format!("urn:ngsi-ld:{term}:"),
            iri: Context::core().expand(&config.entity_type).into_owned(),
        }
    }

    /// 128 bits that name the record and tell nothing of its key to anyone without the secret.
    pub(crate) fn name(&self, key: &str) -> [u8; 16] {
        let mut context = hmac::Context::with_key(&self.key);
        for part in [self.connector.as_bytes(), b"\0", key.as_bytes()] {
            context.update(part);
        }
        let mut name = [0; 16];
        for (to, from) in name.iter_mut().zip(context.sign().as_ref()) {
            *to = *from;
        }
        name
    }

    /// 256 bits that name a value of a column.
    pub(crate) fn digest(&self, column: &str, written: &str) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.key);
        // Names of connectors have no space, so that this is no record's name.
        for part in [&b"decision "[..], self.connector.as_bytes(), b"\0"] {
            context.update(part);
        }
        context.update(&(column.len() as u64).to_be_bytes());
        context.update(column.as_bytes());
        context.update(written.as_bytes());
        let mut digest = [0; 32];
        digest.copy_from_slice(context.sign().as_ref());
        digest
    }

    /// The entity of this name, without attributes.
    pub(crate) fn entity(&self, name: [u8; 16], now: Timestamp) -> Entity {
        Entity::new(format!("{}{}", self.urn, uuid(name)), self.iri.clone(), now)
    }
}

/// The text form of a UUID of version 8 (RFC 9562: the maker's own bits).
fn uuid(mut bytes: [u8; 16]) -> String {
    bytes[6] = bytes[6] & 0x0F | 0x80;
    bytes[8] = bytes[8] & 0x3F | 0x80;
    let mut text = String::with_capacity(36);
    for (i, byte) in bytes.iter().enumerate() {
        if matches!(i, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        for digit in [byte >> 4, byte & 0x0F] {
            text.extend(char::from_digit(digit.into(), 16));
        }
    }
    text
}
