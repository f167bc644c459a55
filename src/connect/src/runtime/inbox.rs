//! Messages that came by themselves and wait to be taken over.

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tsunagu_domain::{Clock, IdGen, TenantId, Timestamp};
use tsunagu_store::{Conflict, Expect, Op, Scan, Store, StoreError, WriteSet};

use super::digest::{hex, of_parts};
use super::kept::{INBOX, SEEN, WAITING, decode, encode, key, prefix, put, unavailable};
use super::vitals::Vitals;
use crate::{
    Accepted, Batch, ConnectError, Cursor, Inbox, Item, NotKept, RowReport, Source, guard,
};

/// So many are taken over at once.
const BATCH: usize = 500;

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
        let now = self.clock.micros();
        let digest = of_parts([accepted.id.as_bytes()]);
        let input = format!("message {}", hex(digest.get(..8).unwrap_or_default()));
        let seen = encode(&Seen { v: 1, until: accepted.repeats_until })?;
        let mut set = WriteSet::new(self.tenant.clone()).with(Op::PutRecord {
            collection: SEEN,
            key: key(&self.name, &digest),
            value: seen,
            expect: Expect::Absent,
        });
        // Sorted by when it came; by chance within a moment, and in its own order within a message.
        let came = u64::try_from(now).unwrap_or(0).to_be_bytes();
        let place = [&came[..], &self.ids.bytes16()].concat();
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
            Err(StoreError::Conflict { .. }) => Ok(()),
            Err(error) => Err(unavailable(&error).into()),
        }
    }
}

impl StoredInbox {
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

/// The inbox, as what is polled. Its cursor is a digest of what was given; what was taken over is removed.
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

    async fn waiting(&self) -> Result<Vec<(Vec<u8>, Waiting)>, ConnectError> {
        let scan = Scan { prefix: prefix(&self.name), limit: BATCH, ..Scan::default() };
        let found = self.store.records(&self.tenant, INBOX, &scan).await;
        let found = found.map_err(|error| unavailable(&error))?;
        found.into_iter().map(|(key, record)| Ok((key, decode(&record.value)?))).collect()
    }

    async fn remove(&mut self) -> Result<(), ConnectError> {
        let keys = std::mem::take(&mut self.given);
        if keys.is_empty() {
            return Ok(());
        }
        let mut set = WriteSet::new(self.tenant.clone()).with(Op::Add {
            collection: WAITING,
            key: self.name.as_bytes().to_vec(),
            delta: -i64::try_from(keys.len()).unwrap_or(i64::MAX),
            min: 0,
            max: i64::MAX,
        });
        for key in keys {
            // Present, so that a second removal takes nothing off the count.
            set.ops.push(Op::DeleteRecord { collection: INBOX, key, expect: Expect::Present });
        }
        match self.store.commit(set).await {
            Ok(_) | Err(StoreError::Conflict { .. }) => Ok(()),
            Err(error) => Err(unavailable(&error)),
        }
    }
}

#[async_trait]
impl Source for InboxSource {
    async fn poll(&mut self, cursor: Option<&Cursor>) -> Result<Batch, ConnectError> {
        let mut waiting = self.waiting().await?;
        self.given = waiting.iter().map(|(key, _)| key.clone()).collect();
        if cursor == Some(&cursor_of(&self.given)) && !self.given.is_empty() {
            // All of this was taken over; only the removal did not happen.
            self.remove().await?;
            waiting = self.waiting().await?;
            self.given = waiting.iter().map(|(key, _)| key.clone()).collect();
        }
        let empty = Cursor(String::new());
        let more = waiting.len() == BATCH;
        let cursor = if waiting.is_empty() {
            cursor.cloned().unwrap_or(empty)
        } else {
            cursor_of(&self.given)
        };
        let item =
            |(_, waiting): (_, Waiting)| Item::record(waiting.record, waiting.input, waiting.line);
        let items = waiting.into_iter().map(item).collect();
        Ok(Batch { items, report: RowReport::default(), cursor, more })
    }

    async fn acknowledge(&mut self, cursor: &Cursor) -> Result<(), ConnectError> {
        if *cursor == cursor_of(&self.given) {
            self.remove().await?;
        }
        Ok(())
    }
}

fn cursor_of(keys: &[Vec<u8>]) -> Cursor {
    Cursor(hex(&of_parts(keys.iter().map(Vec::as_slice))))
}
