//! Appeals: a resident who got nothing for an activity asks the town to look at it, and the town answers, once.

use std::fmt;

use serde::{Deserialize, Serialize};
use tsunagu_domain::{Problem, ProblemCode, TenantId, Text, Timestamp, TsunoId, individual_number};
use tsunagu_store::{Collection, Expect, Guard, Op, Record, Scan, StoreError, WriteSet};

use crate::decide::{counted, reserve};
use crate::records::{BY_PERSON, PERIODS, decode, period_key, put, read_timed_key, timed_key};
use crate::rule::Rule;
use crate::{Award, AwardUid, Reason, Rewards, State};
use crate::{held, ledger};

/// person + uid → [`Appeal`]. Permanent; one for an award.
const APPEALS: Collection = Collection("reward-appeal");
/// uid → [`Whose`].
const APPEALED: Collection = Collection("reward-appealed");
/// time + uid → [`Whose`]: what waits for an answer.
const WAITING: Collection = Collection("reward-appeal-waiting");

/// Longest text of an appeal or an answer, characters.
const LONGEST: usize = 500;
const PAGE: usize = 512;
/// How often a lost race is tried again.
const TRIES: usize = 3;

/// What the town says to an appeal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The coins are granted after all.
    Grant,
    /// It stays as it was decided.
    Uphold,
}

/// The town's answer, as kept.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// What it is.
    pub outcome: Outcome,
    /// Why, for the resident to read: 1 to 500 characters.
    pub text: String,
    /// Who answered, as the record of access names them.
    pub by: String,
    /// When, microseconds since the epoch.
    pub at: Timestamp,
}

/// An appeal, as kept.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Appeal {
    v: u32,
    award: AwardUid,
    subject: TsunoId,
    /// What the resident says; empty when nothing.
    text: String,
    at: Timestamp,
    answer: Option<Answer>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Whose {
    v: u32,
    subject: TsunoId,
}

// What people wrote is in no log, whatever is printed.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("outcome", &self.outcome).finish_non_exhaustive()
    }
}

/// An appeal as the resident sees it.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct AppealView {
    /// What they said.
    pub text: String,
    /// When, microseconds since the epoch.
    pub at: Timestamp,
    /// What the town answered, if it did.
    pub answer: Option<AnswerView>,
}

impl fmt::Debug for AppealView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppealView").field("answer", &self.answer).finish_non_exhaustive()
    }
}

/// An answer as the resident sees it: by the town, whoever of its staff wrote it.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct AnswerView {
    /// What it is.
    pub outcome: Outcome,
    /// Why.
    pub text: String,
    /// When, microseconds since the epoch.
    pub at: Timestamp,
}

impl fmt::Debug for AnswerView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnswerView").field("outcome", &self.outcome).finish_non_exhaustive()
    }
}

/// An appeal that waits for an answer, for staff: the person appears only as the issuer's account.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct WaitingAppeal {
    /// Whom it is from, for the record of access only.
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
    /// What the rule is called.
    pub label: Text,
    /// Day of the activity.
    pub day: chrono::NaiveDate,
    /// Why it earned nothing.
    pub reason: Option<Reason>,
    /// The reason in words.
    pub reason_text: Option<Text>,
    /// What the resident says; empty when nothing.
    pub text: String,
    /// Since when it waits, microseconds since the epoch.
    pub at: Timestamp,
    /// Coins that can be granted; 0 when none can: then only the answer that it stays as it is is left.
    pub grantable: i64,
}

impl fmt::Debug for WaitingAppeal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitingAppeal").field("award", &self.award).finish_non_exhaustive()
    }
}

/// What somebody wrote, trimmed, if it can be kept.
fn words(text: &str) -> Result<String, Problem> {
    let text = text.trim();
    if text.chars().count() > LONGEST {
        let detail = format!("the text is longer than {LONGEST} characters");
        return Err(Problem::new(ProblemCode::InvalidRequest, detail).at("/text"));
    }
    if individual_number::is_in(text) {
        let detail = "an individual number (個人番号) may not be sent to this platform";
        return Err(Problem::new(ProblemCode::IndividualNumber, detail).at("/text"));
    }
    Ok(text.to_owned())
}

fn conflict(detail: &str) -> Problem {
    Problem::new(ProblemCode::Conflict, detail)
}

fn key(subject: TsunoId, uid: AwardUid) -> Vec<u8> {
    [&subject.as_bytes()[..], uid.as_bytes()].concat()
}

impl State {
    /// Whether there are no coins, for good.
    pub(crate) fn came_to_nothing(self) -> bool {
        matches!(self, Self::Rejected | Self::Reversed)
    }
}

impl Appeal {
    fn shown(self) -> AppealView {
        let answer =
            self.answer.map(|Answer { outcome, text, at, .. }| AnswerView { outcome, text, at });
        AppealView { text: self.text, at: self.at, answer }
    }
}

