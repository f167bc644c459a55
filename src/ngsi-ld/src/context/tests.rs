use std::sync::Arc;

use proptest::prelude::*;
use serde_json::value::RawValue;

use super::{CORE_CONTEXT_URL, Coercion, Context, Resolved, resolve};
use crate::error::{Error, ErrorKind};

fn raw(text: &str) -> Box<RawValue> {
    RawValue::from_string(text.to_owned()).unwrap()
}

fn ready(text: &str) -> Arc<Context> {
    match resolve(&raw(text), &|_| None) {
        Ok(Resolved::Ready(context)) => context,
        other => panic!("{other:?}"),
    }
}

fn fails(text: &str) -> Error {
    resolve(&raw(text), &|_| None).unwrap_err()
}

#[test]
fn core_terms_cannot_be_redefined() {
    let ctx = ready(
        r#"{"location":"https://x.test/loc","value":"https://x.test/v","a":"https://x.test/a"}"#,
    );
    assert_eq!(ctx.expand("location"), "https://uri.etsi.org/ngsi-ld/location");
    assert_eq!(ctx.expand("value"), "https://uri.etsi.org/ngsi-ld/hasValue");
    assert_eq!(ctx.expand("description"), "http://purl.org/dc/terms/description");
    assert_eq!(ctx.expand("id"), "@id");
    assert_eq!(ctx.expand("a"), "https://x.test/a");
    assert_eq!(ctx.compact("https://x.test/loc"), "https://x.test/loc");
    assert!(Context::is_core_term("observedAt") && !Context::is_core_term("a"));
}

#[test]
fn unknown_terms_fall_under_the_vocabulary() {
    let core = Context::core();
    assert_eq!(core.expand("speed"), "https://uri.etsi.org/ngsi-ld/default-context/speed");
    assert_eq!(core.compact("https://uri.etsi.org/ngsi-ld/default-context/speed"), "speed");
    assert_eq!(core.expand("urn:x:y"), "urn:x:y");
    let ctx = ready(r#"{"@vocab":"https://x.test/v#"}"#);
    assert_eq!(ctx.expand("speed"), "https://x.test/v#speed");
    assert_eq!(ctx.compact("https://x.test/v#speed"), "speed");
}

#[test]
fn definitions_in_every_form_and_order() {
    let ctx = ready(
        r#"[{"b":"p:b","p":"https://x.test/p/","c":{"@id":"p:c","@type":"@vocab","@container":"@list"},
            "d":{"@type":"@id"},"p:e":{"@type":"@json"},"f":"b","n":"https://x.test/n"},
           [{"n":null,"b":{"@id":"https://x.test/other"},"qq":{"@id":"https://x.test/q","@prefix":true},
             "@version":1.1,"@base":"https://x.test/","@protected":true}]]"#,
    );
    assert_eq!(ctx.expand("c"), "https://x.test/p/c");
    assert_eq!(ctx.coercion("c"), Coercion::Vocab);
    assert_eq!(ctx.expand("d"), "https://uri.etsi.org/ngsi-ld/default-context/d");
    assert_eq!(ctx.expand("p:e"), "https://x.test/p/e");
    assert_eq!(ctx.expand("f"), "https://x.test/p/b");
    assert_eq!(ctx.expand("b"), "https://x.test/other");
    assert_eq!(ctx.expand("n"), "https://uri.etsi.org/ngsi-ld/default-context/n");
    assert_eq!(ctx.compact("https://x.test/p/zzz"), "p:zzz");
    assert_eq!(ctx.compact("https://x.test/qzzz"), "qq:zzz");
}

#[test]
fn the_shortest_term_wins() {
    let ctx = ready(
        r#"{"bb":"https://x.test/a","aa":"https://x.test/a","a":"https://x.test/a","dsc":"http://purl.org/dc/terms/description"}"#,
    );
    assert_eq!(ctx.compact("https://x.test/a"), "a");
    assert_eq!(ctx.compact("http://purl.org/dc/terms/description"), "dsc");
}

