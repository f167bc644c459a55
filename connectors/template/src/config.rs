//! Settings: read, checked, turned into parts.

use std::sync::Arc;

use async_trait::async_trait;
use serde::Deserialize;
use tsunagu_connect::{
    ConnectError, Direction, Endpoint, Finding, Host, Kind, Manifest, Parts, Plan, Settings,
};

use crate::source::{List, Reachable};

/// The kind `template`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Template;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    #[serde(flatten)]
    endpoint: Endpoint,
}

impl Kind for Template {
    fn name(&self) -> &'static str {
        "template"
    }

    fn validate(&self, settings: &Settings) -> Result<Arc<dyn Plan>, Vec<Finding>> {
        let config: Config = settings.read()?;
        let mut findings = config.endpoint.check(&settings.name, "settings.url");
        if settings.mapping.is_none() {
            findings.push(Finding::new(&settings.name, "mapping", "its records need a mapping"));
        }
        if !findings.is_empty() {
            return Err(findings);
        }
        let manifest = Manifest {
            name: settings.name.clone(),
            kind: self.name().to_owned(),
            title: settings.title.clone(),
            direction: Direction::Inbound,
            entity_types: Vec::new(),
        };
        Ok(Arc::new(Planned { manifest, config }))
    }
}

struct Planned {
    manifest: Manifest,
    config: Config,
}

#[async_trait]
impl Plan for Planned {
    fn manifest(&self) -> Manifest {
        self.manifest.clone()
    }

    async fn build(&self, host: &Host) -> Result<Parts, ConnectError> {
        let client = self.config.endpoint.open(host)?;
        Ok(Parts {
            source: Some(Box::new(List(client.clone()))),
            probe: Some(Arc::new(Reachable(client))),
            ..Parts::default()
        })
    }
}
