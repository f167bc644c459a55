use proptest::prelude::*;

use super::{
    MergeOptions, append, delete_attribute, merge, partial_update, replace_attribute,
    replace_entity, update,
};
use crate::context::Context;
use crate::error::ErrorKind;
use crate::model::{Entity, EntityDoc};
use crate::parse::{parse_attribute_fragment, parse_entity, parse_merge_fragment};
use crate::projection::Everything;
use crate::render::{Format, RenderOptions, render};

const DEFAULT: &str = "https://uri.etsi.org/ngsi-ld/default-context/";

fn start() -> Entity {
    let body = r#"{"id":"urn:e:1","type":"T","a":1,
        "b":{"value":2,"unitCode":"CEL","observedAt":"2026-01-01T00:00:00Z","s":{"value":1},"t":{"value":2}},
        "c":[{"value":1},{"value":2,"datasetId":"urn:d:1"}],
        "d":{"value":{"x":{"y":1.10,"z":2},"w":3}},
        "n":{"languageMap":{"ja":"都","en":"m"}},"r":{"object":"urn:x:1"}}"#;
    parse_entity(body, &Context::core(), 1).unwrap()
}

fn fragment(body: &str) -> Entity {
    parse_merge_fragment(body, &Context::core(), 2).unwrap()
}

fn concise(entity: &Entity, name: &str) -> String {
    let mut out = Vec::new();
    let pick = vec![full(name)];
    let o = RenderOptions { format: Format::Concise, pick, ..RenderOptions::default() };
    render(&EntityDoc::from(entity), &Everything, &Context::core(), &o, &mut out);
    let text = String::from_utf8(out).unwrap();
    let inner = text.strip_prefix(&format!("{{\"{name}\":")).and_then(|t| t.strip_suffix('}'));
    inner.unwrap_or_default().to_owned()
}

fn full(name: &str) -> String {
    format!("{DEFAULT}{name}")
}

fn times(entity: &Entity, name: &str) -> (i64, i64) {
    let instance = &entity.attribute(&full(name)).unwrap().instances[0];
    (instance.created_at, instance.modified_at)
}

