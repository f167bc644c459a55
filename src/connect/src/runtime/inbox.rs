//! Messages that came by themselves and wait to be taken over.

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tsunagu_domain::{Clock, IdGen, TenantId, Timestamp, hex};
use tsunagu_store::{Collection, Conflict, Expect, Op, Scan, Store, StoreError, WriteSet};

use super::digest::of_parts;
use super::kept::{INBOX, SEEN, SEQUENCE, WAITING, decode, encode, key, prefix, put, unavailable};
use super::vitals::Vitals;
use crate::{Accepted, Batch, ConnectError, Cursor, Inbox, Item, NotKept, RowReport, guard};

/// So many are taken over at once.
const BATCH: usize = 500;
/// Places in the order begin here: after every moment in microseconds, which earlier versions of the gateway had in their place.
const FIRST_PLACE: u64 = 1 << 62;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Waiting {
    v: u32,
    /// The sender's name for it, as a digest: names can be telling.
    input: String,
    line: u64,
    record: Box<RawValue>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Seen {
    v: u32,
    until: Timestamp,
}

/// The inbox of one connector.
pub(super) struct StoredInbox {
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) ids: Arc<dyn IdGen>,
    pub(super) tenant: TenantId,
    pub(super) name: String,
    pub(super) most: u32,
    pub(super) vitals: Arc<Vitals>,
}

#[async_trait]
impl Inbox for StoredInbox {
    async fn keep(&self, accepted: Accepted) -> Result<(), NotKept> {
        if accepted.records.iter().any(|record| guard::holds_individual_number(record)) {
            self.vitals.count(|counters| counters.rejected += 1);
            return Err(NotKept::IndividualNumber);
        }
        if accepted.records.len() > self.most as usize {
            self.vitals.count(|counters| counters.rejected += 1);
            return Err(NotKept::TooMany { most: self.most });
        }
        let place = self.place().await?;
        let digest = of_parts([accepted.id.as_bytes()]);
        let input = format!("message {}", hex(digest.get(..8).unwrap_or_default()));
        let seen = encode(&Seen { v: 1, until: accepted.repeats_until })?;
        let mut set = WriteSet::new(self.tenant.clone()).with(Op::PutRecord {
            collection: SEEN,
            key: key(&self.name, &digest),
            value: seen,
            expect: Expect::Absent,
        });
        set.ops.push(Op::Add {
            collection: SEQUENCE,
            key: self.name.as_bytes().to_vec(),
            delta: 1,
            min: 0,
            max: i64::MAX,
        });
        let count = i64::try_from(accepted.records.len()).unwrap_or(i64::MAX);
        for (line, record) in (1u64..).zip(accepted.records) {
            let at = [&place[..], &line.to_be_bytes()].concat();
            let waiting = Waiting { v: 1, input: input.clone(), line, record };
            set.ops.push(put(INBOX, key(&self.name, &at), &waiting)?);
        }
        if count > 0 {
            set.ops.push(Op::Add {
                collection: WAITING,
                key: self.name.as_bytes().to_vec(),
                delta: count,
                min: 0,
                max: i64::from(self.most),
            });
        }
        match self.store.commit(set).await {
            Ok(_) => {
                self.vitals.count(|counters| counters.received += 1);
                self.vitals.link_works();
                self.vitals.wake();
                Ok(())
            }
            Err(StoreError::Conflict { conflict: Conflict::OutOfBounds, .. }) => {
                Err(ConnectError::Unavailable("the connector's inbox is full".to_owned()).into())
            }
            // Only the sender's name for it can be there already: it was kept before.
            Err(StoreError::Conflict { .. }) => {
                self.vitals.count(|counters| counters.repeated += 1);
                Ok(())
            }
            Err(StoreError::Refused(_)) => {
                self.vitals.count(|counters| counters.rejected += 1);
                Err(NotKept::TooLarge)
            }
            Err(error) => Err(unavailable(&error).into()),
        }
    }
}

