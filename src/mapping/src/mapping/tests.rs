use serde_json::json;
use tsunagu_ngsi_ld::Context;

use super::*;

const SECRET: &str = "a secret of the tests";

fn secrets() -> Secrets {
    Secrets::from([("ids".to_owned(), SecretString::from(SECRET.to_owned()))])
}

fn config(json: Json) -> MappingConfig {
    serde_json::from_value(json).unwrap()
}

/// Steps by the day, with everything that a mapping can say.
fn steps() -> Json {
    json!({
        "name": "steps",
        "given": ["subject"],
        "tables": { "method": { "auto": "sensed", "manual": "self-reported" } },
        "for_each": "record.days",
        "when": "!has(item.deleted) || !item.deleted",
        "id_from": { "key": "item.id", "secret": "ids" },
        "type": "HealthActivity",
        "attributes": {
            "steps": {
                "value": "int(item.count)", "required": true,
                "observed_at": "item.end", "unit_code": "unece('{steps}')"
            },
            "person": { "kind": "relationship", "value": "subject", "required": true },
            "device": { "kind": "relationship", "id_from": { "type": "Device", "key": "item.device", "secret": "ids" } },
            "distance": { "value": "has(item.km) ? convert(item.km, 'km', 'm') : null", "unit_code": "'MTR'" },
            "recordingMethod": { "value": "lookup('method', item.method, null)", "dataset_id": "'urn:ngsi-ld:Dataset:' + item.method" },
            "label": { "kind": "language", "value": "{'ja': item.day + 'の歩数'}" },
            "location": { "kind": "geo", "value": "has(item.at) ? {'type': 'Point', 'coordinates': item.at} : null" }
        },
        "samples": [{
            "name": "a day",
            "given": { "subject": "urn:ngsi-ld:Person:1" },
            "input": { "days": [
                { "id": "a", "count": 8000, "km": 5.6, "method": "auto", "day": "4月1日", "device": 7,
                  "end": "2026-04-01T23:00:00+09:00", "at": [131.5, 32.2] },
                { "id": "b", "deleted": true }
            ] },
            "expect": [{
                "type": "HealthActivity",
                "steps": { "type": "Property", "value": 8000, "observedAt": "2026-04-01T14:00:00Z", "unitCode": "H87" },
                "person": "urn:ngsi-ld:Person:1",
                "device": "urn:ngsi-ld:Device:PLACEHOLDER",
                "distance": 5600,
                "recordingMethod": { "type": "Property", "value": "sensed", "datasetId": "urn:ngsi-ld:Dataset:auto" },
                "label": { "ja": "4月1日の歩数" },
                "location": { "type": "Point", "coordinates": [131.5, 32.2] }
            }]
        }]
    })
}

fn compiled(mut json: Json) -> Mapping {
    // The id of the device depends on the secret, which a sample cannot know; here it can.
    let device = Key::new(&SecretString::from(SECRET.to_owned()), "steps", "Device").id("7");
    if let Some(place) = json.pointer_mut("/samples/0/expect/0/device") {
        *place = device.into();
    }
    Mapping::compile(config(json), &secrets()).unwrap_or_else(|found| panic!("{found:?}"))
}

