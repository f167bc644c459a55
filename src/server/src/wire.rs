//! The one place that names adapters: from a configuration to a running set of rooms. No logic.

mod adapters;
mod connectors;
mod consents;
mod flows;
mod foundation;
mod people;
mod subscriptions;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use actix_web::web::Data;
use anyhow::{Context as _, bail};
use ipnet::IpNet;
use secrecy::ExposeSecret as _;
use tsunagu_api::{Gateway, Limits, Proxies, Rates, RequestIds};
use tsunagu_broker::{Broker, Contexts, DocumentLoader, Hosting, NoLoader, Sources};
use tsunagu_identity::{COIN_ISSUER_SECTOR, Client, MatchKeys, Moves, in_good_standing};
use tsunagu_imports::Imports;
use tsunagu_outbound::Outbound;
use tsunagu_rewards::{Rewards, Rules};
use tsunagu_shared_state::{LocalLimits, Quotas, RateLimits, RedisLimits};
use tsunagu_staff::{Cases, Members};
use tsunagu_store::Consequence;
use tsunagu_web::{HelpDesk, Site, SiteConfig, SiteParts};

use crate::config::Config;
use adapters::{FetchDocuments, Receivers, StoredActivities};
pub(crate) use connectors::{host, ready};
use flows::{Carried, Ending, Flows};
pub(crate) use foundation::Foundation;
use people::People;
pub(crate) use people::office;

/// A gateway, ready to serve.
pub(crate) struct App {
    /// Storage, access log, time.
    pub(crate) base: Foundation,
    /// What the JSON API works with.
    pub(crate) gateway: Data<Gateway>,
    /// What the pages work with.
    pub(crate) site: Data<Site>,
    /// What runs beside requests.
    pub(crate) flows: Flows,
}

/// Puts everything together. Nothing runs yet.
pub(crate) async fn assemble(config: &Config) -> anyhow::Result<App> {
    let base = Foundation::open(config).await?;
    let outbound = foundation::outbound(config)?;
    let people = People::wire(config, &base, &outbound).await?;

    let rewards = rewards(config, &base, &people)?;
    let subscriptions = subscriptions::wire(&base, &people);
    let consequences: Vec<Arc<dyn Consequence>> = vec![
        Arc::new(MatchKeys::new(people.digests.clone(), config.town.municipality.clone())),
        Arc::new(Moves),
        Arc::clone(&rewards) as _,
        Arc::clone(&subscriptions) as _,
    ];
    let broker = Broker::new(tsunagu_broker::Parts {
        store: Arc::clone(&base.store),
        access: Arc::clone(&base.audit) as _,
        consequences,
        catalogue: Arc::clone(&base.catalogue),
        contexts: contexts(config, &outbound)?.hosting(Hosting {
            store: Arc::clone(&base.store),
            ids: Arc::clone(&base.ids),
            clock: Arc::clone(&base.clock),
            base: format!("{}{}", config.issuer(), tsunagu_api::CONTEXTS),
        }),
        clock: Arc::clone(&base.clock),
    });
    let broker = Arc::new(broker.keeping(config.broker.cache_bytes));
    for tenant in &base.tenants {
        broker.prepare(tenant).await?;
    }
    let platform = connectors::platform(&base, &people, &broker, &subscriptions);
    let connectors = connectors::wire(config, &base, &outbound, Arc::clone(&platform) as _);
    let connectors = Arc::new(connectors);
    let layouts = connectors::governed(config)?;
    let services = people.services.clone();
    let imports = Imports::new(services, base.tenant.clone(), platform, layouts);
    let imports = Arc::new(imports.taking(config.imports.max_file_bytes));
    let receivers =
        Receivers { connectors: Arc::clone(&connectors), outbound: Arc::clone(&outbound) };
    let notifications =
        subscriptions::deliverer(config, &base, &subscriptions, &broker, Arc::new(receivers));
    let sources = Arc::new(Sources::new(
        Arc::clone(&base.store),
        Arc::clone(&base.ids),
        Arc::clone(&base.clock),
        Arc::clone(&subscriptions),
    ));
    let ending = Ending { broker: Arc::clone(&broker), sources: Arc::clone(&sources) };
    let carried = Carried {
        notifications,
        connectors: Arc::clone(&connectors),
        imports: Arc::clone(&imports),
        rewards: Arc::clone(&rewards),
    };
    let flows = Flows::wire(config, &base, &outbound, ending, &people, carried)?;

    let cases = Arc::new(Cases::new(
        people.services.clone(),
        Arc::clone(&base.audit),
        Arc::clone(&broker),
        Arc::clone(&people.residents),
        base.policies.clone(),
    ));

    let gateway = Data::new(Gateway {
        broker: Arc::clone(&broker),
        sources,
        subscriptions,
        authorization: Arc::clone(&people.authorization),
        clients: Arc::clone(&people.clients),
        sessions: Arc::clone(&people.sessions),
        residents: Arc::clone(&people.residents),
        ledger: Arc::clone(&people.ledger),
        staff: Arc::clone(&people.staff),
        cases: Arc::clone(&cases),
        audit: Arc::clone(&base.audit),
        rewards: Arc::clone(&rewards),
        connectors,
        imports: Arc::clone(&imports),
        store: Arc::clone(&base.store),
        catalogue: Arc::clone(&base.catalogue),
        policies: base.policies.clone(),
        clock: Arc::clone(&base.clock),
        tenants: base.tenants.clone(),
        base_url: config.issuer(),
        open_data_for_all: config.broker.open_data_for_all,
        limits: Limits {
            max_body_bytes: config.broker.max_body_bytes,
            max_instances: config.broker.max_instances,
            ..Limits::default()
        },
        proxies: proxies(config)?,
        rates: rates(config, &base)?,
        request_ids: RequestIds::new(&*base.ids),
        started: base.clock.micros(),
    });
    let site = Data::new(site(config, &base, people, cases, rewards, broker, imports)?);
    Ok(App { base, gateway, site, flows })
}

