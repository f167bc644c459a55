//! Takes deletion orders from the outbox to their clients, each at least once and until it is taken.
//!
//! A taken order is put back under a later time before it is sent, so that another process takes it up should this one die; it leaves the
//! outbox in the transaction that books the client's answer.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::Deserialize;
use tsunagu_domain::{ClientId, Problem, TenantId, Timestamp, TsunoId};
use tsunagu_store::{Expect, Op, Record, Scan};

use crate::ledger::keys::{self, OUTBOX};
use crate::ledger::orders::put;
use crate::{DeletionOrder, Ledger};

/// How a client is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// Where it takes events, if it told.
    pub endpoint: Option<String>,
    /// The person as it knows them.
    pub principal: TsunoId,
}

/// What a client answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// HTTP status.
    pub status: u16,
    /// Body.
    pub body: Vec<u8>,
}

/// The way to clients, which this room does not know.
#[async_trait]
pub trait Recipients: Send + Sync + 'static {
    /// How a client is reached about a person; `None` when it is not registered any more.
    async fn find(
        &self,
        tenant: &TenantId,
        client: &ClientId,
        subject: TsunoId,
    ) -> Result<Option<Recipient>, Problem>;

    /// Pushes a security event token (RFC 8935): `POST` with `application/secevent+jwt`. The error is a reason without personal data.
    async fn push(&self, endpoint: &str, token: String) -> Result<Answered, String>;
}

/// How patient the deliverer is.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// How long a taken order stays hidden from others, should its taker die.
    pub lease: Duration,
    /// Wait after the first failure; doubled after each further one.
    pub first_wait: Duration,
    /// Longest wait.
    pub longest_wait: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            lease: Duration::from_mins(1),
            first_wait: Duration::from_secs(1),
            longest_wait: Duration::from_hours(1),
        }
    }
}

/// What one round did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Orders that clients have taken and will say when they are done.
    pub taken: u64,
    /// Orders that clients say are done.
    pub done: u64,
    /// Orders put off: the client did not take them, or has told of no endpoint.
    pub deferred: u64,
}

/// What a client may say in its answer.
#[derive(Deserialize)]
struct Said {
    #[serde(default)]
    deleted: bool,
}

enum Outcome {
    Taken,
    Done,
    Deferred,
    /// Another process was quicker.
    Skipped,
}

/// Brings deletion orders to clients.
pub struct Deletions {
    ledger: Arc<Ledger>,
    recipients: Arc<dyn Recipients>,
    patience: Patience,
}

impl fmt::Debug for Deletions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deletions").field("patience", &self.patience).finish_non_exhaustive()
    }
}

/// So many are looked up at once.
const BATCH: usize = 64;

impl Deletions {
    /// Of this ledger, by this way.
    pub fn new(ledger: Arc<Ledger>, recipients: Arc<dyn Recipients>, patience: Patience) -> Self {
        Self { ledger, recipients, patience }
    }

    /// Takes up every order that is due, the longest due first.
    pub async fn run_once(&self, tenant: &TenantId) -> Result<Delivered, Problem> {
        let now = self.ledger.clock.micros();
        let mut delivered = Delivered::default();
        let mut after = None;
        loop {
            let scan = Scan { after, limit: BATCH, ..Scan::default() };
            let page = self.ledger.store.records(tenant, OUTBOX, &scan).await?;
            for (key, record) in &page {
                if keys::read_timed(key)? > now {
                    return Ok(delivered);
                }
                let count = match self.deliver(tenant, key, record, now).await? {
                    Outcome::Taken => &mut delivered.taken,
                    Outcome::Done => &mut delivered.done,
                    Outcome::Deferred => &mut delivered.deferred,
                    Outcome::Skipped => continue,
                };
                *count += 1;
            }
            after = page.last().map(|(key, _)| key.clone());
            if page.len() < BATCH {
                return Ok(delivered);
            }
        }
    }