impl StoredInbox {
    /// Where a message belongs that comes now: behind all that were acknowledged, through whichever gateway; by chance among those that come at the
    /// same moment. What is read here grew with each of them in its own transaction. Clocks can be set, and two gateways have two.
    async fn place(&self) -> Result<Vec<u8>, ConnectError> {
        let came = counter(&*self.store, &self.tenant, SEQUENCE, &self.name).await?;
        Ok([&FIRST_PLACE.saturating_add(came).to_be_bytes()[..], &self.ids.bytes16()].concat())
    }

    /// Forgets the names of messages that can no longer be repeated.
    pub(super) async fn tidy(&self) -> Result<(), ConnectError> {
        let (now, mut after) = (self.clock.micros(), None);
        loop {
            let scan = Scan { prefix: prefix(&self.name), after, limit: BATCH, ..Scan::default() };
            let found = self.store.records(&self.tenant, SEEN, &scan).await;
            let found = found.map_err(|error| unavailable(&error))?;
            let Some((last, _)) = found.last() else { return Ok(()) };
            after = Some(last.clone());
            let mut set = WriteSet::new(self.tenant.clone());
            for (key, record) in found {
                let seen: Seen = decode(&record.value)?;
                if seen.until < now {
                    let expect = Expect::Any;
                    set.ops.push(Op::DeleteRecord { collection: SEEN, key, expect });
                }
            }
            if !set.ops.is_empty() {
                self.store.commit(set).await.map_err(|error| unavailable(&error))?;
            }
        }
    }
}

/// How many records wait in the inbox of a connector.
pub(super) async fn size(
    store: &dyn Store,
    tenant: &TenantId,
    name: &str,
) -> Result<u64, ConnectError> {
    counter(store, tenant, WAITING, name).await
}

async fn counter(
    store: &dyn Store,
    tenant: &TenantId,
    collection: Collection,
    name: &str,
) -> Result<u64, ConnectError> {
    let found = store.record(tenant, collection, name.as_bytes()).await;
    found.map_err(|error| unavailable(&error))?.map_or(Ok(0), |record| {
        let bytes = <[u8; 8]>::try_from(record.value.as_slice());
        bytes.map(u64::from_be_bytes).map_err(|_| {
            ConnectError::Unavailable("a counter of a connector's inbox is damaged".to_owned())
        })
    })
}

/// The inbox, as what is polled. What was taken over is removed in the same transaction that remembers it, so the cursor never moves.
pub(super) struct InboxSource {
    store: Arc<dyn Store>,
    tenant: TenantId,
    name: String,
    /// What the last batch was made of.
    given: Vec<Vec<u8>>,
}

impl InboxSource {
    pub(super) fn new(store: Arc<dyn Store>, tenant: TenantId, name: &str) -> Self {
        Self { store, tenant, name: name.to_owned(), given: Vec::new() }
    }

    pub(super) async fn poll(&mut self) -> Result<Batch, ConnectError> {
        let scan = Scan { prefix: prefix(&self.name), limit: BATCH, ..Scan::default() };
        let found = self.store.records(&self.tenant, INBOX, &scan).await;
        let found = found.map_err(|error| unavailable(&error))?;
        let more = found.len() == BATCH;
        let (mut given, mut items) = (Vec::new(), Vec::new());
        for (key, record) in found {
            let waiting: Waiting = decode(&record.value)?;
            given.push(key);
            items.push(Item::record(waiting.record, waiting.input, waiting.line));
        }
        self.given = given;
        Ok(Batch { items, report: RowReport::default(), cursor: Cursor(String::new()), more })
    }

    /// What removes the last batch; to be done with what it brought.
    pub(super) fn removal(&mut self) -> Vec<Op> {
        let keys = std::mem::take(&mut self.given);
        if keys.is_empty() {
            return Vec::new();
        }
        let less = Op::Add {
            collection: WAITING,
            key: self.name.as_bytes().to_vec(),
            delta: -i64::try_from(keys.len()).unwrap_or(i64::MAX),
            min: 0,
            max: i64::MAX,
        };
        let expect = Expect::Present;
        let remove = |key| Op::DeleteRecord { collection: INBOX, key, expect };
        std::iter::once(less).chain(keys.into_iter().map(remove)).collect()
    }
}
