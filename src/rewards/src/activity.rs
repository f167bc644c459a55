//! What a rule makes of an activity: first whether it can be believed, then whether it is enough.

use chrono::{DateTime, NaiveDate};
use serde_json::Value;
use tsunagu_domain::Timestamp;
use tsunagu_ngsi_ld::{Context, EntityDoc};

use crate::Reason;
use crate::rule::Compiled;

/// More steps than any day holds (municipal point schemes cut at the same number).
const MOST_STEPS: f64 = 100_000.0;
/// How far a phone's clock may run ahead, microseconds.
const CLOCK_SKEW: i64 = 5 * 60 * 1_000_000;

/// What one rule says of one activity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The rule does not look at such entities or days.
    None,
    /// Not enough for the rule.
    NotMet(NaiveDate),
    /// It cannot be counted.
    Rejected(NaiveDate, Reason),
    /// It earns coins.
    Eligible(NaiveDate),
}

/// Judges `doc` at `at`. Pure: the same activity, rule and moment give the same verdict.
pub(crate) fn judge(compiled: &Compiled, doc: &EntityDoc, at: Timestamp) -> Verdict {
    if !compiled.looks_at(doc) {
        return Verdict::None;
    }
    let rule = &compiled.rule;
    let facts = Facts::of(doc);
    let day = rule.tz.day(facts.started.unwrap_or(at));
    if !rule.covers(day) {
        return Verdict::None;
    }
    if let Some(reason) = facts.implausible(at) {
        return Verdict::Rejected(day, reason);
    }
    if !compiled.satisfied(doc) {
        return Verdict::NotMet(day);
    }
    if facts.started.is_none() {
        Verdict::Rejected(day, Reason::NoPeriod)
    } else if !facts.sensed {
        Verdict::Rejected(day, Reason::SelfReported)
    } else if !rule.in_time(day, at) {
        Verdict::Rejected(day, Reason::TooLate)
    } else {
        Verdict::Eligible(day)
    }
}

#[derive(Debug, Default)]
struct Facts {
    /// NaN when told and not a number.
    steps: Option<f64>,
    started: Option<Timestamp>,
    ended: Option<Timestamp>,
    sensed: bool,
}

impl Facts {
    fn of(doc: &EntityDoc) -> Self {
        let context = Context::core();
        let [steps, started, ended, method] =
            ["steps", "startedAt", "endedAt", "recordingMethod"].map(|term| context.expand(term));
        let mut facts = Self::default();
        for slot in doc.attributes().filter(|slot| slot.dataset_id().is_none()) {
            let value = || serde_json::from_str::<Value>(slot.instance().value).unwrap_or_default();
            if slot.name() == steps {
                facts.steps = Some(value().as_f64().unwrap_or(f64::NAN));
            } else if slot.name() == started {
                facts.started = moment(&value());
            } else if slot.name() == ended {
                facts.ended = moment(&value());
            } else if slot.name() == method {
                facts.sensed = value() == "sensed";
            }
        }
        facts
    }

    fn implausible(&self, at: Timestamp) -> Option<Reason> {
        let plausible = |steps: f64| (0.0..=MOST_STEPS).contains(&steps) && steps.fract() == 0.0;
        let late = |moment: Timestamp| moment > at.saturating_add(CLOCK_SKEW);
        if self.steps.is_some_and(|steps| !plausible(steps)) {
            Some(Reason::ImplausibleSteps)
        } else if self.started.zip(self.ended).is_some_and(|(started, ended)| ended < started) {
            Some(Reason::ImplausiblePeriod)
        } else if self.started.is_some_and(late) || self.ended.is_some_and(late) {
            Some(Reason::FuturePeriod)
        } else {
            None
        }
    }
}

/// A moment written as a string, or as the JSON-LD typed value of a `DateTime` (clause 4.6.3).
fn moment(value: &Value) -> Option<Timestamp> {
    let text = value.as_str().or_else(|| value.get("@value").and_then(Value::as_str))?;
    DateTime::parse_from_rfc3339(text).ok().map(|moment| moment.timestamp_micros())
}
