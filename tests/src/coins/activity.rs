//! What vendors send.

use serde_json::json;
use tsunagu_domain::{Timestamp, TsunoId, to_iso};
use tsunagu_ngsi_ld::{Context, Entity, EntityDoc, Instance};

use crate::bench::soak::Chance;

const SECOND: i64 = 1_000_000;
pub(super) const DAY: i64 = 86_400 * SECOND;

/// Which rule it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    /// Under a rule with a large budget.
    Walk,
    /// Under a rule whose budget is used up soon.
    Swim,
    /// Under a rule that grants once a day, an amount that depends on the activity.
    Visit,
}

/// One activity of one person.
#[derive(Debug, Clone)]
pub(super) struct Activity {
    pub(super) kind: Kind,
    pub(super) person: u64,
    pub(super) started: Timestamp,
    /// Which device recorded it, if it tells.
    pub(super) device: Option<u64>,
    pub(super) sensed: bool,
    /// Whether it is written under a consent.
    pub(super) consent: bool,
    /// The number as first sent, and as corrected.
    pub(super) numbers: [i64; 2],
}

/// One sending: an activity and which of its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) activity: usize,
    pub(super) revision: usize,
}

impl Activity {
    fn any(chance: &mut Chance, people: u64, now: Timestamp) -> Self {
        // Old enough that no jump of the clock puts it into the future, or so far ahead that none brings it back.
        let days = match chance.below(200) {
            0 => -30,
            1 => 60,
            _ => i64::try_from(4 + chance.below(10)).unwrap_or(4),
        };
        let second = i64::try_from(chance.below(86_400)).unwrap_or(0);
        let kind = match chance.below(6) {
            0 => Kind::Swim,
            1 => Kind::Visit,
            _ => Kind::Walk,
        };
        let number = |chance: &mut Chance| match (kind, chance.below(12)) {
            (Kind::Walk, 0) => 200_000,
            (Kind::Walk, n) => 3_000 + 600 * i64::try_from(n).unwrap_or(0),
            (Kind::Swim, n) => 5 + 3 * i64::try_from(n).unwrap_or(0),
            (Kind::Visit, n) => i64::try_from(n).unwrap_or(0),
        };
        let first = number(chance);
        let mut corrected = if chance.below(10) == 0 { number(chance) } else { first };
        // When coins come back to a budget that is used up is no matter of order, so that nothing that was enough may become too little,
        // in whichever order the two numbers come.
        if kind == Kind::Swim {
            corrected = if first < 20 { first } else { corrected.max(first) };
        }
        let mut person = chance.below(people);
        // Whom the issuer refuses does not swim: when their coins come back to the budget is no matter of order.
        if kind == Kind::Swim && is_refused(person) {
            person += 1;
        }
        Self {
            kind,
            person,
            device: (chance.below(3) == 0).then_some(person / 5),
            started: now - days * DAY + second * SECOND,
            sensed: chance.below(20) > 0,
            consent: chance.below(50) > 0,
            numbers: [first, corrected],
        }
    }

    pub(super) fn ended(&self) -> Timestamp {
        self.started + 3_600 * SECOND
    }

    pub(super) fn id(index: usize) -> String {
        format!("urn:ngsi-ld:HealthActivity:{index}")
    }

    /// As it is stored.
    pub(super) fn doc(&self, event: Event, now: Timestamp) -> Result<EntityDoc, String> {
        let context = Context::core();
        let (kind, number) = match self.kind {
            Kind::Walk => ("HealthActivity", "steps"),
            Kind::Swim => ("Swim", "lengths"),
            Kind::Visit => ("Visit", "stations"),
        };
        let iri = context.expand(kind).into_owned();
        let mut entity = Entity::new(Self::id(event.activity), iri, now);
        entity.subject = Some(subject(self.person).to_string());
        let method = if self.sensed { "sensed" } else { "manual" };
        for (term, value) in [
            (number, json!(self.numbers.get(event.revision))),
            ("recordingMethod", json!(method)),
            ("startedAt", json!(to_iso(self.started))),
            ("endedAt", json!(to_iso(self.ended()))),
        ]
        .into_iter()
        .chain(self.device.map(|device| ("deviceId", json!(format!("device {device}")))))
        {
            let instance = Instance::property(&value, now).map_err(|error| format!("{error:?}"))?;
            entity.set(context.expand(term).into_owned(), instance);
        }
        Ok(EntityDoc::from(&entity))
    }
}

/// The Tsuno ID of a person.
pub(super) fn subject(person: u64) -> TsunoId {
    TsunoId::from_bytes((u128::from(person) + 1).to_be_bytes())
}

/// Whether the issuer refuses every order for this person.
pub(super) fn is_refused(person: u64) -> bool {
    person % 40 == 7
}

/// At least so many sendings in the order in which they leave: of a hundred, five are repeated and five late; some correct an earlier one.
pub(super) fn sendings(
    chance: &mut Chance,
    events: u64,
    people: u64,
    now: Timestamp,
) -> (Vec<Activity>, Vec<Event>) {
    let mut activities = Vec::new();
    let mut placed: Vec<(u64, Event)> = Vec::new();
    while (placed.len() as u64) < events {
        let activity = Activity::any(chance, people, now);
        let place = placed.len() as u64;
        let index = activities.len();
        let late = |chance: &mut Chance, by: u64| {
            if chance.below(20) == 0 { place + chance.below(by) } else { place }
        };
        let event = |revision| Event { activity: index, revision };
        placed.push((late(chance, 300), event(0)));
        if activity.numbers[0] != activity.numbers[1] {
            placed.push((late(chance, 300) + chance.below(100), event(1)));
        }
        if chance.below(20) == 0 {
            placed.push((place + chance.below(1_000), event(0)));
        }
        activities.push(activity);
    }
    placed.sort_by_key(|(place, _)| *place);
    (activities, placed.into_iter().map(|(_, event)| event).collect())
}
