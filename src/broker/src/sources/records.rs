//! How registrations are stored: one record each, and one that every change passes through.

use serde::{Deserialize, Serialize};
use tsunagu_domain::{Problem, ProblemCode, TenantId};
use tsunagu_ngsi_ld::source::Registration;
use tsunagu_store::{Collection, Expect, Op, Scan, Store, StoreError, WriteSet};

/// Id → registration.
const SOURCES: Collection = Collection("context-source");
/// How many there are. Written with every change, so that changes happen one after the other, and those of subscriptions to them too.
const STATE: Collection = Collection("context-source-state");
const STATE_KEY: &[u8] = b"registrations";
/// Registrations of one tenant.
const MAX_SOURCES: i64 = 1_000;
/// Bytes of one registration.
const MAX_BYTES: usize = 64 << 10;
const VERSION: u8 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept<T> {
    v: u8,
    data: T,
}

/// The registrations of a tenant.
pub(crate) struct Records<'a> {
    pub(crate) store: &'a dyn Store,
    pub(crate) tenant: &'a TenantId,
}

/// How many there are, and the version of that knowledge.
pub(crate) struct State {
    count: i64,
    expect: Expect,
}

impl State {
    /// Changes with every change of a registration.
    pub(super) fn version(&self) -> Option<u64> {
        match self.expect {
            Expect::Version(version) => Some(version),
            _ => None,
        }
    }

    /// The operation that counts a change, if nothing else was changed meanwhile.
    pub(crate) fn counted(&self, change: i64) -> Result<Op, Problem> {
        let count = self.count + change;
        if change > 0 && count > MAX_SOURCES {
            return Err(Problem::new(
                ProblemCode::Forbidden,
                format!("{MAX_SOURCES} sources are registered already; delete some"),
            ));
        }
        let value = encode(&count)?;
        Ok(Op::PutRecord { collection: STATE, key: STATE_KEY.to_vec(), value, expect: self.expect })
    }
}

impl Records<'_> {
    pub(crate) async fn state(&self) -> Result<State, StoreError> {
        let found = self.store.record(self.tenant, STATE, STATE_KEY).await?;
        match found {
            None => Ok(State { count: 0, expect: Expect::Absent }),
            Some(record) => {
                Ok(State { count: decode(&record.value)?, expect: Expect::Version(record.version) })
            }
        }
    }

    pub(super) async fn one(&self, id: &str) -> Result<Option<(u64, Registration)>, StoreError> {
        if id.len() > tsunagu_store::group::MAX_KEY {
            return Ok(None);
        }
        let found = self.store.record(self.tenant, SOURCES, id.as_bytes()).await?;
        found.map(|record| Ok((record.version, decode(&record.value)?))).transpose()
    }

    pub(crate) async fn all(&self) -> Result<Vec<Registration>, StoreError> {
        let mut all = Vec::new();
        let mut page = Scan { limit: 200, ..Scan::default() };
        loop {
            let found = self.store.records(self.tenant, SOURCES, &page).await?;
            let Some((last, _)) = found.last() else {
                return Ok(all);
            };
            page.after = Some(last.clone());
            for (_, record) in &found {
                all.push(decode(&record.value)?);
            }
        }
    }

    /// Commits; false when something was changed meanwhile.
    pub(super) async fn commit(&self, ops: Vec<Op>) -> Result<bool, Problem> {
        match self.store.commit(WriteSet { tenant: self.tenant.clone(), ops }).await {
            Ok(_) => Ok(true),
            Err(StoreError::Conflict { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

pub(super) fn put(registration: &Registration, expect: Expect) -> Result<Op, Problem> {
    let value = encode(registration)?;
    if value.len() > MAX_BYTES {
        let detail = format!("the registration has more than {MAX_BYTES} bytes; divide it");
        return Err(Problem::new(ProblemCode::PayloadTooLarge, detail));
    }
    Ok(Op::PutRecord {
        collection: SOURCES,
        key: registration.id.clone().into_bytes(),
        value,
        expect,
    })
}

pub(super) fn delete(id: &str, expect: Expect) -> Op {
    Op::DeleteRecord { collection: SOURCES, key: id.as_bytes().to_vec(), expect }
}

fn encode<T: Serialize>(data: &T) -> Result<Vec<u8>, Problem> {
    serde_json::to_vec(&Kept { v: VERSION, data }).map_err(|_| {
        Problem::new(ProblemCode::InternalError, "a registration could not be encoded")
    })
}

fn decode<T: for<'de> Deserialize<'de>>(value: &[u8]) -> Result<T, StoreError> {
    let damaged = || StoreError::Corrupt("a registration is not readable".to_owned());
    let kept: Kept<T> = serde_json::from_slice(value).map_err(|_| damaged())?;
    if kept.v == VERSION { Ok(kept.data) } else { Err(damaged()) }
}
