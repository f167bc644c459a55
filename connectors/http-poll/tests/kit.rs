//! The connector against the cases that every connector passes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::{Value, json};
use tsunagu_connect::testkit::{self, Record, SourceRig};
use tsunagu_connect::{Call, Kind, Ready, Reply, Settings};
use tsunagu_connector_http_poll::HttpPoll;

fn settings(change: &Value) -> Settings {
    let mut settings = json!({ "url": "https://walks.example/api/records", "records": "/items" });
    settings.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    serde_json::from_value(json!({
        "name": "walks", "kind": "http-poll", "title": { "ja": "歩数", "en": "Walks" },
        "mapping": {
            "name": "walks",
            "type": "Walk",
            "id": "'urn:ngsi-ld:Walk:' + string(record.number)",
            "attributes": {
                "steps": { "value": "record.steps", "required": true },
                "changed": { "value": "record.changed" }
            },
            "samples": [{
                "name": "a walk",
                "input": { "number": 7, "steps": 5000, "changed": "2026-01-01T00:00:00Z" },
                "expect": [{
                    "id": "urn:ngsi-ld:Walk:7", "type": "Walk", "steps": 5000,
                    "changed": "2026-01-01T00:00:00Z"
                }]
            }]
        },
        "settings": settings
    }))
    .unwrap()
}

fn ready(change: &Value) -> Ready {
    let kinds: Vec<Box<dyn Kind>> = vec![Box::new(HttpPoll)];
    tsunagu_connect::validate(&kinds, &[settings(change)]).unwrap().remove(0)
}

fn record(record: Record) -> Value {
    json!({ "number": record.id, "steps": 100 * record.id + record.revision, "changed": changed(record) })
}

fn changed(record: Record) -> String {
    format!("2026-01-{:02}T00:00:{:02}Z", 1 + record.revision, record.id)
}

fn reply(body: &Value, headers: &[(&str, &str)]) -> Reply {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Reply { status: 200, headers: headers.collect(), body: body.to_string().into_bytes() }
}

fn parameter(call: &Call, name: &str) -> Option<String> {
    call.url.query_pairs().find(|(other, _)| other == name).map(|(_, value)| value.into_owned())
}

/// Ten to a page; the number of the page is in `page`.
fn page(records: &[Record], call: &Call) -> (Vec<Value>, usize, bool) {
    let page: usize = parameter(call, "page").map_or(0, |page| page.parse().unwrap());
    let items: Vec<Value> = records.iter().skip(page * 10).take(10).copied().map(record).collect();
    (items, page, records.len() > (page + 1) * 10)
}

/// One answer with everything, marked.
struct Whole;

impl SourceRig for Whole {
    fn ready(&self) -> Ready {
        ready(&json!({}))
    }

    fn answer(records: &[Record], call: &Call) -> Reply {
        let items: Vec<Value> = records.iter().copied().map(record).collect();
        let etag = format!("\"{records:?}\"");
        let asked = call.headers.iter().find(|(name, _)| name == "if-none-match");
        if asked.is_some_and(|(_, value)| secrecy::ExposeSecret::expose_secret(value) == etag) {
            return Reply { status: 304, headers: Vec::new(), body: Vec::new() };
        }
        reply(&json!({ "items": items }), &[("etag", &etag)])
    }
}

/// Pages by number.
struct Numbered;

impl SourceRig for Numbered {
    fn ready(&self) -> Ready {
        ready(&json!({ "paging": { "page": { "parameter": "page" } } }))
    }

    fn answer(records: &[Record], call: &Call) -> Reply {
        reply(&json!({ "items": page(records, call).0 }), &[])
    }
}

/// Pages by a link in the answer.
struct Linked;

impl SourceRig for Linked {
    fn ready(&self) -> Ready {
        ready(&json!({ "paging": { "next": "/links/next" } }))
    }

    fn answer(records: &[Record], call: &Call) -> Reply {
        let (items, at, more) = page(records, call);
        let next = more.then(|| format!("records?page={}", at + 1));
        reply(&json!({ "items": items, "links": { "next": next } }), &[])
    }
}

/// Pages by a `Link` header, and only what is newer.
struct Newer;

impl SourceRig for Newer {
    fn ready(&self) -> Ready {
        let since = json!({ "parameter": "since", "from": "/changed" });
        ready(&json!({ "paging": "link", "since": since }))
    }

    fn answer(records: &[Record], call: &Call) -> Reply {
        let since = parameter(call, "since").unwrap_or_default();
        let newer: Vec<Record> =
            records.iter().copied().filter(|record| changed(*record) >= since).collect();
        assert!(since.is_empty() || since.ends_with('Z'), "a time is asked for: {since}");
        let (items, at, more) = page(&newer, call);
        let mut next = call.url.clone();
        next.query_pairs_mut().clear().append_pair("page", &(at + 1).to_string());
        if !since.is_empty() {
            next.query_pairs_mut().append_pair("since", &since);
        }
        let link = format!("<{next}>; rel=\"next\"");
        let link: &[(&str, &str)] = &[("link", &link)];
        reply(&json!({ "items": items }), if more { link } else { &[] })
    }
}