#[test]
fn remote_documents_are_asked_for() {
    let local = raw(
        r#"["https://x.test/1","https://x.test/2","https://x.test/1",{"a":"https://x.test/a"}]"#,
    );
    let Resolved::Missing(missing) = resolve(&local, &|_| None).unwrap() else { panic!() };
    assert_eq!(missing, ["https://x.test/1", "https://x.test/2"]);
    let documents = |url: &str| -> Option<Arc<str>> {
        match url {
            "https://x.test/1" => {
                Some(r#"{"@context":["https://x.test/2",{"one":"https://x.test/#1"}]}"#.into())
            }
            "https://x.test/2" => {
                Some(r#"{"@context":{"two":"https://x.test/#2","one":"https://x.test/no"}}"#.into())
            }
            _ => None,
        }
    };
    let Resolved::Ready(ctx) = resolve(&local, &documents).unwrap() else { panic!() };
    // What a document refers to comes before what it says itself.
    assert_eq!(ctx.expand("one"), "https://x.test/#1");
    assert_eq!(ctx.expand("two"), "https://x.test/#2");
    assert_eq!(ctx.expand("a"), "https://x.test/a");
}

#[test]
fn broken_remote_documents_are_refused() {
    let kind = |document: &str| {
        let found = resolve(&raw("\"https://x.test/1\""), &|_| Some(document.into()));
        found.unwrap_err().kind
    };
    for document in ["[]", "{}", "{\"@context\":7}", "nonsense", r#"{"@context":{"a":7}}"#] {
        assert_eq!(kind(document), ErrorKind::BadRequestData, "{document}");
    }
    let circle = r#"{"@context":"https://x.test/1"}"#;
    assert_eq!(kind(circle), ErrorKind::LdContextNotAvailable);
}

#[test]
fn broken_local_contexts_are_refused() {
    for text in [
        "7",
        "\"not a url\"",
        r#"{"a":7}"#,
        r#"{"a":{"@id":7}}"#,
        r#"{"a":"b:x","b":"a:y"}"#,
        r#"{"@vocab":"relative"}"#,
        r#"{"@import":"https://x.test/1"}"#,
        r#"{"a":{"@reverse":"https://x.test/r"}}"#,
        r#"{"a":{"@id":"https://x.test/a","@context":{"b":"https://x.test/b"}}}"#,
    ] {
        assert_eq!(fails(text).kind, ErrorKind::BadRequestData, "{text}");
    }
    let nested = format!("{}{}", "[".repeat(60), "]".repeat(60));
    assert!(fails(&nested).detail.contains("deep"));
    let many = format!("[{}]", vec![r#"{"a":"https://x.test/a"}"#; 100].join(","));
    assert!(fails(&many).detail.contains("many"));
}

#[test]
fn every_core_version_is_the_core() {
    for url in [
        CORE_CONTEXT_URL,
        "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context.jsonld",
        "http://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.3.jsonld",
    ] {
        let ctx = ready(&format!("[\"{url}\"]"));
        assert_eq!(ctx.key(), Context::core().key());
        assert_eq!(ctx.url(), Some(CORE_CONTEXT_URL));
        assert_eq!(ctx.json().get(), format!("\"{CORE_CONTEXT_URL}\""));
    }
}

#[test]
fn keys_and_answers_follow_the_definition() {
    let a = ready(r#"{"a":"https://x.test/a"}"#);
    let b = ready(r#"{"a":"https://x.test/b"}"#);
    assert_eq!(a.key(), ready(r#"{"a":"https://x.test/a"}"#).key());
    assert_ne!(a.key(), b.key());
    assert_ne!(a.key(), Context::core().key());
    assert_eq!(a.json().get(), format!(r#"[{{"a":"https://x.test/a"}},"{CORE_CONTEXT_URL}"]"#));
    assert_eq!(a.url(), None);
    let one = resolve(&raw("\"https://x.test/1\""), &|_| Some("{\"@context\":{}}".into()));
    let Ok(Resolved::Ready(one)) = one else { panic!() };
    assert_eq!(one.url(), Some("https://x.test/1"));
    assert_eq!(one.json().get(), format!(r#"["https://x.test/1","{CORE_CONTEXT_URL}"]"#));
}

#[test]
fn the_core_context_is_named_once() {
    let document = format!(r#"{{"@context":[{{"a":"https://x.test/a"}},"{CORE_CONTEXT_URL}"]}}"#);
    for local in
        ["\"https://x.test/1\"".to_owned(), format!(r#"["https://x.test/1","{CORE_CONTEXT_URL}"]"#)]
    {
        let found = resolve(&raw(&local), &|_| Some(document.as_str().into()));
        let Ok(Resolved::Ready(context)) = found else { panic!() };
        assert_eq!(context.json().get(), "\"https://x.test/1\"");
    }
}

proptest! {
    #[test]
    fn compacted_names_expand_again(
        terms in proptest::collection::btree_map("[a-z]{1,3}", "(https://x\\.test/|p:|urn:x:)[a-z/#:]{0,4}", 0..8),
        vocab in proptest::option::of("https://x\\.test/[a-z/#]{0,3}"),
        iri in "(https://x\\.test/|https://uri\\.etsi\\.org/ngsi-ld/|urn:x:|p:)(default-context/)?[a-z/#:]{0,6}",
    ) {
        let mut members: Vec<String> =
            terms.iter().map(|(name, iri)| format!("\"{name}\":\"{iri}\"")).collect();
        members.extend(vocab.map(|v| format!("\"@vocab\":\"{v}\"")));
        if let Ok(Resolved::Ready(ctx)) = resolve(&raw(&format!("{{{}}}", members.join(","))), &|_| None) {
            let compact = ctx.compact(&iri);
            // An IRI that is written like a compact one of the context has no shorter name.
            prop_assert!(ctx.expand(&compact) == iri || compact == iri);
            for name in terms.keys() {
                let full = ctx.expand(name);
                let compact = ctx.compact(&full);
                prop_assert_eq!(&ctx.expand(&compact), &full);
            }
        }
    }
}

#[test]
fn what_cannot_be_a_name_is_not_given_as_one() {
    let ctx = ready(r#"{"@vocab":"https://x.test/","ex":"https://x.test/y/"}"#);
    let [prefixed, whole, plain] = ["https://x.test/y/z", "https://x.test/a/b", "https://x.test/a"];
    assert_eq!(
        [ctx.compact(prefixed), ctx.compact(whole), ctx.compact(plain)],
        ["ex:z", whole, "a"]
    );
    // A value may look as it likes.
    assert_eq!([ctx.compact_value(prefixed), ctx.compact_value(whole)], ["y/z", "a/b"]);
}

#[test]
fn iris_cannot_grow_without_end() {
    // Each term adds to the one before: the last would be longer than all of the text.
    let chain: Vec<String> =
        (1..2_000).map(|n| format!("\"t{n:04}\":\"t{:04}:x\"", n - 1)).collect();
    let long = "x".repeat(600);
    for text in [
        format!("{{\"t0000\":\"https://x.test/\",{}}}", chain.join(",")),
        format!("{{\"p\":\"https://x.test/{long}/\"}}"),
        format!("{{\"@vocab\":\"https://x.test/{long}/\"}}"),
    ] {
        assert!(fails(&text).detail.contains("IRI"), "{}", text.len());
    }
}
