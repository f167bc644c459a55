//! Opening, approving and closing cases.

use chrono::{DateTime, FixedOffset};
use tsunagu_domain::{Problem, ProblemCode, TenantId, Timestamp};
use tsunagu_store::{Expect, WriteSet};

use super::{
    Asked, CASES, Case, CaseReason, CaseState, Cases, HOUR, MAX_HOURS, Verdict, WAITS, kept_object,
    object,
};
use crate::records::{self, ATTEMPTS};
use crate::{Acting, Decision, Role, clients};

const JAPAN_SECONDS: i32 = 9 * 3600;

impl Cases {
    /// Opens a case. Needs the role that the work belongs to: `counter` for residents, `auditor` for extracts of the log. What is about several
    /// residents waits for a second person, at most seven days. `hours` is 1 to 24.
    pub async fn open(
        &self,
        tenant: &TenantId,
        by: &Acting,
        reason: CaseReason,
        note: &str,
        hours: u32,
        asked: Asked,
    ) -> Result<Case, Problem> {
        let scope = asked.scope()?;
        self.desk.demand(tenant, by, &[scope.role()], object("case-open", "")).await?;
        let note = clients::reason(note, "/note")?;
        if !(1..=MAX_HOURS).contains(&hours) {
            let detail = format!("a case is open for 1 to {MAX_HOURS} hours");
            return Err(Problem::new(ProblemCode::BadRequestData, detail).at("/hours"));
        }
        for _ in 0..ATTEMPTS {
            let now = self.services.clock.micros();
            let two = scope.needs_two();
            let case = Case {
                id: self.id(now),
                reason,
                note: note.clone(),
                scope: scope.clone(),
                by: by.who(),
                opened_at: now,
                hours,
                state: if two { CaseState::Waiting } else { CaseState::Open },
                verdict: None,
                until: now.saturating_add(if two { WAITS } else { period(hours) }),
                closed_at: None,
            };
            if self.write(tenant, by, &case, Expect::Absent, "case-opened").await? {
                return Ok(case);
            }
        }
        Err(records::busy())
    }

    /// Day in Japan and eight random digits.
    fn id(&self, now: Timestamp) -> String {
        let utc = DateTime::from_timestamp_micros(now).unwrap_or_default();
        let day = match FixedOffset::east_opt(JAPAN_SECONDS) {
            Some(japan) => utc.with_timezone(&japan).format("%Y%m%d").to_string(),
            None => utc.format("%Y%m%d").to_string(),
        };
        let random: String = self
            .services
            .ids
            .uuid()
            .chars()
            .rev()
            .filter(char::is_ascii_hexdigit)
            .take(8)
            .collect();
        format!("{day}-{random}")
    }

    /// Approves or denies a case that waits. Needs the role `approver` and another person than the one who opened it.
    pub async fn decide(
        &self,
        tenant: &TenantId,
        by: &Acting,
        id: &str,
        decision: Decision,
        note: &str,
    ) -> Result<(), Problem> {
        let (act, done) = match decision {
            Decision::Approve => ("case-approve", "case-approved"),
            Decision::Deny => ("case-deny", "case-denied"),
        };
        let what = object(act, id);
        self.desk.demand(tenant, by, &[Role::Approver], what).await?;
        let note = clients::note(note, "/note")?;
        for _ in 0..ATTEMPTS {
            let kept = self.kept(tenant, id).await?;
            let (now, mut case) = (self.services.clock.micros(), kept.data);
            if by.is(&case.by) {
                let detail = "who opened a case cannot approve it; another member does";
                return Err(self.desk.refuse(tenant, by, what, "own-request", detail).await);
            }
            if case.state != CaseState::Waiting || case.is_over(now) {
                let detail = "this case does not wait for approval";
                let problem = Problem::new(ProblemCode::Conflict, detail);
                let (actor, why) = (by.actor(), "nothing-waits");
                let told =
                    self.desk.refused(tenant, (&actor, &by.request), what, why, problem).await;
                return Err(told);
            }
            case.verdict = Some(Verdict { by: by.who(), at: now, note: note.clone() });
            match decision {
                Decision::Approve => {
                    case.state = CaseState::Open;
                    case.until = now.saturating_add(period(case.hours));
                }
                Decision::Deny => {
                    case.state = CaseState::Denied;
                    case.closed_at = Some(now);
                }
            }
            if self.write(tenant, by, &case, Expect::Version(kept.version), done).await? {
                return Ok(());
            }
        }
        Err(records::busy())
    }

    /// Closes a case: nothing is read in it any more. For its owner; closing a closed one changes nothing.
    pub async fn close(&self, tenant: &TenantId, by: &Acting, id: &str) -> Result<(), Problem> {
        let what = object("case-close", id);
        for _ in 0..ATTEMPTS {
            let kept = self.kept(tenant, id).await?;
            let mut case = kept.data;
            if !by.is(&case.by) {
                let detail = "a case is closed by whose it is";
                return Err(self.desk.refuse(tenant, by, what, "not-own", detail).await);
            }
            if matches!(case.state, CaseState::Closed | CaseState::Denied) {
                return Ok(());
            }
            case.state = CaseState::Closed;
            case.closed_at = Some(self.services.clock.micros());
            if self.write(tenant, by, &case, Expect::Version(kept.version), "case-closed").await? {
                return Ok(());
            }
        }
        Err(records::busy())
    }

    /// Stores a case with the record of what was done to it; a resident whom it is about sees that.
    async fn write(
        &self,
        tenant: &TenantId,
        by: &Acting,
        case: &Case,
        expect: Expect,
        done: &'static str,
    ) -> Result<bool, Problem> {
        let said = case.said();
        let what = kept_object(done, &said).about(case.scope.subject());
        let access = self.desk.access(&by.actor(), &by.request, what, "");
        let mut set = WriteSet::new(tenant.clone());
        set.ops.push(records::put(CASES, case.id.as_bytes(), None, case, expect)?);
        set.ops.extend(self.services.log.ops(&access)?);
        Ok(records::try_commit(&*self.services.store, set).await?)
    }
}

fn period(hours: u32) -> Timestamp {
    HOUR.saturating_mul(hours.into())
}
