//! Who is who: clients, residents and their Tsuno IDs, logins, sessions, and the authorization server.
//!
//! * [`Clients`]: who is registered, and what the policy needs to know of them; [`Sectors`]: under which key each sees residents.
//! * [`Logins`] over [`LoginProvider`]s, each with its [`ProviderPolicy`]: from a press on "log in" to a [`Session`], every check included.
//! * [`Residents`]: residency from the verified address, the Tsuno ID issued exactly once per person whatever provider they come through, the
//!   link to the municipal record, what a person at the counter decides about both. [`MatchKeys`] and [`Moves`] follow the municipal records.
//! * [`AuthorizationServer`]: `OpenID` provider for vendors true to the FAPI 2.0 Security Profile, and the verification of its
//!   own access tokens.
//!
//! This room decides nothing about data: that is the policy's. It does not know what a consent is, only its id, and asks
//! [`LiveGrants`] whether it is alive. It shows nothing: pages and HTTP are elsewhere.

mod clients;
mod jose;
mod link_key;
mod linking;
mod login;
mod oauth;
mod person;
mod records;
mod residency;
mod residents;
mod sectors;
mod services;
mod sessions;

pub use clients::{COIN_ISSUER_SECTOR, Client, ClientKind, ClientStatus, Clients};
pub use jose::{
    AssertionAlgorithm, Jwk, JwkSet, KeyFailure, SigningKey, UserDataKey, UserDataKeyError,
};
pub use linking::{LinkReview, MatchKeys, ReviewReason};
pub use login::{
    AcrLevels, AddressForm, AssertionAudience, Attempt, Authenticated, Begun, BirthDateForm,
    CallbackQuery, ClientAuth, Endpoints, Gender, GenderForm, IdTokenAlgorithm, IdTokenError,
    Identified, LOGIN_SECONDS, LoginOutcome, LoginProvider, Logins, OpenIdProvider, ProviderError,
    ProviderPolicy, RefusalReason, StaffArrival, StaffLogins, VerifiedData, VerifiedPerson,
};
pub use oauth::{
    AccessToken, Answerable, AuthorizationRequest, AuthorizationServer, Binding, DataAction,
    DetailType, EndSession, ErrorCode, Form, KeyRole, KeyState, LiveGrants, Mtls, OAuthError,
    Parts, Possession, ProofError, Proofs, Pushed, Redeemed, Redeeming, ResidentData,
    SHARE_CODE_GRANT, Scheme, ShareCodes, ShareRefusal, SigningKeys, TokenError, Tokens,
};
pub use records::sweep;
pub use residency::{Municipality, Residency, Verdict};
pub use residents::{
    Decided, Doubt, IdentityReview, Moves, Resident, Residents, Staff, Suspension, in_good_standing,
};
pub use sectors::{SectorState, Sectors};
pub use services::{DigestKey, Services};
pub use sessions::{
    IDLE_SECONDS, NewSession, SESSION_SECONDS, Session, Sessions, login_cookie_name,
    session_cookie_name,
};

/// Lower-case hexadecimal.
fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// The bytes of hexadecimal that this room wrote.
fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        text.chars().filter_map(|c| c.to_digit(16)).filter_map(|d| u8::try_from(d).ok()).collect();
    digits
        .chunks_exact(2)
        .map(|pair| pair.iter().fold(0, |byte, digit| (byte << 4) | digit))
        .collect()
}
