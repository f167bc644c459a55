//! Records of the rooms that keep them as JSON `{"v":1,"until":…,"data":{…}}`: read, written and raced for in one way.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tsunagu_domain::{TenantId, Timestamp};

use crate::{Collection, Conflict, Expect, Op, Scan, Store, StoreError, WriteSet};

const VERSION: u8 = 1;
/// Records that are read at once.
const PAGE: usize = 200;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored<T> {
    v: u8,
    /// First moment at which it no longer counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<Timestamp>,
    data: T,
}

/// A record as read.
#[derive(Debug, Clone)]
pub struct Kept<T> {
    /// For [`Expect::Version`].
    pub version: u64,
    /// First moment at which it no longer counts, microseconds since the epoch; `None` for what does not end by itself.
    pub until: Option<Timestamp>,
    /// What is kept.
    pub data: T,
}

impl<T> Kept<T> {
    /// Whether it still counts.
    pub fn live(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

fn damaged(collection: Collection) -> StoreError {
    StoreError::Corrupt(format!("a record of '{}' is not readable", collection.0))
}

fn decode<T: DeserializeOwned>(
    collection: Collection,
    version: u64,
    bytes: &[u8],
) -> Result<Kept<T>, StoreError> {
    let stored: Stored<T> = serde_json::from_slice(bytes).map_err(|_| damaged(collection))?;
    if stored.v != VERSION {
        return Err(damaged(collection));
    }
    Ok(Kept { version, until: stored.until, data: stored.data })
}

/// Reads one record, expired or not.
pub async fn read<T: DeserializeOwned>(
    store: &dyn Store,
    tenant: &TenantId,
    collection: Collection,
    key: &[u8],
) -> Result<Option<Kept<T>>, StoreError> {
    match store.record(tenant, collection, key).await? {
        Some(record) => decode(collection, record.version, &record.value).map(Some),
        None => Ok(None),
    }
}

/// Reads a page of records in key order.
pub async fn scan<T: DeserializeOwned>(
    store: &dyn Store,
    tenant: &TenantId,
    collection: Collection,
    scan: &Scan,
) -> Result<Vec<(Vec<u8>, Kept<T>)>, StoreError> {
    let found = store.records(tenant, collection, scan).await?;
    found
        .into_iter()
        .map(|(key, record)| Ok((key, decode(collection, record.version, &record.value)?)))
        .collect()
}

/// Reads every record, in key order.
pub async fn all<T: DeserializeOwned>(
    store: &dyn Store,
    tenant: &TenantId,
    collection: Collection,
) -> Result<Vec<(Vec<u8>, Kept<T>)>, StoreError> {
    let mut all = Vec::new();
    let mut page = Scan { limit: PAGE, ..Scan::default() };
    loop {
        let found = scan(store, tenant, collection, &page).await?;
        let Some((last, _)) = found.last() else { return Ok(all) };
        page.after = Some(last.clone());
        all.extend(found);
    }
}

/// The operation that stores a record.
pub fn put<T: Serialize>(
    collection: Collection,
    key: &[u8],
    until: Option<Timestamp>,
    data: &T,
    expect: Expect,
) -> Result<Op, StoreError> {
    let value =
        serde_json::to_vec(&Stored { v: VERSION, until, data }).map_err(|_| damaged(collection))?;
    Ok(Op::PutRecord { collection, key: key.to_vec(), value, expect })
}

/// The operation that removes a record.
pub fn delete(collection: Collection, key: &[u8], expect: Expect) -> Op {
    Op::DeleteRecord { collection, key: key.to_vec(), expect }
}

/// The precondition that a record is as it was read, or still not there.
pub fn unchanged<T>(kept: Option<&Kept<T>>) -> Expect {
    kept.map_or(Expect::Absent, |kept| Expect::Version(kept.version))
}

/// Commits; `false` when a precondition did not hold and nothing was done. For sets without counters.
pub async fn try_commit(store: &dyn Store, set: WriteSet) -> Result<bool, StoreError> {
    match store.commit(set).await {
        Ok(_) => Ok(true),
        Err(StoreError::Conflict { conflict, .. }) => {
            tracing::debug!(?conflict, "a write lost a race or found a changed record");
            debug_assert!(conflict != Conflict::OutOfBounds, "a counter is no race");
            Ok(false)
        }
        Err(error) => Err(error),
    }
}
