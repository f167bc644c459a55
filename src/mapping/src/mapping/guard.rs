//! The individual number is never accepted, also not where nothing would be made of it.

use serde_json::Value as Json;
use tsunagu_domain::individual_number::{is_field_name, is_in};

/// Levels that are looked at; deeper input is refused for its depth.
const MAX_DEPTH: usize = 64;

/// Whether a member is named for the individual number, at any depth.
pub(super) fn is_named(input: &Json, depth: usize) -> bool {
    if depth > MAX_DEPTH {
        return false;
    }
    match input {
        Json::Array(all) => all.iter().any(|one| is_named(one, depth + 1)),
        Json::Object(members) => {
            members.iter().any(|(name, member)| is_field_name(name) || is_named(member, depth + 1))
        }
        _ => false,
    }
}

/// Whether what was made holds one.
pub(super) fn is_made(document: &serde_json::Map<String, Json>) -> bool {
    document.values().any(holds)
}

fn holds(value: &Json) -> bool {
    match value {
        Json::String(text) => is_in(text),
        Json::Number(number) => is_in(&number.to_string()),
        Json::Array(all) => all.iter().any(holds),
        Json::Object(members) => {
            members.iter().any(|(name, member)| is_field_name(name) || holds(member))
        }
        _ => false,
    }
}
