//! Settings.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};
use tsunagu_connect::{
    ConnectError, Direction, Endpoint, Finding, Host, Kind, Manifest, Parts, Plan, Settings,
};

use crate::sink::Put;
use crate::source::{Reachable, Search};

const MEASUREMENTS: &str = include_str!("../mappings/measurements.json");
const ACTIVITY: &str = include_str!("../mappings/activity.json");

/// The kind `fhir`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Fhir;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum What {
    /// Vital signs and body measurements.
    #[default]
    Measurements,
    /// Steps.
    Activity,
}

impl What {
    /// The search by which a server gives it.
    fn query(self) -> BTreeMap<String, String> {
        let pair = match self {
            Self::Measurements => ("category", "vital-signs"),
            Self::Activity => ("code", "http://loinc.org|55423-8,http://loinc.org|41950-7"),
        };
        BTreeMap::from([(pair.0.to_owned(), pair.1.to_owned())])
    }

    fn entity_type(self) -> &'static str {
        match self {
            Self::Measurements => "HealthObservation",
            Self::Activity => "HealthActivity",
        }
    }

    fn mapping(self) -> &'static str {
        match self {
            Self::Measurements => MEASUREMENTS,
            Self::Activity => ACTIVITY,
        }
    }
}

fn hundred() -> u32 {
    100
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    #[serde(flatten)]
    pub(crate) endpoint: Endpoint,
    #[serde(default)]
    what: What,
    /// Parameters of the search in the place of the usual ones, e.g. the category that JP Core servers use.
    #[serde(default)]
    query: BTreeMap<String, String>,
    /// Resources to a page (`_count`).
    #[serde(default = "hundred")]
    pub(crate) page: u32,
    /// Whether it sends, in the place of asking.
    #[serde(default)]
    send: bool,
}

impl Config {
    pub(crate) fn query(&self) -> BTreeMap<String, String> {
        if self.query.is_empty() { self.what.query() } else { self.query.clone() }
    }
}

impl Kind for Fhir {
    fn name(&self) -> &'static str {
        "fhir"
    }

    fn validate(&self, settings: &Settings) -> Result<Arc<dyn Plan>, Vec<Finding>> {
        let config: Config = settings.read()?;
        let mut findings = config.endpoint.check(&settings.name, "settings.url");
        let mut wrong =
            |at: &str, what: &str| findings.push(Finding::new(&settings.name, at, what));
        if config.endpoint.url.query().is_some() || config.endpoint.url.cannot_be_a_base() {
            wrong("settings.url", "it is the base of the interface, without a query");
        }
        if !(1..=1000).contains(&config.page) {
            wrong("settings.page", "a page has 1 to 1000 resources");
        }
        if config
            .query
            .keys()
            .any(|name| ["_lastUpdated", "_sort", "_count"].contains(&name.as_str()))
        {
            wrong("settings.query", "_lastUpdated, _sort and _count are the connector's own");
        }
        if !config.send && settings.mapping.is_none() && !settings.secrets.contains_key("ids") {
            wrong(
                "secrets.ids",
                "ids of observations are made with a secret, e.g. secrets = { ids = { env = \"…\" } }",
            );
        }
        if !findings.is_empty() {
            return Err(findings);
        }
        let manifest = Manifest {
            name: settings.name.clone(),
            kind: self.name().to_owned(),
            title: settings.title.clone(),
            direction: if config.send { Direction::Outbound } else { Direction::Inbound },
            entity_types: vec![config.what.entity_type().to_owned()],
        };
        Ok(Arc::new(Server { manifest, config }))
    }
}

struct Server {
    manifest: Manifest,
    config: Config,
}

#[async_trait]
impl Plan for Server {
    fn manifest(&self) -> Manifest {
        self.manifest.clone()
    }

    fn mapping(&self) -> Option<Value> {
        if self.config.send {
            return None;
        }
        let mut mapping: Value = serde_json::from_str(self.config.what.mapping()).ok()?;
        // Ids are made with the mapping's name: two connectors of this kind never make the same.
        *mapping.get_mut("name")? = self.manifest.name.as_str().into();
        Some(mapping)
    }

    fn subscription(&self) -> Option<Value> {
        self.config.send.then(|| {
            json!({
                "type": "Subscription",
                "entities": [{ "type": self.config.what.entity_type() }],
                "notificationTrigger": ["entityCreated", "entityUpdated", "entityDeleted"],
                "notification": { "format": "normalized" },
            })
        })
    }

    async fn build(&self, host: &Host) -> Result<Parts, ConnectError> {
        let client = self.config.endpoint.open(host)?;
        let probe = Some(Arc::new(Reachable(client.clone())) as _);
        Ok(if self.config.send {
            Parts { sink: Some(Arc::new(Put(client))), probe, ..Parts::default() }
        } else {
            let source = Search::new(client, self.config.clone(), Arc::clone(&host.clock));
            Parts { source: Some(Box::new(source)), probe, ..Parts::default() }
        })
    }
}

/// The address of something below the base.
pub(crate) fn below(base: &url::Url, path: &[&str]) -> url::Url {
    let mut url = base.clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(path);
    }
    url
}
