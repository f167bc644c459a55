//! What residents and staff are shown.

use std::collections::HashMap;

use chrono::NaiveDate;
use serde::Serialize;
use tsunagu_domain::{TenantId, Text, Timestamp, TsunoId};
use tsunagu_store::{Scan, StoreError};

use crate::ledger;
use crate::records::{AWARDS, BY_PERSON, RECENT, decode, read_timed_key, timed_key, transitions};
use crate::{AppealView, Award, AwardUid, Reason, Rewards, State};

/// One activity's coins, or why there are none, for the resident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GrantView {
    /// The award.
    pub award: AwardUid,
    /// Coins; 0 when it earned none.
    pub amount: i64,
    /// What the rule is called.
    pub label: Text,
    /// Rule and version that decided.
    pub rule: String,
    /// Version of the rule.
    pub rule_version: u32,
    /// The activity (entity id).
    pub activity: String,
    /// Day of the activity.
    pub day: NaiveDate,
    /// Where it stands.
    pub state: State,
    /// Why there are none, or why it is taking long.
    pub reason: Option<Reason>,
    /// The reason in words.
    pub reason_text: Option<Text>,
    /// When it was decided, microseconds since the epoch.
    pub at: Timestamp,
    /// Whether the town can be asked to look at it again: it came to nothing, and was not asked about yet.
    pub can_appeal: bool,
    /// What the town was asked about it, and answered.
    pub appeal: Option<AppealView>,
}

/// A resident's coins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CoinsView {
    /// Coins granted by the issuer for activity. Spending is the issuer's business and not seen here.
    pub balance: i64,
    /// Coins on their way.
    pub pending: i64,
    /// Decisions, the latest first, at most 100.
    pub grants: Vec<GrantView>,
}

/// One decision, for staff: the person appears only as the issuer's account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StaffGrant {
    /// Whom it is about, for the record of access only.
    #[serde(skip)]
    pub subject: TsunoId,
    /// The award.
    pub award: AwardUid,
    /// Account at the issuer.
    pub account: String,
    /// Rule that decided.
    pub rule: String,
    /// Version of the rule.
    pub rule_version: u32,
    /// Coins; 0 when it earned none.
    pub amount: i64,
    /// Day of the activity.
    pub day: NaiveDate,
    /// Where it stands.
    pub state: State,
    /// Why there are none, or why it is taking long.
    pub reason: Option<Reason>,
    /// When it was decided, microseconds since the epoch.
    pub at: Timestamp,
}

impl Rewards {
    /// The coins of one person. The caller has made sure that it is this person who asks, and has written the access down.
    pub async fn coins_of(
        &self,
        tenant: &TenantId,
        subject: TsunoId,
    ) -> Result<CoinsView, StoreError> {
        self.coins(tenant, subject, 100).await
    }

    /// The same with every decision there ever was.
    pub async fn all_coins_of(
        &self,
        tenant: &TenantId,
        subject: TsunoId,
    ) -> Result<CoinsView, StoreError> {
        self.coins(tenant, subject, usize::MAX).await
    }

    async fn coins(
        &self,
        tenant: &TenantId,
        subject: TsunoId,
        limit: usize,
    ) -> Result<CoinsView, StoreError> {
        let (balance, pending) = ledger::person(&*self.store, tenant, subject).await?;
        let scan =
            Scan { prefix: subject.as_bytes().to_vec(), limit, reverse: true, ..Scan::default() };
        let appeals: HashMap<AwardUid, AppealView> =
            self.appeals_of(tenant, subject).await?.into_iter().collect();
        let mut grants = Vec::new();
        for (_, record) in self.store.records(tenant, BY_PERSON, &scan).await? {
            let award: Award = decode(&record.value)?;
            let (state, reason) = self.standing(tenant, &award).await?;
            let appeal = appeals.get(&award.uid).cloned();
            grants.push(GrantView {
                award: award.uid,
                amount: if state == State::Rejected { 0 } else { award.amount },
                label: award.label,
                rule: award.rule,
                rule_version: award.rule_version,
                activity: award.activity,
                day: award.day,
                state,
                reason,
                reason_text: reason.map(Reason::text),
                at: award.at,
                can_appeal: state.came_to_nothing() && appeal.is_none(),
                appeal,
            });
        }
        Ok(CoinsView { balance, pending, grants })
    }

    /// Decisions of the town, the latest first, at most `limit`; `before` goes on from the last one of the previous page.
    pub async fn grants(
        &self,
        tenant: &TenantId,
        before: Option<(Timestamp, AwardUid)>,
        limit: usize,
    ) -> Result<Vec<StaffGrant>, StoreError> {
        let after = before.map(|(at, uid)| timed_key(at, uid));
        let scan = Scan { after, limit, reverse: true, ..Scan::default() };
        let mut grants = Vec::new();
        for (key, _) in self.store.records(tenant, RECENT, &scan).await? {
            let damaged =
                || StoreError::Corrupt("a recent award has no readable record".to_owned());
            let (_, uid) = read_timed_key(&key).ok_or_else(damaged)?;
            let record =
                self.store.record(tenant, AWARDS, uid.as_bytes()).await?.ok_or_else(damaged)?;
            let award: Award = decode(&record.value)?;
            grants.push(self.staff_grant(tenant, award).await?);
        }
        Ok(grants)
    }

    pub(crate) async fn staff_grant(
        &self,
        tenant: &TenantId,
        award: Award,
    ) -> Result<StaffGrant, StoreError> {
        let (state, reason) = self.standing(tenant, &award).await?;
        Ok(StaffGrant {
            subject: award.subject,
            award: award.uid,
            account: award.account,
            rule: award.rule,
            rule_version: award.rule_version,
            amount: if state == State::Rejected { 0 } else { award.amount },
            day: award.day,
            state,
            reason,
            at: award.at,
        })
    }

    pub(crate) async fn standing(
        &self,
        tenant: &TenantId,
        award: &Award,
    ) -> Result<(State, Option<Reason>), StoreError> {
        if award.reason.is_some() {
            return Ok((State::Rejected, award.reason));
        }
        let latest = transitions(&*self.store, tenant, award.uid).await?.into_iter().next();
        latest
            .map(|transition| (transition.state, transition.reason))
            .ok_or_else(|| StoreError::Corrupt("an award has no state".to_owned()))
    }
}
