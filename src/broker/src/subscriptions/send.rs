//! The way of a notification to its receiver.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;
use tsunagu_outbound::{
    Method, MqttVersion, Outbound, OutboundError, Publication, QualityOfService, Request,
};
use url::Url;

use super::Pair;

/// A notification, written and ready to leave. Debug output shows nothing of it.
#[derive(Clone)]
pub struct Message {
    /// Its id.
    pub id: String,
    /// Where to.
    pub uri: String,
    /// Media type of the body.
    pub media: &'static str,
    /// The `Link` header to the @context, unless the body carries it.
    pub link: Option<String>,
    /// The tenant header.
    pub tenant: Option<String>,
    /// What the receiver is told beside (clause 5.2.15).
    pub receiver_info: Vec<Pair>,
    /// How to send (clause 5.2.15).
    pub notifier_info: Vec<Pair>,
    /// How long to wait for an answer, if the subscription says so.
    pub timeout: Option<Duration>,
    /// JSON.
    pub body: Bytes,
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Message(…)")
    }
}

/// Why a notification did not arrive, without what the receiver said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// It may work another time.
    #[error("{0}")]
    Later(String),
    /// It will never work like this.
    #[error("{0}")]
    Never(String),
}

/// Sends notifications.
#[async_trait]
pub trait Notifier: Send + Sync + 'static {
    /// Sends one, once.
    async fn notify(&self, message: &Message) -> Result<(), SendError>;
}

#[async_trait]
impl Notifier for Outbound {
    async fn notify(&self, message: &Message) -> Result<(), SendError> {
        let url: Url = message
            .uri
            .parse()
            .map_err(|_| SendError::Never("the uri of the endpoint is no URL".to_owned()))?;
        let sending = async {
            match url.scheme() {
                "mqtt" | "mqtts" => publish(self, message, url).await,
                _ => post(self, message, url).await,
            }
        };
        match message.timeout {
            Some(timeout) => tokio::time::timeout(timeout, sending).await.unwrap_or_else(|_| {
                Err(SendError::Later("the receiver did not answer in time".to_owned()))
            }),
            None => sending.await,
        }
    }
}

/// Binding over HTTP (clause 6.3.8).
async fn post(outbound: &Outbound, message: &Message, url: Url) -> Result<(), SendError> {
    let malformed = |error: OutboundError| SendError::Never(error.to_string());
    let mut request = Request::new(Method::POST, url);
    for Pair { key, value } in &message.receiver_info {
        request = request.header(key, value).map_err(malformed)?;
    }
    if let Some(link) = &message.link {
        request = request.header("link", link).map_err(malformed)?;
    }
    if let Some(tenant) = &message.tenant {
        request = request.header("ngsild-tenant", tenant).map_err(malformed)?;
    }
    request = request.body(message.media, message.body.clone());
    match outbound.send(request).await {
        Ok(answer) if answer.is_success() => Ok(()),
        Ok(answer) => {
            let why = format!("the receiver answered {}", answer.status);
            // These may be the receiver's trouble or its pace; any other refusal is about this very notification.
            let later =
                answer.status >= 500 || matches!(answer.status, 401 | 403 | 404 | 408 | 425 | 429);
            Err(if later { SendError::Later(why) } else { SendError::Never(why) })
        }
        // What came back is too long to be read, but it came back.
        Err(OutboundError::TooLarge) => Ok(()),
        Err(error @ OutboundError::Malformed(_)) => Err(malformed(error)),
        Err(error) => Err(SendError::Later(error.to_string())),
    }
}

/// Keys of `notifierInfo` (clause 5.8.6, annex on MQTT).
pub(super) const MQTT_VERSION: &str = "MQTT-Version";
pub(super) const MQTT_QOS: &str = "MQTT-QoS";

/// Which version and quality of service are asked for; `None` when that is neither.
pub(super) fn mqtt_settings(notifier_info: &[Pair]) -> Option<(MqttVersion, QualityOfService)> {
    let told = |key: &str| notifier_info.iter().find(|pair| pair.key == key);
    let version = match told(MQTT_VERSION).map(|pair| pair.value.as_str()) {
        None | Some("mqtt5.0") => MqttVersion::V5_0,
        Some("mqtt3.1.1") => MqttVersion::V3_1_1,
        Some(_) => return None,
    };
    let qos = match told(MQTT_QOS).map(|pair| pair.value.as_str()) {
        None | Some("0") => QualityOfService::AtMostOnce,
        Some("1") => QualityOfService::AtLeastOnce,
        Some("2") => QualityOfService::ExactlyOnce,
        Some(_) => return None,
    };
    Some((version, qos))
}

/// Binding over MQTT: what HTTP has in headers stands beside the body.
async fn publish(outbound: &Outbound, message: &Message, url: Url) -> Result<(), SendError> {
    #[derive(Serialize)]
    struct Packed<'a> {
        metadata: serde_json::Map<String, serde_json::Value>,
        body: &'a RawValue,
    }
    let never = |why: &str| SendError::Never(why.to_owned());
    let mut metadata = serde_json::Map::new();
    let mut tell = |key: &str, value: &str| metadata.insert(key.to_owned(), value.into());
    for Pair { key, value } in &message.receiver_info {
        tell(key, value);
    }
    tell("Content-Type", message.media);
    if let Some(link) = &message.link {
        tell("Link", link);
    }
    if let Some(tenant) = &message.tenant {
        tell("NGSILD-Tenant", tenant);
    }
    let body = serde_json::from_slice(&message.body);
    let body = body.map_err(|_| never("the notification is not JSON"))?;
    let payload = serde_json::to_vec(&Packed { metadata, body });
    let payload = payload.map_err(|_| never("the notification is not JSON"))?;
    let settings = mqtt_settings(&message.notifier_info);
    let (version, qos) = settings.ok_or_else(|| never("the notifierInfo is not right"))?;
    // Letters and digits of the notification's own random name: what every broker takes.
    let name = message.id.rsplit(':').next().unwrap_or_default();
    let name = name.chars().filter(char::is_ascii_alphanumeric).take(20);
    let publication = Publication {
        url,
        client_id: "ts".chars().chain(name).collect(),
        version,
        qos,
        payload: payload.into(),
    };
    outbound.publish(&publication).await.map_err(|error| match error {
        OutboundError::Malformed(_) => SendError::Never(error.to_string()),
        error => SendError::Later(error.to_string()),
    })
}
