//! Where everything about subscriptions is kept. Keys sort as scans need them; small values are JSON with a version.

use bytes::{Buf as _, BufMut as _, Bytes};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tsunagu_domain::{TenantId, Timestamp};
use tsunagu_ngsi_ld::EntityDoc;
use tsunagu_store::{Collection, Expect, Op, Scan, Store, StoreError, WriteSet};

use super::model::{Uid, VERSION};
use super::of_sources::News;

/// owner + id → [`Subscription`](super::model::Subscription).
pub(crate) const SUBSCRIPTIONS: Collection = Collection("subscription");
/// One record, written whenever a subscription is: its version tells every process whether it knows them all.
pub(crate) const MARK: Collection = Collection("subscription-mark");
/// uid → [`State`].
pub(crate) const STATES: Collection = Collection("subscription-state");
/// uid + time + chance → [`Debt`].
pub(crate) const OUTBOX: Collection = Collection("subscription-outbox");
/// uid → when the last notification was owed (a counter), for subscriptions with throttling.
pub(crate) const THROTTLES: Collection = Collection("subscription-throttle");
/// uid + time + chance → [`DeadLetter`].
pub(crate) const DEAD_LETTERS: Collection = Collection("subscription-dead-letter");

/// The one key of [`MARK`].
pub(crate) const MARK_KEY: &[u8] = b"mark";

const PAGE: usize = 256;

/// How deliveries went so far.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct State {
    pub(crate) v: u8,
    pub(crate) times_sent: u64,
    pub(crate) times_failed: u64,
    pub(crate) last_notification: Option<Timestamp>,
    pub(crate) last_success: Option<Timestamp>,
    pub(crate) last_failure: Option<Timestamp>,
    /// Failures since the last success.
    pub(crate) attempts: u32,
    /// Not to be tried before.
    pub(crate) due: Timestamp,
    /// When the last periodic notification was due.
    pub(crate) period: Option<Timestamp>,
    /// Which deliverer has the queue, where several run.
    #[serde(default)]
    pub(crate) holder: Option<String>,
    /// Until when.
    #[serde(default)]
    pub(crate) until: Timestamp,
}

/// A notification that could not be delivered. What it would have told is not kept: consent may end, the queue is short, and the
/// receiver can ask for the present state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeadLetter {
    pub(crate) v: u8,
    /// When the change was.
    pub(crate) changed_at: Timestamp,
    /// When it was given up.
    pub(crate) at: Timestamp,
    /// Why, without what the receiver said.
    pub(crate) reason: String,
}

/// Something that a subscription is owed.
#[derive(Debug, Clone)]
pub(crate) enum Debt {
    /// A change of an entity.
    Change(Owed),
    /// Of registrations of context sources.
    News(Box<News>),
}

impl Debt {
    pub(crate) fn decode(bytes: Vec<u8>) -> Result<Self, StoreError> {
        // News are a JSON object, and the version of a change is no brace.
        if bytes.first() == Some(&b'{') {
            return decode(&bytes).map(|news| Self::News(Box::new(news)));
        }
        Owed::decode(bytes).map(Self::Change)
    }

    /// When it came to be owed.
    pub(crate) fn at(&self) -> Timestamp {
        match self {
            Self::Change(owed) => owed.at,
            Self::News(news) => news.at,
        }
    }

    /// What is told in order: the changes of one entity, and all news.
    pub(crate) fn lane(&self) -> &str {
        match self {
            Self::Change(owed) => owed.entity(),
            Self::News(_) => "",
        }
    }
}

/// A change that somebody may have to be told of.
#[derive(Debug, Clone)]
pub(crate) struct Owed {
    pub(crate) at: Timestamp,
    pub(crate) before: Option<EntityDoc>,
    pub(crate) after: Option<EntityDoc>,
}

const HAS_BEFORE: u8 = 1;
const HAS_AFTER: u8 = 2;

impl Owed {
    /// The id of the entity.
    pub(crate) fn entity(&self) -> &str {
        self.after.as_ref().or(self.before.as_ref()).map_or("", EntityDoc::id)
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let before = self.before.as_ref().map_or(&[][..], |doc| doc.bytes());
        let after = self.after.as_ref().map_or(&[][..], |doc| doc.bytes());
        let mut out = Vec::with_capacity(16 + before.len() + after.len());
        out.put_u8(VERSION);
        out.put_u8(
            if self.before.is_some() { HAS_BEFORE } else { 0 }
                | if self.after.is_some() { HAS_AFTER } else { 0 },
        );
        out.put_i64(self.at);
        out.put_u32(u32::try_from(before.len()).unwrap_or(u32::MAX));
        out.extend_from_slice(before);
        out.extend_from_slice(after);
        out
    }

