//! What happens to a consent by itself: the warning before its end, and its end.
//!
//! Nothing here decides what may be seen: a consent is out of force from its last moment on, whether the event is written or not. The
//! events are for the history, for the resident, and for what an end sets going.

use tsunagu_domain::{Problem, TenantId, Timestamp};
use tsunagu_store::{Expect, Op, Scan};

use super::keys::{self, DUE};
use super::{By, Ledger, Step};
use crate::{Consent, Reason, State, WARNED_AHEAD};

const BATCH: usize = 200;

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Kind {
    /// Telling that it ends soon.
    Warning = b'w',
    /// Its end.
    End = b'x',
}

/// What one look did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Due {
    /// Consents whose residents were warned.
    pub warned: usize,
    /// Consents that ended.
    pub ended: usize,
}

impl Ledger {
    /// The operations that note when something will happen to a consent by itself.
    pub(super) fn plan(consent: &Consent, ops: &mut Vec<Op>) -> Result<(), Problem> {
        if !consent.is_open() {
            return Ok(());
        }
        let end = consent.ends();
        // What lasts no longer than the warning is ahead needs none.
        let warning = end.saturating_sub(WARNED_AHEAD);
        let warning = (warning > consent.valid_from).then_some((warning, Kind::Warning));
        for (at, kind) in warning.into_iter().chain([(end, Kind::End)]) {
            let key = keys::due(at, kind as u8, &consent.id);
            let value = keys::pointer(&consent.id)?;
            ops.push(Op::PutRecord { collection: DUE, key, value, expect: Expect::Any });
        }
        Ok(())
    }

    /// Writes the events of everything that is due by now. Several processes may look at once.
    pub async fn run_due(&self, tenant: &TenantId) -> Result<Due, Problem> {
        self.forget_failures(tenant).await?;
        let now = self.clock.micros();
        let mut done = Due::default();
        let mut after = None;
        loop {
            let scan = Scan { after, limit: BATCH, ..Scan::default() };
            let page = self.store.records(tenant, DUE, &scan).await?;
            for (key, record) in &page {
                if keys::read_due(key)?.0 > now {
                    return Ok(done);
                }
                self.settle(tenant, key, record.version, now, &mut done).await?;
            }
            after = page.last().map(|(key, _)| key.clone());
            if page.len() < BATCH {
                return Ok(done);
            }
        }
    }

    /// One thing that is due, and its removal from the list, in one transaction.
    async fn settle(
        &self,
        tenant: &TenantId,
        key: &[u8],
        noted: u64,
        now: Timestamp,
        done: &mut Due,
    ) -> Result<(), Problem> {
        let (_, kind, id) = keys::read_due(key)?;
        let (collection, expect) = (DUE, Expect::Version(noted));
        let mut ops = vec![Op::DeleteRecord { collection, key: key.to_owned(), expect }];
        let mut counted = None;
        if let Some((version, consent)) = self.head(tenant, id).await?
            && consent.is_open()
        {
            let over = now >= consent.ends();
            if over {
                let period = now >= consent.valid_until;
                let reason = if period { Reason::PeriodOver } else { Reason::ReconsentMissed };
                let step = Step::to(State::Expired, reason, now);
                let consent = self.change(consent, version, step, By::PLATFORM, &mut ops)?;
                self.order(&consent, &consent.data, now, &mut ops)?;
                counted = Some(&mut done.ended);
            } else if kind == Kind::Warning as u8 && consent.ends_soon(now) {
                let step = Step::to(consent.state, Reason::EndsSoon, now);
                self.change(consent, version, step, By::PLATFORM, &mut ops)?;
                counted = Some(&mut done.warned);
            }
        }
        // Who was quicker has done it, or will find it due again.
        if self.commit(tenant, ops).await?
            && let Some(counted) = counted
        {
            *counted += 1;
        }
        Ok(())
    }
}
