//! Proofs that were used (RFC 9449 section 11.1, ADR 0011).

use std::collections::HashSet;
use std::fmt;
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};

use tsunagu_domain::{Problem, ProblemCode, TenantId, Timestamp};
use tsunagu_store::{Expect, Store, WriteSet};

use super::{PROOF_SECONDS, SKEW};
use crate::records::{self, PROOFS};
use crate::services::seconds;

/// So many proofs are remembered of one generation, 32 bytes each. When they do not suffice, proofs are refused, not forgotten.
const MOST: usize = 2_000_000;
/// A generation lasts at least as long as a proof can count.
const GENERATION: Timestamp = seconds(PROOF_SECONDS + 2 * SKEW + 1);

/// Where used proofs are remembered.
pub(super) enum Seen {
    /// Here: for a process that has its store to itself.
    Memory(Mutex<Generations>),
    /// In the store, where the race of two replicas is decided by the commit.
    Store(Arc<dyn Store>),
}

impl fmt::Debug for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Memory(_) => "Memory",
            Self::Store(_) => "Store",
        })
    }
}

/// Two generations of proofs: what the older one holds cannot count any more when it is dropped.
#[derive(Default)]
pub(super) struct Generations {
    began: Timestamp,
    current: HashSet<[u8; 32]>,
    before: HashSet<[u8; 32]>,
}

impl Generations {
    /// Whether this is the first time; `None` when there is no room to remember it.
    fn first_time(&mut self, name: &[u8; 32], now: Timestamp) -> Option<bool> {
        let age = now.saturating_sub(self.began);
        if age >= GENERATION {
            self.before = mem::take(&mut self.current);
            if age >= 2 * GENERATION {
                self.before.clear();
            }
            self.began = now;
        }
        if self.before.contains(name) || self.current.contains(name) {
            return Some(false);
        }
        if self.current.len() >= MOST {
            return None;
        }
        Some(self.current.insert(*name))
    }
}

impl Seen {
    pub(super) fn in_memory() -> Self {
        Self::Memory(Mutex::default())
    }

    pub(super) fn in_store(store: Arc<dyn Store>) -> Self {
        Self::Store(store)
    }

    /// Whether the proof of this name comes for the first time. It has to be remembered until `until`.
    pub(super) async fn first_time(
        &self,
        tenant: &TenantId,
        name: &[u8; 32],
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool, Problem> {
        match self {
            Self::Memory(generations) => {
                let mut generations = generations.lock().unwrap_or_else(PoisonError::into_inner);
                generations.first_time(name, now).ok_or_else(|| {
                    Problem::new(
                        ProblemCode::Unavailable,
                        "more proofs came than can be remembered; try again in a minute",
                    )
                })
            }
            Self::Store(store) => {
                let op = records::put(PROOFS, name, Some(until), &(), Expect::Absent)?;
                let set = WriteSet::new(tenant.clone()).with(op);
                Ok(records::try_commit(&**store, set).await?)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_is_remembered_for_as_long_as_it_counts() {
        let mut seen = Generations::default();
        let start = seconds(1_790_000_000);
        assert_eq!(seen.first_time(&[1; 32], start), Some(true));
        for later in [0, 1, 60, 81, 120, 161] {
            assert_eq!(seen.first_time(&[1; 32], start + seconds(later)), Some(false), "{later}");
        }
        let much_later = start + 4 * GENERATION;
        assert_eq!(seen.first_time(&[1; 32], much_later), Some(true));
    }
}
