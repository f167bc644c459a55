//! The connector for brokers of messages (MQTT 3.1.1 and 5.0): sensors that publish, not people that are asked.
//!
//! ```toml
//! [[connectors]]
//! name = "air"
//! kind = "mqtt"
//! title = { ja = "大気の測定", en = "Air sensors" }
//! mapping = { file = "air.mapping.json" }       # a record is { "topic": …, "payload": … }
//! [connectors.settings]
//! url = "mqtts://broker.example"
//! user = "tsunagu"
//! password = { file = "/run/secrets/mqtt" }
//! client_id = "tsunagu-tsuno"                   # always the same: the broker keeps what comes while we are away
//! topics = ["town/+/air"]
//! ```
//!
//! A message is acknowledged (quality of service 1) when it is on disk, so that the broker sends again what a kill has cut off. JSON payloads are records
//! as they are; other text is a string, other bytes are base64.

mod config;
mod listener;

pub use config::Mqtt;
