//! What a crate below `connectors/` gives: a kind of connector, from settings to parts that work.
//!
//! `validate` is pure and says everything that is wrong at once; `build` makes the parts and starts nothing; what runs is the runtime's.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use secrecy::SecretString;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tsunagu_domain::{Clock, IdGen, Text, individual_number};

use crate::{
    Caps, ConnectError, Http, Listener, Manifest, Mqtt, Probe, Receiver, Schedule, Sink, Source,
};

/// One kind of connector, e.g. `http-poll`. The server has one list of them.
pub trait Kind: Send + Sync + 'static {
    /// Its name in configurations.
    fn name(&self) -> &'static str;

    /// Reads the settings. Pure: no file, no network, no environment. All that is wrong is told together.
    fn validate(&self, settings: &Settings) -> Result<Arc<dyn Plan>, Vec<Finding>>;
}

/// Settings that were found right.
#[async_trait]
pub trait Plan: Send + Sync + 'static {
    /// What staff are shown.
    fn manifest(&self) -> Manifest;

    /// The mapping that is used when the settings have none; for kinds that know the form of their records.
    fn mapping(&self) -> Option<Value> {
        None
    }

    /// What its sink is given: an NGSI-LD subscription (clause 5.2.12) without id and endpoint. The connector's client owns it, so it is shown what
    /// that client may see and nothing more.
    fn subscription(&self) -> Option<Value> {
        None
    }

    /// Makes the parts. Secrets are read here. Nothing runs yet, and nothing outside is told.
    async fn build(&self, host: &Host) -> Result<Parts, ConnectError>;
}

/// What a connector is made of; most have one part and a probe.
#[derive(Default)]
pub struct Parts {
    /// Gives records when it is asked.
    pub source: Option<Box<dyn Source>>,
    /// Takes what is sent to the gateway's own address.
    pub receiver: Option<Arc<dyn Receiver>>,
    /// Holds a connection over which records come.
    pub listener: Option<Box<dyn Listener>>,
    /// Takes entities.
    pub sink: Option<Arc<dyn Sink>>,
    /// Asks whether the other side is there.
    pub probe: Option<Arc<dyn Probe>>,
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts")
            .field("source", &self.source.is_some())
            .field("receiver", &self.receiver.is_some())
            .field("listener", &self.listener.is_some())
            .field("sink", &self.sink.is_some())
            .field("probe", &self.probe.is_some())
            .finish()
    }
}

/// What the gateway gives to a connector: the only way to the outside.
#[derive(Clone)]
pub struct Host {
    /// Calls over HTTP, guarded.
    pub http: Arc<dyn Http>,
    /// Connections to brokers of messages, guarded.
    pub mqtt: Arc<dyn Mqtt>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub ids: Arc<dyn IdGen>,
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Host(…)")
    }
}

/// One connector of the configuration. What is `settings` is the kind's own.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Its name: the client under which its data is published. 1 to 64 of `a-z 0-9 - _`.
    pub name: String,
    /// Which kind it is.
    pub kind: String,
    /// What people call it.
    pub title: Text,
    /// When it is asked for something new.
    #[serde(default)]
    pub schedule: Schedule,
    /// How much of it there may be.
    #[serde(default)]
    pub caps: Caps,
    /// From its records to entities.
    #[serde(default)]
    pub mapping: Option<Value>,
    /// Secrets by the names that the mapping uses for ids that mean nothing outside.
    #[serde(default)]
    pub secrets: BTreeMap<String, Secret>,
    /// What only this kind knows.
    #[serde(default)]
    pub settings: Value,
}

