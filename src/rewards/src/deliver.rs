//! Takes orders from the outbox to the issuer.
//!
//! Whatever happens between two steps, starting again ends with one grant: an order is marked as sent **before** it is sent; one
//! so marked is first looked up at the issuer by its key; and it leaves the outbox in the transaction that books its end. Two deliverers
//! may run at once: the version of the order decides who holds it.

mod take;
mod undo;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use serde::Serialize;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tsunagu_domain::{Clock, IdGen, TenantId, Timestamp};
use tsunagu_store::{Expect, Op, Scan, Store, StoreError, WriteSet};

use crate::ledger::{self, Step};
use crate::records::{
    AWARDS, OUTBOX, Order, after_time, decode, put, read_timed_key, timed_key, transition,
    transitions,
};
use crate::{Award, Issuer, IssuerError, IssuerGrant, Reason, State};

/// How patient the deliverer is.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// How long a taken order stays hidden from others, should its deliverer die.
    pub lease: Duration,
    /// Wait after the first failure; doubled after each further one.
    pub first_wait: Duration,
    /// Longest wait.
    pub longest_wait: Duration,
    /// How often to look without being woken.
    pub idle: Duration,
    /// Orders read at once.
    pub batch: usize,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            lease: Duration::from_mins(1),
            first_wait: Duration::from_secs(1),
            longest_wait: Duration::from_mins(15),
            idle: Duration::from_secs(1),
            batch: 64,
        }
    }
}

/// What one round did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Orders that the issuer confirmed.
    pub confirmed: u64,
    /// Orders put off: the issuer was away or its answer was lost.
    pub deferred: u64,
    /// Orders that the issuer refused; their coins are in the budget again.
    pub refused: u64,
    /// Orders taken back, before they were sent or by a decision of staff; their coins are in the budget again.
    pub voided: u64,
    /// Orders under whose key the issuer holds another grant. Staff must look.
    pub mismatched: u64,
    /// Orders that another deliverer took.
    pub skipped: u64,
    /// Orders that were put off and are older than a day.
    pub overdue: u64,
}

/// Tells a running deliverer that there is something to do. Call it after the commit of an activity.
#[derive(Debug, Clone, Default)]
pub struct Wake(Arc<Notify>);

impl Wake {
    /// Wakes the deliverer; if it is busy, it looks once more.
    pub fn wake(&self) {
        self.0.notify_one();
    }
}

/// Brings orders to the issuer.
pub struct Deliverer {
    store: Arc<dyn Store>,
    issuer: Arc<dyn Issuer>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGen>,
    tenants: Vec<TenantId>,
    pace: Pace,
    wake: Wake,
    silence: Mutex<Silence>,
    consents: Option<Arc<dyn Consents>>,
}

/// Tells whether a consent still stands.
#[async_trait]
pub trait Consents: Send + Sync + 'static {
    /// Whether the resident has withdrawn this consent. One that has ended by itself was not withdrawn.
    async fn withdrawn(&self, tenant: &TenantId, consent: &str) -> Result<bool, StoreError>;
}

/// After so many orders in a row without an answer, the issuer is left alone for a while.
const SILENT: u32 = 3;

/// How long nothing was heard of the issuer. A process that starts knows nothing of it and finds out by asking.
#[derive(Debug, Default)]
struct Silence {
    failures: u32,
    until: Timestamp,
}

impl Silence {
    /// Whether the issuer is to be left alone; never longer than `longest`, so that a clock put back ends it too.
    fn lasts(&self, now: Timestamp, longest: i64) -> bool {
        (now.saturating_add(1)..=now.saturating_add(longest)).contains(&self.until)
    }
}

impl fmt::Debug for Deliverer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deliverer")
            .field("tenants", &self.tenants)
            .field("pace", &self.pace)
            .finish_non_exhaustive()
    }
}

enum Outcome {
    Confirmed,
    Deferred,
    /// The issuer has it and tells later, or has answered and is asked once more.
    Awaited,
    /// Nobody was asked yet.
    Rests,
    Refused,
    Voided,
    Mismatched,
    Skipped,
}

