//! What the end of a client brings with it: the end of its consents, and orders to delete.

use tsunagu_domain::{ClientId, Problem, TenantId, Timestamp};

use super::{Act, By, ClientLives, LIVES, Life, LifeState, Step};
use crate::records::{self, ATTEMPTS};

/// Who winds up.
const ACTOR: &str = "platform:clients";
/// An ended client is looked at for so long: an authorization that was under way when it ended may still have given it a consent.
const LOOKED_AFTER: Timestamp = 15 * 60 * 1_000_000;

impl ClientLives {
    /// Ends the consents of an ended client and orders it to delete. What a process that died left undone, [`Self::wind_up_all`] does.
    pub(super) async fn wind_up(&self, tenant: &TenantId, id: &ClientId) -> Result<(), Problem> {
        let request = self.services.ids.uuid();
        for _ in 0..ATTEMPTS {
            let Some(kept) = self.kept(tenant, id).await? else { return Ok(()) };
            if kept.data.state != LifeState::Ended || kept.data.wound_up {
                return Ok(());
            }
            self.ledger.end_client(tenant, id, &request).await?;
            let at = self.services.clock.micros();
            let ended = kept.data.steps.iter().rfind(|step| step.act == Act::Ended);
            if ended.is_some_and(|ended| at < ended.at.saturating_add(LOOKED_AFTER)) {
                return Ok(());
            }
            let mut life = kept.data.clone();
            life.wound_up = true;
            let (act, by) = (Act::WoundUp, By::Platform);
            life.steps.push(Step { at, act, by, revision: None, note: String::new() });
            if self.commit(tenant, Some(&kept), &life, Vec::new(), (ACTOR, &request)).await? {
                return Ok(());
            }
        }
        Err(records::busy())
    }

    /// The same for every ended client that is not wound up. Several processes may look at once.
    pub async fn wind_up_all(&self, tenant: &TenantId) -> Result<(), Problem> {
        for (_, kept) in records::all::<Life>(&*self.services.store, tenant, LIVES).await? {
            if kept.data.state == LifeState::Ended && !kept.data.wound_up {
                self.wind_up(tenant, &kept.data.id).await?;
            }
        }
        Ok(())
    }
}