fn findings(json: Json) -> String {
    let found = Mapping::compile(config(json), &secrets()).unwrap_err();
    found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// `steps` with one thing changed.
fn with(pointer: &str, value: Json) -> Json {
    let mut json = steps();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    json.pointer_mut(parent).unwrap()[name] = value;
    json
}

fn given() -> Map<String, Json> {
    Map::from_iter([("subject".to_owned(), json!("urn:ngsi-ld:Person:1"))])
}

fn day(change: &Json) -> Json {
    let mut day = json!({ "id": "a", "count": 8000, "method": "auto", "day": "4月1日", "device": 7, "end": "2026-04-01T23:00:00+09:00" });
    for (name, value) in change.as_object().unwrap() {
        day[name] = value.clone();
    }
    json!({ "days": [day] })
}

fn refusal(change: &Json) -> Refusal {
    let mapped = compiled(steps()).apply(&day(change), &given(), 0);
    assert!(mapped.entities.is_empty(), "{change}");
    mapped.refusals.into_iter().next().unwrap_or_else(|| panic!("{change} is not refused"))
}

#[test]
fn a_record_becomes_its_entities() {
    let mapping = compiled(steps());
    assert!(mapping.check().is_empty());
    let input = json!({ "days": [
        { "id": "a", "count": 8000, "method": "auto", "day": "4月1日", "device": null, "end": "2026-04-01T14:00:00Z" },
        { "id": "b", "deleted": true },
        { "id": 3, "count": "9", "method": "walk", "day": "4月2日", "device": "", "end": null },
        { "id": "d", "count": "many", "method": "auto", "day": "4月3日", "device": 1, "end": null }
    ] });
    let mapped = mapping.apply(&input, &given(), 1_775_000_000_000_000);
    assert_eq!((mapped.entities.len(), mapped.skipped, mapped.refusals.len()), (2, 1, 1));
    let [one, other] = mapped.entities.as_slice() else { panic!("two") };
    let iri = |name: &str| Context::core().expand(name).into_owned();
    assert_eq!(one.types, [iri("HealthActivity")]);
    let count = one.attribute(&iri("steps")).unwrap().instance(None).unwrap();
    assert_eq!(
        (count.value.get(), count.observed_at.as_deref(), count.unit_code.as_deref()),
        ("8000", Some("2026-04-01T14:00:00Z"), Some("H87"))
    );
    assert_eq!(count.created_at, 1_775_000_000_000_000);
    // What is null is left out.
    assert!(one.attribute(&iri("device")).is_none() && other.attribute(&iri("device")).is_none());
    assert!(other.attribute(&iri("steps")).unwrap().instance(None).unwrap().observed_at.is_none());
    let refusal = &mapped.refusals[0];
    assert_eq!(
        (refusal.item, refusal.attribute.as_deref(), refusal.rule),
        (Some(3), Some("steps"), Rule::Value)
    );
}

#[test]
fn ids_are_the_same_for_the_same_key_and_tell_nothing() {
    let id = |secret: &str, config: Json, input: &Json| {
        let secrets = Secrets::from([("ids".to_owned(), SecretString::from(secret.to_owned()))]);
        let mut config = self::config(config);
        let made = Key::new(&secrets["ids"], &config.name, "Device").id("7");
        config.samples[0].expect.as_mut().unwrap()[0]["device"] = made.into();
        let mapped = Mapping::compile(config, &secrets).unwrap().apply(input, &given(), 0);
        mapped.entities[0].id.clone()
    };
    let one = id(SECRET, steps(), &day(&json!({})));
    assert!(one.starts_with("urn:ngsi-ld:HealthActivity:") && one.len() == 27 + 36, "{one}");
    assert_eq!(one, id(SECRET, steps(), &day(&json!({ "count": 1 }))));
    assert_ne!(one, id(SECRET, steps(), &day(&json!({ "id": "b" }))));
    assert_ne!(one, id("another", steps(), &day(&json!({}))));
    assert_ne!(one, id(SECRET, with("/name", json!("walks")), &day(&json!({}))));
    assert!(!format!("{:?}", compiled(steps())).contains(SECRET));
}

#[test]
fn what_cannot_become_an_entity_is_refused_by_its_rule() {
    for (change, rule, attribute) in [
        (json!({ "count": null }), Rule::Value, Some("steps")),
        (json!({ "count": "都農花子" }), Rule::Value, Some("steps")),
        (json!({ "end": "1日の夜" }), Rule::ObservedAt, Some("steps")),
        (json!({ "end": 5 }), Rule::ObservedAt, Some("steps")),
        (json!({ "end": "2026-04-01T09:00:00" }), Rule::ObservedAt, Some("steps")),
        (json!({ "km": "far" }), Rule::Value, Some("distance")),
        (json!({ "at": "here" }), Rule::Model, Some("location")),
        (json!({ "at": [200, 100, "x"] }), Rule::Model, Some("location")),
        (json!({ "id": "" }), Rule::Id, None),
        (json!({ "id": [1] }), Rule::Id, None),
        (json!({ "deleted": 1 }), Rule::When, None),
        (json!({ "day": 5 }), Rule::Value, Some("label")),
        (json!({ "myNumber": 1 }), Rule::IndividualNumber, None),
        (json!({ "deep": { "個人番号": null } }), Rule::IndividualNumber, None),
        (json!({ "day": "123456789018" }), Rule::IndividualNumber, None),
    ] {
        let refusal = refusal(&change);
        assert_eq!(
            (refusal.rule, refusal.attribute.as_deref()),
            (rule, attribute),
            "{change}: {refusal}"
        );
        let (ja, en) = rule.remedy();
        assert!(!ja.is_empty() && !en.is_empty());
        let shown = format!("{refusal} {refusal:?}");
        assert!(
            !shown.contains("花子") && !shown.contains("夜") && !shown.contains("123456789018"),
            "{shown}"
        );
    }
    let mapping = compiled(steps());
    let rule =
        |record: &Json, given: &Map<String, Json>| mapping.apply(record, given, 0).refusals[0].rule;
    assert_eq!(rule(&json!({ "days": 5 }), &given()), Rule::ForEach);
    assert_eq!(rule(&json!({}), &given()), Rule::ForEach);
    assert_eq!(rule(&day(&json!({})), &Map::new()), Rule::Required);
    assert_eq!(
        rule(&day(&json!({})), &Map::from_iter([("subject".to_owned(), json!("花子"))])),
        Rule::Kind
    );
    assert_eq!(rule(&json!({ "days": "x".repeat(600_000) }), &given()), Rule::Size);
    let twins = json!({ "days": [day(&json!({}))["days"][0], day(&json!({}))["days"][0]] });
    let mapped = mapping.apply(&twins, &given(), 0);
    assert_eq!((mapped.entities.len(), mapped.refusals[0].rule), (1, Rule::DuplicateId));
    assert!(mapping.apply(&json!({ "days": null }), &given(), 0).refusals.is_empty());
}

#[test]
fn variables_of_its_own_are_found_in_any_order_and_fail_where_they_are_used() {
    let config = |lets: Json| {
        json!({
            "name": "m", "type": "T", "id": "'urn:t:' + string(record.id)", "for_each": "record.l", "let": lets,
            "when": "record.id > 0",
            "attributes": { "a": { "value": "double_it" }, "t": { "value": "has(item.at) ? at : null" } },
            "samples": [{ "name": "s", "input": { "id": 1, "l": [{ "n": 4, "at": 0 }] }, "expect": [{ "type": "T", "a": 8, "t": "1970-01-01T00:00:00Z" }] }]
        })
    };
    let mapping =
        compiled(config(json!({ "double_it": "n * 2", "at": "epoch_s(item.at)", "n": "item.n" })));
    let mapped =
        mapping.apply(&json!({ "id": 1, "l": [{ "n": 5 }, { "n": "都農" }, {}] }), &Map::new(), 0);
    assert_eq!((mapped.entities.len(), mapped.refusals.len()), (1, 2));
    let shown: Vec<_> = mapped.refusals.iter().map(ToString::to_string).collect();
    assert!(
        shown[0].starts_with("value of a in item 1: * cannot be used on string, int"),
        "{shown:?}"
    );
    assert!(shown[1].starts_with("value of a in item 2: a member is missing: n"), "{shown:?}");
    // One that nobody asks for may fail.
    assert_eq!(mapping.apply(&json!({ "id": 0, "l": [{}] }), &Map::new(), 0).skipped, 1);
    for (lets, expected) in [
        (
            json!({ "double_it": "n * 2", "n": "double_it", "at": "epoch_s(0)" }),
            "let.double_it: it needs another one",
        ),
        (
            json!({ "double_it": "n * 2", "n": "itm.n", "at": "epoch_s(0)" }),
            "let.n: there is no variable itm",
        ),
        (
            json!({ "double_it": "1", "record": "2", "at": "epoch_s(0)" }),
            "let: record cannot be the name",
        ),
    ] {
        let found = findings(config(lets));
        assert!(found.contains(expected) && !found.contains("attributes"), "{expected}\n{found}");
    }
}

#[test]
fn what_is_wrong_with_a_mapping_is_found_at_once() {
    for (change, expected) in [
        (with("/when", json!("items.deleted")), "when: there is no variable items"),
        (
            with("/for_each", json!("item.days")),
            "for_each: there is no variable item (line 1, column 1); use one of record, subject",
        ),
        (
            with("/attributes/steps/value", json!("convert(item.count, 'kg', 'm')")),
            "attributes.steps.value: the two units",
        ),
        (
            with("/attributes/steps/unit_code", json!("C62")),
            "attributes.steps.unit_code: there is no variable C62",
        ),
        (
            with("/attributes/person/unit_code", json!("'C62'")),
            "attributes.person.unit_code: only a property",
        ),
        (
            with("/attributes/steps/id_from", json!({ "key": "item.id", "secret": "ids" })),
            "attributes.steps: give one of",
        ),
        (with("/id_from/secret", json!("other")), "id_from.secret: there is no secret named other"),
        (with("/id", json!("item.id")), "id: give one of an expression and id_from"),
        (
            with("/attributes/device/id_from/type", Json::Null),
            "attributes.device.id_from.type: say which type",
        ),
        (
            with("/attributes/myNumber", json!({ "value": "1" })),
            "attributes.myNumber: the individual number",
        ),
        (
            with("/attributes/observedAt", json!({ "value": "1" })),
            "attributes.observedAt: a reserved name",
        ),
        (
            with("/attributes/recordingMethod/dataset_id", json!("item.method")),
            "samples.a day: it is refused: dataset-id of recordingMethod in item 0",
        ),
        (
            with("/attributes/steps/unit_code", json!("item.count")),
            "samples.a day: it is refused: unit-code of steps in item 0: it gives a int",
        ),
        (with("/given", json!(["item"])), "given: item cannot be"),
        (with("/samples", json!([])), "samples: there is none"),
        (with("/sample_files", json!(["a.json"])), "sample_files: they were not read"),
        (
            with("/tables/method", json!({ "auto": [] })),
            "tables: the table \"method\" holds a list",
        ),
        (
            with("/samples/0/expect/0/steps", json!(1)),
            "samples.a day: entity 0: steps is expected to be 1",
        ),
        (with("/samples/0/expect/0/more", json!(1)), "samples.a day: entity 0 lacks more"),
        (
            with("/samples/0/expect/0/type", json!("Other")),
            "samples.a day: entity 0: type is expected",
        ),
        (
            with("/samples/0/input/days", json!([])),
            "samples.a day: 1 entities are expected, 0 came out",
        ),
        (with("/samples/0/refuse", json!("value")), "samples.a day: a sample has one of"),
        (with("/samples/0/given/other", json!(1)), "samples.a day: it gives other"),
    ] {
        let found = findings(change);
        assert!(found.contains(expected), "{expected}\n{found}");
    }
    // Three things at once.
    let mut json = with("/when", json!("x"));
    json["attributes"]["steps"]["value"] = json!("y");
    json["id_from"]["key"] = json!("z");
    assert_eq!(findings(json).lines().count(), 3);
}

#[test]
fn the_same_attribute_twice_is_refused() {
    let twice = r#"{ "name": "m", "id": "'urn:a:1'", "type": "T", "attributes": { "a": { "value": "1" }, "a": { "value": "2" } } }"#;
    let error = serde_json::from_str::<MappingConfig>(twice).unwrap_err().to_string();
    assert!(error.starts_with("a is there twice"), "{error}");
    let spelled = json!({ "name": "m", "id": "'urn:a:1'", "type": "T", "attributes": {
        "a": { "value": "1" }, "https://uri.etsi.org/ngsi-ld/default-context/a": { "value": "2" } },
        "samples": [{ "name": "s", "input": 1, "expect": [{ "a": 1 }] }] });
    assert!(findings(spelled).contains("another name says the same attribute"));
}

#[test]
fn a_sample_can_show_a_refusal() {
    let sample = |rule: &str| {
        let mut json = steps();
        json["samples"][0]["expect"][0]["device"] =
            Key::new(&SecretString::from(SECRET.to_owned()), "steps", "Device").id("7").into();
        json["samples"].as_array_mut().unwrap().push(json!({
            "name": "no count", "given": { "subject": "urn:ngsi-ld:Person:1" },
            "input": { "days": [{ "id": "a", "count": "x", "method": "auto", "day": "1", "device": 7, "end": null }] },
            "refuse": rule
        }));
        Mapping::compile(config(json), &secrets())
    };
    assert!(sample("value").is_ok());
    assert!(
        sample("required").unwrap_err()[0]
            .to_string()
            .contains("to be refused by required, and is by value")
    );
}

#[test]
fn a_mapping_can_be_written_in_toml_with_samples_in_files() {
    let text = r#"
        name = "weight"
        id = "'urn:ngsi-ld:Weight:' + record.id"
        type = "Weight"
        sample_files = ["weight.samples.json"]
        [attributes.weight]
        value = "convert(record.value, record.unit, 'kg')"
        unit_code = "'KGM'"
        required = true
    "#;
    let mut config: MappingConfig = toml::from_str(text).unwrap();
    let samples = r#"[{ "name": "pounds", "input": { "id": "1", "value": 150, "unit": "[lb_av]" },
                        "expect": [{ "id": "urn:ngsi-ld:Weight:1", "type": "Weight", "weight": 68.0388555 }] },
                      { "name": "no unit", "input": { "id": "1", "value": 150, "unit": "stone" }, "refuse": "value" }]"#;
    config
        .read_samples(|file| {
            (file == "weight.samples.json")
                .then(|| samples.to_owned())
                .ok_or_else(|| file.to_owned())
        })
        .unwrap();
    assert!(Mapping::compile(config, &Secrets::new()).is_ok());
    assert!(toml::from_str::<MappingConfig>(&text.replace("required", "requird")).is_err());
}

#[test]
fn the_example_of_the_page_works() {
    let page = include_str!("../../../../docs/mappings.md");
    let (_, rest) = page.split_once("```json\n").unwrap();
    let (example, _) = rest.split_once("```").unwrap();
    assert!(Mapping::compile(serde_json::from_str(example).unwrap(), &secrets()).is_ok());
    // And every rule is named there.
    let rules = [
        Rule::Size,
        Rule::IndividualNumber,
        Rule::ForEach,
        Rule::TooMany,
        Rule::When,
        Rule::Id,
        Rule::DuplicateId,
        Rule::Required,
        Rule::Value,
        Rule::Kind,
        Rule::ObservedAt,
        Rule::UnitCode,
        Rule::DatasetId,
        Rule::Model,
    ];
    for rule in rules {
        assert!(page.contains(&format!("`{}`", rule.code())), "{}", rule.code());
    }
}
