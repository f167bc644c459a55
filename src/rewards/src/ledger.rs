//! The double-entry ledger, in whole coins. Every step moves an amount from one account to another and is an appended entry.
//!
//! Per rule: `budget` (0 or less: what has left it), `reserved` and `issued`; their sum is always 0. Per person: `pending`
//! and `balance`, the same coins seen from the other side: all pending together are all reserved, all balances are all issued.
//! No account may cross its bound; a step that would is refused with the whole transaction.

use serde::{Deserialize, Serialize};
use serde_json::json;
use tsunagu_domain::{TenantId, Timestamp, TsunoId};
use tsunagu_store::{Expect, Guard, Op, Store, StoreError};

use crate::records::{ACCOUNTS, BOOKED, ENTRIES, counter, put};
use crate::{Award, AwardUid, TimeZone};

/// One movement of coins. An award goes through `Reserve` and then `Confirm` or `Release`, each once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Step {
    /// budget → reserved.
    Reserve,
    /// reserved → issued.
    Confirm,
    /// reserved → budget.
    Release,
    /// issued → budget, after a `Confirm`.
    Cancel,
}

/// A ledger entry, as stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    pub(crate) v: u32,
    pub(crate) uid: AwardUid,
    /// What the issuer knows it by, when that is not the uid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<AwardUid>,
    pub(crate) step: Step,
    pub(crate) rule: String,
    pub(crate) account: String,
    pub(crate) debit: String,
    pub(crate) credit: String,
    pub(crate) amount: i64,
    pub(crate) at: Timestamp,
}

/// The money of one rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Budget {
    /// What the town gave.
    pub total: i64,
    /// Ordered and not yet confirmed.
    pub reserved: i64,
    /// Granted by the issuer.
    pub issued: i64,
    /// What can still be reserved; less than 0 when the town lowered the total below what is spent.
    pub remaining: i64,
}

/// Account `name` of a rule.
fn of_rule(name: &str, rule: &str) -> Vec<u8> {
    [name.as_bytes(), b"\0", rule.as_bytes()].concat()
}

/// Account `name` of a person.
fn of_person(name: &str, subject: TsunoId) -> Vec<u8> {
    [name.as_bytes(), b"\0", subject.as_bytes()].concat()
}

/// Holds when the rule's budget has room for the amount.
pub(crate) fn affordable(rule: &str, amount: i64, budget: i64) -> Guard {
    Guard::Room {
        collection: ACCOUNTS,
        key: of_rule("budget", rule),
        delta: -amount,
        min: -budget,
        max: 0,
    }
}

/// The key of an award's entry of one step.
fn entry_key(uid: AwardUid, step: Step) -> Vec<u8> {
    [&uid.as_bytes()[..], &[step as u8]].concat()
}

/// Holds while an award has not gone this step.
pub(crate) fn untouched(uid: AwardUid, step: Step) -> Guard {
    Guard::Absent { collection: ENTRIES, key: entry_key(uid, step) }
}

/// The operations of one step.
pub(crate) fn step(award: &Award, step: Step, at: Timestamp) -> Result<Vec<Op>, StoreError> {
    let (debit, credit) = match step {
        Step::Reserve => ("budget", "reserved"),
        Step::Confirm => ("reserved", "issued"),
        Step::Release => ("reserved", "budget"),
        Step::Cancel => ("issued", "budget"),
    };
    let amount = award.amount;
    let entry = Entry {
        v: 1,
        uid: award.uid,
        key: award.key,
        step,
        rule: award.rule.clone(),
        account: award.account.clone(),
        debit: debit.to_owned(),
        credit: credit.to_owned(),
        amount,
        at,
    };
    let key = entry_key(award.uid, step);
    let mut ops = vec![
        put(ENTRIES, key, &entry, Expect::Absent)?,
        add(of_rule(debit, &award.rule), -amount, debit),
        add(of_rule(credit, &award.rule), amount, credit),
    ];
    let mut person =
        |name: &str, delta: i64| ops.push(add(of_person(name, award.subject), delta, name));
    match step {
        Step::Reserve => person("pending", amount),
        Step::Confirm => {
            person("pending", -amount);
            person("balance", amount);
            let day = TimeZone::Tokyo.day(at).to_string();
            let key = [day.as_bytes(), award.uid.as_bytes()].concat();
            ops.push(put(BOOKED, key, &json!({ "v": 1 }), Expect::Any)?);
        }
        Step::Release => person("pending", -amount),
        Step::Cancel => person("balance", -amount),
    }
    Ok(ops)
}

fn add(key: Vec<u8>, delta: i64, name: &str) -> Op {
    // The budget's lower bound is the rule's and was decided by `affordable` in the same transaction.
    let (min, max) = if name == "budget" { (i64::MIN, 0) } else { (0, i64::MAX) };
    Op::Add { collection: ACCOUNTS, key, delta, min, max }
}

/// The money of a rule.
pub(crate) async fn budget(
    store: &dyn Store,
    tenant: &TenantId,
    rule: &str,
    total: i64,
) -> Result<Budget, StoreError> {
    let spent = balance(store, tenant, of_rule("budget", rule)).await?;
    Ok(Budget {
        total,
        reserved: balance(store, tenant, of_rule("reserved", rule)).await?,
        issued: balance(store, tenant, of_rule("issued", rule)).await?,
        remaining: total.saturating_add(spent),
    })
}

/// (balance, pending) of a person.
pub(crate) async fn person(
    store: &dyn Store,
    tenant: &TenantId,
    subject: TsunoId,
) -> Result<(i64, i64), StoreError> {
    let balance_of = |name| balance(store, tenant, of_person(name, subject));
    Ok((balance_of("balance").await?, balance_of("pending").await?))
}

async fn balance(store: &dyn Store, tenant: &TenantId, key: Vec<u8>) -> Result<i64, StoreError> {
    counter(store, tenant, ACCOUNTS, &key).await
}
