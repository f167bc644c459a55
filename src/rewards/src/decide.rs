//! From an activity that is enough to the operations that award its coins. Every limit is a guard inside the transaction: nothing that was
//! read before decides.

use chrono::NaiveDate;
use serde_json::json;
use tsunagu_domain::{SectorCipher, Timestamp, TsunoId};
use tsunagu_store::{Collection, Expect, Guard, Op, StoreError};

use crate::activity::{Facts, MINUTE, MOST_STEPS};
use crate::award::hash;
use crate::ledger::{self, Step};
use crate::records::{
    AWARDS, BY_PERSON, DAY_CAPS, DAY_STEPS, DEVICE_PEOPLE, DEVICES, KEYS, MINUTES, MONTH_CAPS,
    OUTBOX, Order, PERIODS, PERSON_CAPS, Pointer, RECENT, REPEATS, SOURCES, Undo, VOIDS, Void,
    daily_key, encode, joined, period_key, person_key, put, source_key, timed_key, transition,
};
use crate::rule::{Period, Rule};
use crate::{Award, Reason, State};
use crate::{held, hours};

/// `ops` if this activity was never decided under this rule; otherwise only the repetition is counted, and what is `enough` again is not taken
/// back, if it was not yet.
pub(crate) fn once(award: &Award, ops: Vec<Op>, enough: bool) -> Op {
    let (uid, source) = (award.uid.as_bytes().to_vec(), source_key(&award.rule, &award.activity));
    let repeated =
        Op::Add { collection: REPEATS, key: uid.clone(), delta: 1, min: 0, max: i64::MAX };
    Op::When {
        guards: vec![
            Guard::Absent { collection: AWARDS, key: uid },
            Guard::Absent { collection: SOURCES, key: source },
        ],
        then: ops,
        otherwise: [repeated].into_iter().chain(enough.then(|| stands(award))).collect(),
    }
}

/// What this activity has earned is not taken back, if it was not yet.
pub(crate) fn stands(award: &Award) -> Op {
    let key = source_key(&award.rule, &award.activity);
    Op::DeleteRecord { collection: VOIDS, key, expect: Expect::Any }
}

/// Takes what this activity has earned back, if it has and that is not sent yet: it is no longer enough.
pub(crate) fn void(award: &Award, at: Timestamp) -> Result<Op, StoreError> {
    let void = Void { v: 1, reason: Reason::Corrected, at };
    let key = source_key(&award.rule, &award.activity);
    Ok(Op::When {
        guards: vec![Guard::Absent { collection: SOURCES, key: key.clone() }],
        then: Vec::new(),
        otherwise: vec![put(VOIDS, key, &void, Expect::Any)?],
    })
}

/// The decision, and the coins if no limit is in the way: the first one that is gives the reason.
pub(crate) fn grant(
    award: &Award,
    rule: &Rule,
    facts: &Facts<'_>,
    eligible: Vec<Guard>,
    cipher: &SectorCipher,
) -> Result<Vec<Op>, StoreError> {
    let mut ops = decided(award)?;
    let mut checks = vec![(eligible, Reason::NotEligible)];
    let period = rule.period.of(award.day);
    if let Some(period) = &period {
        let key = period_key(award, period);
        checks.push((vec![Guard::Absent { collection: PERIODS, key }], Reason::AlreadyEarned));
    }
    if let Some(device) = &facts.device {
        let (seen, known) = device_use(award, device, rule, cipher);
        ops.push(seen);
        checks.push((vec![known], Reason::SharedDevice));
    }
    let steps = day_steps(award, facts.whole_steps());
    checks.push((vec![steps.guard()], Reason::ImplausibleDay));
    let minutes = minutes(rule, facts);
    let free = minutes.iter().map(|minutes| clear(award, minutes)).collect();
    checks.push((free, Reason::Overlap));
    let hours = hours::beyond(award, rule, &minutes, facts.whole_steps());
    let room = hours.iter().map(|(guard, _)| guard.clone()).collect();
    checks.push((room, Reason::ImplausibleHour));
    let caps = caps(award, rule);
    for (count, reason) in &caps {
        checks.push((vec![count.guard()], *reason));
    }
    checks.push((vec![ledger::affordable(&rule.id, award.amount, rule.budget)], Reason::Budget));

    let mut then = reserve(award, period.as_deref())?;
    then.extend(caps.iter().map(|(count, _)| count.add()));
    then.push(steps.add());
    then.extend(hours.into_iter().map(|(_, add)| add));
    then.extend(minutes.iter().cloned().map(|minutes| mark(award, minutes)));
    for (guards, reason) in checks.into_iter().rev().filter(|(guards, _)| !guards.is_empty()) {
        let otherwise = vec![transition(award.uid, State::Rejected, Some(reason), award.at)?];
        then = vec![Op::When { guards, then, otherwise }];
    }
    ops.extend(then);
    ops.push(held::keep(award, facts.whole_steps(), minutes)?);
    Ok(ops)
}

