//! A consent, as it is after its last event.

use serde::{Deserialize, Serialize};
use tsunagu_domain::{Catalogue, ClientId, Frequency, Text, Timestamp, TsunoId};
use tsunagu_policy::{Grant, GrantedType};

use crate::content::parts_of;
use crate::{
    Basis, ConsentedData, ConsentedPurpose, DataAction, GivenUnder, NoticeShown, Requested, State,
};

/// The version of the form that is written.
pub(crate) const FORM: u32 = 3;

/// So long before its end a resident is told that a consent will end, microseconds: 30 days.
pub const WARNED_AHEAD: Timestamp = 30 * 86_400_000_000;

/// A consent that nobody has used for so many days since it was given is suggested for withdrawal.
pub const UNUSED_DAYS: u32 = 30;

/// A question to the resident that a change of the catalogue raised: the class they consented to has more in it now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reconsent {
    /// The version of the catalogue that raised it.
    pub catalogue_version: u32,
    /// What is new. Nothing of it is in the grant until the resident agrees.
    pub added: Vec<ConsentedData>,
    /// When it was raised.
    pub raised_at: Timestamp,
    /// First moment at which the consent ends for want of an answer, if the purpose cannot go on without what is new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
    /// When the resident said no, if they did. What they agreed to before stays in force, until the deadline if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declined_at: Option<Timestamp>,
}

/// One consent. Times are microseconds since the epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Consent {
    /// Version of this form.
    pub v: u32,
    /// Id (UUID); the grant id of tokens.
    pub id: String,
    /// Id of its receipt (UUID).
    pub receipt_id: String,
    /// Grows with every event.
    pub version: u64,
    /// Whom it is from.
    pub subject: TsunoId,
    /// Whom it is for.
    pub client: ClientId,
    /// What the resident knows the client as.
    pub client_name: Text,
    /// What for.
    pub purpose: ConsentedPurpose,
    /// DPV term.
    pub legal_basis: String,
    /// Which data.
    pub data: Vec<ConsentedData>,
    /// First moment in force.
    pub valid_from: Timestamp,
    /// First moment no longer in force; see [`Consent::ends`].
    pub valid_until: Timestamp,
    /// How often the data may be fetched.
    pub frequency: Option<Frequency>,
    /// How long the client may keep what it read, days.
    pub data_life_days: u32,
    /// What was shown.
    pub notice: NoticeShown,
    /// Screen and gesture.
    pub method: String,
    /// State after the last event; see [`Consent::state_at`].
    pub state: State,
    /// When the last event was.
    pub changed_at: Timestamp,
    /// Version of the catalogue that the data was taken from.
    pub catalogue_version: u32,
    /// What a newer catalogue asks in addition, until it is agreed to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reconsent: Option<Reconsent>,
    /// Where it comes from, when the resident did not answer a request of the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basis: Option<Basis>,
    /// The guardian under whom it was given, if one gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given_under: Option<GivenUnder>,
}

impl Consent {
    /// First moment at which it is out of force by itself: its period, or an earlier deadline of a question that was raised since.
    pub fn ends(&self) -> Timestamp {
        let deadline = self.reconsent.as_ref().and_then(|reconsent| reconsent.deadline);
        deadline.map_or(self.valid_until, |deadline| deadline.min(self.valid_until))
    }

    /// Whether it could still be in force or come into force again by a resident's word.
    pub fn is_open(&self) -> bool {
        self.state.is_live() || self.state == State::Paused
    }

    /// Whether it ends so soon that the resident is to be told.
    pub fn ends_soon(&self, now: Timestamp) -> bool {
        // What lasts no longer anyway ends as it was meant to.
        let lasts = self.valid_until.saturating_sub(self.valid_from) > WARNED_AHEAD;
        (lasts || self.ends() < self.valid_until)
            && self.is_open()
            && (self.ends().saturating_sub(WARNED_AHEAD)..self.ends()).contains(&now)
    }

    /// Whether a guardian gave it and the resident, who is of age now, has not said yet whether they stand by it. It stays in force meanwhile.
    pub fn asks_to_confirm(&self, now: Timestamp) -> bool {
        let asks = |under: &GivenUnder| under.confirmed_at.is_none() && now >= under.of_age;
        self.is_open() && now < self.ends() && self.given_under.as_ref().is_some_and(asks)
    }

    /// Whether it is in force and was never used although it was given long ago; `last_use` is what the access log says of it.
    pub fn unused(&self, now: Timestamp, last_use: Option<&Timestamp>) -> bool {
        let long = i64::from(UNUSED_DAYS) * 86_400_000_000;
        last_use.is_none() && self.live_at(now) && now.saturating_sub(self.valid_from) >= long
    }

    /// The question that waits for the resident's answer.
    pub fn asked_again(&self, now: Timestamp) -> Option<&Reconsent> {
        let open = self.is_open() && now < self.ends();
        self.reconsent.as_ref().filter(|reconsent| open && reconsent.declined_at.is_none())
    }

    /// The state at a moment: one that is in force by its last event is expired after its period.
    pub fn state_at(&self, now: Timestamp) -> State {
        if self.is_open() && now >= self.ends() { State::Expired } else { self.state }
    }

    /// Whether it is in force at a moment.
    pub fn live_at(&self, now: Timestamp) -> bool {
        self.state.is_live() && (self.valid_from..self.ends()).contains(&now)
    }

    /// What the policy decides on, at whatever moment.
    pub fn grant(&self) -> Grant {
        let of = |action: DataAction| {
            let covered = self.data.iter().filter(move |data| data.actions.contains(&action));
            covered
                .map(|data| GrantedType {
                    entity_type: data.entity_type.clone(),
                    attributes: data.attributes.iter().map(|a| a.iri.clone()).collect(),
                })
                .collect()
        };
        Grant {
            id: self.id.clone(),
            version: self.version,
            subject: self.subject,
            client: self.client.clone(),
            purpose: self.purpose.code.clone(),
            read: of(DataAction::Read),
            write: of(DataAction::Write),
            valid_from: self.valid_from,
            valid_until: self.ends(),
            live: self.state.is_live(),
            frequency: self.frequency,
        }
    }

    /// Whether it covers what is asked for already, so that the resident need not be asked again: every class that is needed, for every action
    /// that it admits, and as often. What is optional and was left out was decided once.
    pub fn covers(&self, requested: &Requested, catalogue: &Catalogue) -> bool {
        let often = match (self.frequency, requested.frequency) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(ours), Some(asked)) => ours.allows(asked),
        };
        often
            && requested
                .needed(catalogue)
                .iter()
                .all(|code| self.covers_class(code, requested, catalogue))
    }

    fn covers_class(&self, code: &str, requested: &Requested, catalogue: &Catalogue) -> bool {
        let asked = catalogue
            .data_class(code)
            .map(|class| parts_of(class, &requested.actions, false, catalogue));
        let asked = asked.unwrap_or_default();
        let enough = |ours: &ConsentedData| {
            let same = asked.iter().find(|part| part.entity_type == ours.entity_type);
            same.is_none_or(|part| part.actions.iter().all(|action| ours.actions.contains(action)))
        };
        let mut ours = self.data.iter().filter(|part| part.class == code).peekable();
        ours.peek().is_some() && ours.all(enough)
    }
}
