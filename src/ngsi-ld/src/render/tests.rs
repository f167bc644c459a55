use std::borrow::Cow;

use super::{Format, RenderOptions, is_amended, render};
use crate::context::Context;
use crate::model::EntityDoc;
use crate::ops::append;
use crate::parse::{parse_entity, parse_fragment};
use crate::projection::{Everything, Projection};

const DEFAULT: &str = "https://uri.etsi.org/ngsi-ld/default-context/";

const BODY: &str = r#"{"id":"urn:ngsi-ld:Person:7","type":["Person","Member"],"scope":"/t","name":"n",
    "note":{"type":"LanguageProperty","languageMap":{"ja":"メモ","en":"note"}},
    "friend":{"object":"urn:ngsi-ld:Person:8"},"kin":{"vocab":["urn:ngsi-ld:Person:8","cousin"]},
    "log":{"value":["urn:ngsi-ld:Person:9",{"urn:\u006egsi-ld:Person:7":"see urn:ngsi-ld:Person:7"}]},
    "temp":[{"value":1,"unitCode":"CEL","sub":{"value":2}},{"value":3,"datasetId":"urn:d:1"}]}"#;

/// Hides `name` and everything written by "other", and shows persons by other names.
struct Cut;

impl Projection for Cut {
    fn entity_type(&self, iri: &str) -> bool {
        iri != format!("{DEFAULT}Member")
    }

    fn attribute(&self, name: &str, publisher: Option<&str>) -> bool {
        name != format!("{DEFAULT}name") && publisher != Some("other")
    }

    fn outward_id<'a>(&self, id: &'a str) -> Cow<'a, str> {
        match id.strip_prefix("urn:ngsi-ld:Person:") {
            Some(rest) => Cow::Owned(format!("urn:ngsi-ld:Person:pw{rest}")),
            None => Cow::Borrowed(id),
        }
    }

    fn id_marker(&self) -> Option<&str> {
        Some("urn:ngsi-ld:Person:")
    }
}

