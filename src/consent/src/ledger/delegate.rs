//! Delegations in the ledger: made, looked up, ended.

use tsunagu_domain::{Problem, ProblemCode, TenantId, Timestamp, TsunoId, individual_number};
use tsunagu_store::access::{Access, Action, Decision};
use tsunagu_store::{Collection, Expect, Op, Scan, StoreError};

use super::keys::{self, BY_DELEGATE, BY_PRINCIPAL, DELEGATIONS, ENDED_DELEGATIONS};
use super::{ATTEMPTS, Ledger, Resident, raced, strong_and_fresh};
use crate::delegation::{self, TEXT_AT_MOST};
use crate::{Authority, Delegation, DelegationKind, DelegationScope, Ended};

/// What delegations are called in records of access.
const DELEGATION_TYPE: &str = "urn:tsunagu:type:Delegation";
const BATCH: usize = 100;
/// So many delegates of one resident at once.
const DELEGATES_AT_ONCE: usize = 10;

/// Whom a resident lets act for them.
#[derive(Debug, Clone)]
pub struct NewDelegation {
    /// Who shall act.
    pub delegate: TsunoId,
    /// What the delegate is shown as the resident's name.
    pub principal_name: String,
    /// What the resident is shown as the delegate's name.
    pub delegate_name: String,
    /// What they may do.
    pub scope: DelegationScope,
    /// First moment at which it is over: at most a year from now.
    pub until: Timestamp,
}

/// The guardian of a minor, as somebody at the counter records it.
#[derive(Debug, Clone)]
pub struct NewGuardian {
    /// The minor.
    pub principal: TsunoId,
    /// Who represents them.
    pub delegate: TsunoId,
    /// What the guardian is shown as the minor's name.
    pub principal_name: String,
    /// What the minor is shown as the guardian's name.
    pub delegate_name: String,
    /// What the guardian may do.
    pub scope: DelegationScope,
    /// First moment at which the authority is over, if it ends before the minor comes of age.
    pub until: Option<Timestamp>,
    /// When the minor comes of age; see [`tsunagu_domain::comes_of_age`].
    pub of_age: Timestamp,
    /// What shows the authority.
    pub authority: Authority,
}

/// Who records something at the counter.
#[derive(Debug, Clone, Copy)]
pub struct Counter<'a> {
    /// As records of access name them, e.g. `client:desk`.
    pub actor: &'a str,
    /// Id of the request.
    pub request: &'a str,
}

fn wrong(detail: &str, at: &str) -> Problem {
    Problem::new(ProblemCode::BadRequestData, detail.to_owned()).at(at)
}

/// A short text without control characters and individual numbers.
pub(super) fn is_plain(text: &str) -> bool {
    let length = text.chars().count();
    (1..=TEXT_AT_MOST).contains(&length)
        && !text.trim().is_empty()
        && !text.chars().any(char::is_control)
        && !individual_number::is_in(text)
}

impl Ledger {
    /// Lets somebody whom the resident chose act for them. Needs the same fresh login as giving a consent; whoever acts for another cannot let
    /// anybody else act.
    pub async fn delegate(
        &self,
        tenant: &TenantId,
        by: &Resident<'_>,
        new: &NewDelegation,
    ) -> Result<Delegation, Problem> {
        let now = self.clock.micros();
        by.themselves()?;
        strong_and_fresh(by.assurance, now)?;
        if new.delegate == by.subject {
            return Err(wrong("nobody is their own delegate", "delegate"));
        }
        for (name, at) in
            [(&new.principal_name, "principalName"), (&new.delegate_name, "delegateName")]
        {
            if !is_plain(name) {
                return Err(wrong("a name has 1 to 60 characters", at));
            }
        }
        let longest = now.saturating_add(delegation::FAMILY_AT_MOST);
        if new.until <= now || new.until > longest {
            return Err(wrong("the last day is today at the earliest and within a year", "until"));
        }
        let live = self.delegations_of(tenant, by.subject).await?;
        if live.iter().filter(|delegation| delegation.live_at(now)).count() >= DELEGATES_AT_ONCE {
            return Err(wrong("ten may act for you already; end one of them first", "delegate"));
        }
        let delegation = Delegation {
            v: delegation::FORM,
            id: self.ids.uuid(),
            kind: DelegationKind::Family,
            principal: by.subject,
            delegate: new.delegate,
            principal_name: new.principal_name.clone(),
            delegate_name: new.delegate_name.clone(),
            scope: new.scope,
            made_at: now,
            until: Some(new.until),
            of_age: None,
            authority: None,
            ended: None,
        };
        self.made(tenant, delegation, "resident", by.request).await
    }

