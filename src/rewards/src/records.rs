//! Where everything is kept. Keys sort as scans need them; values are JSON with a version.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tsunagu_domain::{TenantId, Timestamp, TsunoId};
use tsunagu_store::{Collection, Expect, Op, Scan, Store, StoreError};

use crate::award::hash;
use crate::{Award, AwardUid, Decided, Reason, State};

/// uid → [`Award`]. Permanent.
pub(crate) const AWARDS: Collection = Collection("reward-award");
/// rule + activity → uid: one activity earns once under a rule, whoever it is about later. Permanent.
pub(crate) const SOURCES: Collection = Collection("reward-source");
/// uid + rank of a state → [`Transition`]. Appended only. What a decision passes through at one moment is not kept ([`transitions`]).
pub(crate) const TRANSITIONS: Collection = Collection("reward-transition");
/// person + time + uid → [`Award`]: what one resident is shown.
pub(crate) const BY_PERSON: Collection = Collection("reward-by-person");
/// time + uid → marker: what staff is shown.
pub(crate) const RECENT: Collection = Collection("reward-recent");
/// uid → how often the same award was asked for again.
pub(crate) const REPEATS: Collection = Collection("reward-repeat");
/// rule + day + person → coins reserved (a counter).
pub(crate) const DAY_CAPS: Collection = Collection("reward-day-cap");
/// rule + month + person → coins reserved (a counter).
pub(crate) const MONTH_CAPS: Collection = Collection("reward-month-cap");
/// rule + person → coins reserved (a counter).
pub(crate) const PERSON_CAPS: Collection = Collection("reward-person-cap");
/// rule + period + person → uid: a rule that grants once in a period has. Permanent.
pub(crate) const PERIODS: Collection = Collection("reward-period");
/// key at the issuer → uid, where they differ. Permanent.
pub(crate) const KEYS: Collection = Collection("reward-key");
/// day + rule + person → steps that counted (a counter).
pub(crate) const DAY_STEPS: Collection = Collection("reward-day-steps");
/// day + hour + rule + person → steps that counted beyond a moderate pace (a counter).
pub(crate) const HOUR_STEPS: Collection = Collection("reward-hour-steps");
/// day + rule + person → the minutes of the day that counted, a bit each.
pub(crate) const MINUTES: Collection = Collection("reward-minutes");
/// day + keyed hash of a device → for how many residents it recorded (a counter).
pub(crate) const DEVICES: Collection = Collection("reward-device");
/// day + keyed hash of a device + person → 1 (a counter).
pub(crate) const DEVICE_PEOPLE: Collection = Collection("reward-device-person");
/// rule + activity → [`Void`]: what it earned is not to be sent any more, if it was not yet. On whichever day it is now, it is the same activity.
pub(crate) const VOIDS: Collection = Collection("reward-void");
/// time + uid → [`Decision`](crate::Decision). Appended only.
pub(crate) const DECISIONS: Collection = Collection("reward-decision");
/// account → balance (a counter).
pub(crate) const ACCOUNTS: Collection = Collection("reward-account");
/// uid + step → ledger entry. Appended only.
pub(crate) const ENTRIES: Collection = Collection("reward-entry");
/// day on which it was booked here + uid → marker: grants that the issuer confirmed.
pub(crate) const BOOKED: Collection = Collection("reward-booked");
/// day → what the comparison with the issuer of that day found. Appended only.
pub(crate) const RECONCILED: Collection = Collection("reward-reconciled");
/// due time + uid → [`Order`].
pub(crate) const OUTBOX: Collection = Collection("reward-outbox");

/// An award reached a state.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Transition {
    pub(crate) v: u32,
    pub(crate) state: State,
    pub(crate) reason: Option<Reason>,
    pub(crate) at: Timestamp,
}

/// A record that leads to an award.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pointer {
    pub(crate) v: u32,
    pub(crate) uid: AwardUid,
}

/// An award that is to be taken back while that can be done here alone.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Void {
    pub(crate) v: u32,
    pub(crate) reason: Reason,
    pub(crate) at: Timestamp,
}

/// What the issuer is owed. It names the person only as the issuer knows them.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Order {
    pub(crate) v: u32,
    pub(crate) uid: AwardUid,
    /// What the issuer knows it by, when that is not the uid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<AwardUid>,
    pub(crate) account: String,
    pub(crate) amount: i64,
    pub(crate) rule: String,
    /// How often it was taken up.
    pub(crate) attempts: u32,
    /// Whether it may have reached the issuer: then the issuer is asked before anything is sent.
    pub(crate) sent: bool,
    pub(crate) queued_at: Timestamp,
    /// What staff decided about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) decided: Option<Decided>,
    /// How far the issuer has been asked to take it back.
    #[serde(default, skip_serializing_if = "Undo::is_noted")]
    pub(crate) undo: Undo,
}

/// How far a decision to take back has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Undo {
    /// The issuer was not asked yet.
    #[default]
    Noted,
    /// Whoever may have been sending the order when it was decided has ended.
    Rested,
    /// The issuer said once that it holds no grant.
    Absent,
    /// The issuer does not take the grant back: staff can decide otherwise.
    Refused,
}

impl Undo {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
    fn is_noted(&self) -> bool {
        *self == Self::Noted
    }
}

impl Order {
    /// What the issuer knows it by.
    pub(crate) fn key(&self) -> AwardUid {
        self.key.unwrap_or(self.uid)
    }
}

