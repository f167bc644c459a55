//! Where the room keeps what it remembers. Keys begin with the connector's name and a zero byte.

use serde::{Serialize, de::DeserializeOwned};
use tsunagu_domain::TenantId;
use tsunagu_store::{Collection, Expect, Op, Store, StoreError};

use crate::ConnectError;

/// feed → how far it is read.
pub(super) const CURSORS: Collection = Collection("connector-cursor");
/// connector + entity id → digest of what was taken over.
pub(super) const TAKEN: Collection = Collection("connector-taken");
/// connector + time → [`super::RunReport`].
pub(super) const RUNS: Collection = Collection("connector-run");
/// feed → the run under way, to go on with its report after a crash.
pub(super) const OPEN: Collection = Collection("connector-open-run");
/// feed → which gateway runs it, and until when.
pub(super) const LEASES: Collection = Collection("connector-lease");
/// connector + digest of the item → what was refused.
pub(super) const DEAD: Collection = Collection("connector-dead-letter");
/// connector → which dead letters are to be tried again.
pub(super) const REPLAYS: Collection = Collection("connector-replay");
/// connector → that it has a subscription.
pub(super) const SINKS: Collection = Collection("connector-sink");
/// connector + place in the order + chance + number in the message → a record that waits.
pub(super) const INBOX: Collection = Collection("connector-inbox");
/// connector → how many wait (a counter).
pub(super) const WAITING: Collection = Collection("connector-inbox-size");
/// connector → how many messages ever came (a counter).
pub(super) const SEQUENCE: Collection = Collection("connector-inbox-sequence");
/// connector + digest of the sender's name for a message → until when it is remembered.
pub(super) const SEEN: Collection = Collection("connector-inbox-seen");

pub(super) fn prefix(name: &str) -> Vec<u8> {
    [name.as_bytes(), b"\0"].concat()
}

pub(super) fn key(name: &str, rest: &[u8]) -> Vec<u8> {
    [name.as_bytes(), b"\0", rest].concat()
}

pub(super) fn unavailable(error: &StoreError) -> ConnectError {
    ConnectError::Unavailable(error.to_string())
}

pub(super) fn decode<T: DeserializeOwned>(value: &[u8]) -> Result<T, ConnectError> {
    serde_json::from_slice(value).map_err(|error| {
        let at = format!(
            "a connector's record is damaged (line {}, column {})",
            error.line(),
            error.column()
        );
        ConnectError::Unavailable(at)
    })
}

pub(super) fn encode(value: &impl Serialize) -> Result<Vec<u8>, ConnectError> {
    serde_json::to_vec(value).map_err(|error| {
        ConnectError::Unavailable(format!("a connector's record cannot be written: {error}"))
    })
}

pub(super) fn put(
    collection: Collection,
    key: Vec<u8>,
    value: &impl Serialize,
) -> Result<Op, ConnectError> {
    Ok(Op::PutRecord { collection, key, value: encode(value)?, expect: Expect::Any })
}

pub(super) fn delete(collection: Collection, key: Vec<u8>) -> Op {
    Op::DeleteRecord { collection, key, expect: Expect::Any }
}

pub(super) async fn read<T: DeserializeOwned>(
    store: &dyn Store,
    tenant: &TenantId,
    collection: Collection,
    key: &[u8],
) -> Result<Option<T>, ConnectError> {
    let record =
        store.record(tenant, collection, key).await.map_err(|error| unavailable(&error))?;
    record.map(|record| decode(&record.value)).transpose()
}
