//! What time and the catalogue bring about in the ledger of consents, and the orders to delete that go to clients, beside requests.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tsunagu_broker::Broker;
use tsunagu_consent::{Deletions, Delivered, Due, Ledger};
use tsunagu_domain::{Problem, TenantId};
use tsunagu_staff::Office;

/// How often to look. What is over is out of force by its time, whether the event of it is written or not.
const LOOK: Duration = Duration::from_secs(10);

/// How often to look for deletion orders that are due.
const DELIVER: Duration = Duration::from_millis(500);

/// The ledger and what counts reads under it.
pub(super) struct Keeper {
    pub(super) ledger: Arc<Ledger>,
    pub(super) broker: Arc<Broker>,
    pub(super) deletions: Deletions,
    pub(super) staff: Arc<Office>,
    pub(super) tenant: TenantId,
}

impl Keeper {
    /// Holds consents against the catalogue once, then writes what is due, until told to stop.
    pub(super) async fn run(self, shutdown: CancellationToken) {
        let every = |period| {
            let mut tick = tokio::time::interval(period);
            tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
            tick
        };
        let (mut tick, mut deliver) = (every(LOOK), every(DELIVER));
        let mut reviewed = false;
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                _ = deliver.tick() => {
                    self.deliver().await;
                    continue;
                }
                _ = tick.tick() => {}
            }
            if !reviewed {
                reviewed = self.review().await;
            }
            if let Err(problem) = self.look().await {
                tracing::warn!(%problem, "what is due to consents could not be done");
            }
        }
    }

    async fn review(&self) -> bool {
        match self.ledger.review(&self.tenant).await {
            Ok(0) => {}
            Ok(raised) => tracing::info!(raised, "residents are asked about a wider catalogue"),
            Err(problem) => {
                tracing::warn!(%problem, "consents could not be held against the catalogue");
                return false;
            }
        }
        true
    }

    async fn deliver(&self) {
        match self.deletions.run_once(&self.tenant).await {
            Ok(delivered) if delivered == Delivered::default() => {}
            Ok(Delivered { taken, done, deferred }) => {
                tracing::info!(taken, done, deferred, "deletion orders");
            }
            Err(problem) => tracing::warn!(%problem, "deletion orders could not be read or booked"),
        }
    }

    async fn look(&self) -> Result<(), Problem> {
        self.staff.clients.wind_up_all(&self.tenant).await?;
        let due = self.ledger.run_due(&self.tenant).await?;
        if due != Due::default() {
            tracing::info!(due.warned, due.ended, "consents end");
        }
        self.broker.forget_reads(&self.tenant).await.map(drop)
    }
}
