//! Brokers of messages, as connectors see them.

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;
use tsunagu_outbound::Outbound;
pub use tsunagu_outbound::{
    MqttMessage, MqttSubscription, MqttTaker, MqttVersion, QualityOfService,
};

use crate::ConnectError;

/// Connections to brokers of messages.
#[async_trait]
pub trait Mqtt: Send + Sync + 'static {
    /// Subscribes and hands every message to `taker`; a message is acknowledged when the taker has it. Ends when told to, or with the connection.
    async fn subscribe(
        &self,
        subscription: &MqttSubscription,
        taker: &dyn MqttTaker,
        shutdown: &CancellationToken,
    ) -> Result<(), ConnectError>;
}

#[async_trait]
impl Mqtt for Outbound {
    async fn subscribe(
        &self,
        subscription: &MqttSubscription,
        taker: &dyn MqttTaker,
        shutdown: &CancellationToken,
    ) -> Result<(), ConnectError> {
        let listening = Self::subscribe(self, subscription, taker, shutdown.cancelled());
        listening.await.map_err(|error| ConnectError::Unavailable(error.to_string()))
    }
}
