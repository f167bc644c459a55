//! An office with five members, a register of clients and a ledger of consents.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta};
use serde_json::json;
use tsunagu_audit::{AuditLog, Reader, Signer};
use tsunagu_broker::{Broker, Contexts, NoLoader, Request};
use tsunagu_consent::{
    Capacity, Consent, DataAction, Ledger, NewConsent, Notice, Party, Platform, RESIDENT_DATA,
    ReceiptSigner, Requested, Resident,
};
use tsunagu_domain::{
    Assurance, Catalogue, ClientId, Clock, Level, ManualClock, Problem, SectorKeys, SeededIds,
    TenantId, Text, TsunoId,
};
use tsunagu_identity::{
    Client, Clients, DigestKey, JwkSet, Municipality, Residents, Services, SigningKey,
};
use tsunagu_ngsi_ld::Context;
use tsunagu_outbound::{Outbound, Policy};
use tsunagu_policy::{Asked, Policies, Principal, decide};
use tsunagu_staff::{Acting, Cases, Configured, Office, Role, Via};
use tsunagu_store::access::{Access, Decision};
use tsunagu_store::testing::MemoryStore;

pub(crate) const ISSUER: &str = "https://login.town-hall.example";
pub(crate) const ALICE: TsunoId = TsunoId::from_bytes([1; 16]);
pub(crate) const BOB: TsunoId = TsunoId::from_bytes([2; 16]);

/// Runs both at once, each in a thread of its own.
pub(crate) fn at_once<A: Send, B: Send>(
    one: impl Future<Output = A> + Send,
    other: impl Future<Output = B> + Send,
) -> (A, B) {
    fn run<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
    }
    std::thread::scope(|scope| {
        let (one, other) = (scope.spawn(|| run(one)), scope.spawn(|| run(other)));
        (one.join().unwrap(), other.join().unwrap())
    })
}

/// A process: its own caches over a store that may be shared.
pub(crate) struct World {
    pub(crate) tenant: TenantId,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) clients: Arc<Clients>,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) audit: Arc<AuditLog>,
    pub(crate) office: Office,
    pub(crate) cases: Cases,
    broker: Arc<Broker>,
    catalogue: Arc<Catalogue>,
    store: Arc<MemoryStore>,
    key: SigningKey,
}

fn text(ja: &str, en: &str) -> Text {
    Text { ja: ja.to_owned(), en: en.to_owned() }
}

pub(crate) fn member(name: &str, subject: &str, roles: &[Role]) -> Configured {
    Configured {
        name: name.to_owned(),
        issuer: ISSUER.to_owned(),
        subject: subject.to_owned(),
        roles: roles.to_vec(),
    }
}

/// Nobody has all roles; `both` could be first and second person, were it not one.
pub(crate) fn members() -> Vec<Configured> {
    vec![
        member("counter", "s-1", &[Role::Counter]),
        member("operator", "s-2", &[Role::Operator]),
        member("auditor", "s-3", &[Role::Auditor]),
        member("approver", "s-4", &[Role::Approver]),
        member("both", "s-5", &[Role::Operator, Role::Approver]),
    ]
}

impl World {
    pub(crate) async fn new() -> Self {
        let store = Arc::new(MemoryStore::new());
        let start = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let world = Self::on(&store, &Arc::new(ManualClock::at(start)), 1);
        world.office.members.configure(&world.tenant, &members()).await.unwrap();
        world
    }

    /// Another process on the same store.
    pub(crate) fn beside(&self) -> Self {
        Self::on(&self.store, &self.clock, 2)
    }

