//! A consent, as it is after its last event.

use serde::{Deserialize, Serialize};
use tsunagu_domain::{
    Catalogue, ClientId, Problem, ProblemCode, Sensitivity, SubjectPath, Text, Timestamp, TsunoId,
};
use tsunagu_policy::{Grant, GrantedType};

use crate::{DataAction, Frequency, Requested};

/// Where a consent stands (DPV: `ConsentStatus`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Given, and in force within its period.
    Given,
    /// Asked for and not given.
    Refused,
    /// Taken back for good.
    Withdrawn,
    /// Out of force until resumed.
    Paused,
    /// In force again.
    Resumed,
    /// Past its period.
    Expired,
    /// Replaced by a newer one for the same client and purpose.
    Superseded,
}

impl State {
    /// Whether a consent in this state is in force within its period.
    pub fn is_live(self) -> bool {
        matches!(self, Self::Given | Self::Resumed)
    }

    /// Its name in stored and sent JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Given => "given",
            Self::Refused => "refused",
            Self::Withdrawn => "withdrawn",
            Self::Paused => "paused",
            Self::Resumed => "resumed",
            Self::Expired => "expired",
            Self::Superseded => "superseded",
        }
    }
}

/// Why the data is processed, as the resident was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsentedPurpose {
    /// Code.
    pub code: String,
    /// The sentence shown.
    pub text: Text,
}

/// An attribute as the resident was told of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsentedAttribute {
    /// Expanded name.
    pub iri: String,
    /// What people call it.
    pub label: Text,
}

/// The part of a data class that lies in one entity type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsentedData {
    /// Code of the data class.
    pub class: String,
    /// What people call the class.
    pub label: Text,
    /// How careful one has to be with it.
    pub sensitivity: Sensitivity,
    /// Expanded type name.
    pub entity_type: String,
    /// What the class covered of it when the consent was given.
    pub attributes: Vec<ConsentedAttribute>,
    /// What may be done. The person's own entity holds what the platform verified and is never written by a client.
    pub actions: Vec<DataAction>,
}

/// The notice that was shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoticeShown {
    /// Version of its text.
    pub version: String,
    /// Language.
    pub lang: String,
    /// SHA-256 of the exact bytes shown, hexadecimal.
    pub sha256: String,
    /// When it was shown.
    pub shown_at: Timestamp,
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
    /// First moment no longer in force.
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
}

impl Consent {
    /// The state at a moment: one that is in force by its last event is expired after its period.
    pub fn state_at(&self, now: Timestamp) -> State {
        let open = self.state.is_live() || self.state == State::Paused;
        if open && now >= self.valid_until { State::Expired } else { self.state }
    }

    /// Whether it is in force at a moment.
    pub fn live_at(&self, now: Timestamp) -> bool {
        self.state.is_live() && (self.valid_from..self.valid_until).contains(&now)
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
            valid_until: self.valid_until,
            live: self.state.is_live(),
        }
    }

    /// Whether every one of these classes was consented to for every one of these actions that it admits.
    pub fn covers(&self, classes: &[String], actions: &[DataAction]) -> bool {
        let asked: std::collections::BTreeSet<_> = actions.iter().collect();
        let ours: std::collections::BTreeSet<_> =
            self.data.iter().flat_map(|data| &data.actions).collect();
        asked.is_subset(&ours)
            && classes.iter().all(|class| self.data.iter().any(|data| data.class == *class))
    }
}

/// What the chosen classes cover in the catalogue as it is now.
pub(crate) fn resolve(
    requested: &Requested,
    chosen: &[String],
    catalogue: &Catalogue,
) -> Result<Vec<ConsentedData>, Problem> {
    let mut resolved = Vec::new();
    for code in chosen {
        let class = catalogue.data_class(code).ok_or_else(|| {
            Problem::new(ProblemCode::BadRequestData, "a data class is not in the catalogue")
        })?;
        for covered in &class.covers {
            let person = catalogue
                .personal_type(&covered.r#type)
                .is_none_or(|personal| personal.subject == SubjectPath::Id);
            let mut actions = requested.actions.clone();
            actions.retain(|action| *action == DataAction::Read || !person);
            if actions.is_empty() {
                continue;
            }
            let attributes = covered.attributes.iter().map(|attribute| ConsentedAttribute {
                iri: attribute.iri.clone(),
                label: attribute.label.clone(),
            });
            resolved.push(ConsentedData {
                class: class.code.clone(),
                label: class.label.clone(),
                sensitivity: class.sensitivity,
                entity_type: covered.r#type.clone(),
                attributes: attributes.collect(),
                actions,
            });
        }
    }
    if resolved.is_empty() {
        return Err(Problem::new(
            ProblemCode::BadRequestData,
            "the consent would cover nothing: a client cannot write a person's verified data",
        ));
    }
    Ok(resolved)
}