#[test]
fn append_adds_and_overwrites_only_if_asked() {
    let more = || {
        fragment(r#"{"type":"U","a":5,"new":6,"c":{"value":7,"datasetId":"urn:d:2"},"scope":"/s"}"#)
    };
    let mut entity = start();
    let result = append(&mut entity, more(), false, 2);
    assert_eq!(result.updated, ["type".to_owned(), "scope".to_owned(), full("new"), full("c")]);
    assert_eq!(result.not_updated.len(), 1);
    assert_eq!(result.not_updated[0].0, full("a"));
    assert_eq!((concise(&entity, "a"), times(&entity, "a")), ("1".to_owned(), (1, 1)));
    assert_eq!((concise(&entity, "new"), times(&entity, "new")), ("6".to_owned(), (2, 2)));
    assert_eq!(entity.attribute(&full("c")).unwrap().instances.len(), 3);
    assert_eq!((entity.created_at, entity.modified_at, entity.types.len()), (1, 2, 2));

    let mut entity = start();
    assert!(append(&mut entity, more(), true, 3).not_updated.is_empty());
    assert_eq!((concise(&entity, "a"), times(&entity, "a")), ("5".to_owned(), (1, 3)));
    assert_eq!(times(&entity, "b"), (1, 1));
}

#[test]
fn update_touches_what_exists() {
    let mut entity = start();
    let result = update(
        &mut entity,
        fragment(r#"{"a":5,"new":6,"b":"urn:ngsi-ld:null","r":{"type":"Relationship"}}"#),
        2,
    );
    assert_eq!(result.updated, [full("a"), full("new")]);
    assert_eq!(result.deleted, [(full("b"), None)]);
    let refused: Vec<_> = result.not_updated.iter().map(|(name, _)| name.clone()).collect();
    assert_eq!(refused, [full("r")]);
    assert!(entity.attribute(&full("b")).is_none());
    assert_eq!(concise(&entity, "new"), "6");
    update(&mut entity, fragment(r#"{"a":{"value":7,"datasetId":"urn:d:2"}}"#), 3);
    assert_eq!(concise(&entity, "a"), r#"[{"value":5},{"value":7,"datasetId":"urn:d:2"}]"#);

    let mut same = start();
    let result = update(&mut same, fragment(r#"{"new":"urn:ngsi-ld:null","scope":"/a"}"#), 2);
    assert!(!result.changed());
    assert_eq!(result.not_updated.len(), 2);
    assert_eq!(same.modified_at, 1);
}

#[test]
fn partial_update_replaces_members() {
    let mut entity = start();
    let mut change = |name: &str, body: &str| {
        let found = parse_attribute_fragment(body, name, &Context::core(), 2).unwrap();
        partial_update(&mut entity, found, 2).map(|_| concise(&entity, name))
    };
    assert_eq!(
        change(
            "b",
            r#"{"value":9,"unitCode":"urn:ngsi-ld:null","s":{"value":5},"t":"urn:ngsi-ld:null"}"#
        )
        .unwrap(),
        r#"{"value":9,"observedAt":"2026-01-01T00:00:00Z","s":5}"#
    );
    assert_eq!(
        change("b", r#"{"unitCode":"FAR"}"#).unwrap(),
        r#"{"value":9,"unitCode":"FAR","observedAt":"2026-01-01T00:00:00Z","s":5}"#
    );
    assert_eq!(change("d", r#"{"value":{"only":1}}"#).unwrap(), r#"{"value":{"only":1}}"#);
    assert_eq!(change("r", "\"urn:x:2\"").unwrap(), r#"{"object":"urn:x:2"}"#);
    assert_eq!(
        change("c", r#"{"value":3,"datasetId":"urn:d:1"}"#).unwrap(),
        r#"[{"value":1},{"value":3,"datasetId":"urn:d:1"}]"#
    );
    assert_eq!(change("c", r#"{"value":"urn:ngsi-ld:null","datasetId":"urn:d:1"}"#).unwrap(), "1");
    assert_eq!(change("r", "7").unwrap_err().kind, ErrorKind::BadRequestData);
    assert_eq!(
        change("r", r#"{"type":"Property","value":7}"#).unwrap_err().kind,
        ErrorKind::BadRequestData
    );
    assert_eq!(change("new", "7").unwrap_err().kind, ErrorKind::ResourceNotFound);
    assert_eq!(
        change("c", r#"{"value":3,"datasetId":"urn:d:9"}"#).unwrap_err().kind,
        ErrorKind::ResourceNotFound
    );
    assert_eq!((times(&entity, "b"), times(&entity, "a")), ((1, 2), (1, 1)));
}

#[test]
fn merge_goes_into_values_and_deletes_null() {
    let mut entity = start();
    let options = MergeOptions {
        observed_at: Some("2026-02-02T00:00:00Z".to_owned()),
        lang: Some("fr".to_owned()),
    };
    let body = r#"{"a":"urn:ngsi-ld:null","b":5,"d":{"x":{"z":"urn:ngsi-ld:null","q":[1]}},"n":"mot",
        "r":"urn:x:9","new":{"value":{"k":"urn:ngsi-ld:null","l":1}},"gone":"urn:ngsi-ld:null","half":{"unitCode":"C62"}}"#;
    let result = merge(&mut entity, fragment(body), &options, 2);
    assert_eq!(result.deleted, [(full("a"), None)]);
    assert_eq!(result.updated, ["b", "d", "n", "r", "new"].map(full));
    assert_eq!(result.not_updated.len(), 1);
    assert_eq!(
        concise(&entity, "b"),
        r#"{"value":5,"unitCode":"CEL","observedAt":"2026-02-02T00:00:00Z","s":1,"t":2}"#
    );
    assert_eq!(concise(&entity, "d"), r#"{"value":{"x":{"y":1.10,"q":[1]},"w":3}}"#);
    assert_eq!(concise(&entity, "n"), r#"{"languageMap":{"ja":"都","en":"m","fr":"mot"}}"#);
    assert_eq!(concise(&entity, "r"), r#"{"object":"urn:x:9"}"#);
    assert_eq!(concise(&entity, "new"), r#"{"value":{"l":1}}"#);
    assert_eq!((times(&entity, "b"), times(&entity, "c")), ((1, 2), (1, 1)));

    let body = r#"{"n":{"languageMap":{"ja":"urn:ngsi-ld:null"}},"b":{"s":"urn:ngsi-ld:null","unitCode":"urn:ngsi-ld:null"},"r":7}"#;
    let result = merge(&mut entity, fragment(body), &MergeOptions::default(), 3);
    assert_eq!(concise(&entity, "n"), r#"{"languageMap":{"en":"m","fr":"mot"}}"#);
    assert_eq!(concise(&entity, "b"), r#"{"value":5,"observedAt":"2026-02-02T00:00:00Z","t":2}"#);
    assert_eq!(result.not_updated[0].0, full("r"));
    assert_eq!(concise(&entity, "r"), r#"{"object":"urn:x:9"}"#);
}

#[test]
fn replacing_keeps_when_things_began() {
    let mut old = start();
    old.subject = Some("someone".to_owned());
    let new =
        parse_entity(r#"{"id":"urn:e:1","type":"U","a":9,"z":1}"#, &Context::core(), 5).unwrap();
    let new = replace_entity(&old, new, 5);
    assert_eq!((new.created_at, new.modified_at, new.attributes.len()), (1, 5, 2));
    assert_eq!((times(&new, "a"), times(&new, "z")), ((1, 5), (5, 5)));
    assert_eq!(new.subject.as_deref(), Some("someone"));

    let attribute = |name, body| parse_attribute_fragment(body, name, &Context::core(), 6).unwrap();
    let result = replace_attribute(&mut old, attribute("c", r#"{"value":8}"#), 6).unwrap();
    assert_eq!((result.updated, result.deleted), (vec![full("c")], Vec::new()));
    assert_eq!(concise(&old, "c"), r#"[{"value":8},{"value":2,"datasetId":"urn:d:1"}]"#);
    assert_eq!(times(&old, "c"), (1, 6));
    let kind =
        |name, body| replace_attribute(&mut start(), attribute(name, body), 6).unwrap_err().kind;
    assert_eq!(kind("zz", "1"), ErrorKind::ResourceNotFound);
    assert_eq!(kind("a", r#"{"value":1,"datasetId":"urn:d:9"}"#), ErrorKind::ResourceNotFound);
    assert_eq!(kind("a", r#"{"unitCode":"C62"}"#), ErrorKind::BadRequestData);
    assert_eq!(kind("a", r#""urn:ngsi-ld:null""#), ErrorKind::BadRequestData);
}

#[test]
fn scopes_are_added_replaced_and_deleted() {
    let mut entity = start();
    append(&mut entity, fragment(r#"{"scope":"/a"}"#), false, 2);
    append(&mut entity, fragment(r#"{"scope":["/a","/b"]}"#), false, 2);
    assert_eq!(entity.scopes, ["/a", "/b"]);
    update(&mut entity, fragment(r#"{"scope":"/c"}"#), 2);
    assert_eq!(entity.scopes, ["/c"]);
    append(&mut entity, fragment(r#"{"scope":"/d"}"#), true, 2);
    assert_eq!(entity.scopes, ["/d"]);
    let scope = Context::core().expand("scope").into_owned();
    delete_attribute(&mut entity, &scope, None, false, 3).unwrap();
    assert!(entity.scopes.is_empty());
    let again = delete_attribute(&mut entity, &scope, None, false, 4).unwrap_err();
    assert_eq!(again.kind, ErrorKind::ResourceNotFound);
}

#[test]
fn deleting_takes_one_instance_or_all() {
    let mut entity = start();
    let c = full("c");
    delete_attribute(&mut entity, &c, None, false, 2).unwrap();
    assert_eq!(concise(&entity, "c"), r#"{"value":2,"datasetId":"urn:d:1"}"#);
    assert_eq!(
        delete_attribute(&mut entity, &c, None, false, 2).unwrap_err().kind,
        ErrorKind::ResourceNotFound
    );
    delete_attribute(&mut entity, &c, Some("urn:d:1"), false, 3).unwrap();
    assert!(entity.attribute(&c).is_none());
    assert_eq!(delete_attribute(&mut start(), &c, None, true, 2).unwrap().deleted.len(), 2);
    assert_eq!(
        delete_attribute(&mut entity, &c, None, true, 2).unwrap_err().kind,
        ErrorKind::ResourceNotFound
    );
    assert_eq!(entity.modified_at, 3);
}

/// A fragment body made of a few names and values, so that names meet.
fn bodies() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        Just("7"),
        Just("\"text\""),
        Just(r#""urn:ngsi-ld:null""#),
        Just(r#"{"x":{"y":"urn:ngsi-ld:null","z":1}}"#),
        Just(r#"{"value":3,"unitCode":"KMH","s":{"value":4}}"#),
        Just(r#"{"object":"urn:x:5"}"#),
        Just(r#"{"value":1,"datasetId":"urn:d:1"}"#),
        Just(r#"{"languageMap":{"ja":"x"}}"#),
        Just(r#"{"unitCode":"urn:ngsi-ld:null"}"#),
    ];
    proptest::collection::btree_map("[a-dnrz]", value, 0..5).prop_map(|all| {
        let members: Vec<String> =
            all.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        format!("{{{}}}", members.join(","))
    })
}

proptest! {
    #[test]
    fn twice_is_once(body in bodies()) {
        type Operation = fn(&mut Entity, Entity);
        let operations: [Operation; 4] = [
            |e, f| drop(append(e, f, true, 2)),
            |e, f| drop(append(e, f, false, 2)),
            |e, f| drop(update(e, f, 2)),
            |e, f| drop(merge(e, f, &MergeOptions::default(), 2)),
        ];
        for operation in operations {
            let mut once = start();
            operation(&mut once, fragment(&body));
            let stored = EntityDoc::from_bytes(once.encode().into()).unwrap();
            let mut twice = stored.decode().unwrap();
            operation(&mut twice, fragment(&body));
            prop_assert_eq!(twice.encode(), once.encode());
            // What the NGSI-LD Null stands for is gone, and it is never stored.
            let all = format!("{once:?}");
            prop_assert!(!all.contains("urn:ngsi-ld:null"));
        }
    }
}
