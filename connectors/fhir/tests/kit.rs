//! The connector against the cases that every connector passes, and its mappings.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use tsunagu_connect::testkit::{self, Record, SinkRig, SourceRig};
use tsunagu_connect::{Call, Kind, Ready, Reply, Settings};
use tsunagu_connector_fhir::Fhir;
use tsunagu_mapping::{Mapping, MappingConfig, Secrets};

const PATIENT: &str = "8d2f6c1e-0000-4000-8000-000000000001";

/// Where the tests' secret stands: a file, as in an installation.
fn secret() -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, "a secret of the tests, of 32 characters").unwrap();
    file
}

fn settings(change: &Value, secret: Option<&tempfile::NamedTempFile>) -> Settings {
    let mut settings = json!({ "url": "https://clinic.example/fhir/", "page": 10 });
    settings.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    let secrets = secret.map_or(json!({}), |file| json!({ "ids": { "file": file.path() } }));
    serde_json::from_value(json!({
        "name": "clinic", "kind": "fhir", "title": { "ja": "診療所", "en": "Clinic" },
        "secrets": secrets, "settings": settings
    }))
    .unwrap()
}

fn ready(change: &Value, secret: Option<&tempfile::NamedTempFile>) -> Ready {
    let kinds: Vec<Box<dyn Kind>> = vec![Box::new(Fhir)];
    tsunagu_connect::validate(&kinds, &[settings(change, secret)]).unwrap().remove(0)
}

fn reply(body: &Value) -> Reply {
    Reply { status: 200, headers: Vec::new(), body: body.to_string().into_bytes() }
}

fn updated(record: Record) -> DateTime<Utc> {
    format!("2026-01-{:02}T00:00:{:02}Z", 1 + record.revision, record.id).parse().unwrap()
}

