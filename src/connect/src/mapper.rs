//! From a record in the other side's form to entities.

use std::sync::Arc;

use serde_json::Value;
use serde_json::value::RawValue;
use tsunagu_domain::{Text, Timestamp};
use tsunagu_ngsi_ld::Entity;

use crate::Finding;

/// What is wrong with a record. It never holds a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Which attribute, when it is about one.
    pub attribute: Option<String>,
    /// Which rule refused it, e.g. `required`.
    pub rule: String,
    /// How to mend it, in Japanese and English.
    pub remedy: Text,
}

/// What became of a record.
#[derive(Debug, Clone)]
pub enum Mapped {
    /// These entities; none when the record is not meant for this mapping.
    Entities(Vec<Entity>),
    /// It is refused.
    Refused(Vec<Fault>),
}

/// Makes entities of records. Pure.
pub trait Mapper: Send + Sync + 'static {
    /// Maps one record.
    fn map(&self, record: &RawValue, now: Timestamp) -> Mapped;
}

/// Makes a mapper of a declared mapping; its samples are run.
pub(crate) fn compile(connector: &str, _mapping: &Value) -> Result<Arc<dyn Mapper>, Vec<Finding>> {
    Err(vec![Finding::new(connector, "mapping", "mappings cannot be used yet")])
}
