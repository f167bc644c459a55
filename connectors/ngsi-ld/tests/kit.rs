//! The connector against the cases that every connector passes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::{Value, json};
use tsunagu_connect::testkit::{self, Record, SinkRig, SourceRig};
use tsunagu_connect::{Call, Kind, Ready, Reply, Settings};
use tsunagu_connector_ngsi_ld::NgsiLd;

fn settings(settings: &Value) -> Settings {
    let title = json!({ "ja": "県", "en": "Prefecture" });
    serde_json::from_value(json!({
        "name": "prefecture", "kind": "ngsi-ld", "title": title, "settings": settings
    }))
    .unwrap()
}

fn validate(change: &Value) -> Result<Vec<Ready>, Vec<tsunagu_connect::Finding>> {
    let kinds: Vec<Box<dyn Kind>> = vec![Box::new(NgsiLd)];
    let mut all = json!({ "url": "https://broker.example/base/", "tenant": "miyazaki" });
    all.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    tsunagu_connect::validate(&kinds, &[settings(&all)])
}

fn reply(status: u16, body: &Value) -> Reply {
    Reply { status, headers: Vec::new(), body: body.to_string().into_bytes() }
}

fn entity(kind: &str, record: Record) -> Value {
    json!({
        "id": format!("urn:ngsi-ld:{kind}:{}", record.id), "type": kind,
        "temperature": { "type": "Property", "value": record.revision, "unitCode": "CEL" },
        "near": { "type": "Relationship", "object": "urn:ngsi-ld:Place:1" }
    })
}

struct Both;

impl SourceRig for Both {
    fn ready(&self) -> Ready {
        validate(&json!({ "take": { "types": ["Odd", "Even"], "limit": 5 } })).unwrap().remove(0)
    }

    fn answer(records: &[Record], call: &Call) -> Reply {
        assert!(call.headers.iter().any(|(name, _)| name == "ngsild-tenant"));
        if call.url.path() == "/base/ngsi-ld/v1/types" {
            return reply(200, &json!({ "typeList": [] }));
        }
        assert_eq!(call.url.path(), "/base/ngsi-ld/v1/entities");
        let of =
            |name: &str| call.url.query_pairs().find(|(n, _)| n == name).unwrap().1.into_owned();
        let (kind, limit, offset): (String, usize, usize) =
            (of("type"), of("limit").parse().unwrap(), of("offset").parse().unwrap());
        let mut own: Vec<Record> =
            records.iter().copied().filter(|r| (r.id % 2 == 0) == (kind == "Even")).collect();
        own.dedup();
        let page = own.iter().skip(offset).take(limit).map(|record| entity(&kind, *record));
        reply(200, &page.collect())
    }
}

impl SinkRig for Both {
    fn ready(&self) -> Ready {
        validate(&json!({ "give": { "types": ["Odd"] } })).unwrap().remove(0)
    }

    fn answer(call: &Call) -> (Reply, Option<String>) {
        assert_eq!(call.url.path(), "/base/ngsi-ld/v1/entityOperations/upsert");
        assert_eq!(call.method, "POST");
        let (_, body) = call.body.as_ref().unwrap();
        (reply(204, &json!(null)), Some(String::from_utf8(body.clone()).unwrap()))
    }

    fn entity(&self, n: u32) -> Value {
        entity("Odd", Record { id: n, revision: 0 })
    }
}

#[tokio::test]
async fn passes_the_kit_taking() {
    testkit::source(&Both).await;
}

#[tokio::test]
async fn passes_the_kit_giving() {
    testkit::sink(&Both).await;
}

#[tokio::test]
async fn what_is_gone_is_deleted_there_and_what_is_refused_is_not_sent_again() {
    let kit = testkit::Kit::default();
    let sink = SinkRig::ready(&Both).build(&kit.host()).await.unwrap().sink.unwrap();
    let deliver = |data: Value| {
        let text = json!({ "id": "urn:ngsi-ld:Notification:1", "data": [data] }).to_string();
        let notification = serde_json::value::RawValue::from_string(text).unwrap();
        tsunagu_connect::Delivery { id: "urn:ngsi-ld:Notification:1".to_owned(), notification }
    };
    let gone = deliver(
        json!({ "id": "urn:ngsi-ld:Odd:1", "type": "Odd", "deletedAt": "2026-01-01T00:00:00Z" }),
    );
    for (status, good) in [(204, true), (404, true), (500, false)] {
        kit.http.answers(move |call| {
            assert_eq!(
                (call.method, call.url.path()),
                ("DELETE", "/base/ngsi-ld/v1/entities/urn:ngsi-ld:Odd:1")
            );
            reply(status, &json!(null))
        });
        assert_eq!(sink.deliver(&gone).await.is_ok(), good, "{status}");
    }
    let there = deliver(entity("Odd", Record { id: 1, revision: 0 }));
    for (status, later) in [(207, false), (400, false), (401, true), (200, true), (503, true)] {
        kit.http.answers(move |_| reply(status, &json!(null)));
        let outcome = sink.deliver(&there).await.unwrap_err();
        assert_eq!(matches!(outcome, tsunagu_connect::SinkError::Later(_)), later, "{status}");
    }
}

#[test]
fn settings_that_cannot_work_are_all_told() {
    for (wrong, at) in [
        (json!({}), "settings"),
        (json!({ "take": { "types": [] } }), "settings.take.types"),
        (json!({ "take": { "types": ["A"], "limit": 0 } }), "settings.take.limit"),
        (json!({ "give": { "types": [""] } }), "settings.give.types"),
        (
            json!({ "take": { "types": ["A"] }, "give": { "types": ["B", "A"] } }),
            "settings.give.types",
        ),
        (json!({ "give": { "types": ["A"] }, "url": "mailto:a@b.example" }), "settings.url"),
    ] {
        let found = validate(&wrong).unwrap_err();
        assert!(found.iter().any(|finding| finding.at == at), "{wrong}: {found:?}");
    }
}

#[tokio::test]
async fn a_broker_that_gives_less_or_always_the_same_is_read_whole_or_not_at_all() {
    let kit = testkit::Kit::default();
    let ready =
        || validate(&json!({ "take": { "types": ["Odd"], "limit": 100 } })).unwrap().remove(0);
    let mut source = ready().build(&kit.host()).await.unwrap().source.unwrap();
    // It caps a page at two.
    kit.http.answers(|call| {
        let offset = call.url.query_pairs().find(|(name, _)| name == "offset").unwrap().1;
        let offset: u32 = offset.parse().unwrap();
        let page = (offset..5).take(2).map(|id| entity("Odd", Record { id, revision: 0 }));
        reply(200, &page.collect())
    });
    let (mut cursor, mut found) = (None, 0);
    loop {
        let batch = source.poll(cursor.as_ref()).await.unwrap();
        (cursor, found) = (Some(batch.cursor), found + batch.items.len());
        if !batch.more {
            break;
        }
    }
    assert_eq!(found, 5);
    // It ignores the offset.
    kit.http.answers(|_| reply(200, &json!([entity("Odd", Record { id: 1, revision: 0 })])));
    let batch = source.poll(cursor.as_ref()).await.unwrap();
    assert!(source.poll(Some(&batch.cursor)).await.is_err());
}
