//! The connector against the cases that every connector passes, and its mappings.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use tsunagu_connect::testkit::{self, Kit, Record, SinkRig, SourceRig};
use tsunagu_connect::{Call, ConnectError, Kind, Ready, Reply, Settings, Source};
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

/// An empty page, with another after it if there is one.
fn page(entries: &[Value], next: Option<&str>) -> Reply {
    let links: Vec<Value> =
        next.iter().map(|next| json!({ "relation": "next", "url": next })).collect();
    let entries: Vec<Value> = entries.iter().map(|found| json!({ "resource": found })).collect();
    reply(
        &json!({ "resourceType": "Bundle", "type": "searchset", "link": links, "entry": entries }),
    )
}

/// A server that answers in this order, and what it was asked.
fn server(kit: &Kit, answers: Vec<Reply>) -> Arc<Mutex<Vec<String>>> {
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let (seen, answers) = (Arc::clone(&asked), Mutex::new(VecDeque::from(answers)));
    kit.http.answers(move |call| {
        let path = call.url.as_str().replace("%3A", ":");
        seen.lock().unwrap().push(path);
        answers.lock().unwrap().pop_front().unwrap_or_else(|| page(&[], None))
    });
    asked
}

async fn source(kit: &Kit, change: &Value, file: &tempfile::NamedTempFile) -> Box<dyn Source> {
    ready(change, Some(file)).build(&kit.host()).await.unwrap().source.unwrap()
}

fn gone() -> Reply {
    Reply { status: 410, headers: Vec::new(), body: Vec::new() }
}

#[tokio::test]
async fn a_mark_in_the_future_or_unreadable_never_moves_where_the_next_round_begins() {
    let (kit, file) = (Kit::default(), secret());
    let now = kit.host().clock.now();
    let observation =
        |at: Value| json!({ "resourceType": "Observation", "meta": { "lastUpdated": at } });
    let hour = chrono::TimeDelta::hours(1);
    let found = [
        json!(now - hour),
        json!(now + hour),
        json!("2999-01-01T00:00:00Z"),
        json!("soon"),
        json!(7),
    ];
    let asked = server(&kit, vec![page(&found.map(observation), None)]);
    let mut source = source(&kit, &json!({}), &file).await;
    let first = source.poll(None).await.unwrap();
    assert_eq!((first.items.len(), first.more), (5, false));
    source.poll(Some(&first.cursor)).await.unwrap();
    let since = (now - hour - chrono::TimeDelta::minutes(5)).format("ge%Y-%m-%dT%H:%M:%S");
    let asked = asked.lock().unwrap();
    assert!(
        !asked[0].contains("_lastUpdated=") && asked[1].contains(&since.to_string()),
        "{asked:?}"
    );
}

#[tokio::test]
async fn a_page_that_the_server_has_forgotten_begins_the_round_anew() {
    let (kit, file) = (Kit::default(), secret());
    let at = kit.host().clock.now() - chrono::TimeDelta::days(1);
    let newest = [json!({ "resourceType": "Observation", "meta": { "lastUpdated": at } })];
    let there = "https://clinic.example/fhir?page=7";
    let asked =
        server(&kit, vec![page(&newest, None), page(&[], Some(there)), gone(), page(&[], None)]);
    let mut source = source(&kit, &json!({}), &file).await;
    let mut cursor = None;
    for more in [false, true, false, false] {
        let batch = source.poll(cursor.as_ref()).await.unwrap();
        assert_eq!(batch.more, more);
        cursor = Some(batch.cursor);
    }
    let asked = asked.lock().unwrap().clone();
    assert_eq!(
        (asked[2].as_str(), &asked[3]),
        (there, &asked[1]),
        "from where the last whole round ended"
    );
    assert!(asked[1].contains("_lastUpdated=ge"), "{asked:?}");
    // A search that it never takes is no end of a round.
    server(&kit, vec![gone()]);
    assert!(matches!(source.poll(None).await, Err(ConnectError::Unavailable(_))));
    // Nothing of another host is kept.
    server(&kit, vec![page(&[], Some("https://elsewhere.example/fhir?page=7"))]);
    assert!(matches!(source.poll(None).await, Err(ConnectError::Unavailable(_))));
}

#[tokio::test]
async fn a_cursor_of_other_settings_begins_anew() {
    let (kit, file) = (Kit::default(), secret());
    let asked = server(&kit, vec![page(&[], Some("https://clinic.example/fhir?page=7"))]);
    let cursor = source(&kit, &json!({}), &file).await.poll(None).await.unwrap().cursor;
    for (change, next) in [
        (json!({}), "https://clinic.example/fhir?page=7"),
        (json!({ "page": 20 }), "https://clinic.example/fhir?page=7"),
        (json!({ "what": "activity" }), "https://clinic.example/fhir/Observation?code="),
        (
            json!({ "query": { "category": "exam" } }),
            "https://clinic.example/fhir/Observation?category=exam",
        ),
        (json!({ "url": "https://clinic.example/r4" }), "https://clinic.example/r4/Observation?"),
    ] {
        source(&kit, &change, &file).await.poll(Some(&cursor)).await.unwrap();
        let last = asked.lock().unwrap().pop().unwrap();
        assert!(last.starts_with(next), "{change}: {last}");
    }
}
