//! What a rule makes of an activity: first whether it can be believed, then whether it is enough.

use std::cell::OnceCell;
use std::sync::LazyLock;

use chrono::{DateTime, NaiveDate};
use serde_json::{Map, Value};
use tsunagu_domain::Timestamp;
use tsunagu_ngsi_ld::{Context, EntityDoc, Kind};

use crate::Reason;
use crate::rule::Compiled;

/// More steps than any day holds (municipal point schemes cut at the same number).
pub(crate) const MOST_STEPS: u32 = 100_000;
/// More steps than anybody takes in a minute: a sprint has about 240.
const MOST_PACE: i64 = 250;
/// How far a phone's clock may run ahead, microseconds.
const CLOCK_SKEW: i64 = 5 * 60 * 1_000_000;
pub(crate) const MINUTE: i64 = 60 * 1_000_000;
const DAY: i64 = 24 * 60 * MINUTE;

/// What one rule says of one activity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The rule does not look at such entities or days.
    None,
    /// Not enough for the rule.
    NotMet(NaiveDate),
    /// It cannot be counted.
    Rejected(NaiveDate, Reason),
    /// It earns so many coins.
    Eligible(NaiveDate, i64),
}

/// Judges an activity at `at`. Pure: the same activity, rule and moment give the same verdict.
pub(crate) fn judge(compiled: &Compiled, facts: &Facts<'_>, at: Timestamp) -> Verdict {
    if !compiled.looks_at(facts.doc) {
        return Verdict::None;
    }
    let rule = &compiled.rule;
    let day = rule.tz.day(facts.started.unwrap_or(at));
    if !rule.covers(day) {
        return Verdict::None;
    }
    if let Some(reason) = facts.implausible(at) {
        return Verdict::Rejected(day, reason);
    }
    let Some(coins) = compiled.coins(facts, day) else {
        return Verdict::NotMet(day);
    };
    if facts.started.is_none() {
        Verdict::Rejected(day, Reason::NoPeriod)
    } else if !facts.sensed {
        Verdict::Rejected(day, Reason::SelfReported)
    } else if !rule.in_time(day, at) {
        Verdict::Rejected(day, Reason::TooLate)
    } else {
        Verdict::Eligible(day, coins)
    }
}

/// What rules look at in an activity, read once.
#[derive(Debug)]
pub(crate) struct Facts<'a> {
    pub(crate) doc: &'a EntityDoc,
    /// NaN when told and not a number.
    steps: Option<f64>,
    pub(crate) started: Option<Timestamp>,
    pub(crate) ended: Option<Timestamp>,
    sensed: bool,
    /// The device that recorded it, as the vendor names it.
    pub(crate) device: Option<String>,
    values: OnceCell<Value>,
}

/// The attributes with a meaning for every rule, expanded.
static NAMES: LazyLock<[String; 5]> = LazyLock::new(|| {
    let context = Context::core();
    ["steps", "startedAt", "endedAt", "recordingMethod", "deviceId"]
        .map(|term| context.expand(term).into_owned())
});

impl<'a> Facts<'a> {
    pub(crate) fn of(doc: &'a EntityDoc) -> Self {
        let mut facts = Self {
            doc,
            steps: None,
            started: None,
            ended: None,
            sensed: false,
            device: None,
            values: OnceCell::new(),
        };
        let [steps, started, ended, method, device] = &*NAMES;
        for slot in doc.attributes().filter(|slot| slot.dataset_id().is_none()) {
            let value = || serde_json::from_str::<Value>(slot.instance().value).unwrap_or_default();
            let name = slot.name();
            if name == steps {
                facts.steps = Some(value().as_f64().unwrap_or(f64::NAN));
            } else if name == started {
                facts.started = moment(&value());
            } else if name == ended {
                facts.ended = moment(&value());
            } else if name == method {
                facts.sensed = value() == "sensed";
            } else if name == device {
                facts.device = value().as_str().map(str::to_owned);
            }
        }
        facts
    }

    /// Its properties by their terms, as expressions see them. Relationships are not among them: they lead to persons.
    pub(crate) fn values(&self) -> &Value {
        self.values.get_or_init(|| {
            let context = Context::core();
            let mut all = Map::new();
            for slot in self.doc.attributes() {
                if slot.kind() == Kind::Property && slot.dataset_id().is_none() {
                    let value = serde_json::from_str(slot.instance().value).unwrap_or_default();
                    all.insert(context.compact(slot.name()).into_owned(), value);
                }
            }
            Value::Object(all)
        })
    }

    /// Whole steps, once they are known to be plausible.
    pub(crate) fn whole_steps(&self) -> i64 {
        #[expect(clippy::cast_possible_truncation, reason = "more than MOST_STEPS are implausible")]
        self.steps.map_or(0, |steps| steps as i64)
    }

    /// How long it took, microseconds.
    pub(crate) fn length(&self) -> Option<i64> {
        self.started.zip(self.ended).map(|(started, ended)| ended.saturating_sub(started))
    }

    fn implausible(&self, at: Timestamp) -> Option<Reason> {
        let plausible =
            |steps: f64| (0.0..=f64::from(MOST_STEPS)).contains(&steps) && steps.fract() == 0.0;
        let late = |moment: Timestamp| moment > at.saturating_add(CLOCK_SKEW);
        let length = self.length();
        if self.steps.is_some_and(|steps| !plausible(steps)) {
            Some(Reason::ImplausibleSteps)
        } else if length.is_some_and(|length| length < 0) {
            Some(Reason::ImplausiblePeriod)
        } else if self.started.is_some_and(late) || self.ended.is_some_and(late) {
            Some(Reason::FuturePeriod)
        } else if length.is_some_and(|length| length > DAY) {
            Some(Reason::ImplausiblePeriod)
        } else if length.is_some_and(|length| {
            self.whole_steps() > MOST_PACE.saturating_mul((length / MINUTE).max(1))
        }) {
            Some(Reason::ImplausiblePace)
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