/// An order held by this deliverer.
struct Held<'a> {
    tenant: &'a TenantId,
    key: Vec<u8>,
    version: u64,
    order: Order,
    /// Whether the award is on record as unknown already.
    unknown: bool,
}

impl Deliverer {
    /// For these municipalities.
    pub fn new(
        store: Arc<dyn Store>,
        issuer: Arc<dyn Issuer>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdGen>,
        tenants: Vec<TenantId>,
        pace: Pace,
    ) -> Self {
        Self {
            store,
            issuer,
            clock,
            ids,
            tenants,
            pace,
            wake: Wake::default(),
            silence: Mutex::default(),
            consents: None,
        }
    }

    /// What was awarded under a consent that is withdrawn before the order is sent is not sent.
    #[must_use]
    pub fn asking(self, consents: Arc<dyn Consents>) -> Self {
        Self { consents: Some(consents), ..self }
    }

    /// The handle that wakes this deliverer.
    pub fn waker(&self) -> Wake {
        self.wake.clone()
    }

    /// Delivers until told to stop. An order that is being sent is finished first.
    pub async fn run(self, shutdown: CancellationToken) {
        while !shutdown.is_cancelled() {
            match self.run_once(self.clock.micros()).await {
                Ok(report) if report.mismatched > 0 || report.overdue > 0 => {
                    tracing::warn!(?report, "orders to the coin issuer need attention");
                }
                Ok(report) if report != Report::default() => {
                    tracing::info!(?report, "orders to the coin issuer");
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::error!(%error, "orders to the coin issuer could not be read or booked");
                }
            }
            tokio::select! {
                () = shutdown.cancelled() => break,
                () = self.wake.0.notified() => {}
                () = tokio::time::sleep(self.pace.idle) => {}
            }
        }
    }

    /// Takes up every order that is due at `now`, the longest due first. While the issuer answers nothing, only one order at a time is
    /// tried, longer and longer apart, however many wait.
    pub async fn run_once(&self, now: Timestamp) -> Result<Report, StoreError> {
        let mut report = Report::default();
        if self.silence(|silence| silence.lasts(now, micros(self.pace.longest_wait))) {
            return Ok(report);
        }
        // No wait lasts longer: what is due after it was put off by a clock that was ahead, and is due now.
        let furthest = micros(self.pace.lease.saturating_mul(2).max(self.pace.longest_wait));
        let ahead = now.saturating_add(furthest);
        for tenant in &self.tenants {
            for (from, to) in [(None, now), (Some(ahead), Timestamp::MAX)] {
                if !self.round(tenant, from, to, now, &mut report).await? {
                    return Ok(report);
                }
            }
        }
        Ok(report)
    }

    /// Takes up the orders due from `from` (not included) to `to`; `false` when the issuer has fallen silent.
    async fn round(
        &self,
        tenant: &TenantId,
        from: Option<Timestamp>,
        to: Timestamp,
        now: Timestamp,
        report: &mut Report,
    ) -> Result<bool, StoreError> {
        let mut after = from.map(after_time);
        loop {
            let scan =
                Scan { after: after.clone(), limit: self.pace.batch.max(1), ..Scan::default() };
            let page = self.store.records(tenant, OUTBOX, &scan).await?;
            let Some((last, _)) = page.last() else { return Ok(true) };
            after = Some(last.clone());
            for (key, record) in page {
                let (due, _) = read_timed_key(&key).ok_or_else(damaged)?;
                if due > to {
                    return Ok(true);
                }
                let order: Order = decode(&record.value)?;
                let queued_at = order.queued_at;
                let held = Held { tenant, key, version: record.version, order, unknown: false };
                let done = match self.deliver(held, now).await {
                    // Somebody else was quicker; what they did is on disk.
                    Err(StoreError::Conflict { .. }) => Outcome::Skipped,
                    other => other?,
                };
                let count = match done {
                    Outcome::Confirmed => &mut report.confirmed,
                    Outcome::Refused => &mut report.refused,
                    Outcome::Voided => &mut report.voided,
                    Outcome::Skipped => &mut report.skipped,
                    Outcome::Mismatched => &mut report.mismatched,
                    Outcome::Deferred | Outcome::Awaited | Outcome::Rests => {
                        report.overdue += u64::from(now.saturating_sub(queued_at) > 86_400_000_000);
                        &mut report.deferred
                    }
                };
                *count += 1;
                if !self.listen(&done, now) {
                    return Ok(false);
                }
            }
        }
    }

