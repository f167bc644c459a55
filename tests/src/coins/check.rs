//! That residents, ledger and issuer agree with the model, and with each other.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::FutureExt as _;
use serde_json::Value;
use tsunagu_domain::Problem;
use tsunagu_rewards::{AwardUid, CoinsView, GrantView, Reason, RuleStatus, State};
use tsunagu_store::testing::MemoryStore;
use tsunagu_store::{Collection, Scan, Store as _, StoreError};

use super::Summary;
use super::activity::{Activity, is_refused, subject};
use super::model::Outcome;
use super::world::World;

/// Answers at once: the disk itself makes nobody wait.
fn now<T>(asked: impl Future<Output = Result<T, StoreError>>) -> Result<T, String> {
    let answer = asked.now_or_never().ok_or("the disk itself waits")?;
    answer.map_err(|error| Problem::from(error).to_string())
}

fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}

impl World {
    fn budgets(&self) -> Result<Vec<RuleStatus>, String> {
        let rewards = self.rewards(Arc::<MemoryStore>::clone(&self.disk))?;
        now(rewards.rules(&self.tenant))
    }

    /// At any time: the budget is never overdrawn, and no coin is nowhere.
    pub(super) fn check_budgets(&self) -> Result<(), String> {
        for status in self.budgets()? {
            let money = status.budget;
            ensure(money.reserved >= 0 && money.issued >= 0 && money.remaining >= 0, || {
                format!("an account of {} is overdrawn: {money:?}", status.rule.id)
            })?;
            ensure(money.reserved + money.issued + money.remaining == money.total, || {
                format!("coins of {} are nowhere: {money:?}", status.rule.id)
            })?;
        }
        Ok(())
    }

    /// Orders in the outbox.
    pub(super) fn owed(&self) -> Result<usize, String> {
        let scan = Scan { limit: usize::MAX, ..Scan::default() };
        now(self.disk.records(&self.tenant, Collection("reward-outbox"), &scan))
            .map(|left| left.len())
    }

    /// What the issuer knows an award by, as it was ordered.
    fn key_of(&self, award: AwardUid) -> Result<AwardUid, String> {
        let key = &award.to_string();
        let byte = |at: usize| u8::from_str_radix(key.get(2 * at..2 * at + 2)?, 16).ok();
        let bytes: Vec<u8> = (0..32).filter_map(byte).collect();
        let record = self.disk.record(&self.tenant, Collection("reward-award"), &bytes);
        let record = now(record)?.ok_or("a granted award has no record")?;
        let record: Value =
            serde_json::from_slice(&record.value).map_err(|error| error.to_string())?;
        // Whom it is for, by which rule and version, under which consent: each credit names all three.
        ensure(record["grant"].is_string() && record["rule_version"] == 1, || {
            format!("{award} does not say why it was given")
        })?;
        match record["key"].as_str() {
            Some(key) => key.parse().map_err(|_| "a key is none".to_owned()),
            None => Ok(award),
        }
    }

    /// In the end.
    pub(super) fn check(&self, summary: &mut Summary) -> Result<(), String> {
        self.check_budgets()?;
        let rewards = self.rewards(Arc::<MemoryStore>::clone(&self.disk))?;
        let mut told: BTreeMap<String, Vec<(u64, GrantView)>> = BTreeMap::new();
        let (mut balances, mut pending) = (0, 0);
        for person in 0..=self.people {
            let coins: CoinsView = now(rewards.all_coins_of(&self.tenant, subject(person)))?;
            balances += coins.balance;
            pending += coins.pending;
            for grant in coins.grants {
                told.entry(grant.activity.clone()).or_default().push((person, grant));
            }
        }
        let mut ordered: BTreeMap<AwardUid, (String, i64)> = BTreeMap::new();
        let model = self.known().clone();
        for index in model.present.keys() {
            let id = Activity::id(*index);
            let activity = self.activities.get(*index).ok_or("no such activity")?;
            let outcome = model.decided.get(index);
            let told = told.remove(&id).unwrap_or_default();
            let mut decisions =
                told.iter().filter(|(_, grant)| grant.reason != Some(Reason::NotMet));
            let decision = decisions.next().map(|(_, grant)| grant);
            ensure(decisions.next().is_none(), || format!("{id} was decided twice: {told:?}"))?;
            ensure(told.iter().all(|(person, _)| *person == activity.person), || {
                format!("{id} was told somebody else")
            })?;
            ensure(!told.is_empty(), || format!("nobody was told what became of {id}"))?;
            let terms = self.terms(activity.kind);
            let [first, corrected] =
                activity.numbers.map(|number| terms.least <= number && number <= 100_000);
            let lenient =
                Lenient { refused: is_refused(activity.person), corrected: first != corrected };
            ensure(fits(outcome, decision, lenient), || {
                format!("{id} should be {outcome:?} and is {decision:?}: {activity:?}")
            })?;
            if let Some(grant) = decision.filter(|grant| grant.state == State::Confirmed) {
                let account = rewards.account_of(subject(activity.person));
                let key = self.key_of(grant.award)?;
                let again = ordered.insert(key, (account, grant.amount));
                ensure(again.is_none(), || format!("{key} was granted for two activities"))?;
            }
        }
        ensure(told.is_empty(), || format!("told of what was never written: {told:?}"))?;

        let held = self.issuer.books(|books| books.grants.clone());
        if let Some((key, held)) = held.iter().find(|(key, held)| ordered.get(key) != Some(held)) {
            return Err(format!("the issuer granted {key} {held:?}, which nobody confirmed"));
        }
        if let Some((key, _)) = ordered.iter().find(|(key, _)| !held.contains_key(key)) {
            return Err(format!("the issuer never granted {key}, which is confirmed"));
        }
        let issued: i64 = held.values().map(|(_, amount)| amount).sum();
        let budgets = self.budgets()?;
        let ours: i64 = budgets.iter().map(|status| status.budget.issued).sum();
        let reserved: i64 = budgets.iter().map(|status| status.budget.reserved).sum();
        ensure((issued, 0, 0) == (ours, reserved, pending) && balances == issued, || {
            format!(
                "issuer {issued}, ledger {ours} and {reserved} reserved, residents {balances} and {pending} pending"
            )
        })?;
        let differences = now(rewards.reconcile(&self.tenant, &self.issuer.statement()))?;
        ensure(differences.is_empty(), || format!("reconciliation finds {differences:?}"))?;
        summary.grants = held.len() as u64;
        summary.coins = issued;
        Ok(())
    }
}

/// What may also become of an award.
#[derive(Debug, Clone, Copy)]
struct Lenient {
    /// The issuer refuses it.
    refused: bool,
    /// It is taken back if its correction comes before it is sent.
    corrected: bool,
}

/// Whether what the resident is told is what the model says.
fn fits(outcome: Option<&Outcome>, told: Option<&GrantView>, lenient: Lenient) -> bool {
    let Some((outcome, told)) = outcome.zip(told) else {
        return outcome.is_none() && told.is_none();
    };
    match (outcome, told.state, told.reason) {
        (Err(reason), State::Rejected, Some(told_reason)) => {
            told.amount == 0 && *reason == told_reason
        }
        (Ok(_), State::Reversed, Some(Reason::Corrected)) => lenient.corrected,
        (Ok(amount), State::Reversed, Some(Reason::IssuerRefused)) => {
            lenient.refused && told.amount == *amount
        }
        (Ok(amount), State::Confirmed, _) => !lenient.refused && told.amount == *amount,
        _ => false,
    }
}
