//! Whole documents: parsed, stored, read back and rendered, they say the same as before.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, its helpers too"
)]

use std::path::Path;

use serde_json::Value;
use tsunagu_ngsi_ld::context::{Resolved, resolve};
use tsunagu_ngsi_ld::json::{Limits, check};
use tsunagu_ngsi_ld::parse::{parse_entity, split_context};
use tsunagu_ngsi_ld::{Context, EntityDoc, Everything, Format, RenderOptions, render};

const NOW: i64 = 1_775_000_000_000_000;

fn context_of(text: &str) -> std::sync::Arc<Context> {
    let Some(local) = split_context(text).unwrap() else {
        return Context::core();
    };
    match resolve(&local, &|_| None).unwrap() {
        Resolved::Ready(context) => context,
        Resolved::Missing(urls) => panic!("unexpected remote contexts {urls:?}"),
    }
}

fn rendered(doc: &EntityDoc, ctx: &Context, format: Format) -> String {
    let mut out = Vec::new();
    let options = RenderOptions { format, ..RenderOptions::default() };
    assert!(render(doc, &Everything, ctx, &options, &mut out));
    String::from_utf8(out).unwrap()
}

fn without_context(text: &str) -> Value {
    let mut value: Value = serde_json::from_str(text).unwrap();
    value.as_object_mut().unwrap().remove("@context");
    value
}

fn round_trip(path: &Path) {
    let text = std::fs::read_to_string(path).unwrap();
    check(text.as_bytes(), &Limits::default()).unwrap();
    let ctx = context_of(&text);
    let entity = parse_entity(&text, &ctx, NOW).unwrap();
    let doc = EntityDoc::from_bytes(entity.encode().into()).unwrap();
    assert_eq!(doc.decode().unwrap().encode(), entity.encode());

    let format = match path.to_str().unwrap() {
        name if name.contains(".normalized.") => Format::Normalized,
        name if name.contains(".concise.") => Format::Concise,
        _ => Format::Simplified,
    };
    let same = rendered(&doc, &ctx, format);
    assert_eq!(without_context(&same), without_context(&text), "{}", path.display());

    // Normalized and concise say everything, so whatever they give reads as the same entity.
    for format in [Format::Normalized, Format::Concise] {
        let again = parse_entity(&rendered(&doc, &ctx, format), &ctx, NOW).unwrap();
        assert_eq!(
            rendered(&EntityDoc::from(&again), &ctx, Format::Normalized),
            rendered(&doc, &ctx, Format::Normalized),
            "{format:?} of {}",
            path.display()
        );
    }
    // Simplified loses only what it says it does: it is stable.
    let simplified = rendered(&doc, &ctx, Format::Simplified);
    let again = parse_entity(&simplified, &ctx, NOW).unwrap();
    assert_eq!(rendered(&EntityDoc::from(&again), &ctx, Format::Simplified), simplified);
}

#[test]
fn every_document_survives() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        round_trip(&entry.unwrap().path());
        count += 1;
    }
    assert_eq!(count, 3);
}
