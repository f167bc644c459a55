//! The connector against the cases that every connector passes, and its mapping.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::{Arc, Mutex};

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use tsunagu_connect::testkit::{self, Kit, Record, SourceRig};
use tsunagu_connect::{Call, Kind, Ready, Reply, Settings};
use tsunagu_connector_open_mhealth::OpenMhealth;
use tsunagu_mapping::{Mapping, MappingConfig, Secrets};

/// Where the tests' secret stands: a file, as in an installation.
fn secret() -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, "a secret of the tests, of 32 characters").unwrap();
    file
}

fn settings(change: &Value, secret: Option<&tempfile::NamedTempFile>) -> Settings {
    let mut settings = json!({ "url": "https://dsu.example/v1.0.M1/dataPoints", "page": 10 });
    settings.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    let secrets = secret.map_or(json!({}), |file| json!({ "ids": { "file": file.path() } }));
    serde_json::from_value(json!({
        "name": "walks", "kind": "open-mhealth", "title": { "ja": "歩数", "en": "Walks" },
        "secrets": secrets, "settings": settings
    }))
    .unwrap()
}

struct Unit(tempfile::NamedTempFile);

impl SourceRig for Unit {
    fn ready(&self) -> Ready {
        let kinds: Vec<Box<dyn Kind>> = vec![Box::new(OpenMhealth)];
        tsunagu_connect::validate(&kinds, &[settings(&json!({}), Some(&self.0))]).unwrap().remove(0)
    }

    fn answer(records: &[Record], call: &Call) -> Reply {
        let parameter = |name: &str| {
            let mut pairs = call.url.query_pairs();
            pairs.find(|(other, _)| other == name).map(|(_, value)| value.into_owned())
        };
        let number = |name: &str| parameter(name).unwrap().parse::<usize>().unwrap();
        let name = parameter("schema_name").unwrap();
        let since =
            parameter("created_on_or_after").map(|since| since.parse::<DateTime<Utc>>().unwrap());
        // Every third record is of the older schema.
        let of_schema =
            records.iter().filter(|record| record.id.is_multiple_of(3) == (name == "step-count"));
        let newer = of_schema.filter(|record| since.is_none_or(|since| created(**record) >= since));
        // Pages are shorter than what was asked for.
        let page = newer.skip(number("skip")).take(number("limit").min(4));
        let points: Vec<Value> = page.copied().map(point).collect();
        Reply { status: 200, headers: Vec::new(), body: json!(points).to_string().into_bytes() }
    }
}

fn created(record: Record) -> DateTime<Utc> {
    format!("2026-01-{:02}T00:00:{:02}Z", 1 + record.revision, record.id).parse().unwrap()
}

fn point(record: Record) -> Value {
    let interval = json!({ "time_interval": { "start_date_time": "2026-01-01T08:00:00+09:00", "duration": { "value": 30, "unit": "min" } } });
    let (user, steps) = ("8d2f6c1e-0000-4000-8000-000000000001", 100 * record.id + record.revision);
    if record.id.is_multiple_of(3) {
        json!({
            "header": {
                "id": format!("point-{}", record.id), "creation_date_time": created(record), "user_id": user,
                "schema_id": { "namespace": "omh", "name": "step-count", "version": "3.0" },
                "acquisition_provenance": { "source_name": "pedometer", "modality": "sensed" }
            },
            "body": { "step_count": { "value": steps, "unit": "steps" }, "effective_time_frame": interval }
        })
    } else {
        json!({
            "header": {
                "uuid": format!("point-{}", record.id), "source_creation_date_time": created(record), "user_id": user,
                "schema_id": { "namespace": "ieee", "name": "physical-activity", "version": "1.0" }, "modality": "sensed"
            },
            "body": {
                "activity_name": "walking", "base_movement_quantity": { "value": steps, "unit": "steps" },
                "effective_time_frame": interval
            }
        })
    }
}

#[tokio::test]
async fn passes_the_kit() {
    testkit::source(&Unit(secret())).await;
}