fn rewards(config: &Config, base: &Foundation, people: &People) -> anyhow::Result<Arc<Rewards>> {
    let rewards = Rewards::new(
        Arc::clone(&base.store),
        Arc::clone(&base.clock),
        rules(config)?,
        people.sectors.sector(COIN_ISSUER_SECTOR)?,
    );
    let activities = StoredActivities {
        store: Arc::clone(&base.store),
        catalogue: Arc::clone(&base.catalogue),
        policies: base.policies.clone(),
        clock: Arc::clone(&base.clock),
    };
    Ok(Arc::new(rewards.only_for(in_good_standing).over(Arc::new(activities))))
}

fn site(
    config: &Config,
    base: &Foundation,
    people: People,
    cases: Arc<Cases>,
    rewards: Arc<Rewards>,
    broker: Arc<Broker>,
    imports: Arc<Imports>,
) -> anyhow::Result<Site> {
    let help_desk = HelpDesk {
        phone: config.town.help_desk.phone.clone(),
        hours: config.town.help_desk.hours.clone(),
    };
    Ok(Site::new(SiteParts {
        config: SiteConfig {
            town: config.town.name.clone(),
            help_desk,
            base_url: config.issuer(),
            request_id: tsunagu_api::request_id::of,
        },
        tenant: base.tenant.clone(),
        clock: Arc::clone(&base.clock),
        catalogue: Arc::clone(&base.catalogue),
        policies: base.policies.clone(),
        logins: people.logins,
        staff_logins: people.staff_logins,
        staff: people.staff,
        cases,
        imports,
        residents: people.residents,
        sessions: (*people.sessions).clone(),
        clients: people.clients,
        authorization: people.authorization,
        ledger: people.ledger,
        audit: Arc::clone(&base.audit),
        rewards,
        broker,
    })?)
}

/// Reads everything that the configuration names.
pub(crate) fn check(config: &Config) -> anyhow::Result<()> {
    foundation::catalogue(config)?;
    foundation::policies(config)?;
    let outbound = foundation::outbound(config)?;
    rules(config)?;
    contexts(config, &outbound)?;
    if let Some(settings) = &config.witnesses {
        foundation::witnesses(config, settings)?;
    }
    proxies(config)?;
    ready(config)?;
    Members::check(&config.staff.members).context("the members of staff are not right")?;
    for client in &config.clients {
        client.check().with_context(|| format!("the client {} is not right", client.id))?;
    }
    Ok(())
}

/// The limits, when there are any.
fn rates(config: &Config, base: &Foundation) -> anyhow::Result<Option<Rates>> {
    if config.rates == Quotas::default() {
        return Ok(None);
    }
    let clock = Arc::clone(&base.clock);
    let limits: Arc<dyn RateLimits> = match &config.redis {
        Some(url) => {
            Arc::new(RedisLimits::new(url.expose_secret(), &config.issuer(), &config.rates, clock)?)
        }
        None => Arc::new(LocalLimits::new(&config.rates, clock)),
    };
    Ok(Some(Rates { limits }))
}

fn proxies(config: &Config) -> anyhow::Result<Proxies> {
    let read = |text: &String| match text.parse() {
        Ok(net) => Ok(net),
        Err(_) => text.parse::<IpAddr>().map(IpNet::from),
    };
    let proxies = config.proxies.iter().map(|text| {
        read(text).with_context(|| {
            format!("the proxy {text} is no address and no block such as 10.0.0.0/8")
        })
    });
    let addresses: Vec<IpNet> = proxies.collect::<anyhow::Result<_>>()?;
    if config.mtls.is_some() && addresses.is_empty() {
        bail!(
            "[mtls] needs proxies: TLS ends there, and only their word on certificates is believed"
        );
    }
    let bound = |client: &&Client| client.tls_client_certificate_bound_access_tokens;
    if let Some(client) = config.clients.iter().find(bound).filter(|_| config.mtls.is_none()) {
        bail!("tokens of the client {} are bound to certificates, which needs [mtls]", client.id);
    }
    Ok(Proxies { addresses, certificates: config.mtls.is_some() })
}

fn rules(config: &Config) -> anyhow::Result<Rules> {
    let Some(file) = &config.rewards else {
        return Ok(Rules::new(Vec::new())?);
    };
    let json = std::fs::read(file)
        .with_context(|| format!("the reward rules {} cannot be read", file.display()))?;
    Rules::read(&json).with_context(|| format!("the reward rules {} are not right", file.display()))
}

fn contexts(config: &Config, outbound: &Arc<Outbound>) -> anyhow::Result<Contexts> {
    let mut pinned = HashMap::new();
    for context in &config.contexts.pinned {
        let text = std::fs::read_to_string(&context.file)
            .with_context(|| format!("the @context {} cannot be read", context.file.display()))?;
        pinned.insert(context.url.clone(), text);
    }
    let loader: Arc<dyn DocumentLoader> = if config.contexts.fetch {
        Arc::new(FetchDocuments { outbound: Arc::clone(outbound) })
    } else {
        Arc::new(NoLoader)
    };
    Ok(Contexts::new(pinned, loader))
}
