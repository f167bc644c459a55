//! What was refused and waits for somebody: kept as it came, with the reason, until it is tried again, dismissed or a month old.
//!
//! It may hold personal data, so nobody is shown it: the list tells where it came from and what is wrong with it. The mapping or the
//! platform is mended, then it is tried again.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tsunagu_domain::{TenantId, Timestamp, hex};
use tsunagu_ngsi_ld::EntityDoc;
use tsunagu_store::{Op, Scan, Store, StoreError, WriteSet};

use super::digest::of_parts;
use super::kept::{DEAD, REPLAYS, decode, delete, key, prefix, put, unavailable};
use super::take::Came;
use crate::{ConnectError, Item, Payload, Refusal};

/// So long it waits, microseconds.
const KEPT: i64 = 30 * 24 * 3600 * 1_000_000;
/// So many are read at once.
const PAGE: usize = 500;

/// A refused item, without what it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeadLetter {
    /// Names it: 64 hexadecimal digits.
    pub id: String,
    /// When it was first refused, microseconds since the epoch.
    pub since: Timestamp,
    /// How often it was tried.
    pub tries: u32,
    /// What is wrong with it, and where.
    pub refusals: Vec<Refusal>,
}

/// A part of the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeadLetterPage {
    /// Some of them, in no meaningful order.
    pub dead_letters: Vec<DeadLetter>,
    /// Where to go on, if there are more.
    pub after: Option<String>,
}

/// Which are to be tried again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Replay {
    /// All of the connector.
    All,
    /// These.
    These(Vec<String>),
}

