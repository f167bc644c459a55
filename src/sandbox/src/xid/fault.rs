//! Faults to order, each a token or answer that a careful relying party refuses.

use clap::ValueEnum;

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
    /// The ID token names a key that is not published
    UnknownKid,
    /// The ID token is signed by another key than the one it names
    BadSignature,
    /// The ID token ended ten minutes ago
    Expired,
    /// The ID token's `at_hash` is that of another access token
    WrongAtHash,
    /// `/userinfo` is about another person than the ID token
    UserinfoSub,
}

impl Fault {
    /// The fault with this name in a form or an option.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::from_str(name, false).ok()
    }

    /// All names, for the page.
    pub(super) fn names() -> impl Iterator<Item = String> {
        Self::value_variants()
            .iter()
            .filter_map(ValueEnum::to_possible_value)
            .map(|value| value.get_name().to_owned())
    }
}
