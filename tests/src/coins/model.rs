//! What ought to become of activities, said a second time and as plainly as can be.

use std::collections::{BTreeMap, HashMap};

use tsunagu_domain::Timestamp;
use tsunagu_rewards::Reason;

use super::activity::{Activity, DAY, Event, Kind};

/// What one rule gives.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    pub(super) id: &'static str,
    pub(super) least: i64,
    pub(super) amount: i64,
    pub(super) per_day: i64,
    pub(super) budget: i64,
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
    /// Coins of a person's day.
    days: HashMap<(Kind, u64, i64), i64>,
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
        let number = activity.numbers[event.revision];
        let day = (activity.started + DAY * 9 / 24).div_euclid(DAY);
        let earned = self.days.entry((activity.kind, activity.person, day)).or_default();
        let spent = self.spent.entry(activity.kind).or_default();
        let outcome = if activity.kind == Kind::Walk && number > 100_000 {
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
        } else if *earned + terms.amount > terms.per_day {
            Err(Reason::DayCap)
        } else if *spent + terms.amount > terms.budget {
            Err(Reason::Budget)
        } else {
            *earned += terms.amount;
            *spent += terms.amount;
            Ok(terms.amount)
        };
        self.decided.insert(event.activity, outcome);
    }
}