    fn on(store: &Arc<MemoryStore>, clock: &Arc<ManualClock>, seed: u64) -> Self {
        let store = Arc::clone(store);
        let clock = Arc::clone(clock);
        let ids = Arc::new(SeededIds::new(seed));
        let json = include_bytes!("../../../../schemas/catalogue.json");
        let core = Context::core();
        let catalogue = Catalogue::read(json, |term| core.expand(term).into_owned());
        let catalogue = Arc::new(catalogue.unwrap());
        let audit = Arc::new(AuditLog::new(
            Arc::<MemoryStore>::clone(&store),
            Arc::<ManualClock>::clone(&clock),
            Arc::<SeededIds>::clone(&ids),
            Signer::from_seed(&[1; 32]).unwrap(),
        ));
        let services = Services {
            store: Arc::<MemoryStore>::clone(&store),
            clock: Arc::<ManualClock>::clone(&clock),
            ids: Arc::<SeededIds>::clone(&ids),
            log: Arc::<AuditLog>::clone(&audit),
            catalogue: Arc::clone(&catalogue),
        };
        let outbound = Arc::new(Outbound::new(Policy::default()));
        let sectors = Arc::new(SectorKeys::new(&[2; 32]));
        let clients = Arc::new(Clients::new(services.clone(), sectors, outbound));
        let platform = Platform {
            issuer: "https://gateway.example".to_owned(),
            controller: Party {
                party_id: "https://town.example".to_owned(),
                party_name: text("町", "Town"),
                party_type: "controller".to_owned(),
                party_address: None,
                party_contact: None,
            },
            withdrawal: "https://gateway.example/consents".to_owned(),
            storage_location: "JP".to_owned(),
            jurisdiction: "JP".to_owned(),
        };
        let ledger = Arc::new(Ledger::new(
            Arc::<MemoryStore>::clone(&store),
            Arc::<ManualClock>::clone(&clock),
            ids,
            Arc::<AuditLog>::clone(&audit),
            Arc::clone(&catalogue),
            platform,
            ReceiptSigner::from_pkcs8("r", &SigningKey::generate_pkcs8().unwrap()).unwrap(),
        ));
        let office = Office::new(&services, Arc::clone(&clients), Arc::clone(&ledger));
        let broker = Arc::new(Broker::new(tsunagu_broker::Parts {
            store: Arc::<MemoryStore>::clone(&store),
            access: Arc::<AuditLog>::clone(&audit),
            consequences: Vec::new(),
            catalogue: Arc::clone(&catalogue),
            contexts: Contexts::new(HashMap::new(), Arc::new(NoLoader)),
            clock: Arc::<ManualClock>::clone(&clock),
        }));
        let municipality = Municipality {
            prefecture: "宮崎県".to_owned(),
            county: "児湯郡".to_owned(),
            name: "都農町".to_owned(),
        };
        let residents = Residents::new(services.clone(), municipality, DigestKey::new(&[3; 32]));
        let policies = Policies::built_in().unwrap().clone();
        let (log, data) = (Arc::clone(&audit), Arc::clone(&broker));
        let cases = Cases::new(services, log, data, residents, policies);
        let tenant = "tsuno".parse().unwrap();
        let key = SigningKey::from_pkcs8(&SigningKey::generate_pkcs8().unwrap()).unwrap();
        Self { tenant, clock, clients, ledger, audit, office, cases, broker, catalogue, store, key }
    }

    pub(crate) fn pass(&self, seconds: i64) {
        self.clock.advance(TimeDelta::seconds(seconds));
    }

    /// A member acting in a session.
    pub(crate) async fn acting(&self, name: &str) -> Acting {
        let member = self.office.members.named(&self.tenant, name).await.unwrap();
        Acting { member: member.unwrap(), via: Via::Session, request: "r-1".to_owned() }
    }

    /// A vendor's app.
    pub(crate) fn app(&self, id: &str) -> Client {
        serde_json::from_value(json!({
            "id": id,
            "name": {"ja": "健康アプリ", "en": "Health app"},
            "sector": format!("{id}.example"),
            "kind": "consumer",
            "redirect_uris": [format!("https://{id}.example/callback")],
            "jwks": JwkSet { keys: vec![self.key.public().clone()] },
            "purposes": ["health-coaching"],
            "data_classes": ["contact"],
            "contact": "help@app.example",
        }))
        .unwrap()
    }

    /// A resident of this name, born on this day.
    pub(crate) async fn resident(&self, id: TsunoId, name: &str, born: &str) {
        let asked = Asked {
            tenant: &self.tenant,
            catalogue: &self.catalogue,
            now: self.clock.micros(),
            principal: Principal::Platform { task: "test" },
        };
        let view = decide(&asked).unwrap();
        let request = Request { view: &view, id: "setup" };
        let body = json!({
            "id": id.urn(),
            "type": "Person",
            "name": {"type": "Property", "value": name},
            "birthDate": {"type": "Property", "value": born},
        });
        self.broker.create(&request, &body.to_string(), &Context::core()).await.unwrap();
    }

    /// Whether tokens of the client are good here.
    pub(crate) async fn acts(&self, id: &str) -> bool {
        let id: ClientId = id.parse().unwrap();
        self.clients.policy(&self.tenant, &id).await.unwrap().is_some()
    }

    /// Alice consents to the client reading how to reach her.
    pub(crate) async fn consent(&self, client: &str) -> Consent {
        let now = self.clock.micros();
        let assurance = Assurance {
            ial: Level::High,
            aal: Level::High,
            auth_time: now,
            ..Assurance::default()
        };
        let by = Resident {
            subject: ALICE,
            assurance: &assurance,
            request: "r-2",
            acting: Capacity::Themselves,
        };
        let classes = vec!["contact".to_owned()];
        let new = NewConsent {
            client: client.parse().unwrap(),
            client_name: text("健康アプリ", "Health app"),
            requested: Requested {
                r#type: RESIDENT_DATA.to_owned(),
                purpose: "health-coaching".to_owned(),
                data_classes: classes.clone(),
                optional_data_classes: vec![],
                actions: vec![DataAction::Read],
                frequency: None,
            },
            chosen: classes,
            days: 30,
            notice: Notice {
                version: "1".to_owned(),
                lang: "ja".to_owned(),
                bytes: b"notice".to_vec(),
                shown_at: now,
            },
            method: "page".to_owned(),
        };
        self.ledger.give(&self.tenant, &by, &new).await.unwrap().consent
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
