//! What ought to become of activities, said a second time and as plainly as can be.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use chrono::{DateTime, Datelike as _};
use tsunagu_domain::Timestamp;
use tsunagu_rewards::Reason;

use super::activity::{Activity, DAY, Event, Kind};

const MINUTE: i64 = 60 * 1_000_000;

/// What one rule gives.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    pub(super) id: &'static str,
    pub(super) least: i64,
    pub(super) amount: i64,
    pub(super) per_day: i64,
    pub(super) per_month: i64,
    pub(super) budget: i64,
}

impl Terms {
    /// Coins for a number.
    fn coins(&self, kind: Kind, number: i64) -> i64 {
        if kind == Kind::Visit { self.amount + number % 3 } else { self.amount }
    }
}

/// Coins, or why none.
pub(super) type Outcome = Result<i64, Reason>;

/// Activities decided so far, in the order in which they were written.
#[derive(Debug, Clone, Default)]
pub(super) struct Model {
    /// The number that the stored activity has now.
    pub(super) present: HashMap<usize, usize>,
    /// Each decided once, for ever.
    pub(super) decided: BTreeMap<usize, Outcome>,
    /// Coins of a person's day or month, as the rule's calendar names it.
    earned: HashMap<(Kind, u64, i64, bool), i64>,
    /// Minutes that counted.
    minutes: HashSet<(Kind, u64, i64)>,
    /// For whom a device recorded on a day.
    devices: HashMap<(u64, i64), BTreeSet<u64>>,
    /// Coins that left the budget.
    pub(super) spent: HashMap<Kind, i64>,
    /// Sendings that were written, in order.
    pub(super) written: Vec<Event>,
}

impl Model {
    /// One activity was written, at a moment.
    pub(super) fn write(
        &mut self,
        activity: &Activity,
        event: Event,
        terms: &Terms,
        at: Timestamp,
    ) {
        self.present.insert(event.activity, event.revision);
        self.written.push(event);
        if self.decided.contains_key(&event.activity) {
            return;
        }
        let Activity { kind, person, .. } = *activity;
        let number = activity.numbers[event.revision];
        let local = activity.started + DAY * 9 / 24;
        let (day, month) = (local.div_euclid(DAY), month(local));
        let device = activity.device.map(|device| (device, day));
        let minutes = minute_up(activity.started)..activity.ended() / MINUTE;
        let coins = terms.coins(kind, number);
        let earned =
            |all: &Self, at, whole| *all.earned.get(&(kind, person, at, whole)).unwrap_or(&0);
        let outcome = if kind == Kind::Walk && number > 100_000 {
            Err(Reason::ImplausibleSteps)
        } else if activity.started > at {
            Err(Reason::FuturePeriod)
        } else if number < terms.least {
            // Not decided: it may become enough.
            return;
        } else if !activity.sensed {
            Err(Reason::SelfReported)
        } else if activity.started < at - 40 * DAY {
            Err(Reason::TooLate)
        } else if !activity.consent {
            Err(Reason::NoConsent)
        } else if !self.records_for(device, person) {
            Err(if kind == Kind::Visit && earned(self, day, false) > 0 {
                Reason::AlreadyEarned
            } else {
                Reason::SharedDevice
            })
        } else if kind == Kind::Visit && earned(self, day, false) > 0 {
            Err(Reason::AlreadyEarned)
        } else if minutes.clone().any(|minute| self.minutes.contains(&(kind, person, minute))) {
            Err(Reason::Overlap)
        } else if earned(self, day, false) + coins > terms.per_day {
            Err(Reason::DayCap)
        } else if earned(self, month, true) + coins > terms.per_month {
            Err(Reason::MonthCap)
        } else if self.spent.get(&kind).unwrap_or(&0) + coins > terms.budget {
            Err(Reason::Budget)
        } else {
            *self.earned.entry((kind, person, day, false)).or_default() += coins;
            *self.earned.entry((kind, person, month, true)).or_default() += coins;
            *self.spent.entry(kind).or_default() += coins;
            self.minutes.extend(minutes.map(|minute| (kind, person, minute)));
            Ok(coins)
        };
        self.decided.insert(event.activity, outcome);
    }

    /// Whether a device records for this person, as one of at most three on a day.
    fn records_for(&mut self, device: Option<(u64, i64)>, person: u64) -> bool {
        let Some(device) = device else { return true };
        let people = self.devices.entry(device).or_default();
        if people.len() < 3 {
            people.insert(person);
        }
        people.contains(&person)
    }
}

fn minute_up(at: Timestamp) -> i64 {
    (at + MINUTE - 1) / MINUTE
}

/// The month of a local moment, counted from the year 0.
fn month(local: Timestamp) -> i64 {
    let day = DateTime::from_timestamp_micros(local).unwrap_or_default();
    i64::from(day.year()) * 12 + i64::from(day.month())
}
