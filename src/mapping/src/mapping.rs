//! Mappings: from one record of a foreign system to NGSI-LD entities.

mod compile;
mod config;
mod guard;
mod id;
mod refusal;
mod run;
mod sample;

use std::collections::BTreeMap;
use std::fmt;

use secrecy::SecretString;
use serde_json::{Map, Value as Json};
use tsunagu_ngsi_ld::Entity;

use crate::expression::Expression;

use compile::Compiler;
pub use config::{AttributeConfig, AttributeKind, IdFrom, MappingConfig, Members, Sample};
use id::Key;
pub use refusal::{Refusal, Rule};

/// Names that a mapping gives itself.
const RECORD: &str = "record";
const ITEM: &str = "item";
const INDEX: &str = "index";

/// Secrets by the name that mappings use.
pub type Secrets = BTreeMap<String, SecretString>;

/// A mapping whose samples hold.
#[derive(Debug)]
pub struct Mapping {
    name: String,
    given: Vec<String>,
    for_each: Option<Expression>,
    /// In an order in which each comes after those it uses.
    lets: Vec<(String, Expression)>,
    when: Option<Expression>,
    id: Id,
    entity_type: String,
    attributes: Vec<Attribute>,
    samples: Vec<Sample>,
}

#[derive(Debug)]
enum Id {
    Given(Expression),
    Made { key: Expression, of: Box<Key> },
}

#[derive(Debug)]
struct Attribute {
    name: String,
    value: Id,
    kind: AttributeKind,
    observed_at: Option<Expression>,
    unit_code: Option<Expression>,
    dataset_id: Option<Expression>,
    required: bool,
}

/// What became of a record.
#[derive(Debug, Default)]
pub struct Mapped {
    /// Names expanded, ready to be written.
    pub entities: Vec<Entity>,
    /// Records, or items, that `when` says are not meant for this mapping.
    pub skipped: usize,
    /// Items that became nothing; the others did.
    pub refusals: Vec<Refusal>,
}

/// What is wrong with a mapping: a part of it, or a sample that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where: `attributes.steps.value`, or `samples.NAME`.
    pub at: String,
    /// What, with what was expected and what came out if it is a sample, whose persons are invented.
    pub detail: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.detail)
    }
}

impl std::error::Error for Finding {}

impl Mapping {
    /// Compiles a mapping and runs its samples. Everything that is wrong is found at once, and with anything wrong there is no mapping.
    pub fn compile(config: MappingConfig, secrets: &Secrets) -> Result<Self, Vec<Finding>> {
        let mapping = Compiler::new(&config, secrets).mapping(&config)?;
        let mapping = Self { samples: config.samples, ..mapping };
        let findings = mapping.check();
        if findings.is_empty() { Ok(mapping) } else { Err(findings) }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The type of its entities, as written.
    #[must_use]
    pub fn entity_type(&self) -> &str {
        &self.entity_type
    }

    /// What the samples find; a mapping that is there has none.
    #[must_use]
    pub fn check(&self) -> Vec<Finding> {
        sample::check(self, &self.samples)
    }

    /// Maps a record. `given` has the variables that the mapping declares, `now` is when the entities are made, µs since the epoch.
    #[must_use]
    pub fn apply(&self, record: &Json, given: &Map<String, Json>, now: i64) -> Mapped {
        let mut mapped = Mapped::default();
        let documents = run::run(self, record, given, &mut mapped);
        for (item, document) in documents {
            match run::entity(&document, now) {
                Ok(entity) => mapped.entities.push(entity),
                Err(refusal) => mapped.refusals.push(Refusal { item, ..refusal }),
            }
        }
        mapped
    }
}

#[cfg(test)]
mod tests;