/// JSON of a stored value.
pub(crate) fn encode(value: &impl Serialize) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(value)
        .map_err(|error| StoreError::Corrupt(format!("a reward record cannot be written: {error}")))
}

/// The value behind stored JSON.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, StoreError> {
    // The error's text tells a position and a field's name, never a value of a known field.
    serde_json::from_slice(bytes).map_err(|error| {
        StoreError::Corrupt(format!(
            "a reward record cannot be read (line {}, column {})",
            error.line(),
            error.column()
        ))
    })
}

pub(crate) fn put(
    collection: Collection,
    key: Vec<u8>,
    value: &impl Serialize,
    expect: Expect,
) -> Result<Op, StoreError> {
    Ok(Op::PutRecord { collection, key, value: encode(value)?, expect })
}

/// Times sort as their bytes do.
fn time_key(at: Timestamp) -> [u8; 8] {
    u64::try_from(at).unwrap_or(0).to_be_bytes()
}

pub(crate) fn timed_key(at: Timestamp, uid: AwardUid) -> Vec<u8> {
    [&time_key(at)[..], uid.as_bytes()].concat()
}

/// Before every [`timed_key`] of this moment.
pub(crate) fn after_time(at: Timestamp) -> Vec<u8> {
    time_key(at).to_vec()
}

/// The time and award of a [`timed_key`].
pub(crate) fn read_timed_key(key: &[u8]) -> Option<(Timestamp, AwardUid)> {
    let (time, uid) = key.split_first_chunk::<8>()?;
    Some((i64::try_from(u64::from_be_bytes(*time)).ok()?, AwardUid::from_slice(uid)?))
}

pub(crate) fn person_key(subject: TsunoId, at: Timestamp, uid: AwardUid) -> Vec<u8> {
    [&subject.as_bytes()[..], &time_key(at), uid.as_bytes()].concat()
}

pub(crate) fn source_key(rule: &str, activity: &str) -> Vec<u8> {
    hash(b"tsunagu award source v1", &[rule.as_bytes(), activity.as_bytes()]).to_vec()
}

/// Parts that hold no zero byte, one after another.
pub(crate) fn joined(parts: &[&[u8]]) -> Vec<u8> {
    parts.join(&0)
}

/// rule + period + person.
pub(crate) fn period_key(award: &Award, period: &str) -> Vec<u8> {
    joined(&[award.rule.as_bytes(), period.as_bytes(), award.subject.as_bytes()])
}

/// day + rule + person: by day first, so that old ones can be found.
pub(crate) fn daily_key(day: NaiveDate, award: &Award) -> Vec<u8> {
    let day = day.to_string();
    joined(&[day.as_bytes(), award.rule.as_bytes(), award.subject.as_bytes()])
}

/// day + hour + rule + person.
pub(crate) fn hourly_key(day: NaiveDate, hour: usize, award: &Award) -> Vec<u8> {
    let (day, hour) = (day.to_string(), format!("{hour:02}"));
    joined(&[day.as_bytes(), hour.as_bytes(), award.rule.as_bytes(), award.subject.as_bytes()])
}

/// The appended record of a state; a state can be reached once, whoever races for it.
pub(crate) fn transition(
    uid: AwardUid,
    state: State,
    reason: Option<Reason>,
    at: Timestamp,
) -> Result<Op, StoreError> {
    let key = [&uid.as_bytes()[..], &[state.rank()]].concat();
    put(TRANSITIONS, key, &Transition { v: 1, state, reason, at }, Expect::Absent)
}

/// The states of an award so far, latest first.
pub(crate) async fn transitions(
    store: &dyn Store,
    tenant: &TenantId,
    uid: AwardUid,
) -> Result<Vec<Transition>, StoreError> {
    let scan = Scan {
        prefix: uid.as_bytes().to_vec(),
        limit: State::ALL.len(),
        reverse: true,
        ..Scan::default()
    };
    let found = store.records(tenant, TRANSITIONS, &scan).await?;
    let read = |(key, record): (Vec<u8>, tsunagu_store::Record)| {
        let transition: Transition = decode(&record.value)?;
        match key.last().copied().and_then(State::of_rank) {
            Some(state) if state == transition.state => Ok(transition),
            _ => Err(StoreError::Corrupt("a reward transition does not match its key".to_owned())),
        }
    };
    let mut all = found.into_iter().map(read).collect::<Result<Vec<_>, StoreError>>()?;
    // A decision is kept as where it ended; it came there by way of these, at the same moment.
    let (before, at): (&[State], _) = match all.last() {
        Some(first) if first.state == State::Reserved => {
            (&[State::Eligible, State::Received], first.at)
        }
        Some(first) if first.state == State::Rejected => (&[State::Received], first.at),
        _ => (&[], 0),
    };
    all.extend(before.iter().map(|state| Transition { v: 1, state: *state, reason: None, at }));
    Ok(all)
}

/// A counter's value.
pub(crate) async fn counter(
    store: &dyn Store,
    tenant: &TenantId,
    collection: Collection,
    key: &[u8],
) -> Result<i64, StoreError> {
    let Some(record) = store.record(tenant, collection, key).await? else {
        return Ok(0);
    };
    let bytes = record.value.as_slice().try_into();
    bytes
        .map(i64::from_be_bytes)
        .map_err(|_| StoreError::Corrupt("a reward counter is not eight bytes".to_owned()))
}
