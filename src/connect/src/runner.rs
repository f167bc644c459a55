//! Runs one source: poll, leave out what is unchanged, hand over, remember, go on.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio_util::sync::CancellationToken;
use tsunagu_domain::{Clock, IdGen, Problem, TenantId, Text, Timestamp};
use tsunagu_ngsi_ld::Entity;
use tsunagu_ngsi_ld::model::Attribute;
use tsunagu_store::{Collection, Expect, Op, Scan, Store, StoreError, WriteSet};

use crate::{
    Batch, ConnectError, Cursor, Item, Manifest, Platform, Refusal, RowReport, Source,
    UpsertOutcome,
};

/// connector → cursor.
pub(crate) const CURSORS: Collection = Collection("connector-cursor");
/// connector + entity id → digest of what was taken over.
pub(crate) const TAKEN: Collection = Collection("connector-taken");
/// connector + time → [`RunReport`].
pub(crate) const RUNS: Collection = Collection("connector-run");
/// connector → the run under way, to go on with its report after a crash.
const OPEN: Collection = Collection("connector-open-run");
/// So many reports of past runs are kept per connector.
const KEPT_RUNS: usize = 50;

/// How often and how patiently a source is read.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Between two polls that found nothing.
    pub interval: Duration,
    /// Longest wait after errors; the first is the interval, each further one twice as long.
    pub longest_wait: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { interval: Duration::from_secs(10), longest_wait: Duration::from_mins(15) }
    }
}

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
    /// Rows per second, when it took measurable time.
    pub rows_per_second: Option<u64>,
    /// Why it stopped early, if it did; it goes on from there.
    pub error: Option<String>,
}

impl RunReport {
    fn begin(connector: &str, now: Timestamp) -> Self {
        Self {
            v: 1,
            connector: connector.to_owned(),
            started: now,
            finished: now,
            created: 0,
            updated: 0,
            unchanged: 0,
            rows: RowReport::default(),
            rows_per_second: None,
            error: None,
        }
    }

    fn finish(&mut self, now: Timestamp) {
        self.finished = now;
        let rows = self.rows.accepted + self.rows.refused_count;
        let micros = u64::try_from(now.saturating_sub(self.started)).unwrap_or(0);
        self.rows_per_second = rows.saturating_mul(1_000_000).checked_div(micros);
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Remembered {
    v: u32,
    cursor: Cursor,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Taken {
    v: u32,
    digest: String,
}

/// Reads one source into one municipality.
pub struct Runner {
    store: Arc<dyn Store>,
    platform: Arc<dyn Platform>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGen>,
    tenant: TenantId,
    source: Box<dyn Source>,
    pace: Pace,
}

impl fmt::Debug for Runner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runner").field("connector", &self.manifest().name).finish_non_exhaustive()
    }
}

impl Runner {
    /// For this source; nothing runs yet.
    pub fn new(
        store: Arc<dyn Store>,
        platform: Arc<dyn Platform>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdGen>,
        tenant: TenantId,
        source: Box<dyn Source>,
        pace: Pace,
    ) -> Self {
        Self { store, platform, clock, ids, tenant, source, pace }
    }

    /// What the source says of itself.
    pub fn manifest(&self) -> &Manifest {
        self.source.manifest()
    }

