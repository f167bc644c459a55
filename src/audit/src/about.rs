//! What a resident may know: the accesses about them, newest first.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use tsunagu_domain::{IdGen, Problem, ProblemCode, TenantId, Timestamp, TsunoId};
use tsunagu_store::access::Access;
use tsunagu_store::{Collection, Scan, StoreError};

use crate::log::LOG;
use crate::tree::Hash;
use crate::{AuditError, AuditLog, entry};

/// Index of the log: subject ‖ inverted time ‖ random → the access as that subject may see it.
pub(crate) const ABOUT: Collection = Collection("access-about");

const BATCH: usize = 500;
const SUBJECT: usize = 16;
const TIME: usize = 8;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Indexed<A> {
    v: u32,
    /// Leaf hash of the entry in the log.
    leaf: String,
    access: A,
}

fn prefix(subject: TsunoId) -> Vec<u8> {
    subject.as_bytes().to_vec()
}

/// Later times sort first.
fn inverted(at: Timestamp) -> [u8; TIME] {
    (u64::MAX - u64::try_from(at).unwrap_or(0)).to_be_bytes()
}

pub(crate) fn index_record(
    access: &Access,
    subject: TsunoId,
    leaf: &Hash,
    ids: &dyn IdGen,
) -> Result<(Vec<u8>, Vec<u8>), Problem> {
    let mut key = prefix(subject);
    key.extend_from_slice(&inverted(access.at));
    key.extend_from_slice(&ids.bytes16()[..8]);
    // One resident is not told whom else a search found.
    let access = Access { subjects: vec![subject], ..access.clone() };
    let value = serde_json::to_vec(&Indexed { v: 1, leaf: STANDARD.encode(leaf), access })
        .map_err(|_| {
            Problem::new(ProblemCode::InternalError, "the record of access could not be encoded")
        })?;
    Ok((key, value))
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

/// Accesses about one person.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct About {
    /// How many there are in the period.
    pub total: u64,
    /// The asked part, newest first; each names no other person.
    pub accesses: Vec<Access>,
}

impl AuditLog {
    /// The accesses about `subject` in a period, newest first.
    pub async fn accesses_about(
        &self,
        tenant: &TenantId,
        subject: TsunoId,
        period: Period,
    ) -> Result<About, AuditError> {
        let mut about = About::default();
        let mut after = prefix(subject);
        // Nothing has this very key: it has no random part.
        after.extend_from_slice(&inverted(period.until.saturating_sub(1)));
        let mut scan =
            Scan { prefix: prefix(subject), after: Some(after), limit: BATCH, reverse: false };
        loop {
            let page = self.store().records(tenant, ABOUT, &scan).await?;
            let Some((last, _)) = page.last() else {
                return Ok(about);
            };
            scan.after = Some(last.clone());
            for (key, record) in &page {
                let time = key.get(SUBJECT..SUBJECT + TIME);
                if time.is_none_or(|time| time > inverted(period.from).as_slice()) {
                    return Ok(about);
                }
                let wanted =
                    about.total >= period.offset as u64 && about.accesses.len() < period.limit;
                about.total += 1;
                if wanted {
                    about.accesses.push(decode(&record.value)?);
                }
            }
        }
    }

    /// When the first entry of the log was made; `None` when it has none.
    pub async fn since(&self, tenant: &TenantId) -> Result<Option<Timestamp>, AuditError> {
        let first = self.store().log_entries(tenant, LOG, 0, 1).await?;
        let Some(first) = first.first() else {
            return Ok(None);
        };
        let access = entry::decode(first).ok_or(AuditError::Unreadable(0))?;
        Ok(Some(access.at))
    }
}

fn decode(value: &[u8]) -> Result<Access, StoreError> {
    let damaged =
        || StoreError::Corrupt("a record of access of a person is not readable".to_owned());
    let indexed: Indexed<Access> = serde_json::from_slice(value).map_err(|_| damaged())?;
    if indexed.v == 1 { Ok(indexed.access) } else { Err(damaged()) }
}
