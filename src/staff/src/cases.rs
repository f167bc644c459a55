//! Cases: why a member of staff sees personal data, whose, and until when (ADR 0016).
//!
//! A case about one resident is open at once. One about several (a search, a list, an extract of the log) waits for a second person. A case is
//! never changed after it was opened: what was approved is what was described. Each read names its case in the record of access.

mod opening;
mod reading;
mod reasons;
mod scope;

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tsunagu_audit::AuditLog;
use tsunagu_broker::Broker;
use tsunagu_domain::{Problem, TenantId, Timestamp};
use tsunagu_identity::{Residents, Services};
use tsunagu_policy::{Policies, StaffCase};
use tsunagu_store::access::Access;
use tsunagu_store::{Collection, Scan};

use crate::records::{self, Kept};
use crate::{Acting, Desk, Object, Role, Who};
pub use reading::{Extracted, ResidentFile, SearchResult};
pub use reasons::{CaseReason, Told, at_counter, told};
pub use scope::{Asked, Extract, Scope, moment};

/// Case id → case.
const CASES: Collection = Collection("staff-case");
/// What cases are called in records of access.
pub(crate) const CASE_TYPE: &str = "urn:tsunagu:type:StaffCase";

/// Longest time that a case is open, hours.
pub const MAX_HOURS: u32 = 24;
/// A case waits so long for a second person: 7 days.
const WAITS: Timestamp = 7 * 86_400_000_000;
const HOUR: Timestamp = 3_600_000_000;
/// So many of the newest cases are looked through for a list.
const LISTED: usize = 500;

/// Where a case stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CaseState {
    /// It waits for a second person.
    Waiting,
    /// It may be read in, until its end.
    Open,
    /// A second person denied it.
    Denied,
    /// It was closed.
    Closed,
}

/// A second person's word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verdict {
    /// Whose.
    pub by: Who,
    /// When.
    pub at: Timestamp,
    /// Why, in their words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// A case. Times are microseconds since the epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// Day in Japan and eight digits, such as `20261130-3f9a11c2`: short enough to be told on the telephone.
    pub id: String,
    /// Why, from the list.
    pub reason: CaseReason,
    /// Why, in their words.
    pub note: String,
    /// What may be seen.
    pub scope: Scope,
    /// Whose case it is.
    pub by: Who,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// How long it is open, once it is.
    pub hours: u32,
    /// Where it stands.
    pub state: CaseState,
    /// The second person's word, where one was needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// First moment after its period; while it waits, after which nobody can approve it.
    pub until: Timestamp,
    /// When it was closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<Timestamp>,
}

impl Case {
    /// Reason and id as the record of access names them.
    fn said(&self) -> String {
        format!("{} {}", self.reason.as_str(), self.id)
    }

    /// As the policy sees it.
    fn facts(&self) -> StaffCase {
        StaffCase {
            said: self.said(),
            account: self.by.account.as_str().to_owned(),
            subject: self.scope.subject(),
            open: self.state == CaseState::Open,
            approved: self.verdict.is_some() && self.state == CaseState::Open,
            from: self.verdict.as_ref().map_or(self.opened_at, |verdict| verdict.at),
            until: self.until,
        }
    }

    /// Whether it can be read in, or approved, at this moment.
    pub fn is_over(&self, now: Timestamp) -> bool {
        now >= self.until
    }
}

/// The cases of every tenant, and what is read in them.
pub struct Cases {
    services: Services,
    desk: Desk,
    audit: Arc<AuditLog>,
    broker: Arc<Broker>,
    residents: Arc<Residents>,
    policies: Policies,
}

impl fmt::Debug for Cases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cases(…)")
    }
}

fn object<'a>(act: &'static str, id: &'a str) -> Object<'a> {
    Object::new(CASE_TYPE, act, id)
}

/// A case that is there, by its reason and id.
fn kept_object<'a>(act: &'static str, said: &'a str) -> Object<'a> {
    Object::ours(CASE_TYPE, act, said)
}

