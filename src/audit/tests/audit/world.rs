//! A log in memory.

use std::sync::Arc;

use chrono::DateTime;
use tsunagu_audit::{AuditLog, Checkpoint, Reader, Signer};
use tsunagu_domain::{Clock, ManualClock, SeededIds, TenantId, TsunoId};
use tsunagu_store::Store;
use tsunagu_store::access::{Access, AccessLog, Action, Decision};
use tsunagu_store::testing::MemoryStore;

pub(crate) struct World {
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) log: AuditLog,
    pub(crate) tenant: TenantId,
}

pub(crate) fn audit_log(store: &Arc<MemoryStore>, clock: &Arc<ManualClock>, seed: u8) -> AuditLog {
    let store: Arc<dyn Store> = Arc::<MemoryStore>::clone(store);
    let clock: Arc<dyn Clock> = Arc::<ManualClock>::clone(clock);
    let signer = Signer::from_seed(&[seed; 32]).unwrap();
    AuditLog::new(store, clock, Arc::new(SeededIds::new(11)), signer)
}

pub(crate) fn world() -> World {
    let store = Arc::new(MemoryStore::new());
    let clock = Arc::new(ManualClock::at(DateTime::from_timestamp(1_800_000_000, 0).unwrap()));
    let log = audit_log(&store, &clock, 5);
    World { store, clock, log, tenant: "tsuno".parse().unwrap() }
}

pub(crate) fn person(n: u8) -> TsunoId {
    TsunoId::from_bytes([n; 16])
}

impl World {
    pub(crate) fn access(&self, subjects: &[TsunoId]) -> Access {
        Access {
            at: self.clock.micros(),
            request: "r-1".to_owned(),
            actor: "client:health".to_owned(),
            subjects: subjects.to_vec(),
            purpose: Some("health-coaching".to_owned()),
            grant: Some("g-1".to_owned()),
            grant_version: Some(1),
            action: Action::Read,
            types: vec!["https://example.org/Person".to_owned()],
            attributes: vec!["https://example.org/name".to_owned()],
            decision: Decision::Allowed,
            reason: "consent".to_owned(),
            count: 1,
        }
    }

    pub(crate) async fn fill(&self, count: u64) {
        for n in 0..count {
            let n = u8::try_from(n % 7).unwrap();
            self.log.record(&self.tenant, &self.access(&[person(n)])).await.unwrap();
        }
    }

    pub(crate) async fn checkpoint(&self) -> Checkpoint {
        let note = self.log.checkpoint(&self.tenant).await.unwrap();
        Checkpoint::open(&note, &self.log.verifying_key(&self.tenant)).unwrap()
    }
}

/// Someone who reads or erases.
pub(crate) fn reader() -> Reader {
    Reader::auditor("client:auditor".to_owned(), "r-9".to_owned())
}

/// The log in a folder, and its public key.
pub(crate) async fn exported(world: &World) -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    world.log.export(&world.tenant, dir.path()).await.unwrap();
    (dir, world.log.verifying_key(&world.tenant).to_string())
}
