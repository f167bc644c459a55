//! Leaving: every consent of a resident at once.

use tsunagu_domain::{Problem, TenantId};

use super::{Ledger, Part, Resident};

impl Ledger {
    /// Takes back every consent that is in force or paused, and says how many were. Each is an event and an access of its own, as if
    /// withdrawn one by one.
    pub async fn withdraw_all(&self, tenant: &TenantId, by: &Resident<'_>) -> Result<u64, Problem> {
        let all = Part { offset: 0, limit: usize::MAX };
        let mut withdrawn = 0;
        for consent in self.of_subject(tenant, by.subject, all).await?.consents {
            withdrawn += u64::from(self.withdraw(tenant, by, &consent.id).await?.happened);
        }
        Ok(withdrawn)
    }
}