    /// Runs until told to stop. A batch under way is finished first.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let mut failures = 0u32;
        while !shutdown.is_cancelled() {
            match self.run_until(&shutdown).await {
                Ok(None) => failures = 0,
                Ok(Some(report)) => {
                    failures = 0;
                    tracing::info!(connector = %report.connector, accepted = report.rows.accepted, refused = report.rows.refused_count, "connector run");
                }
                Err(error) => {
                    failures = failures.saturating_add(1);
                    tracing::warn!(connector = %self.manifest().name, %error, failures, "connector run failed");
                }
            }
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = tokio::time::sleep(self.wait(failures)) => {}
            }
        }
    }

    fn wait(&self, failures: u32) -> Duration {
        if failures == 0 {
            return self.pace.interval;
        }
        let doubled = self.pace.interval.saturating_mul(1 << failures.saturating_sub(1).min(20));
        let [chance, ..] = self.ids.bytes();
        doubled.min(self.pace.longest_wait).mul_f64(0.5 + f64::from(chance) / 512.0)
    }

    /// Reads everything that is there now. `None`: there was nothing new.
    pub async fn run_once(&mut self) -> Result<Option<RunReport>, ConnectError> {
        self.run_until(&CancellationToken::new()).await
    }

    async fn run_until(
        &mut self,
        shutdown: &CancellationToken,
    ) -> Result<Option<RunReport>, ConnectError> {
        let name = self.manifest().name.clone();
        // A run that was cut off goes on: its report must not lose what was refused before.
        let open: Option<RunReport> = self.read(OPEN, name.as_bytes()).await?;
        let mut report = open.unwrap_or_else(|| RunReport::begin(&name, self.clock.micros()));
        let outcome = self.take_all(&name, &mut report, shutdown).await;
        report.finish(self.clock.micros());
        if let Err(error) = &outcome {
            report.error = Some(error.to_string());
        }
        if report.rows.is_empty() && report.error.is_none() {
            return Ok(None);
        }
        self.keep_run(&name, &report).await?;
        outcome.map(|()| Some(report))
    }

    async fn take_all(
        &mut self,
        name: &str,
        report: &mut RunReport,
        shutdown: &CancellationToken,
    ) -> Result<(), ConnectError> {
        let remembered: Option<Remembered> = self.read(CURSORS, name.as_bytes()).await?;
        let mut cursor = remembered.map(|remembered| remembered.cursor);
        loop {
            let batch = self.source.poll(cursor.as_ref()).await?;
            let more = batch.more;
            if cursor.as_ref() != Some(&batch.cursor) {
                cursor = Some(self.take(name, batch, report).await?);
            }
            if !more || shutdown.is_cancelled() {
                return Ok(());
            }
        }
    }

    /// Takes one batch over and moves the cursor.
    async fn take(
        &mut self,
        name: &str,
        batch: Batch,
        report: &mut RunReport,
    ) -> Result<Cursor, ConnectError> {
        let mut next = report.clone();
        let mut changed = Vec::new();
        for item in batch.items {
            let key = taken_key(name, &item.entity.id);
            let digest = digest_of(&item.entity);
            let taken: Option<Taken> = self.read(TAKEN, &key).await?;
            if taken.is_some_and(|taken| taken.digest == digest) {
                next.unchanged += 1;
                next.rows.accepted += 1;
            } else {
                changed.push((item, key, digest));
            }
        }
        next.rows.extend(batch.report);
        let mut set = WriteSet::new(self.tenant.clone());
        if !changed.is_empty() {
            let entities = changed.iter().map(|(item, ..)| item.entity.clone()).collect();
            let outcomes = self.platform.upsert(name, entities).await;
            if outcomes.len() != changed.len() {
                return Err(ConnectError::Unavailable(
                    "the platform did not answer for every entity".to_owned(),
                ));
            }
            for ((item, key, digest), outcome) in changed.into_iter().zip(outcomes) {
                match outcome {
                    Ok(outcome) => {
                        next.rows.accepted += 1;
                        match outcome {
                            UpsertOutcome::Created => next.created += 1,
                            UpsertOutcome::Updated => next.updated += 1,
                            UpsertOutcome::Unchanged => next.unchanged += 1,
                        }
                        set.ops.push(put(TAKEN, key, &Taken { v: 1, digest })?);
                    }
                    // The platform cannot now: nothing of the batch is remembered, and it comes again.
                    Err(problem)
                        if problem.code.status() >= 500 || problem.code.status() == 429 =>
                    {
                        return Err(ConnectError::Unavailable(problem.to_string()));
                    }
                    Err(problem) => next.rows.refuse([refusal(item, &problem)]),
                }
            }
        }
        next.finished = self.clock.micros();
        set.ops.push(put(
            CURSORS,
            name.as_bytes().to_vec(),
            &Remembered { v: 1, cursor: batch.cursor.clone() },
        )?);
        if !next.rows.is_empty() {
            set.ops.push(put(OPEN, name.as_bytes().to_vec(), &next)?);
        }
        self.store.commit(set).await.map_err(|error| unavailable(&error))?;
        *report = next;
        self.source.acknowledge(&batch.cursor).await?;
        Ok(batch.cursor)
    }

    /// Keeps the report of a run that is over, and of those before only the latest. A failure that repeats is one run that lasts.
    async fn keep_run(&self, name: &str, report: &RunReport) -> Result<(), ConnectError> {
        let prefix = run_prefix(name);
        let scan =
            Scan { prefix: prefix.clone(), limit: KEPT_RUNS * 2, reverse: true, ..Scan::default() };
        let kept = self.store.records(&self.tenant, RUNS, &scan).await;
        let kept = kept.map_err(|error| unavailable(&error))?;
        let mut report = report.clone();
        if let Some((_, record)) = kept.first() {
            let last: RunReport = decode(&record.value)?;
            let empty = report.rows.is_empty() && last.rows.is_empty();
            if empty && report.error.is_some() && report.error == last.error {
                report.started = last.started;
            }
        }
        let started = u64::try_from(report.started).unwrap_or(0).to_be_bytes();
        let mut set = WriteSet::new(self.tenant.clone())
            .with(put(RUNS, [&prefix[..], &started].concat(), &report)?)
            .with(delete(OPEN, name.as_bytes().to_vec()));
        for (key, _) in kept.into_iter().skip(KEPT_RUNS - 1) {
            set.ops.push(delete(RUNS, key));
        }
        let done = self.store.commit(set).await;
        done.map(drop).map_err(|error| unavailable(&error))
    }

    async fn read<T: DeserializeOwned>(
        &self,
        collection: Collection,
        key: &[u8],
    ) -> Result<Option<T>, ConnectError> {
        let record = self
            .store
            .record(&self.tenant, collection, key)
            .await
            .map_err(|error| unavailable(&error))?;
        record.map(|record| decode(&record.value)).transpose()
    }
}

