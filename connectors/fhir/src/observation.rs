//! From entities to Observations (FHIR R4).

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Map, Value, json};
use uuid::Builder;

/// What has to be done there about an entity here.
#[derive(Debug, PartialEq)]
pub(crate) enum Change {
    /// The Observation of this logical id is this.
    Put(String, Value),
    /// There is none of this logical id any more.
    Delete(String),
}

const LOINC: &str = "http://loinc.org";
const UCUM: &str = "http://unitsofmeasure.org";
const CATEGORY: &str = "http://terminology.hl7.org/CodeSystem/observation-category";

/// UN/CEFACT code, UCUM code, what people read.
const UNITS: [(&str, &str, &str); 10] = [
    ("H87", "{steps}", "steps"),
    ("KGM", "kg", "kg"),
    ("GRM", "g", "g"),
    ("CMT", "cm", "cm"),
    ("MTR", "m", "m"),
    ("CEL", "Cel", "°C"),
    ("HN", "mm[Hg]", "mmHg"),
    ("C94", "/min", "/min"),
    ("P1", "%", "%"),
    ("28", "kg/m2", "kg/m2"),
];

/// What is to be done about an entity of a notification, normalized or simplified; the reason if it has no form there, without a value.
pub(crate) fn change(entity: &Value) -> Result<Change, &'static str> {
    let Value::Object(entity) = entity else { return Err("it is no entity") };
    let text = |name: &str| entity.get(name).and_then(Value::as_str);
    let urn = text("id").ok_or("it has no id")?;
    let id = logical_id(urn)?;
    let observation = match text("type") {
        Some("HealthActivity") => activity(entity),
        Some("HealthObservation") => measurement(entity),
        _ => return Err("its type has no form in FHIR here"),
    };
    if entity.contains_key("deletedAt") {
        return Ok(Change::Delete(id));
    }
    let mut observation = observation?;
    let subject =
        value(entity, "person").and_then(Value::as_str).ok_or("it says not whose it is")?;
    let common = json!({
        "resourceType": "Observation",
        "id": id,
        "identifier": [{ "system": "urn:ietf:rfc:3986", "value": urn }],
        "status": "final",
        "subject": { "type": "Patient", "identifier": { "system": "urn:ietf:rfc:3986", "value": subject } }
    });
    if let Value::Object(common) = common {
        observation.extend(common);
    }
    if value(entity, "recordingMethod").and_then(Value::as_str) == Some("sensed") {
        observation.insert("device".to_owned(), json!({ "display": "sensed" }));
    }
    Ok(Change::Put(id, Value::Object(observation)))
}

/// The logical id of the Observation of this entity: a UUID (version 8, RFC 9562 section 5.8) of the SHA-256 of the whole URN. No two entities share
/// one, and none is that of an Observation which the server made itself.
fn logical_id(urn: &str) -> Result<String, &'static str> {
    let digest = digest(&SHA256, urn.as_bytes());
    let bytes = digest.as_ref().first_chunk::<16>().ok_or("its id has no digest")?;
    Ok(Builder::from_custom_bytes(*bytes).into_uuid().to_string())
}

/// The value of an attribute in either representation, that of the default instance.
fn value<'e>(entity: &'e Map<String, Value>, name: &str) -> Option<&'e Value> {
    let value = match instance(entity, name)? {
        Value::Object(instance) if instance.contains_key("type") => {
            instance.get("value").or_else(|| instance.get("object"))?
        }
        simplified => simplified,
    };
    // A typed value (clause 4.6.3).
    Some(value.get("@value").unwrap_or(value))
}

fn instance<'e>(entity: &'e Map<String, Value>, name: &str) -> Option<&'e Value> {
    match entity.get(name)? {
        Value::Array(instances) => {
            instances.iter().find(|instance| instance.get("datasetId").is_none())
        }
        one => Some(one),
    }
}