    /// Records the guardian of a minor. Whoever is of age has none.
    pub async fn record_guardian(
        &self,
        tenant: &TenantId,
        by: &Counter<'_>,
        new: NewGuardian,
    ) -> Result<Delegation, Problem> {
        let now = self.clock.micros();
        if new.delegate == new.principal {
            return Err(wrong("nobody is their own guardian", "delegate"));
        }
        if now >= new.of_age {
            return Err(wrong(
                "the resident is of age and has no guardian as a minor",
                "principal",
            ));
        }
        if new.until.is_some_and(|until| until <= now) {
            return Err(wrong("the last day of the authority is over", "until"));
        }
        for (text, at) in [
            (&new.principal_name, "principalName"),
            (&new.delegate_name, "delegateName"),
            (&new.authority.reference, "authority/reference"),
            (&new.authority.recorded_by, "authority/clerk"),
        ] {
            if !is_plain(text) {
                return Err(wrong("a text has 1 to 60 characters", at));
            }
        }
        let delegation = Delegation {
            v: delegation::FORM,
            id: self.ids.uuid(),
            kind: DelegationKind::Guardian,
            principal: new.principal,
            delegate: new.delegate,
            principal_name: new.principal_name,
            delegate_name: new.delegate_name,
            scope: new.scope,
            made_at: now,
            until: new.until,
            of_age: Some(new.of_age),
            authority: Some(new.authority),
            ended: None,
        };
        self.made(tenant, delegation, by.actor, by.request).await
    }

    async fn made(
        &self,
        tenant: &TenantId,
        delegation: Delegation,
        actor: &str,
        request: &str,
    ) -> Result<Delegation, Problem> {
        let now = delegation.made_at;
        let mut ops = vec![put(&delegation, Expect::Absent)?];
        for (collection, whose) in
            [(BY_PRINCIPAL, delegation.principal), (BY_DELEGATE, delegation.delegate)]
        {
            ops.push(Op::PutRecord {
                collection,
                key: keys::by_subject(whose, now, &delegation.id),
                value: keys::pointer(&delegation.id)?,
                expect: Expect::Absent,
            });
        }
        ops.extend(self.log.ops(&noted(&delegation, now, request, actor, "delegation-made"))?);
        if self.commit(tenant, ops).await? { Ok(delegation) } else { Err(raced()) }
    }

    /// The delegation of this id.
    pub async fn delegation(
        &self,
        tenant: &TenantId,
        id: &str,
    ) -> Result<Option<Delegation>, Problem> {
        Ok(self.kept_delegation(tenant, id).await?.map(|(_, delegation)| delegation))
    }

    /// The delegation under which `delegate` may act now; read for every request, so that an end counts from the next one on.
    pub async fn acting(
        &self,
        tenant: &TenantId,
        delegate: TsunoId,
        id: &str,
    ) -> Result<Option<Delegation>, Problem> {
        let now = self.clock.micros();
        let found = self.delegation(tenant, id).await?;
        Ok(found.filter(|found| found.delegate == delegate && found.live_at(now)))
    }

    /// Who may act or might for this resident, the newest first.
    pub async fn delegations_of(
        &self,
        tenant: &TenantId,
        principal: TsunoId,
    ) -> Result<Vec<Delegation>, Problem> {
        self.listed_delegations(tenant, BY_PRINCIPAL, principal).await
    }

    /// For whom this resident may act or might, the newest first.
    pub async fn delegations_to(
        &self,
        tenant: &TenantId,
        delegate: TsunoId,
    ) -> Result<Vec<Delegation>, Problem> {
        self.listed_delegations(tenant, BY_DELEGATE, delegate).await
    }

    async fn listed_delegations(
        &self,
        tenant: &TenantId,
        index: Collection,
        whose: TsunoId,
    ) -> Result<Vec<Delegation>, Problem> {
        let mut scan = Scan { prefix: whose.as_bytes().to_vec(), limit: BATCH, ..Scan::default() };
        let mut found = Vec::new();
        loop {
            let page = self.store.records(tenant, index, &scan).await?;
            for (_, record) in &page {
                found.extend(self.delegation(tenant, &keys::pointed(&record.value)?).await?);
            }
            scan.after = page.last().map(|(key, _)| key.clone());
            if page.len() < BATCH {
                return Ok(found);
            }
        }
    }

