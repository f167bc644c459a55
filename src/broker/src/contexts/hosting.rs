//! The @contexts that are kept here for others (clause 5.13.1): hosted ones, which a client added, and those that were created implicitly.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tsunagu_domain::{Clock, IdGen, Problem, ProblemCode, TenantId, Timestamp};
use tsunagu_store::{Collection, Conflict, Expect, Op, Scan, Store, StoreError, WriteSet};

/// Local id → the @context.
const KEPT: Collection = Collection("jsonld-context");
/// How many there are.
const COUNT: Collection = Collection("jsonld-context-count");
/// How many one tenant may keep: those that were added, and those of subscriptions. And how large one may be.
const MAX_HOSTED: i64 = 1_000;
const MAX_IMPLICIT: i64 = 10_000;
const MAX_BYTES: usize = 512 << 10;
const VERSION: u8 = 2;
/// The version that did not tell what an @context belongs to. It is read as one that belongs to nothing.
const WITHOUT_OWNER: u8 = 1;

/// Where an @context that is served comes from (clause 5.13.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ContextKind {
    /// A client added it here.
    Hosted,
    /// A copy of somebody else's document.
    Cached,
    /// Made of the @context of a subscription, to have a URL for it.
    ImplicitlyCreated,
}

/// What keeping @contexts takes.
pub struct Hosting {
    /// Storage.
    pub store: Arc<dyn Store>,
    /// Local ids.
    pub ids: Arc<dyn IdGen>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// What the URL of a kept @context begins with; its local id follows.
    pub base: String,
}

impl fmt::Debug for Hosting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hosting").field("base", &self.base).finish_non_exhaustive()
    }
}

/// What an @context was created for implicitly. It lives and ends with that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Belongs {
    /// The client whose subscription it is.
    pub client: String,
    /// Which one of all that there ever were.
    pub to: [u8; 16],
}

/// An @context as stored.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kept {
    v: u8,
    pub(super) kind: ContextKind,
    /// Only of implicit ones.
    #[serde(default)]
    pub(super) belongs: Option<Belongs>,
    pub(super) created_at: Timestamp,
    pub(super) context: Box<RawValue>,
}

impl Kept {
    /// The document to serve.
    pub(super) fn document(&self) -> String {
        format!("{{\"@context\":{}}}", self.context.get())
    }
}

impl Hosting {
    /// The local id in a URL of ours.
    pub(super) fn local_id<'u>(&self, url: &'u str) -> Option<&'u str> {
        url.strip_prefix(&self.base)
    }

    pub(super) fn url(&self, id: &str) -> String {
        format!("{}{id}", self.base)
    }

    /// A new id, and the operations that keep `context` under it.
    pub(super) fn keep(
        &self,
        kind: ContextKind,
        belongs: Option<Belongs>,
        context: &RawValue,
    ) -> Result<(String, Vec<Op>), Problem> {
        if context.get().len() > MAX_BYTES {
            let detail = format!(
                "the @context has more than {MAX_BYTES} bytes; serve it elsewhere and refer to it"
            );
            return Err(Problem::new(ProblemCode::PayloadTooLarge, detail).at("/@context"));
        }
        let (created_at, context) = (self.clock.micros(), context.to_owned());
        let kept = Kept { v: VERSION, kind, belongs, created_at, context };
        let value = serde_json::to_vec(&kept).map_err(|_| {
            Problem::new(ProblemCode::InternalError, "the @context could not be encoded")
        })?;
        let id = self.ids.uuid();
        let key = id.clone().into_bytes();
        let put = Op::PutRecord { collection: KEPT, key, value, expect: Expect::Absent };
        Ok((id, vec![put, count(kind, 1)]))
    }

    /// The operations that forget the @context of this id, which must be there.
    pub(super) fn forget(id: &str, kind: ContextKind) -> Vec<Op> {
        let key = id.as_bytes().to_vec();
        vec![Op::DeleteRecord { collection: KEPT, key, expect: Expect::Present }, count(kind, -1)]
    }

    pub(super) async fn commit(&self, tenant: &TenantId, ops: Vec<Op>) -> Result<(), Problem> {
        match self.store.commit(WriteSet { tenant: tenant.clone(), ops }).await {
            Ok(_) => Ok(()),
            Err(StoreError::Conflict { conflict: Conflict::OutOfBounds, .. }) => Err(full()),
            Err(StoreError::Conflict { conflict: Conflict::Missing, .. }) => {
                Err(Problem::not_found())
            }
            Err(error) => Err(error.into()),
        }
    }

    pub(super) async fn find(
        &self,
        tenant: &TenantId,
        id: &str,
    ) -> Result<Option<Kept>, StoreError> {
        // Longer than any id that was given: nothing to look for.
        if id.len() > 64 {
            return Ok(None);
        }
        let record = self.store.record(tenant, KEPT, id.as_bytes()).await?;
        record.map(|record| decode(&record.value)).transpose()
    }

    pub(super) async fn all(&self, tenant: &TenantId) -> Result<Vec<(String, Kept)>, StoreError> {
        let mut all = Vec::new();
        let mut page = Scan { limit: 200, ..Scan::default() };
        loop {
            let found = self.store.records(tenant, KEPT, &page).await?;
            let Some((last, _)) = found.last() else {
                return Ok(all);
            };
            page.after = Some(last.clone());
            for (key, record) in found {
                let id = String::from_utf8(key).map_err(|_| damaged())?;
                all.push((id, decode(&record.value)?));
            }
        }
    }
}

fn count(kind: ContextKind, delta: i64) -> Op {
    let (key, max): (&[u8], i64) = match kind {
        ContextKind::ImplicitlyCreated => (b"implicit", MAX_IMPLICIT),
        ContextKind::Hosted | ContextKind::Cached => (b"hosted", MAX_HOSTED),
    };
    Op::Add { collection: COUNT, key: key.to_vec(), delta, min: 0, max }
}

pub(super) fn full() -> Problem {
    Problem::new(
        ProblemCode::Forbidden,
        "as many @contexts are kept here as may be; delete some, or serve yours elsewhere",
    )
}

fn decode(value: &[u8]) -> Result<Kept, StoreError> {
    let kept: Kept = serde_json::from_slice(value).map_err(|_| damaged())?;
    if [WITHOUT_OWNER, VERSION].contains(&kept.v) { Ok(kept) } else { Err(damaged()) }
}

fn damaged() -> StoreError {
    StoreError::Corrupt("a kept @context is not readable".to_owned())
}
