//! The connector against the cases that every connector passes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::{Value, json};
use tsunagu_connect::testkit::{self, Record, SourceRig};
use tsunagu_connect::{Call, Kind, Ready, Reply};
use tsunagu_connector_template::Template;

struct Rig;

impl SourceRig for Rig {
    fn ready(&self) -> Ready {
        let settings = json!({
            "name": "example", "kind": "template", "title": { "ja": "例", "en": "Example" },
            "mapping": {
                "name": "example",
                "type": "Example",
                "id": "'urn:ngsi-ld:Example:' + string(record.number)",
                "attributes": { "revision": { "value": "record.revision", "required": true } },
                "samples": [{
                    "name": "a record",
                    "input": { "number": 7, "revision": 1 },
                    "expect": [{ "id": "urn:ngsi-ld:Example:7", "type": "Example", "revision": 1 }]
                }]
            },
            "settings": { "url": "https://other.example/records" }
        });
        let kinds: Vec<Box<dyn Kind>> = vec![Box::new(Template)];
        let settings = serde_json::from_value(settings).unwrap();
        tsunagu_connect::validate(&kinds, &[settings]).unwrap().remove(0)
    }

    fn answer(records: &[Record], _call: &Call) -> Reply {
        let record = |record: &Record| json!({ "number": record.id, "revision": record.revision });
        let list: Vec<Value> = records.iter().map(record).collect();
        let body = json!(list).to_string().into_bytes();
        Reply { status: 200, headers: Vec::new(), body }
    }
}

#[tokio::test]
async fn passes_the_kit() {
    testkit::source(&Rig).await;
}
