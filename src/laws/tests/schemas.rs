//! The schemas of the domain's types: their examples, their context and the catalogue say the same.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use jsonschema::{Draft, Validator};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use tsunagu_domain::{Catalogue, SubjectPath};
use tsunagu_ngsi_ld::context::{Resolved, resolve};
use tsunagu_ngsi_ld::parse::parse_entity;
use tsunagu_ngsi_ld::render::render;
use tsunagu_ngsi_ld::{Context, EntityDoc, Everything, Format, RenderOptions};

/// The members that every entity has, which are part of the language.
const OF_THE_LANGUAGE: [&str; 4] = ["id", "type", "scope", "@context"];
/// Types whose entities are about nobody.
const OPEN: [&str; 1] = ["RewardRule"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas")
}

fn read(path: impl AsRef<Path>) -> Value {
    let path = folder().join(path);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Every type that has a folder.
fn types() -> Vec<String> {
    let entries = std::fs::read_dir(folder()).unwrap().map(Result::unwrap);
    let folders = entries.filter(|entry| entry.file_type().unwrap().is_dir());
    let mut types: Vec<_> = folders.map(|entry| entry.file_name().into_string().unwrap()).collect();
    types.sort();
    assert_eq!(types.len(), 8, "{types:?}");
    types
}

fn validator(of: &str) -> Validator {
    let options = jsonschema::options().with_draft(Draft::Draft202012);
    options.should_validate_formats(true).build(&read(format!("{of}/schema.json"))).unwrap()
}

/// The names of the attributes that a schema has.
fn attributes(of: &str) -> Vec<String> {
    let schema = read(format!("{of}/schema.json"));
    let names = schema["properties"].as_object().unwrap().keys();
    names.filter(|name| !OF_THE_LANGUAGE.contains(&name.as_str())).cloned().collect()
}

/// The examples of a type: the normalized one and the simplified one.
fn examples(of: &str) -> [Map<String, Value>; 2] {
    ["normalized", "key-values"].map(|form| {
        let example = read(format!("{of}/examples/{form}.jsonld"));
        let Value::Object(mut example) = example else { panic!("{of} is an object") };
        example.remove("@context").unwrap_or_else(|| panic!("{of} has a @context"));
        example
    })
}

fn rendered(body: &Map<String, Value>, format: Format, context: &Context) -> Value {
    let text = serde_json::to_string(body).unwrap();
    let entity = parse_entity(&text, context, 0).unwrap();
    let mut out = Vec::new();
    let options = RenderOptions { format, ..RenderOptions::default() };
    assert!(render(&EntityDoc::from(&entity), &Everything, context, &options, &mut out));
    serde_json::from_slice(&out).unwrap()
}

fn context() -> std::sync::Arc<Context> {
    let local = read("context.jsonld")["@context"].to_string();
    let local = RawValue::from_string(local).unwrap();
    let Ok(Resolved::Ready(context)) = resolve(&local, &|_| None) else {
        panic!("the context asks for nothing else");
    };
    context
}

fn catalogue() -> Catalogue {
    let json = std::fs::read(folder().join("catalogue.json")).unwrap();
    Catalogue::read(&json, |term| Context::core().expand(term).into_owned()).unwrap()
}

#[test]
fn every_example_is_what_its_schema_says() {
    for of in types() {
        let validator = validator(&of);
        let [normalized, simplified] = examples(&of);
        let rendered = rendered(&normalized, Format::Simplified, &Context::core());
        for (form, example) in [("normalized", rendered), ("key-values", Value::Object(simplified))]
        {
            let errors: Vec<_> = validator.iter_errors(&example).map(|e| e.to_string()).collect();
            assert!(errors.is_empty(), "{of} {form}: {errors:?}");
        }
    }
}

#[test]
fn a_schema_refuses_what_is_wrong() {
    for of in types() {
        let (validator, [_, example]) = (validator(&of), examples(&of));
        let refuses = |what: &str, change: &dyn Fn(&mut Map<String, Value>)| {
            let mut changed = example.clone();
            change(&mut changed);
            assert!(!validator.is_valid(&Value::Object(changed)), "{of}: {what}");
        };
        for (what, name, value) in [
            ("another type", "type", json!("Other")),
            ("an attribute that is not in it", "myNumber", json!(1)),
            ("an id of another type", "id", json!("urn:ngsi-ld:Other:1")),
        ] {
            refuses(what, &|e| drop(e.insert(name.to_owned(), value.clone())));
        }
        for name in attributes(&of) {
            // Every attribute says what it holds.
            refuses(&name, &|e| drop(e.insert(name.clone(), json!([[]]))));
        }
    }
}

#[test]
fn the_broker_gives_every_example_back_as_it_was() {
    let (core, ours) = (Context::core(), context());
    for of in types() {
        let [normalized, simplified] = examples(&of);
        for context in [&core, &ours] {
            let again = rendered(&normalized, Format::Normalized, context);
            assert_eq!(again, Value::Object(normalized.clone()), "{of}");
            let shown = rendered(&normalized, Format::Simplified, context);
            assert_eq!(shown, Value::Object(simplified.clone()), "{of}");
        }
        // The stored form keeps all of it, too.
        let text = serde_json::to_string(&normalized).unwrap();
        let entity = parse_entity(&text, &core, 0).unwrap();
        let stored = EntityDoc::from_bytes(entity.encode().into()).unwrap();
        let mut out = Vec::new();
        assert!(render(&stored, &Everything, &core, &RenderOptions::default(), &mut out));
        assert_eq!(
            serde_json::from_slice::<Value>(&out).unwrap(),
            Value::Object(normalized),
            "{of}"
        );
    }
}

#[test]
fn every_example_shows_every_attribute_or_says_why_not() {
    // What an entity need not have beside the others: the alternative of an alternative, and reasons.
    let without = ["quantity", "grantReason"];
    for of in types() {
        let [normalized, _] = examples(&of);
        for name in attributes(&of) {
            assert_ne!(
                normalized.contains_key(&name),
                without.contains(&name.as_str()),
                "{of} {name}"
            );
        }
    }
}

#[test]
fn the_context_says_what_the_default_context_says() {
    let (core, ours) = (Context::core(), context());
    let written = read("context.jsonld");
    let written: BTreeSet<_> = written["@context"].as_object().unwrap().keys().cloned().collect();
    let mut used = BTreeSet::new();
    for of in types() {
        used.extend(attributes(&of));
        used.insert(of);
    }
    for term in &used {
        assert_eq!(core.expand(term), ours.expand(term), "{term}");
        // The core's own terms cannot be given again; all others are there.
        let default = core.expand(term).starts_with(tsunagu_ngsi_ld::DEFAULT_CONTEXT);
        assert_eq!(written.contains(term), default, "{term}");
    }
    assert!(written.is_subset(&used), "{written:?}");
}

#[test]
fn every_attribute_has_a_data_class() {
    let (core, catalogue) = (Context::core(), catalogue());
    let iri = |term: &str| core.expand(term).into_owned();
    for of in types() {
        let personal = catalogue.personal_type(&iri(&of));
        assert_eq!(personal.is_none(), OPEN.contains(&of.as_str()), "{of}");
        let Some(personal) = personal else { continue };
        let classes = catalogue.data_classes.iter().flat_map(|class| &class.covers);
        let covered: BTreeSet<_> = classes
            .filter(|covers| covers.r#type == personal.iri)
            .flat_map(|covers| covers.attributes.iter().map(|attribute| attribute.iri.clone()))
            .collect();
        let described: BTreeSet<_> = attributes(&of).iter().map(|name| iri(name)).collect();
        assert_eq!(covered, described, "{of}");
        if let SubjectPath::Relationship(path) = &personal.subject {
            assert!(described.contains(path), "{of}");
        }
    }
    // And no personal type without a schema.
    assert_eq!(catalogue.personal_types.len() + OPEN.len(), types().len());
}
