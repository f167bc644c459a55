//! Reads under a consent that says how often: each is counted in the transaction that writes it down, so that the count is exact on every
//! replica and over every restart. Reads under other consents pay nothing for it.

use tsunagu_domain::{Frequency, Problem, ProblemCode, TenantId, Timestamp, to_iso};
use tsunagu_policy::Grant;
use tsunagu_store::access::{Access, Action, Decision, Ticket};
use tsunagu_store::{Collection, Expect, Guard, Op, Scan, StoreError, WriteSet};

use crate::{Broker, Request};

/// End of the window (8 bytes, seconds) ‖ grant id → how many reads there were. Sorted by time, so that what is over is found first.
const READS: Collection = Collection("read-count");
/// How many old counts are forgotten in one step.
const STEP: usize = 500;

fn key(end: Timestamp, grant: &str) -> Vec<u8> {
    let seconds = u64::try_from(end.div_euclid(1_000_000)).unwrap_or(0);
    [&seconds.to_be_bytes()[..], grant.as_bytes()].concat()
}

fn end(key: &[u8]) -> Option<u64> {
    key.first_chunk::<8>().map(|seconds| u64::from_be_bytes(*seconds))
}

/// Whether an access is a read that a resident limited.
fn limit<'a>(request: &Request<'a>, access: &Access) -> Option<(&'a Grant, Frequency)> {
    let reads = matches!(access.action, Action::Read | Action::Query | Action::Notify)
        && access.decision == Decision::Allowed;
    let grant = request.view.grant().filter(|_| reads)?;
    Some((grant, grant.frequency?))
}

impl Broker {
    /// Writes down an access that is about to be answered. Under a consent that says how often, one more read is counted with it; when the reads are used
    /// up, the attempt is written down instead and refused.
    pub(crate) async fn record(
        &self,
        request: &Request<'_>,
        access: &Access,
    ) -> Result<Ticket, Problem> {
        let (log, tenant) = (&self.parts.access, request.view.tenant());
        let Some((grant, frequency)) = limit(request, access) else {
            return log.record(tenant, access).await;
        };
        let window = frequency.window_end(access.at);
        let (key, max) = (key(window, &grant.id), i64::from(frequency.max));
        let refusal = refused(frequency, window);
        let denied = Access {
            decision: Decision::Denied,
            reason: format!("{:?}", refusal.code),
            count: 0,
            ..access.clone()
        };
        let mut then = vec![Op::Add { collection: READS, key: key.clone(), delta: 1, min: 0, max }];
        then.extend(log.ops(access)?);
        let room = Guard::Room { collection: READS, key, delta: 1, min: 0, max };
        let counted = Op::When { guards: vec![room], then, otherwise: log.ops(&denied)? };
        let set = WriteSet::new(tenant.clone()).with(counted);
        let receipt = self.parts.store.commit(set).await.map_err(|error| unwritten(&error))?;
        if receipt.branches.first() != Some(&true) {
            return Err(refusal);
        }
        let none = || unwritten(&StoreError::Corrupt("an access got no index".to_owned()));
        log.ticket(&receipt, 0).ok_or_else(none)
    }

    /// Forgets the counts of hours, days and weeks that are over, and tells how many.
    pub async fn forget_reads(&self, tenant: &TenantId) -> Result<usize, Problem> {
        let now = self.parts.clock.micros().div_euclid(1_000_000);
        let now = u64::try_from(now).unwrap_or(0);
        let mut forgotten = 0;
        loop {
            let scan = Scan { limit: STEP, ..Scan::default() };
            let page = self.parts.store.records(tenant, READS, &scan).await?;
            let over = |key: &Vec<u8>| end(key).is_none_or(|end| end <= now);
            let ops: Vec<Op> = page
                .into_iter()
                .map(|(key, _)| key)
                .take_while(over)
                .map(|key| Op::DeleteRecord { collection: READS, key, expect: Expect::Any })
                .collect();
            let done = ops.len();
            if done > 0 {
                self.parts.store.commit(WriteSet { tenant: tenant.clone(), ops }).await?;
            }
            forgotten += done;
            if done < STEP {
                return Ok(forgotten);
            }
        }
    }
}

fn refused(frequency: Frequency, window: Timestamp) -> Problem {
    let Frequency { max, per_seconds } = frequency;
    let detail = format!(
        "the resident consented to {max} reads in {per_seconds} seconds, and they are used up; read again from {}",
        to_iso(window)
    );
    Problem::new(ProblemCode::FrequencyExceeded, detail)
}

fn unwritten(error: &StoreError) -> Problem {
    tracing::error!(%error, "the audit log takes no entries: personal data is refused");
    Problem::new(
        ProblemCode::Unavailable,
        "the access could not be written down, so no personal data is given; try again later",
    )
}