pub(crate) fn run_prefix(name: &str) -> Vec<u8> {
    [name.as_bytes(), b"\0"].concat()
}

pub(crate) fn decode<T: DeserializeOwned>(value: &[u8]) -> Result<T, ConnectError> {
    serde_json::from_slice(value).map_err(|error| {
        let at = format!(
            "a connector's record is damaged (line {}, column {})",
            error.line(),
            error.column()
        );
        ConnectError::Unavailable(at)
    })
}

pub(crate) fn unavailable(error: &StoreError) -> ConnectError {
    ConnectError::Unavailable(error.to_string())
}

fn put(collection: Collection, key: Vec<u8>, value: &impl Serialize) -> Result<Op, ConnectError> {
    let value = serde_json::to_vec(value).map_err(|error| {
        ConnectError::Unavailable(format!("a connector's record cannot be written: {error}"))
    })?;
    Ok(Op::PutRecord { collection, key, value, expect: Expect::Any })
}

fn delete(collection: Collection, key: Vec<u8>) -> Op {
    Op::DeleteRecord { collection, key, expect: Expect::Any }
}

fn taken_key(name: &str, id: &str) -> Vec<u8> {
    [name.as_bytes(), b"\0", id.as_bytes()].concat()
}

fn refusal(item: Item, problem: &Problem) -> Refusal {
    // The problem table's words only: details may name what the sender wrote.
    let remedy =
        Text { ja: problem.code.title_ja().to_owned(), en: problem.code.title().to_owned() };
    Refusal {
        input: item.input,
        line: item.line,
        column: None,
        rule: "platform".to_owned(),
        remedy,
    }
}

/// A digest of everything that the source says of an entity, apart from when.
fn digest_of(entity: &Entity) -> String {
    let mut context = digest::Context::new(&digest::SHA256);
    let mut part = |text: &str| {
        context.update(&(text.len() as u64).to_be_bytes());
        context.update(text.as_bytes());
    };
    part(&entity.id);
    for (name, list) in [("types", &entity.types), ("scopes", &entity.scopes)] {
        part(name);
        part(&list.len().to_string());
        for text in list {
            part(text);
        }
    }
    part(entity.expires_at.as_deref().unwrap_or_default());
    attributes(&entity.attributes, &mut part);
    context
        .finish()
        .as_ref()
        .iter()
        .fold(String::with_capacity(64), |text, byte| text + &format!("{byte:02x}"))
}

fn attributes(list: &[Attribute], part: &mut dyn FnMut(&str)) {
    part(&list.len().to_string());
    for attribute in list {
        part(&attribute.name);
        part(&attribute.instances.len().to_string());
        for instance in &attribute.instances {
            part(instance.kind.name());
            part(instance.value.get());
            for text in [
                &instance.dataset_id,
                &instance.observed_at,
                &instance.unit_code,
                &instance.value_type,
                &instance.expires_at,
            ] {
                part(text.as_deref().unwrap_or_default());
            }
            attributes(&instance.sub, part);
        }
    }
}
