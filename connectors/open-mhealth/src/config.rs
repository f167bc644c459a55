//! Settings.

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tsunagu_connect::{
    ConnectError, Direction, Endpoint, Finding, Host, Kind, Manifest, Parts, Plan, Settings,
};

use crate::source::{DataPoints, Reachable};

/// From data points to `HealthActivity`, with samples.
const MAPPING: &str = include_str!("../mappings/activity.json");

/// The kind `open-mhealth`.
#[derive(Debug, Clone, Copy, Default)]
pub struct OpenMhealth;

/// A schema of data points.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Schema {
    pub(crate) namespace: String,
    pub(crate) name: String,
    /// Any if it says nothing.
    #[serde(default)]
    pub(crate) version: Option<String>,
}

/// What the other side calls its query parameters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Parameters {
    pub(crate) schema_namespace: String,
    pub(crate) schema_name: String,
    pub(crate) schema_version: String,
    pub(crate) created_on_or_after: String,
    pub(crate) skip: String,
    pub(crate) limit: String,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            schema_namespace: "schema_namespace".to_owned(),
            schema_name: "schema_name".to_owned(),
            schema_version: "schema_version".to_owned(),
            created_on_or_after: "created_on_or_after".to_owned(),
            skip: "skip".to_owned(),
            limit: "limit".to_owned(),
        }
    }
}

fn both() -> Vec<Schema> {
    let schema = |namespace: &str, name: &str| Schema {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        version: None,
    };
    vec![schema("ieee", "physical-activity"), schema("omh", "step-count")]
}

fn hundred() -> u32 {
    100
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    #[serde(flatten)]
    pub(crate) endpoint: Endpoint,
    /// Which data points are asked for.
    #[serde(default = "both")]
    pub(crate) schemas: Vec<Schema>,
    /// Data points to a page.
    #[serde(default = "hundred")]
    pub(crate) page: u32,
    #[serde(default)]
    pub(crate) parameters: Parameters,
}

impl Kind for OpenMhealth {
    fn name(&self) -> &'static str {
        "open-mhealth"
    }

    fn validate(&self, settings: &Settings) -> Result<Arc<dyn Plan>, Vec<Finding>> {
        let config: Config = settings.read()?;
        let mut findings = config.endpoint.check(&settings.name, "settings.url");
        let mut wrong =
            |at: &str, what: &str| findings.push(Finding::new(&settings.name, at, what));
        if config.schemas.is_empty() {
            wrong(
                "settings.schemas",
                "name at least one, e.g. { namespace = \"ieee\", name = \"physical-activity\" }",
            );
        }
        if !(1..=1000).contains(&config.page) {
            wrong("settings.page", "a page has 1 to 1000 data points");
        }
        if settings.mapping.is_none() && !settings.secrets.contains_key("ids") {
            wrong(
                "secrets.ids",
                "ids of activities are made with a secret, e.g. secrets = { ids = { env = \"…\" } }",
            );
        }
        if !findings.is_empty() {
            return Err(findings);
        }
        let manifest = Manifest {
            name: settings.name.clone(),
            kind: self.name().to_owned(),
            title: settings.title.clone(),
            direction: Direction::Inbound,
            entity_types: vec!["HealthActivity".to_owned()],
        };
        Ok(Arc::new(Polling { manifest, config }))
    }
}

struct Polling {
    manifest: Manifest,
    config: Config,
}

#[async_trait]
impl Plan for Polling {
    fn manifest(&self) -> Manifest {
        self.manifest.clone()
    }

    fn mapping(&self) -> Option<Value> {
        let mut mapping: Value = serde_json::from_str(MAPPING).ok()?;
        // Ids are made with the mapping's name: two connectors of this kind never make the same.
        *mapping.get_mut("name")? = self.manifest.name.as_str().into();
        Some(mapping)
    }

    async fn build(&self, host: &Host) -> Result<Parts, ConnectError> {
        let client = self.config.endpoint.open(host)?;
        let source = DataPoints::new(client.clone(), self.config.clone(), Arc::clone(&host.clock));
        Ok(Parts {
            source: Some(Box::new(source)),
            probe: Some(Arc::new(Reachable { client, config: self.config.clone() })),
            ..Parts::default()
        })
    }
}
