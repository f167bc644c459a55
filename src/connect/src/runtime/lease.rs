//! Which gateway runs a feed: one at a time, where several work on one store.

use serde::{Deserialize, Serialize};
use tsunagu_domain::{Clock, TenantId, Timestamp};
use tsunagu_store::{Expect, Op, Store, StoreError, WriteSet};

use super::kept::{LEASES, decode, encode, unavailable};
use crate::ConnectError;

/// How long a feed is its holder's after it last did something. If the holder is killed, the feed waits so long.
const LEASE: i64 = 20_000_000;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Held {
    v: u32,
    holder: String,
    until: Timestamp,
}

/// One feed's lease, as one gateway sees it.
#[derive(Debug)]
pub(super) struct Lease {
    key: Vec<u8>,
    holder: String,
    version: Option<u64>,
}

impl Lease {
    pub(super) fn new(feed: &str, holder: &str) -> Self {
        Self { key: feed.as_bytes().to_vec(), holder: holder.to_owned(), version: None }
    }

    fn op(&self, now: Timestamp, expect: Expect) -> Result<Op, ConnectError> {
        let until = now.saturating_add(LEASE);
        let value = encode(&Held { v: 1, holder: self.holder.clone(), until })?;
        Ok(Op::PutRecord { collection: LEASES, key: self.key.clone(), value, expect })
    }

    /// Takes or keeps the feed; `false` while another gateway has it.
    pub(super) async fn hold(
        &mut self,
        store: &dyn Store,
        tenant: &TenantId,
        clock: &dyn Clock,
    ) -> Result<bool, ConnectError> {
        let found = store.record(tenant, LEASES, &self.key).await;
        let found = found.map_err(|error| unavailable(&error))?;
        let now = clock.micros();
        let expect = match &found {
            None => Expect::Absent,
            Some(record) => {
                let held: Held = decode(&record.value)?;
                // A lease from far in the future is of a clock that was wrong.
                let live = (now..now.saturating_add(2 * LEASE)).contains(&held.until);
                if held.holder != self.holder && live {
                    self.version = None;
                    return Ok(false);
                }
                if held.holder == self.holder && held.until > now.saturating_add(LEASE / 2) {
                    self.version = Some(record.version);
                    return Ok(true);
                }
                Expect::Version(record.version)
            }
        };
        match store.commit(WriteSet::new(tenant.clone()).with(self.op(now, expect)?)).await {
            Ok(receipt) => {
                self.version = Some(receipt.version);
                Ok(true)
            }
            Err(StoreError::Conflict { .. }) => Ok(false),
            Err(error) => Err(unavailable(&error)),
        }
    }

    /// Makes a set of writes hold only while the feed is still this gateway's, and keeps it.
    pub(super) fn guard(&self, set: &mut WriteSet, now: Timestamp) -> Result<(), ConnectError> {
        let version = self.version.ok_or_else(|| {
            ConnectError::Unavailable("another gateway runs this connector now".to_owned())
        })?;
        set.ops.push(self.op(now, Expect::Version(version))?);
        Ok(())
    }

    /// The guarded set was committed.
    pub(super) fn kept(&mut self, version: u64) {
        self.version = Some(version);
    }

    /// Gives the feed back, if it is this gateway's.
    pub(super) async fn release(&mut self, store: &dyn Store, tenant: &TenantId) {
        if let Some(version) = self.version.take() {
            let expect = Expect::Version(version);
            let op = Op::DeleteRecord { collection: LEASES, key: self.key.clone(), expect };
            // Whoever took it meanwhile keeps it; otherwise it ends by itself.
            store.commit(WriteSet::new(tenant.clone()).with(op)).await.ok();
        }
    }
}
