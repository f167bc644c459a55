use super::{
    parse_attribute_fragment, parse_entity, parse_fragment, parse_merge_fragment, split_context,
};
use crate::context::Context;
use crate::error::{Error, ErrorKind};
use crate::model::{Entity, Instance, Kind};

const NOW: i64 = 1_775_000_000_000_000;
const DEFAULT: &str = "https://uri.etsi.org/ngsi-ld/default-context/";

/// An entity with these further members.
fn with(members: &str) -> Result<Entity, Error> {
    let body = format!(r#"{{"id":"urn:e:1","type":"T",{members}}}"#);
    parse_entity(&body, &Context::core(), NOW)
}

fn first(members: &str) -> Instance {
    with(members).unwrap().attributes.remove(0).instances.remove(0)
}

fn refused(members: &str) -> Error {
    match with(members) {
        Ok(_) => panic!("accepted {members}"),
        Err(error) => error,
    }
}

#[test]
fn ids_are_uris_that_can_be_seen() {
    for id in ["urn:e:1", "https://x.test/a?b=c#d", "urn:ngsi-ld:Building:役場", "u:a%20b"] {
        let body = format!(r#"{{"id":"{id}","type":"T"}}"#);
        assert_eq!(parse_entity(&body, &Context::core(), NOW).unwrap().id, id);
    }
    for id in [
        "",
        "noscheme",
        "1:x",
        ":x",
        "urn:",
        "urn:a b",
        "urn:a\\u200bb",
        "urn:a\\u0000",
        "urn:a\\u202eb",
        "urn:a<b",
        "urn:\\ufeffa",
        "urn:ngsi-ld:null",
        "urn:a\\\\b",
        "urn:a\\u00adb",
    ] {
        let body = format!(r#"{{"id":"{id}","type":"T"}}"#);
        let error = parse_entity(&body, &Context::core(), NOW).unwrap_err();
        assert_eq!(error.kind, ErrorKind::BadRequestData, "{id}");
        assert_eq!(error.pointer.as_deref(), Some("/id"), "{id}");
    }
}

#[test]
fn id_and_type_are_needed() {
    let parse = |body: &str| parse_entity(body, &Context::core(), NOW).unwrap_err();
    assert_eq!(parse(r#"{"type":"T"}"#).pointer.as_deref(), Some("/id"));
    assert_eq!(parse(r#"{"id":"urn:e:1"}"#).pointer.as_deref(), Some("/type"));
    for kind in ["[]", "7", "null", "[7]", "\"a b\"", "\"a-b\"", "\"1a\"", "\"\""] {
        let error = parse(&format!(r#"{{"id":"urn:e:1","type":{kind}}}"#));
        assert_eq!(error.kind, ErrorKind::BadRequestData, "{kind}");
    }
    assert_eq!(parse("[]").kind, ErrorKind::InvalidRequest);
    for broken in ["{", "{\"id\"", "{\"id\":}", "{\"id\":\"urn:e:1\" \"type\":\"T\"}"] {
        assert_eq!(parse(broken).kind, ErrorKind::InvalidRequest, "{broken}");
    }
}

#[test]
fn types_and_scopes_keep_their_order() {
    let entity = parse_entity(
        r#"{"id":"urn:e:1","type":["B","A","B"],"scope":["/x/y_1","z"],"createdAt":"1999-01-01T00:00:00Z"}"#,
        &Context::core(),
        NOW,
    )
    .unwrap();
    assert_eq!(entity.types, [format!("{DEFAULT}B"), format!("{DEFAULT}A")]);
    assert_eq!(entity.scopes, ["/x/y_1", "z"]);
    assert_eq!(entity.created_at, NOW);
    for scope in [
        "\"/\"",
        "\"\"",
        "\"/a//b\"",
        "\"/a/\"",
        "\"/a b\"",
        "\"/a/+\"",
        "[]",
        "7",
        "\"urn:ngsi-ld:null\"",
    ] {
        refused(&format!("\"scope\":{scope}"));
    }
}

#[test]
fn every_kind_in_every_form() {
    let cases = [
        (r#"{"type":"Property","value":{"a":1}}"#, Kind::Property, r#"{"a":1}"#),
        (r#"{"value":[1,2]}"#, Kind::Property, "[1,2]"),
        (r#""plain""#, Kind::Property, r#""plain""#),
        ("-1.50", Kind::Property, "-1.50"),
        ("false", Kind::Property, "false"),
        ("[1,{}]", Kind::Property, "[1,{}]"),
        ("[]", Kind::Property, "[]"),
        (r#"{"dataset":{"name":"x"}}"#, Kind::Property, r#"{"dataset":{"name":"x"}}"#),
        (r#"{"a":{"b":1}}"#, Kind::Property, r#"{"a":{"b":1}}"#),
        (
            r#"{"type":"PostalAddress","street":"x"}"#,
            Kind::Property,
            r#"{"type":"PostalAddress","street":"x"}"#,
        ),
        (
            r#"{"@type":"DateTime","@value":"2026-01-01T00:00:00Z"}"#,
            Kind::Property,
            r#"{"@type":"DateTime","@value":"2026-01-01T00:00:00Z"}"#,
        ),
        (r#"{"type":"Relationship","object":"urn:x:1"}"#, Kind::Relationship, r#""urn:x:1""#),
        (r#"{"object":["urn:x:1","urn:x:2"]}"#, Kind::Relationship, r#"["urn:x:1","urn:x:2"]"#),
        (
            r#"{"type":"GeoProperty","value":{"type":"Point","coordinates":[1,2]}}"#,
            Kind::GeoProperty,
            r#"{"type":"Point","coordinates":[1,2]}"#,
        ),
        (
            r#"{"value":{"type":"Point","coordinates":[1,2]}}"#,
            Kind::GeoProperty,
            r#"{"type":"Point","coordinates":[1,2]}"#,
        ),
        (
            r#"{"type":"Point","coordinates":[1,2]}"#,
            Kind::GeoProperty,
            r#"{"type":"Point","coordinates":[1,2]}"#,
        ),
        (
            r#"{"languageMap":{"ja":"a","en-GB":["b"],"@none":"c"}}"#,
            Kind::LanguageProperty,
            r#"{"ja":"a","en-GB":["b"],"@none":"c"}"#,
        ),
        (
            r#"{"vocab":"term"}"#,
            Kind::VocabProperty,
            r#""https://uri.etsi.org/ngsi-ld/default-context/term""#,
        ),
        (r#"{"type":"JsonProperty","json":null}"#, Kind::JsonProperty, "null"),
        (r#"{"valueList":[1,[2]]}"#, Kind::ListProperty, "[1,[2]]"),
        (
            r#"{"objectList":[{"object":"urn:x:1"},"urn:x:2"]}"#,
            Kind::ListRelationship,
            r#"[{"object":"urn:x:1"},"urn:x:2"]"#,
        ),
        (r#"{"type":"https://uri.etsi.org/ngsi-ld/Property","value":1}"#, Kind::Property, "1"),
    ];
    for (text, kind, value) in cases {
        let instance = first(&format!("\"a\":{text}"));
        assert_eq!((instance.kind, instance.value.get()), (kind, value), "{text}");
        assert!(instance.has_value);
    }
}

#[test]
fn wrong_values_and_members_are_refused() {
    for text in [
        "null",
        r#""urn:ngsi-ld:null""#,
        r#"{"value":{"x":["urn:ngsi-ld:null"]}}"#,
        r#"{"object":["urn:x:1","urn:ngsi-ld:\u006eull"]}"#,
        r#"{"type":"Property"}"#,
        r#"{"type":"Property","value":null}"#,
        r#"{"type":"Property","object":"urn:x:1"}"#,
        r#"{"type":"Property","value":1,"object":"urn:x:1"}"#,
        r#"{"type":"Property","value":1,"languageMap":{}}"#,
        r#"{"type":"Property","value":1,"unitCode":7}"#,
        r#"{"type":"Property","value":1,"objectType":"T"}"#,
        r#"{"type":"Property","value":1,"observedAt":"2026-01-01"}"#,
        r#"{"type":"Property","value":1,"observedAt":"2026-01-01T00:00:00+09:00"}"#,
        r#"{"type":"Property","value":1,"datasetId":"nouri"}"#,
        r#"{"type":"Property","value":1,"datasetId":"urn:ngsi-ld:null"}"#,
        r#"{"type":"Property","value":1,"sub":null}"#,
        r#"{"type":"Property","value":1,"bad-name":2}"#,
        r#"{"type":"Property","value":1,"previousValue":2}"#,
        r#"{"type":"Property","value":1,"expiresAt":"1999-01-32T00:00:00Z"}"#,
        r#"{"type":"Relationship","object":"no uri"}"#,
        r#"{"type":"Relationship","object":[]}"#,
        r#"{"type":"Relationship","object":"urn:x:1","unitCode":"C62"}"#,
        r#"{"type":"Relationship","value":"urn:x:1"}"#,
        r#"{"type":"GeoProperty","value":"here"}"#,
        r#"{"type":"GeoProperty","value":{"type":"Point","coordinates":["a","b"]}}"#,
        r#"{"type":"LanguageProperty","languageMap":"x"}"#,
        r#"{"type":"LanguageProperty","languageMap":{"ja":7}}"#,
        r#"{"type":"LanguageProperty","languageMap":{"日本語":"x"}}"#,
        r#"{"type":"VocabProperty","vocab":7}"#,
        r#"{"type":"ListProperty","valueList":1}"#,
        r#"{"type":"ListRelationship","objectList":[7]}"#,
        r#"{"type":"Unknown","value":1}"#,
        r#"{"observedAt":"2026-01-01T00:00:00Z"}"#,
        r#"[{"value":1},{"value":2}]"#,
        r#"[{"value":1,"datasetId":"urn:d:1"},{"value":2,"datasetId":"urn:d:1"}]"#,
    ] {
        let error = refused(&format!("\"a\":{text}"));
        assert_eq!(error.kind, ErrorKind::BadRequestData, "{text}: {error}");
        assert!(error.pointer.as_deref().unwrap().starts_with("/a"), "{text}: {error}");
    }
}

#[test]
fn names_follow_the_grammar() {
    assert_eq!(with(r#""気温_1":1"#).unwrap().attributes[0].name, format!("{DEFAULT}気温_1"));
    assert_eq!(with(r#""https://x.test/a-b":1"#).unwrap().attributes[0].name, "https://x.test/a-b");
    assert_eq!(
        with(r#""ngsi-ld:a":1"#).unwrap().attributes[0].name,
        "https://uri.etsi.org/ngsi-ld/a"
    );
    for name in [
        "a-b",
        "a b",
        "1a",
        "_a",
        "",
        "a.b",
        "a\\u200b",
        "@value",
        "@graph",
        "value",
        "object",
        "observedAt",
        // The same by other spellings.
        "observedAt:",
        "ngsi-ld:observedAt",
        "https://uri.etsi.org/ngsi-ld/hasValue",
        "ngsi-ld:scope",
    ] {
        let error = refused(&format!("\"{name}\":1"));
        assert_eq!(error.kind, ErrorKind::BadRequestData, "{name}");
    }
    let error = refused(r#""a":{"value":1,"createdAt:":{"value":2}}"#);
    assert_eq!(
        (error.detail.contains("reserved"), error.pointer.as_deref()),
        (true, Some("/a/createdAt:"))
    );
    // Other names of the standard are attributes, however they are written.
    let place = with(r#""ngsi-ld:location":{"type":"Point","coordinates":[1,2]}"#).unwrap();
    assert_eq!(place.attributes[0].name, "https://uri.etsi.org/ngsi-ld/location");
    let error = refused(r#""a":1,"https://uri.etsi.org/ngsi-ld/default-context/a":2"#);
    assert!(error.detail.contains("same attribute"));
}

#[test]
fn instances_are_told_from_arrays() {
    let entity = with(
        r#""a":[{"value":2,"datasetId":"urn:d:1"},{"type":"Property","value":1,"sub":{"value":3}}],
           "b":[{"value":1},7],"c":{"dataset":{"urn:d:1":5,"@none":6}}"#,
    )
    .unwrap();
    let [a, b, c] = entity.attributes.as_slice() else { panic!() };
    assert_eq!(a.instances.len(), 2);
    assert_eq!(a.instances[0].dataset_id, None);
    assert_eq!(a.instances[0].sub[0].name, format!("{DEFAULT}sub"));
    assert_eq!(a.instance(Some("urn:d:1")).unwrap().value.get(), "2");
    assert_eq!(b.instances[0].value.get(), r#"[{"value":1},7]"#);
    assert_eq!(c.instance(None).unwrap().value.get(), "6");
    assert_eq!(c.instance(Some("urn:d:1")).unwrap().value.get(), "5");
}

#[test]
fn metadata_is_kept() {
    let instance = first(
        r#""a":{"type":"Property","value":1,"unitCode":"CEL","observedAt":"2026-01-01T00:00:00Z",
           "datasetId":"urn:d:1","valueType":"Celsius","expiresAt":"2999-01-01T00:00:00Z",
           "createdAt":"x","modifiedAt":7,"instanceId":"urn:i:1",
           "deep":{"type":"Property","value":1,"deeper":{"type":"Relationship","object":"urn:x:1","objectType":["A","B"]}}}"#,
    );
    assert_eq!(instance.unit_code.as_deref(), Some("CEL"));
    assert_eq!(instance.observed_at.as_deref(), Some("2026-01-01T00:00:00Z"));
    assert_eq!(instance.dataset_id.as_deref(), Some("urn:d:1"));
    assert_eq!(instance.value_type, Some(format!("{DEFAULT}Celsius")));
    assert_eq!(instance.instance_id, None);
    assert_eq!(instance.created_at, NOW);
    let deeper = &instance.sub[0].instances[0].sub[0].instances[0];
    assert_eq!(deeper.object_type, [format!("{DEFAULT}A"), format!("{DEFAULT}B")]);
}

#[test]
fn fragments_take_null_and_missing_values() {
    let parse = |body: &str| parse_fragment(body, &Context::core(), NOW);
    let entity = parse(
        r#"{"a":"urn:ngsi-ld:null","b":{"type":"Relationship","object":"urn:ngsi-ld:null"},
           "c":{"languageMap":{"@none":"urn:ngsi-ld:null"}},"d":{"unitCode":"urn:ngsi-ld:null"},
           "e":{"type":"Property","observedAt":"2026-01-01T00:00:00Z"},"scope":"urn:ngsi-ld:null"}"#,
    )
    .unwrap();
    assert!(entity.id.is_empty() && entity.types.is_empty());
    let one = |index: usize| &entity.attributes[index].instances[0];
    assert!(one(0).is_null() && one(1).is_null() && one(2).is_null());
    assert!(!one(3).has_value && !one(3).has_kind && !one(3).is_null());
    assert!(!one(4).has_value && one(4).has_kind);
    assert_eq!(parse(r#"{"a":null}"#).unwrap_err().pointer.as_deref(), Some("/a"));

    let ctx = Context::core();
    let attribute = |body: &str| parse_attribute_fragment(body, "a", &ctx, NOW);
    let found = attribute(r#"{"sub":{"value":1},"@context":"https://x.test/1"}"#).unwrap();
    assert_eq!(found.name, format!("{DEFAULT}a"));
    assert!(!found.instances[0].has_value);
    assert_eq!(found.instances[0].sub.len(), 1);
    assert_eq!(
        attribute(r#"[{"value":1},{"value":2,"datasetId":"urn:d:1"}]"#).unwrap().instances.len(),
        2
    );
    assert_eq!(attribute("7").unwrap().instances[0].value.get(), "7");
    assert!(attribute(r#"{"type":"Other","a":1}"#).is_err());
    assert!(parse_attribute_fragment("7", "a b", &ctx, NOW).is_err());
    assert!(parse_attribute_fragment("7", "value", &ctx, NOW).is_err());
}

#[test]
fn errors_never_repeat_values() {
    for members in [
        r#""a":{"type":"Relationship","object":"秘密 の値"}"#,
        r#""a":{"type":"Property","value":1,"observedAt":"秘密"}"#,
        r#""a":{"type":"秘密","value":1}"#,
        r#""scope":"秘密/ の""#,
    ] {
        assert!(!refused(members).to_string().contains("秘密"), "{members}");
    }
}

#[test]
fn the_context_is_found_first() {
    let found = |body: &str| split_context(body).unwrap().map(|raw| raw.get().to_owned());
    assert_eq!(found(r#"{"a":1,"@context":["x"]}"#).as_deref(), Some(r#"["x"]"#));
    assert_eq!(found(r#"[{"@context":{}}]"#).as_deref(), Some("{}"));
    for body in ["{}", "[]", "7", r#"{"a":{"@context":1}}"#] {
        assert_eq!(found(body), None, "{body}");
    }
    assert!(split_context("{\"@context\":").is_err());
}

#[test]
fn names_decide_the_form() {
    let point = r#"{"type":"Point","coordinates":[131.5,32.2]}"#;
    for name in ["location", "observationSpace", "operationSpace"] {
        refused(&format!(r#""{name}":7"#));
        refused(&format!(r#""{name}":{{"type":"Property","value":7}}"#));
        assert_eq!(first(&format!(r#""{name}":{point}"#)).kind, Kind::GeoProperty);
    }
    let text = first(
        r#""location":{"type":"GeoProperty","value":"{\"type\":\"Point\",\"coordinates\":[1,2]}"}"#,
    );
    assert_eq!(text.value.get(), r#"{"type":"Point","coordinates":[1,2]}"#);
    refused(r#""location":{"type":"GeoProperty","value":"POINT(1 2)"}"#);

    let proof = first(
        r#""ngsildproof":{"type":"Property","value":{"a":1},"entityIdSealed":"urn:e:1","entityTypeSealed":"T"}"#,
    );
    assert_eq!(proof.sub[1].instances[0].value.get(), format!("\"{DEFAULT}T\""));
    refused(r#""ngsildproof":{"type":"Property","value":"text"}"#);
    refused(r#""ngsildproof":{"type":"Property","value":{},"entityTypeSealed":42}"#);
    refused(r#""a":{"type":"Property","value":1,"entityIdSealed":"urn:e:1"}"#);
    refused(r#""a":{"value":1,"b":{"value":2,"entityTypeSealed":"T"}}"#);
}

#[test]
fn values_have_the_form_of_their_kind() {
    refused(r#""a":{"type":"JsonProperty","json":7}"#);
    first(r#""a":{"type":"LanguageProperty","languageMap":{"ja":"都"},"valueType":"langString"}"#);
    refused(
        r#""a":{"type":"LanguageProperty","languageMap":{"ja":"都"},"valueType":"xsd:string"}"#,
    );
    let both =
        with(r#""a":[{"value":1,"datasetId":"@none"},{"value":2,"datasetId":"urn:d:1"}]"#).unwrap();
    assert_eq!(both.attributes[0].instances[0].dataset_id, None);
    refused(r#""a":[{"value":1,"datasetId":"@none"},{"value":2}]"#);
    for scope in ["/1a", "a//b", "/a/2"] {
        refused(&format!(r#""scope":"{scope}""#));
    }
    for filler in ["115F", "1160", "3164", "FFA0"] {
        let body = format!(r#"{{"id":"urn:e:a\u{filler}b","type":"T"}}"#);
        assert!(parse_entity(&body, &Context::core(), NOW).is_err(), "{filler}");
    }
    assert!(parse_entity(r#"{"id":"urn:e:1","type":"type"}"#, &Context::core(), NOW).is_err());
}

#[test]
fn only_merging_deletes_inside_a_value() {
    let body = r#"{"value":{"country":"urn:ngsi-ld:null"}}"#;
    assert!(parse_attribute_fragment(body, "a", &Context::core(), NOW).is_err());
    let body = format!(r#"{{"a":{body}}}"#);
    assert!(parse_fragment(&body, &Context::core(), NOW).is_err());
    assert!(parse_merge_fragment(&body, &Context::core(), NOW).is_ok());
}

#[test]
fn members_without_number_are_refused() {
    let many = |one: &dyn Fn(usize) -> String| {
        let all = |n: usize| (0..n).map(one).collect::<Vec<_>>().join(",");
        (all(super::MAX_MEMBERS), all(super::MAX_MEMBERS + 1))
    };
    let attributes = many(&|n| format!("\"a{n}\":1"));
    let names = many(&|n| format!("\"T{n}\""));
    let scopes = many(&|n| format!("\"/s{n}\""));
    let instances = many(&|n| format!("{{\"value\":1,\"datasetId\":\"urn:d:{n}\"}}"));
    let head = r#""id":"urn:e:1","type":"T""#;
    for ((right, wrong), body) in [
        (&attributes, format!("{{{head},#}}")),
        (&names, r#"{"id":"urn:e:1","type":[#]}"#.to_owned()),
        (&scopes, format!("{{{head},\"scope\":[#]}}")),
        (&instances, format!("{{{head},\"a\":[#]}}")),
        (&attributes, format!("{{{head},\"a\":{{\"value\":1,#}}}}")),
    ] {
        let parse = |members: &str| parse_entity(&body.replace('#', members), &Context::core(), 1);
        assert!(parse(right).is_ok(), "{body}");
        assert_eq!(parse(wrong).unwrap_err().kind, ErrorKind::TooLarge, "{body}");
    }
}

#[test]
fn a_geometry_called_a_property_is_kept_as_it_came() {
    let entity = |location: &str| {
        let body = format!(r#"{{"id":"urn:e:1","type":"T","location":{location}}}"#);
        parse_entity(&body, &Context::core(), NOW)
    };
    let kept =
        entity(r#"{"type":"Property","value":{"type":"Point","coordinates":[1,2]}}"#).unwrap();
    assert_eq!(kept.attributes[0].instances[0].kind, Kind::Property);
    for wrong in [r#"{"type":"Property","value":7}"#, r#"{"type":"Property","value":"Tsuno"}"#] {
        assert_eq!(entity(wrong).unwrap_err().kind, ErrorKind::BadRequestData, "{wrong}");
    }
}

#[test]
fn an_attribute_may_be_called_as_values_are_where_it_says_its_type() {
    let names = ["value", "object", "vocab", "json", "languageMap", "valueList", "objectList"];
    for name in names {
        let entity = |value: &str| {
            let body = format!(r#"{{"id":"urn:e:1","type":"T","{name}":{value}}}"#);
            parse_entity(&body, &Context::core(), NOW)
        };
        let kept = entity(r#"{"type":"VocabProperty","vocab":"stopped"}"#).unwrap();
        assert_eq!(kept.attributes[0].instances[0].kind, Kind::VocabProperty, "{name}");
        assert!(entity(r#"[{"type":"Property","value":1}]"#).is_ok(), "{name}");
        // Without it, a fragment of an attribute was more likely meant for an entity.
        for wrong in ["5", "[1]", r#"{"value":5}"#] {
            assert_eq!(
                entity(wrong).unwrap_err().kind,
                ErrorKind::BadRequestData,
                "{name} {wrong}"
            );
        }
        let part = parse_attribute_fragment(r#"{"value":5}"#, name, &Context::core(), NOW);
        assert!(part.is_ok(), "{name}");
    }
    let body = r#"{"id":"urn:e:1","type":"T","unitCode":{"type":"Property","value":1}}"#;
    assert!(parse_entity(body, &Context::core(), NOW).is_err());
}
