//! The log under witnesses: what is shown of it is what enough of them cosigned, and without them no personal data is given for long.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tsunagu_domain::{Problem, ProblemCode, TenantId, Timestamp};
use tsunagu_store::access::{Access, Action, Decision};
use tsunagu_store::{Expect, Op, StoreError, WriteSet};

use super::{AuditLog, STATE};
use crate::checkpoint::Checkpoint;
use crate::witness::{Answer, add_checkpoint_body};
use crate::{AuditError, Quorum, WitnessKey, note};

const KEY: &[u8] = b"published";
const SECOND: i64 = 1_000_000;

/// The way to a witness.
#[async_trait]
pub trait WitnessCalls: Send + Sync + 'static {
    /// Sends the body of `add-checkpoint`; the error says why no answer came.
    async fn add_checkpoint(&self, body: String) -> Result<Answer, String>;
}

/// A witness that is asked for cosignatures.
pub struct AskedWitness {
    /// Its key.
    pub key: WitnessKey,
    /// The way to it.
    pub calls: Arc<dyn WitnessCalls>,
}

/// The witnesses of this log.
pub struct Witnesses {
    asked: Vec<AskedWitness>,
    quorum: Quorum,
    limit: i64,
    /// What each witness saw last of each log: the size, which is only a guess that saves asking twice.
    sizes: Mutex<HashMap<(String, TenantId), u64>>,
    /// When all logs had their quorum last, microseconds since the epoch.
    met: AtomicI64,
}

impl fmt::Debug for Witnesses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Witnesses").field("quorum", &self.quorum).finish_non_exhaustive()
    }
}

impl Witnesses {
    /// Of which `needed` must cosign; personal data is given for so many seconds without.
    pub fn new(asked: Vec<AskedWitness>, needed: usize, limit_seconds: u32) -> Self {
        let witnesses = asked.iter().map(|witness| witness.key.clone()).collect();
        Self {
            asked,
            quorum: Quorum { witnesses, needed },
            limit: i64::from(limit_seconds) * SECOND,
            sizes: Mutex::default(),
            met: AtomicI64::new(0),
        }
    }

    fn size(&self, witness: &WitnessKey, tenant: &TenantId) -> u64 {
        let sizes = self.sizes.lock().unwrap_or_else(PoisonError::into_inner);
        sizes.get(&(witness.name().to_owned(), tenant.clone())).copied().unwrap_or(0)
    }

    fn keep_size(&self, witness: &WitnessKey, tenant: &TenantId, size: u64) {
        let mut sizes = self.sizes.lock().unwrap_or_else(PoisonError::into_inner);
        sizes.insert((witness.name().to_owned(), tenant.clone()), size);
    }
}

/// The last checkpoint that had its quorum.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    v: u32,
    note: String,
    at: Timestamp,
}

impl AuditLog {
    /// The log under these witnesses. Until the first quorum the time of this call counts as one.
    #[must_use]
    pub fn witnessed(mut self, witnesses: Witnesses) -> Self {
        witnesses.met.store(self.clock.micros(), Ordering::Release);
        self.witnesses = Some(witnesses);
        self
    }

    /// Takes up how long ago these logs had their quorum; for the start of a process, so that starting again does not extend the limit.
    pub async fn resume(&self, tenants: &[TenantId]) -> Result<(), AuditError> {
        let Some(witnesses) = &self.witnesses else {
            return Ok(());
        };
        for tenant in tenants {
            if let Some(stored) = self.published(tenant).await? {
                witnesses.met.fetch_min(stored.at, Ordering::AcqRel);
            }
        }
        Ok(())
    }

    /// Signs these logs, has them cosigned and publishes what had its quorum. To be called again and again. Without witnesses nothing is done.
    pub async fn publish(&self, tenants: &[TenantId]) -> Result<(), AuditError> {
        let Some(witnesses) = &self.witnesses else {
            return Ok(());
        };
        let now = self.clock.micros();
        let mut oldest = now;
        for tenant in tenants {
            let kept = self.advance(tenant).await?;
            let note = self.cosigned(witnesses, tenant, &kept.note, kept.tree.size()).await?;
            let found = witnesses.quorum.look(&note).map_err(|_| AuditError::Unpublished)?;
            if witnesses.quorum.is_met(&found) {
                self.keep_published(tenant, note, now).await?;
            } else {
                // Another replica may have had more luck.
                let stored = self.published(tenant).await?;
                oldest = oldest.min(stored.map_or(0, |stored| stored.at));
            }
        }
        witnesses.met.fetch_max(oldest, Ordering::AcqRel);
        if oldest < now {
            return Err(AuditError::Unpublished);
        }
        Ok(())
    }

