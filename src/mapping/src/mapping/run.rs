//! From a record to documents in the normalized representation, and from those to entities.

use std::collections::HashSet;

use chrono::DateTime;
use serde_json::{Map, Value as Json, json};
use tsunagu_ngsi_ld::parse::{check_uri, parse_entity};
use tsunagu_ngsi_ld::time::format_date_time;
use tsunagu_ngsi_ld::{Context, Entity};

use super::{
    Attribute, AttributeKind, INDEX, ITEM, Id, Mapped, Mapping, RECORD, Refusal, Rule, guard,
};
use crate::expression::EvaluationError;
use crate::value::Value;
use crate::variables::Variables;

/// Elements of `for_each`.
const MAX_ITEMS: usize = 10_000;

type Document = Map<String, Json>;

/// The documents of a record, each with the item it is of; skips and refusals are noted.
pub(super) fn run(
    mapping: &Mapping,
    record: &Json,
    given: &Map<String, Json>,
    mapped: &mut Mapped,
) -> Vec<(Option<usize>, Document)> {
    if guard::is_named(record, 0) {
        mapped.refusals.push(Refusal::new(Rule::IndividualNumber));
        return Vec::new();
    }
    let mut outer = Variables::new().with(RECORD, record);
    for name in &mapping.given {
        outer.set(name, given.get(name).unwrap_or(&Json::Null));
    }
    let items = match &mapping.for_each {
        None => None,
        Some(for_each) => match items(for_each.evaluate(&outer)) {
            Ok(items) => Some(items),
            Err(refusal) => {
                mapped.refusals.push(refusal);
                return Vec::new();
            }
        },
    };
    let mut documents = Documents { mapping, mapped, all: Vec::new(), ids: HashSet::new() };
    match &items {
        None => documents.add(&mut outer, None),
        Some(items) => {
            let mut variables = outer;
            for (at, item) in items.iter().enumerate() {
                variables.set(ITEM, item);
                variables.set(INDEX, i64::try_from(at).unwrap_or(i64::MAX));
                documents.add(&mut variables, Some(at));
            }
        }
    }
    documents.all
}

fn items(value: Result<Value, EvaluationError>) -> Result<Vec<Json>, Refusal> {
    match value {
        Ok(Value::Null) => Ok(Vec::new()),
        Ok(Value::List(all)) if all.len() > MAX_ITEMS => Err(Refusal::new(Rule::TooMany)),
        Ok(Value::List(all)) => Ok(all.into_iter().map(Value::into_json).collect()),
        Ok(other) => {
            Err(Refusal::because(Rule::ForEach, format!("it gives a {}", other.type_name())))
        }
        Err(error) => Err(failed(Rule::ForEach, &error)),
    }
}

fn failed(rule: Rule, error: &EvaluationError) -> Refusal {
    match error {
        EvaluationError::InputTooLarge | EvaluationError::InputTooDeep => {
            Refusal::because(Rule::Size, error.to_string())
        }
        _ => Refusal::because(rule, error.to_string()),
    }
}

struct Documents<'a> {
    mapping: &'a Mapping,
    mapped: &'a mut Mapped,
    all: Vec<(Option<usize>, Document)>,
    ids: HashSet<String>,
}

impl<'a> Documents<'a> {
    fn add<'v>(&mut self, variables: &mut Variables<'v>, item: Option<usize>)
    where
        'a: 'v,
    {
        for (name, expression) in &self.mapping.lets {
            match expression.evaluate(variables) {
                Ok(value) => variables.set_value(name, value),
                Err(error) => variables.set_failed(name, error),
            }
        }
        match document(self.mapping, variables) {
            Ok(None) => self.mapped.skipped += 1,
            Ok(Some(document)) => {
                let id = document.get("id").and_then(Json::as_str).unwrap_or_default();
                if self.ids.insert(id.to_owned()) {
                    self.all.push((item, document));
                } else {
                    let twin = Refusal::new(Rule::DuplicateId);
                    self.mapped.refusals.push(Refusal { item, ..twin });
                }
            }
            Err(refusal) => self.mapped.refusals.push(Refusal { item, ..refusal }),
        }
    }
}

/// The document of a record or an item; `None` if it is not meant for the mapping.
fn document(mapping: &Mapping, variables: &Variables<'_>) -> Result<Option<Document>, Refusal> {
    if let Some(when) = &mapping.when
        && !when.holds(variables).map_err(|error| failed(Rule::When, &error))?
    {
        return Ok(None);
    }
    let id = match id(&mapping.id, variables).map_err(|error| failed(Rule::Id, &error))? {
        Some(Json::String(id)) if check_uri(&id).is_ok() => id,
        Some(_) => return Err(Refusal::because(Rule::Id, "it is no URI")),
        None => return Err(Refusal::because(Rule::Id, "there is none")),
    };
    let mut document = Map::new();
    document.insert("id".to_owned(), id.into());
    document.insert("type".to_owned(), mapping.entity_type.as_str().into());
    for attribute in &mapping.attributes {
        match normalized(attribute, variables).map_err(|refusal| refusal.of(&attribute.name))? {
            Some(instance) => {
                document.insert(attribute.name.clone(), instance.into());
            }
            None if attribute.required => {
                return Err(Refusal::new(Rule::Required).of(&attribute.name));
            }
            None => {}
        }
    }
    if guard::is_made(&document) {
        return Err(Refusal::new(Rule::IndividualNumber));
    }
    Ok(Some(document))
}