fn weight(record: Record) -> Value {
    json!({
        "resourceType": "Observation", "id": format!("w-{}", record.id), "status": "final",
        "meta": { "lastUpdated": updated(record) },
        "code": { "coding": [{ "system": "http://loinc.org", "code": "29463-7" }] },
        "subject": { "reference": format!("https://clinic.example/fhir/Patient/{PATIENT}") },
        "effectiveDateTime": "2026-01-01T09:00:00+09:00",
        "valueQuantity": { "value": 60 + record.revision, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg" }
    })
}

fn steps(record: Record) -> Value {
    json!({
        "resourceType": "Observation", "id": format!("s-{}", record.id), "status": "final",
        "meta": { "lastUpdated": updated(record) },
        "code": { "coding": [{ "system": "http://loinc.org", "code": "55423-8" }] },
        "subject": { "reference": format!("Patient/{PATIENT}") },
        "effectivePeriod": { "start": "2026-01-01T00:00:00+09:00", "end": "2026-01-01T23:00:00+09:00" },
        "valueQuantity": { "value": 5000 + record.revision, "unit": "steps" }
    })
}

/// A search as a FHIR server answers it: sorted, by pages, with remarks beside the results.
fn search(records: &[Record], call: &Call, resource: fn(Record) -> Value) -> Reply {
    let parameter = |name: &str| {
        let mut pairs = call.url.query_pairs();
        pairs.find(|(other, _)| other == name).map(|(_, value)| value.into_owned())
    };
    match call.url.path() {
        "/fhir/metadata" => {
            return reply(
                &json!({ "resourceType": "CapabilityStatement", "fhirVersion": "4.0.1" }),
            );
        }
        "/fhir/Observation" => {}
        _ => return Reply { status: 404, headers: Vec::new(), body: Vec::new() },
    }
    let since = parameter("_lastUpdated")
        .map(|since| since.strip_prefix("ge").unwrap().parse::<DateTime<Utc>>().unwrap());
    let mut found: Vec<Record> = records
        .iter()
        .copied()
        .filter(|record| since.is_none_or(|since| updated(*record) >= since))
        .collect();
    found.sort_by_key(|record| updated(*record));
    let (page, count): (usize, usize) = (
        parameter("page").map_or(0, |page| page.parse().unwrap()),
        parameter("_count").unwrap().parse().unwrap(),
    );
    let mut entries: Vec<Value> = found
        .iter()
        .skip(page * count)
        .take(count)
        .map(|record| json!({ "resource": resource(*record), "search": { "mode": "match" } }))
        .collect();
    entries.push(json!({ "resource": { "resourceType": "OperationOutcome" }, "search": { "mode": "outcome" } }));
    let mut links = vec![json!({ "relation": "self", "url": call.url })];
    if found.len() > (page + 1) * count {
        let mut next = call.url.clone();
        let kept: Vec<_> = call.url.query_pairs().filter(|(name, _)| name != "page").collect();
        next.query_pairs_mut()
            .clear()
            .extend_pairs(kept)
            .append_pair("page", &(page + 1).to_string());
        links.push(json!({ "relation": "next", "url": next }));
    }
    reply(
        &json!({ "resourceType": "Bundle", "type": "searchset", "link": links, "entry": entries }),
    )
}

struct Measurements(tempfile::NamedTempFile);

impl SourceRig for Measurements {
    fn ready(&self) -> Ready {
        ready(&json!({}), Some(&self.0))
    }

    fn answer(records: &[Record], call: &Call) -> Reply {
        search(records, call, weight)
    }
}

struct Activity(tempfile::NamedTempFile);

impl SourceRig for Activity {
    fn ready(&self) -> Ready {
        ready(&json!({ "what": "activity" }), Some(&self.0))
    }

    fn answer(records: &[Record], call: &Call) -> Reply {
        search(records, call, steps)
    }
}

struct Outbound;

impl SinkRig for Outbound {
    fn ready(&self) -> Ready {
        ready(&json!({ "send": true, "what": "activity" }), None)
    }

    fn answer(call: &Call) -> (Reply, Option<String>) {
        let body: Option<Value> = call.body.as_ref().map(|(media, body)| {
            assert_eq!(*media, "application/fhir+json");
            serde_json::from_slice(body).unwrap()
        });
        match (call.method, body) {
            ("PUT", Some(observation)) => {
                let path = call.url.path().to_owned();
                assert_eq!(
                    path,
                    format!("/fhir/Observation/{}", observation["id"].as_str().unwrap())
                );
                (
                    Reply { status: 201, headers: Vec::new(), body: Vec::new() },
                    Some(format!("{path} {observation}")),
                )
            }
            _ => (Reply { status: 400, headers: Vec::new(), body: Vec::new() }, None),
        }
    }

    fn entity(&self, n: u32) -> Value {
        json!({
            "id": format!("urn:ngsi-ld:HealthActivity:0000000{n}"), "type": "HealthActivity",
            "person": { "type": "Relationship", "object": format!("urn:ngsi-ld:Person:{PATIENT}") },
            "steps": { "type": "Property", "value": 5000 + n, "unitCode": "H87", "observedAt": "2026-01-01T14:00:00Z" },
            "startedAt": { "type": "Property", "value": { "@type": "DateTime", "@value": "2026-01-01T13:00:00Z" } },
            "endedAt": { "type": "Property", "value": { "@type": "DateTime", "@value": "2026-01-01T14:00:00Z" } },
            "recordingMethod": { "type": "Property", "value": "sensed" }
        })
    }
}

#[tokio::test]
async fn passes_the_kit_with_measurements() {
    testkit::source(&Measurements(secret())).await;
}

#[tokio::test]
async fn passes_the_kit_with_activity() {
    testkit::source(&Activity(secret())).await;
}

#[tokio::test]
async fn passes_the_kit_as_a_receiver_of_changes() {
    testkit::sink(&Outbound).await;
}

#[test]
fn the_mappings_hold_what_their_samples_show() {
    let secrets = Secrets::from([("ids".to_owned(), "a secret of the tests".to_owned().into())]);
    for (text, record) in [
        (include_str!("../mappings/measurements.json"), weight as fn(Record) -> Value),
        (include_str!("../mappings/activity.json"), steps),
    ] {
        let config: MappingConfig = serde_json::from_str(text).unwrap();
        let (pass, fail): (Vec<_>, Vec<_>) =
            config.samples.iter().partition(|sample| sample.expect.is_some());
        assert!(pass.len() >= 4 && fail.len() >= 3, "samples show both what passes and what fails");
        let mapping =
            Mapping::compile(config, &secrets).unwrap_or_else(|found| panic!("{found:?}"));
        // The same Observation is the same entity, whatever of it changes.
        let id = |revision| {
            mapping.apply(&record(Record { id: 1, revision }), &Map::new(), 0).entities[0]
                .id
                .clone()
        };
        assert_eq!(id(0), id(1));
    }
}

#[test]
fn settings_that_cannot_work_are_all_told() {
    let kinds: Vec<Box<dyn Kind>> = vec![Box::new(Fhir)];
    let file = secret();
    for (wrong, at) in [
        (json!({ "url": "ftp://clinic.example/" }), "settings.url"),
        (json!({ "url": "https://clinic.example/fhir?x=1" }), "settings.url"),
        (json!({ "page": 0 }), "settings.page"),
        (json!({ "query": { "_count": "5" } }), "settings.query"),
        (json!({ "what": "everything" }), "settings.what"),
        (json!({ "colour": 1 }), "settings"),
    ] {
        let found =
            tsunagu_connect::validate(&kinds, &[settings(&wrong, Some(&file))]).unwrap_err();
        assert!(
            found[0].at.starts_with(at) || found[0].at == "settings",
            "{wrong}: {}",
            found[0].at
        );
    }
    let found = tsunagu_connect::validate(&kinds, &[settings(&json!({}), None)]).unwrap_err();
    assert_eq!(found[0].at, "secrets.ids");
}
