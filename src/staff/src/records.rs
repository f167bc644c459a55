//! How this room writes its records: JSON `{"v":1,"until":…,"data":{…}}`.

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use tsunagu_domain::{Problem, ProblemCode, TenantId, Timestamp};
use tsunagu_identity::Services;
use tsunagu_store::{Collection, Conflict, Expect, Op, Scan, Store, StoreError, WriteSet};

/// Name → the member of this name, of whom no other account has it again.
pub(crate) const MEMBERS: Collection = Collection("staff-member");
/// Digest of a cookie → session.
pub(crate) const SESSIONS: Collection = Collection("staff-session");

const VERSION: u8 = 1;

/// Records that are read at once.
const PAGE: usize = 200;

/// So often a race may be lost before the caller is told.
pub(crate) const ATTEMPTS: usize = 8;

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
pub(crate) struct Kept<T> {
    pub(crate) version: u64,
    pub(crate) until: Option<Timestamp>,
    pub(crate) data: T,
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
pub(crate) async fn read<T: DeserializeOwned>(
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

/// A page of records.
pub(crate) async fn page<T: DeserializeOwned>(
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

/// Every record, in key order.
pub(crate) async fn all<T: DeserializeOwned>(
    store: &dyn Store,
    tenant: &TenantId,
    collection: Collection,
) -> Result<Vec<(Vec<u8>, Kept<T>)>, StoreError> {
    let mut found = Vec::new();
    let mut page = Scan { limit: PAGE, ..Scan::default() };
    loop {
        let records = store.records(tenant, collection, &page).await?;
        let Some((last, _)) = records.last() else { return Ok(found) };
        page.after = Some(last.clone());
        for (key, record) in records {
            found.push((key, decode(collection, record.version, &record.value)?));
        }
    }
}

/// The operation that stores a record.
pub(crate) fn put<T: Serialize>(
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
pub(crate) fn delete(collection: Collection, key: &[u8], expect: Expect) -> Op {
    Op::DeleteRecord { collection, key: key.to_vec(), expect }
}

/// The precondition that a record is as it was read, or still not there.
pub(crate) fn unchanged<T>(kept: Option<&Kept<T>>) -> Expect {
    kept.map_or(Expect::Absent, |kept| Expect::Version(kept.version))
}

/// Commits; `false` when a precondition did not hold and nothing was done.
pub(crate) async fn try_commit(store: &dyn Store, set: WriteSet) -> Result<bool, StoreError> {
    match store.commit(set).await {
        Ok(_) => Ok(true),
        Err(StoreError::Conflict { conflict, .. }) => {
            debug_assert!(conflict != Conflict::OutOfBounds, "this room keeps no counters");
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// What is told when a race was lost too often.
pub(crate) fn busy() -> Problem {
    Problem::new(
        ProblemCode::Conflict,
        "something else changed this at the same moment; look at it again and repeat",
    )
}

/// Deletes sessions whose time is over, and says how many. They count for nothing already: this only frees their space.
pub async fn sweep(services: &Services, tenant: &TenantId) -> Result<u64, Problem> {
    let (store, now) = (&*services.store, services.clock.micros());
    let mut swept = 0;
    for (key, kept) in all::<IgnoredAny>(store, tenant, SESSIONS).await? {
        if kept.until.is_some_and(|until| now >= until) {
            let op = delete(SESSIONS, &key, Expect::Version(kept.version));
            swept += u64::from(try_commit(store, WriteSet::new(tenant.clone()).with(op)).await?);
        }
    }
    Ok(swept)
}
