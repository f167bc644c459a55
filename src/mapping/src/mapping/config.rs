//! How a mapping is written in configuration (TOML or JSON).

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value as Json};

/// What a mapping says. Every expression is CEL ([`Expression`](crate::Expression)); it sees `record` (the whole input), `item` and `index` where
/// there is `for_each`, and the names in `given` and `let`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MappingConfig {
    /// Its name; part of what ids are made of, so that a mapping that is renamed makes others.
    pub name: String,
    /// What it is for, in words.
    #[serde(default)]
    pub description: Option<String>,
    /// Variables that the connector gives beside the record, for example `subject`.
    #[serde(default)]
    pub given: Vec<String>,
    /// Code tables: name → code → what stands for it.
    #[serde(default)]
    pub tables: Members<BTreeMap<String, Json>>,
    /// A list: one entity for each element. Without it a record is one entity. `null` is an empty list.
    #[serde(default)]
    pub for_each: Option<String>,
    /// Variables of the mapping's own: name → expression. They may use each other, in any order of writing. One that has no value is an error only where
    /// it is used.
    #[serde(rename = "let", default)]
    pub lets: Members<String>,
    /// A `bool`: whether the record, or the item, is meant for this mapping at all. What is not is skipped and counted.
    #[serde(default)]
    pub when: Option<String>,
    /// A `string`: the id of the entity, a URI. Either this or `id_from`.
    #[serde(default)]
    pub id: Option<String>,
    /// An id that means nothing outside.
    #[serde(default)]
    pub id_from: Option<IdFrom>,
    /// The type of the entity: a term or an IRI, no expression.
    #[serde(rename = "type")]
    pub entity_type: String,
    /// Attributes by their name: terms or IRIs.
    pub attributes: Members<AttributeConfig>,
    /// Inputs and what becomes of them. A mapping without any, or with one that fails, cannot be used.
    #[serde(default)]
    pub samples: Vec<Sample>,
    /// Files beside the mapping, each a JSON array of samples; see [`MappingConfig::read_samples`].
    #[serde(default)]
    pub sample_files: Vec<String>,
}

/// An id made of a key with a secret (HMAC-SHA-256, 128 bits of it in the form of a UUID of version 8): the same key gives the same id, and
/// nobody without the secret can tell either from the other.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdFrom {
    /// A `string` or an `int`.
    pub key: String,
    /// The name of the secret, which the connector is given by its configuration.
    pub secret: String,
    /// The type that the id is for; that of the entity if it says nothing. A relationship has to say it.
    #[serde(rename = "type", default)]
    pub entity_type: Option<String>,
}

/// An attribute.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttributeConfig {
    /// What it holds; `null` leaves the attribute out, and a `timestamp` is written as a `DateTime`. Either this or, in a relationship, `id_from`.
    #[serde(default)]
    pub value: Option<String>,
    /// What it points at, by a key.
    #[serde(default)]
    pub id_from: Option<IdFrom>,
    /// What it is.
    #[serde(default)]
    pub kind: AttributeKind,
    /// When it was observed: a `timestamp`, or an RFC 3339 text with any offset.
    #[serde(default)]
    pub observed_at: Option<String>,
    /// An expression for the UN/CEFACT code of the unit: `'KGM'` or `unece(record.unit)`.
    #[serde(default)]
    pub unit_code: Option<String>,
    /// An expression for the URI of the data set.
    #[serde(default)]
    pub dataset_id: Option<String>,
    /// Whether an entity without it is refused.
    #[serde(default)]
    pub required: bool,
}

/// The kind of an attribute (clause 4.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttributeKind {
    /// A value.
    #[default]
    Property,
    /// One URI, or a list of them.
    Relationship,
    /// A `GeoJSON` geometry.
    Geo,
    /// Texts by language.
    Language,
}

/// An input and what becomes of it: entities, or a refusal.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    /// What it shows.
    pub name: String,
    /// Variables of `given`.
    #[serde(default)]
    pub given: Map<String, Json>,
    /// The record; everybody in it is invented.
    pub input: Json,
    /// The entities, each attribute simplified (its value alone) or normalized (an object with `type`). An entity without `id` leaves that open.
    /// An empty list says that the record is skipped.
    #[serde(default)]
    pub expect: Option<Vec<Map<String, Json>>>,
    /// The rule that refuses it, as [`Rule::code`](crate::Rule::code) writes it.
    #[serde(default)]
    pub refuse: Option<String>,
}

impl MappingConfig {
    /// Puts the samples of [`MappingConfig::sample_files`] in their place; `read` gives the text of a file, or why not.
    pub fn read_samples(
        &mut self,
        mut read: impl FnMut(&str) -> Result<String, String>,
    ) -> Result<(), String> {
        for file in std::mem::take(&mut self.sample_files) {
            let text = read(&file)?;
            let samples: Vec<Sample> =
                serde_json::from_str(&text).map_err(|error| format!("{file}: {error}"))?;
            self.samples.extend(samples);
        }
        Ok(())
    }
}

/// The members of an object in the order they are written, each name once.
#[derive(Debug, Clone)]
pub struct Members<T>(pub Vec<(String, T)>);

impl<T> Default for Members<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Members<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct All<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for All<T> {
            type Value = Members<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<T>, A::Error> {
                let mut all: Vec<(String, T)> = Vec::new();
                while let Some((name, member)) = map.next_entry()? {
                    if all.iter().any(|(other, _)| *other == name) {
                        return Err(A::Error::custom(format!("{name} is there twice")));
                    }
                    all.push((name, member));
                }
                Ok(Members(all))
            }
        }
        deserializer.deserialize_map(All(PhantomData))
    }
}
