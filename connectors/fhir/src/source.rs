//! Searching Observations (FHIR R4, search).

use async_trait::async_trait;
use chrono::{DateTime, SecondsFormat};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use tsunagu_connect::{Batch, Call, Client, ConnectError, Cursor, Item, Probe, RowReport, Source};
use url::Url;

use crate::config::{Config, below};

/// So many pages in one round; more of them is a loop.
const MOST_PAGES: u32 = 100_000;
/// What is asked for again each round, µs: what was updated just before the newest may have come into view after it.
const OVERLAP: i64 = 5 * 60 * 1_000_000;

pub(crate) struct Search {
    client: Client,
    config: Config,
}

/// How far it is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Progress {
    /// The next page of a round under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<Url>,
    page: u32,
    /// When the newest resource of the round under way was updated, µs since the epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    newest: Option<i64>,
    /// The same of the last whole round.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<i64>,
}

/// A Bundle, as far as a search needs it.
#[derive(Deserialize)]
struct Bundle {
    #[serde(rename = "resourceType")]
    resource_type: String,
    #[serde(default)]
    link: Vec<Link>,
    #[serde(default)]
    entry: Vec<Entry>,
}

#[derive(Deserialize)]
struct Link {
    relation: String,
    url: String,
}

#[derive(Deserialize)]
struct Entry {
    resource: Option<Box<RawValue>>,
}

fn unusable(what: &str) -> ConnectError {
    ConnectError::Unavailable(format!("the answer cannot be used: {what}"))
}

fn updated(resource: &Value) -> Option<i64> {
    let at = resource.pointer("/meta/lastUpdated")?.as_str()?;
    Some(DateTime::parse_from_rfc3339(at).ok()?.timestamp_micros())
}

async fn bundle(client: &Client, url: Url) -> Result<Bundle, ConnectError> {
    let call = Call::get(url).header("accept", "application/fhir+json".to_owned());
    let reply = client.read(call).await?;
    let bundle: Bundle =
        serde_json::from_slice(&reply.body).map_err(|_| unusable("it is no Bundle"))?;
    if bundle.resource_type != "Bundle" {
        return Err(unusable("it is no Bundle"));
    }
    Ok(bundle)
}

impl Search {
    pub(crate) fn new(client: Client, config: Config) -> Self {
        Self { client, config }
    }

    fn first(&self, since: Option<i64>) -> Url {
        let mut url = below(self.client.url(), &["Observation"]);
        {
            let mut query = url.query_pairs_mut();
            query.extend_pairs(self.config.query());
            let since = since.and_then(|since| DateTime::from_timestamp_micros(since - OVERLAP));
            if let Some(since) = since {
                let since = since.to_rfc3339_opts(SecondsFormat::Millis, true);
                query.append_pair("_lastUpdated", &format!("ge{since}"));
            }
            query.append_pair("_sort", "_lastUpdated");
            query.append_pair("_count", &self.config.page.to_string());
        }
        url
    }
}

#[async_trait]
impl Source for Search {
    async fn poll(&mut self, cursor: Option<&Cursor>) -> Result<Batch, ConnectError> {
        // A cursor of other settings reads everything anew, which writes nothing twice.
        let mut progress: Progress =
            cursor.and_then(|Cursor(text)| serde_json::from_str(text).ok()).unwrap_or_default();
        let this = match progress.next.take() {
            Some(next) => next,
            None => self.first(progress.since),
        };
        let bundle = bundle(&self.client, this.clone()).await?;
        let mut items = Vec::with_capacity(bundle.entry.len());
        for (line, entry) in (1u64..).zip(bundle.entry) {
            let Some(resource) = entry.resource else { continue };
            let value: Value = serde_json::from_str(resource.get())
                .map_err(|_| unusable("a resource is no JSON"))?;
            // What the server remarks on the search is no result.
            if value.get("resourceType").and_then(Value::as_str) != Some("Observation") {
                continue;
            }
            progress.newest = progress.newest.max(updated(&value));
            items.push(Item::record(resource, format!("page {}", progress.page), line));
        }
        let next = bundle.link.iter().find(|link| link.relation == "next");
        let more = next.is_some();
        if let Some(next) = next {
            let url = this.join(&next.url).map_err(|_| unusable("the next link is no URL"))?;
            if url == this || progress.page >= MOST_PAGES {
                return Err(unusable("its pages go round in a circle"));
            }
            (progress.next, progress.page) = (Some(url), progress.page + 1);
        } else {
            progress.since = progress.newest.take().max(progress.since);
            progress.page = 0;
        }
        let cursor = serde_json::to_string(&progress).map_err(|_| unusable("its place"))?;
        Ok(Batch { items, report: RowReport::default(), cursor: Cursor(cursor), more })
    }

    async fn acknowledge(&mut self, _cursor: &Cursor) -> Result<(), ConnectError> {
        // The other side keeps nothing for us.
        Ok(())
    }
}

/// Whether there is a FHIR server: what it says of itself is a `CapabilityStatement`.
pub(crate) struct Reachable(pub(crate) Client);

#[async_trait]
impl Probe for Reachable {
    async fn probe(&self) -> Result<(), ConnectError> {
        let url = below(self.0.url(), &["metadata"]);
        let call = Call::get(url).header("accept", "application/fhir+json".to_owned());
        let reply = self.0.read(call).await?;
        let answer: Value = serde_json::from_slice(&reply.body)
            .map_err(|_| unusable("it is no CapabilityStatement"))?;
        match answer.get("resourceType").and_then(Value::as_str) {
            Some("CapabilityStatement") => Ok(()),
            _ => Err(unusable("it is no CapabilityStatement")),
        }
    }
}
