//! Subscriptions: who may see what of a change, decided from what lives at that moment.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tsunagu_broker::{
    Broker, Deliverer, Notifier, Owner, Owners, Pace, SubscriptionParts, Subscriptions,
};
use tsunagu_consent::Ledger;
use tsunagu_domain::{Catalogue, Clock, Problem, TenantId};
use tsunagu_identity::Clients;
use tsunagu_policy::{Asked, Policies, Principal, View};

use super::{Foundation, People};
use crate::config::Config;

/// How long a queue of notifications is its taker's. If the taker is killed, it waits that long.
const LEASE: Duration = Duration::from_secs(25);

/// The register of clients and the ledger of consents, as subscriptions see them.
struct LiveOwners {
    clients: Arc<Clients>,
    ledger: Arc<Ledger>,
    catalogue: Arc<Catalogue>,
    policies: Policies,
    clock: Arc<dyn Clock>,
}

#[async_trait]
impl Owners for LiveOwners {
    async fn view(&self, tenant: &TenantId, owner: &Owner) -> Result<Option<View>, Problem> {
        let Some(client) = self.clients.policy(&owner.tenant, &owner.client).await? else {
            return Ok(None);
        };
        let now = self.clock.micros();
        let asked = |principal| Asked { tenant, catalogue: &self.catalogue, now, principal };
        let Some(subject) = owner.subject else {
            if *tenant != owner.tenant {
                let registered = self.clients.get(&owner.tenant, &owner.client).await?;
                if !registered.is_some_and(|client| client.tenants.contains(tenant)) {
                    return Ok(None);
                }
            }
            return Ok(self.policies.decide(&asked(Principal::Machine { client: &client })).ok());
        };
        let grant = match &owner.grant {
            Some(id) => self.ledger.live_grant(&owner.tenant, id, now).await?,
            None => None,
        };
        let principal = Principal::Consumer {
            client: &client,
            subject,
            grant: grant.as_ref(),
            purpose: None,
            assurance: &owner.assurance,
        };
        Ok(self.policies.decide(&asked(principal)).ok())
    }
}

/// The subscriptions of all tenants.
pub(super) fn wire(base: &Foundation, people: &People) -> Arc<Subscriptions> {
    let owners = LiveOwners {
        clients: Arc::clone(&people.clients),
        ledger: Arc::clone(&people.ledger),
        catalogue: Arc::clone(&base.catalogue),
        policies: base.policies.clone(),
        clock: Arc::clone(&base.clock),
    };
    Arc::new(Subscriptions::new(SubscriptionParts {
        store: Arc::clone(&base.store),
        catalogue: Arc::clone(&base.catalogue),
        clock: Arc::clone(&base.clock),
        ids: Arc::clone(&base.ids),
        owners: Arc::new(owners),
    }))
}

/// What takes notifications to their receivers.
pub(super) fn deliverer(
    config: &Config,
    base: &Foundation,
    subscriptions: &Arc<Subscriptions>,
    broker: &Arc<Broker>,
    receivers: Arc<dyn Notifier>,
) -> Deliverer {
    Deliverer::new(
        Arc::clone(subscriptions),
        Arc::clone(broker),
        receivers,
        base.tenants.clone(),
        Pace { lease: if config.is_shared() { LEASE } else { Duration::ZERO }, ..Pace::default() },
    )
}