/// Holds while none of these minutes has earned.
pub(crate) fn clear(award: &Award, (day, bits): &(NaiveDate, Vec<u8>)) -> Guard {
    Guard::Clear { collection: MINUTES, key: daily_key(*day, award), bits: bits.clone() }
}

/// These minutes have earned.
pub(crate) fn mark(award: &Award, (day, bits): (NaiveDate, Vec<u8>)) -> Op {
    Op::Mark { collection: MINUTES, key: daily_key(day, award), bits }
}

/// A counter that grows by an award and has a limit.
pub(crate) struct Count {
    collection: Collection,
    key: Vec<u8>,
    delta: i64,
    max: i64,
}

impl Count {
    fn guard(&self) -> Guard {
        let Self { collection, delta, max, .. } = *self;
        Guard::Room { collection, key: self.key.clone(), delta, min: 0, max }
    }

    fn add(&self) -> Op {
        let Self { collection, delta, max, .. } = *self;
        Op::Add { collection, key: self.key.clone(), delta, min: 0, max }
    }

    /// Adds what is granted as an exception: it takes part in the limits of later activities, whatever it leaves of them.
    pub(crate) fn beyond(self) -> Op {
        Self { max: i64::MAX, ..self }.add()
    }
}

/// Counts what is granted as an exception.
pub(crate) fn counted(award: &Award, rule: &Rule) -> Vec<Op> {
    caps(award, rule).map(|(count, _)| count.beyond()).into()
}

/// What one person can earn. Counted also where the rule sets no limit: a later version may.
fn caps(award: &Award, rule: &Rule) -> [(Count, Reason); 3] {
    let (day, month) = (award.day.to_string(), award.day.format("%Y-%m").to_string());
    let count = |collection, key, max: Option<i64>| Count {
        collection,
        key,
        delta: award.amount,
        max: max.unwrap_or(i64::MAX),
    };
    let person = joined(&[award.rule.as_bytes(), award.subject.as_bytes()]);
    let day = count(DAY_CAPS, period_key(award, &day), Some(rule.per_person_per_day));
    let month = count(MONTH_CAPS, period_key(award, &month), rule.per_person_per_month);
    let ever = count(PERSON_CAPS, person, rule.per_person);
    [(day, Reason::DayCap), (month, Reason::MonthCap), (ever, Reason::PersonCap)]
}

pub(crate) fn day_steps(award: &Award, steps: i64) -> Count {
    let key = daily_key(award.day, award);
    Count { collection: DAY_STEPS, key, delta: steps, max: i64::from(MOST_STEPS) }
}

/// The operation that notes for whom a device recorded, as long as they are not too many, and the guard that holds when this person is
/// among them. Only a keyed hash of the device's name is kept.
fn device_use(award: &Award, device: &str, rule: &Rule, cipher: &SectorCipher) -> (Op, Guard) {
    let digest = hash(b"tsunagu device v1", &[device.as_bytes()]);
    let digest = digest.first_chunk::<16>().copied().unwrap_or_default();
    let device = cipher.outward(TsunoId::from_bytes(digest));
    let day = award.day.to_string();
    let all = joined(&[day.as_bytes(), device.as_bytes()]);
    let one = joined(&[day.as_bytes(), device.as_bytes(), award.subject.as_bytes()]);
    let people = Count {
        collection: DEVICES,
        key: all,
        delta: 1,
        max: i64::from(rule.residents_per_device),
    };
    let person = Count { collection: DEVICE_PEOPLE, key: one.clone(), delta: 1, max: 1 };
    let seen = Op::When {
        guards: vec![person.guard(), people.guard()],
        then: vec![person.add(), people.add()],
        otherwise: Vec::new(),
    };
    let known = Guard::Room { collection: DEVICE_PEOPLE, key: one, delta: 0, min: 1, max: 1 };
    (seen, known)
}

