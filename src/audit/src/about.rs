//! What a resident may know: the accesses about them, newest first.

use serde::Deserialize;
use tsunagu_domain::{TenantId, Timestamp, TsunoId};
use tsunagu_store::access::Access;
use tsunagu_store::{Collection, Op, Scan, StoreError};

use crate::log::LOG;
use crate::{AuditError, AuditLog, Content, LoggedEntry, entry};

/// Index of the log: subject ‖ inverted time ‖ eight bytes of the entry's commitment → index of the entry, eight bytes, big-endian. Version 1 had
/// the access itself in its place, as JSON.
pub(crate) const ABOUT: Collection = Collection("access-about");

const BATCH: usize = 500;
const SUBJECT: usize = 16;
const TIME: usize = 8;
const NONCE: usize = 8;

/// The record of version 1.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct First {
    v: u32,
    #[expect(dead_code, reason = "part of the stored form")]
    leaf: String,
    access: Access,
}

/// What a record of the index leads to.
enum Pointer {
    Entry(u64),
    Access(Box<Access>),
}

fn prefix(subject: TsunoId) -> Vec<u8> {
    subject.as_bytes().to_vec()
}

/// Later times sort first.
fn inverted(at: Timestamp) -> [u8; TIME] {
    (u64::MAX - u64::try_from(at).unwrap_or(0)).to_be_bytes()
}

/// The record that leads from `subject` to the entry appended just before it.
pub(crate) fn index_record(access: &Access, subject: TsunoId, stored: &[u8]) -> Op {
    let mut key = prefix(subject);
    key.extend_from_slice(&inverted(access.at));
    // Behind the version byte: what tells apart two accesses of one moment.
    key.extend_from_slice(stored.get(1..=NONCE).unwrap_or_default());
    Op::PutIndex { collection: ABOUT, key }
}

fn pointer(value: &[u8]) -> Result<Pointer, StoreError> {
    if let Ok(index) = value.try_into() {
        return Ok(Pointer::Entry(u64::from_be_bytes(index)));
    }
    let damaged =
        || StoreError::Corrupt("a record of access of a person is not readable".to_owned());
    let first: First = serde_json::from_slice(value).map_err(|_| damaged())?;
    if first.v == 1 { Ok(Pointer::Access(Box::new(first.access))) } else { Err(damaged()) }
}

/// Which part of the accesses about a person is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// Not before.
    pub from: Timestamp,
    /// Before.
    pub until: Timestamp,
    /// Leaving out so many of the newest.
    pub offset: usize,
    /// At most so many.
    pub limit: usize,
}

impl Period {
    /// The newest `limit` of all.
    pub fn newest(limit: usize) -> Self {
        Self { from: 0, until: Timestamp::MAX, offset: 0, limit }
    }
}

/// An access as the person it is about may see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The index of its entry; unknown for entries of the first version.
    pub index: Option<u64>,
    /// The access. It names no other person.
    pub access: Access,
}

/// Accesses about one person.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct About {
    /// How many there are in the period.
    pub total: u64,
    /// The asked part, newest first.
    pub accesses: Vec<Seen>,
}

/// A record of the index: its key and what it leads to.
pub(crate) struct Led {
    pub(crate) key: Vec<u8>,
    /// The index of the entry; `None` for a record of the first version.
    pub(crate) index: Option<u64>,
}

impl AuditLog {
    /// The accesses about `subject` in a period, newest first.
    pub async fn accesses_about(
        &self,
        tenant: &TenantId,
        subject: TsunoId,
        period: Period,
    ) -> Result<About, AuditError> {
        let mut total = 0;
        let mut wanted = Vec::new();
        let mut after = prefix(subject);
        // Nothing has this very key: it has no random part.
        after.extend_from_slice(&inverted(period.until.saturating_sub(1)));
        let mut scan =
            Scan { prefix: prefix(subject), after: Some(after), limit: BATCH, reverse: false };
        'scan: loop {
            let page = self.store().records(tenant, ABOUT, &scan).await?;
            let Some((last, _)) = page.last() else { break };
            scan.after = Some(last.clone());
            for (key, record) in &page {
                let time = key.get(SUBJECT..SUBJECT + TIME);
                if time.is_none_or(|time| time > inverted(period.from).as_slice()) {
                    break 'scan;
                }
                if total >= period.offset as u64 && wanted.len() < period.limit {
                    wanted.push(pointer(&record.value)?);
                }
                total += 1;
            }
        }
        let accesses = self.seen_by(tenant, subject, wanted).await?;
        Ok(About { total, accesses })
    }

    async fn seen_by(
        &self,
        tenant: &TenantId,
        subject: TsunoId,
        pointers: Vec<Pointer>,
    ) -> Result<Vec<Seen>, AuditError> {
        let indexes: Vec<u64> = pointers
            .iter()
            .filter_map(|pointer| match pointer {
                Pointer::Entry(index) => Some(*index),
                Pointer::Access(_) => None,
            })
            .collect();
        let mut entries = self.store().log_entries_at(tenant, LOG, &indexes).await?.into_iter();
        let mut seen = Vec::with_capacity(pointers.len());
        for pointer in pointers {
            match pointer {
                Pointer::Access(access) => seen.push(Seen { index: None, access: *access }),
                Pointer::Entry(index) => {
                    let stored = entries.next().flatten().ok_or(AuditError::Unreadable(index))?;
                    let entry = LoggedEntry::read(index, &stored);
                    let entry = entry.map_err(|_| AuditError::Unreadable(index))?;
                    // Erased meanwhile is gone.
                    if let Content::Access { access, .. } = entry.content {
                        // One resident is not told whom else a search found.
                        let access = Access { subjects: vec![subject], ..*access };
                        seen.push(Seen { index: Some(index), access });
                    }
                }
            }
        }
        Ok(seen)
    }

    /// Records of the index about `subject` from before a time, the newest first, after a key, some at once.
    pub(crate) async fn led_to(
        &self,
        tenant: &TenantId,
        subject: TsunoId,
        before: Timestamp,
        after: Option<Vec<u8>>,
        limit: usize,
    ) -> Result<Vec<Led>, AuditError> {
        let start = || [prefix(subject), inverted(before.saturating_sub(1)).to_vec()].concat();
        let after = Some(after.unwrap_or_else(start));
        let scan = Scan { prefix: prefix(subject), after, limit, reverse: false };
        let page = self.store().records(tenant, ABOUT, &scan).await?;
        let led = page.into_iter().map(|(key, record)| {
            let index = match pointer(&record.value)? {
                Pointer::Entry(index) => Some(index),
                Pointer::Access(_) => None,
            };
            Ok(Led { key, index })
        });
        led.collect()
    }

    /// When the first entry of the log was made of those that are not erased; `None` when there is none.
    pub async fn since(&self, tenant: &TenantId) -> Result<Option<Timestamp>, AuditError> {
        let mut from = 0;
        let mut limit = 1;
        loop {
            let stored = self.store().log_entries(tenant, LOG, from, limit).await?;
            if stored.is_empty() {
                return Ok(None);
            }
            for entry in &stored {
                let (leaf, payload) = entry::split(entry);
                match entry::open(leaf, payload).map_err(|_| AuditError::Unreadable(from))? {
                    Content::Access { access, .. } => return Ok(Some(access.at)),
                    Content::Erased => from += 1,
                }
            }
            limit = BATCH;
        }
    }
}