    fn silence<T>(&self, with: impl FnOnce(&mut Silence) -> T) -> T {
        with(&mut self.silence.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Notes whether the issuer answered; `false` when it has not for a while and is to be left alone.
    fn listen(&self, done: &Outcome, now: Timestamp) -> bool {
        match done {
            Outcome::Skipped | Outcome::Rests => true,
            Outcome::Deferred => {
                let failures = self.silence(|silence| {
                    silence.failures = silence.failures.saturating_add(1);
                    silence.failures
                });
                let Some(beyond) = failures.checked_sub(SILENT) else { return true };
                let until = now.saturating_add(self.wait(beyond.saturating_add(1)));
                self.silence(|silence| silence.until = until);
                false
            }
            Outcome::Confirmed
            | Outcome::Awaited
            | Outcome::Refused
            | Outcome::Voided
            | Outcome::Mismatched => {
                self.silence(|silence| *silence = Silence::default());
                true
            }
        }
    }

    async fn deliver(&self, held: Held<'_>, now: Timestamp) -> Result<Outcome, StoreError> {
        if let Some(decided) = held.order.decided {
            return self.carry_out(held, decided, now).await;
        }
        let may_be_there = held.order.sent;
        let held = if may_be_there {
            self.take_again(held, now).await?
        } else {
            let award = self.award(&held).await?;
            if let Some((reason, void)) = self.objection(&held, &award).await? {
                return self.take_back_unsent(held, &award, (reason, void), now).await;
            }
            let Some(held) = self.take(held, &award, now).await? else {
                return Ok(Outcome::Skipped);
            };
            held
        };
        let (key, account, amount) =
            (held.order.key(), held.order.account.as_str(), held.order.amount);
        if may_be_there {
            match self.issuer.find(key).await {
                Ok(Some(grant)) => return self.settle(held, &grant, now).await,
                Ok(None) => {}
                Err(error) => return self.put_off(held, &error, None, now).await,
            }
        }
        match self.issuer.grant(key, account, amount, &held.order.rule).await {
            Ok(grant) => self.settle(held, &grant, now).await,
            // A refusal can mean that the key is taken: only the issuer's own record tells.
            Err(IssuerError::Refused(_)) => match self.issuer.find(key).await {
                Ok(Some(grant)) => self.settle(held, &grant, now).await,
                Ok(None) => self.take_back(held, now).await,
                Err(error) => self.put_off(held, &error, None, now).await,
            },
            Err(error) => self.put_off(held, &error, None, now).await,
        }
    }

    async fn with_doubt<'a>(&self, held: Held<'a>) -> Result<Held<'a>, StoreError> {
        let states = transitions(&*self.store, held.tenant, held.order.uid).await?;
        let unknown = states.iter().any(|transition| transition.state == State::Unknown);
        Ok(Held { unknown, ..held })
    }

    async fn award(&self, held: &Held<'_>) -> Result<Award, StoreError> {
        let uid = held.order.uid;
        let award = self.store.record(held.tenant, AWARDS, uid.as_bytes()).await?;
        decode(&award.ok_or_else(damaged)?.value)
    }