impl Rewards {
    /// Asks the town to look at an activity of this person that earned nothing, or was taken back. `text` may be empty, and has 500 characters
    /// at most. With it, in the same transaction, goes what `recorded` says of the access. An award is appealed once: again, and where there are
    /// coins or may still be, is a conflict.
    pub async fn appeal(
        &self,
        tenant: &TenantId,
        (subject, uid): (TsunoId, AwardUid),
        text: &str,
        at: Timestamp,
        recorded: &[Op],
    ) -> Result<(), Problem> {
        let text = words(text)?;
        let award = self.shown_to(tenant, subject, uid).await?.ok_or_else(Problem::not_found)?;
        if !self.standing(tenant, &award).await?.0.came_to_nothing() {
            return Err(conflict("this activity has its coins, or they are still on their way"));
        }
        let whose = Whose { v: 1, subject };
        let appeal = Appeal { v: 1, award: uid, subject, text, at, answer: None };
        for _ in 0..TRIES {
            let ops = vec![
                put(APPEALS, key(subject, uid), &appeal, Expect::Absent)?,
                put(APPEALED, uid.as_bytes().to_vec(), &whose, Expect::Absent)?,
                put(WAITING, timed_key(at, uid), &whose, Expect::Absent)?,
            ];
            let set = WriteSet { tenant: tenant.clone(), ops: [ops, recorded.to_vec()].concat() };
            match self.store.commit(set).await {
                Ok(_) => return Ok(()),
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
            if self.appeal_about(tenant, uid).await?.is_some() {
                return Err(conflict("the town was asked about this activity before"));
            }
        }
        Err(conflict("something else changed at the same moment; send it again"))
    }

    /// What waits for an answer, the longest first, at most `limit`.
    pub async fn appeals(
        &self,
        tenant: &TenantId,
        limit: usize,
    ) -> Result<Vec<WaitingAppeal>, StoreError> {
        let scan = Scan { limit, ..Scan::default() };
        let mut waiting = Vec::new();
        for (at, _) in self.store.records(tenant, WAITING, &scan).await? {
            let (_, uid) = read_timed_key(&at).ok_or_else(damaged)?;
            let (appeal, _) = self.appeal_about(tenant, uid).await?.ok_or_else(damaged)?;
            let shown = self.shown_to(tenant, appeal.subject, uid).await?;
            let award = shown.ok_or_else(damaged)?;
            let (_, reason) = self.standing(tenant, &award).await?;
            let grantable = self.grantable(tenant, uid).await?.map_or(0, |(award, _)| award.amount);
            waiting.push(WaitingAppeal {
                subject: appeal.subject,
                award: uid,
                account: award.account,
                rule: award.rule,
                rule_version: award.rule_version,
                label: award.label,
                day: award.day,
                reason,
                reason_text: reason.map(Reason::text),
                text: appeal.text,
                at: appeal.at,
                grantable,
            });
        }
        Ok(waiting)
    }

    /// Who appealed about this award, for whoever answers.
    pub async fn appealed_by(
        &self,
        tenant: &TenantId,
        uid: AwardUid,
    ) -> Result<Option<TsunoId>, StoreError> {
        Ok(self.appeal_about(tenant, uid).await?.map(|(appeal, _)| appeal.subject))
    }

    /// Answers an appeal, once. What is granted is reserved and ordered in the same transaction, against the budget and the period of the rule but
    /// not against the limits of a person, which are what it is an exception from; later activities find it counted there. Nor does anybody get coins who may
    /// not earn now. With it goes what `recorded` says of the access. Granting what
    /// was never worth coins, or a second time in a period, is a conflict, and so is answering again.
    pub async fn answer(
        &self,
        tenant: &TenantId,
        uid: AwardUid,
        answer: &Answer,
        recorded: &[Op],
    ) -> Result<(), Problem> {
        let answer = Answer { text: words(&answer.text)?, ..answer.clone() };
        if answer.text.is_empty() {
            let detail = "an answer needs a text for the resident to read";
            return Err(Problem::new(ProblemCode::InvalidRequest, detail).at("/text"));
        }
        for _ in 0..TRIES {
            let found = self.appeal_about(tenant, uid).await?;
            let (appeal, version) = found.ok_or_else(Problem::not_found)?;
            if appeal.answer.is_some() {
                return Err(conflict("this appeal is answered"));
            }
            let mut ops = vec![Op::DeleteRecord {
                collection: WAITING,
                key: timed_key(appeal.at, uid),
                expect: Expect::Any,
            }];
            if answer.outcome == Outcome::Grant {
                ops.push(self.granted(tenant, uid, answer.at).await?);
            }
            let appeal_key = key(appeal.subject, uid);
            let answered = Appeal { answer: Some(answer.clone()), ..appeal };
            ops.push(put(APPEALS, appeal_key, &answered, Expect::Version(version))?);
            ops.extend_from_slice(recorded);
            match self.store.commit(WriteSet { tenant: tenant.clone(), ops }).await {
                Ok(_) => return Ok(()),
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(conflict("something else changed at the same moment; look at it again"))
    }

    /// The operation that grants after all. Where the budget has no room by then, it fails with the whole transaction.
    async fn granted(
        &self,
        tenant: &TenantId,
        uid: AwardUid,
        at: Timestamp,
    ) -> Result<Op, Problem> {
        let Some((award, rule)) = self.grantable(tenant, uid).await? else {
            return Err(conflict(
                "there are no coins to grant: the activity itself did not count, its minutes or its period have their coins, the budget is used up, the person may not earn, or the rule is gone",
            ));
        };
        let held = held::of(&*self.store, tenant, &award).await?;
        let overlaps = self.standing(tenant, &award).await?.1 == Some(Reason::Overlap);
        let now = Award { at, ..award };
        let never = Op::DeleteRecord {
            collection: WAITING,
            key: uid.as_bytes().to_vec(),
            expect: Expect::Version(u64::MAX),
        };
        let mut guards: Vec<Guard> = vec![ledger::affordable(&rule.id, now.amount, rule.budget)];
        guards.extend((self.eligible)(now.subject));
        let mut then = reserve(&now, rule.period.of(now.day).as_deref())?;
        then.extend(counted(&now, rule));
        if let Some(held) = held {
            // Where minutes that earned before were in the way, they are what it is an exception from.
            guards.extend(if overlaps { Vec::new() } else { held.free(&now) });
            then.extend(held.take(&now));
        }
        Ok(Op::When { guards, then, otherwise: vec![never] })
    }

    /// The award and its rule, when only a limit was in the way of coins and the budget has room for them.
    async fn grantable(
        &self,
        tenant: &TenantId,
        uid: AwardUid,
    ) -> Result<Option<(Award, &Rule)>, StoreError> {
        let Some(award) = self.award_of(tenant, uid).await? else { return Ok(None) };
        let of = |rule: &Rule| rule.id == award.rule && rule.version == award.rule_version;
        let Some(rule) = self.rules.iter().map(|compiled| &compiled.rule).find(|rule| of(rule))
        else {
            return Ok(None);
        };
        let worth = award.reason.is_none() && award.amount > 0;
        let (state, reason) = self.standing(tenant, &award).await?;
        // Who was not to earn at all was kept out by no limit.
        if !worth || state != State::Rejected || reason == Some(Reason::NotEligible) {
            return Ok(None);
        }
        if reason != Some(Reason::Overlap)
            && let Some(held) = held::of(&*self.store, tenant, &award).await?
            && !held.is_free(&*self.store, tenant, &award).await?
        {
            return Ok(None);
        }
        let money = ledger::budget(&*self.store, tenant, &rule.id, rule.budget).await?;
        if money.remaining < award.amount {
            return Ok(None);
        }
        if let Some(period) = rule.period.of(award.day) {
            let earned = self.store.record(tenant, PERIODS, &period_key(&award, &period)).await?;
            if earned.is_some() {
                return Ok(None);
            }
        }
        Ok(Some((award, rule)))
    }

    /// The decision as this person is shown it, of whatever came of an activity.
    async fn shown_to(
        &self,
        tenant: &TenantId,
        subject: TsunoId,
        uid: AwardUid,
    ) -> Result<Option<Award>, StoreError> {
        let prefix = subject.as_bytes().to_vec();
        let mut scan = Scan { prefix, limit: PAGE, reverse: true, ..Scan::default() };
        loop {
            let page = self.store.records(tenant, BY_PERSON, &scan).await?;
            let Some((last, _)) = page.last() else { return Ok(None) };
            scan.after = Some(last.clone());
            if let Some((_, record)) = page.iter().find(|(key, _)| key.ends_with(uid.as_bytes())) {
                return decode(&record.value).map(Some);
            }
        }
    }

    async fn appeal_about(
        &self,
        tenant: &TenantId,
        uid: AwardUid,
    ) -> Result<Option<(Appeal, u64)>, StoreError> {
        let Some(whose) = self.store.record(tenant, APPEALED, uid.as_bytes()).await? else {
            return Ok(None);
        };
        let Whose { subject, .. } = decode(&whose.value)?;
        let found = self.store.record(tenant, APPEALS, &key(subject, uid)).await?;
        let Record { value, version } = found.ok_or_else(damaged)?;
        Ok(Some((decode(&value)?, version)))
    }

    /// Every appeal of one person.
    pub(crate) async fn appeals_of(
        &self,
        tenant: &TenantId,
        subject: TsunoId,
    ) -> Result<Vec<(AwardUid, AppealView)>, StoreError> {
        let prefix = subject.as_bytes().to_vec();
        let mut scan = Scan { prefix, limit: PAGE, ..Scan::default() };
        let mut all = Vec::new();
        loop {
            let page = self.store.records(tenant, APPEALS, &scan).await?;
            let Some((last, _)) = page.last() else { return Ok(all) };
            scan.after = Some(last.clone());
            for (_, record) in page {
                let appeal: Appeal = decode(&record.value)?;
                all.push((appeal.award, appeal.shown()));
            }
        }
    }
}

fn damaged() -> StoreError {
    StoreError::Corrupt("an appeal about coins leads nowhere".to_owned())
}
