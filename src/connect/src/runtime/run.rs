//! Reports of runs.

use serde::{Deserialize, Serialize};
use tsunagu_domain::{TenantId, Timestamp};
use tsunagu_store::{Scan, Store, WriteSet};

use super::kept::{OPEN, RUNS, decode, delete, prefix, put, unavailable};
use crate::{ConnectError, RowReport};

/// So many reports of past runs are kept per connector.
const KEPT_RUNS: usize = 50;

/// One run: from the first row found to the last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunReport {
    /// Version of this format: 1.
    pub v: u32,
    /// Which connector.
    pub connector: String,
    /// When it began, microseconds since the epoch.
    pub started: Timestamp,
    /// When it ended, or was last heard of.
    pub finished: Timestamp,
    /// Entities that were new.
    pub created: u64,
    /// Entities that were changed.
    pub updated: u64,
    /// Entities that were the same as before.
    pub unchanged: u64,
    /// Rows.
    pub rows: RowReport,
    /// Records that the mapping has nothing for.
    #[serde(default)]
    pub skipped: u64,
    /// Rows per second, when it took measurable time.
    pub rows_per_second: Option<u64>,
    /// Why it stopped early, if it did; it goes on from there.
    pub error: Option<String>,
}

impl RunReport {
    pub(super) fn begin(connector: &str, now: Timestamp) -> Self {
        Self {
            v: 1,
            connector: connector.to_owned(),
            started: now,
            finished: now,
            created: 0,
            updated: 0,
            unchanged: 0,
            rows: RowReport::default(),
            skipped: 0,
            rows_per_second: None,
            error: None,
        }
    }

    pub(super) fn finish(&mut self, now: Timestamp) {
        self.finished = now;
        let rows = self.rows.accepted + self.rows.refused_count;
        let micros = u64::try_from(now.saturating_sub(self.started)).unwrap_or(0);
        self.rows_per_second = rows.saturating_mul(1_000_000).checked_div(micros);
    }

    /// Whether nothing was written and nothing is to be told.
    pub(super) fn is_idle(&self) -> bool {
        let told = self.rows.refused_count + self.rows.warning_count;
        self.created + self.updated + told == 0 && self.error.is_none()
    }

    /// Whether nothing happened.
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.skipped == 0
    }
}

/// Keeps the report of a run that is over, and of those before only the latest. A failure that repeats is one run that lasts.
pub(super) async fn keep(
    store: &dyn Store,
    tenant: &TenantId,
    feed: &str,
    report: &RunReport,
) -> Result<(), ConnectError> {
    let prefix = prefix(&report.connector);
    let scan =
        Scan { prefix: prefix.clone(), limit: KEPT_RUNS * 2, reverse: true, ..Scan::default() };
    let kept = store.records(tenant, RUNS, &scan).await.map_err(|error| unavailable(&error))?;
    let mut report = report.clone();
    if let Some((_, record)) = kept.first() {
        let last: RunReport = decode(&record.value)?;
        let empty = report.is_empty() && last.is_empty();
        if empty && report.error.is_some() && report.error == last.error {
            report.started = last.started;
        }
    }
    let started = u64::try_from(report.started).unwrap_or(0).to_be_bytes();
    let mut set = WriteSet::new(tenant.clone())
        .with(put(RUNS, [&prefix[..], &started].concat(), &report)?)
        .with(delete(OPEN, feed.as_bytes().to_vec()));
    for (key, _) in kept.into_iter().skip(KEPT_RUNS - 1) {
        set.ops.push(delete(RUNS, key));
    }
    let done = store.commit(set).await;
    done.map(drop).map_err(|error| unavailable(&error))
}

/// The kept runs of a connector, the latest first.
pub async fn runs(
    store: &dyn Store,
    tenant: &TenantId,
    name: &str,
    limit: usize,
) -> Result<Vec<RunReport>, ConnectError> {
    let scan = Scan { prefix: prefix(name), limit, reverse: true, ..Scan::default() };
    let found = store.records(tenant, RUNS, &scan).await.map_err(|error| unavailable(&error))?;
    found.into_iter().map(|(_, record)| decode(&record.value)).collect()
}
