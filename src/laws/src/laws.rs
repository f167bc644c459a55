//! The targets and their laws.

mod audit;
mod entity;
mod expression;
mod json;
mod names;
mod query;
mod stored;
mod time;

use std::sync::Arc;

use serde_json::value::RawValue;
use tsunagu_ngsi_ld::context::{Resolved, resolve};
use tsunagu_ngsi_ld::parse::split_context;
use tsunagu_ngsi_ld::{Context, Limits, check};

use crate::Target;

/// The moment at which everything is read, µs since the epoch.
const NOW: i64 = 1_775_000_000_000_000;

pub(crate) static TARGETS: &[Target] = &[
    Target { name: "json", law: json::strict, words: json::WORDS },
    Target { name: "rewrite", law: json::rewritten, words: json::WORDS },
    Target { name: "context", law: names::context, words: names::WORDS },
    Target { name: "entity", law: entity::whole, words: entity::WORDS },
    Target { name: "fragment", law: entity::fragment, words: entity::WORDS },
    Target { name: "merge", law: entity::merged, words: entity::WORDS },
    Target { name: "history", law: entity::history, words: entity::WORDS },
    Target { name: "source", law: entity::source, words: entity::SOURCE_WORDS },
    Target { name: "stored", law: stored::entity, words: &[] },
    Target { name: "past", law: stored::past, words: &[] },
    Target { name: "q", law: query::q, words: query::WORDS },
    Target { name: "type", law: query::types, words: query::WORDS },
    Target { name: "scope", law: query::scope, words: query::WORDS },
    Target { name: "geo", law: query::geo, words: query::GEO_WORDS },
    Target { name: "order", law: query::order, words: query::WORDS },
    Target { name: "time", law: time::moment, words: time::WORDS },
    Target { name: "duration", law: time::duration, words: time::WORDS },
    Target { name: "temporal", law: time::query, words: time::WORDS },
    Target { name: "wareki", law: time::wareki, words: time::ERA_WORDS },
    Target { name: "note", law: audit::note, words: audit::WORDS },
    Target { name: "tile", law: audit::tile, words: audit::WORDS },
    Target { name: "id", law: names::id, words: names::WORDS },
    Target { name: "expression", law: expression::expression, words: expression::WORDS },
    Target { name: "mapping", law: expression::mapping, words: expression::MAPPING_WORDS },
];

/// Both the same, or what is not.
fn same<T: PartialEq + std::fmt::Debug>(what: &str, one: &T, other: &T) -> Result<(), String> {
    if one == other { Ok(()) } else { Err(format!("{what}: {one:?} and {other:?}")) }
}

/// The text of a document that is strict JSON.
fn document(bytes: &[u8]) -> Option<&str> {
    check(bytes, &Limits::default()).ok()
}

/// The @context that a document has in itself; `None` if it names documents or is none.
fn context_of(text: &str) -> Option<Arc<Context>> {
    match split_context(text).ok()? {
        Some(local) => resolved(&local),
        None => Some(Context::core()),
    }
}

fn resolved(local: &RawValue) -> Option<Arc<Context>> {
    match resolve(local, &|_| None).ok()? {
        Resolved::Ready(context) => Some(context),
        Resolved::Missing(_) => None,
    }
}

/// The lines of a text, as many as there are parameters; missing ones are empty.
fn lines<const N: usize>(bytes: &[u8]) -> Option<[&str; N]> {
    let mut all = std::str::from_utf8(bytes).ok()?.split('\n');
    Some(std::array::from_fn(|_| all.next().unwrap_or_default()))
}

/// A parameter that is there.
fn given(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}
