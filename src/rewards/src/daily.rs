//! Every day is compared once it is over: what was decided about activities, our ledger, and the issuer's statement. The list of what does not
//! agree is kept as it was found.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chrono::{Days, NaiveDate};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use tsunagu_domain::{Clock, TenantId, Timestamp, TsunoId};
use tsunagu_store::{Expect, Op, Scan, StoreError, WriteSet};

use crate::ledger::{Entry, Step};
use crate::records::{
    AWARDS, BOOKED, DAY_STEPS, DEVICE_PEOPLE, DEVICES, ENTRIES, HOUR_STEPS, MINUTES, OUTBOX, Order,
    RECENT, RECONCILED, SOURCES, after_time, decode, put, read_timed_key, source_key, transitions,
};
use crate::{
    Award, AwardUid, Difference, DifferenceKind, Issuer, IssuerError, Rewards, State,
    StatementLine, TimeZone,
};

/// How long after its end a day is compared: what was under way at midnight has arrived.
const SETTLED: i64 = 3_600_000_000;
/// An order without an outcome for so long is a difference.
const OVERDUE: i64 = 24 * 3_600_000_000;
/// Days that are made up for at most, when nothing was compared for long.
const MOST_DAYS: u64 = 31;
/// Differences kept of one day; beyond them only their number is.
const MOST_KEPT: usize = 10_000;
/// How often to look whether a day is over.
const LOOK: Duration = Duration::from_mins(10);
const PAGE: usize = 512;

/// What the comparison of one day found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reconciliation {
    /// Version of this format: 1.
    pub v: u32,
    /// The day, of Japan.
    pub day: NaiveDate,
    /// When it was compared, microseconds since the epoch.
    pub at: Timestamp,
    /// Decisions about activities that were made on this day.
    pub decisions: u64,
    /// Grants that our ledger booked as confirmed on this day.
    pub grants: u64,
    /// Coins in them.
    pub coins: i64,
    /// Lines of the issuer's statement.
    pub lines: u64,
    /// Their sum, cancellations subtracted.
    pub net: i64,
    /// What does not agree; empty when everything does. At most 10,000.
    pub differences: Vec<Difference>,
    /// How many differences there are in all.
    pub found: u64,
}

/// A day could not be compared.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// The issuer gave no statement.
    #[error(transparent)]
    Issuer(#[from] IssuerError),
    /// Our own records could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Compares the days as they end. Any number may run: the first one that is done with a day keeps its list.
pub struct Reconciler {
    rewards: Arc<Rewards>,
    issuer: Arc<dyn Issuer>,
    clock: Arc<dyn Clock>,
    tenants: Vec<TenantId>,
}

impl fmt::Debug for Reconciler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reconciler").field("tenants", &self.tenants).finish_non_exhaustive()
    }
}

impl Reconciler {
    /// For these municipalities.
    pub fn new(
        rewards: Arc<Rewards>,
        issuer: Arc<dyn Issuer>,
        clock: Arc<dyn Clock>,
        tenants: Vec<TenantId>,
    ) -> Self {
        Self { rewards, issuer, clock, tenants }
    }