impl Settings {
    /// The kind's own settings as its type; what is wrong is told with its place.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, Vec<Finding>> {
        let settings = match &self.settings {
            Value::Null => Value::Object(serde_json::Map::new()),
            other => other.clone(),
        };
        serde_path_to_error::deserialize(settings).map_err(|error| {
            let path = match error.path().to_string().as_str() {
                "." => "settings".to_owned(),
                path => format!("settings.{path}"),
            };
            vec![Finding::new(&self.name, path, error.into_inner().to_string())]
        })
    }

    /// What is wrong with what every connector has.
    pub(crate) fn check(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut wrong = |at: &str, what: String| findings.push(Finding::new(&self.name, at, what));
        if self.name.parse::<tsunagu_domain::ClientId>().is_err() {
            wrong("name", "a connector's name is 1 to 64 of a-z, 0-9, '-' and '_'".to_owned());
        }
        if individual_number::is_field_name(&self.name) {
            wrong(
                "name",
                "it is named for the individual number, which is never taken over".into(),
            );
        }
        if let Err(what) = self.schedule.check() {
            wrong("schedule", what);
        }
        if let Err(what) = self.caps.check() {
            wrong("caps", what);
        }
        findings
    }
}

/// Something that is wrong with a configuration, and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("connector '{connector}', {at}: {what}")]
pub struct Finding {
    /// Which connector.
    pub connector: String,
    /// Which of its settings, e.g. `settings.url`.
    pub at: String,
    /// What is wrong and what would be right.
    pub what: String,
}

impl Finding {
    /// A finding about one setting.
    pub fn new(connector: &str, at: impl Into<String>, what: impl Into<String>) -> Self {
        Self { connector: connector.to_owned(), at: at.into(), what: what.into() }
    }
}

/// A secret that stands elsewhere than in the configuration. It is read when the connector is built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Secret {
    /// In a variable of the environment.
    Env(String),
    /// In a file; white space at its end does not count.
    File(std::path::PathBuf),
}

impl<'de> Deserialize<'de> for Secret {
    /// `{"env": "NAME"}` or `{"file": "/path"}`. Whatever else stands there may be the secret itself, so no error repeats it.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wrong = || {
            serde::de::Error::custom(
                "a secret is named, not written: { env = \"NAME\" } or { file = \"/path\" }",
            )
        };
        let value = Value::deserialize(deserializer).map_err(|_| wrong())?;
        let members = value.as_object().filter(|members| members.len() == 1).ok_or_else(wrong)?;
        match members.iter().next() {
            Some((name, Value::String(text))) if name == "env" => Ok(Self::Env(text.clone())),
            Some((name, Value::String(text))) if name == "file" => Ok(Self::File(text.into())),
            _ => Err(wrong()),
        }
    }
}

impl Secret {
    /// Reads it.
    #[expect(
        clippy::disallowed_methods,
        reason = "the settings name the variable, which is read when the connector is built"
    )]
    pub fn read(&self) -> Result<SecretString, ConnectError> {
        let missing = |what: String| ConnectError::Config(what);
        let text = match self {
            Self::Env(name) => std::env::var(name).map_err(|_| {
                missing(format!("the variable {name} with a secret is not set, or is no text"))
            })?,
            Self::File(path) => std::fs::read_to_string(path).map_err(|error| {
                let path = path.display();
                missing(format!("the secret in {path} cannot be read: {}", error.kind()))
            })?,
        };
        let text = text.trim_end();
        if text.is_empty() {
            return Err(missing("a secret is empty".to_owned()));
        }
        Ok(text.to_owned().into())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_secret_that_stands_in_the_settings_is_refused_and_not_repeated() {
        for wrong in [
            json!("hunter2"),
            json!({ "hunter2": "x" }),
            json!({ "env": ["hunter2"] }),
            json!({ "env": "A", "file": "hunter2" }),
            json!(null),
        ] {
            let error = serde_json::from_value::<Secret>(wrong).unwrap_err().to_string();
            assert!(!error.contains("hunter2") && error.contains("{ env ="), "{error}");
        }
        assert_eq!(
            serde_json::from_value::<Secret>(json!({ "env": "A" })).unwrap(),
            Secret::Env("A".to_owned())
        );
    }
}
