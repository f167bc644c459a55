//! From a declaration to what works, with everything that is wrong.

use std::collections::BTreeMap;

use serde_json::Map;
use tsunagu_domain::individual_number::is_name_of_term;
use tsunagu_ngsi_ld::Context;

use super::id::Key;
use super::{
    Attribute, AttributeConfig, AttributeKind, Finding, INDEX, ITEM, Id, IdFrom, Mapping,
    MappingConfig, RECORD, Sample, Secrets, run,
};
use crate::expression::Expression;
use crate::tables::Tables;

/// Everything that is wrong is found on the way.
pub(super) struct Compiler<'a> {
    name: &'a str,
    secrets: &'a Secrets,
    outer: Vec<&'a str>,
    inner: Vec<&'a str>,
    tables: Tables,
    findings: Vec<Finding>,
}

impl<'a> Compiler<'a> {
    pub(super) fn new(config: &'a MappingConfig, secrets: &'a Secrets) -> Self {
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

    pub(super) fn mapping(mut self, config: &'a MappingConfig) -> Result<Mapping, Vec<Finding>> {
        self.names(config);
        let outer = self.outer.clone();
        let for_each =
            config.for_each.as_ref().and_then(|source| self.expression("for_each", source, &outer));
        let lets = self.lets(config);
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
                lets,
                when,
                id,
                entity_type: config.entity_type.clone(),
                attributes,
                samples: Vec::new(),
            }),
            _ => Err(self.findings),
        }
    }

    /// Variables of the mapping's own, whatever order they are written in.
    fn lets(&mut self, config: &'a MappingConfig) -> Vec<(String, Expression)> {
        let mut left: Vec<_> = config.lets.0.iter().collect();
        let mut lets = Vec::new();
        loop {
            let before = left.len();
            left.retain(|(name, source)| {
                let Ok(expression) = Expression::compile_with(source, &self.inner, &self.tables)
                else {
                    return true;
                };
                lets.push((name.clone(), expression));
                self.inner.push(name);
                false
            });
            if left.len() == before {
                break;
            }
        }
        for (name, source) in &left {
            let error = Expression::compile_with(source, &self.inner, &self.tables).err();
            // What lacks only others that are left goes round with them.
            let mut all = self.inner.clone();
            all.extend(left.iter().map(|(name, _)| name.as_str()));
            let detail = match Expression::compile_with(source, &all, &self.tables) {
                Ok(_) => "it needs another one that is wrong or needs it in turn".to_owned(),
                Err(error) => error.to_string(),
            };
            if error.is_some() {
                self.finding(format!("let.{name}"), detail);
            }
        }
        // They are names all the same: what uses them is not wrong, too.
        self.inner.extend(left.iter().map(|(name, _)| name.as_str()));
        lets
    }

    /// What is written as it is: names, and that each is there once.
    fn names(&mut self, config: &MappingConfig) {
        if config.name.is_empty() || config.name.len() > 64 {
            self.finding("name", "a mapping has a name of 1 to 64 bytes");
        }
        let lets = config.lets.0.iter().map(|(name, _)| ("let", name));
        let mut names = vec![RECORD, ITEM, INDEX];
        for (at, name) in config.given.iter().map(|name| ("given", name)).chain(lets) {
            let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
                && name.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
            if !plain || names.contains(&name.as_str()) {
                self.finding(at, format!("{name} cannot be the name of a variable, or is one"));
            }
            names.push(name);
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
