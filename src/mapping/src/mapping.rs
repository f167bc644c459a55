//! Mappings: from one record of a foreign system to NGSI-LD entities.

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
use tsunagu_domain::individual_number::is_name_of_term;
use tsunagu_ngsi_ld::{Context, Entity};

use crate::expression::Expression;
use crate::tables::Tables;

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

struct Compiler<'a> {
    name: &'a str,
    secrets: &'a Secrets,
    outer: Vec<&'a str>,
    inner: Vec<&'a str>,
    tables: Tables,
    findings: Vec<Finding>,
}

impl<'a> Compiler<'a> {
    fn new(config: &'a MappingConfig, secrets: &'a Secrets) -> Self {
        let mut outer = vec![RECORD];
        outer.extend(config.given.iter().map(String::as_str));
        let mut inner = outer.clone();
        if config.for_each.is_some() {
            inner.extend([ITEM, INDEX]);
        }
        let mut findings = Vec::new();
        let tables: BTreeMap<_, _> = config.tables.0.iter().cloned().collect();
        let tables = Tables::new(&tables).unwrap_or_else(|error| {
            findings.push(Finding { at: "tables".to_owned(), detail: error.to_string() });
            Tables::default()
        });
        Self { name: &config.name, secrets, outer, inner, tables, findings }
    }

    fn finding(&mut self, at: impl Into<String>, detail: impl Into<String>) {
        self.findings.push(Finding { at: at.into(), detail: detail.into() });
    }

    fn expression(&mut self, at: &str, source: &str, names: &[&str]) -> Option<Expression> {
        match Expression::compile_with(source, names, &self.tables) {
            Ok(expression) => Some(expression),
            Err(error) => {
                self.finding(at, error.to_string());
                None
            }
        }
    }

    fn inner(&mut self, at: &str, source: Option<&String>) -> Option<Expression> {
        let names = self.inner.clone();
        source.and_then(|source| self.expression(at, source, &names))
    }

    fn mapping(mut self, config: &MappingConfig) -> Result<Mapping, Vec<Finding>> {
        self.names(config);
        let outer = self.outer.clone();
        let for_each =
            config.for_each.as_ref().and_then(|source| self.expression("for_each", source, &outer));
        let when = self.inner("when", config.when.as_ref());
        let id =
            self.id("", config.id.as_ref(), config.id_from.as_ref(), Some(&config.entity_type));
        let mut attributes: Vec<Attribute> = Vec::new();
        for (name, attribute) in &config.attributes.0 {
            if let Some(attribute) = self.attribute(name, attribute) {
                attributes.push(attribute);
            }
        }
        match id {
            Some(id) if self.findings.is_empty() => Ok(Mapping {
                name: config.name.clone(),
                given: config.given.clone(),
                for_each,
                when,
                id,
                entity_type: config.entity_type.clone(),
                attributes,
                samples: Vec::new(),
            }),
            _ => Err(self.findings),
        }
    }

    /// What is written as it is: names, and that each is there once.
    fn names(&mut self, config: &MappingConfig) {
        if config.name.is_empty() || config.name.len() > 64 {
            self.finding("name", "a mapping has a name of 1 to 64 bytes");
        }
        for given in &config.given {
            let plain = given.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
                && given.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
            if !plain || [RECORD, ITEM, INDEX].contains(&given.as_str()) {
                self.finding("given", format!("{given} cannot be the name of a variable"));
            }
        }
        let context = Context::core();
        let mut seen: Vec<String> = Vec::new();
        for (name, _) in &config.attributes.0 {
            let iri = context.expand(name).into_owned();
            if is_name_of_term(&iri) {
                self.finding(
                    format!("attributes.{name}"),
                    "the individual number is never accepted",
                );
            }
            if seen.contains(&iri) {
                self.finding(format!("attributes.{name}"), "another name says the same attribute");
            }
            seen.push(iri);
        }
        if config.attributes.0.is_empty() {
            self.finding("attributes", "there is none");
        }
        if !config.sample_files.is_empty() {
            self.finding("sample_files", "they were not read");
        }
        let shows = |sample: &Sample| sample.expect.as_ref().is_some_and(|all| !all.is_empty());
        if !config.samples.iter().any(shows) {
            self.finding(
                "samples",
                "there is none that gives an entity; add one with input and expect",
            );
        }
        self.model("type", config, None);
        for (name, _) in &config.attributes.0 {
            self.model(&format!("attributes.{name}"), config, Some(name));
        }
    }

    /// A look at a name by the rules of the model: what is wrong there is wrong for every record.
    fn model(&mut self, at: &str, config: &MappingConfig, name: Option<&String>) {
        // Some names hold geometries, whose rules are about values.
        if name.is_some_and(|name| {
            matches!(name.as_str(), "location" | "observationSpace" | "operationSpace")
        }) {
            return;
        }
        let mut document = Map::new();
        document.insert("id".to_owned(), "urn:ngsi-ld:Sample:1".into());
        document.insert("type".to_owned(), config.entity_type.as_str().into());
        if let Some(name) = name {
            document.insert(name.clone(), 0.into());
        }
        if let Err(refusal) = run::entity(&document, 0) {
            self.finding(at, refusal.detail);
        }
    }

    fn id(
        &mut self,
        at: &str,
        id: Option<&String>,
        from: Option<&IdFrom>,
        entity_type: Option<&str>,
    ) -> Option<Id> {
        match (id, from) {
            (Some(_), None) => self
                .inner(&format!("{at}{}", if at.is_empty() { "id" } else { "value" }), id)
                .map(Id::Given),
            (None, Some(from)) => {
                let at = format!("{at}id_from");
                let key = self.inner(&format!("{at}.key"), Some(&from.key));
                let entity_type = from.entity_type.as_deref().or(entity_type);
                if entity_type.is_none() {
                    self.finding(format!("{at}.type"), "say which type the id is for");
                }
                let Some(secret) = self.secrets.get(&from.secret) else {
                    self.finding(
                        format!("{at}.secret"),
                        format!("there is no secret named {}", from.secret),
                    );
                    return None;
                };
                let of = Key::new(secret, self.name, entity_type?);
                key.map(|key| Id::Made { key, of: Box::new(of) })
            }
            _ => {
                let at = if at.is_empty() { "id" } else { at.trim_end_matches('.') };
                self.finding(at, "give one of an expression and id_from");
                None
            }
        }
    }

    fn attribute(&mut self, name: &str, config: &AttributeConfig) -> Option<Attribute> {
        let at = format!("attributes.{name}.");
        if config.id_from.is_some() && config.kind != AttributeKind::Relationship {
            self.finding(format!("{at}id_from"), "only a relationship has it");
        }
        if config.unit_code.is_some() && config.kind != AttributeKind::Property {
            self.finding(format!("{at}unit_code"), "only a property has it");
        }
        let value = self.id(&at, config.value.as_ref(), config.id_from.as_ref(), None);
        let observed_at = self.inner(&format!("{at}observed_at"), config.observed_at.as_ref());
        let unit_code = self.inner(&format!("{at}unit_code"), config.unit_code.as_ref());
        let dataset_id = self.inner(&format!("{at}dataset_id"), config.dataset_id.as_ref());
        Some(Attribute {
            name: name.to_owned(),
            value: value?,
            kind: config.kind,
            observed_at,
            unit_code,
            dataset_id,
            required: config.required,
        })
    }
}

#[cfg(test)]
mod tests;
