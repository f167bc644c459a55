//! When services last used a person's consents: summed up from the log, each entry read once.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tsunagu_domain::{TenantId, Timestamp, TsunoId};
use tsunagu_store::access::{Access, Action, Decision};
use tsunagu_store::{Collection, Expect, Op, StoreError, WriteSet};

use crate::log::LOG;
use crate::{AuditError, AuditLog, Content, LoggedEntry};

/// Subject → what was summed up so far. It follows from the log and can be lost.
pub(crate) const USAGE: Collection = Collection("grant-usage");

/// Entries are read again from so long before the last one: clocks of several processes differ, and what is written down late has an early time.
const OVERLAP: Timestamp = 600_000_000;
const BATCH: usize = 500;
const SUBJECT: usize = 16;

/// A sum.
#[derive(Default, PartialEq, Eq, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Summed {
    v: u32,
    /// The newest entry that was read.
    upto: Timestamp,
    /// Consent id → its last use.
    used: BTreeMap<String, Timestamp>,
}

/// The moment in a key of the index.
fn time_of(key: &[u8]) -> Option<Timestamp> {
    let inverted = key.get(SUBJECT..)?.first_chunk::<8>()?;
    Timestamp::try_from(u64::MAX - u64::from_be_bytes(*inverted)).ok()
}

/// Whether a service got or wrote something under the consent.
fn is_use(access: &Access) -> bool {
    access.decision == Decision::Allowed
        && access.actor.starts_with("client:")
        && !matches!(access.action, Action::Consent | Action::Link)
}

impl AuditLog {
    /// The last use of each consent of a person by the client that has it, microseconds since the epoch; one that was never used is not named. What
    /// was read for an earlier answer is not read again.
    pub async fn last_uses(
        &self,
        tenant: &TenantId,
        subject: TsunoId,
    ) -> Result<BTreeMap<String, Timestamp>, AuditError> {
        let key = subject.as_bytes().to_vec();
        let before = match self.store().record(tenant, USAGE, &key).await? {
            Some(record) => serde_json::from_slice::<Summed>(&record.value).map_err(|_| {
                StoreError::Corrupt("a sum of the access log is not readable".to_owned())
            })?,
            None => Summed::default(),
        };
        let mut summed = Summed { v: 1, ..before.clone() };
        let from = before.upto.saturating_sub(OVERLAP);
        let mut after = None;
        loop {
            let mut led = self.led_to(tenant, subject, Timestamp::MAX, after, BATCH).await?;
            after = led.last().map(|led| led.key.clone());
            let whole = led.len() == BATCH;
            let read = led.len();
            led.retain(|led| time_of(&led.key).is_some_and(|at| at >= from));
            let ends = !whole || led.len() < read;
            let indexes: Vec<u64> = led.iter().filter_map(|led| led.index).collect();
            let stored = self.store().log_entries_at(tenant, LOG, &indexes).await?;
            for (index, stored) in indexes.into_iter().zip(stored) {
                let stored = stored.ok_or(AuditError::Unreadable(index))?;
                let entry = LoggedEntry::read(index, &stored);
                let entry = entry.map_err(|_| AuditError::Unreadable(index))?;
                let Content::Access { access, .. } = entry.content else { continue };
                summed.upto = summed.upto.max(access.at);
                if is_use(&access)
                    && let Some(grant) = access.grant
                {
                    let last = summed.used.entry(grant).or_default();
                    *last = access.at.max(*last);
                }
            }
            if ends {
                break;
            }
        }
        if summed != before {
            let value = serde_json::to_vec(&summed).unwrap_or_default();
            let (collection, expect) = (USAGE, Expect::Any);
            let put = Op::PutRecord { collection, key, value, expect };
            self.store().commit(WriteSet::new(tenant.clone()).with(put)).await?;
        }
        Ok(summed.used)
    }
}
