//! The room's heart: from a change of an entity to the operations that award coins.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::NaiveDate;
use serde_json::json;
use tsunagu_domain::{Clock, Problem, SectorCipher, TenantId, TsunoId};
use tsunagu_ngsi_ld::EntityDoc;
use tsunagu_store::{Change, Consequence, Expect, Guard, Op, Store, StoreError};

use crate::activity::{Verdict, judge};
use crate::ledger::{self, Step};
use crate::records::{
    AWARDS, BY_PERSON, DAY_CAPS, OUTBOX, Order, RECENT, REPEATS, SOURCES, day_cap_key, person_key,
    put, source_key, timed_key, transition,
};
use crate::rule::Compiled;
use crate::{Award, AwardUid, Reason, RuleStatus, Rules, State};

/// Decides awards and answers questions about them.
pub struct Rewards {
    pub(crate) store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    rules: Rules,
    cipher: SectorCipher,
    /// What must hold for a person to earn.
    eligible: fn(TsunoId) -> Vec<Guard>,
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
        Self { store, clock, rules, cipher, eligible: |_| Vec::new() }
    }

    /// Only who these guards let earns; they are decided in the transaction that would award.
    #[must_use]
    pub fn only_for(self, eligible: fn(TsunoId) -> Vec<Guard>) -> Self {
        Self { eligible, ..self }
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
        Award {
            v: 1,
            uid: AwardUid::of(subject, &rule.id, rule.version, day, doc.id()),
            subject,
            account: self.account_of(subject),
            rule: rule.id.clone(),
            rule_version: rule.version,
            label: rule.label.clone(),
            activity: doc.id().to_owned(),
            client: change.client.map(str::to_owned),
            grant: change.grant.map(str::to_owned),
            day,
            amount: rule.amount,
            reason: None,
            at: change.at,
        }
    }

    fn follow_rule(
        &self,
        compiled: &Compiled,
        change: &Change<'_>,
        ops: &mut Vec<Op>,
    ) -> Result<(), StoreError> {
        let Some(after) = change.after else {
            return Ok(());
        };
        // An entity about nobody earns nothing.
        let Some(subject) = subject_of(after) else {
            return Ok(());
        };
        let before = change.before.map_or(Verdict::None, |doc| judge(compiled, doc, change.at));
        // Decided when it was first enough, or first found impossible; later changes decide nothing anew.
        if matches!(before, Verdict::Eligible(_) | Verdict::Rejected(..)) {
            return Ok(());
        }
        match judge(compiled, after, change.at) {
            Verdict::NotMet(day) if change.before.is_none() => {
                let award = self.award(compiled, change, after, subject, day);
                ops.push(explain(&rejected(&award, Reason::NotMet))?);
            }
            Verdict::None | Verdict::NotMet(_) => {}
            Verdict::Rejected(day, reason) => {
                let award = self.award(compiled, change, after, subject, day);
                ops.push(once(&award, reject(&award, reason)?));
            }
            Verdict::Eligible(day) => {
                let award = self.award(compiled, change, after, subject, day);
                ops.push(if award.grant.is_some() {
                    let granted = vec![grant_within(&award, compiled)?];
                    let guards = (self.eligible)(subject);
                    let refused = reject(&award, Reason::NotEligible)?;
                    once(&award, vec![Op::When { guards, then: granted, otherwise: refused }])
                } else {
                    once(&award, reject(&award, Reason::NoConsent)?)
                });
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Consequence for Rewards {
    async fn follow(&self, change: &Change<'_>, ops: &mut Vec<Op>) -> Result<(), Problem> {
        for compiled in self.rules.iter() {
            self.follow_rule(compiled, change, ops)?;
        }
        Ok(())
    }
}

fn subject_of(doc: &EntityDoc) -> Option<TsunoId> {
    let subject = doc.subject()?;
    TsunoId::from_urn(subject).or_else(|| subject.parse().ok())
}

/// `ops` if this activity was never decided under this rule; otherwise only the repetition is counted.
fn once(award: &Award, ops: Vec<Op>) -> Op {
    let (uid, source) = (award.uid.as_bytes().to_vec(), source_key(&award.rule, &award.activity));
    Op::When {
        guards: vec![
            Guard::Absent { collection: AWARDS, key: uid.clone() },
            Guard::Absent { collection: SOURCES, key: source },
        ],
        then: ops,
        otherwise: vec![Op::Add { collection: REPEATS, key: uid, delta: 1, min: 0, max: i64::MAX }],
    }
}

/// Reserves the coins, if the person's day and the town's budget have room; else says which has not.
fn grant_within(award: &Award, compiled: &Compiled) -> Result<Op, StoreError> {
    let rule = &compiled.rule;
    let day_cap = Guard::Room {
        collection: DAY_CAPS,
        key: day_cap_key(award),
        delta: award.amount,
        min: 0,
        max: rule.per_person_per_day,
    };
    let in_budget = Op::When {
        guards: vec![ledger::affordable(&rule.id, award.amount, rule.budget)],
        then: reserve(award, rule.per_person_per_day)?,
        otherwise: reject(award, Reason::Budget)?,
    };
    Ok(Op::When {
        guards: vec![day_cap],
        then: vec![in_budget],
        otherwise: reject(award, Reason::DayCap)?,
    })
}

fn reserve(award: &Award, day_cap: i64) -> Result<Vec<Op>, StoreError> {
    let order = Order {
        v: 1,
        uid: award.uid,
        account: award.account.clone(),
        amount: award.amount,
        rule: award.rule.clone(),
        attempts: 0,
        sent: false,
        queued_at: award.at,
    };
    let mut ops = decided(award)?;
    ops.extend([
        transition(award.uid, State::Eligible, None, award.at)?,
        transition(award.uid, State::Reserved, None, award.at)?,
        Op::Add {
            collection: DAY_CAPS,
            key: day_cap_key(award),
            delta: award.amount,
            min: 0,
            max: day_cap,
        },
        put(OUTBOX, timed_key(award.at, award.uid), &order, Expect::Absent)?,
    ]);
    ops.extend(ledger::step(award, Step::Reserve, award.at)?);
    Ok(ops)
}

fn reject(award: &Award, reason: Reason) -> Result<Vec<Op>, StoreError> {
    let mut ops = decided(&rejected(award, reason))?;
    ops.push(transition(award.uid, State::Rejected, Some(reason), award.at)?);
    Ok(ops)
}

fn rejected(award: &Award, reason: Reason) -> Award {
    Award { amount: 0, reason: Some(reason), ..award.clone() }
}

/// The records of a decision, whichever way it went.
fn decided(award: &Award) -> Result<Vec<Op>, StoreError> {
    let source = source_key(&award.rule, &award.activity);
    Ok(vec![
        put(AWARDS, award.uid.as_bytes().to_vec(), award, Expect::Absent)?,
        put(SOURCES, source, &json!({ "v": 1, "uid": award.uid }), Expect::Absent)?,
        put(RECENT, timed_key(award.at, award.uid), &json!({ "v": 1 }), Expect::Absent)?,
        transition(award.uid, State::Received, None, award.at)?,
        explain(award)?,
    ])
}

/// What the resident is shown.
fn explain(award: &Award) -> Result<Op, StoreError> {
    put(BY_PERSON, person_key(award.subject, award.at, award.uid), award, Expect::Any)
}