    pub(crate) fn decode(bytes: Vec<u8>) -> Result<Self, StoreError> {
        let damaged = || StoreError::Corrupt("a notification owed is not readable".to_owned());
        let mut bytes = Bytes::from(bytes);
        if bytes.len() < 14 || bytes.get_u8() != VERSION {
            return Err(damaged());
        }
        let (flags, at) = (bytes.get_u8(), bytes.get_i64());
        let length = usize::try_from(bytes.get_u32()).map_err(|_| damaged())?;
        if length > bytes.len() {
            return Err(damaged());
        }
        let before = bytes.split_to(length);
        let doc = |has: bool, bytes: Bytes| -> Result<Option<EntityDoc>, StoreError> {
            has.then(|| EntityDoc::from_bytes(bytes)).transpose().map_err(|_| damaged())
        };
        let before = doc(flags & HAS_BEFORE != 0, before)?;
        let after = doc(flags & HAS_AFTER != 0, bytes)?;
        Ok(Self { at, before, after })
    }
}

/// A key under a uid that sorts by time.
pub(crate) fn timed_key(uid: Uid, at: Timestamp, chance: [u8; 16]) -> Vec<u8> {
    let time = u64::try_from(at).unwrap_or(0).to_be_bytes();
    [&uid.0[..], &time, &chance[..8]].concat()
}

/// The uid that a key begins with.
pub(crate) fn uid_of(key: &[u8]) -> Option<Uid> {
    key.first_chunk::<16>().map(|uid| Uid(*uid))
}

pub(crate) fn encode(value: &impl Serialize) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(value).map_err(|error| {
        StoreError::Corrupt(format!("a subscription record cannot be written: {error}"))
    })
}

pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, StoreError> {
    // The error's text could hold a value, so only its place is told.
    serde_json::from_slice(bytes).map_err(|error| {
        StoreError::Corrupt(format!(
            "a subscription record cannot be read (line {}, column {})",
            error.line(),
            error.column()
        ))
    })
}

pub(crate) fn put(
    collection: Collection,
    key: Vec<u8>,
    value: &impl Serialize,
    expect: Expect,
) -> Result<Op, StoreError> {
    Ok(Op::PutRecord { collection, key, value: encode(value)?, expect })
}

pub(crate) fn remove(collection: Collection, key: Vec<u8>, expect: Expect) -> Op {
    Op::DeleteRecord { collection, key, expect }
}

/// The state of a subscription, with its version; none when nothing was ever delivered.
pub(crate) async fn state(
    store: &dyn Store,
    tenant: &TenantId,
    uid: Uid,
) -> Result<(Option<u64>, State), StoreError> {
    match store.record(tenant, STATES, &uid.0).await? {
        Some(record) => Ok((Some(record.version), decode(&record.value)?)),
        None => Ok((None, State { v: VERSION, ..State::default() })),
    }
}

/// Removes everything under a uid from a collection, page by page; what comes meanwhile may stay.
pub(crate) async fn purge(
    store: &dyn Store,
    tenant: &TenantId,
    collection: Collection,
    uid: Uid,
) -> Result<u64, StoreError> {
    let mut purged = 0;
    let mut scan = Scan { prefix: uid.0.to_vec(), limit: PAGE, ..Scan::default() };
    loop {
        let page = store.records(tenant, collection, &scan).await?;
        let Some((last, _)) = page.last() else { return Ok(purged) };
        scan.after = Some(last.clone());
        purged += page.len() as u64;
        let mut set = WriteSet::new(tenant.clone());
        set.ops = page.into_iter().map(|(key, _)| remove(collection, key, Expect::Any)).collect();
        store.commit(set).await?;
    }
}

#[cfg(test)]
mod tests {
    use tsunagu_ngsi_ld::Entity;

    use super::*;

    #[test]
    fn what_is_owed_is_read_back() {
        let doc = |id: &str| EntityDoc::from(&Entity::new(id, "https://t.example/T", 5));
        for (before, after) in [
            (None, Some(doc("urn:e:1"))),
            (Some(doc("urn:e:1")), None),
            (Some(doc("urn:e:1")), Some(doc("urn:e:1"))),
        ] {
            let owed = Owed { at: 7, before, after };
            let again = Owed::decode(owed.encode()).unwrap();
            let bytes = |doc: &Option<EntityDoc>| doc.as_ref().map(|doc| doc.bytes().clone());
            assert_eq!(again.at, 7);
            assert_eq!(again.entity(), "urn:e:1");
            assert_eq!(bytes(&again.before), bytes(&owed.before));
            assert_eq!(bytes(&again.after), bytes(&owed.after));
        }
        for wrong in [vec![], vec![9; 20], vec![1, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0]] {
            assert!(Owed::decode(wrong).is_err());
        }
    }

    #[test]
    fn keys_sort_by_time_within_a_uid() {
        let key = |uid: u8, at| timed_key(Uid([uid; 16]), at, [9; 16]);
        assert!(key(1, 5) < key(1, 6) && key(1, 6) < key(2, 1));
        assert_eq!(uid_of(&key(3, 1)), Some(Uid([3; 16])));
    }
}