    /// The checkpoint that is shown: without witnesses the newest, with witnesses the newest that had its quorum.
    pub async fn shown(&self, tenant: &TenantId) -> Result<String, AuditError> {
        if self.witnesses.is_none() {
            return self.checkpoint(tenant).await;
        }
        let stored = self.published(tenant).await?;
        stored.map(|stored| stored.note).ok_or(AuditError::Unpublished)
    }

    /// The note and size of the checkpoint that proofs and exports are for.
    pub(super) async fn shown_size(&self, tenant: &TenantId) -> Result<(String, u64), AuditError> {
        if self.witnesses.is_none() {
            let kept = self.latest(tenant).await?;
            return Ok((kept.note.clone(), kept.tree.size()));
        }
        let note = self.shown(tenant).await?;
        let opened = Checkpoint::open(&note, &self.verifying_key(tenant));
        let checkpoint = opened.map_err(|_| AuditError::Unpublished)?;
        // What is below it must be signed in this process as well.
        let kept = self.latest(tenant).await?;
        if kept.tree.size() < checkpoint.size {
            self.advance(tenant).await?;
        }
        Ok((note, checkpoint.size))
    }

    /// The note with the cosignatures that witnesses give now.
    async fn cosigned(
        &self,
        witnesses: &Witnesses,
        tenant: &TenantId,
        note: &str,
        size: u64,
    ) -> Result<String, AuditError> {
        let mut cosigned = note.to_owned();
        for witness in &witnesses.asked {
            let mut old = witnesses.size(&witness.key, tenant).min(size);
            // A second time with the size that the witness told.
            for _ in 0..2 {
                let path = if old == 0 {
                    Vec::new()
                } else {
                    self.consistency(tenant, old, Some(size)).await?.path
                };
                let body = add_checkpoint_body(old, &path, note);
                let answer = match witness.calls.add_checkpoint(body).await {
                    Ok(answer) => answer,
                    Err(error) => {
                        tracing::warn!(
                            witness = witness.key.name(),
                            error,
                            "a witness did not answer"
                        );
                        break;
                    }
                };
                let name = witness.key.name();
                match answer.status {
                    200 => {
                        let candidate = format!("{note}{}", answer.body);
                        if matches!(witness.key.cosigned(&candidate), Ok(Some(_))) {
                            cosigned += &answer.body;
                            witnesses.keep_size(&witness.key, tenant, size);
                        } else {
                            tracing::warn!(
                                witness = name,
                                "a witness answered with no cosignature of its own"
                            );
                        }
                        break;
                    }
                    409 => match answer.body.strip_suffix('\n').and_then(note::number) {
                        Some(told) if told <= size && told != old => old = told,
                        // Another replica may be ahead; a log that lost entries stays behind.
                        told => {
                            tracing::warn!(
                                witness = name,
                                ?told,
                                size,
                                "a witness saw more of the log than this process, or another log"
                            );
                            break;
                        }
                    },
                    status => {
                        tracing::error!(witness = name, status, "a witness refused the log");
                        break;
                    }
                }
            }
        }
        Ok(cosigned)
    }

    async fn published(&self, tenant: &TenantId) -> Result<Option<Stored>, AuditError> {
        let Some(record) = self.store.record(tenant, STATE, KEY).await? else {
            return Ok(None);
        };
        let stored: Option<Stored> = serde_json::from_slice(&record.value).ok();
        let stored = stored.filter(|stored| stored.v == 1);
        let damaged = || StoreError::Corrupt("the published checkpoint is not readable".to_owned());
        Ok(Some(stored.ok_or_else(damaged)?))
    }

    async fn keep_published(
        &self,
        tenant: &TenantId,
        note: String,
        at: Timestamp,
    ) -> Result<(), AuditError> {
        let value = serde_json::to_vec(&Stored { v: 1, note, at })
            .map_err(|error| StoreError::Corrupt(error.to_string()))?;
        let put =
            Op::PutRecord { collection: STATE, key: KEY.to_vec(), value, expect: Expect::Any };
        self.store.commit(WriteSet::new(tenant.clone()).with(put)).await?;
        Ok(())
    }

    /// Refuses what would give or take personal data while the log has been without witnesses for too long. Refusals are still written down, and
    /// consents can still be withdrawn.
    pub(super) fn witnessed_enough(&self, access: &Access) -> Result<(), Problem> {
        let Some(witnesses) = &self.witnesses else {
            return Ok(());
        };
        if access.decision == Decision::Denied || access.action == Action::Consent {
            return Ok(());
        }
        let met = witnesses.met.load(Ordering::Acquire);
        if self.clock.micros().saturating_sub(met) <= witnesses.limit {
            return Ok(());
        }
        Err(Problem::new(
            ProblemCode::Unavailable,
            "nobody has witnessed the record of access for too long, so no personal data is given; try again later",
        ))
    }
}
