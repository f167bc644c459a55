//! Context source registrations (clause 5.2.9): other brokers, and what they have.

mod discover;
mod parse;
mod render;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use discover::{Discovery, TemporalQuery, Timerel};
pub use render::{Shape, render};

/// The type of the data.
pub const REGISTRATION: &str = "ContextSourceRegistration";

/// How a source and this broker share what is registered (clause 4.3.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Both have it.
    #[default]
    Inclusive,
    /// The source alone has these attributes of these entities.
    Exclusive,
    /// The source has these entities, this broker does not.
    Redirect,
    /// The source helps out where nobody else has something.
    Auxiliary,
}

impl Mode {
    /// As it is written.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Inclusive => "inclusive",
            Self::Exclusive => "exclusive",
            Self::Redirect => "redirect",
            Self::Auxiliary => "auxiliary",
        }
    }

    /// Whether the source stands in this broker's place.
    #[must_use]
    pub fn is_proxied(self) -> bool {
        matches!(self, Self::Exclusive | Self::Redirect)
    }
}

/// A registration, names expanded.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registration {
    /// A URI.
    pub id: String,
    /// What people call it.
    pub name: Option<String>,
    /// What it is about.
    pub description: Option<String>,
    /// What the source has. At least one.
    pub information: Vec<Information>,
    /// The tenant of the source.
    pub tenant: Option<String>,
    /// When what it has was observed.
    pub observation_interval: Option<Interval>,
    /// When what it has was created and changed.
    pub management_interval: Option<Interval>,
    /// Geometries: `location`, `observationSpace`, `operationSpace`.
    pub places: Map<String, Value>,
    /// When the registration ends, a `DateTime`.
    pub expires_at: Option<String>,
    /// Where the source is, an http(s) URI.
    pub endpoint: String,
    /// Headers and other things to send along. They can be secrets.
    pub info: Vec<KeyValue>,
    /// Scopes of what it has.
    pub scopes: Vec<String>,
    /// How it shares with this broker.
    pub mode: Mode,
    /// What it can do, names of clause 4.20.
    pub operations: Vec<String>,
    /// How often it changes, an ISO 8601 duration.
    pub refresh_rate: Option<String>,
    /// How it would like to be asked.
    pub management: Option<Management>,
    /// Its name where loops are looked for.
    pub alias: Option<String>,
    /// Further members by expanded name: Context Source Properties.
    pub properties: Map<String, Value>,
    /// µs since the epoch.
    pub created_at: i64,
    /// µs since the epoch.
    pub modified_at: i64,
}

/// A part of what a source has (clause 5.2.10).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Information {
    /// Which entities; none is any.
    pub entities: Vec<EntityInfo>,
    /// Which properties, expanded; with no relationship either, any attribute.
    pub properties: Vec<String>,
    /// Which relationships, expanded.
    pub relationships: Vec<String>,
}

/// Entities of a source (clause 5.2.8).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntityInfo {
    /// One entity.
    pub id: Option<String>,
    /// Entities with ids of this kind, a regular expression.
    pub id_pattern: Option<String>,
    /// Of these types, expanded. At least one.
    pub types: Vec<String>,
}

/// A time between two others (clause 5.2.11), each a `DateTime`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interval {
    /// From.
    pub start_at: String,
    /// To; open when left out.
    pub end_at: Option<String>,
}

/// A pair of texts (clause 5.2.22).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyValue {
    /// The name.
    pub key: String,
    /// The text.
    pub value: String,
}

/// How a source would like to be asked (clause 5.2.34).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Management {
    /// Whether it is asked for what it has itself only.
    pub local_only: Option<bool>,
    /// How long its answers stay good, an ISO 8601 duration.
    pub cache_duration: Option<String>,
    /// How long to wait for it, ms.
    pub timeout: Option<f64>,
    /// How long to leave it alone after a failure, ms.
    pub cooldown: Option<f64>,
}

impl Registration {
    /// Whether its time is over.
    #[must_use]
    pub fn is_expired(&self, now: i64) -> bool {
        let end = self.expires_at.as_deref().and_then(crate::time::parse_date_time);
        end.is_some_and(|end| end <= now)
    }

    /// Whether another registration says of itself what cannot be true beside this one (clause 4.3.6.3): the same attributes of the same
    /// entity, where one of the two has them alone.
    #[must_use]
    pub fn excludes(&self, other: &Self) -> bool {
        let proxied = self.mode.is_proxied() && other.mode.is_proxied();
        if !proxied || (self.mode == Mode::Redirect && other.mode == Mode::Redirect) {
            return false;
        }
        self.information.iter().any(|a| other.information.iter().any(|b| a.meets(b)))
    }
}

impl Information {
    /// Every attribute, expanded.
    pub fn attributes(&self) -> impl Iterator<Item = &str> {
        self.properties.iter().chain(&self.relationships).map(String::as_str)
    }

    /// Whether two sources have the same attribute of the same entity.
    fn meets(&self, other: &Self) -> bool {
        let any = |info: &Self| info.properties.is_empty() && info.relationships.is_empty();
        let attributes = any(self)
            || any(other)
            || self.attributes().any(|name| other.attributes().any(|theirs| theirs == name));
        let entities = self.entities.is_empty()
            || other.entities.is_empty()
            || self.entities.iter().any(|a| other.entities.iter().any(|b| a.meets(b)));
        attributes && entities
    }
}

impl EntityInfo {
    /// Whether an id is one of these. A pattern that cannot be read, which is never stored, has none.
    #[must_use]
    pub fn has_id(&self, id: &str) -> bool {
        match (&self.id, &self.id_pattern) {
            (Some(own), _) => own == id,
            (None, Some(pattern)) => {
                crate::query::id_pattern(pattern).is_ok_and(|pattern| pattern.is_match(id))
            }
            (None, None) => true,
        }
    }

    fn meets(&self, other: &Self) -> bool {
        let types = self.types.iter().any(|name| other.types.contains(name));
        types
            && match (&self.id, &other.id) {
                (Some(id), _) => other.has_id(id),
                (None, Some(id)) => self.has_id(id),
                // Two patterns may well have an id in common.
                (None, None) => true,
            }
    }
}

#[cfg(test)]
mod tests;