fn doc() -> EntityDoc {
    let mut entity = parse_entity(BODY, &Context::core(), 1_000_000).unwrap();
    let mut later = parse_fragment(r#"{"secret":1}"#, &Context::core(), 0).unwrap();
    later.set_publisher("other");
    append(&mut entity, later, true, 9_000_000);
    EntityDoc::from(&entity)
}

fn shown(p: &dyn Projection, o: &RenderOptions) -> Option<String> {
    let mut out = b"before".to_vec();
    let some = render(&doc(), p, &Context::core(), o, &mut out);
    let text = String::from_utf8(out).unwrap();
    let text = text.strip_prefix("before").unwrap().to_owned();
    assert_eq!(some, !text.is_empty());
    some.then_some(text)
}

#[test]
fn what_is_hidden_is_not_there() {
    let text = shown(&Cut, &RenderOptions { sys_attrs: true, ..RenderOptions::default() }).unwrap();
    for hidden in [
        "Member",
        "secret",
        "other",
        "\"name\"",
        "Person:7",
        "Person:8\"",
        "Person:9\"",
        "00:00:09Z",
    ] {
        assert!(
            !text.replace("see urn:ngsi-ld:Person:7", "").contains(hidden),
            "{hidden} in {text}"
        );
    }
    assert!(text.starts_with(
        r#"{"id":"urn:ngsi-ld:Person:pw7","type":"Person","scope":"/t","createdAt":"1970-01-01T00:00:01Z","modifiedAt":"1970-01-01T00:00:01Z","#
    ));
    assert!(text.contains(r#""object":"urn:ngsi-ld:Person:pw8""#));
    assert!(text.contains(r#"["urn:ngsi-ld:Person:pw9",{"urn:ngsi-ld:Person:pw7":"#));
    let all = shown(&Everything, &RenderOptions { sys_attrs: true, ..RenderOptions::default() });
    assert!(all.unwrap().contains(r#""modifiedAt":"1970-01-01T00:00:09Z""#));
}

#[test]
fn an_entity_of_hidden_types_only_is_not_there() {
    struct Nothing;
    impl Projection for Nothing {
        fn entity_type(&self, _: &str) -> bool {
            false
        }
        fn attribute(&self, _: &str, _: Option<&str>) -> bool {
            true
        }
    }
    assert_eq!(shown(&Nothing, &RenderOptions::default()), None);
}

#[test]
fn members_are_selected() {
    let list = |names: &[&str]| -> Vec<String> {
        let full = |n: &&str| match *n {
            "id" | "type" | "scope" => (*n).to_owned(),
            n => format!("{DEFAULT}{n}"),
        };
        names.iter().map(full).collect()
    };
    let simple = RenderOptions { format: Format::Simplified, ..RenderOptions::default() };
    let pick = |names: &[&str], p: &dyn Projection| {
        shown(p, &RenderOptions { pick: list(names), ..simple.clone() })
    };
    assert_eq!(
        pick(&["id", "name"], &Everything).unwrap(),
        r#"{"id":"urn:ngsi-ld:Person:7","name":"n"}"#
    );
    assert_eq!(pick(&["name", "nothing"], &Cut), None);
    let omit = list(&["id", "type", "scope", "name", "note", "friend", "kin", "log", "temp"]);
    assert_eq!(
        shown(&Everything, &RenderOptions { omit, ..simple.clone() }).unwrap(),
        r#"{"secret":1}"#
    );
    let attrs = |names: &[&str], p: &dyn Projection| {
        shown(p, &RenderOptions { attrs: list(names), ..simple.clone() })
    };
    assert!(attrs(&["name"], &Everything).unwrap().ends_with(r#""scope":"/t","name":"n"}"#));
    assert_eq!(attrs(&["name"], &Cut), None);
    assert_eq!(attrs(&["nothing"], &Everything), None);
}

#[test]
fn instances_are_selected_and_wrapped() {
    let temp = |format, datasets: &[&str]| {
        let o = RenderOptions {
            format,
            pick: vec![format!("{DEFAULT}temp")],
            dataset_ids: datasets.iter().map(|d| (*d).to_owned()).collect(),
            ..RenderOptions::default()
        };
        shown(&Everything, &o).unwrap_or_default()
    };
    assert_eq!(temp(Format::Simplified, &[]), r#"{"temp":{"dataset":{"@none":1,"urn:d:1":3}}}"#);
    assert_eq!(temp(Format::Simplified, &["@none"]), r#"{"temp":1}"#);
    assert_eq!(
        temp(Format::Concise, &[]),
        r#"{"temp":[{"value":1,"unitCode":"CEL","sub":2},{"value":3,"datasetId":"urn:d:1"}]}"#
    );
    assert_eq!(
        temp(Format::Normalized, &["urn:d:1"]),
        r#"{"temp":{"type":"Property","value":3,"datasetId":"urn:d:1"}}"#
    );
    assert_eq!(temp(Format::Normalized, &["urn:d:2"]), "");
}

#[test]
fn languages_are_chosen() {
    let note = |format, lang: &str| {
        let o = RenderOptions {
            format,
            pick: vec![format!("{DEFAULT}note")],
            lang: Some(lang.to_owned()),
            ..RenderOptions::default()
        };
        shown(&Everything, &o).unwrap()
    };
    assert_eq!(note(Format::Simplified, "ja"), r#"{"note":"メモ"}"#);
    assert_eq!(
        note(Format::Normalized, "fr"),
        r#"{"note":{"type":"Property","value":"note","lang":"en"}}"#
    );
}

#[test]
fn the_context_is_embedded() {
    let o = RenderOptions { embed_context: true, ..RenderOptions::default() };
    let text = shown(&Everything, &o).unwrap();
    assert!(text.ends_with(&format!(r#","@context":"{}"}}"#, crate::CORE_CONTEXT_URL)), "{text}");
    serde_json::from_str::<serde_json::Value>(&text).unwrap();
}

#[test]
fn lists_are_bare_when_simplified() {
    let body = r#"{"id":"urn:e:1","type":"T","l":{"type":"ListProperty","valueList":[1.2,3]},
        "r":{"type":"ListRelationship","objectList":["urn:r:1",{"object":"urn:r:2"}]}}"#;
    let doc = EntityDoc::from(&parse_entity(body, &Context::core(), 1).unwrap());
    let options = RenderOptions { format: Format::Simplified, ..RenderOptions::default() };
    let mut out = Vec::new();
    assert!(render(&doc, &Everything, &Context::core(), &options, &mut out));
    let expected = r#"{"id":"urn:e:1","type":"T","l":[1.2,3],"r":["urn:r:1","urn:r:2"]}"#;
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}

#[test]
fn the_system_speaks_when_asked() {
    let body = r#"{"id":"urn:e:1","type":"T","expiresAt":"2999-01-01T00:00:00Z",
        "a":{"value":1,"expiresAt":"2999-01-01T00:00:00Z"},
        "ngsildproof":{"type":"Property","value":{},"entityIdSealed":"urn:e:1","entityTypeSealed":"T"}}"#;
    let doc = EntityDoc::from(&parse_entity(body, &Context::core(), 1).unwrap());
    let shown = |sys_attrs| {
        let options = RenderOptions { sys_attrs, ..RenderOptions::default() };
        let mut out = Vec::new();
        assert!(render(&doc, &Everything, &Context::core(), &options, &mut out));
        String::from_utf8(out).unwrap()
    };
    assert_eq!(shown(true).matches("expiresAt").count(), 2);
    assert!(!shown(false).contains("expiresAt"));
    // Sealed members are not reified (clause 4.5.2.2).
    assert!(shown(false).contains(r#""entityIdSealed":"urn:e:1","entityTypeSealed":"T""#));
}

#[test]
fn an_attribute_without_the_wanted_dataset_is_there() {
    let o = RenderOptions {
        attrs: vec![format!("{DEFAULT}temp")],
        dataset_ids: vec!["urn:d:9".to_owned()],
        ..RenderOptions::default()
    };
    let text = shown(&Everything, &o).unwrap();
    assert!(!text.contains("temp") && text.contains("urn:ngsi-ld:Person:7"), "{text}");
}

fn text_of(body: &str, p: &dyn Projection, o: &RenderOptions) -> String {
    let doc = EntityDoc::from(&parse_entity(body, &Context::core(), 0).unwrap());
    let mut out = Vec::new();
    assert!(render(&doc, p, &Context::core(), o, &mut out));
    String::from_utf8(out).unwrap()
}

#[test]
fn features_carry_their_geometry_and_the_rest_as_properties() {
    const POINT: &str = r#"{"type":"Point","coordinates":[1,2]}"#;
    let body = format!(
        r#"{{"id":"urn:x:1","type":"T","n":1,"location":[
        {{"type":"GeoProperty","value":{{"type":"Point","coordinates":[9,9]}},"datasetId":"urn:d:1"}},
        {{"type":"GeoProperty","value":{POINT}}}]}}"#
    );
    let location = "https://uri.etsi.org/ngsi-ld/location".to_owned();
    let o = RenderOptions {
        format: Format::Simplified,
        feature: Some(location.clone()),
        ..RenderOptions::default()
    };
    let properties = format!(
        r#""location":{{"dataset":{{"@none":{POINT},"urn:d:1":{{"type":"Point","coordinates":[9,9]}}}}}}"#
    );
    assert_eq!(
        text_of(&body, &Everything, &o),
        format!(
            r#"{{"id":"urn:x:1","type":"Feature","geometry":{POINT},"properties":{{"type":"T","n":1,{properties}}}}}"#
        )
    );
    let with = |o: RenderOptions| text_of(&body, &Everything, &o);
    // The geometry stays when something else is picked, and goes when it is left out or another instance is asked for.
    let n = vec![format!("{DEFAULT}n")];
    let picked = with(RenderOptions { pick: n.clone(), ..o.clone() });
    assert_eq!(
        picked,
        format!(r#"{{"type":"Feature","geometry":{POINT},"properties":{{"n":1}}}}"#)
    );
    let omitted = with(RenderOptions { omit: vec![location.clone()], ..o.clone() });
    assert!(omitted.contains(r#""geometry":null"#), "{omitted}");
    let other = with(RenderOptions { dataset_ids: vec!["urn:d:1".to_owned()], ..o.clone() });
    assert!(other.contains(r#""geometry":{"type":"Point","coordinates":[9,9]}"#), "{other}");
    // What is no geometry, or hidden, is none.
    for feature in [format!("{DEFAULT}n"), format!("{DEFAULT}nope")] {
        let text = with(RenderOptions { feature: Some(feature), ..o.clone() });
        assert!(text.contains(r#""geometry":null"#), "{text}");
    }
    let name = r#"{"id":"urn:x:1","type":"T","name":{"type":"GeoProperty","value":{"type":"Point","coordinates":[1,2]}}}"#;
    let named = RenderOptions { feature: Some(format!("{DEFAULT}name")), ..o };
    assert_eq!(
        text_of(name, &Cut, &named),
        r#"{"id":"urn:x:1","type":"Feature","geometry":null,"properties":{"type":"T"}}"#
    );
}

#[test]
fn earlier_versions_get_what_they_know() {
    let body = r#"{"id":"urn:x:1","type":"T","v":{"vocab":["a","b"]},"j":{"type":"JsonProperty","json":{"k":1}},
        "l":{"languageMap":{"en":"e"}},"p":{"valueList":[1,2]},"r":{"objectList":["urn:x:2"]},"n":{"value":1,"s":{"vocab":"a"}}}"#;
    let o = |version| RenderOptions { version, ..RenderOptions::default() };
    let plain = text_of(body, &Everything, &o(None));
    assert_eq!(text_of(body, &Everything, &o(Some((1, 8)))), plain);
    assert_eq!(
        text_of(body, &Everything, &o(Some((1, 5)))),
        r#"{"id":"urn:x:1","type":"T","v":{"type":"Property","value":["a","b"]},"j":{"type":"Property","value":{"k":1}},"l":{"type":"LanguageProperty","languageMap":{"en":"e"}},"p":{"type":"Property","value":[1,2]},"r":{"type":"Relationship","object":["urn:x:2"]},"n":{"type":"Property","value":1,"s":{"type":"Property","value":"a"}}}"#
    );
    let first = text_of(body, &Everything, &o(Some((1, 3))));
    assert!(first.contains(r#""l":{"type":"Property","value":{"en":"e"}}"#), "{first}");
    let amended = |body: &str, version| {
        let doc = EntityDoc::from(&parse_entity(body, &Context::core(), 0).unwrap());
        is_amended(&doc, &Everything, &o(version))
    };
    assert!(amended(body, Some((1, 5))) && !amended(body, Some((1, 9))) && !amended(body, None));
    assert!(amended(
        r#"{"id":"urn:x:1","type":"T","n":{"value":1,"s":{"vocab":"a"}}}"#,
        Some((1, 5))
    ));
    assert!(!amended(r#"{"id":"urn:x:1","type":"T","n":1}"#, Some((1, 0))));
}
