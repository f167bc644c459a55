//! Searching Observations (FHIR R4, search).

use std::sync::Arc;

use async_trait::async_trait;
use aws_lc_rs::digest::{SHA256, digest};
use chrono::{DateTime, SecondsFormat};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tsunagu_connect::{Batch, Call, Client, ConnectError, Cursor, Item, Probe, RowReport, Source};
use tsunagu_domain::Clock;
use url::Url;

use crate::config::{Config, below};

/// So many pages in one round; more of them is a loop.
const MOST_PAGES: u32 = 100_000;
/// What is asked for again each round, µs: what was updated just before the newest may have come into view after it.
const OVERLAP: i64 = 5 * 60 * 1_000_000;
/// How far the clock of the server may be ahead, µs. What it says was updated later than that moves no mark.
const AHEAD: i64 = 5 * 60 * 1_000_000;

pub(crate) struct Search {
    client: Client,
    config: Config,
    clock: Arc<dyn Clock>,
}

/// How far it is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Progress {
    /// Of which settings: a digest of what is asked for, and where.
    of: String,
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

/// A page; none if the server does not know it, or does not know it any more.
async fn bundle(client: &Client, url: Url) -> Result<Option<Bundle>, ConnectError> {
    let call = Call::get(url).header("accept", "application/fhir+json".to_owned());
    let reply = client.send(call).await?;
    match reply.status {
        200..=299 => {}
        400 | 404 | 410 => return Ok(None),
        status @ (401 | 403) => {
            let what = format!("the other side does not let us in (status {status})");
            return Err(ConnectError::Config(what));
        }
        status => {
            return Err(ConnectError::Unavailable(format!("the other side answered {status}")));
        }
    }
    let bundle: Bundle =
        serde_json::from_slice(&reply.body).map_err(|_| unusable("it is no Bundle"))?;
    if bundle.resource_type != "Bundle" {
        return Err(unusable("it is no Bundle"));
    }
    Ok(Some(bundle))
}

impl Search {
    pub(crate) fn new(client: Client, config: Config, clock: Arc<dyn Clock>) -> Self {
        Self { client, config, clock }
    }

    /// What tells these settings from others.
    fn digest(&self) -> String {
        let asked = json!([self.client.url(), self.config.query()]);
        let digest = digest(&SHA256, asked.to_string().as_bytes());
        digest
            .as_ref()
            .first_chunk()
            .map_or_else(String::new, |bytes| format!("{:032x}", u128::from_be_bytes(*bytes)))
    }

    /// How far it was under these settings. A cursor of others, or with a mark in the future, reads everything anew, which writes nothing twice.
    fn progress(&self, cursor: Option<&Cursor>, latest: i64) -> Progress {
        let of = self.digest();
        let read = cursor.and_then(|Cursor(text)| serde_json::from_str::<Progress>(text).ok());
        let mut progress = match read {
            Some(progress) if progress.of == of => progress,
            _ => Progress { of, ..Progress::default() },
        };
        progress.since = progress.since.filter(|since| *since <= latest);
        progress.newest = progress.newest.filter(|newest| *newest <= latest);
        let ours = self.client.url().origin();
        if progress.next.as_ref().is_some_and(|next| next.origin() != ours) {
            (progress.next, progress.page, progress.newest) = (None, 0, None);
        }
        progress
    }

    fn first(&self, since: Option<i64>) -> Url {
        let mut url = below(self.client.url(), &["Observation"]);
        {
            let mut query = url.query_pairs_mut();
            query.extend_pairs(self.config.query());
            let since = since
                .and_then(|since| DateTime::from_timestamp_micros(since.saturating_sub(OVERLAP)));
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

fn batch(items: Vec<Item>, progress: &Progress, more: bool) -> Result<Batch, ConnectError> {
    let cursor = serde_json::to_string(progress).map_err(|_| unusable("its place"))?;
    Ok(Batch { items, report: RowReport::default(), cursor: Cursor(cursor), more })
}

#[async_trait]
impl Source for Search {
    async fn poll(&mut self, cursor: Option<&Cursor>) -> Result<Batch, ConnectError> {
        let latest = self.clock.micros().saturating_add(AHEAD);
        let mut progress = self.progress(cursor, latest);
        let stored = progress.next.take();
        let this = stored.clone().unwrap_or_else(|| self.first(progress.since));
        let Some(bundle) = bundle(&self.client, this.clone()).await? else {
            if stored.is_none() {
                return Err(ConnectError::Unavailable(
                    "the other side does not take the search".to_owned(),
                ));
            }
            // The server does not keep the search any more. The next run begins the round anew.
            (progress.page, progress.newest) = (0, None);
            return batch(Vec::new(), &progress, false);
        };
        let mut items = Vec::with_capacity(bundle.entry.len());
        for (line, entry) in (1u64..).zip(bundle.entry) {
            let Some(resource) = entry.resource else { continue };
            let value: Value = serde_json::from_str(resource.get())
                .map_err(|_| unusable("a resource is no JSON"))?;
            // What the server remarks on the search is no result.
            if value.get("resourceType").and_then(Value::as_str) != Some("Observation") {
                continue;
            }
            progress.newest = progress.newest.max(updated(&value).filter(|at| *at <= latest));
            items.push(Item::record(resource, format!("page {}", progress.page), line));
        }
        let next = bundle.link.iter().find(|link| link.relation == "next");
        let more = next.is_some();
        if let Some(next) = next {
            let url = this.join(&next.url).map_err(|_| unusable("the next link is no URL"))?;
            if url.origin() != self.client.url().origin() {
                return Err(unusable("its next page is on another host"));
            }
            if url == this || progress.page >= MOST_PAGES {
                return Err(unusable("its pages go round in a circle"));
            }
            (progress.next, progress.page) = (Some(url), progress.page + 1);
        } else {
            progress.since = progress.newest.take().max(progress.since);
            progress.page = 0;
        }
        batch(items, &progress, more)
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
