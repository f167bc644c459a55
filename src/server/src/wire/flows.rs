//! What runs beside requests: connectors, the delivery of coins and of notifications, the end of what was stored for a time.

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tsunagu_audit::AuditLog;
use tsunagu_broker::{Broker, Deliverer as Notifications, Sources};
use tsunagu_connect::Connectors;
use tsunagu_connector_coin_issuer::{Batch, CoinIssuer};
use tsunagu_consent::{Deletions, Patience};
use tsunagu_domain::TenantId;
use tsunagu_identity::{Residents, Services};
use tsunagu_imports::{Imports, Loader};
use tsunagu_outbound::Outbound;
use tsunagu_rewards::{Deliverer, Issuer, Reconciler, Rewards};

use super::adapters::{ClientEvents, Withdrawals};
use super::consents::Keeper;
use super::{Foundation, People};
use crate::config::Config;

/// How often to look without being woken.
const LOOK: Duration = Duration::from_millis(500);

/// How long an order to the coin issuer is its taker's: two calls of at most ten seconds, and some. If the taker is killed, the coins
/// wait that long.
const LEASE: Duration = Duration::from_secs(25);

/// How often expired codes, sessions and replay entries are deleted. They are refused by their time whether deleted or not.
const SWEEP: Duration = Duration::from_hours(1);

/// How often what has ended is taken out of the store. It is absent from its end on, whether taken out or not.
const EXPIRE: Duration = Duration::from_secs(1);

/// Everything that runs by itself.
pub(crate) struct Flows {
    connectors: Arc<Connectors>,
    imports: Arc<Imports>,
    deliverer: Option<Deliverer>,
    reconciler: Option<Reconciler>,
    notifications: Notifications,
    services: Services,
    residents: Arc<Residents>,
    tenant: TenantId,
    ending: Ending,
    tenants: Vec<TenantId>,
    audit: Arc<AuditLog>,
    witness_every: Option<Duration>,
    consents: Keeper,
}

/// What has things that end by themselves.
pub(crate) struct Ending {
    pub(crate) broker: Arc<Broker>,
    pub(crate) sources: Arc<Sources>,
}

/// What is carried between the platform and others.
pub(crate) struct Carried {
    pub(crate) notifications: Notifications,
    pub(crate) connectors: Arc<Connectors>,
    pub(crate) imports: Arc<Imports>,
    pub(crate) rewards: Arc<Rewards>,
}

impl Flows {
    /// From configuration and rooms. Nothing runs yet.
    pub(crate) fn wire(
        config: &Config,
        base: &Foundation,
        outbound: &Arc<Outbound>,
        ending: Ending,
        people: &People,
        carried: Carried,
    ) -> anyhow::Result<Self> {
        let Carried { notifications, connectors, imports, rewards } = carried;
        let (mut deliverer, mut reconciler) = (None, None);
        if let Some(issuer) = issuer(config, base, outbound)? {
            reconciler = Some(Reconciler::new(
                rewards,
                Arc::clone(&issuer),
                Arc::clone(&base.clock),
                vec![base.tenant.clone()],
            ));
            let pace = tsunagu_rewards::Pace {
                idle: LOOK,
                lease: LEASE,
                ..tsunagu_rewards::Pace::default()
            };
            let orders = Deliverer::new(
                Arc::clone(&base.store),
                issuer,
                Arc::clone(&base.clock),
                Arc::clone(&base.ids),
                vec![base.tenant.clone()],
                pace,
            );
            let consents = Withdrawals { ledger: Arc::clone(&people.ledger) };
            deliverer = Some(orders.asking(Arc::new(consents)));
        }
        let (services, tenant) = (people.services.clone(), base.tenant.clone());
        let residents = Arc::clone(&people.residents);
        let tenants = base.tenants.clone();
        let consents = Keeper {
            ledger: Arc::clone(&people.ledger),
            broker: Arc::clone(&ending.broker),
            deletions: Deletions::new(
                Arc::clone(&people.ledger),
                Arc::new(ClientEvents {
                    clients: Arc::clone(&people.clients),
                    outbound: Arc::clone(outbound),
                }),
                Patience::default(),
            ),
            staff: Arc::clone(&people.staff),
            tenant: base.tenant.clone(),
        };
        Ok(Self {
            connectors,
            imports,
            deliverer,
            reconciler,
            notifications,
            services,
            residents,
            tenant,
            ending,
            tenants,
            audit: Arc::clone(&base.audit),
            witness_every: config
                .witnesses
                .as_ref()
                .map(|settings| Duration::from_secs(settings.every_seconds.max(1).into())),
            consents,
        })
    }

