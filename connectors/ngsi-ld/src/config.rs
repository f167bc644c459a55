//! Settings.

use std::sync::Arc;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};
use tsunagu_connect::{
    Call, Client, ConnectError, Direction, Endpoint, Finding, Host, HttpError, Kind, Manifest,
    Parts, Plan, Probe, Reply, Settings,
};
use url::Url;

use crate::sink::Give;
use crate::source::Take;

/// The kind `ngsi-ld`.
#[derive(Debug, Clone, Copy, Default)]
pub struct NgsiLd;

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Taken {
    /// Types to ask for, terms of the core @context or IRIs.
    pub(crate) types: Vec<String>,
    /// A filter (clause 4.9).
    #[serde(default)]
    pub(crate) q: Option<String>,
    /// Entities of a page.
    #[serde(default = "hundred")]
    pub(crate) limit: u32,
}

fn hundred() -> u32 {
    100
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    /// Types whose changes are given.
    types: Vec<String>,
    /// Attributes that are given; all that the client may see when left out.
    #[serde(default)]
    attributes: Vec<String>,
    /// A filter (clause 4.9).
    #[serde(default)]
    q: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    #[serde(flatten)]
    endpoint: Endpoint,
    /// The tenant there.
    #[serde(default)]
    tenant: Option<String>,
    #[serde(default)]
    take: Option<Taken>,
    #[serde(default)]
    give: Option<Given>,
}

impl Kind for NgsiLd {
    fn name(&self) -> &'static str {
        "ngsi-ld"
    }

    fn validate(&self, settings: &Settings) -> Result<Arc<dyn Plan>, Vec<Finding>> {
        let config: Config = settings.read()?;
        let mut findings = config.endpoint.check(&settings.name, "settings.url");
        let mut wrong =
            |at: &str, what: &str| findings.push(Finding::new(&settings.name, at, what));
        if config.endpoint.url.cannot_be_a_base() {
            wrong("settings.url", "paths are appended to the url");
        }
        if config.take.is_none() && config.give.is_none() {
            wrong("settings", "it needs `take`, `give` or both");
        }
        let none = |types: &[String]| types.is_empty() || types.iter().any(String::is_empty);
        if config.take.as_ref().is_some_and(|take| none(&take.types)) {
            wrong("settings.take.types", "name the types to take");
        }
        if config.take.as_ref().is_some_and(|take| !(1..=1000).contains(&take.limit)) {
            wrong("settings.take.limit", "a page has 1 to 1000 entities");
        }
        if config.give.as_ref().is_some_and(|give| none(&give.types)) {
            wrong("settings.give.types", "name the types to give");
        }
        if let (Some(take), Some(give)) = (&config.take, &config.give)
            && give.types.iter().any(|one| take.types.contains(one))
        {
            let what = "a type that is taken is not given too: an echo could overtake a change";
            wrong("settings.give.types", what);
        }
        if !findings.is_empty() {
            return Err(findings);
        }
        let direction =
            if config.take.is_some() { Direction::Inbound } else { Direction::Outbound };
        let manifest = Manifest {
            name: settings.name.clone(),
            kind: self.name().to_owned(),
            title: settings.title.clone(),
            direction,
            entity_types: config.take.as_ref().map(|take| take.types.clone()).unwrap_or_default(),
        };
        Ok(Arc::new(Linked { manifest, config }))
    }
}

struct Linked {
    manifest: Manifest,
    config: Config,
}

#[async_trait]
impl Plan for Linked {
    fn manifest(&self) -> Manifest {
        self.manifest.clone()
    }

    fn subscription(&self) -> Option<Value> {
        let give = self.config.give.as_ref()?;
        let types: Vec<Value> = give.types.iter().map(|one| json!({ "type": one })).collect();
        let mut subscription = json!({
            "type": "Subscription",
            "entities": types,
            "notificationTrigger": ["entityCreated", "entityUpdated", "entityDeleted"],
            "notification": { "format": "normalized" },
        });
        if !give.attributes.is_empty() {
            subscription["notification"]["attributes"] = json!(give.attributes);
        }
        if let Some(q) = &give.q {
            subscription["q"] = json!(q);
        }
        Some(subscription)
    }

    async fn build(&self, host: &Host) -> Result<Parts, ConnectError> {
        let client = self.config.endpoint.open(host)?;
        let broker = Broker { client, tenant: self.config.tenant.clone() };
        let mut parts = Parts { probe: Some(Arc::new(broker.clone())), ..Parts::default() };
        if let Some(take) = &self.config.take {
            let (broker, clock) = (broker.clone(), Arc::clone(&host.clock));
            parts.source = Some(Box::new(Take { broker, clock, asked: take.clone() }));
        }
        if self.config.give.is_some() {
            parts.sink = Some(Arc::new(Give { broker }));
        }
        Ok(parts)
    }
}

/// The other broker.
#[derive(Debug, Clone)]
pub(crate) struct Broker {
    client: Client,
    tenant: Option<String>,
}

impl Broker {
    /// The URL of something below `/ngsi-ld/v1`.
    pub(crate) fn url(&self, segments: &[&str]) -> Result<Url, ConnectError> {
        let mut url = self.client.url().clone();
        let wrong = || ConnectError::Config("paths are appended to the url".to_owned());
        url.path_segments_mut()
            .map_err(|()| wrong())?
            .pop_if_empty()
            .extend(["ngsi-ld", "v1"])
            .extend(segments);
        Ok(url)
    }

    fn told(&self, call: Call) -> Call {
        match &self.tenant {
            Some(tenant) => call.header("ngsild-tenant", tenant.clone()),
            None => call,
        }
    }

    pub(crate) async fn send(&self, call: Call) -> Result<Reply, HttpError> {
        self.client.send(self.told(call)).await
    }

    pub(crate) async fn read(&self, url: Url) -> Result<Reply, ConnectError> {
        let call = Call::get(url).header("accept", "application/json".to_owned());
        self.client.read(self.told(call)).await
    }
}

#[async_trait]
impl Probe for Broker {
    async fn probe(&self) -> Result<(), ConnectError> {
        let mut url = self.url(&["types"])?;
        url.query_pairs_mut().append_pair("limit", "1");
        self.read(url).await.map(drop)
    }
}
