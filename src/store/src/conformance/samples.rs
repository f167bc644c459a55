//! Entities, views and queries of an invented town.

use std::sync::Arc;

use bytes::Bytes;
use tsunagu_domain::{Assurance, Catalogue, Level, TenantId, TsunoId};
use tsunagu_ngsi_ld::{Context, Entity, EntityDoc, Instance, Q, Query, TypeSelection};
use tsunagu_policy::{Asked, Principal, View, decide};

use crate::index::Declared;
use crate::{EntityQuery, Expect, Op, Store, WriteSet};

/// An open type: about nobody.
pub const LAMP: &str = "Lamp";
/// A personal type: about the person of its relationship `person`.
pub const WALK: &str = "HealthActivity";

const CATALOGUE: &str = r#"{"version":1,
  "personal_types":[{"iri":"HealthActivity","label":{"ja":"運動","en":"activity"},"subject":{"relationship":"person"}}],
  "data_classes":[],"purposes":[]}"#;

/// The expanded name of a term.
pub fn iri(term: &str) -> String {
    Context::core().expand(term).into_owned()
}

/// The attributes whose values are indexed: `level` and `label`.
pub fn declared() -> Declared {
    Declared(vec![iri("level"), iri("label")])
}

/// The town.
pub fn town() -> TenantId {
    "tsuno".parse().unwrap()
}

/// Another town.
pub fn other_town() -> TenantId {
    "tsuno-test".parse().unwrap()
}

/// A person, by number.
pub fn person(n: u8) -> TsunoId {
    TsunoId::from_bytes([n; 16])
}

fn view(tenant: &TenantId, principal: Principal<'_>) -> View {
    view_at(tenant, principal, 0)
}

fn view_at(tenant: &TenantId, principal: Principal<'_>, now: i64) -> View {
    let catalogue = Catalogue::read(CATALOGUE.as_bytes(), iri).unwrap();
    decide(&Asked { tenant, catalogue: &Arc::new(catalogue), now, principal }).unwrap()
}

/// Sees everything that a town has at some moment, µs since the epoch.
pub fn platform_at(tenant: &TenantId, now: i64) -> View {
    view_at(tenant, Principal::Platform { task: "conformance" }, now)
}

/// Sees everything of a town.
pub fn platform(tenant: &TenantId) -> View {
    view(tenant, Principal::Platform { task: "conformance" })
}

/// Sees open data of a town.
pub fn anonymous(tenant: &TenantId) -> View {
    view(tenant, Principal::Anonymous { reads_open_data: true })
}

/// Sees open data of a town and their own.
pub fn resident(tenant: &TenantId, subject: TsunoId) -> View {
    let assurance = Assurance {
        ial: Level::High,
        aal: Level::High,
        acr: None,
        amr: Vec::new(),
        auth_time: 0,
        idp: "test".to_owned(),
    };
    view(tenant, Principal::Resident { subject, assurance: &assurance })
}

/// The id of a lamp or walk.
pub fn id(entity_type: &str, n: usize) -> String {
    format!("urn:ngsi-ld:{entity_type}:{n:04}")
}

/// The stored form.
pub fn doc(entity: &Entity) -> EntityDoc {
    EntityDoc::from_bytes(Bytes::from(entity.encode())).unwrap()
}

/// A lamp of this level.
pub fn lamp(n: usize, level: f64) -> EntityDoc {
    let mut entity = Entity::new(id(LAMP, n), iri(LAMP), 0);
    entity.set(iri("level"), Instance::property(&level, 0).unwrap());
    doc(&entity)
}

/// A lamp with a text, that also stands near another one.
pub fn lamp_near(n: usize, label: &str, near: usize) -> EntityDoc {
    let mut entity = Entity::new(id(LAMP, n), iri(LAMP), 0);
    entity.set(iri("label"), Instance::property(&label, 0).unwrap());
    entity.set(iri("near"), Instance::relationship(&id(LAMP, near), 0).unwrap());
    doc(&entity)
}

/// A walk of a person.
pub fn walk(n: usize, subject: TsunoId, steps: u32) -> EntityDoc {
    let mut entity = Entity::new(id(WALK, n), iri(WALK), 0);
    entity.subject = Some(subject.to_string());
    entity.set(iri("steps"), Instance::property(&steps, 0).unwrap());
    entity.set(iri("person"), Instance::relationship(&subject.urn(), 0).unwrap());
    doc(&entity)
}

/// The level of a lamp, read from the stored bytes.
pub fn level(doc: &EntityDoc) -> f64 {
    let name = iri("level");
    let slot = doc.attributes().find(|slot| slot.name() == name).unwrap();
    slot.instance().value.parse().unwrap()
}

/// A query with everything off: all entities.
pub fn all() -> EntityQuery {
    EntityQuery { filter: Query::default(), limit: 1_000, offset: 0, count: false, order: None }
}

/// All of these types, e.g. `Lamp,HealthActivity`.
pub fn typed(types: &str) -> EntityQuery {
    let mut query = all();
    query.filter.types = Some(TypeSelection::parse(types, &Context::core()).unwrap());
    query
}

/// All of these types for which `q` holds.
pub fn asked(types: &str, q: &str) -> EntityQuery {
    let mut query = typed(types);
    query.filter.q = Some(Q::parse(q, &Context::core()).unwrap());
    query
}

/// Stores entities, whatever is there.
pub async fn put(store: &dyn Store, tenant: &TenantId, docs: Vec<EntityDoc>) -> u64 {
    let ops = docs.into_iter().map(|doc| Op::PutEntity { doc, expect: Expect::Any }).collect();
    store.commit(WriteSet { tenant: tenant.clone(), ops }).await.unwrap().version
}

/// The ids that a query gives, in order.
pub async fn found(store: &dyn Store, view: &View, query: &EntityQuery) -> Vec<String> {
    let page = store.query(view, query).await.unwrap();
    page.entities.iter().map(|found| found.doc.id().to_owned()).collect()
}

/// Lamp ids of these numbers.
pub fn lamps(numbers: &[usize]) -> Vec<String> {
    numbers.iter().map(|n| id(LAMP, *n)).collect()
}
