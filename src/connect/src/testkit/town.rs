//! What a connector stands on in its tests.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use chrono::DateTime;
use tsunagu_domain::{ManualClock, Problem, ProblemCode, SeededIds, TenantId, individual_number};
use tsunagu_ngsi_ld::{Entity, EntityDoc};
use tsunagu_store::testing::MemoryStore;
use tsunagu_store::{Collection, Scan, Store as _};

use super::life::Mortal;
use super::{HttpDouble, Life, MqttDouble};
use crate::{
    Caps, Connectors, Foundations, Ground, Host, Kind, Mapper, Platform, Runner, Settings, Source,
    UpsertOutcome,
};

/// A platform that keeps what it is given.
#[derive(Debug, Default)]
pub struct Town {
    kept: Mutex<BTreeMap<String, Vec<String>>>,
    writes: AtomicUsize,
    subscriptions: Mutex<BTreeMap<String, serde_json::Value>>,
    /// Whether nobody may subscribe.
    refuses_subscriptions: AtomicBool,
    /// Whether every entity is refused.
    refuses: AtomicBool,
    /// After so many more entities it does not answer.
    up_for: Mutex<Option<usize>>,
}

impl Town {
    /// Entity id → its attributes as `name=value`, sorted.
    pub fn kept(&self) -> BTreeMap<String, Vec<String>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From now on connectors may subscribe, or not.
    pub fn refuses_subscriptions(&self, refuses: bool) {
        self.refuses_subscriptions.store(refuses, Ordering::SeqCst);
    }

    /// From now on it refuses every entity, or not.
    pub fn refuses(&self, refuses: bool) {
        self.refuses.store(refuses, Ordering::SeqCst);
    }

    /// Connector → its subscription.
    pub fn subscriptions(&self) -> BTreeMap<String, serde_json::Value> {
        self.subscriptions.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Entities written, again and again counted.
    pub fn writes(&self) -> usize {
        self.writes.load(Ordering::SeqCst)
    }

    /// From now on it answers for so many entities and then not at all; `None`: always.
    pub fn up_for(&self, entities: Option<usize>) {
        *self.up_for.lock().unwrap_or_else(PoisonError::into_inner) = entities;
    }

    fn take(&self, entity: &Entity) -> Result<UpsertOutcome, Problem> {
        let mut up_for = self.up_for.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(left) = &mut *up_for {
            if *left == 0 {
                return Err(Problem::new(ProblemCode::Unavailable, "down"));
            }
            *left -= 1;
        }
        drop(up_for);
        // What the gateway's guard does: no connector can be trusted with it.
        let named = |attribute: &tsunagu_ngsi_ld::Attribute| {
            let term = attribute.name.rsplit(['/', '#', ':']).next();
            term.is_some_and(individual_number::is_field_name)
        };
        if self.refuses.load(Ordering::SeqCst) || entity.attributes.iter().any(named) {
            return Err(Problem::new(ProblemCode::BadRequestData, "refused"));
        }
        let value = |attribute: &tsunagu_ngsi_ld::Attribute| {
            let values = attribute.instances.iter().map(|instance| instance.value.get());
            format!("{}={}", attribute.name, values.collect::<Vec<_>>().join(","))
        };
        let mut attributes: Vec<String> = entity.attributes.iter().map(value).collect();
        attributes.sort_unstable();
        // What cannot be stored is no entity.
        EntityDoc::from_bytes(EntityDoc::from(entity).bytes().clone())
            .map_err(|_| Problem::new(ProblemCode::BadRequestData, "no entity"))?;
        self.writes.fetch_add(1, Ordering::SeqCst);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(match kept.insert(entity.id.clone(), attributes) {
            None => UpsertOutcome::Created,
            Some(_) => UpsertOutcome::Updated,
        })
    }
}

#[async_trait]
impl Platform for Town {
    async fn upsert(
        &self,
        _connector: &str,
        entities: Vec<Entity>,
    ) -> Vec<Result<UpsertOutcome, Problem>> {
        entities.iter().map(|entity| self.take(entity)).collect()
    }