#[tokio::test]
async fn passes_the_kit_with_one_answer() {
    testkit::source(&Whole).await;
}

#[tokio::test]
async fn passes_the_kit_with_numbered_pages() {
    testkit::source(&Numbered).await;
}

#[tokio::test]
async fn passes_the_kit_with_linked_pages() {
    testkit::source(&Linked).await;
}

#[tokio::test]
async fn passes_the_kit_with_pages_of_what_is_newer() {
    testkit::source(&Newer).await;
}

#[test]
fn settings_that_cannot_work_are_all_told() {
    let kinds: Vec<Box<dyn Kind>> = vec![Box::new(HttpPoll)];
    for (wrong, at) in [
        (json!({ "url": "ftp://walks.example/" }), "settings.url"),
        (json!({ "url": "https://user:secret@walks.example/" }), "settings.url"),
        (json!({ "headers": { "Authorization": "Bearer secret" } }), "settings.url"),
        (json!({ "records": "items" }), "settings.records"),
        (json!({ "since": { "parameter": "since", "from": "changed" } }), "settings.since.from"),
        (json!({ "colour": 1 }), "settings"),
        (json!({ "url": 7 }), "settings"),
    ] {
        let found = tsunagu_connect::validate(&kinds, &[settings(&wrong)]).unwrap_err();
        assert_eq!(found[0].at, at, "{wrong}");
        assert!(!found[0].to_string().contains("secret@"), "{}", found[0]);
    }
}

/// Polls once and gives the numbers that came.
async fn poll(
    source: &mut dyn tsunagu_connect::Source,
    cursor: &mut Option<tsunagu_connect::Cursor>,
) -> Result<usize, tsunagu_connect::ConnectError> {
    let batch = source.poll(cursor.as_ref()).await?;
    *cursor = Some(batch.cursor);
    Ok(batch.items.len())
}

#[tokio::test]
async fn a_mark_from_the_future_moves_nothing_and_a_little_is_asked_for_again() {
    let kit = testkit::Kit::default();
    let since = json!({ "parameter": "since", "from": "/changed" });
    let parts = ready(&json!({ "since": since })).build(&kit.host()).await.unwrap();
    let (mut source, mut cursor) = (parts.source.unwrap(), None);
    let marks =
        ["2026-01-02T00:00:00Z", "2999-01-01T00:00:00Z", "zzz", "2026-01-02T09:00:00+09:00"];
    let items: Vec<Value> =
        marks.iter().map(|at| json!({ "number": 1, "steps": 1, "changed": at })).collect();
    kit.http.answers(move |_| reply(&json!({ "items": items }), &[]));
    assert_eq!(poll(&mut *source, &mut cursor).await, Ok(4));
    kit.http.answers(|call| {
        assert_eq!(parameter(call, "since").as_deref(), Some("2026-01-01T23:55:00Z"));
        reply(&json!({ "items": [] }), &[])
    });
    assert_eq!(poll(&mut *source, &mut cursor).await, Ok(0));
    // Other settings: from the beginning.
    let parts = ready(&json!({ "since": { "parameter": "after", "from": "/changed" } }));
    let mut source = parts.build(&kit.host()).await.unwrap().source.unwrap();
    kit.http.answers(|call| {
        assert_eq!(call.url.query(), None);
        reply(&json!({ "items": [] }), &[])
    });
    assert_eq!(poll(&mut *source, &mut cursor).await, Ok(0));
}

#[tokio::test]
async fn pages_without_end_are_an_error_and_a_link_that_is_gone_begins_anew() {
    let kit = testkit::Kit::default();
    let numbered = json!({ "paging": { "page": { "parameter": "page" } } });
    let parts = ready(&numbered).build(&kit.host()).await.unwrap();
    let (mut source, mut cursor) = (parts.source.unwrap(), None);
    // It ignores the number.
    kit.http.answers(|_| reply(&json!({ "items": [{ "number": 1, "steps": 1 }] }), &[]));
    assert_eq!(poll(&mut *source, &mut cursor).await, Ok(1));
    assert!(poll(&mut *source, &mut cursor).await.is_err());

    let parts = ready(&json!({ "paging": { "next": "/next" } })).build(&kit.host()).await.unwrap();
    let (mut source, mut cursor) = (parts.source.unwrap(), None);
    kit.http.answers(|call| match parameter(call, "token") {
        None => reply(
            &json!({ "items": [{ "number": 1, "steps": 1 }], "next": "records?token=1" }),
            &[],
        ),
        Some(_) => Reply { status: 410, headers: Vec::new(), body: Vec::new() },
    });
    for expected in [1, 0, 1, 0] {
        assert_eq!(poll(&mut *source, &mut cursor).await, Ok(expected));
    }
}