    /// Puts the order back under a later due time.
    async fn move_to<'a>(
        &self,
        held: Held<'a>,
        order: Order,
        due: Timestamp,
        more: Vec<Op>,
    ) -> Result<Held<'a>, StoreError> {
        let key = timed_key(due, order.uid);
        let mut set = WriteSet::new(held.tenant.clone()).with(remove(&held));
        set.ops.push(put(OUTBOX, key.clone(), &order, Expect::Absent)?);
        set.ops.extend(more);
        let receipt = self.store.commit(set).await?;
        Ok(Held { key, version: receipt.version, order, ..held })
    }

    /// The issuer holds a grant under this key: books it, if it is the one that was ordered.
    async fn settle(
        &self,
        held: Held<'_>,
        grant: &IssuerGrant,
        now: Timestamp,
    ) -> Result<Outcome, StoreError> {
        let order = &held.order;
        let same_account = grant.account.as_ref().is_none_or(|account| *account == order.account);
        if grant.amount != order.amount || !same_account {
            let error = IssuerError::Unknown(
                "another grant is held under the key of this order".to_owned(),
            );
            self.put_off(held, &error, Some(Reason::IssuerMismatch), now).await?;
            return Ok(Outcome::Mismatched);
        }
        self.close(held, State::Confirmed, None, Step::Confirm, now).await?;
        Ok(Outcome::Confirmed)
    }

    /// The issuer refused and holds nothing: the coins go back into the budget.
    async fn take_back(&self, held: Held<'_>, now: Timestamp) -> Result<Outcome, StoreError> {
        self.close(held, State::Reversed, Some(Reason::IssuerRefused), Step::Release, now).await?;
        Ok(Outcome::Refused)
    }

    async fn close(
        &self,
        held: Held<'_>,
        state: State,
        reason: Option<Reason>,
        step: Step,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let uid = held.order.uid;
        let award = self.award(&held).await?;
        let mut set = WriteSet::new(held.tenant.clone())
            .with(remove(&held))
            .with(transition(uid, state, reason, now)?);
        set.ops.extend(ledger::step(&award, step, now)?);
        self.store.commit(set).await.map(drop)
    }

    /// Tries again later. Doubt about an order that was sent is put on record once.
    async fn put_off(
        &self,
        held: Held<'_>,
        error: &IssuerError,
        reason: Option<Reason>,
        now: Timestamp,
    ) -> Result<Outcome, StoreError> {
        if let IssuerError::Pending(_) = error {
            // Nothing is wrong, and asking often does not make it come sooner.
            let due = now.saturating_add(micros(self.pace.longest_wait));
            let order = held.order.clone();
            self.move_to(held, order, due, Vec::new()).await?;
            return Ok(Outcome::Awaited);
        }
        let doubt = !matches!(error, IssuerError::Unavailable(_));
        let due = now.saturating_add(self.wait(held.order.attempts));
        let mut ops = Vec::new();
        if doubt && !held.unknown {
            ops.push(transition(held.order.uid, State::Unknown, reason, now)?);
        }
        tracing::warn!(award = %held.order.uid, attempts = held.order.attempts, %error, "an order to the coin issuer is put off");
        let order = held.order.clone();
        self.move_to(held, order, due, ops).await?;
        Ok(Outcome::Deferred)
    }

    /// Half of a doubling wait is certain, half is chance, so that orders put off together do not come back together.
    fn wait(&self, attempts: u32) -> i64 {
        let (first, longest) = (micros(self.pace.first_wait), micros(self.pace.longest_wait));
        let doubled =
            first.saturating_mul(1 << attempts.saturating_sub(1).min(30)).min(longest).max(2);
        let [a, b, c, d, ..] = self.ids.bytes();
        doubled / 2 + i64::from(u32::from_be_bytes([a, b, c, d])) % (doubled / 2)
    }
}

fn remove(held: &Held<'_>) -> Op {
    Op::DeleteRecord {
        collection: OUTBOX,
        key: held.key.clone(),
        expect: Expect::Version(held.version),
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

fn damaged() -> StoreError {
    StoreError::Corrupt("an order to the coin issuer has no readable award".to_owned())
}
