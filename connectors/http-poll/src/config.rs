//! Settings.

use std::sync::Arc;

use async_trait::async_trait;
use serde::Deserialize;
use tsunagu_connect::{
    ConnectError, Direction, Endpoint, Finding, Host, Kind, Manifest, Parts, Plan, Settings,
};

use crate::source::{Poll, Reachable};

/// The kind `http-poll`.
#[derive(Debug, Clone, Copy, Default)]
pub struct HttpPoll;

/// How the next page is found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Paging {
    /// There is one page.
    #[default]
    None,
    /// By a `Link` header with `rel="next"` (RFC 8288).
    Link,
    /// By a URL in the answer; absent, null or empty on the last page. JSON Pointer.
    Next(String),
    /// By a number; a page without records is the last.
    Page {
        /// The query parameter.
        parameter: String,
        /// The number of the first page.
        #[serde(default)]
        first: u32,
    },
}

/// How only what is newer is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Since {
    /// The query parameter.
    pub(crate) parameter: String,
    /// Where a record says when it changed: JSON Pointer to a time (RFC 3339) or a number that grows.
    pub(crate) from: String,
    /// How far back a time is asked for again, seconds: records can become visible later than they were changed.
    #[serde(default = "five_minutes")]
    pub(crate) overlap_seconds: u32,
}

fn five_minutes() -> u32 {
    300
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    #[serde(flatten)]
    pub(crate) endpoint: Endpoint,
    /// JSON Pointer to the list of records.
    #[serde(default)]
    pub(crate) records: String,
    #[serde(default)]
    pub(crate) paging: Paging,
    #[serde(default)]
    pub(crate) since: Option<Since>,
    /// Entity types that it publishes, for the list of connectors.
    #[serde(default)]
    pub(crate) entity_types: Vec<String>,
}

impl Kind for HttpPoll {
    fn name(&self) -> &'static str {
        "http-poll"
    }

    fn validate(&self, settings: &Settings) -> Result<Arc<dyn Plan>, Vec<Finding>> {
        let config: Config = settings.read()?;
        let mut findings = config.endpoint.check(&settings.name, "settings.url");
        let mut wrong =
            |at: &str, what: &str| findings.push(Finding::new(&settings.name, at, what));
        let pointers = [
            ("settings.records", Some(&config.records)),
            (
                "settings.paging.next",
                match &config.paging {
                    Paging::Next(pointer) => Some(pointer),
                    _ => None,
                },
            ),
            ("settings.since.from", config.since.as_ref().map(|since| &since.from)),
        ];
        for (at, pointer) in pointers {
            if pointer.is_some_and(|pointer| !pointer.is_empty() && !pointer.starts_with('/')) {
                wrong(at, "a JSON Pointer is empty or begins with '/', e.g. /items");
            }
        }
        if settings.mapping.is_none() {
            wrong("mapping", "its records need a mapping, e.g. mapping = { file = \"….json\" }");
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

    async fn build(&self, host: &Host) -> Result<Parts, ConnectError> {
        let client = self.config.endpoint.open(host)?;
        let source = Poll::new(client.clone(), self.config.clone(), Arc::clone(&host.clock));
        Ok(Parts {
            source: Some(Box::new(source)),
            probe: Some(Arc::new(Reachable(client))),
            ..Parts::default()
        })
    }
}
