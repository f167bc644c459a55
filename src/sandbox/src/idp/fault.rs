//! Faults to order, each a token or answer that a careful relying party refuses.

use std::fmt::Write as _;

use chrono::{DateTime, TimeDelta, Utc};
use clap::ValueEnum;
use serde_json::{Value, json};

use crate::Error;
use crate::jose::{self, SigningKey};

/// How wrong a clock that goes wrong is.
const SKEW: TimeDelta = TimeDelta::minutes(10);

/// What is wrong with a login although it looks right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Fault {
    /// The ID token has another nonce
    WrongNonce,
    /// The ID token is for another client
    WrongAud,
    /// The ID token is from another issuer
    WrongIss,
    /// The ID token is not signed: `alg` is `none`
    AlgNone,
    /// The ID token is signed by HMAC with the public key as its secret
    Hs256PublicKey,
    /// The ID token names a key that is not published
    UnknownKid,
    /// The ID token is signed by another key than the one it names
    BadSignature,
    /// The ID token ended ten minutes ago
    Expired,
    /// The ID token's `exp` is a text
    ExpString,
    /// The provider's clock is ten minutes ahead
    ClockAhead,
    /// The provider's clock is ten minutes behind
    ClockBehind,
    /// The ID token's `at_hash` is that of another access token
    WrongAtHash,
    /// `/userinfo` is about another person than the ID token
    UserinfoSub,
    /// The answer to the browser has `iss` twice
    DuplicateIss,
    /// The next request for the keys is never answered
    SlowJwks,
    /// The token endpoint answers 500
    TokenError,
    /// The token endpoint takes the code and never answers
    TokenTimeout,
    /// A new key signs from this login on; not a fault but what a relying party must follow
    NewKey,
}

impl Fault {
    /// The fault with this name in a form or an option.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::from_str(name, false).ok()
    }
}

/// All faults as options of a form.
pub(crate) fn faults() -> String {
    let mut options = String::new();
    let named = Fault::value_variants().iter().filter_map(ValueEnum::to_possible_value);
    for value in named {
        let name = value.get_name();
        // writing to a string cannot fail
        _ = write!(options, "<option value=\"{name}\">{name}</option>");
    }
    options
}

/// Signs the claims of an ID token with its fault, if it has one.
pub(crate) fn id_token(
    key: &SigningKey,
    fault: Option<Fault>,
    mut claims: Value,
    now: DateTime<Utc>,
) -> Result<String, Error> {
    let mut header = jose::header(key);
    let mut set = |name: &str, value: Value| {
        if let Some(claims) = claims.as_object_mut() {
            claims.insert(name.to_owned(), value);
        }
    };
    let moved = |by: TimeDelta| {
        let at = now + by;
        [("iat", at), ("auth_time", at), ("exp", at + TimeDelta::minutes(5))]
    };
    let shift = match fault {
        Some(Fault::ClockAhead) => Some(moved(SKEW)),
        Some(Fault::ClockBehind) => Some(moved(-SKEW)),
        _ => None,
    };
    for (name, at) in shift.into_iter().flatten() {
        set(name, json!(at.timestamp()));
    }
    match fault {
        Some(Fault::WrongNonce) => set("nonce", json!("another-nonce")),
        Some(Fault::WrongAud) => set("aud", json!("another-client")),
        Some(Fault::WrongIss) => set("iss", json!("https://another-issuer.example")),
        Some(Fault::WrongAtHash) => set("at_hash", json!(jose::half_hash("another-token"))),
        Some(Fault::ExpString) => {
            set("exp", json!((now + TimeDelta::minutes(5)).timestamp().to_string()));
        }
        Some(Fault::Expired) => {
            set("iat", json!((now - TimeDelta::minutes(15)).timestamp()));
            set("exp", json!((now - TimeDelta::minutes(10)).timestamp()));
        }
        Some(Fault::AlgNone) => return Ok(jose::unsigned(&claims)),
        Some(Fault::Hs256PublicKey) => return Ok(jose::hmac_signed(key.public(), &claims)),
        Some(Fault::UnknownKid) => {
            if let Some(header) = header.as_object_mut() {
                header.insert("kid".to_owned(), json!("a-key-that-is-not-published"));
            }
        }
        Some(Fault::BadSignature) => return jose::sign(&SigningKey::generate()?, &header, &claims),
        // Their faults are elsewhere.
        None
        | Some(
            Fault::ClockAhead
            | Fault::ClockBehind
            | Fault::UserinfoSub
            | Fault::DuplicateIss
            | Fault::SlowJwks
            | Fault::TokenError
            | Fault::TokenTimeout
            | Fault::NewKey,
        ) => {}
    }
    jose::sign(key, &header, &claims)
}