impl Replay {
    /// Asks for them to be tried again; the gateway that runs the connector does it at its next round.
    pub async fn ask(
        &self,
        store: &dyn Store,
        tenant: &TenantId,
        connector: &str,
    ) -> Result<(), ConnectError> {
        let op = put(REPLAYS, connector.as_bytes().to_vec(), self)?;
        let done = store.commit(WriteSet::new(tenant.clone()).with(op)).await;
        done.map(drop).map_err(|error| unavailable(&error))
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Dead {
    v: u32,
    /// When it was first refused.
    pub(super) since: Timestamp,
    /// In which batch it last came, and its place in that.
    #[serde(default)]
    batch: u64,
    #[serde(default)]
    order: u64,
    pub(super) tries: u32,
    pub(super) refusals: Vec<Refusal>,
    input: String,
    line: u64,
    payload: Stored,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Stored {
    /// An encoded entity, base64.
    Entity(String),
    /// JSON.
    Record(Box<RawValue>),
}

impl Dead {
    /// When it last came.
    pub(super) fn came(&self) -> Came {
        (self.batch, self.order)
    }

    /// The item as it came.
    pub(super) fn item(self) -> Result<Item, ConnectError> {
        let damaged =
            || ConnectError::Unavailable("a dead letter is damaged and cannot be read".to_owned());
        let payload = match self.payload {
            Stored::Record(record) => Payload::Record(record),
            Stored::Entity(text) => {
                let bytes = STANDARD.decode(text).map_err(|_| damaged())?;
                let doc = EntityDoc::from_bytes(Bytes::from(bytes)).map_err(|_| damaged())?;
                Payload::Entity(Box::new(doc.decode().map_err(|_| damaged())?))
            }
        };
        Ok(Item { payload, input: self.input, line: self.line })
    }
}

/// The key of what is refused: the same item has the same, however often it comes.
pub(super) fn key_of(name: &str, item: &Item) -> Vec<u8> {
    let line = item.line.to_be_bytes();
    let doc;
    let payload = match &item.payload {
        Payload::Record(record) => record.get().as_bytes(),
        Payload::Entity(entity) => {
            doc = super::digest::of_entity(entity);
            doc.as_bytes()
        }
    };
    key(name, &of_parts([item.input.as_bytes(), &line, payload]))
}

/// The operation that keeps a refused item.
pub(super) fn keep(
    name: &str,
    item: &Item,
    refusals: Vec<Refusal>,
    (since, came, tries): (Timestamp, Came, u32),
) -> Result<Op, ConnectError> {
    let payload = match &item.payload {
        Payload::Record(record) => Stored::Record(record.clone()),
        Payload::Entity(entity) => {
            Stored::Entity(STANDARD.encode(EntityDoc::from(&**entity).bytes()))
        }
    };
    let dead = Dead {
        v: 1,
        since,
        batch: came.0,
        order: came.1,
        tries: tries + 1,
        refusals,
        input: item.input.clone(),
        line: item.line,
        payload,
    };
    put(DEAD, key_of(name, item), &dead)
}

/// The operation that forgets one.
pub(super) fn forget(key: Vec<u8>) -> Op {
    delete(DEAD, key)
}

/// One page of them as stored.
pub(super) async fn page(
    store: &dyn Store,
    tenant: &TenantId,
    name: &str,
    after: Option<Vec<u8>>,
    limit: usize,
) -> Result<Vec<(Vec<u8>, Dead)>, ConnectError> {
    let scan = Scan { prefix: prefix(name), after, limit, ..Scan::default() };
    let found = store.records(tenant, DEAD, &scan).await.map_err(|error| unavailable(&error))?;
    found.into_iter().map(|(key, record)| Ok((key, decode(&record.value)?))).collect()
}

fn name_of(key: &[u8], prefix: &[u8]) -> String {
    hex(key.strip_prefix(prefix).unwrap_or_default())
}

/// The key that an id names.
pub(super) fn key_named(name: &str, id: &str) -> Option<Vec<u8>> {
    let digits = id.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let pairs = digits.chunks_exact(2).map(|pair| {
        let text = std::str::from_utf8(pair).ok()?;
        u8::from_str_radix(text, 16).ok()
    });
    Some(key(name, &pairs.collect::<Option<Vec<u8>>>()?))
}

/// What staff are shown.
pub(super) async fn list(
    store: &dyn Store,
    tenant: &TenantId,
    name: &str,
    after: Option<&str>,
    limit: usize,
) -> Result<DeadLetterPage, ConnectError> {
    let after = after.and_then(|id| key_named(name, id));
    let found = page(store, tenant, name, after, limit).await?;
    let more = found.len() == limit;
    let prefix = prefix(name);
    let dead_letters: Vec<DeadLetter> = found
        .into_iter()
        .map(|(key, dead)| DeadLetter {
            id: name_of(&key, &prefix),
            since: dead.since,
            tries: dead.tries,
            refusals: dead.refusals,
        })
        .collect();
    let after = dead_letters.last().filter(|_| more).map(|last| last.id.clone());
    Ok(DeadLetterPage { dead_letters, after })
}

/// How many a connector has.
pub(super) async fn count(
    store: &dyn Store,
    tenant: &TenantId,
    name: &str,
) -> Result<usize, ConnectError> {
    let (mut all, mut after) = (0, None);
    loop {
        let scan = Scan { prefix: prefix(name), after, limit: PAGE, ..Scan::default() };
        let found = store.records(tenant, DEAD, &scan).await;
        let found = found.map_err(|error| unavailable(&error))?;
        all += found.len();
        let Some((last, _)) = found.into_iter().last() else { return Ok(all) };
        after = Some(last);
    }
}

/// Connectors that have any, whether they are still configured or not.
pub(super) async fn names(
    store: &dyn Store,
    tenant: &TenantId,
) -> Result<Vec<String>, ConnectError> {
    let (mut names, mut after) = (Vec::new(), None);
    loop {
        let scan = Scan { after, limit: 1, ..Scan::default() };
        let found = store.records(tenant, DEAD, &scan).await;
        let found = found.map_err(|error| unavailable(&error))?;
        let Some((key, _)) = found.into_iter().next() else { return Ok(names) };
        let name = key.split(|byte| *byte == 0).next().unwrap_or_default();
        // Behind the name stands a zero byte: one more is behind all keys of this name.
        after = Some([name, b"\x01"].concat());
        names.push(String::from_utf8_lossy(name).into_owned());
    }
}

/// Forgets one for good; `false` when there is none.
pub(super) async fn dismiss(
    store: &dyn Store,
    tenant: &TenantId,
    name: &str,
    id: &str,
) -> Result<bool, ConnectError> {
    let Some(key) = key_named(name, id) else { return Ok(false) };
    let op = Op::DeleteRecord { collection: DEAD, key, expect: tsunagu_store::Expect::Present };
    match store.commit(WriteSet::new(tenant.clone()).with(op)).await {
        Ok(_) => Ok(true),
        Err(StoreError::Conflict { .. }) => Ok(false),
        Err(error) => Err(unavailable(&error)),
    }
}

/// Forgets what is too old. How many are left.
pub(super) async fn tidy(
    store: &dyn Store,
    tenant: &TenantId,
    name: &str,
    now: Timestamp,
) -> Result<usize, ConnectError> {
    let (mut left, mut after) = (0, None);
    loop {
        let found = page(store, tenant, name, after, PAGE).await?;
        let Some((last, _)) = found.last() else { return Ok(left) };
        after = Some(last.clone());
        let all = found.len();
        let old = found.into_iter().filter(|(_, dead)| dead.since.saturating_add(KEPT) <= now);
        let ops: Vec<Op> = old.map(|(key, _)| forget(key)).collect();
        left += all - ops.len();
        if !ops.is_empty() {
            let set = WriteSet { tenant: tenant.clone(), ops };
            store.commit(set).await.map_err(|error| unavailable(&error))?;
        }
    }
}
