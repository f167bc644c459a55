//! Keys and values as bytes.
//!
//! | keyspace | key | value |
//! | --- | --- | --- |
//! | `entities` | tenant 0 id | version (8 bytes, big-endian), document |
//! | `index` | tenant 0 entry | empty |
//! | `records` | tenant 0 collection 0 key | version (8 bytes, big-endian), value |
//! | `logs` | tenant 0 log 0 index (8 bytes, big-endian) | entry |
//! | `instances` | tenant 0 entity 0 series, time, id (40 bytes, see [`tsunagu_store::temporal`]) | instance of the past |
//! | `meta` | name | bytes |
//!
//! What is kept of deleted entities is in `entities` and `index` under another name of the tenant.
//!
//! Names of tenants, collections and logs hold no zero byte, so a prefix belongs to exactly one of them.

use std::ops::Bound;

use bytes::Bytes;
use tsunagu_domain::TenantId;
use tsunagu_ngsi_ld::EntityDoc;
use tsunagu_store::temporal::{self, InstanceRange, Place, SUFFIX, Series};
use tsunagu_store::{Collection, Found, Log, Record, Scan, StoreError, successor};

/// A range of keys.
pub(crate) type KeyRange = (Bound<Vec<u8>>, Bound<Vec<u8>>);

pub(crate) fn of_tenant(tenant: &TenantId, rest: &[u8]) -> Vec<u8> {
    [tenant.as_str().as_bytes(), b"\0", rest].concat()
}

pub(crate) fn entity(tenant: &TenantId, id: &str) -> Vec<u8> {
    of_tenant(tenant, id.as_bytes())
}

pub(crate) fn record(tenant: &TenantId, collection: Collection, key: &[u8]) -> Vec<u8> {
    [tenant.as_str().as_bytes(), b"\0", collection.0.as_bytes(), b"\0", key].concat()
}

pub(crate) fn log_prefix(tenant: &TenantId, log: Log) -> Vec<u8> {
    [tenant.as_str().as_bytes(), b"\0", log.0.as_bytes(), b"\0"].concat()
}

pub(crate) fn log_entry(tenant: &TenantId, log: Log, index: u64) -> Vec<u8> {
    let mut key = log_prefix(tenant, log);
    key.extend_from_slice(&index.to_be_bytes());
    key
}

/// What the instances of the past of an entity begin with.
pub(crate) fn instances(tenant: &TenantId, entity: &str) -> Vec<u8> {
    of_tenant(tenant, &[entity.as_bytes(), b"\0"].concat())
}

/// The keys of a part of a series.
pub(crate) fn ranged(base: &[u8], range: &InstanceRange) -> KeyRange {
    let (from, to) = range.keys();
    let from = [base, from.as_slice()].concat();
    let end = match to {
        Some(to) => Bound::Excluded([base, to.as_slice()].concat()),
        None => with_prefix(&[base, range.series.0.as_slice()].concat()).1,
    };
    (Bound::Included(from), end)
}

/// The entity (with its tenant), series and place in the key of an instance.
pub(crate) fn read_instance(key: &[u8]) -> Option<(&[u8], Series, Place)> {
    let (entity, suffix) = key.split_last_chunk::<SUFFIX>()?;
    let (series, place) = temporal::read_suffix(*suffix);
    Some((entity.strip_suffix(b"\0")?, series, place))
}

/// What stands after the tenant.
pub(crate) fn after_tenant(key: &[u8]) -> Option<&[u8]> {
    let at = key.iter().position(|b| *b == 0)?;
    key.get(at + 1..)
}

/// The index at the end of the key of a log entry.
pub(crate) fn log_index(key: &[u8]) -> Option<u64> {
    key.last_chunk::<8>().map(|bytes| u64::from_be_bytes(*bytes))
}

pub(crate) fn versioned(version: u64, value: &[u8]) -> Vec<u8> {
    let mut stored = Vec::with_capacity(8 + value.len());
    stored.extend_from_slice(&version.to_be_bytes());
    stored.extend_from_slice(value);
    stored
}

fn split(stored: &[u8]) -> Result<(u64, &[u8]), StoreError> {
    stored
        .split_first_chunk::<8>()
        .map(|(version, rest)| (u64::from_be_bytes(*version), rest))
        .ok_or_else(|| StoreError::Corrupt("a stored value is shorter than its version".to_owned()))
}

pub(crate) fn read_entity(stored: &[u8]) -> Result<Found, StoreError> {
    let (version, doc) = split(stored)?;
    let doc = EntityDoc::from_bytes(Bytes::copy_from_slice(doc)).map_err(|_| {
        StoreError::Corrupt(format!("the entity of version {version} does not decode"))
    })?;
    Ok(Found { version, doc })
}

pub(crate) fn read_record(stored: &[u8]) -> Result<Record, StoreError> {
    let (version, value) = split(stored)?;
    Ok(Record { version, value: value.to_vec() })
}

/// All keys that begin with a prefix.
pub(crate) fn with_prefix(prefix: &[u8]) -> KeyRange {
    let end = successor(prefix).map_or(Bound::Unbounded, Bound::Excluded);
    (Bound::Included(prefix.to_vec()), end)
}

/// The keys of a scan under `base`; `None` when there can be none.
pub(crate) fn scanned(base: &[u8], scan: &Scan) -> Option<KeyRange> {
    let (from, to) = scan.range()?;
    let (_, end) = with_prefix(base);
    let to = to.map_or(end, |to| Bound::Excluded([base, &to].concat()));
    Some((Bound::Included([base, &from].concat()), to))
}
