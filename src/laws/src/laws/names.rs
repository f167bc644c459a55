//! @contexts, and ids of people and tenants.

use serde_json::value::RawValue;
use tsunagu_domain::{TenantId, TsunoId};

use super::{document, resolved, same};
use crate::Held;

pub(super) const WORDS: &[&str] = &[
    "\"@vocab\":\"https://example.org/\"",
    "\"@id\":",
    "\"@type\":\"@vocab\"",
    "\"@container\":\"@list\"",
    "\"p\":\"https://example.org/p/\"",
    "p:",
    "\"@language\":",
    "null",
    "temperature",
    "@base",
    "urn:ngsi-ld:Person:",
    "tsuno",
    "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context.jsonld",
];

/// What is expanded and compacted expands to the same, and the @context that is shown says the same as the one given.
pub(super) fn context(bytes: &[u8]) -> Held {
    let Some(text) = document(bytes) else { return Ok(false) };
    let Ok(local) = RawValue::from_string(text.trim().to_owned()) else {
        return Err("strict JSON is no JSON value".to_owned());
    };
    let Some(ctx) = resolved(&local) else { return Ok(false) };
    let Some(again) = resolved(ctx.json()) else {
        return Err(format!("what is shown is no @context: {}", ctx.json()));
    };
    let words = text.split(|c: char| !c.is_alphanumeric() && !"_:/#.-@".contains(c));
    for term in words.chain(["temperature", "location", "p:x", "https://example.org/x"]) {
        let iri = ctx.expand(term);
        let compact = ctx.compact(&iri);
        same(&format!("{term} as {compact}"), &ctx.expand(&compact), &iri)?;
        same(&format!("{term} in what is shown"), &again.expand(term), &iri)?;
    }
    Ok(true)
}

/// An id has one spelling, whatever spelling was read.
pub(super) fn id(bytes: &[u8]) -> Held {
    let Ok(text) = std::str::from_utf8(bytes) else { return Ok(false) };
    let person = TsunoId::from_urn(text);
    if let Some(id) = &person {
        same("a Tsuno ID", &TsunoId::from_urn(&id.urn()).as_ref(), &Some(id))?;
        same("its spelling for people", &id.to_string().parse().ok().as_ref(), &Some(id))?;
        if !TsunoId::is_named_in(text) {
            return Err("the id of a person is not seen in itself".to_owned());
        }
    }
    let tenant = text.parse::<TenantId>();
    if let Ok(tenant) = &tenant {
        same("a tenant", &tenant.to_string().as_str(), &text)?;
    }
    Ok(person.is_some() || tenant.is_ok())
}