    async fn deliver(
        &self,
        tenant: &TenantId,
        key: &[u8],
        record: &Record,
        now: Timestamp,
    ) -> Result<Outcome, Problem> {
        let consent = keys::pointed(&record.value)?;
        let remove = |key: &[u8], expect| Op::DeleteRecord {
            collection: OUTBOX,
            key: key.to_owned(),
            expect,
        };
        let from = remove(key, Expect::Version(record.version));
        let Some((version, order)) = self
            .ledger
            .ordered(tenant, &consent)
            .await?
            .filter(|(_, order)| order.taken_at.is_none())
        else {
            // Said to be done before it was sent.
            self.ledger.commit(tenant, vec![from]).await?;
            return Ok(Outcome::Skipped);
        };
        let order = DeletionOrder { attempts: order.attempts.saturating_add(1), ..order };
        let wait = self.wait(order.attempts);
        // Hidden for as long as sending may take, and then for as long as a failure would make it wait.
        let again =
            keys::timed(now.saturating_add(micros(self.patience.lease).max(wait)), &consent);
        let later = Op::PutRecord {
            collection: OUTBOX,
            key: again.clone(),
            value: keys::pointer(&consent)?,
            expect: Expect::Absent,
        };
        if !self
            .ledger
            .commit(tenant, vec![from, later, put(&order, Expect::Version(version))?])
            .await?
        {
            return Ok(Outcome::Skipped);
        }
        let Some(done) = self.push(tenant, &order).await? else {
            self.put_off(tenant, &again, &consent, now.saturating_add(wait)).await?;
            return Ok(Outcome::Deferred);
        };
        // The order may have been acknowledged by a call while its answer was on the way.
        for _ in 0..8 {
            let Some((version, order)) = self.ledger.ordered(tenant, &consent).await? else {
                break;
            };
            let mut ops = vec![remove(&again, Expect::Any)];
            if order.done_at.is_none() && done {
                self.ledger.done(order, version, "deletion-order", &mut ops)?;
            } else if order.taken_at.is_none() {
                let taken = DeletionOrder { taken_at: Some(self.ledger.clock.micros()), ..order };
                ops.push(put(&taken, Expect::Version(version))?);
            }
            if self.ledger.commit(tenant, ops).await? {
                break;
            }
        }
        Ok(if done { Outcome::Done } else { Outcome::Taken })
    }

    /// Sends an order; whether the client says that it is done, or `None` when it did not take it.
    async fn push(
        &self,
        tenant: &TenantId,
        order: &DeletionOrder,
    ) -> Result<Option<bool>, Problem> {
        let found = self.recipients.find(tenant, &order.client, order.subject).await?;
        let Some(Recipient { endpoint: Some(endpoint), principal }) = found else {
            tracing::warn!(client = %order.client, order = order.id, "a deletion order waits: its client has told of no endpoint for events");
            return Ok(None);
        };
        let token = self.ledger.order_event(order, principal)?;
        let answered = match self.recipients.push(&endpoint, token).await {
            Ok(answered) => answered,
            Err(reason) => {
                tracing::warn!(client = %order.client, order = order.id, reason, "a deletion order did not arrive");
                return Ok(None);
            }
        };
        if !(200..300).contains(&answered.status) {
            tracing::warn!(client = %order.client, order = order.id, answered.status, "a deletion order was not taken");
            return Ok(None);
        }
        let said = serde_json::from_slice::<Said>(&answered.body);
        Ok(Some(said.is_ok_and(|said| said.deleted)))
    }

    /// Brings the next try forward from the end of the lease to the end of the wait.
    async fn put_off(
        &self,
        tenant: &TenantId,
        from: &[u8],
        consent: &str,
        to: Timestamp,
    ) -> Result<(), Problem> {
        let to = keys::timed(to, consent);
        if to == from {
            return Ok(());
        }
        let (collection, value) = (OUTBOX, keys::pointer(consent)?);
        let from = Op::DeleteRecord { collection, key: from.to_owned(), expect: Expect::Present };
        let to = Op::PutRecord { collection, key: to, value, expect: Expect::Absent };
        self.ledger.commit(tenant, vec![from, to]).await.map(drop)
    }

    fn wait(&self, attempts: u32) -> i64 {
        let (first, longest) =
            (micros(self.patience.first_wait), micros(self.patience.longest_wait));
        first.saturating_mul(1 << attempts.saturating_sub(1).min(30)).min(longest)
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
