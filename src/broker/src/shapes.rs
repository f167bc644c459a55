//! What open entities look like: how many there are of every combination of types and attributes. Discovery reads these few records instead of
//! every entity; they are changed in the transaction that changes an entity.
//!
//! Only entities about nobody are counted. Whoever sees open data sees all of it, so the numbers are the same for everybody; personal data is
//! looked at through a view.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};
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

/// Keeps the numbers with a change.
pub(crate) fn follow(
    catalogue: &Catalogue,
    change: &Change<'_>,
    ops: &mut Vec<Op>,
) -> Result<(), Problem> {
    if let (Some(before), Some(after)) = (change.before, change.after)
        && alike(before, after)
    {
        return Ok(());
    }
    let form = |doc: Option<&EntityDoc>| {
        let open = doc.filter(|doc| !catalogue.is_personal(doc.types()));
        open.map(|doc| Shape::of(doc).form()).transpose()
    };
    let (before, after) = (form(change.before)?, form(change.after)?);
    if before == after {
        return Ok(());
    }
    let count = |form: &[u8], delta| Op::Add {
        collection: SHAPES,
        key: key(form, COUNT),
        delta,
        min: i64::MIN,
        max: i64::MAX,
    };
    if let Some(form) = before {
        ops.push(count(&form, -1));
    }
    if let Some(form) = after {
        let place = key(&form, FORM);
        ops.push(count(&form, 1));
        ops.push(Op::When {
            guards: vec![Guard::Absent { collection: SHAPES, key: place.clone() }],
            then: vec![Op::PutRecord {
                collection: SHAPES,
                key: place,
                value: form,
                expect: Expect::Any,
            }],
            otherwise: Vec::new(),
        });
    }
    Ok(())
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