/// What an id, or a value, is; `None` for `null` and for an empty key. A moment is a typed value (clause 4.6.3).
fn id(id: &Id, variables: &Variables<'_>) -> Result<Option<Json>, EvaluationError> {
    Ok(match id {
        Id::Given(expression) => match expression.evaluate(variables)? {
            Value::Null => None,
            Value::Time(micros) => {
                Some(json!({ "@type": "DateTime", "@value": format_date_time(micros) }))
            }
            other => Some(other.into_json()),
        },
        Id::Made { key, of } => match key.evaluate(variables)? {
            Value::Text(key) if !key.is_empty() => Some(of.id(&key).into()),
            Value::Int(key) => Some(of.id(&key.to_string()).into()),
            Value::Null | Value::Text(_) => None,
            other => {
                return Err(EvaluationError::WrongTypes {
                    function: "a key".to_owned(),
                    types: other.type_name().to_owned(),
                });
            }
        },
    })
}

/// An attribute in the normalized representation (clause 4.5.2), or `None` without a value.
fn normalized(
    attribute: &Attribute,
    variables: &Variables<'_>,
) -> Result<Option<Document>, Refusal> {
    let value = id(&attribute.value, variables).map_err(|error| failed(Rule::Value, &error))?;
    let Some(value) = value else { return Ok(None) };
    let (kind, member) = match attribute.kind {
        AttributeKind::Property => ("Property", "value"),
        AttributeKind::Relationship => ("Relationship", "object"),
        AttributeKind::Geo => ("GeoProperty", "value"),
        AttributeKind::Language => ("LanguageProperty", "languageMap"),
    };
    let fits = match (attribute.kind, &value) {
        (AttributeKind::Property, _) => true,
        (AttributeKind::Relationship, Json::String(uri)) => check_uri(uri).is_ok(),
        (AttributeKind::Relationship, Json::Array(all)) => {
            !all.is_empty()
                && all.iter().all(|uri| uri.as_str().is_some_and(|uri| check_uri(uri).is_ok()))
        }
        (AttributeKind::Geo, Json::Object(geometry)) => geometry.contains_key("coordinates"),
        (AttributeKind::Language, Json::Object(texts)) => {
            !texts.is_empty() && texts.values().all(Json::is_string)
        }
        _ => false,
    };
    if !fits {
        return Err(Refusal::new(Rule::Kind));
    }
    let mut instance = Map::new();
    instance.insert("type".to_owned(), kind.into());
    instance.insert(member.to_owned(), value);
    if let Some(observed_at) = &attribute.observed_at {
        match moment(observed_at.evaluate(variables)) {
            Ok(Some(at)) => drop(instance.insert("observedAt".to_owned(), at.into())),
            Ok(None) => {}
            Err(refusal) => return Err(refusal),
        }
    }
    for (expression, rule, member) in [
        (&attribute.unit_code, Rule::UnitCode, "unitCode"),
        (&attribute.dataset_id, Rule::DatasetId, "datasetId"),
    ] {
        let Some(expression) = expression else { continue };
        match expression.evaluate(variables).map_err(|error| failed(rule, &error))? {
            Value::Null => {}
            Value::Text(text)
                if !text.is_empty() && (rule != Rule::DatasetId || check_uri(&text).is_ok()) =>
            {
                instance.insert(member.to_owned(), text.into());
            }
            other => {
                return Err(Refusal::because(rule, format!("it gives a {}", other.type_name())));
            }
        }
    }
    Ok(Some(instance))
}

/// A moment as a `DateTime` (clause 4.6.3).
fn moment(value: Result<Value, EvaluationError>) -> Result<Option<String>, Refusal> {
    match value.map_err(|error| failed(Rule::ObservedAt, &error))? {
        Value::Null => Ok(None),
        Value::Time(micros) => Ok(Some(format_date_time(micros))),
        Value::Text(text) => match DateTime::parse_from_rfc3339(&text) {
            Ok(time) => Ok(Some(format_date_time(time.timestamp_micros()))),
            Err(_) => Err(Refusal::because(Rule::ObservedAt, "the text is no time with an offset")),
        },
        other => {
            Err(Refusal::because(Rule::ObservedAt, format!("it gives a {}", other.type_name())))
        }
    }
}

/// The entity of a document, by every rule of the information model. `now` in µs since the epoch.
pub(super) fn entity(document: &Document, now: i64) -> Result<Entity, Refusal> {
    let text = serde_json::to_string(document).map_err(|_| Refusal::new(Rule::Model))?;
    parse_entity(&text, &Context::core(), now).map_err(|error| {
        let attribute = error.pointer.as_deref().and_then(|pointer| pointer.split('/').nth(1));
        let attribute = attribute.map(|name| name.replace("~1", "/").replace("~0", "~"));
        Refusal { attribute, ..Refusal::because(Rule::Model, error.detail) }
    })
}
