//! Sample pairs: what a mapping is shown to do.

use serde_json::{Map, Value as Json};

use super::{Finding, Mapped, Mapping, Sample, run};

/// The moment at which samples are mapped; nothing of it is compared.
const NOW: i64 = 0;

pub(super) fn check(mapping: &Mapping, samples: &[Sample]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for sample in samples {
        let at = format!("samples.{}", sample.name);
        let mut found = |detail: String| {
            findings.push(Finding { at: at.clone(), detail: detail.chars().take(600).collect() });
        };
        let unknown = sample.given.keys().find(|name| !mapping.given.contains(name));
        if let Some(name) = unknown {
            found(format!("it gives {name}, which the mapping does not declare under given"));
        }
        match (&sample.expect, &sample.refuse) {
            (Some(expected), None) => expect(mapping, sample, expected, &mut found),
            (None, Some(rule)) => refuse(mapping, sample, rule, &mut found),
            _ => found("a sample has one of expect and refuse".to_owned()),
        }
    }
    findings
}

fn documents(mapping: &Mapping, sample: &Sample) -> (Vec<Map<String, Json>>, Mapped) {
    let mut mapped = Mapped::default();
    let mut made = Vec::new();
    for (item, document) in run::run(mapping, &sample.input, &sample.given, &mut mapped) {
        match run::entity(&document, NOW) {
            Ok(_) => made.push(document),
            Err(refusal) => mapped.refusals.push(super::Refusal { item, ..refusal }),
        }
    }
    (made, mapped)
}

fn expect(
    mapping: &Mapping,
    sample: &Sample,
    expected: &[Map<String, Json>],
    found: &mut impl FnMut(String),
) {
    let (made, mapped) = documents(mapping, sample);
    for refusal in &mapped.refusals {
        found(format!("it is refused: {refusal}"));
    }
    if !mapped.refusals.is_empty() {
        return;
    }
    if made.len() != expected.len() {
        found(format!("{} entities are expected, {} came out", expected.len(), made.len()));
        return;
    }
    for (at, (made, expected)) in made.iter().zip(expected).enumerate() {
        for (name, expected) in expected {
            match made.get(name) {
                None => found(format!("entity {at} lacks {name}")),
                Some(made) if !same_attribute(name, made, expected) => {
                    found(format!(
                        "entity {at}: {name} is expected to be {expected}, it is {made}"
                    ));
                }
                Some(_) => {}
            }
        }
        let more = made.keys().filter(|name| *name != "id" && !expected.contains_key(*name));
        for name in more {
            found(format!("entity {at} also has {name}, which is not expected"));
        }
    }
}

fn refuse(mapping: &Mapping, sample: &Sample, rule: &str, found: &mut impl FnMut(String)) {
    let (made, mapped) = documents(mapping, sample);
    let rules: Vec<_> = mapped.refusals.iter().map(|refusal| refusal.rule.code()).collect();
    if !rules.contains(&rule) {
        let what = if rules.is_empty() { "nothing".to_owned() } else { rules.join(", ") };
        found(format!(
            "it is to be refused by {rule}, and is by {what}; {} entities came out",
            made.len()
        ));
    }
}

/// Normalized if the expected one says its type, otherwise by the value alone, which may also be the text of a typed value.
fn same_attribute(name: &str, made: &Json, expected: &Json) -> bool {
    if matches!(name, "id" | "type") {
        return made == expected;
    }
    let Json::Object(made) = made else { return false };
    match expected {
        Json::Object(normalized) if says_kind(normalized) => {
            normalized.len() == made.len()
                && normalized
                    .iter()
                    .all(|(name, value)| made.get(name).is_some_and(|made| same(made, value)))
        }
        simplified => ["value", "object", "languageMap"]
            .iter()
            .filter_map(|member| made.get(*member))
            .any(|value| same(value, simplified) || value.get("@value") == Some(simplified)),
    }
}

fn says_kind(object: &Map<String, Json>) -> bool {
    let kind = object.get("type").and_then(Json::as_str);
    kind.is_some_and(|kind| tsunagu_ngsi_ld::Kind::from_name(kind).is_some())
}

/// Equal as JSON; numbers by what they are.
fn same(one: &Json, other: &Json) -> bool {
    match (one, other) {
        (Json::Number(a), Json::Number(b)) => {
            a == b || (a.is_f64() || b.is_f64()) && a.as_f64() == b.as_f64()
        }
        (Json::Array(a), Json::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Json::Object(a), Json::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| same(a, b)))
        }
        _ => one == other,
    }
}
