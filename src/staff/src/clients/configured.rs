//! Clients of the configuration: the town's own decision, written down at each start.

use tsunagu_domain::{Problem, TenantId};
use tsunagu_identity::{Client, ClientStatus};

use super::{Act, By, ClientLives, Life, LifeState, Origin, Step};
use crate::records::{self, ATTEMPTS};

/// Who does what a start finds in the configuration.
const ACTOR: &str = "platform:configuration";

impl ClientLives {
    /// Registers a client as the configuration says. What members decided stays: one that they suspended is not made active, and an ended one stays
    /// ended. A start that changes nothing writes nothing.
    pub async fn configure(&self, tenant: &TenantId, client: &Client) -> Result<(), Problem> {
        for _ in 0..ATTEMPTS {
            let kept = self.kept(tenant, &client.id).await?;
            let stored = self.clients.stored(tenant, &client.id).await?;
            let mut life = match &kept {
                Some(kept) => kept.data.clone(),
                None => Life::new(client.id.clone(), Origin::Configuration),
            };
            if life.state == LifeState::Ended {
                self.clients.check(client)?;
                tracing::warn!(client = %client.id, "a client of the configuration has ended; take it out");
                return Ok(());
            }
            let suspended = client.status == ClientStatus::Suspended || life.suspension().is_some();
            let (state, status) = if suspended {
                (LifeState::Suspended, ClientStatus::Suspended)
            } else {
                (LifeState::Active, ClientStatus::Active)
            };
            let client = Client { status, ..client.clone() };
            let same = stored.is_some_and(|(_, stored)| stored == client);
            if same && life.state == state && life.origin == Origin::Configuration {
                return Ok(());
            }
            life.state = state;
            life.origin = Origin::Configuration;
            life.application = None;
            let (at, by) = (self.services.clock.micros(), By::Configuration);
            life.steps.push(Step {
                at,
                act: Act::Configured,
                by,
                revision: None,
                note: String::new(),
            });
            let ops = self.registration(tenant, &client).await?;
            let request = self.services.ids.uuid();
            if self.commit(tenant, kept.as_ref(), &life, ops, (ACTOR, &request)).await? {
                return Ok(());
            }
        }
        Err(records::busy())
    }
}