impl Cases {
    /// Cases in which residents are read through the broker, and extracts of the log from it.
    pub fn new(
        services: Services,
        audit: Arc<AuditLog>,
        broker: Arc<Broker>,
        residents: Arc<Residents>,
        policies: Policies,
    ) -> Self {
        let desk = Desk::new(services.clone());
        Self { services, desk, audit, broker, residents, policies }
    }

    async fn kept(&self, tenant: &TenantId, id: &str) -> Result<Kept<Case>, Problem> {
        let plain = |b: u8| b.is_ascii_hexdigit() || b == b'-';
        if id.is_empty() || id.len() > 32 || !id.bytes().all(plain) {
            return Err(Problem::not_found());
        }
        let store = &*self.services.store;
        let kept = records::read::<Case>(store, tenant, CASES, id.as_bytes()).await?;
        kept.ok_or_else(Problem::not_found)
    }

    /// Whether the member may see that there is this case: their own, and what waits for or had the word of an approver. What is seen in a case is
    /// seen by its owner alone.
    fn may_look(by: &Acting, case: &Case) -> bool {
        by.is(&case.by) || (case.scope.needs_two() && by.member.has(&[Role::Approver]))
    }

    /// One case; others' look like absent ones. Another member's look at what somebody described in theirs, which names residents, is on record.
    pub async fn get(&self, tenant: &TenantId, by: &Acting, id: &str) -> Result<Case, Problem> {
        let case = self.seen(tenant, by, id).await?;
        if !by.is(&case.by) {
            self.looked(tenant, by, kept_object("case-look", &case.said()), 1).await?;
        }
        Ok(case)
    }

    /// What a case is about, which tells of nobody; others' cases look like absent ones.
    pub async fn kind(
        &self,
        tenant: &TenantId,
        by: &Acting,
        id: &str,
    ) -> Result<&'static str, Problem> {
        Ok(self.seen(tenant, by, id).await?.scope.kind())
    }

    async fn seen(&self, tenant: &TenantId, by: &Acting, id: &str) -> Result<Case, Problem> {
        self.desk.demand(tenant, by, &LOOKERS, object("case-look", id)).await?;
        let case = self.kept(tenant, id).await?.data;
        if Self::may_look(by, &case) { Ok(case) } else { Err(Problem::not_found()) }
    }

    /// The newest cases that the member may see, the latest day first. It is on record where others' are among them.
    pub async fn list(&self, tenant: &TenantId, by: &Acting) -> Result<Vec<Case>, Problem> {
        self.desk.demand(tenant, by, &LOOKERS, object("cases-look", "")).await?;
        let scan = Scan { limit: LISTED, reverse: true, ..Scan::default() };
        let found = records::scan::<Case>(&*self.services.store, tenant, CASES, &scan).await?;
        let mut cases: Vec<Case> = found.into_iter().map(|(_, kept)| kept.data).collect();
        cases.retain(|case| Self::may_look(by, case));
        cases.sort_by_key(|case| std::cmp::Reverse(case.opened_at));
        let others = cases.iter().filter(|case| !by.is(&case.by)).count();
        if others > 0 {
            self.looked(tenant, by, object("cases-look", ""), others).await?;
        }
        Ok(cases)
    }

    /// Writes down that somebody looked at so many cases of others.
    async fn looked(
        &self,
        tenant: &TenantId,
        by: &Acting,
        what: Object<'_>,
        count: usize,
    ) -> Result<(), Problem> {
        let access = self.desk.access(&by.actor(), &by.request, what, "");
        let access = Access { count: u64::try_from(count).unwrap_or(u64::MAX), ..access };
        self.services.log.record(tenant, &access).await.map(|_| ())
    }
}

/// Who has to do with cases at all.
const LOOKERS: [Role; 3] = [Role::Counter, Role::Auditor, Role::Approver];
