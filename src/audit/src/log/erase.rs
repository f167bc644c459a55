//! Erasing what the log says about a person, while the tree and everybody else's proofs stay as they are.

use tsunagu_domain::{TenantId, Timestamp, TsunoId};
use tsunagu_store::access::{Access, AccessLog as _, Action, Decision};
use tsunagu_store::{Conflict, Expect, Op, StoreError, WriteSet};

use super::{AuditLog, ENTRY_TYPE, LOG, Reader, STATE};
use crate::about::{ABOUT, Led};
use crate::usage::USAGE;
use crate::{AuditError, entry};

/// At most so many entries are erased in one transaction.
const BATCH: usize = 200;
/// So often another erasure may come in between before giving up.
const ATTEMPTS: usize = 5;

/// Erasures are one after the other: two that take different persons out of one entry must not undo each other.
const KEY: &[u8] = b"erasure";

/// The reason in the entry of an erasure. Its `count` says how many entries were erased, whole or one person out of them.
pub(crate) const REASON: &str = "erasure";

/// What an erasure did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Erased {
    /// Entries that say nothing about the person any more.
    pub entries: u64,
    /// Entries of the first version, which cannot be erased.
    pub kept: u64,
}

impl AuditLog {
    /// Erases what entries made before a time say about a person. An entry about nobody else loses all that it says; one about others loses this
    /// person. Leaf hashes, checkpoints and proofs stay. The erasure is itself an entry, with the number of entries but without the person.
    ///
    /// Bytes already written stay in backups, and in the files of a store until it compacts them.
    pub async fn erase(
        &self,
        tenant: &TenantId,
        by: &Reader,
        subject: TsunoId,
        before: Timestamp,
    ) -> Result<Erased, AuditError> {
        let mut done = Erased::default();
        let mut after = None;
        loop {
            let led = self.led_to(tenant, subject, before, after.take(), BATCH).await?;
            let Some(last) = led.last() else {
                return Ok(done);
            };
            after = Some(last.key.clone());
            let mut attempts = ATTEMPTS;
            let batch = loop {
                match self.erase_batch(tenant, by, subject, &led).await {
                    Err(AuditError::Store(StoreError::Conflict {
                        conflict: Conflict::Changed | Conflict::Exists,
                        ..
                    })) if attempts > 1 => attempts -= 1,
                    batch => break batch?,
                }
            };
            done.entries += batch.entries;
            done.kept += batch.kept;
        }
    }

    async fn erase_batch(
        &self,
        tenant: &TenantId,
        by: &Reader,
        subject: TsunoId,
        led: &[Led],
    ) -> Result<Erased, AuditError> {
        let turn = self.store.record(tenant, STATE, KEY).await?;
        let expect = turn.map_or(Expect::Absent, |turn| Expect::Version(turn.version));
        let indexes: Vec<u64> = led.iter().filter_map(|led| led.index).collect();
        let mut stored = self.store.log_entries_at(tenant, LOG, &indexes).await?.into_iter();
        let mut done = Erased::default();
        let mut set = WriteSet::new(tenant.clone());
        for Led { key, index } in led {
            let Some(index) = *index else {
                done.kept += 1;
                continue;
            };
            let stored = stored.next().flatten().ok_or(AuditError::Unreadable(index))?;
            let Some(left) = entry::without(&stored, subject) else {
                done.kept += 1;
                continue;
            };
            set.ops.push(Op::Redact { log: LOG, index, entry: left });
            set.ops.push(Op::DeleteRecord {
                collection: ABOUT,
                key: key.clone(),
                expect: Expect::Any,
            });
            done.entries += 1;
        }
        if done.entries == 0 {
            return Ok(done);
        }
        // What was summed up from them goes along, and is summed up anew.
        set.ops.push(Op::DeleteRecord {
            collection: USAGE,
            key: subject.as_bytes().to_vec(),
            expect: Expect::Any,
        });
        let value = Vec::new();
        set.ops.push(Op::PutRecord { collection: STATE, key: KEY.to_vec(), value, expect });
        set.ops.extend(self.ops(&self.erasure(by, done.entries))?);
        self.store.commit(set).await?;
        Ok(done)
    }

    fn erasure(&self, by: &Reader, count: u64) -> Access {
        Access {
            at: self.clock.micros(),
            request: by.request.clone(),
            actor: by.actor.clone(),
            subjects: Vec::new(),
            purpose: None,
            grant: None,
            grant_version: None,
            action: Action::Write,
            types: vec![ENTRY_TYPE.to_owned()],
            attributes: Vec::new(),
            decision: Decision::Allowed,
            reason: REASON.to_owned(),
            count,
        }
    }
}
