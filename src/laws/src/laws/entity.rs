//! Entities, fragments, histories and registrations as they are sent.

use serde_json::Value;
use tsunagu_ngsi_ld::ops::{self, MergeOptions};
use tsunagu_ngsi_ld::parse::{
    batch, parse_attribute_fragment, parse_entity, parse_fragment, parse_history,
    parse_merge_fragment,
};
use tsunagu_ngsi_ld::source::{Registration, Shape};
use tsunagu_ngsi_ld::{
    Context, Entity, EntityDoc, Everything, Format, Limits, RenderOptions, check, render,
};

use super::{NOW, context_of, document, same};
use crate::Held;

pub(super) const WORDS: &[&str] = &[
    "\"type\":\"Property\"",
    "\"type\":\"Relationship\"",
    "\"type\":\"GeoProperty\"",
    "\"type\":\"LanguageProperty\"",
    "\"type\":\"VocabProperty\"",
    "\"type\":\"JsonProperty\"",
    "\"type\":\"ListProperty\"",
    "\"type\":\"ListRelationship\"",
    "\"value\":",
    "\"object\":",
    "\"languageMap\":{\"ja\":\"あ\"}",
    "\"vocab\":\"x\"",
    "\"json\":{}",
    "\"valueList\":[]",
    "\"objectList\":[]",
    "\"observedAt\":\"2026-01-02T03:04:05Z\"",
    "\"unitCode\":\"CEL\"",
    "\"datasetId\":\"urn:d:1\"",
    "\"expiresAt\":\"2027-01-01T00:00:00Z\"",
    "\"scope\":\"/a/b\"",
    "\"@context\":",
    "\"id\":\"urn:e:1\"",
    "{\"type\":\"Point\",\"coordinates\":[1,2]}",
    "urn:ngsi-ld:null",
    "\"@value\":",
    "\"@type\":\"DateTime\"",
    "\"objectType\":\"T\"",
    "\"createdAt\":\"2020-01-01T00:00:00Z\"",
];

pub(super) const SOURCE_WORDS: &[&str] = &[
    "\"information\":[{}]",
    "\"entities\":[{\"type\":\"T\"}]",
    "\"idPattern\":\".*\"",
    "\"propertyNames\":[\"a\"]",
    "\"relationshipNames\":[\"b\"]",
    "\"endpoint\":\"http://a.example\"",
    "\"mode\":\"exclusive\"",
    "\"operations\":[\"retrieveOps\"]",
    "\"contextSourceInfo\":[]",
    "\"management\":{}",
    "\"scope\":[\"/a\"]",
    "\"location\":{\"type\":\"Point\",\"coordinates\":[1,2]}",
    "\"expiresAt\":\"2027-01-01T00:00:00Z\"",
    "\"observationInterval\":{\"startAt\":\"2026-01-01T00:00:00Z\"}",
];

/// Stored and read back it is the same; normalized and concise say all of it.
pub(super) fn whole(bytes: &[u8]) -> Held {
    let Some(text) = document(bytes) else { return Ok(false) };
    let Some(ctx) = context_of(text) else { return Ok(false) };
    let Ok(entity) = parse_entity(text, &ctx, NOW) else { return Ok(false) };
    let doc = kept(&entity)?;
    // Terms that cannot be names are given as the @context has them, and are not read.
    if has_odd_terms(text) {
        return Ok(true);
    }
    let normalized = shown(&doc, &ctx, Format::Normalized)?;
    for format in [Format::Normalized, Format::Concise] {
        let text = shown(&doc, &ctx, format)?;
        let again = parse_entity(&text, &ctx, NOW)
            .map_err(|error| format!("{format:?} is not read: {} in {text}", error.detail))?;
        same(
            &format!("{format:?} read again"),
            &shown(&EntityDoc::from(&again), &ctx, Format::Normalized)?,
            &normalized,
        )?;
    }
    shown(&doc, &ctx, Format::Simplified)?;
    Ok(true)
}

/// A fragment is stored like an entity, and so is one attribute of it.
pub(super) fn fragment(bytes: &[u8]) -> Held {
    let Some(text) = document(bytes) else { return Ok(false) };
    let Some(ctx) = context_of(text) else { return Ok(false) };
    let attribute = parse_attribute_fragment(text, "temperature", &ctx, NOW);
    let mut taken = attribute.is_ok();
    for read in [parse_fragment, parse_merge_fragment] {
        if let Ok(fragment) = read(text, &ctx, NOW) {
            taken = true;
            let mut entity = Entity::new("urn:e:1", "T", NOW);
            ops::append(&mut entity, fragment, true, NOW);
            kept(&entity)?;
        }
    }
    Ok(taken)
}

