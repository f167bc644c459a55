//! What comes in wrong is refused with what is wrong, where, and how to mend it; and the gateway serves on.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::support::Backend;
use crate::support::http::seen;
use crate::support::town::{Plan, REGISTER, SENSORS, Town, property};

const ENTITIES: &str = "/ngsi-ld/v1/entities";
const JSON: &str = "application/json";
const LD_JSON: &str = "application/ld+json";

/// One wrong request and how it must be refused.
struct Case {
    what: String,
    request: RequestBuilder,
    status: u16,
    /// The end of the problem's type.
    kind: &'static str,
    /// Where, if there is a place.
    pointer: Option<&'static str>,
    /// A part of the explanation.
    says: &'static str,
}

/// Makes cases against one town.
struct Cases<'a> {
    town: &'a Town,
    token: String,
    list: Vec<Case>,
}

impl Cases<'_> {
    fn post(&self, media: &str, body: impl Into<Vec<u8>>) -> RequestBuilder {
        let request = self.town.ask(Method::POST, ENTITIES).bearer_auth(&self.token);
        request.header("Content-Type", media).body(body.into())
    }

    fn get(&self, query: &[(&str, &str)]) -> RequestBuilder {
        self.town.ask(Method::GET, ENTITIES).bearer_auth(&self.token).query(query)
    }

    fn add(
        &mut self,
        what: &str,
        request: RequestBuilder,
        (status, kind): (u16, &'static str),
        pointer: Option<&'static str>,
        says: &'static str,
    ) {
        self.list.push(Case { what: what.to_owned(), request, status, kind, pointer, says });
    }

    /// Sends all of them; each must be refused as said, and the gateway must answer in between.
    async fn hold(self, never: &[&str]) {
        let mut faults = Vec::new();
        for Case { what, request, status, kind, pointer, says } in self.list {
            let answer = seen(request).await;
            let text = answer.text();
            if answer.status != status || !text.contains(kind) {
                faults
                    .push(format!("{what}: {} instead of {status} {kind}: {text}", answer.status));
                continue;
            }
            let problem = answer.problem(&what);
            let detail = problem["detail"].as_str().unwrap();
            if !detail.contains(says) {
                faults.push(format!("{what}: does not say '{says}': {detail}"));
            }
            if pointer.is_some() && problem["pointer"].as_str() != pointer {
                faults.push(format!(
                    "{what}: points to {} instead of {pointer:?}",
                    problem["pointer"]
                ));
            }
            if never.iter().any(|secret| text.contains(secret)) {
                faults.push(format!("{what}: the answer repeats the number"));
            }
            let alive = seen(self.town.ask(Method::GET, "/livez")).await;
            assert_eq!(alive.status, 200, "after {what}");
        }
        assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    }
}

const INVALID: (u16, &str) = (400, "InvalidRequest");
const BAD: (u16, &str) = (400, "BadRequestData");