    /// Looks from time to time until told to stop.
    pub async fn run(self, shutdown: CancellationToken) {
        while !shutdown.is_cancelled() {
            match self.run_once(self.clock.micros()).await {
                Ok(all) => all.iter().for_each(|(_, day)| tell(day)),
                Err(error) => {
                    tracing::warn!(%error, "the coins of a day could not be compared with the issuer; it is tried again");
                }
            }
            tokio::select! {
                () = shutdown.cancelled() => break,
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    /// Compares every day that is over at `now` and was not compared yet.
    pub async fn run_once(
        &self,
        now: Timestamp,
    ) -> Result<Vec<(TenantId, Reconciliation)>, ReconcileError> {
        let today = TimeZone::Tokyo.day(now.saturating_sub(SETTLED));
        let mut done = Vec::new();
        for tenant in &self.tenants {
            let last = self.rewards.reconciliations(tenant, 1).await?.pop().map(|last| last.day);
            let earliest = today.checked_sub_days(Days::new(MOST_DAYS)).unwrap_or(today);
            let first = last.and_then(|last| last.succ_opt()).or_else(|| today.pred_opt());
            let mut day = first.unwrap_or(today).max(earliest);
            while day < today {
                let found = self.rewards.reconcile_day(tenant, &*self.issuer, day, now).await?;
                let key = day.to_string().into_bytes();
                let kept = put(RECONCILED, key, &found, Expect::Absent)?;
                match self.rewards.store.commit(WriteSet::new(tenant.clone()).with(kept)).await {
                    Ok(_) => done.push((tenant.clone(), found)),
                    // Another gateway was quicker.
                    Err(StoreError::Conflict { .. }) => {}
                    Err(error) => return Err(error.into()),
                }
                let Some(next) = day.succ_opt() else { break };
                day = next;
            }
            self.rewards.forget(tenant, today).await?;
        }
        Ok(done)
    }
}

fn tell(day: &Reconciliation) {
    let Reconciliation { grants, coins, net, found, .. } = day;
    if *found == 0 {
        tracing::info!(day = %day.day, grants, coins, net, "coins agree with the issuer");
    } else {
        tracing::error!(day = %day.day, grants, coins, net, found, "coins do not agree with the issuer");
    }
}

/// One key on a statement.
#[derive(Debug, Default)]
struct Theirs {
    account: String,
    granted: i64,
    grants: u32,
    cancelled: bool,
}

/// Differences as they are found.
#[derive(Default)]
struct Found {
    kept: Vec<Difference>,
    all: u64,
}

impl Found {
    fn add(&mut self, award: AwardUid, difference: DifferenceKind) {
        self.all += 1;
        if self.kept.len() < MOST_KEPT {
            self.kept.push(Difference { award, difference });
        }
    }
}

impl Rewards {
    /// What the last days' comparisons found, the latest day first.
    pub async fn reconciliations(
        &self,
        tenant: &TenantId,
        limit: usize,
    ) -> Result<Vec<Reconciliation>, StoreError> {
        let scan = Scan { limit, reverse: true, ..Scan::default() };
        let kept = self.store.records(tenant, RECONCILED, &scan).await?;
        kept.into_iter().map(|(_, record)| decode(&record.value)).collect()
    }

    /// Whom the awards in a list of differences are about, for the record of access.
    pub async fn people_in(
        &self,
        tenant: &TenantId,
        differences: &[Difference],
    ) -> Result<Vec<TsunoId>, StoreError> {
        let mut people = Vec::new();
        for difference in differences {
            people
                .extend(self.award_of(tenant, difference.award).await?.map(|award| award.subject));
        }
        people.sort_unstable();
        people.dedup();
        Ok(people)
    }

    /// Compares one day of Japan that is over: every line of the issuer's statement, every grant that our ledger booked, every decision
    /// about an activity with the ledger, and every order that has no outcome for a day.
    pub async fn reconcile_day(
        &self,
        tenant: &TenantId,
        issuer: &dyn Issuer,
        day: NaiveDate,
        now: Timestamp,
    ) -> Result<Reconciliation, ReconcileError> {
        let lines = issuer.statement(day).await?;
        let net = lines.iter().map(|line| line.amount).sum();
        let count = lines.len() as u64;
        let mut found = Found::default();
        let theirs = by_key(lines);
        for (key, line) in &theirs {
            let uid = self.award_under(tenant, *key).await?;
            if let Some(difference) = self.differs(tenant, uid, line, now).await? {
                found.add(uid, difference);
            }
        }
        let (grants, coins) = self.booked(tenant, issuer, day, &theirs, &mut found).await?;
        let decisions = self.decisions(tenant, day, &mut found).await?;
        self.overdue(tenant, now, &mut found).await?;
        found.kept.sort_by_key(|difference| difference.award);
        Ok(Reconciliation {
            v: 1,
            day,
            at: now,
            decisions,
            grants,
            coins,
            lines: count,
            net,
            differences: found.kept,
            found: found.all,
        })
    }

    /// What is wrong with a line of the statement.
    async fn differs(
        &self,
        tenant: &TenantId,
        uid: AwardUid,
        line: &Theirs,
        now: Timestamp,
    ) -> Result<Option<DifferenceKind>, StoreError> {
        let Some(award) = self.award_of(tenant, uid).await? else {
            return Ok(Some(DifferenceKind::MissingInLedger { state: None }));
        };
        let states = transitions(&*self.store, tenant, uid).await?;
        let state = states.first().map(|last| last.state);
        // An appeal orders coins long after the activity was decided.
        let ordered = states.iter().find(|reached| reached.state == State::Reserved);
        let ordered = ordered.map_or(award.at, |reached| reached.at);
        let under_way = matches!(state, Some(State::Reserved | State::Sent | State::Unknown));
        Ok(if line.grants > 1 {
            Some(DifferenceKind::Repeated)
        } else if line.grants == 1 && line.granted != award.amount {
            Some(DifferenceKind::Amount { ours: award.amount, theirs: line.granted })
        } else if line.account != award.account {
            Some(DifferenceKind::Account)
        } else if line.cancelled {
            (state != Some(State::Reversed)).then_some(DifferenceKind::Cancelled)
        } else if state == Some(State::Confirmed)
            || under_way && now.saturating_sub(ordered) <= OVERDUE
        {
            None
        } else {
            Some(DifferenceKind::MissingInLedger { state })
        })
    }

    /// Every grant that we booked on the day is on the statement of the day or, when the answer came late, held by the issuer.
    async fn booked(
        &self,
        tenant: &TenantId,
        issuer: &dyn Issuer,
        day: NaiveDate,
        theirs: &HashMap<AwardUid, Theirs>,
        found: &mut Found,
    ) -> Result<(u64, i64), ReconcileError> {
        let mut scan =
            Scan { prefix: day.to_string().into_bytes(), limit: PAGE, ..Scan::default() };
        let (mut grants, mut coins) = (0, 0);
        loop {
            let page = self.store.records(tenant, BOOKED, &scan).await?;
            let Some((last, _)) = page.last() else { return Ok((grants, coins)) };
            scan.after = Some(last.clone());
            for (key, _) in page {
                let uid = key.get(scan.prefix.len()..).and_then(AwardUid::from_slice);
                let uid = uid.ok_or_else(damaged)?;
                let award = self.award_of(tenant, uid).await?.ok_or_else(damaged)?;
                (grants, coins) = (grants + 1, coins + award.amount);
                let key = award.key.unwrap_or(uid);
                if theirs.get(&key).is_some_and(|line| line.grants > 0) {
                    continue;
                }
                match issuer.find(key).await? {
                    None => found.add(uid, DifferenceKind::MissingAtIssuer),
                    Some(grant) if grant.amount != award.amount => {
                        let state = transitions(&*self.store, tenant, uid).await?;
                        if state.first().is_none_or(|last| last.state != State::Reversed) {
                            let (ours, theirs) = (award.amount, grant.amount);
                            found.add(uid, DifferenceKind::Amount { ours, theirs });
                        }
                    }
                    Some(_) => {}
                }
            }
        }
    }

    /// Every decision of the day has the ledger entries that its states speak of, and no others.
    async fn decisions(
        &self,
        tenant: &TenantId,
        day: NaiveDate,
        found: &mut Found,
    ) -> Result<u64, StoreError> {
        let (from, to) = TimeZone::Tokyo.span(day);
        let mut scan = Scan { after: Some(after_time(from)), limit: PAGE, ..Scan::default() };
        let mut count = 0;
        loop {
            let page = self.store.records(tenant, RECENT, &scan).await?;
            let Some((last, _)) = page.last() else { return Ok(count) };
            scan.after = Some(last.clone());
            for (key, _) in page {
                let (at, uid) = read_timed_key(&key).ok_or_else(damaged)?;
                if at >= to {
                    return Ok(count);
                }
                count += 1;
                if !self.is_whole(tenant, uid).await? {
                    found.add(uid, DifferenceKind::Ledger);
                }
            }
        }
    }

    async fn is_whole(&self, tenant: &TenantId, uid: AwardUid) -> Result<bool, StoreError> {
        let Some(award) = self.award_of(tenant, uid).await? else { return Ok(false) };
        let source = source_key(&award.rule, &award.activity);
        if self.store.record(tenant, SOURCES, &source).await?.is_none() {
            return Ok(false);
        }
        let states: HashSet<State> = transitions(&*self.store, tenant, uid)
            .await?
            .iter()
            .map(|transition| transition.state)
            .collect();
        let scan = Scan { prefix: uid.as_bytes().to_vec(), limit: 8, ..Scan::default() };
        let mut steps = Vec::new();
        for (_, record) in self.store.records(tenant, ENTRIES, &scan).await? {
            let entry: Entry = decode(&record.value)?;
            if entry.amount != award.amount || entry.account != award.account {
                return Ok(false);
            }
            steps.push(entry.step);
        }
        let both = |state, step: &[Step]| {
            states.contains(&state) == steps.iter().any(|one| step.contains(one))
        };
        Ok(both(State::Reserved, &[Step::Reserve])
            && both(State::Confirmed, &[Step::Confirm])
            && both(State::Reversed, &[Step::Release, Step::Cancel]))
    }

    /// Orders that are older than a day and have no outcome.
    async fn overdue(
        &self,
        tenant: &TenantId,
        now: Timestamp,
        found: &mut Found,
    ) -> Result<(), StoreError> {
        let mut scan = Scan { limit: PAGE, ..Scan::default() };
        loop {
            let page = self.store.records(tenant, OUTBOX, &scan).await?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            scan.after = Some(last.clone());
            for (_, record) in page {
                let order: Order = decode(&record.value)?;
                if now.saturating_sub(order.queued_at) > OVERDUE {
                    found.add(order.uid, DifferenceKind::Overdue);
                }
            }
        }
    }

    /// Takes out what was kept of days so long ago that no activity of them is accepted any more: which minutes and how many steps counted, and
    /// which devices recorded for whom.
    async fn forget(&self, tenant: &TenantId, today: NaiveDate) -> Result<(), StoreError> {
        let days = self.rules.iter().map(|compiled| compiled.rule.accept_days).max().unwrap_or(0);
        let Some(kept) = today.checked_sub_days(Days::new(u64::from(days) + 2)) else {
            return Ok(());
        };
        let kept = kept.to_string().into_bytes();
        for collection in [MINUTES, DAY_STEPS, HOUR_STEPS, DEVICES, DEVICE_PEOPLE] {
            loop {
                let scan = Scan { limit: PAGE, ..Scan::default() };
                let mut old = self.store.records(tenant, collection, &scan).await?;
                let read = old.len();
                // Keys begin with the day.
                old.retain(|(key, _)| key.as_slice() < kept.as_slice());
                let all = old.len() == read;
                if old.is_empty() {
                    break;
                }
                let ops = old.into_iter().map(|(key, _)| Op::DeleteRecord {
                    collection,
                    key,
                    expect: Expect::Any,
                });
                let set = WriteSet { tenant: tenant.clone(), ops: ops.collect() };
                self.store.commit(set).await?;
                if !all {
                    break;
                }
            }
        }
        Ok(())
    }

    pub(crate) async fn award_of(
        &self,
        tenant: &TenantId,
        uid: AwardUid,
    ) -> Result<Option<Award>, StoreError> {
        let record = self.store.record(tenant, AWARDS, uid.as_bytes()).await?;
        record.map(|record| decode(&record.value)).transpose()
    }
}

fn by_key(lines: Vec<StatementLine>) -> HashMap<AwardUid, Theirs> {
    let mut theirs: HashMap<AwardUid, Theirs> = HashMap::with_capacity(lines.len());
    for line in lines {
        let all = theirs.entry(line.key).or_default();
        all.account = line.account;
        if line.amount < 0 {
            all.cancelled = true;
        } else {
            all.granted = line.amount;
            all.grants += 1;
        }
    }
    theirs
}

fn damaged() -> StoreError {
    StoreError::Corrupt("a record that leads to an award leads nowhere".to_owned())
}
