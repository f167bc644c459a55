//! A folder, a store, members of staff, and a register that keeps what is published.

use std::collections::BTreeMap;
use std::fs;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chrono::DateTime;
use serde_json::{Value, json};
use tokio::sync::Barrier;
use tsunagu_audit::{AuditLog, Reader, Signer};
use tsunagu_connector_csv_drop::Config;
use tsunagu_domain::{Catalogue, ManualClock, Problem, ProblemCode, SeededIds, TenantId, TsunoId};
use tsunagu_identity::Services;
use tsunagu_imports::{Imports, Load, LoadId, LoadState, Loader, Registry};
use tsunagu_ngsi_ld::{Context, Entity};
use tsunagu_staff::{Account, Acting, Member, Role, Via};
use tsunagu_store::access::{Access, Decision};
use tsunagu_store::testing::MemoryStore;

pub(crate) const HEADER: &str = "住民番号,氏名,異動区分\r\n";

/// Entities by id, attributes by term.
pub(crate) type Kept = BTreeMap<String, BTreeMap<String, Value>>;

/// The register. Like the real one it makes records what they are said to be.
#[derive(Default)]
pub(crate) struct Register {
    pub(crate) kept: Mutex<Kept>,
    /// After so many more writes it does not answer.
    pub(crate) up_for: Mutex<Option<usize>>,
    /// Ids that it does not take, and what it says of them.
    pub(crate) refuses: Mutex<BTreeMap<String, ProblemCode>>,
    /// What it says to everything.
    pub(crate) says: Mutex<Option<ProblemCode>>,
    pub(crate) writes: Mutex<usize>,
    /// Residents by the ids of their records.
    pub(crate) linked: Mutex<BTreeMap<String, TsunoId>>,
    /// Batches wait here for one another, as often as it says.
    pub(crate) meet: Mutex<Vec<Arc<Barrier>>>,
}

impl Register {
    fn write(&self, id: &str) -> Result<(), Problem> {
        let mut up_for = self.up_for.lock().unwrap();
        if let Some(left) = &mut *up_for {
            if *left == 0 {
                return Err(Problem::new(ProblemCode::Unavailable, "down"));
            }
            *left -= 1;
        }
        if let Some(code) = self.refuses.lock().unwrap().get(id) {
            return Err(Problem::new(*code, "not this one"));
        }
        *self.writes.lock().unwrap() += 1;
        Ok(())
    }

    fn open(&self) -> Result<(), Problem> {
        match *self.says.lock().unwrap() {
            Some(code) => Err(Problem::new(code, "not now")),
            None => Ok(()),
        }
    }
}

#[async_trait]
impl Registry for Register {
    async fn publish(
        &self,
        layout: &str,
        entities: Vec<Entity>,
    ) -> Result<Vec<Result<(), Problem>>, Problem> {
        assert_eq!(layout, "juki");
        self.open()?;
        let meet = self.meet.lock().unwrap().pop();
        if let Some(meet) = meet {
            meet.wait().await;
        }
        let term = |name: &str| name.rsplit('/').next().unwrap().to_owned();
        let publish = |entity: Entity| {
            self.write(&entity.id)?;
            assert!(entity.modified_at > 0, "it has the moment of publishing");
            let attributes = entity.attributes.iter().map(|a| {
                assert_eq!(a.instances[0].modified_at, entity.modified_at);
                (term(&a.name), serde_json::from_str(a.instances[0].value.get()).unwrap())
            });
            self.kept.lock().unwrap().insert(entity.id.clone(), attributes.collect());
            Ok(())
        };
        Ok(entities.into_iter().map(publish).collect())
    }

    async fn delete(
        &self,
        _layout: &str,
        _entity_type: &str,
        id: &str,
    ) -> Result<Result<(), Problem>, Problem> {
        self.open()?;
        Ok(self.write(id).map(|()| {
            self.kept.lock().unwrap().remove(id);
        }))
    }

    async fn subjects(&self, ids: &[String]) -> Result<Vec<TsunoId>, Problem> {
        let linked = self.linked.lock().unwrap();
        Ok(ids.iter().filter_map(|id| linked.get(id).copied()).collect())
    }
}

