//! Residents, clients, logins, consents, tokens.

use std::sync::Arc;

use anyhow::Context as _;
use tsunagu_consent::{Ledger, Party, Platform, ReceiptSigner};
use tsunagu_domain::SectorKeys;
use tsunagu_identity::{
    AuthorizationServer, Clients, DigestKey, LoginProvider, Logins, Mtls, OpenIdProvider, Proofs,
    ProviderPolicy, Residents, Services, Sessions, SigningKeys, StaffLogins,
};
use tsunagu_outbound::Outbound;
use tsunagu_staff::Office;

use super::Foundation;
use super::adapters::{ConsentGrants, LedgerShares};
use crate::config::{Config, without_slash};

/// Everyone who acts, and what they agreed to.
pub(crate) struct People {
    pub(crate) services: Services,
    pub(crate) sectors: Arc<SectorKeys>,
    pub(crate) digests: DigestKey,
    pub(crate) clients: Arc<Clients>,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) logins: Logins,
    pub(crate) residents: Arc<Residents>,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) authorization: Arc<AuthorizationServer>,
    pub(crate) staff: Arc<Office>,
    pub(crate) staff_logins: StaffLogins,
}

impl People {
    /// From configuration and foundation. Configured members and clients are written to the store.
    pub(crate) async fn wire(
        config: &Config,
        base: &Foundation,
        outbound: &Arc<Outbound>,
    ) -> anyhow::Result<Self> {
        let sectors = Arc::new(SectorKeys::new(&base.keys.secret("pairwise")?));
        let digests = DigestKey::new(&base.keys.secret("digests")?);
        let services = base.services();
        let clients = Clients::new(services.clone(), Arc::clone(&sectors), Arc::clone(outbound));
        let clients = Arc::new(clients);
        let sessions = Arc::new(Sessions::new(services.clone()));
        let residents =
            Residents::new(services.clone(), config.town.municipality.clone(), digests.clone());
        let logins = Logins::new(
            services.clone(),
            Arc::clone(&residents),
            (*sessions).clone(),
            providers(config, base, outbound)?,
            config.base_url.clone(),
        );
        let ledger = Arc::new(ledger(config, base)?);
        let staff = Office::new(&services, Arc::clone(&clients), Arc::clone(&ledger));
        let members = staff.members.configure(&base.tenant, &config.staff.members);
        members.await.context("the members of staff are not right")?;
        let staff_logins = StaffLogins::new(
            services.clone(),
            staff_providers(config, base, outbound)?,
            &config.base_url,
        );
        for client in &config.clients {
            let configured = staff.clients.configure(&base.tenant, client).await;
            configured.with_context(|| format!("the client {} is not right", client.id))?;
        }
        let grants = ConsentGrants { ledger: Arc::clone(&ledger), clock: Arc::clone(&base.clock) };
        let authorization = AuthorizationServer::new(tsunagu_identity::Parts {
            keys: SigningKeys::load(&services, &base.tenant).await?,
            services: services.clone(),
            tenant: base.tenant.clone(),
            issuer: config.issuer(),
            clients: Arc::clone(&clients),
            proofs: proofs(config, base)?,
            grants: Arc::new(grants),
            mtls: config
                .mtls
                .as_ref()
                .map(|mtls| Mtls { base_url: mtls.base_url.as_ref().map(without_slash) }),
        })?;
        let shares = LedgerShares { ledger: Arc::clone(&ledger) };
        let authorization = Arc::new(authorization.with_share_codes(Arc::new(shares)));
        Ok(Self {
            services,
            sectors,
            digests,
            clients,
            sessions,
            logins,
            residents,
            ledger,
            authorization,
            staff: Arc::new(staff),
            staff_logins,
        })
    }
}

/// The office alone, for the command line.
pub(crate) fn office(config: &Config, base: &Foundation) -> anyhow::Result<Office> {
    let sectors = Arc::new(SectorKeys::new(&base.keys.secret("pairwise")?));
    let services = base.services();
    let outbound = super::foundation::outbound(config)?;
    let clients = Arc::new(Clients::new(services.clone(), sectors, outbound));
    Ok(Office::new(&services, clients, Arc::new(ledger(config, base)?)))
}

/// The embedded store belongs to one process, PostgreSQL to as many as there are replicas (ADR 0011).
fn proofs(config: &Config, base: &Foundation) -> anyhow::Result<Proofs> {
    if config.is_shared() {
        let secret = base.keys.secret("dpop-nonces")?;
        Ok(Proofs::of_replicas(&secret, Arc::clone(&base.store)))
    } else {
        Ok(Proofs::of_one_process(&*base.ids))
    }
}

fn providers(
    config: &Config,
    base: &Foundation,
    outbound: &Arc<Outbound>,
) -> anyhow::Result<Vec<Arc<dyn LoginProvider>>> {
    let provider = |(name, policy): (&String, &ProviderPolicy)| {
        let provider = OpenIdProvider::new(
            name.clone(),
            policy.clone(),
            Arc::clone(outbound),
            Arc::clone(&base.clock),
            Arc::clone(&base.ids),
        );
        let provider = provider.with_context(|| format!("the login {name} is not right"))?;
        Ok(Arc::new(provider) as Arc<dyn LoginProvider>)
    };
    config.login.iter().map(provider).collect()
}

/// Of staff nothing is asked but which account it is.
fn staff_providers(
    config: &Config,
    base: &Foundation,
    outbound: &Arc<Outbound>,
) -> anyhow::Result<Vec<Arc<dyn LoginProvider>>> {
    let provider = |(name, policy): (&String, &ProviderPolicy)| {
        let provider = OpenIdProvider::of_accounts(
            name.clone(),
            policy.clone(),
            Arc::clone(outbound),
            Arc::clone(&base.clock),
            Arc::clone(&base.ids),
        );
        let provider =
            provider.with_context(|| format!("the login {name} of staff is not right"))?;
        Ok(Arc::new(provider) as Arc<dyn LoginProvider>)
    };
    config.staff.login.iter().map(provider).collect()
}

fn ledger(config: &Config, base: &Foundation) -> anyhow::Result<Ledger> {
    let issuer = config.issuer();
    let platform = Platform {
        withdrawal: format!("{issuer}/consents"),
        controller: Party {
            party_id: issuer.clone(),
            party_name: config.town.name.clone(),
            party_type: "controller".to_owned(),
            party_address: None,
            party_contact: Some(config.town.help_desk.phone.clone()),
        },
        issuer,
        storage_location: "JP".to_owned(),
        jurisdiction: "JP".to_owned(),
    };
    let signer = ReceiptSigner::from_pkcs8("receipts-1", &base.keys.p256("receipts")?)?;
    Ok(Ledger::new(
        Arc::clone(&base.store),
        Arc::clone(&base.clock),
        Arc::clone(&base.ids),
        Arc::clone(&base.audit) as _,
        Arc::clone(&base.catalogue),
        platform,
        signer,
    ))
}
