//! Registrations whose time is over (clause 5.9.2): absent at once, taken out soon after, which is told to those who subscribed.

use std::sync::PoisonError;

use tsunagu_domain::{Problem, ProblemCode, TenantId, Timestamp};
use tsunagu_ngsi_ld::time::parse_date_time;

use super::records::delete;
use super::{Sources, TRIES};
use tsunagu_store::Expect;

/// When something ends next, as long as no registration changes.
#[derive(Debug, Clone, Copy)]
pub(super) struct NextEnd {
    version: Option<u64>,
    at: Option<Timestamp>,
}

impl Sources {
    /// Takes out the registrations of a tenant whose time is over, and tells of how many.
    pub async fn expire(&self, tenant: &TenantId) -> Result<usize, Problem> {
        let now = self.clock.micros();
        let records = self.records(tenant);
        let version = records.state().await?.version();
        let known = {
            let ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
            ends.get(tenant).copied().filter(|known| known.version == version)
        };
        // Mostly nothing has changed and nothing is due.
        if known.is_some_and(|known| known.at.is_none_or(|at| at > now)) {
            return Ok(0);
        }
        let (mut ended, mut next) = (0, None::<Timestamp>);
        for registration in records.all().await? {
            if registration.is_expired(now) {
                ended += usize::from(self.end(tenant, &registration.id, now).await?);
            } else if let Some(at) = registration.expires_at.as_deref().and_then(parse_date_time) {
                next = Some(next.map_or(at, |next| next.min(at)));
            }
        }
        // What ended made another version, so the next time looks again.
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        ends.insert(tenant.clone(), NextEnd { version, at: next });
        Ok(ended)
    }

    /// Takes out a registration whose time is over. False when there is none.
    pub(super) async fn end(
        &self,
        tenant: &TenantId,
        id: &str,
        now: Timestamp,
    ) -> Result<bool, Problem> {
        let records = self.records(tenant);
        for _ in 0..TRIES {
            let state = records.state().await?;
            let found = records.one(id).await?;
            let Some((version, ended)) = found.filter(|(_, found)| found.is_expired(now)) else {
                return Ok(false);
            };
            let mut ops = vec![delete(id, Expect::Version(version)), state.counted(-1)?];
            let told = self.subscriptions.follow_source(tenant, Some(&ended), None, now, &mut ops);
            let told = told.await?;
            if records.commit(ops).await? {
                self.subscriptions.owed(tenant, told);
                return Ok(true);
            }
        }
        Err(Problem::new(
            ProblemCode::Conflict,
            "other registrations were changed at the same moment; repeat the request",
        ))
    }
}