pub(crate) struct World {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) register: Arc<Register>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) imports: Arc<Imports>,
    audit: Arc<AuditLog>,
    tenant: TenantId,
    more: Value,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(json!({}))
    }

    /// With further settings of the layout.
    pub(crate) fn with(more: Value) -> Self {
        let clock = Arc::new(ManualClock::at(DateTime::from_timestamp(1_790_000_000, 0).unwrap()));
        let (store, register) = (Arc::new(MemoryStore::new()), Arc::default());
        Self::on(tempfile::tempdir().unwrap(), store, register, clock, more)
    }

    fn on(
        folder: tempfile::TempDir,
        store: Arc<MemoryStore>,
        register: Arc<Register>,
        clock: Arc<ManualClock>,
        more: Value,
    ) -> Self {
        let ids = Arc::new(SeededIds::new(1));
        let core = Context::core();
        let json = include_bytes!("../../../../schemas/catalogue.json");
        let catalogue = Catalogue::read(json, |term| core.expand(term).into_owned());
        let audit = Arc::new(AuditLog::new(
            Arc::<MemoryStore>::clone(&store),
            Arc::<ManualClock>::clone(&clock),
            Arc::<SeededIds>::clone(&ids),
            Signer::from_seed(&[1; 32]).unwrap(),
        ));
        let services = Services {
            store: Arc::<MemoryStore>::clone(&store),
            clock: Arc::<ManualClock>::clone(&clock),
            ids,
            log: Arc::<AuditLog>::clone(&audit),
            catalogue: Arc::new(catalogue.unwrap()),
        };
        let mut config = json!({
            "name": "juki", "title": { "ja": "住民記録", "en": "Resident register" },
            "folder": folder.path(), "pattern": "juki*.csv", "entity_type": "ResidentRecord",
            "id_secret": "an invented secret of enough length", "key": "住民番号", "batch_rows": 3,
            "publish": "second-person", "max_ended_percent": 20,
            "columns": {
                "住民番号": { "attribute": "municipalNumber", "kind": "text", "digits": 4 },
                "氏名": { "attribute": "name", "kind": "text", "required": true },
                "異動区分": { "attribute": "status", "kind": "text" }
            }
        });
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        // A layout before it, whose folder this is.
        let beside = config.as_object_mut().unwrap().remove("beside");
        let config: Config = serde_json::from_value(config).unwrap();
        config.check().unwrap();
        let beside = beside.map(|folder| Config {
            name: "beside".to_owned(),
            folder: folder.as_str().unwrap().into(),
            ..config.clone()
        });
        let configs = beside.into_iter().chain([config]).collect();
        let tenant: TenantId = "tsuno".parse().unwrap();
        let registry = Arc::<Register>::clone(&register);
        let imports = Arc::new(Imports::new(services, tenant.clone(), registry, configs));
        Self { folder, store, register, clock, imports, audit, tenant, more }
    }

    /// A new process: nothing is left but what is on disk.
    pub(crate) fn restarted(self) -> Self {
        Self::on(self.folder, self.store, self.register, self.clock, self.more)
    }

    pub(crate) fn drop_file(&self, name: &str, rows: &[String]) {
        let path = self.folder.path().join(name);
        fs::write(&path, format!("{HEADER}{}", rows.concat())).unwrap();
        // Files of one test are as old as they are many: no two have the same time.
        let at = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000 + self.count());
        fs::File::options().write(true).open(&path).unwrap().set_modified(at).unwrap();
    }

    fn count(&self) -> u64 {
        fs::read_dir(self.folder.path()).unwrap().count() as u64
    }

    /// Works until nothing is left to do.
    pub(crate) async fn work(&self) {
        let mut loader = Loader::new(Arc::clone(&self.imports));
        while loader.step().await.unwrap() {}
    }

    pub(crate) async fn load(&self, id: &str) -> Load {
        self.imports.get(&acting("auditor"), &load_id(id)).await.unwrap()
    }

    /// Works, proposes and publishes a load.
    pub(crate) async fn publish(&self, id: &str) {
        self.work().await;
        self.imports.propose(&acting("operator"), &load_id(id), "").await.unwrap();
        self.approve(id).await;
        self.work().await;
        assert_eq!(self.load(id).await.state, LoadState::Published);
    }

    pub(crate) async fn approve(&self, id: &str) {
        let revision = self.load(id).await.revision;
        self.imports.publish(&acting("approver"), &load_id(id), revision).await.unwrap();
    }

    pub(crate) fn names(&self) -> Vec<String> {
        let kept = self.register.kept.lock().unwrap();
        let mut names: Vec<String> =
            kept.values().map(|record| record["name"].as_str().unwrap().to_owned()).collect();
        names.sort();
        names
    }

    /// What the log has, the oldest first.
    pub(crate) async fn logged(&self) -> Vec<Access> {
        let reader = Reader::auditor("test".to_owned(), "r".to_owned());
        let read = self.audit.read_entries(&self.tenant, &reader, 0, 1_000).await.unwrap();
        let found = read.iter().filter_map(|entry| entry.access().cloned());
        found.filter(|access| access.actor != "test").collect()
    }

    /// The attempt is refused, and that is exactly one entry more, of the actor, with this reason.
    pub(crate) async fn refused<T: std::fmt::Debug>(
        &self,
        by: &Acting,
        reason: &str,
        attempt: impl Future<Output = Result<T, Problem>>,
    ) -> Problem {
        let before = self.logged().await.len();
        let problem = attempt.await.unwrap_err();
        let logged = self.logged().await;
        let new: Vec<&Access> = logged.iter().skip(before).collect();
        assert_eq!(new.len(), 1, "{problem}: {new:?}");
        assert_eq!((new[0].actor.as_str(), new[0].reason.as_str()), (&*by.actor(), reason));
        assert_eq!(new[0].decision, Decision::Denied);
        problem
    }
}

pub(crate) fn row(n: usize) -> String {
    format!("{n:04},都農　花子{n},転入\r\n")
}

pub(crate) fn rows(from: usize, to: usize) -> Vec<String> {
    (from..=to).map(row).collect()
}

pub(crate) fn load_id(id: &str) -> LoadId {
    id.parse().unwrap()
}

pub(crate) fn acting(name: &str) -> Acting {
    let roles = match name {
        "counter" => vec![Role::Counter],
        "operator" => vec![Role::Operator],
        "auditor" => vec![Role::Auditor],
        "approver" => vec![Role::Approver],
        "both" => vec![Role::Operator, Role::Approver],
        _ => vec![],
    };
    let account = Account::of("https://login.town-hall.example", name);
    let roles = roles.into_iter().collect();
    let member = Member { name: name.to_owned(), account, roles };
    Acting { member, via: Via::Session, request: "r-1".to_owned() }
}