#[test]
fn the_mapping_holds_what_its_samples_show() {
    let text = include_str!("../mappings/activity.json");
    let config: MappingConfig = serde_json::from_str(text).unwrap();
    let (pass, fail): (Vec<_>, Vec<_>) =
        config.samples.iter().partition(|sample| sample.expect.is_some());
    assert!(pass.len() >= 5 && fail.len() >= 5, "samples show both what passes and what fails");
    let secrets = Secrets::from([("ids".to_owned(), "a secret of the tests".to_owned().into())]);
    let mapping = Mapping::compile(config, &secrets).unwrap();
    // The same data point is the same entity, whatever of it changes.
    let id = |revision| {
        let record = point(Record { id: 1, revision });
        mapping.apply(&record, &Map::new(), 0).entities[0].id.clone()
    };
    assert_eq!(id(0), id(1));
}

#[test]
fn settings_that_cannot_work_are_all_told() {
    let kinds: Vec<Box<dyn Kind>> = vec![Box::new(OpenMhealth)];
    let file = secret();
    for (wrong, at) in [
        (json!({ "url": "ftp://dsu.example/" }), "settings.url"),
        (json!({ "schemas": [] }), "settings.schemas"),
        (json!({ "page": 0 }), "settings.page"),
        (json!({ "colour": 1 }), "settings"),
    ] {
        let found =
            tsunagu_connect::validate(&kinds, &[settings(&wrong, Some(&file))]).unwrap_err();
        assert_eq!(found[0].at, at, "{wrong}");
    }
    let found = tsunagu_connect::validate(&kinds, &[settings(&json!({}), None)]).unwrap_err();
    assert_eq!(found[0].at, "secrets.ids");
}

#[tokio::test]
async fn marks_in_the_future_move_nothing_and_a_cursor_of_other_settings_begins_anew() {
    let (kit, file) = (Kit::default(), secret());
    let kinds: Vec<Box<dyn Kind>> = vec![Box::new(OpenMhealth)];
    let source = async |change: &Value| {
        let settings = settings(change, Some(&file));
        let ready = tsunagu_connect::validate(&kinds, &[settings]).unwrap().remove(0);
        ready.build(&kit.host()).await.unwrap().source.unwrap()
    };
    let now = kit.host().clock.now();
    let hour = chrono::TimeDelta::hours(1);
    let marks = [
        json!(now - hour),
        json!(now + hour),
        json!("2999-01-01T00:00:00Z"),
        json!("soon"),
        json!(7),
    ];
    let points = marks.map(|at| json!({ "header": { "creation_date_time": at } }));
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = Arc::clone(&asked);
    kit.http.answers(move |call| {
        let asked = call.url.as_str().replace("%3A", ":");
        let first =
            asked.contains("skip=0") && asked.contains("=one") && !asked.contains("created_on");
        seen.lock().unwrap().push(asked);
        let body = if first { json!(points) } else { json!([]) };
        Reply { status: 200, headers: Vec::new(), body: body.to_string().into_bytes() }
    });
    let one = json!({ "schemas": [{ "namespace": "ieee", "name": "one" }] });
    let mut first = source(&one).await;
    let begun = first.poll(None).await.unwrap().cursor;
    let done = first.poll(Some(&begun)).await.unwrap();
    assert!(!done.more);
    first.poll(Some(&done.cursor)).await.unwrap();
    let since = (now - hour - chrono::TimeDelta::minutes(5))
        .format("created_on_or_after=%Y-%m-%dT%H:%M:%S");
    let last = asked.lock().unwrap().pop().unwrap();
    assert!(last.contains(&since.to_string()), "{last}");
    // In the middle of a round: the same settings go on, others begin.
    let elsewhere = json!({ "url": "https://other.example/points", "schemas": one["schemas"] });
    let two = json!({ "schemas": [{ "namespace": "ieee", "name": "two" }] });
    for (settings, skip) in [(&one, "skip=5"), (&elsewhere, "skip=0"), (&two, "skip=0")] {
        source(settings).await.poll(Some(&begun)).await.unwrap();
        let last = asked.lock().unwrap().pop().unwrap();
        assert!(last.contains(skip), "{last}");
    }
}