    /// Ends a delegation from the next request on: the resident those that they made themselves, the delegate any of theirs. A guardian's
    /// authority is the law's, so that a minor does not end it; the counter does. Repeating it changes nothing.
    pub async fn end_delegation(
        &self,
        tenant: &TenantId,
        by: &Resident<'_>,
        id: &str,
    ) -> Result<Delegation, Problem> {
        by.themselves()?;
        let found = self.delegation(tenant, id).await?;
        let found = found
            .filter(|found| found.principal == by.subject || found.delegate == by.subject)
            .ok_or_else(Problem::not_found)?;
        let own = found.principal == by.subject;
        if own && found.kind == DelegationKind::Guardian && found.live_at(self.clock.micros()) {
            let detail = "the authority of a guardian is ended at the counter";
            return Err(Problem::new(ProblemCode::Forbidden, detail));
        }
        let who = if own { "resident" } else { "delegate" };
        self.ended(tenant, id, who, &by.actor(), by.request).await
    }

    /// Ends a delegation at the counter.
    pub async fn end_at_counter(
        &self,
        tenant: &TenantId,
        by: &Counter<'_>,
        id: &str,
    ) -> Result<Delegation, Problem> {
        self.ended(tenant, id, by.actor, by.actor, by.request).await
    }

    /// Ends everything that ties somebody who leaves the platform to others.
    pub(super) async fn end_delegations(
        &self,
        tenant: &TenantId,
        by: &Resident<'_>,
    ) -> Result<(), Problem> {
        let now = self.clock.micros();
        let mut all = self.delegations_of(tenant, by.subject).await?;
        all.extend(self.delegations_to(tenant, by.subject).await?);
        for delegation in all.iter().filter(|delegation| delegation.live_at(now)) {
            self.ended(tenant, &delegation.id, "account-closed", &by.actor(), by.request).await?;
        }
        Ok(())
    }

    async fn ended(
        &self,
        tenant: &TenantId,
        id: &str,
        who: &str,
        actor: &str,
        request: &str,
    ) -> Result<Delegation, Problem> {
        for _ in 0..ATTEMPTS {
            let found = self.kept_delegation(tenant, id).await?;
            let (version, mut delegation) = found.ok_or_else(Problem::not_found)?;
            let now = self.clock.micros();
            if !delegation.live_at(now) {
                return Ok(delegation);
            }
            delegation.ended = Some(Ended { at: now, by: who.to_owned() });
            let mut ops = vec![put(&delegation, Expect::Version(version))?];
            // What is acted at this very moment finds it, and is not done.
            ops.push(Op::PutRecord {
                collection: ENDED_DELEGATIONS,
                key: id.as_bytes().to_vec(),
                value: keys::pointer(id)?,
                expect: Expect::Any,
            });
            ops.extend(self.log.ops(&noted(
                &delegation,
                now,
                request,
                actor,
                "delegation-ended",
            ))?);
            if self.commit(tenant, ops).await? {
                return Ok(delegation);
            }
        }
        Err(raced())
    }

    async fn kept_delegation(
        &self,
        tenant: &TenantId,
        id: &str,
    ) -> Result<Option<(u64, Delegation)>, StoreError> {
        let Some(record) = self.store.record(tenant, DELEGATIONS, id.as_bytes()).await? else {
            return Ok(None);
        };
        Ok(Some((record.version, keys::decode(&record.value)?)))
    }
}

fn put(delegation: &Delegation, expect: Expect) -> Result<Op, Problem> {
    let (collection, key) = (DELEGATIONS, delegation.id.as_bytes().to_vec());
    Ok(Op::PutRecord { collection, key, value: keys::encode(delegation)?, expect })
}

/// Both are told: the one in whose place somebody acts, and the one who does.
fn noted(
    delegation: &Delegation,
    at: Timestamp,
    request: &str,
    actor: &str,
    reason: &str,
) -> Access {
    Access {
        at,
        request: request.to_owned(),
        actor: actor.to_owned(),
        subjects: vec![delegation.principal, delegation.delegate],
        purpose: None,
        grant: None,
        grant_version: None,
        action: Action::Consent,
        types: vec![DELEGATION_TYPE.to_owned()],
        attributes: Vec::new(),
        decision: Decision::Allowed,
        reason: reason.to_owned(),
        count: 1,
    }
}
