//! The log in the store.

mod erase;
mod export;
mod kept;
mod prove;
mod witnessed;

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use tsunagu_domain::{Clock, IdGen, Problem, ProblemCode, TenantId, Timestamp};
use tsunagu_store::access::{Access, AccessLog, Action, Decision, Ticket};
use tsunagu_store::{Collection, Log, Op, Store, WriteSet};

use crate::checkpoint::origin;
use crate::tree::TILE_WIDTH;
use crate::{AuditError, LoggedEntry, Signer, TilePath, VerifyingKey, about, entry};
pub use erase::Erased;
pub(crate) use erase::REASON;
use kept::Kept;
pub use prove::{ConsistencyProof, InclusionProof};
pub use witnessed::{AskedWitness, WitnessCalls, Witnesses};

/// Where the entries are.
pub(crate) const LOG: Log = Log("audit");
/// Full tiles: level, then index → hashes. They never change.
const TILES: Collection = Collection("audit-tile");
/// The last signed checkpoint with the tree under it.
const STATE: Collection = Collection("audit-state");

/// What the entries themselves are called when someone reads them.
pub(crate) const ENTRY_TYPE: &str = "urn:tsunagu:type:AuditEntry";

/// At most so many entries are read at once.
const PAGE: usize = 1000;

/// Who reads the log: reading it is an access as well.
#[derive(Debug, Clone)]
pub struct Reader {
    /// E.g. `client:<id>`, as in [`Access::actor`].
    pub actor: String,
    /// Id of the request.
    pub request: String,
    /// Why, as in [`Access::reason`], e.g. `auditor`.
    pub reason: String,
}

impl Reader {
    /// An auditor's tool, or a task of the operator's.
    pub fn auditor(actor: String, request: String) -> Self {
        Self { actor, request, reason: "auditor".to_owned() }
    }
}

type Slot = Arc<tokio::sync::Mutex<Option<Arc<Kept>>>>;

/// The transparency log of every tenant.
pub struct AuditLog {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGen>,
    signer: Signer,
    kept: Mutex<HashMap<TenantId, Slot>>,
    witnesses: Option<Witnesses>,
}

impl fmt::Debug for AuditLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuditLog(…)")
    }
}

impl AuditLog {
    /// The log in `store`, signed by `signer`.
    pub fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdGen>,
        signer: Signer,
    ) -> Self {
        Self { store, clock, ids, signer, kept: Mutex::default(), witnesses: None }
    }

    /// The public key that checks this tenant's checkpoints.
    pub fn verifying_key(&self, tenant: &TenantId) -> VerifyingKey {
        self.signer.verifying_key(&origin(tenant))
    }

    pub(crate) fn store(&self) -> &dyn Store {
        &*self.store
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.micros()
    }

    fn slot(&self, tenant: &TenantId) -> Slot {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(kept.entry(tenant.clone()).or_default())
    }

    /// Looks whether the log still continues what was signed last: signature, size, tree and the newest entries. Ask this at
    /// start, and do not serve when it fails. `Ok` for a log that was never signed.
    pub async fn check(&self, tenant: &TenantId) -> Result<(), AuditError> {
        let slot = self.slot(tenant);
        let mut slot = slot.lock().await;
        let before = slot.take();
        let loaded = self.load(tenant).await?;
        if let Some(before) = before {
            before.precedes(loaded.as_ref())?;
        }
        *slot = loaded.map(Arc::new);
        Ok(())
    }

    /// Signs the log as it is now and answers the signed note. Costs what was added since the last one.
    pub async fn checkpoint(&self, tenant: &TenantId) -> Result<String, AuditError> {
        Ok(self.advance(tenant).await?.note.clone())
    }

    /// Entries from index `from`, at most `limit` and 1000, for an auditor. That is an access to personal data, about everyone whom
    /// the entries name, and is itself written down before anything is answered.
    pub async fn read_entries(
        &self,
        tenant: &TenantId,
        reader: &Reader,
        from: u64,
        limit: usize,
    ) -> Result<Vec<LoggedEntry>, AuditError> {
        let found = self.entries(tenant, from, limit.min(PAGE)).await?;
        self.record_reading(tenant, reader, &found).await?;
        Ok(found)
    }

    /// What is kept beside the entries of a bundle, in the form of a bundle, an erased one with length 0; `None` where the signed log has none.
    /// Reading it is on record like [reading entries](Self::read_entries).
    pub async fn read_payloads(
        &self,
        tenant: &TenantId,
        reader: &Reader,
        path: &TilePath,
    ) -> Result<Option<Vec<u8>>, AuditError> {
        let Some(bytes) = self.payloads(tenant, path).await? else {
            return Ok(None);
        };
        let from = path.index.saturating_mul(TILE_WIDTH as u64);
        let found = self.entries(tenant, from, usize::from(path.width)).await?;
        self.record_reading(tenant, reader, &found).await?;
        Ok(Some(bytes))
    }

    async fn record_reading(
        &self,
        tenant: &TenantId,
        reader: &Reader,
        found: &[LoggedEntry],
    ) -> Result<(), AuditError> {
        let subjects =
            found.iter().filter_map(LoggedEntry::access).flat_map(|a| a.subjects.iter().copied());
        let subjects: BTreeSet<_> = subjects.collect();
        let access = Access {
            at: self.clock.micros(),
            request: reader.request.clone(),
            actor: reader.actor.clone(),
            subjects: subjects.into_iter().collect(),
            purpose: None,
            grant: None,
            grant_version: None,
            action: Action::Query,
            types: vec![ENTRY_TYPE.to_owned()],
            attributes: Vec::new(),
            decision: Decision::Allowed,
            reason: reader.reason.clone(),
            count: found.len() as u64,
        };
        self.record(tenant, &access).await?;
        Ok(())
    }

    async fn entries(
        &self,
        tenant: &TenantId,
        from: u64,
        limit: usize,
    ) -> Result<Vec<LoggedEntry>, AuditError> {
        let stored = self.store.log_entries(tenant, LOG, from, limit).await?;
        let decoded = (from..).zip(stored).map(|(index, bytes)| {
            LoggedEntry::read(index, &bytes).map_err(|_| AuditError::Unreadable(index))
        });
        decoded.collect()
    }
}

#[async_trait]
impl AccessLog for AuditLog {
    fn ops(&self, access: &Access) -> Result<Vec<Op>, Problem> {
        self.witnessed_enough(access)?;
        let entry = entry::encode(access, &*self.ids)?;
        let subjects: BTreeSet<_> = access.subjects.iter().copied().collect();
        let index =
            subjects.into_iter().map(|subject| about::index_record(access, subject, &entry));
        let mut ops: Vec<Op> = index.collect();
        ops.insert(0, Op::Append { log: LOG, entry });
        Ok(ops)
    }

    async fn record(&self, tenant: &TenantId, access: &Access) -> Result<Ticket, Problem> {
        let set = WriteSet { tenant: tenant.clone(), ops: self.ops(access)? };
        let refused = || {
            Problem::new(
                ProblemCode::Unavailable,
                "the access could not be written down, so no personal data is given; try again later",
            )
        };
        let receipt = self.store.commit(set).await.map_err(|error| {
            tracing::error!(%error, "the audit log takes no entries: personal data is refused");
            refused()
        })?;
        self.ticket(&receipt, 0).ok_or_else(refused)
    }
}