fn quantity(
    entity: &Map<String, Value>,
    name: &str,
    usual: Option<&str>,
) -> Result<Value, &'static str> {
    let number = value(entity, name).filter(|value| value.is_number()).ok_or("it has no value")?;
    let said = instance(entity, name)
        .and_then(|instance| instance.get("unitCode"))
        .and_then(Value::as_str);
    let code = said.or(usual).ok_or("it has no unit code")?;
    let (_, ucum, unit) = UNITS
        .iter()
        .find(|(unece, ..)| *unece == code)
        .ok_or("its unit code has no form in UCUM here")?;
    Ok(json!({ "value": number, "unit": unit, "system": UCUM, "code": ucum }))
}

fn moment<'e>(entity: &'e Map<String, Value>, name: &str) -> Result<&'e str, &'static str> {
    value(entity, name).and_then(Value::as_str).ok_or("it lacks a time")
}

fn coded(code: &str, category: &str) -> Map<String, Value> {
    Map::from_iter([
        ("category".to_owned(), json!([{ "coding": [{ "system": CATEGORY, "code": category }] }])),
        ("code".to_owned(), json!({ "coding": [{ "system": LOINC, "code": code }] })),
    ])
}

/// Steps in an interval: LOINC 55423-8. An activity without steps has no code that says it.
fn activity(entity: &Map<String, Value>) -> Result<Map<String, Value>, &'static str> {
    let mut observation = coded("55423-8", "activity");
    let period =
        json!({ "start": moment(entity, "startedAt")?, "end": moment(entity, "endedAt")? });
    observation.insert("effectivePeriod".to_owned(), period);
    observation.insert("valueQuantity".to_owned(), quantity(entity, "steps", Some("H87"))?);
    Ok(observation)
}

