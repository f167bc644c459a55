//! What open entities look like: how many there are of every combination of types and attributes. Discovery reads these few records instead of
//! every entity; they are changed in the transaction that changes an entity.
//!
//! Only entities about nobody are counted. Whoever sees open data sees all of it, so the numbers are the same for everybody; personal data is
//! looked at through a view.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_lc_rs::digest::{SHA256, digest};
use quick_cache::sync::Cache;
use serde::{Deserialize, Serialize};
use tsunagu_domain::{Catalogue, Problem, ProblemCode, TenantId, Timestamp};
use tsunagu_ngsi_ld::{EntityDoc, Query};
use tsunagu_policy::{Asked, Principal, decide};
use tsunagu_store::{Change, Collection, EntityQuery, Expect, Guard, Op, Scan, Store, WriteSet};

use crate::Broker;

/// Key: hash of the shape, then [`COUNT`] (a counter) or [`FORM`] (the shape itself).
const SHAPES: Collection = Collection("shapes");
/// One record with an empty key: which types were personal when shapes were counted last.
const COUNTED: Collection = Collection("shapes-counted");
const FORM: u8 = b'f';
const COUNT: u8 = b'n';
/// Entities looked at in one step of counting, records in one step of reading.
const STEP: usize = 10_000;

/// One combination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Shape {
    version: u8,
    /// Expanded, sorted.
    pub(crate) types: Vec<String>,
    /// Expanded name, kind, number of instances; sorted.
    pub(crate) attributes: Vec<(String, String, u64)>,
}

impl Shape {
    fn of(doc: &EntityDoc) -> Self {
        let mut types: Vec<String> = doc.types().map(str::to_owned).collect();
        types.sort_unstable();
        let mut counts: BTreeMap<(&str, &str), u64> = BTreeMap::new();
        for slot in doc.attributes() {
            *counts.entry((slot.name(), slot.kind().name())).or_default() += 1;
        }
        let counts = counts.into_iter();
        let attributes =
            counts.map(|((name, kind), n)| (name.to_owned(), kind.to_owned(), n)).collect();
        Self { version: 1, types, attributes }
    }

    fn form(&self) -> Result<Vec<u8>, Problem> {
        serde_json::to_vec(self).map_err(|_| broken())
    }
}

fn broken() -> Problem {
    Problem::new(ProblemCode::InternalError, "what entities look like could not be noted or read")
}

fn key(form: &[u8], part: u8) -> Vec<u8> {
    [digest(&SHA256, form).as_ref(), &[part]].concat()
}

/// Whether two states of an entity look the same, told without building anything.
fn alike(one: &EntityDoc, other: &EntityDoc) -> bool {
    let parts = |doc: &EntityDoc| doc.attributes().map(|slot| slot.kind()).collect::<Vec<_>>();
    one.types().eq(other.types())
        && one.attributes().map(|slot| slot.name()).eq(other.attributes().map(|slot| slot.name()))
        && parts(one) == parts(other)
}

/// A shape with its places in the store.
#[derive(Debug)]
pub(crate) struct Known {
    form: Vec<u8>,
    /// Key of its counter.
    count: Vec<u8>,
    /// Key of the record that tells what it is.
    place: Vec<u8>,
    /// Whether that record is on disk. It stays there.
    told: AtomicBool,
}

/// Shapes met lately: entities of one kind look alike, and what they look like is worked out once.
#[derive(Debug)]
pub(crate) struct Shapes(Cache<Vec<u8>, Arc<Known>>);

/// How many are kept, and how long the bytes by which one is found again may be: strangers choose them.
const KEPT: usize = 1_000;
const KEPT_BYTES: usize = 8 << 10;

impl Shapes {
    pub(crate) fn new() -> Self {
        Self(Cache::new(KEPT))
    }

    fn of(&self, tenant: &TenantId, doc: &EntityDoc) -> Result<Arc<Known>, Problem> {
        let signature = signature(tenant, doc);
        if let Some(known) = self.0.get(signature.as_slice()) {
            return Ok(known);
        }
        let form = Shape::of(doc).form()?;
        let known = Arc::new(Known {
            count: key(&form, COUNT),
            place: key(&form, FORM),
            told: AtomicBool::new(false),
            form,
        });
        if signature.len() <= KEPT_BYTES {
            self.0.insert(signature, Arc::clone(&known));
        }
        Ok(known)
    }

    /// Keeps the numbers with a change. The shape that it leads to is to be [called told](Known::tell) when the change is on disk.
    pub(crate) fn follow(
        &self,
        catalogue: &Catalogue,
        change: &Change<'_>,
        ops: &mut Vec<Op>,
    ) -> Result<Option<Arc<Known>>, Problem> {
        if let (Some(before), Some(after)) = (change.before, change.after)
            && alike(before, after)
        {
            return Ok(None);
        }
        let known = |doc: Option<&EntityDoc>| {
            let open = doc.filter(|doc| !catalogue.is_personal(doc.types()));
            open.map(|doc| self.of(change.tenant, doc)).transpose()
        };
        let (before, after) = (known(change.before)?, known(change.after)?);
        let place = |known: &Option<Arc<Known>>| known.as_ref().map(|known| known.count.clone());
        if place(&before) == place(&after) {
            return Ok(None);
        }
        let count = |known: &Known, delta| Op::Add {
            collection: SHAPES,
            key: known.count.clone(),
            delta,
            min: i64::MIN,
            max: i64::MAX,
        };
        if let Some(known) = before {
            ops.push(count(&known, -1));
        }
        if let Some(known) = &after {
            ops.push(count(known, 1));
            if !known.told.load(Ordering::Acquire) {
                ops.push(Op::When {
                    guards: vec![Guard::Absent { collection: SHAPES, key: known.place.clone() }],
                    then: vec![Op::PutRecord {
                        collection: SHAPES,
                        key: known.place.clone(),
                        value: known.form.clone(),
                        expect: Expect::Any,
                    }],
                    otherwise: Vec::new(),
                });
            }
        }
        Ok(after)
    }
}

