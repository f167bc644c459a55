//! What is seen in a case, as names and values.

use serde_json::{Map, Value};
use tsunagu_domain::{Catalogue, to_iso};
use tsunagu_ngsi_ld::Context;
use tsunagu_staff::{Extract, Extracted, Scope};

use super::{Row, Section};
use crate::locale::Lang;
use crate::pages::own::words;

/// Names of ours: ends of keys `case-row-…`.
#[cfg(test)]
pub(super) const ROWS: [&str; 22] = [
    "tsuno-id",
    "name",
    "birth-date",
    "from",
    "until",
    "recipients",
    "person",
    "items",
    "threshold",
    "index",
    "limit",
    "suspended",
    "persons",
    "above",
    "times",
    "first",
    "last",
    "purpose",
    "consent",
    "ground",
    "actor",
    "erased",
];

/// What may be seen.
pub(super) fn rows(scope: &Scope) -> Vec<Row> {
    let row = |key, value: Option<String>| value.map(|value| Row::ours(key, value));
    let rows = match scope {
        Scope::Resident { tsuno_id } => vec![row("tsuno-id", Some(tsuno_id.to_string()))],
        Scope::Search { name, birth_date } => {
            vec![row("name", name.clone()), row("birth-date", birth_date.clone())]
        }
        Scope::Provisions(extract) => return of_extract(extract),
        Scope::Breach { extract, threshold } => {
            let mut rows = of_extract(extract);
            rows.push(Row::ours("threshold", threshold.to_string()));
            return rows;
        }
        Scope::LogEntries { from, limit } => {
            vec![row("index", Some(from.to_string())), row("limit", Some(limit.to_string()))]
        }
    };
    rows.into_iter().flatten().collect()
}

fn of_extract(extract: &Extract) -> Vec<Row> {
    let several = |names: &std::collections::BTreeSet<String>| {
        let joined = names.iter().map(String::as_str).collect::<Vec<_>>().join(" ");
        Some(joined).filter(|joined| !joined.is_empty())
    };
    let rows = [
        ("from", extract.from.map(to_iso)),
        ("until", extract.until.map(to_iso)),
        ("recipients", several(&extract.recipients)),
        ("person", extract.person.map(|person| person.to_string())),
        ("items", several(&extract.items)),
    ];
    rows.into_iter().filter_map(|(key, value)| Some(Row::ours(key, value?))).collect()
}

/// What was seen.
pub(super) fn sections(lang: Lang, catalogue: &Catalogue, read: &Extracted) -> Vec<Section> {
    let joined = |names: &mut dyn Iterator<Item = &String>| {
        names.map(|name| short(name)).collect::<Vec<_>>().join(" ")
    };
    match read {
        Extracted::Resident(file) => {
            let mut section = person(lang, catalogue, &file.person);
            section.rows.insert(0, Row::ours("tsuno-id", file.tsuno_id.to_string()));
            for reason in &file.suspended {
                let code = serde_json::to_value(reason).ok();
                let code = code.as_ref().and_then(Value::as_str).unwrap_or_default().to_owned();
                section.rows.push(Row::ours("suspended", code));
            }
            vec![section]
        }
        Extracted::Search(found) => {
            let persons = found.persons.iter().filter_map(Value::as_object);
            persons.map(|found| person(lang, catalogue, found)).collect()
        }
        Extracted::Provisions(found) => {
            let erased = Row::ours("erased", found.erased.to_string());
            let summary = Section { title: String::new(), rows: vec![erased] };
            let each = found.provisions.iter().map(|provision| {
                let rows = [
                    ("person", Some(provision.person.clone())),
                    ("recipients", Some(provision.recipient.clone())),
                    ("items", Some(joined(&mut provision.items.iter()))),
                    ("purpose", provision.purpose.clone()),
                    ("consent", provision.consent.clone()),
                    ("ground", Some(provision.ground.clone())),
                    ("index", Some(provision.entry.to_string())),
                ];
                let rows = rows.into_iter().filter_map(|(key, value)| Some(Row::ours(key, value?)));
                Section { title: provision.at.clone(), rows: rows.collect() }
            });
            std::iter::once(summary).chain(each).collect()
        }
        Extracted::Breach(found) => {
            let above = if found.above_threshold { "○" } else { "－" };
            let rows = vec![
                Row::ours("persons", found.persons.to_string()),
                Row::ours("threshold", found.threshold.to_string()),
                Row::ours("above", above),
                Row::ours("erased", found.erased.to_string()),
            ];
            let summary = Section { title: String::new(), rows };
            let each = found.concerned.iter().map(|one| Section {
                title: one.person.clone(),
                rows: vec![
                    Row::ours("times", one.times.to_string()),
                    Row::ours("first", one.first.clone()),
                    Row::ours("last", one.last.clone()),
                    Row::ours("recipients", joined(&mut one.recipients.iter())),
                    Row::ours("items", joined(&mut one.items.iter())),
                ],
            });
            std::iter::once(summary).chain(each).collect()
        }
        Extracted::LogEntries(entries) => {
            let each = entries.iter().map(|entry| {
                let rows = entry.access().map(|access| {
                    let persons = access.subjects.iter().map(ToString::to_string);
                    vec![
                        Row::ours("actor", access.actor.clone()),
                        Row::ours("persons", persons.collect::<Vec<_>>().join(" ")),
                        Row::ours("items", joined(&mut access.attributes.iter())),
                        Row::ours("ground", access.reason.clone()),
                    ]
                });
                let at = entry.access().map(|access| to_iso(access.at)).unwrap_or_default();
                let title = format!("{} {at}", entry.index);
                Section { title, rows: rows.unwrap_or_default() }
            });
            each.collect()
        }
    }
}

/// The last part of an expanded name.
fn short(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// A Person with the words of the catalogue.
fn person(lang: Lang, catalogue: &Catalogue, person: &Map<String, Value>) -> Section {
    let core = Context::core();
    let text = |name: &str| person.get(name).and_then(words);
    let covers = || catalogue.data_classes.iter().flat_map(|class| &class.covers);
    let label = |term: &String| {
        let iri = core.expand(term);
        let known = covers().flat_map(|covered| &covered.attributes).find(|a| a.iri == iri);
        known.map_or_else(|| term.clone(), |known| lang.pick(&known.label).to_owned())
    };
    let of_person =
        person.iter().filter(|(name, _)| !matches!(name.as_str(), "id" | "type" | "@context"));
    let rows = of_person.filter_map(|(name, value)| {
        Some(Row { key: None, label: label(name), value: words(value)? })
    });
    let title = text("name").or_else(|| text("id")).unwrap_or_default();
    let id = person.get("id").and_then(Value::as_str).and_then(|urn| urn.rsplit(':').next());
    let id = id.map(|id| Row::ours("person", id));
    Section { title, rows: id.into_iter().chain(rows).collect() }
}