    /// Starts everything; it stops when `shutdown` says so. A connector that cannot be built is an error, and then nothing has started.
    pub(crate) async fn start(
        self,
        tracker: &TaskTracker,
        shutdown: &CancellationToken,
    ) -> anyhow::Result<()> {
        self.connectors.reload().await?;
        tracker.spawn(connect(self.connectors, shutdown.clone()));
        if self.imports.layouts().next().is_some() {
            tracker.spawn(Loader::new(self.imports).run(LOOK, shutdown.clone()));
        }
        if let Some(deliverer) = self.deliverer {
            tracker.spawn(deliverer.run(shutdown.clone()));
        }
        if let Some(reconciler) = self.reconciler {
            tracker.spawn(reconciler.run(shutdown.clone()));
        }
        tracker.spawn(self.notifications.run(shutdown.clone()));
        tracker.spawn(self.consents.run(shutdown.clone()));
        let (services, residents) = (self.services, self.residents);
        tracker.spawn(sweep(services, residents, self.tenant, shutdown.clone()));
        if let Some(every) = self.witness_every {
            let (audit, tenants) = (self.audit, self.tenants.clone());
            tracker.spawn(publish(audit, tenants, every, shutdown.clone()));
        }
        tracker.spawn(expire(self.ending, self.tenants, shutdown.clone()));
        Ok(())
    }
}

/// The coin issuer, by its API or by files.
fn issuer(
    config: &Config,
    base: &Foundation,
    outbound: &Arc<Outbound>,
) -> anyhow::Result<Option<Arc<dyn Issuer>>> {
    if let Some(settings) = &config.coin_issuer {
        let issuer = CoinIssuer::new(settings.clone(), Arc::clone(outbound) as _)?;
        return Ok(Some(Arc::new(issuer)));
    }
    let Some(settings) = &config.coin_issuer_files else { return Ok(None) };
    Ok(Some(Arc::new(Batch::open(settings.clone(), Arc::clone(&base.clock))?)))
}

/// Reads the connectors anew when the process is told to (SIGHUP); what cannot be read or built changes nothing.
async fn connect(connectors: Arc<Connectors>, shutdown: CancellationToken) {
    let mut hang_up = signal(SignalKind::hangup()).ok();
    loop {
        let told = async {
            match &mut hang_up {
                Some(signal) => signal.recv().await.is_some(),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = shutdown.cancelled() => return connectors.stop().await,
            _ = told => match connectors.reload().await {
                Ok(applied) => tracing::info!(?applied, "connectors were read anew"),
                Err(error) => tracing::error!(%error, "connectors were not read anew"),
            },
        }
    }
}

async fn sweep(
    services: Services,
    residents: Arc<Residents>,
    tenant: TenantId,
    shutdown: CancellationToken,
) {
    let mut tick = tokio::time::interval(SWEEP);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = tick.tick() => {}
        }
        match tsunagu_identity::sweep(&services, &tenant).await {
            Ok(swept) => tracing::debug!(swept, "expired records were deleted"),
            Err(problem) => tracing::warn!(%problem, "expired records could not be deleted"),
        }
        match tsunagu_staff::sweep(&services, &tenant).await {
            Ok(swept) => tracing::debug!(swept, "sessions of staff were deleted"),
            Err(problem) => tracing::warn!(%problem, "sessions of staff could not be deleted"),
        }
        match residents.lapse(&tenant).await {
            Ok(lapsed) => tracing::debug!(lapsed, "residents have to prove again where they live"),
            Err(problem) => tracing::warn!(%problem, "proofs of residency could not be looked at"),
        }
    }
}

async fn publish(
    audit: Arc<AuditLog>,
    tenants: Vec<TenantId>,
    every: Duration,
    shutdown: CancellationToken,
) {
    let mut tick = tokio::time::interval(every);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = tick.tick() => {}
        }
        if let Err(error) = audit.publish(&tenants).await {
            tracing::warn!(%error, "the log of accesses could not be published");
        }
    }
}

async fn expire(ending: Ending, tenants: Vec<TenantId>, shutdown: CancellationToken) {
    let mut tick = tokio::time::interval(EXPIRE);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = tick.tick() => {}
        }
        for tenant in &tenants {
            for ended in [ending.broker.expire(tenant).await, ending.sources.expire(tenant).await] {
                match ended {
                    Ok(0) => {}
                    Ok(ended) => {
                        tracing::debug!(ended, "what has ended was taken out of the store");
                    }
                    Err(problem) => {
                        tracing::warn!(%problem, "what has ended could not be taken out of the store");
                    }
                }
            }
        }
    }
}
