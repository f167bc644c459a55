//! Asking a data storage unit.

use std::collections::BTreeMap;
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

use crate::config::{Config, Schema};

/// So many pages of one schema in one round; more of them is a loop.
const MOST_PAGES: u64 = 100_000;
/// What is asked for again each round, µs: what was created just before the newest may have come into view after it.
const OVERLAP: i64 = 5 * 60 * 1_000_000;
/// How far the clock of the unit may be ahead, µs. What it says was created later than that moves no mark.
const AHEAD: i64 = 5 * 60 * 1_000_000;

pub(crate) struct DataPoints {
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
    /// Which schema.
    schema: usize,
    /// Which page of it, and how many data points the pages before it had.
    page: u64,
    skip: u64,
    /// When the newest data point of this schema in this round was created, µs since the epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    newest: Option<i64>,
    /// The same of the last whole round, for each schema.
    since: BTreeMap<String, i64>,
}

fn unusable(what: &str) -> ConnectError {
    ConnectError::Unavailable(format!("the answer cannot be used: {what}"))
}

fn key(schema: &Schema) -> String {
    let version = schema.version.as_deref().unwrap_or("*");
    format!("{}:{}:{version}", schema.namespace, schema.name)
}

/// The address of a page.
fn address(
    base: &Url,
    config: &Config,
    schema: &Schema,
    since: Option<i64>,
    skip: u64,
    limit: u32,
) -> Url {
    let (mut url, names) = (base.clone(), &config.parameters);
    {
        let mut query = url.query_pairs_mut();
        query.append_pair(&names.schema_namespace, &schema.namespace);
        query.append_pair(&names.schema_name, &schema.name);
        if let Some(version) = &schema.version {
            query.append_pair(&names.schema_version, version);
        }
        let since =
            since.and_then(|since| DateTime::from_timestamp_micros(since.saturating_sub(OVERLAP)));
        if let Some(since) = since {
            query.append_pair(
                &names.created_on_or_after,
                &since.to_rfc3339_opts(SecondsFormat::Micros, true),
            );
        }
        query.append_pair(&names.skip, &skip.to_string());
        query.append_pair(&names.limit, &limit.to_string());
    }
    url
}

/// When a data point was created where it is stored: the header of Open mHealth, or that of IEEE 1752.1.
fn created(point: &Value) -> Option<i64> {
    let header = point.get("header")?;
    let at =
        header.get("creation_date_time").or_else(|| header.get("source_creation_date_time"))?;
    Some(DateTime::parse_from_rfc3339(at.as_str()?).ok()?.timestamp_micros())
}

async fn list(client: &Client, url: Url) -> Result<Vec<Box<RawValue>>, ConnectError> {
    let call = Call::get(url).header("accept", "application/json".to_owned());
    let reply = client.read(call).await?;
    serde_json::from_slice(&reply.body).map_err(|_| unusable("it is no list of data points"))
}

impl DataPoints {
    pub(crate) fn new(client: Client, config: Config, clock: Arc<dyn Clock>) -> Self {
        Self { client, config, clock }
    }

    /// What tells these settings from others.
    fn digest(&self) -> String {
        let asked = json!([self.client.url(), self.config.schemas, self.config.parameters]);
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
        progress.since.retain(|_, since| *since <= latest);
        progress.newest = progress.newest.filter(|newest| *newest <= latest);
        progress
    }
}

#[async_trait]
impl Source for DataPoints {
    async fn poll(&mut self, cursor: Option<&Cursor>) -> Result<Batch, ConnectError> {
        let latest = self.clock.micros().saturating_add(AHEAD);
        let mut progress = self.progress(cursor, latest);
        let schema = self.config.schemas.get(progress.schema);
        let schema = schema.ok_or_else(|| ConnectError::Config("no schema is named".to_owned()))?;
        if progress.page >= MOST_PAGES {
            return Err(unusable("its pages do not end"));
        }
        let key = key(schema);
        let since = progress.since.get(&key).copied();
        let url = address(
            self.client.url(),
            &self.config,
            schema,
            since,
            progress.skip,
            self.config.page,
        );
        let points = list(&self.client, url).await?;
        let mut items = Vec::with_capacity(points.len());
        for (line, point) in (1u64..).zip(points) {
            let value: Value =
                serde_json::from_str(point.get()).map_err(|_| unusable("it is no JSON"))?;
            progress.newest = progress.newest.max(created(&value).filter(|at| *at <= latest));
            items.push(Item::record(
                point,
                format!("{} page {}", schema.name, progress.page),
                line,
            ));
        }
        let mut more = true;
        if items.is_empty() {
            // The schema is read; a page may be shorter than what was asked for, so only an empty one is the last.
            if let Some(newest) = progress.newest.take() {
                let since = progress.since.entry(key).or_insert(newest);
                *since = newest.max(*since);
            }
            (progress.page, progress.skip) = (0, 0);
            progress.schema += 1;
            more = progress.schema < self.config.schemas.len();
            if !more {
                progress.schema = 0;
            }
        } else {
            progress.page += 1;
            progress.skip += items.len() as u64;
        }
        let cursor = serde_json::to_string(&progress).map_err(|_| unusable("its place"))?;
        Ok(Batch { items, report: RowReport::default(), cursor: Cursor(cursor), more })
    }

    async fn acknowledge(&mut self, _cursor: &Cursor) -> Result<(), ConnectError> {
        // The other side keeps nothing for us.
        Ok(())
    }
}

/// Whether the unit gives a list when it is asked for one data point.
pub(crate) struct Reachable {
    pub(crate) client: Client,
    pub(crate) config: Config,
}

#[async_trait]
impl Probe for Reachable {
    async fn probe(&self) -> Result<(), ConnectError> {
        let Some(schema) = self.config.schemas.first() else { return Ok(()) };
        let url = address(self.client.url(), &self.config, schema, None, 0, 1);
        list(&self.client, url).await.map(drop)
    }
}
