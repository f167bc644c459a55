//! What everything else stands on: storage, the access log, time, randomness, secrets, the catalogue.

use std::fmt;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use tsunagu_audit::{AskedWitness, AuditLog, Signer, Witnesses};
use tsunagu_domain::{Catalogue, Clock, IdGen, SystemClock, SystemIds, TenantId};
use tsunagu_identity::Services;
use tsunagu_ngsi_ld::Context;
use tsunagu_outbound::{Outbound, Policy};
use tsunagu_policy::Policies;
use tsunagu_store::Store;
use tsunagu_store::index::Declared;
use tsunagu_store_embedded::EmbeddedStore;
use tsunagu_store_postgres::PostgresStore;

use super::adapters::WitnessHttp;
use crate::config::{Config, Durability, WitnessSettings};
use crate::keys::Keys;

const CATALOGUE: &[u8] = include_bytes!("../../../../schemas/catalogue.json");

/// The ground floor.
pub(crate) struct Foundation {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdGen>,
    pub(crate) keys: Keys,
    pub(crate) audit: Arc<AuditLog>,
    pub(crate) catalogue: Arc<Catalogue>,
    pub(crate) policies: Policies,
    /// The town's own.
    pub(crate) tenant: TenantId,
    /// All that are served here, the town's own first.
    pub(crate) tenants: Vec<TenantId>,
}

impl fmt::Debug for Foundation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Foundation").field("tenant", &self.tenant).finish_non_exhaustive()
    }
}

impl Foundation {
    /// What the room of identity works with.
    pub(crate) fn services(&self) -> Services {
        Services {
            store: Arc::clone(&self.store),
            clock: Arc::clone(&self.clock),
            ids: Arc::clone(&self.ids),
            log: Arc::clone(&self.audit) as _,
            catalogue: Arc::clone(&self.catalogue),
        }
    }

    /// Opens the store and checks that the access log continues what was signed before.
    pub(crate) async fn open(config: &Config) -> anyhow::Result<Self> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let ids: Arc<dyn IdGen> = Arc::new(SystemIds);
        let keys = Keys::open(&config.keys, Arc::clone(&ids))?;
        let store = store(config).await?;
        let signer = Signer::from_seed(&keys.secret("audit")?)?;
        let mut audit =
            AuditLog::new(Arc::clone(&store), Arc::clone(&clock), Arc::clone(&ids), signer);
        if let Some(settings) = &config.witnesses {
            audit = audit.witnessed(witnesses(config, settings)?);
        }
        let tenant = config.town.tenant.clone();
        let tenants: Vec<TenantId> =
            std::iter::once(&tenant).chain(&config.broker.tenants).cloned().collect();
        for tenant in &tenants {
            audit.check(tenant).await.with_context(|| {
                format!("the log of accesses of {tenant} does not continue what was signed before; do not serve, restore it from a backup")
            })?;
        }
        audit.resume(&tenants).await?;
        let (catalogue, policies) = (Arc::new(catalogue(config)?), policies(config)?);
        let audit = Arc::new(audit);
        Ok(Self { store, clock, ids, keys, audit, catalogue, policies, tenant, tenants })
    }
}

async fn store(config: &Config) -> anyhow::Result<Arc<dyn Store>> {
    let declared = config.broker.indexed_attributes.iter();
    let declared =
        Declared(declared.map(|term| Context::core().expand(term).into_owned()).collect());
    if config.is_shared() {
        let options = tsunagu_store_postgres::Options {
            declared,
            schema: config.store_schema.clone(),
            ..tsunagu_store_postgres::Options::default()
        };
        return Ok(PostgresStore::connect(&config.store, &options).await?);
    }
    let durability = match config.durability {
        Durability::Synced => tsunagu_store_embedded::Durability::Synced,
        Durability::Relaxed => {
            tracing::warn!(
                "durability is relaxed: acknowledged writes of the last moment can be lost with the power"
            );
            tsunagu_store_embedded::Durability::Relaxed
        }
    };
    let options = tsunagu_store_embedded::Options {
        declared,
        durability,
        cache_bytes: config.broker.cache_bytes,
        ..tsunagu_store_embedded::Options::default()
    };
    Ok(EmbeddedStore::open(&config.store, &options)?)
}

/// Who is asked to cosign the log.
pub(super) fn witnesses(config: &Config, settings: &WitnessSettings) -> anyhow::Result<Witnesses> {
    if settings.needed > settings.asked.len() {
        bail!(
            "{} witnesses are needed, but only {} are named",
            settings.needed,
            settings.asked.len()
        );
    }
    let outbound = outbound(config)?;
    let mut asked = Vec::new();
    for witness in &settings.asked {
        let key = witness
            .key
            .parse()
            .with_context(|| format!("the key of the witness {} is not right", witness.url))?;
        let mut url = witness.url.clone();
        let prefix = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{prefix}/add-checkpoint"));
        let calls = Arc::new(WitnessHttp { outbound: Arc::clone(&outbound), url });
        asked.push(AskedWitness { key, calls });
    }
    Ok(Witnesses::new(asked, settings.needed, settings.limit_seconds))
}

/// The catalogue, checked.
pub(super) fn catalogue(config: &Config) -> anyhow::Result<Catalogue> {
    let core = Context::core();
    let expand = |term: &str| core.expand(term).into_owned();
    match &config.catalogue {
        None => Ok(Catalogue::read(CATALOGUE, expand)?),
        Some(file) => {
            let json = std::fs::read(file)
                .with_context(|| format!("the catalogue {} cannot be read", file.display()))?;
            Ok(Catalogue::read(&json, expand)?)
        }
    }
}

/// The policies, checked.
pub(super) fn policies(config: &Config) -> anyhow::Result<Policies> {
    let Some(file) = &config.forbids else {
        return Ok(Policies::built_in()?.clone());
    };
    let cedar = std::fs::read_to_string(file)
        .with_context(|| format!("the policies {} cannot be read", file.display()))?;
    Policies::with_forbids(&cedar)
        .with_context(|| format!("the policies {} are not right", file.display()))
}

/// The one way to the outside.
pub(super) fn outbound(config: &Config) -> anyhow::Result<Arc<Outbound>> {
    let mut policy = Policy::default();
    for target in &config.outbound.allow_private {
        policy.allow_private.push(target.parse()?);
    }
    // Private targets are named one by one and may speak plain HTTP; anything public must be https.
    if !policy.allow_private.is_empty() {
        policy.schemes.push("http".to_owned());
    }
    Ok(Arc::new(Outbound::new(policy)))
}
