//! All connectors of one municipality, for the server to start and for staff to look at.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tsunagu_domain::TenantId;
use tsunagu_store::{Scan, Store};

use crate::runner::{RUNS, decode, run_prefix, unavailable};
use crate::{ConnectError, Manifest, RunReport, Runner};

/// A connector and its last run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunView {
    /// The connector.
    pub manifest: Manifest,
    /// Its last run, if it ever found anything.
    pub last_run: Option<RunReport>,
}

/// The list of connectors.
pub struct Connectors {
    store: Arc<dyn Store>,
    manifests: Vec<Manifest>,
}

impl fmt::Debug for Connectors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connectors").field("manifests", &self.manifests).finish_non_exhaustive()
    }
}

impl Connectors {
    /// With these; names must differ.
    pub fn new(store: Arc<dyn Store>, manifests: Vec<Manifest>) -> Result<Self, ConnectError> {
        for (i, manifest) in manifests.iter().enumerate() {
            if manifest.name.parse::<tsunagu_domain::ClientId>().is_err() {
                return Err(ConnectError::Config(
                    "a connector's name must be 1 to 64 of a-z, 0-9, '-' and '_'".to_owned(),
                ));
            }
            if manifests.iter().skip(i + 1).any(|other| other.name == manifest.name) {
                return Err(ConnectError::Config(format!(
                    "two connectors are named '{}'",
                    manifest.name
                )));
            }
        }
        Ok(Self { store, manifests })
    }

    /// Starts runners on `tracker`; they stop when `shutdown` is cancelled.
    pub fn spawn(runners: Vec<Runner>, tracker: &TaskTracker, shutdown: &CancellationToken) {
        for runner in runners {
            tracker.spawn(runner.run(shutdown.clone()));
        }
    }

    /// Every connector with its last run.
    pub async fn list(&self, tenant: &TenantId) -> Result<Vec<RunView>, ConnectError> {
        let mut out = Vec::new();
        for manifest in &self.manifests {
            let last_run = self.reports(tenant, &manifest.name, 1).await?.into_iter().next();
            out.push(RunView { manifest: manifest.clone(), last_run });
        }
        Ok(out)
    }

    /// The kept runs of a connector, the latest first; `None` when there is no such connector.
    pub async fn runs(
        &self,
        tenant: &TenantId,
        name: &str,
    ) -> Result<Option<Vec<RunReport>>, ConnectError> {
        if !self.manifests.iter().any(|manifest| manifest.name == name) {
            return Ok(None);
        }
        self.reports(tenant, name, 50).await.map(Some)
    }

    async fn reports(
        &self,
        tenant: &TenantId,
        name: &str,
        limit: usize,
    ) -> Result<Vec<RunReport>, ConnectError> {
        let scan = Scan { prefix: run_prefix(name), limit, reverse: true, ..Scan::default() };
        let found =
            self.store.records(tenant, RUNS, &scan).await.map_err(|error| unavailable(&error))?;
        found.into_iter().map(|(_, record)| decode(&record.value)).collect()
    }
}
