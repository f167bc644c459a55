//! Which connectors have a subscription, so that none outlives its connector.

use tsunagu_domain::TenantId;
use tsunagu_store::{Scan, Store, WriteSet};

use super::kept::{SINKS, delete, put, unavailable};
use crate::ConnectError;

/// More connectors with sinks than anybody has.
const MOST: usize = 10_000;

/// Their names.
pub(super) async fn known(
    store: &dyn Store,
    tenant: &TenantId,
) -> Result<Vec<String>, ConnectError> {
    let scan = Scan { limit: MOST, ..Scan::default() };
    let found = store.records(tenant, SINKS, &scan).await.map_err(|error| unavailable(&error))?;
    Ok(found.into_iter().filter_map(|(key, _)| String::from_utf8(key).ok()).collect())
}

/// Notes that one has a subscription, or has none any more.
pub(super) async fn remember(
    store: &dyn Store,
    tenant: &TenantId,
    name: &str,
    has: bool,
) -> Result<(), ConnectError> {
    let key = name.as_bytes().to_vec();
    let op =
        if has { put(SINKS, key, &serde_json::json!({ "v": 1 }))? } else { delete(SINKS, key) };
    let done = store.commit(WriteSet::new(tenant.clone()).with(op)).await;
    done.map(drop).map_err(|error| unavailable(&error))
}
