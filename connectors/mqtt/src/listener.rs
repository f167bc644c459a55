//! Taking messages.

use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tsunagu_connect::{
    Accepted, ConnectError, Inbox, Listener, Mqtt, MqttMessage, MqttSubscription, MqttTaker,
    NotKept,
};
use tsunagu_domain::{Clock, IdGen, individual_number};

pub(crate) struct Subscriber {
    pub(crate) mqtt: Arc<dyn Mqtt>,
    pub(crate) ids: Arc<dyn IdGen>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) subscription: MqttSubscription,
}

#[async_trait]
impl Listener for Subscriber {
    async fn listen(
        &mut self,
        inbox: &dyn Inbox,
        shutdown: &CancellationToken,
    ) -> Result<(), ConnectError> {
        let taker = Taker { inbox, ids: &*self.ids, clock: &*self.clock };
        self.mqtt.subscribe(&self.subscription, &taker, shutdown).await
    }
}

struct Taker<'a> {
    inbox: &'a dyn Inbox,
    ids: &'a dyn IdGen,
    clock: &'a dyn Clock,
}

#[async_trait]
impl MqttTaker for Taker<'_> {
    async fn take(&self, message: MqttMessage) -> bool {
        let Some(record) = record(&message) else { return true };
        // MQTT names no message: two that say the same are two, and what is sent again writes nothing twice.
        let id = self.ids.uuid();
        let repeats_until = self.clock.micros();
        match self.inbox.keep(Accepted { id, repeats_until, records: vec![record] }).await {
            // What is never kept is told in the counters; sent again it would be refused again.
            Ok(())
            | Err(NotKept::IndividualNumber | NotKept::TooMany { .. } | NotKept::TooLarge) => true,
            Err(NotKept::Now(_)) => false,
        }
    }
}

fn record(message: &MqttMessage) -> Option<Box<RawValue>> {
    let payload = match serde_json::from_slice::<Value>(&message.payload) {
        Ok(value) => value,
        Err(_) => match std::str::from_utf8(&message.payload) {
            Ok(text) => Value::String(text.to_owned()),
            // As base64 nobody could see an individual number any more; as text the inbox does, and refuses it.
            Err(_) => match String::from_utf8_lossy(&message.payload) {
                text if individual_number::is_in(&text) => Value::String(text.into_owned()),
                _ => Value::String(STANDARD.encode(&message.payload)),
            },
        },
    };
    to_raw_value(&json!({ "topic": message.topic, "payload": payload })).ok()
}
