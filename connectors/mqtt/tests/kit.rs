//! The connector against the cases that every connector passes, with a broker that is played.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::json;
use tsunagu_connect::testkit::{self, ListenerRig, Record};
use tsunagu_connect::{Kind, MqttMessage, Ready};
use tsunagu_connector_mqtt::Mqtt;

/// Sensors of the air, one to a topic.
struct Air {
    version: &'static str,
}

impl ListenerRig for Air {
    fn ready(&self) -> Ready {
        let settings = serde_json::from_value(json!({
            "name": "air", "kind": "mqtt", "title": { "ja": "大気", "en": "Air" },
            "mapping": {
                "name": "air",
                "type": "AirQualityObserved",
                "id": "'urn:ngsi-ld:AirQualityObserved:' + record.topic.split('/')[1]",
                "attributes": { "co2": { "value": "record.payload.ppm", "required": true } },
                "samples": [{
                    "name": "a sensor",
                    "input": { "topic": "town/7/air", "payload": { "ppm": 400 } },
                    "expect": [{
                        "id": "urn:ngsi-ld:AirQualityObserved:7", "type": "AirQualityObserved",
                        "co2": 400
                    }]
                }]
            },
            "settings": {
                "url": "mqtts://broker.example", "client_id": "tsunagu-kit",
                "version": self.version, "topics": ["town/+/air"]
            }
        }));
        let kinds: Vec<Box<dyn Kind>> = vec![Box::new(Mqtt)];
        tsunagu_connect::validate(&kinds, &[settings.unwrap()]).unwrap().remove(0)
    }

    fn message(&self, record: Record) -> MqttMessage {
        let payload = json!({ "ppm": 400 + record.revision }).to_string().into_bytes();
        MqttMessage { topic: format!("town/{}/air", record.id), payload }
    }
}

#[tokio::test]
async fn passes_the_kit() {
    for version in ["3.1.1", "5.0"] {
        testkit::listener(&Air { version }).await;
    }
}
