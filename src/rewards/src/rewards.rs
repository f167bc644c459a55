//! The room's heart: from a change of an entity to the operations that award coins.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::NaiveDate;
use tokio::sync::Mutex;
use tsunagu_domain::{Clock, Problem, SectorCipher, TenantId, TsunoId};
use tsunagu_ngsi_ld::EntityDoc;
use tsunagu_store::{Change, Consequence, Guard, Op, Store, StoreError};

use crate::activity::{Facts, Verdict, judge};
use crate::decide::{explain, grant, once, reject, rejected, stands, void};
use crate::ledger;
use crate::rule::Compiled;
use crate::{Activities, Award, AwardUid, Reason, RuleStatus, Rules};

/// Decides awards and answers questions about them.
pub struct Rewards {
    pub(crate) store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    pub(crate) rules: Rules,
    cipher: SectorCipher,
    /// What must hold for a person to earn.
    pub(crate) eligible: fn(TsunoId) -> Vec<Guard>,
    pub(crate) activities: Option<Arc<dyn Activities>>,
    /// Held by the simulation that runs.
    pub(crate) simulating: Mutex<()>,
}

impl fmt::Debug for Rewards {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rewards").field("rules", &self.rules).finish_non_exhaustive()
    }
}

impl Rewards {
    /// With the rules in force, and the cipher of the sector `coin-issuer`.
    pub fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        rules: Rules,
        cipher: SectorCipher,
    ) -> Self {
        Self {
            store,
            clock,
            rules,
            cipher,
            eligible: |_| Vec::new(),
            activities: None,
            simulating: Mutex::new(()),
        }
    }

    /// Only who these guards let earns; they are decided in the transaction that would award.
    #[must_use]
    pub fn only_for(self, eligible: fn(TsunoId) -> Vec<Guard>) -> Self {
        Self { eligible, ..self }
    }

    /// Reads stored activities here when rules are simulated.
    #[must_use]
    pub fn over(self, activities: Arc<dyn Activities>) -> Self {
        Self { activities: Some(activities), ..self }
    }

    /// The account under which the issuer knows this person: a pairwise id, useless anywhere else.
    pub fn account_of(&self, subject: TsunoId) -> String {
        self.cipher.outward(subject).to_string()
    }

    /// The rules whose last day is not past, or whose coins are still under way, with their budgets.
    pub async fn rules(&self, tenant: &TenantId) -> Result<Vec<RuleStatus>, StoreError> {
        let now = self.clock.micros();
        let mut out = Vec::new();
        for Compiled { rule, .. } in self.rules.iter() {
            let budget = ledger::budget(&*self.store, tenant, &rule.id, rule.budget).await?;
            if rule.tz.day(now) < rule.valid_until || budget.reserved > 0 {
                out.push(RuleStatus { rule: rule.clone(), budget });
            }
        }
        Ok(out)
    }

    fn award(
        &self,
        compiled: &Compiled,
        change: &Change<'_>,
        doc: &EntityDoc,
        subject: TsunoId,
        day: NaiveDate,
    ) -> Award {
        let rule = &compiled.rule;
        let period = rule.period.of(day);
        let key = |period: String| AwardUid::of_period(subject, &rule.id, rule.version, &period);
        Award {
            v: 1,
            uid: AwardUid::of(subject, &rule.id, rule.version, day, doc.id()),
            key: period.map(key),
            subject,
            account: self.account_of(subject),
            rule: rule.id.clone(),
            rule_version: rule.version,
            label: rule.label.clone(),
            activity: doc.id().to_owned(),
            client: change.client.map(str::to_owned),
            grant: change.grant.map(str::to_owned),
            day,
            amount: 0,
            reason: None,
            at: change.at,
        }
    }

    /// What these rules add to a change.
    pub(crate) fn follow_rules(
        &self,
        rules: &Rules,
        change: &Change<'_>,
        ops: &mut Vec<Op>,
    ) -> Result<(), StoreError> {
        // What is deleted was no less true: its coins stay.
        let Some(after) = change.after else {
            return Ok(());
        };
        if !rules.iter().any(|compiled| compiled.looks_at(after)) {
            return Ok(());
        }
        let (before, after) = (change.before.map(Facts::of), Facts::of(after));
        for compiled in rules.iter() {
            self.follow_rule(compiled, change, (before.as_ref(), &after), ops)?;
        }
        Ok(())
    }

    fn follow_rule(
        &self,
        compiled: &Compiled,
        change: &Change<'_>,
        facts: (Option<&Facts<'_>>, &Facts<'_>),
        ops: &mut Vec<Op>,
    ) -> Result<(), StoreError> {
        let (before, after) = facts;
        // An entity about nobody earns nothing.
        let Some(subject) = subject_of(after.doc) else {
            return Ok(());
        };
        let was = before.map_or(Verdict::None, |facts| judge(compiled, facts, change.at));
        let is = judge(compiled, after, change.at);
        let award = |day| self.award(compiled, change, after.doc, subject, day);
        match (was, is) {
            // Decided when it was first enough, or first found impossible; later changes decide nothing anew, but what is no longer enough
            // is not sent.
            (Verdict::Eligible(day, _), Verdict::NotMet(_) | Verdict::Rejected(..)) => {
                ops.push(void(&award(day), change.at)?);
            }
            (Verdict::Rejected(..), Verdict::Eligible(day, _)) => ops.push(stands(&award(day))),
            (Verdict::Eligible(..) | Verdict::Rejected(..), _) | (_, Verdict::None) => {}
            (_, Verdict::NotMet(day)) if change.before.is_none() => {
                ops.push(explain(&rejected(&award(day), Reason::NotMet))?);
            }
            (_, Verdict::NotMet(_)) => {}
            (_, Verdict::Rejected(day, reason)) => {
                let award = award(day);
                ops.push(once(&award, reject(&award, reason)?, false));
            }
            (_, Verdict::Eligible(day, amount)) => {
                let award = Award { amount, ..award(day) };
                let decision = if award.grant.is_none() {
                    reject(&award, Reason::NoConsent)?
                } else if !compiled.rule.is_assured(change.assurance) {
                    reject(&award, Reason::LowAssurance)?
                } else {
                    let eligible = (self.eligible)(subject);
                    grant(&award, &compiled.rule, after, eligible, &self.cipher)?
                };
                ops.push(once(&award, decision, true));
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Consequence for Rewards {
    async fn follow(&self, change: &Change<'_>, ops: &mut Vec<Op>) -> Result<(), Problem> {
        Ok(self.follow_rules(&self.rules, change, ops)?)
    }
}

pub(crate) fn subject_of(doc: &EntityDoc) -> Option<TsunoId> {
    let subject = doc.subject()?;
    TsunoId::from_urn(subject).or_else(|| subject.parse().ok())
}