/// The whole minutes of an activity, as bits of the days of the rule's time zone; the minute of its start when it holds none.
fn minutes(rule: &Rule, facts: &Facts<'_>) -> Vec<(NaiveDate, Vec<u8>)> {
    let Some(started) = facts.started else {
        return Vec::new();
    };
    let (mut from, to) = (
        started.saturating_add(MINUTE - 1).div_euclid(MINUTE),
        facts.ended.unwrap_or(started).div_euclid(MINUTE),
    );
    let to = if to > from {
        to
    } else {
        from = started.div_euclid(MINUTE);
        from + 1
    };
    let mut days: Vec<(NaiveDate, Vec<u8>)> = Vec::with_capacity(2);
    for minute in from..to {
        let at = minute * MINUTE;
        let day = rule.tz.day(at);
        let of_day = usize::try_from(rule.tz.minute(at)).unwrap_or(0);
        if days.last().is_none_or(|(last, _)| *last != day) {
            days.push((day, Vec::new()));
        }
        if let Some((_, bits)) = days.last_mut() {
            bits.resize(bits.len().max(of_day / 8 + 1), 0);
            if let Some(byte) = bits.get_mut(of_day / 8) {
                *byte |= 1 << (of_day % 8);
            }
        }
    }
    days
}

/// Sets the coins of an award aside and orders them.
pub(crate) fn reserve(award: &Award, period: Option<&str>) -> Result<Vec<Op>, StoreError> {
    let order = Order {
        v: 1,
        uid: award.uid,
        key: award.key,
        account: award.account.clone(),
        amount: award.amount,
        rule: award.rule.clone(),
        attempts: 0,
        sent: false,
        queued_at: award.at,
        decided: None,
        undo: Undo::Noted,
    };
    let mut ops = vec![
        transition(award.uid, State::Reserved, None, award.at)?,
        put(OUTBOX, timed_key(award.at, award.uid), &order, Expect::Any)?,
    ];
    let pointer = Pointer { v: 1, uid: award.uid };
    if let Some(period) = period {
        ops.push(put(PERIODS, period_key(award, period), &pointer, Expect::Absent)?);
    }
    if let Some(key) = award.key {
        ops.push(put(KEYS, key.as_bytes().to_vec(), &pointer, Expect::Absent)?);
    }
    ops.extend(ledger::step(award, Step::Reserve, award.at)?);
    Ok(ops)
}

/// Nothing, for a reason that lies in the activity itself.
pub(crate) fn reject(award: &Award, reason: Reason) -> Result<Vec<Op>, StoreError> {
    let mut ops = decided(&rejected(award, reason))?;
    ops.push(transition(award.uid, State::Rejected, Some(reason), award.at)?);
    Ok(ops)
}

pub(crate) fn rejected(award: &Award, reason: Reason) -> Award {
    Award { amount: 0, reason: Some(reason), key: None, ..award.clone() }
}

/// The records of a decision, whichever way it went.
fn decided(award: &Award) -> Result<Vec<Op>, StoreError> {
    let source = source_key(&award.rule, &award.activity);
    let encoded = encode(award)?;
    Ok(vec![
        stored(AWARDS, award.uid.as_bytes().to_vec(), encoded.clone(), Expect::Absent),
        put(SOURCES, source, &Pointer { v: 1, uid: award.uid }, Expect::Absent)?,
        put(RECENT, timed_key(award.at, award.uid), &json!({ "v": 1 }), Expect::Any)?,
        stored(BY_PERSON, person_key(award.subject, award.at, award.uid), encoded, Expect::Any),
    ])
}

/// What the resident is shown.
pub(crate) fn explain(award: &Award) -> Result<Op, StoreError> {
    let key = person_key(award.subject, award.at, award.uid);
    Ok(stored(BY_PERSON, key, encode(award)?, Expect::Any))
}

fn stored(collection: Collection, key: Vec<u8>, value: Vec<u8>, expect: Expect) -> Op {
    Op::PutRecord { collection, key, value, expect }
}

impl Period {
    /// The name of the period that a day lies in; none when every activity counts by itself.
    pub(crate) fn of(self, day: NaiveDate) -> Option<String> {
        match self {
            Self::Activity => None,
            Self::Day => Some(day.to_string()),
            Self::Month => Some(day.format("%Y-%m").to_string()),
            Self::Once => Some("once".to_owned()),
        }
    }
}
