//! The other side over MQTT.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::{ConnectError, Mqtt, MqttMessage, MqttSubscription, MqttTaker};

/// A broker that holds messages until they are acknowledged.
#[derive(Default)]
pub struct MqttDouble(Mutex<VecDeque<MqttMessage>>);

impl fmt::Debug for MqttDouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MqttDouble(…)")
    }
}

impl MqttDouble {
    /// Somebody published.
    pub fn publish(&self, topic: &str, payload: &[u8]) {
        let message = MqttMessage { topic: topic.to_owned(), payload: payload.to_vec() };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_back(message);
    }

    /// Messages that nobody acknowledged.
    pub fn waiting(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn first(&self) -> Option<MqttMessage> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).front().cloned()
    }
}

#[async_trait]
impl Mqtt for MqttDouble {
    /// Gives what there is and ends, as a connection that breaks.
    async fn subscribe(
        &self,
        _subscription: &MqttSubscription,
        taker: &dyn MqttTaker,
        shutdown: &CancellationToken,
    ) -> Result<(), ConnectError> {
        while let Some(message) = self.first() {
            if shutdown.is_cancelled() || !taker.take(message).await {
                break;
            }
            self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        }
        Err(ConnectError::Unavailable("the connection failed".to_owned()))
    }
}
