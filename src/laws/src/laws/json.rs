//! The strict JSON scanner, and ids rewritten in JSON text.

use serde::de::IgnoredAny;
use tsunagu_ngsi_ld::json::rewrite_ids;
use tsunagu_ngsi_ld::{Limits, check};

use super::document;
use crate::Held;

pub(super) const WORDS: &[&str] = &[
    "\"a\":1",
    "\"a\":\"urn:ngsi-ld:Person:1\"",
    "[1,2]",
    "{\"a\":{}}",
    "-1.5e+10",
    "\"\\ud83d\\ude00\"",
    "urn:ngsi-ld:Person:",
    "\\u0075rn",
];

/// What is taken is JSON to another parser; what is refused is not, but for what strict JSON refuses on purpose.
pub(super) fn strict(bytes: &[u8]) -> Held {
    // The other parser stops at 128 levels.
    let limits = Limits { max_depth: 100, ..Limits::default() };
    let theirs = serde_json::from_slice::<IgnoredAny>(bytes);
    match (check(bytes, &limits), theirs) {
        (Ok(_), Ok(_)) => Ok(true),
        (Err(_), Err(_)) => Ok(false),
        (Ok(_), Err(error)) => Err(format!("it is no JSON: {error}")),
        (Err(error), Ok(_)) => {
            let on_purpose = ["twice", "surrogate", "nested", "UTF-8", "byte order mark"];
            if on_purpose.iter().any(|word| error.detail.contains(word)) {
                return Ok(false);
            }
            Err(format!("it is JSON, and refused: {}", error.detail))
        }
    }
}

/// Ids that are rewritten leave JSON behind, and rewritten back what was there.
pub(super) fn rewritten(bytes: &[u8]) -> Held {
    let Some(text) = document(bytes) else { return Ok(false) };
    let (here, there) = ("urn:ngsi-ld:Person:", "urn:ngsi-ld:Outside:");
    if text.contains("Outside") || text.contains('\\') {
        // Escapes are not written back as they came.
        return Ok(false);
    }
    let outward = rewrite_ids(text, here, &|id| Some(id.replace(here, there)));
    if let Err(error) = check(outward.as_bytes(), &Limits::default())
        // Two names can become one.
        && !error.detail.contains("twice")
    {
        return Err(format!("it is no JSON any more: {}", error.detail));
    }
    let back = rewrite_ids(&outward, there, &|id| Some(id.replace(there, here)));
    super::same("there and back", &&*back, &text)?;
    Ok(text.contains(here))
}