    async fn subscribe(
        &self,
        connector: &str,
        subscription: Option<&serde_json::Value>,
    ) -> Result<(), Problem> {
        if self.refuses_subscriptions.load(Ordering::SeqCst) {
            return Err(Problem::new(ProblemCode::Forbidden, "not this client"));
        }
        let mut all = self.subscriptions.lock().unwrap_or_else(PoisonError::into_inner);
        match subscription {
            Some(subscription) => drop(all.insert(connector.to_owned(), subscription.clone())),
            None => drop(all.remove(connector)),
        }
        Ok(())
    }
}

/// Store, platform, clock and the two ways out, all in memory.
#[derive(Debug)]
pub struct Kit {
    /// What is remembered.
    pub store: Arc<MemoryStore>,
    /// Where entities go.
    pub town: Arc<Town>,
    /// Stands still until moved; 2026-09-21T14:13:20Z at first.
    pub clock: Arc<ManualClock>,
    /// The other side over HTTP.
    pub http: Arc<HttpDouble>,
    /// The other side over MQTT.
    pub mqtt: Arc<MqttDouble>,
    /// Chance so far: no two processes have the same.
    seeds: AtomicU64,
}

impl Default for Kit {
    fn default() -> Self {
        let start = DateTime::from_timestamp(1_790_000_000, 0).unwrap_or_default();
        Self {
            store: Arc::default(),
            town: Arc::default(),
            clock: Arc::new(ManualClock::at(start)),
            http: Arc::default(),
            mqtt: Arc::default(),
            seeds: AtomicU64::default(),
        }
    }
}

impl Kit {
    fn ids(&self) -> Arc<SeededIds> {
        Arc::new(SeededIds::new(self.seeds.fetch_add(1, Ordering::SeqCst)))
    }

    /// The municipality of the tests.
    ///
    /// # Panics
    /// Never: the name is a name.
    #[expect(clippy::expect_used, reason = "a constant that is right")]
    pub fn tenant() -> TenantId {
        "tsuno".parse().expect("a name")
    }

    /// What runners stand on; `gateway` names the process.
    pub fn ground(&self, gateway: &str) -> Ground {
        Ground {
            store: Arc::clone(&self.store) as _,
            platform: Arc::clone(&self.town) as _,
            clock: Arc::clone(&self.clock) as _,
            ids: self.ids(),
            tenant: Self::tenant(),
            gateway: gateway.to_owned(),
        }
    }

    /// What connectors are built with.
    pub fn host(&self) -> Host {
        Host {
            http: Arc::clone(&self.http) as _,
            mqtt: Arc::clone(&self.mqtt) as _,
            clock: Arc::clone(&self.clock) as _,
            ids: self.ids(),
        }
    }

    /// What runners stand on in a process that is killed when `life` is over.
    pub fn mortal_ground(&self, gateway: &str, life: &Arc<Life>) -> Ground {
        let (store, platform) = (Arc::clone(&self.store), Arc::clone(&self.town));
        Ground {
            store: Arc::new(Mortal { life: Arc::clone(life), inner: store }),
            platform: Arc::new(Mortal { life: Arc::clone(life), inner: platform }),
            ..self.ground(gateway)
        }
    }

    /// What connectors are built with in such a process.
    pub fn mortal_host(&self, life: &Arc<Life>) -> Host {
        let (http, mqtt) = (Arc::clone(&self.http), Arc::clone(&self.mqtt));
        Host {
            http: Arc::new(Mortal { life: Arc::clone(life), inner: http }),
            mqtt: Arc::new(Mortal { life: Arc::clone(life), inner: mqtt }),
            ..self.host()
        }
    }

    /// Connectors in such a process; none runs yet.
    pub fn mortal_connectors(&self, gateway: &str, life: &Arc<Life>) -> Connectors {
        let foundations = Foundations {
            ground: self.mortal_ground(gateway, life),
            host: self.mortal_host(life),
            kinds: Vec::new(),
            fixed: Vec::new(),
            settings: Box::new(|| Ok(Vec::new())),
        };
        Connectors::new(foundations, Vec::new())
    }

    /// Records of messages that were kept and are not taken over yet.
    ///
    /// # Panics
    /// When the store is closed.
    #[expect(clippy::expect_used, reason = "a store in memory")]
    pub async fn inbox(&self) -> usize {
        let scan = Scan { limit: usize::MAX, ..Scan::default() };
        let inbox = Collection("connector-inbox");
        self.store.records(&Self::tenant(), inbox, &scan).await.expect("an open store").len()
    }

    /// All connectors of these kinds with these settings, as in the gateway named so; none runs yet.
    pub fn connectors(
        &self,
        gateway: &str,
        kinds: Vec<Box<dyn Kind>>,
        settings: Vec<Settings>,
    ) -> Connectors {
        let foundations = Foundations {
            ground: self.ground(gateway),
            host: self.host(),
            kinds,
            fixed: Vec::new(),
            settings: Box::new(move || Ok(settings.clone())),
        };
        Connectors::new(foundations, Vec::new())
    }

    /// A runner as after a start of the process.
    pub fn runner(
        &self,
        name: &str,
        source: Box<dyn Source>,
        mapper: Option<Arc<dyn Mapper>>,
    ) -> Runner {
        Runner::new(self.ground("gateway-1"), name, source, mapper, Caps::default())
    }
}
