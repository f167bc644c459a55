//! Keys and values of the ledger's records.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tsunagu_domain::{ClientId, Problem, ProblemCode, Timestamp, TsunoId};
use tsunagu_store::{Collection, StoreError};

/// Consent id → the consent after its last event.
pub(crate) const CONSENT: Collection = Collection("consent");
/// Consent id ‖ seq → event.
pub(crate) const EVENT: Collection = Collection("consent-event");
/// Subject ‖ inverted time ‖ id.
pub(crate) const BY_SUBJECT: Collection = Collection("consent-by-subject");
/// Client ‖ 0 ‖ inverted time ‖ id.
pub(crate) const BY_CLIENT: Collection = Collection("consent-by-client");
/// Subject ‖ client ‖ 0 ‖ purpose → the consent given last for these.
pub(crate) const CURRENT: Collection = Collection("consent-current");

/// Time ‖ kind ‖ consent id → nothing but a version: what happens to a consent by itself, and when.
pub(crate) const DUE: Collection = Collection("consent-due");
/// The version of the catalogue that all consents were held against last.
pub(crate) const REVIEWED: Collection = Collection("consent-reviewed");

/// SHA-256 → the exact bytes of a notice that was answered. Never changed, never removed: many consents share one.
pub(crate) const NOTICES: Collection = Collection("consent-notice");
/// Consent id → the deletion order that its end brought about.
pub(crate) const ORDERS: Collection = Collection("deletion-order");
/// Last moment ‖ consent id → orders that are not done.
pub(crate) const OPEN_ORDERS: Collection = Collection("deletion-open");
/// Next try ‖ consent id → orders that were not taken.
pub(crate) const OUTBOX: Collection = Collection("deletion-outbox");

/// Name of a share code → the code without its secret.
pub(crate) const SHARES: Collection = Collection("share-code");
/// Subject ‖ inverted time ‖ name of a share code.
pub(crate) const SHARES_BY_SUBJECT: Collection = Collection("share-code-by-subject");
/// Hour ‖ client → how many of its tries led to nothing.
pub(crate) const SHARE_FAILURES: Collection = Collection("share-code-failures");

/// Id of a delegation → the delegation.
pub(crate) const DELEGATIONS: Collection = Collection("delegation");
/// Principal ‖ inverted time ‖ id of a delegation.
pub(crate) const BY_PRINCIPAL: Collection = Collection("delegation-by-principal");
/// Delegate ‖ inverted time ‖ id of a delegation.
pub(crate) const BY_DELEGATE: Collection = Collection("delegation-by-delegate");
/// Ids of delegations that were ended before their time: absent is what must hold when somebody acts.
pub(crate) const ENDED_DELEGATIONS: Collection = Collection("delegation-ended");

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pointer {
    v: u32,
    id: String,
}

pub(crate) fn encode(value: &impl Serialize) -> Result<Vec<u8>, Problem> {
    serde_json::to_vec(value).map_err(|_| {
        Problem::new(
            ProblemCode::InternalError,
            "a record of the consent ledger could not be encoded",
        )
    })
}

pub(crate) fn decode<T: DeserializeOwned>(value: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(value).map_err(|_| {
        StoreError::Corrupt("a record of the consent ledger is not readable".to_owned())
    })
}

pub(crate) fn pointer(id: &str) -> Result<Vec<u8>, Problem> {
    encode(&Pointer { v: 1, id: id.to_owned() })
}

pub(crate) fn pointed(value: &[u8]) -> Result<String, StoreError> {
    decode::<Pointer>(value).map(|pointer| pointer.id)
}

pub(crate) fn event(id: &str, seq: u64) -> Vec<u8> {
    [id.as_bytes(), &seq.to_be_bytes()].concat()
}

pub(crate) fn of_client(client: &ClientId) -> Vec<u8> {
    [client.as_str().as_bytes(), &[0]].concat()
}

pub(crate) fn by_subject(subject: TsunoId, at: Timestamp, id: &str) -> Vec<u8> {
    [subject.as_bytes().as_slice(), &newest_first(at), id.as_bytes()].concat()
}

pub(crate) fn by_client(client: &ClientId, at: Timestamp, id: &str) -> Vec<u8> {
    [of_client(client).as_slice(), &newest_first(at), id.as_bytes()].concat()
}

pub(crate) fn current(subject: TsunoId, client: &ClientId, purpose: &str) -> Vec<u8> {
    [subject.as_bytes().as_slice(), &of_client(client), purpose.as_bytes()].concat()
}

/// Keys sort by time.
pub(crate) fn due(at: Timestamp, kind: u8, id: &str) -> Vec<u8> {
    [&u64::try_from(at).unwrap_or(0).to_be_bytes()[..], &[kind], id.as_bytes()].concat()
}

/// Time, kind and consent of a [`due`] key.
pub(crate) fn read_due(key: &[u8]) -> Result<(Timestamp, u8, &str), StoreError> {
    let read = || {
        let (time, rest) = key.split_first_chunk::<8>()?;
        let (kind, id) = rest.split_first()?;
        let at = Timestamp::try_from(u64::from_be_bytes(*time)).ok()?;
        Some((at, *kind, std::str::from_utf8(id).ok()?))
    };
    read().ok_or_else(|| StoreError::Corrupt("a key of what is due is not readable".to_owned()))
}

/// Keys sort by time.
pub(crate) fn timed(at: Timestamp, id: &str) -> Vec<u8> {
    [&u64::try_from(at).unwrap_or(0).to_be_bytes()[..], id.as_bytes()].concat()
}

/// The time of a [`timed`] key.
pub(crate) fn read_timed(key: &[u8]) -> Result<Timestamp, StoreError> {
    let time = key.first_chunk::<8>().map(|time| u64::from_be_bytes(*time));
    time.and_then(|time| Timestamp::try_from(time).ok())
        .ok_or_else(|| StoreError::Corrupt("a key of a deletion order is not readable".to_owned()))
}

/// The beginning of the keys of an hour since the epoch.
pub(crate) fn hour(hour: i64) -> [u8; 8] {
    u64::try_from(hour).unwrap_or(0).to_be_bytes()
}

pub(crate) fn failures(hour: i64, client: &ClientId) -> Vec<u8> {
    [&self::hour(hour)[..], client.as_str().as_bytes()].concat()
}

fn newest_first(at: Timestamp) -> [u8; 8] {
    (u64::MAX - u64::try_from(at).unwrap_or(0)).to_be_bytes()
}