fn measurement(entity: &Map<String, Value>) -> Result<Map<String, Value>, &'static str> {
    let code = value(entity, "observationCode").and_then(Value::as_str).ok_or("it has no code")?;
    let mut observation = coded(code, "vital-signs");
    observation.insert("effectiveDateTime".to_owned(), moment(entity, "observedOn")?.into());
    if code == "85354-9" {
        let component = |code: &str, name: &str| -> Result<Value, &'static str> {
            let quantity = quantity(entity, name, Some("HN"))?;
            Ok(
                json!({ "code": { "coding": [{ "system": LOINC, "code": code }] }, "valueQuantity": quantity }),
            )
        };
        let both = [component("8480-6", "systolic")?, component("8462-4", "diastolic")?];
        observation.insert("component".to_owned(), both.as_slice().into());
    } else {
        observation.insert("valueQuantity".to_owned(), quantity(entity, "quantity", None)?);
    }
    Ok(observation)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERSON: &str = "urn:ngsi-ld:Person:8d2f6c1e-0000-4000-8000-000000000001";

    fn put(entity: &Value) -> Value {
        match change(entity) {
            Ok(Change::Put(_, observation)) => observation,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn steps_are_an_observation_of_activity() {
        let normalized = json!({
            "id": "urn:ngsi-ld:HealthActivity:7f9a1c34", "type": "HealthActivity",
            "person": { "type": "Relationship", "object": PERSON },
            "steps": [{ "type": "Property", "value": 1, "datasetId": "urn:d:1" }, { "type": "Property", "value": 8214, "unitCode": "H87" }],
            "startedAt": { "type": "Property", "value": { "@type": "DateTime", "@value": "2026-03-31T15:00:00Z" } },
            "endedAt": { "type": "Property", "value": "2026-04-01T15:00:00Z" },
            "recordingMethod": { "type": "Property", "value": "sensed" }
        });
        let simplified = json!({
            "id": "urn:ngsi-ld:HealthActivity:7f9a1c34", "type": "HealthActivity", "person": PERSON, "steps": 8214,
            "startedAt": { "@type": "DateTime", "@value": "2026-03-31T15:00:00Z" }, "endedAt": "2026-04-01T15:00:00Z",
            "recordingMethod": "sensed"
        });
        let observation = put(&normalized);
        assert_eq!(observation, put(&simplified));
        assert_eq!(observation["id"], "0e388344-ca30-856f-bdbd-a67e1f5260e4");
        assert_eq!(observation["identifier"][0]["value"], "urn:ngsi-ld:HealthActivity:7f9a1c34");
        assert_eq!(
            observation["code"]["coding"][0],
            json!({ "system": "http://loinc.org", "code": "55423-8" })
        );
        assert_eq!(
            observation["effectivePeriod"],
            json!({ "start": "2026-03-31T15:00:00Z", "end": "2026-04-01T15:00:00Z" })
        );
        assert_eq!(
            observation["valueQuantity"],
            json!({ "value": 8214, "unit": "steps", "system": "http://unitsofmeasure.org", "code": "{steps}" })
        );
        assert_eq!(observation["subject"]["identifier"]["value"], PERSON);
    }

    #[test]
    fn blood_pressure_has_two_components() {
        let observation = put(&json!({
            "id": "urn:ngsi-ld:HealthObservation:51b2", "type": "HealthObservation", "person": PERSON,
            "observationCode": "85354-9", "systolic": 128, "diastolic": 81, "observedOn": "2026-04-01T22:10:00Z",
            "recordingMethod": "self-reported"
        }));
        assert_eq!(observation["component"][1]["valueQuantity"]["value"], 81);
        assert_eq!(observation["component"][0]["code"]["coding"][0]["code"], "8480-6");
        assert!(observation.get("valueQuantity").is_none() && observation.get("device").is_none());
    }

    #[test]
    fn what_has_no_form_is_refused_and_what_is_gone_is_deleted() {
        let good = json!({ "id": "urn:ngsi-ld:HealthObservation:1", "type": "HealthObservation", "person": PERSON,
            "observationCode": "29463-7", "quantity": { "type": "Property", "value": 60, "unitCode": "KGM" }, "observedOn": "2026-04-01T22:10:00Z" });
        assert_eq!(put(&good)["valueQuantity"]["code"], "kg");
        for (name, wrong) in [
            ("type", json!("Person")),
            ("id", json!(5)),
            ("person", Value::Null),
            ("quantity", json!(60)),
            ("quantity", json!({ "type": "Property", "value": 60, "unitCode": "XYZ" })),
            ("quantity", json!({ "type": "Property", "value": "sixty", "unitCode": "KGM" })),
            ("observedOn", json!(5)),
            ("observationCode", Value::Null),
        ] {
            let mut entity = good.clone();
            entity[name] = wrong;
            assert!(change(&entity).is_err(), "{name}");
        }
    }

    #[test]
    fn no_two_entities_share_a_logical_id_and_none_has_that_of_another_observation() {
        let id = |urn: &str| {
            let gone = json!({ "id": urn, "type": "HealthObservation", "deletedAt": "2026-04-01T22:10:00Z" });
            let put = json!({ "id": urn, "type": "HealthObservation", "person": PERSON, "observationCode": "29463-7",
                "quantity": { "type": "Property", "value": 60, "unitCode": "KGM" }, "observedOn": "2026-04-01T22:10:00Z" });
            let (Ok(Change::Delete(gone)), Ok(Change::Put(kept, observation))) =
                (change(&gone), change(&put))
            else {
                panic!("{urn}")
            };
            assert_eq!((&gone, &observation["id"]), (&kept, &json!(kept)), "the same either way");
            gone
        };
        let urns = [
            "HealthObservation:12345",
            "HealthObservation:a:1",
            "HealthObservation:b:1",
            "HealthActivity:12345",
        ];
        let ids = urns.map(|name| id(&format!("urn:ngsi-ld:{name}")));
        assert_eq!(ids.iter().collect::<std::collections::HashSet<_>>().len(), urns.len());
        for id in ids {
            let id: uuid::Uuid = id.parse().unwrap();
            assert_eq!((id.get_version_num(), id.get_variant()), (8, uuid::Variant::RFC4122));
        }
    }
}
