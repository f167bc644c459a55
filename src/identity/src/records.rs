//! How this room writes its records: JSON `{"v":1,"until":…,"data":{…}}`.

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use tsunagu_domain::{Problem, TenantId, Timestamp};
use tsunagu_store::{Collection, Conflict, Expect, Op, Scan, Store, StoreError, WriteSet};

use crate::Services;

pub(crate) const CLIENTS: Collection = Collection("client");
pub(crate) const SECTOR_KEYS: Collection = Collection("sector-key");
/// Which client is the server of a resource, by the digest of its identifier.
pub(crate) const RESOURCES: Collection = Collection("resource-server");
pub(crate) const SIGNING_KEYS: Collection = Collection("signing-key");
pub(crate) const LOGINS: Collection = Collection("login");
pub(crate) const IDENTITIES: Collection = Collection("identity");
pub(crate) const RESIDENTS: Collection = Collection("resident");
pub(crate) const MATCH_KEYS: Collection = Collection("match-key");
pub(crate) const PERSON_KEYS: Collection = Collection("person-key");
pub(crate) const IDENTITY_REVIEWS: Collection = Collection("identity-review");
pub(crate) const CLOSED: Collection = Collection("closed-resident");
pub(crate) const SUSPENSIONS: Collection = Collection("resident-suspension");
pub(crate) const LINK_REVIEWS: Collection = Collection("link-review");
pub(crate) const SESSIONS: Collection = Collection("session");
pub(crate) const AUTHORIZATION_REQUESTS: Collection = Collection("authorization-request");
pub(crate) const CODES: Collection = Collection("authorization-code");
pub(crate) const ASSERTIONS: Collection = Collection("client-assertion");
pub(crate) const REVOKED: Collection = Collection("revoked-token");
pub(crate) const PROOFS: Collection = Collection("dpop-proof");
pub(crate) const REFRESH: Collection = Collection("refresh-token");
pub(crate) const LOGOUTS: Collection = Collection("logout-request");

/// Collections whose records may be deleted once their time is over.
const PERISHABLE: [Collection; 10] = [
    LOGINS,
    SESSIONS,
    AUTHORIZATION_REQUESTS,
    CODES,
    ASSERTIONS,
    REVOKED,
    PROOFS,
    REFRESH,
    LOGOUTS,
    IDENTITY_REVIEWS,
];

const VERSION: u8 = 1;

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

impl<T> Kept<T> {
    pub(crate) fn live(&self, now: Timestamp) -> bool {
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

/// Reads a page of records in key order.
pub(crate) async fn scan<T: DeserializeOwned>(
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

/// Commits; `false` when a precondition did not hold and nothing was done.
pub(crate) async fn try_commit(store: &dyn Store, set: WriteSet) -> Result<bool, StoreError> {
    match store.commit(set).await {
        Ok(_) => Ok(true),
        Err(StoreError::Conflict { conflict, .. }) => {
            tracing::debug!(?conflict, "a write lost a race or found a changed record");
            debug_assert!(conflict != Conflict::OutOfBounds, "this room keeps no counters");
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// Deletes records and keys of sectors whose time is over, and says how many. They count for nothing already: this only frees their space.
pub async fn sweep(services: &Services, tenant: &TenantId) -> Result<u64, Problem> {
    let now = services.clock.micros();
    let mut swept = 0;
    for collection in PERISHABLE {
        let mut page = Scan { limit: 500, ..Scan::default() };
        loop {
            let found = scan::<IgnoredAny>(&*services.store, tenant, collection, &page).await?;
            let Some((last, _)) = found.last() else { break };
            page.after = Some(last.clone());
            let over = found.iter().filter(|(_, kept)| !kept.live(now));
            let gone =
                over.map(|(key, kept)| delete(collection, key, Expect::Version(kept.version)));
            let gone: Vec<Op> = gone.collect();
            swept += delete_all(services, tenant, gone).await?;
        }
    }
    swept += crate::sectors::forget_earlier(services, tenant).await?;
    Ok(swept)
}

/// Deletes in one commit; where one of the records was changed meanwhile, one by one.
async fn delete_all(services: &Services, tenant: &TenantId, ops: Vec<Op>) -> Result<u64, Problem> {
    let store = &*services.store;
    let count = ops.len() as u64;
    let all = WriteSet { tenant: tenant.clone(), ops: ops.clone() };
    if ops.is_empty() || try_commit(store, all).await? {
        return Ok(count);
    }
    let mut deleted = 0;
    for op in ops {
        let set = WriteSet::new(tenant.clone()).with(op);
        deleted += u64::from(try_commit(store, set).await?);
    }
    Ok(deleted)
}