/// `[entity, fragment]`: merging twice is merging once, and what comes out is stored and shown like any entity.
pub(super) fn merged(bytes: &[u8]) -> Held {
    let Some(text) = document(bytes) else { return Ok(false) };
    let Some(ctx) = context_of(text) else { return Ok(false) };
    let parts = batch(text, 2).unwrap_or_default();
    let [first, second] = parts[..] else { return Ok(false) };
    let (Ok(mut entity), Ok(fragment)) =
        (parse_entity(first, &ctx, NOW), parse_merge_fragment(second, &ctx, NOW))
    else {
        return Ok(false);
    };
    let options = MergeOptions::default();
    ops::merge(&mut entity, fragment.clone(), &options, NOW);
    let said = |entity: &Entity| shown(&kept(entity)?, &ctx, Format::Normalized);
    let once = said(&entity)?;
    ops::merge(&mut entity, fragment, &options, NOW);
    let twice = said(&entity)?;
    // White space and escapes inside of values may come and go. Numbers that no machine has are not compared.
    let value = |text: &str| serde_json::from_str::<Value>(text).ok();
    if let (Some(once), Some(twice)) = (value(&once), value(&twice)) {
        same("merged twice", &twice, &once)?;
    }
    Ok(true)
}

/// A temporal evolution: the last of each attribute is an entity.
pub(super) fn history(bytes: &[u8]) -> Held {
    let Some(text) = document(bytes) else { return Ok(false) };
    let Some(ctx) = context_of(text) else { return Ok(false) };
    let Ok(history) = parse_history(text, &ctx, NOW) else { return Ok(false) };
    let mut entity = Entity::new("urn:e:1", "T", NOW);
    entity.attributes = history.last();
    shown(&kept(&entity)?, &ctx, Format::Normalized)?;
    Ok(true)
}

/// A registration that is shown reads as itself.
pub(super) fn source(bytes: &[u8]) -> Held {
    let Some(text) = document(bytes) else { return Ok(false) };
    let Some(ctx) = context_of(text) else { return Ok(false) };
    let read = |text: &str| Registration::parse(text, &ctx, "urn:r:1", NOW);
    let Ok(registration) = read(text) else { return Ok(false) };
    let shape = Shape { secrets: true, ..Shape::default() };
    let shown = |registration| tsunagu_ngsi_ld::source::render(registration, &ctx, shape);
    let first = shown(&registration).to_string();
    let again = read(&first).map_err(|e| format!("it is not read: {} in {first}", e.detail))?;
    same("shown again", &shown(&again).to_string(), &first)?;
    Ok(true)
}

/// Whether an @context defines a term with other characters than names have (clause 4.6.2).
fn has_odd_terms(text: &str) -> bool {
    fn odd(context: &Value) -> bool {
        let plain = |c: char| c.is_alphanumeric() || c == '_';
        match context {
            Value::Array(parts) => parts.iter().any(odd),
            Value::Object(terms) => terms.keys().any(|term| {
                let letter = term.starts_with(char::is_alphabetic);
                !(term.starts_with('@') || letter && term.chars().all(plain))
            }),
            _ => false,
        }
    }
    let document: Value = serde_json::from_str(text).unwrap_or_default();
    odd(&document["@context"])
}

/// The entity as it is stored, which gives it back.
fn kept(entity: &Entity) -> Result<EntityDoc, String> {
    let bytes = entity.encode();
    let doc = EntityDoc::from_bytes(bytes.clone().into())
        .map_err(|error| format!("what was stored is not read: {}", error.detail))?;
    let back = doc.decode().map_err(|error| format!("not decoded: {}", error.detail))?;
    same("stored again", &back.encode(), &bytes)?;
    Ok(doc)
}

/// The entity as it is shown, which is strict JSON.
fn shown(doc: &EntityDoc, ctx: &Context, format: Format) -> Result<String, String> {
    let mut out = Vec::new();
    let options = RenderOptions { format, ..RenderOptions::default() };
    if !render(doc, &Everything, ctx, &options, &mut out) {
        return Err("nothing is shown".to_owned());
    }
    let limits = Limits { max_depth: 100, max_bytes: 1 << 24 };
    check(&out, &limits).map_err(|error| format!("what is shown is no JSON: {}", error.detail))?;
    String::from_utf8(out).map_err(|error| error.to_string())
}
