//! What staff decide by hand about an award: that the issuer has granted it, or that it is taken back.

use serde::{Deserialize, Serialize};
use tsunagu_domain::{Problem, ProblemCode, TenantId, Timestamp};
use tsunagu_store::{Expect, Op, Scan, StoreError, WriteSet};

use crate::records::{
    DECISIONS, OUTBOX, Order, Undo, decode, put, read_timed_key, timed_key, transitions,
};
use crate::{Award, AwardUid, Rewards, StaffGrant, State};

/// How often a lost race is tried again.
const TRIES: usize = 3;
const PAGE: usize = 512;

/// What becomes of the award.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decided {
    /// The issuer has granted it: it is booked, and nothing is sent any more.
    Confirm,
    /// It is taken back: the issuer cancels it, and the coins are in the budget again.
    Reverse,
}

/// A decision, as kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// Version of this format: 1.
    pub v: u32,
    /// About which award.
    pub award: AwardUid,
    /// What was decided.
    pub decided: Decided,
    /// Who decided, as the record of access names them.
    pub by: String,
    /// Why, in their words.
    pub why: String,
    /// When, microseconds since the epoch.
    pub at: Timestamp,
}

impl Rewards {
    /// Orders without an outcome, those that wait longest first, at most `limit`.
    pub async fn open(
        &self,
        tenant: &TenantId,
        limit: usize,
    ) -> Result<Vec<StaffGrant>, StoreError> {
        let mut orders = Vec::new();
        let mut scan = Scan { limit: PAGE, ..Scan::default() };
        loop {
            let page = self.store.records(tenant, OUTBOX, &scan).await?;
            let Some((last, _)) = page.last() else { break };
            scan.after = Some(last.clone());
            for (_, record) in page {
                orders.push(decode::<Order>(&record.value)?);
            }
        }
        orders.sort_by_key(|order| (order.queued_at, order.uid));
        orders.truncate(limit);
        let mut grants = Vec::with_capacity(orders.len());
        for order in orders {
            let award = self.award_of(tenant, order.uid).await?.ok_or_else(damaged)?;
            grants.push(self.staff_grant(tenant, award).await?);
        }
        Ok(grants)
    }

    /// The award of this id, for whoever decides about it.
    pub async fn find(
        &self,
        tenant: &TenantId,
        uid: AwardUid,
    ) -> Result<Option<Award>, StoreError> {
        self.award_of(tenant, uid).await
    }

    /// Notes a decision; the deliverer carries it out. With it, in the same transaction, goes what `recorded` says of the access.
    ///
    /// An award that was rejected or is reversed is a conflict, and so is confirming what is confirmed, and deciding again while a decision is
    /// being carried out; but one that the issuer refuses to carry out can be replaced.
    pub async fn decide(
        &self,
        tenant: &TenantId,
        decision: &Decision,
        recorded: &[Op],
    ) -> Result<(), Problem> {
        let (uid, decided) = (decision.award, decision.decided);
        for _ in 0..TRIES {
            let award = self.award_of(tenant, uid).await?.ok_or_else(Problem::not_found)?;
            let states = transitions(&*self.store, tenant, uid).await?;
            let state = states.first().map(|last| last.state);
            let mut set = WriteSet::new(tenant.clone());
            let order = match self.order(tenant, uid).await? {
                Some((key, version, order)) => {
                    let expect = Expect::Version(version);
                    set.ops.push(Op::DeleteRecord { collection: OUTBOX, key, expect });
                    order
                }
                None if state == Some(State::Confirmed) && decided == Decided::Reverse => Order {
                    v: 1,
                    uid,
                    key: award.key,
                    account: award.account,
                    amount: award.amount,
                    rule: award.rule,
                    attempts: 0,
                    sent: true,
                    queued_at: decision.at,
                    decided: None,
                    undo: Undo::Noted,
                },
                None => {
                    let detail = "this award has its outcome, and this decision changes nothing";
                    return Err(Problem::new(ProblemCode::Conflict, detail));
                }
            };
            if order.decided.is_some() && order.undo != Undo::Refused {
                let detail = "a decision about this award is being carried out";
                return Err(Problem::new(ProblemCode::Conflict, detail));
            }
            let order = Order { decided: Some(decided), undo: Undo::Noted, ..order };
            let due = timed_key(decision.at, uid);
            set.ops.push(put(OUTBOX, due, &order, Expect::Absent)?);
            let key = timed_key(decision.at, uid);
            set.ops.push(put(DECISIONS, key, decision, Expect::Absent)?);
            set.ops.extend_from_slice(recorded);
            match self.store.commit(set).await {
                Ok(_) => return Ok(()),
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let detail = "the award changed at the same moment; look at it again";
        Err(Problem::new(ProblemCode::Conflict, detail))
    }

    /// The order of an award, with its key and version. Few wait, so that they are gone through.
    async fn order(
        &self,
        tenant: &TenantId,
        uid: AwardUid,
    ) -> Result<Option<(Vec<u8>, u64, Order)>, StoreError> {
        let mut scan = Scan { limit: PAGE, ..Scan::default() };
        loop {
            let page = self.store.records(tenant, OUTBOX, &scan).await?;
            let Some((last, _)) = page.last() else { return Ok(None) };
            scan.after = Some(last.clone());
            for (key, record) in page {
                if read_timed_key(&key).is_some_and(|(_, of)| of == uid) {
                    return Ok(Some((key, record.version, decode(&record.value)?)));
                }
            }
        }
    }
}

fn damaged() -> StoreError {
    StoreError::Corrupt("an order to the coin issuer has no readable award".to_owned())
}
