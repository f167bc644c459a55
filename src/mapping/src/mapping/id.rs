//! Ids that mean nothing outside.

use std::fmt;

use aws_lc_rs::hmac;
use secrecy::{ExposeSecret as _, SecretString};

/// Makes the ids of one type.
pub(super) struct Key {
    hmac: hmac::Key,
    scope: String,
    urn: String,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("urn", &self.urn).finish_non_exhaustive()
    }
}

impl Key {
    /// For the entities of a type that a mapping of this name makes.
    pub(super) fn new(secret: &SecretString, scope: &str, entity_type: &str) -> Self {
        let term = entity_type.rsplit(['/', '#', ':']).next().unwrap_or(entity_type);
        Self {
            hmac: hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes()),
            scope: scope.to_owned(),
            urn: format!("urn:ngsi-ld:{term}:"),
        }
    }

    /// The id for a key.
    pub(super) fn id(&self, key: &str) -> String {
        let mut context = hmac::Context::with_key(&self.hmac);
        for part in [self.scope.as_str(), "\0", key] {
            context.update(part.as_bytes());
        }
        let mut name = [0; 16];
        for (to, from) in name.iter_mut().zip(context.sign().as_ref()) {
            *to = *from;
        }
        let mut id = self.urn.clone();
        push_uuid(name, &mut id);
        id
    }
}

/// The text form of a UUID of version 8 (RFC 9562: the maker's own bits).
fn push_uuid(mut bytes: [u8; 16], text: &mut String) {
    bytes[6] = bytes[6] & 0x0F | 0x80;
    bytes[8] = bytes[8] & 0x3F | 0x80;
    for (i, byte) in bytes.iter().enumerate() {
        if matches!(i, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        for digit in [byte >> 4, byte & 0x0F] {
            text.extend(char::from_digit(digit.into(), 16));
        }
    }
}
