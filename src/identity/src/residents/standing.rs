//! Whether an id may earn and use what is for residents only. Who lives elsewhere by now keeps the id and all data, and may still see, take and
//! end everything: only what residents get stops.

use chrono::DateTime;
use serde::{Deserialize, Serialize};
use tsunagu_domain::{Problem, TenantId, Timestamp, TsunoId};
use tsunagu_store::{Expect, Guard, Op, Scan, WriteSet};

use super::{Resident, Residents};
use crate::Services;
use crate::records::{self, CLOSED, RESIDENTS, SUSPENSIONS};
use crate::residency::{Residency, Verdict};
use crate::services::seconds;

/// Residency is to be proved again after a year.
const PROOF_SECONDS: i64 = 365 * 24 * 60 * 60;

/// Why what is for residents stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Suspension {
    /// The register says that the person left or died. Only the register or a person at the counter takes it back: the address on a card may
    /// be the old one.
    MovedOut,
    /// A provider verified an address elsewhere.
    Elsewhere,
    /// The last proof is more than a year old.
    ProofDue,
}

impl Suspension {
    const ALL: [Self; 3] = [Self::MovedOut, Self::Elsewhere, Self::ProofDue];

    fn key(self, id: TsunoId) -> Vec<u8> {
        let reason: u8 = match self {
            Self::MovedOut => 1,
            Self::Elsewhere => 2,
            Self::ProofDue => 3,
        };
        [&id.as_bytes()[..], &[reason]].concat()
    }

    /// The operation that makes it so, whether it was before or not.
    pub(crate) fn begin(self, id: TsunoId, now: Timestamp) -> Result<Op, Problem> {
        Ok(records::put(SUSPENSIONS, &self.key(id), None, &now, Expect::Any)?)
    }

    /// The operation that ends it, if it was so.
    pub(crate) fn end(self, id: TsunoId) -> Op {
        records::delete(SUSPENSIONS, &self.key(id), Expect::Any)
    }
}

/// What must hold, inside a transaction, for a person to get what is for residents.
pub fn in_good_standing(id: TsunoId) -> Vec<Guard> {
    let absent =
        |reason: Suspension| Guard::Absent { collection: SUSPENSIONS, key: reason.key(id) };
    Suspension::ALL.into_iter().map(absent).collect()
}

/// Whether an id is open: issued ids are until their resident closes them.
pub(crate) async fn is_open(
    services: &Services,
    tenant: &TenantId,
    id: TsunoId,
) -> Result<bool, Problem> {
    Ok(services.store.record(tenant, CLOSED, id.as_bytes()).await?.is_none())
}

/// Whether an id is open and not suspended.
pub(crate) async fn is_in_force(
    services: &Services,
    tenant: &TenantId,
    id: TsunoId,
) -> Result<bool, Problem> {
    if !is_open(services, tenant, id).await? {
        return Ok(false);
    }
    for suspension in Suspension::ALL {
        if services.store.record(tenant, SUSPENSIONS, &suspension.key(id)).await?.is_some() {
            return Ok(false);
        }
    }
    Ok(true)
}

impl Residency {
    /// When the address was proved: as the provider says, if it says so in a way that can be read and be true.
    pub fn proved_at(&self) -> Timestamp {
        let told = self.verified_at.as_deref().and_then(|at| DateTime::parse_from_rfc3339(at).ok());
        let told = told.map(|at| at.timestamp_micros());
        told.filter(|at| *at <= self.decided_at).unwrap_or(self.decided_at)
    }

    fn is_due(&self, now: Timestamp) -> bool {
        now >= self.proved_at().saturating_add(seconds(PROOF_SECONDS))
    }
}

/// The operations that bring the standing of a resident up to a verdict just made.
pub(super) fn follow_verdict(
    id: TsunoId,
    residency: &Residency,
    now: Timestamp,
    ops: &mut Vec<Op>,
) -> Result<(), Problem> {
    let elsewhere = residency.verdict != Verdict::Resident;
    for (suspension, holds) in
        [(Suspension::Elsewhere, elsewhere), (Suspension::ProofDue, residency.is_due(now))]
    {
        ops.push(if holds { suspension.begin(id, now)? } else { suspension.end(id) });
    }
    Ok(())
}

/// The operations that forget every suspension of an id.
pub(super) fn forget(id: TsunoId) -> impl Iterator<Item = Op> {
    Suspension::ALL.into_iter().map(move |suspension| suspension.end(id))
}

impl Residents {
    /// Why what is for residents has stopped for this id; empty while it has not.
    pub async fn suspensions(
        &self,
        tenant: &TenantId,
        id: TsunoId,
    ) -> Result<Vec<Suspension>, Problem> {
        let mut found = Vec::new();
        for suspension in Suspension::ALL {
            let store = &*self.services.store;
            if store.record(tenant, SUSPENSIONS, &suspension.key(id)).await?.is_some() {
                found.push(suspension);
            }
        }
        Ok(found)
    }

    /// Suspends whoever's proof has become a year old, and says how many are. The next login proves anew.
    pub async fn lapse(&self, tenant: &TenantId) -> Result<u64, Problem> {
        let (store, now) = (&*self.services.store, self.services.clock.micros());
        let mut lapsed = 0;
        let mut page = Scan { limit: 500, ..Scan::default() };
        loop {
            let found = records::scan::<Resident>(store, tenant, RESIDENTS, &page).await?;
            let Some((last, _)) = found.last() else { return Ok(lapsed) };
            page.after = Some(last.clone());
            for (key, kept) in &found {
                let id = kept.data.tsuno_id;
                if !kept.data.residency.is_due(now)
                    || self.suspensions(tenant, id).await?.contains(&Suspension::ProofDue)
                {
                    continue;
                }
                // Whoever logs in at this moment has proved anew: then nothing lapses.
                let unchanged = Expect::Version(kept.version);
                let set = WriteSet::new(tenant.clone())
                    .with(records::put(RESIDENTS, key, None, &kept.data, unchanged)?)
                    .with(Suspension::ProofDue.begin(id, now)?);
                lapsed += u64::from(records::try_commit(store, set).await?);
            }
        }
    }
}