impl Known {
    /// Notes that what it is stands on disk.
    pub(crate) fn tell(&self) {
        self.told.store(true, Ordering::Release);
    }
}

/// What an entity looks like in the order it is stored in: bytes that are equal only for equal shapes of one tenant.
fn signature(tenant: &TenantId, doc: &EntityDoc) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1_024);
    // Neither IRIs nor names of tenants hold a zero byte.
    bytes.extend_from_slice(tenant.as_str().as_bytes());
    for entity_type in doc.types() {
        bytes.push(0);
        bytes.extend_from_slice(entity_type.as_bytes());
    }
    bytes.push(0);
    for slot in doc.attributes() {
        bytes.push(0);
        bytes.extend_from_slice(slot.kind().name().as_bytes());
        bytes.extend_from_slice(slot.name().as_bytes());
    }
    bytes
}

/// Every shape there is, with how many entities have it.
pub(crate) async fn read(
    store: &dyn Store,
    tenant: &TenantId,
    take: &mut (dyn FnMut(&Shape, u64) -> Result<(), Problem> + Send),
) -> Result<(), Problem> {
    let mut scan = Scan { limit: STEP, ..Scan::default() };
    let mut waiting: Option<(Vec<u8>, Shape)> = None;
    loop {
        let records = store.records(tenant, SHAPES, &scan).await?;
        for (key, record) in &records {
            let Some((part, hash)) = key.split_last() else { continue };
            if *part == FORM {
                let shape = serde_json::from_slice(&record.value).map_err(|_| broken())?;
                waiting = Some((hash.to_vec(), shape));
            } else if let Some((_, shape)) = waiting.take_if(|(of, _)| of == hash) {
                let count = record.value.as_slice().try_into().map(i64::from_be_bytes);
                let count = u64::try_from(count.map_err(|_| broken())?).unwrap_or(0);
                if count > 0 {
                    take(&shape, count)?;
                }
            }
        }
        if records.len() < STEP {
            return Ok(());
        }
        scan.after = records.last().map(|(key, _)| key.clone());
    }
}

impl Broker {
    /// Counts what open entities of a tenant look like, where that was not kept with every change so far: once for data of earlier
    /// versions, and when the catalogue calls other types personal. To be called before anything is written.
    pub async fn prepare(&self, tenant: &TenantId) -> Result<(), Problem> {
        let store = &self.parts.store;
        let mut personal: Vec<&str> =
            self.parts.catalogue.personal_types.iter().map(|t| t.iri.as_str()).collect();
        personal.sort_unstable();
        let personal = serde_json::to_vec(&personal).map_err(|_| broken())?;
        let counted = store.record(tenant, COUNTED, b"").await?;
        if counted.is_some_and(|counted| counted.value == personal) {
            return Ok(());
        }
        let mut set = WriteSet::new(tenant.clone());
        let mut scan = Scan { limit: STEP, ..Scan::default() };
        loop {
            let old = store.records(tenant, SHAPES, &scan).await?;
            scan.after = old.last().map(|(key, _)| key.clone());
            let full = old.len() == STEP;
            let delete =
                |(key, _)| Op::DeleteRecord { collection: SHAPES, key, expect: Expect::Any };
            set.ops.extend(old.into_iter().map(delete));
            if !full {
                break;
            }
        }
        for (form, count) in self.count_all(tenant).await? {
            let put = |part, value| Op::PutRecord {
                collection: SHAPES,
                key: key(&form, part),
                value,
                expect: Expect::Any,
            };
            set.ops.push(put(COUNT, count.to_be_bytes().to_vec()));
            set.ops.push(put(FORM, form.clone()));
        }
        set.ops.push(Op::PutRecord {
            collection: COUNTED,
            key: Vec::new(),
            value: personal,
            expect: Expect::Any,
        });
        store.commit(set).await?;
        Ok(())
    }

    async fn count_all(&self, tenant: &TenantId) -> Result<BTreeMap<Vec<u8>, i64>, Problem> {
        let catalogue = &self.parts.catalogue;
        // What has ended is counted until it is taken out.
        let asked = Asked {
            tenant,
            catalogue,
            now: Timestamp::MIN,
            principal: Principal::Platform { task: "shapes" },
        };
        let view = decide(&asked).map_err(Problem::from)?;
        let mut counts = BTreeMap::new();
        let mut query = EntityQuery {
            filter: Query::default(),
            limit: STEP,
            offset: 0,
            count: false,
            order: None,
        };
        loop {
            let page = self.parts.store.query(&view, &query).await?;
            for found in &page.entities {
                if !catalogue.is_personal(found.doc.types()) {
                    *counts.entry(Shape::of(&found.doc).form()?).or_insert(0) += 1;
                }
            }
            if page.entities.len() < STEP {
                return Ok(counts);
            }
            query.offset += STEP;
        }
    }
}
