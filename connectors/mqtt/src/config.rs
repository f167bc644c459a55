//! Settings.

use std::sync::Arc;

use async_trait::async_trait;
use serde::Deserialize;
use tsunagu_connect::{
    ConnectError, Direction, Finding, Host, Kind, Manifest, MqttSubscription, MqttVersion, Parts,
    Plan, Secret, Settings,
};
use url::Url;

use crate::listener::Subscriber;

/// The kind `mqtt`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Mqtt;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
enum Version {
    #[serde(rename = "3.1.1")]
    V3,
    #[default]
    #[serde(rename = "5.0")]
    V5,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// `mqtt://` or `mqtts://`, host and port only.
    url: Url,
    #[serde(default)]
    user: Option<String>,
    #[serde(default)]
    password: Option<Secret>,
    /// Who we are to the broker.
    client_id: String,
    /// Topic filters.
    topics: Vec<String>,
    #[serde(default)]
    version: Version,
    /// Entity types that it publishes, for the list of connectors.
    #[serde(default)]
    entity_types: Vec<String>,
}

/// Whether a topic filter is one (MQTT 5.0, section 4.7).
fn is_filter(topic: &str) -> bool {
    let mut levels = topic.split('/').peekable();
    let mut good = !topic.is_empty() && topic.len() <= 65_535 && !topic.contains('\0');
    while let Some(level) = levels.next() {
        good &= match level {
            "#" => levels.peek().is_none(),
            "+" => true,
            level => !level.contains(['#', '+']),
        };
    }
    good
}

impl Kind for Mqtt {
    fn name(&self) -> &'static str {
        "mqtt"
    }

    fn validate(&self, settings: &Settings) -> Result<Arc<dyn Plan>, Vec<Finding>> {
        let config: Config = settings.read()?;
        let mut findings = Vec::new();
        let mut wrong = |at: &str, what: &str| {
            findings.push(Finding::new(&settings.name, format!("settings.{at}"), what));
        };
        let url = &config.url;
        if !matches!(url.scheme(), "mqtt" | "mqtts") || url.host().is_none() {
            wrong("url", "the url begins with mqtts:// (or mqtt:// inside the town's own network)");
        }
        if !url.username().is_empty() || url.password().is_some() {
            wrong(
                "url",
                "the url must not hold a user name or password; use `user` and `password`",
            );
        }
        if !matches!(url.path(), "" | "/") {
            wrong("url", "the url names no topic; use `topics`");
        }
        if config.client_id.is_empty() || config.client_id.len() > 64 {
            wrong("client_id", "it is 1 to 64 characters, and always the same");
        }
        if config.password.is_some() && config.user.is_none() {
            wrong("password", "a password needs a user");
        }
        if config.topics.is_empty() || config.topics.iter().any(|topic| !is_filter(topic)) {
            wrong("topics", "it needs topic filters such as town/+/air or town/#");
        }
        if settings.mapping.is_none() {
            findings.push(Finding::new(
                &settings.name,
                "mapping",
                "its records need a mapping, e.g. mapping = { file = \"….json\" }",
            ));
        }
        if !findings.is_empty() {
            return Err(findings);
        }
        let manifest = Manifest {
            name: settings.name.clone(),
            kind: self.name().to_owned(),
            title: settings.title.clone(),
            direction: Direction::Inbound,
            entity_types: config.entity_types.clone(),
        };
        Ok(Arc::new(Subscribing { manifest, config }))
    }
}

struct Subscribing {
    manifest: Manifest,
    config: Config,
}

#[async_trait]
impl Plan for Subscribing {
    fn manifest(&self) -> Manifest {
        self.manifest.clone()
    }

    async fn build(&self, host: &Host) -> Result<Parts, ConnectError> {
        let config = &self.config;
        let subscription = MqttSubscription {
            url: config.url.clone(),
            user: config.user.clone(),
            password: config.password.as_ref().map(Secret::read).transpose()?,
            client_id: config.client_id.clone(),
            version: match config.version {
                Version::V3 => MqttVersion::V3_1_1,
                Version::V5 => MqttVersion::V5_0,
            },
            topics: config.topics.clone(),
        };
        let (mqtt, ids) = (Arc::clone(&host.mqtt), Arc::clone(&host.ids));
        let listener = Subscriber { mqtt, ids, clock: Arc::clone(&host.clock), subscription };
        Ok(Parts { listener: Some(Box::new(listener)), ..Parts::default() })
    }
}

#[cfg(test)]
mod tests {
    use super::is_filter;

    #[test]
    fn topic_filters() {
        for good in ["town/air", "town/+/air", "town/#", "#", "+", "/a//b"] {
            assert!(is_filter(good), "{good}");
        }
        for bad in ["", "town/#/air", "town#", "to+n/air", "a\0b"] {
            assert!(!is_filter(bad), "{bad}");
        }
    }
}