fn entity(id: &str, more: &str) -> String {
    format!(r#"{{"id":"{id}","type":"Bench"{more}}}"#)
}

#[tokio::test]
async fn t39_broken_documents_are_refused() {
    let town = Town::start(Backend::Embedded, &Plan::default()).await;
    let token = town.token(SENSORS).await;
    let mut cases = Cases { town: &town, token, list: Vec::new() };
    let id = "urn:ngsi-ld:Bench:1";
    let with = |more: &str| entity(id, more).into_bytes();
    let deep = [b"[".repeat(10_000), b"]".repeat(10_000)].concat();
    let deep = [
        br#"{"id":"urn:ngsi-ld:Bench:1","type":"Bench","a":{"type":"Property","value":"#.to_vec(),
        deep,
        b"}}".to_vec(),
    ]
    .concat();
    let invalid: [(&str, Vec<u8>); 12] = [
        ("a list", b"[]".to_vec()),
        ("a text", br#""Bench""#.to_vec()),
        ("half a document", br#"{"id":"#.to_vec()),
        ("only white space", b" ".to_vec()),
        ("two documents", [with(""), with("")].concat()),
        ("a trailing comma", with(",")),
        ("10,000 levels", deep),
        ("a name twice", with(r#","type":"Bench""#)),
        ("a name twice, once escaped", with(r#","\u0074ype":"Bench""#)),
        ("bytes that are no UTF-8", [b"{\"id\":\"\xff\xfe\"".to_vec(), b"}".to_vec()].concat()),
        ("half a surrogate pair", with(r#","name":{"type":"Property","value":"\ud800"}"#)),
        ("NaN", with(r#","n":{"type":"Property","value":NaN}"#)),
    ];
    for (what, body) in invalid {
        let request = cases.post(JSON, body);
        cases.add(what, request, INVALID, None, "");
    }
    let bad: [(&str, Vec<u8>, Option<&'static str>); 6] = [
        ("a number as id", br#"{"id":5,"type":"Bench"}"#.to_vec(), Some("/id")),
        ("no id", br#"{"type":"Bench"}"#.to_vec(), None),
        ("no type", br#"{"id":"urn:ngsi-ld:Bench:1"}"#.to_vec(), None),
        ("a property without a value", with(r#","n":{"type":"Property"}"#), Some("/n")),
        (
            "a relationship to nothing",
            with(r#","n":{"type":"Relationship","object":7}"#),
            Some("/n/object"),
        ),
        (
            "a geometry without coordinates",
            with(r#","l":{"type":"GeoProperty","value":{"type":"Point"}}"#),
            Some("/l/value"),
        ),
    ];
    for (what, body, pointer) in bad {
        let request = cases.post(JSON, body);
        cases.add(what, request, BAD, pointer, "");
    }
    for (what, hidden) in [
        ("zero width space", '\u{200b}'),
        ("right-to-left override", '\u{202e}'),
        ("byte order mark", '\u{feff}'),
        ("line feed", '\n'),
    ] {
        let body = json!({"id": format!("urn:ngsi-ld:Bench:{hidden}1"), "type": "Bench"});
        let request = cases.post(JSON, body.to_string());
        cases.add(
            &format!("an id with a hidden character ({what})"),
            request,
            BAD,
            Some("/id"),
            "hidden",
        );
    }
    let request = cases.post("text/plain", entity(id, ""));
    cases.add(
        "plain text",
        request,
        (415, "unsupported-media-type"),
        Some("Content-Type"),
        "application/json",
    );
    let request = cases.get(&[("type", "Bench")]).header("Accept", "text/turtle");
    cases.add(
        "turtle wanted",
        request,
        (406, "not-acceptable"),
        Some("Accept"),
        "application/ld+json",
    );
    let request = cases.post(LD_JSON, entity(id, ""));
    cases.add("no @context in ld+json", request, BAD, Some("/@context"), "add one");
    let request = cases.post(JSON, entity(id, r#","@context":[]"#));
    cases.add("an @context in json", request, BAD, Some("/@context"), "application/ld+json");
    cases.hold(&[]).await;
    let there = seen(
        town.ask(Method::GET, &format!("{ENTITIES}/{id}")).bearer_auth(town.token(SENSORS).await),
    )
    .await;
    assert_eq!(there.status, 404, "something refused was stored");
}

#[tokio::test]
async fn t39_excessive_requests_are_refused() {
    let town = Town::start(Backend::Embedded, &Plan::default()).await;
    let token = town.token(SENSORS).await;
    let mut cases = Cases { town: &town, token, list: Vec::new() };
    let value = "x".repeat(10 << 20);
    let body =
        entity("urn:ngsi-ld:Bench:1", &format!(r#","n":{{"type":"Property","value":"{value}"}}"#));
    let request = cases.post(JSON, body.clone());
    cases.add("10 MB", request, (413, "payload-too-large"), None, "split it");
    for pattern in
        ["(a{1000}){1000}", "((((a{1,100}){1,100}){1,100}){1,100})", &"(x?)".repeat(5_000)]
    {
        let request = cases.get(&[("type", "Bench"), ("idPattern", pattern)]);
        cases.add("a huge idPattern", request, (413, "too-large"), Some("idPattern"), "simpler");
    }
    let request = cases.get(&[("type", "Bench"), ("idPattern", "(")]);
    cases.add("a broken idPattern", request, BAD, Some("idPattern"), "");
    let q = format!("a==1{}", ";a==1".repeat(4_000));
    let request = cases.get(&[("q", &q)]);
    cases.add("50 kB of q", request, (413, "too-large"), Some("q"), "split it");
    let q = format!("{}a==1{}", "(".repeat(3_000), ")".repeat(3_000));
    let request = cases.get(&[("q", &q)]);
    cases.add("a deep q", request, (413, "too-large"), Some("q"), "split it");
    for (name, value, pointer) in [
        ("colour", "blue", None),
        ("limit", "-1", Some("limit")),
        ("limit", "1000000", Some("limit")),
        ("offset", "x", Some("offset")),
        ("count", "yes", Some("count")),
        ("format", "xml", Some("format")),
    ] {
        let request = cases.get(&[("type", "Bench"), (name, value)]);
        cases.add(&format!("{name}={value}"), request, INVALID, pointer, "");
    }
    let request = cases.get(&[("type", "Bench"), ("type", "Lamp")]);
    cases.add("a parameter twice", request, INVALID, Some("type"), "once");
    let request = cases.get(&[("limit", "5")]);
    cases.add("a query for everything", request, BAD, None, "too broad");
    cases.hold(&[]).await;
}

/// Counts who connects.
async fn trap() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/context.jsonld", listener.local_addr().unwrap());
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    (url, calls)
}

#[tokio::test]
async fn t40_contexts_that_are_bombs_or_unknown_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let url = |name: &str| format!("https://contexts.example/{name}.jsonld");
    let pin = |name: &str, includes: &[String]| -> (String, PathBuf) {
        let file = folder.path().join(name);
        std::fs::write(&file, json!({"@context": includes}).to_string()).unwrap();
        (url(name), file)
    };
    let mut contexts = vec![
        pin("itself", &[url("itself")]),
        pin("one", &[url("other")]),
        pin("other", &[url("one")]),
        pin("wide-9", &[]),
    ];
    // Ten documents, each including the next ten times: 10⁹ inclusions.
    // Shallow and wide: 60⁴ inclusions.
    contexts.push(pin("broad-4", &[]));
    contexts.extend(
        (0..4).map(|n| pin(&format!("broad-{n}"), &vec![url(&format!("broad-{}", n + 1)); 60])),
    );
    contexts.extend(
        (0..9).map(|n| pin(&format!("wide-{n}"), &vec![url(&format!("wide-{}", n + 1)); 10])),
    );
    let town = Town::start(Backend::Embedded, &Plan { contexts, ..Plan::default() }).await;
    let (trap, calls) = trap().await;
    let token = town.token(SENSORS).await;
    let mut cases = Cases { town: &town, token, list: Vec::new() };
    let with = |context: Value| {
        json!({"id": "urn:ngsi-ld:Bench:1", "type": "Bench", "a:b": property(1), "@context": context}).to_string()
    };
    for unknown in
        ["https://nowhere.example/context.jsonld", &trap, "http://169.254.169.254/latest"]
    {
        let request = cases.post(LD_JSON, with(json!([unknown])));
        cases.add(
            &format!("the unknown @context {unknown}"),
            request,
            (504, "LdContextNotAvailable"),
            None,
            "pin",
        );
    }
    let link = format!("<{trap}>; rel=\"http://www.w3.org/ns/json-ld#context\"");
    let request = cases.get(&[("type", "Bench")]).header("Link", link);
    cases.add(
        "an unknown @context in a Link",
        request,
        (504, "LdContextNotAvailable"),
        None,
        "pin",
    );
    for name in ["itself", "one", "wide-0", "broad-0"] {
        let request = cases.post(LD_JSON, with(json!(url(name))));
        // What goes in circles or too deep can never be had; what is too much is bad.
        let circle = name != "broad-0";
        let refused = if circle { (504, "LdContextNotAvailable") } else { (400, "BadRequestData") };
        cases.add(&format!("the bomb {name}"), request, refused, Some("@context"), "refer");
    }
    // The same small document, ten thousand times.
    let request = cases.post(LD_JSON, with(json!(vec![url("wide-9"); 10_000])));
    let refused = (400, "BadRequestData");
    cases.add("ten thousand @contexts", request, refused, Some("@context"), "too many");
    let cyclic = json!({"a": "b:x", "b": "c:x", "c": "a:x"});
    let request = cases.post(LD_JSON, with(cyclic));
    cases.add("an inline cycle", request, (400, "errors/"), None, "");
    for (what, context) in [
        ("a number", json!(5)),
        ("a file", json!("file:///etc/passwd")),
        ("a relative address", json!("context.jsonld")),
    ] {
        let request = cases.post(LD_JSON, with(context));
        cases.add(&format!("{what} as @context"), request, (400, "errors/"), Some("@context"), "");
    }
    cases.hold(&[]).await;
    assert_eq!(calls.load(Ordering::SeqCst), 0, "the gateway called out for an @context");
}

/// An invented number with a right check digit, in the ways people write it.
const NUMBER: [&str; 4] =
    ["123456789018", "1234-5678-9018", "１２３４５６７８９０１８", "１２３４－５６７８－９０１８"];

#[tokio::test]
async fn t76_individual_numbers_are_refused_and_never_repeated() {
    let town = Town::start(Backend::Embedded, &Plan::default()).await;
    let (register, sensors) = (town.token(REGISTER).await, town.token(SENSORS).await);
    let mut cases = Cases { town: &town, token: register, list: Vec::new() };
    let refused = (400, "individual-number");
    let record = |id: &str, attribute: &str, content: Value| {
        let mut record = json!({"id": id, "type": "ResidentRecord", "name": property("x")});
        record[attribute] = content;
        record.to_string()
    };
    let id = "urn:ngsi-ld:ResidentRecord:1";
    for number in NUMBER {
        let contents = [
            ("plain", property(number)),
            ("in a sentence", property(format!("番号は{number}です"))),
            ("in a list", property(json!(["a", number]))),
            ("deep in an object", property(json!({"a": {"b": [{"c": number}]}}))),
            ("as a name of an object", property(json!({number: 1}))),
            (
                "in a property of a property",
                json!({"type": "Property", "value": "x", "note": property(number)}),
            ),
            (
                "in a language map",
                json!({"type": "LanguageProperty", "languageMap": {"ja": number}}),
            ),
            ("in a vocabulary term", json!({"type": "VocabProperty", "vocab": number})),
            ("in a JSON property", json!({"type": "JsonProperty", "json": {"a": number}})),
            ("in a list property", json!({"type": "ListProperty", "valueList": [number]})),
            ("in a unit code", json!({"type": "Property", "value": 1, "unitCode": number})),
        ];
        for (how, content) in contents {
            let request = cases.post(JSON, record(id, "note", content));
            let at = if how.ends_with("of a property") { "/note/note" } else { "/note" };
            cases.add(&format!("{number} {how}"), request, refused, Some(at), "remove");
        }
    }
    let request = cases.post(JSON, record(id, "note", property(123_456_789_018_i64)));
    cases.add("as a JSON number", request, refused, Some("/note"), "remove");
    let escaped = record(id, "note", property("ESC")).replace("ESC", r"\u0031\u00323456789018");
    let request = cases.post(JSON, escaped);
    cases.add("in escapes", request, refused, Some("/note"), "remove");
    let request =
        cases.post(JSON, record("urn:ngsi-ld:ResidentRecord:123456789018", "note", property("x")));
    cases.add("in the id", request, refused, Some("/id"), "remove");
    for name in ["個人番号", "マイナンバー", "myNumber", "my_number", "individualNumber"]
    {
        let request = cases.post(JSON, record(id, name, property("secret")));
        cases.add(&format!("a field named {name}"), request, refused, None, "remove");
    }
    // Fields so named are refused in any data, values only in personal data.
    cases.token = sensors.clone();
    let bench = |name: &str, content: Value| {
        let mut bench = json!({"id": "urn:ngsi-ld:Bench:1", "type": "Bench"});
        bench[name] = content;
        bench.to_string()
    };
    let request = cases.post(JSON, bench("myNumber", property("x")));
    cases.add("a field so named in open data", request, refused, None, "remove");
    let request = cases.post(JSON, bench("owner", property(json!({"マイナンバー": 1}))));
    cases.add("a member so named in open data", request, refused, Some("/owner"), "remove");
    let secrets: Vec<&str> = NUMBER.to_vec();
    cases.hold(&secrets).await;

    let open = seen(town.ask(Method::POST, ENTITIES).bearer_auth(&sensors).json(&json!({
        "id": "urn:ngsi-ld:Bench:2", "type": "Bench", "serial": property(NUMBER[0])
    })))
    .await;
    assert_eq!(
        open.status,
        201,
        "a serial number of a bench is no individual number: {}",
        open.text()
    );
    let log = town.log();
    assert!(NUMBER.iter().all(|number| !log.contains(number)), "a number is in the log");
}
