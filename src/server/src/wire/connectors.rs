//! Connectors: every kind there is, and what they stand on.

use std::sync::Arc;

use tsunagu_broker::{Broker, Subscriptions};
use tsunagu_connect::{
    Connectors, Foundations, Ground, Host, Kind, Plan, Platform, Ready, Schedule,
};
use tsunagu_connector_csv_drop::{Config as Layout, Publish};
use tsunagu_domain::{SystemClock, SystemIds};
use tsunagu_outbound::Outbound;

use super::adapters::ConnectorPlatform;
use super::{Foundation, People, foundation};
use crate::config::{self, Config};

/// Every kind of connector: a new one is one line here.
fn kinds() -> Vec<Box<dyn Kind>> {
    vec![
        Box::new(tsunagu_connector_http_poll::HttpPoll),
        Box::new(tsunagu_connector_webhook_in::WebhookIn),
        Box::new(tsunagu_connector_mqtt::Mqtt),
        Box::new(tsunagu_connector_ngsi_ld::NgsiLd),
        Box::new(tsunagu_connector_open_mhealth::OpenMhealth),
        Box::new(tsunagu_connector_fhir::Fhir),
    ]
}

/// What is named in the configuration apart from the list of connectors.
fn fixed(config: &Config) -> Vec<Ready> {
    let every = Schedule::EverySeconds(1);
    let watched = config.csv_drop.iter().filter(|one| one.publish != Publish::SecondPerson);
    let plan = |layout: &Layout| Arc::new(layout.clone()) as Arc<dyn Plan>;
    watched.map(|layout| Ready::fixed(plan(layout), every.clone())).collect()
}

/// The broker and the register of clients, as connectors and imports see them.
pub(super) fn platform(
    base: &Foundation,
    people: &People,
    broker: &Arc<Broker>,
    subscriptions: &Arc<Subscriptions>,
) -> Arc<ConnectorPlatform> {
    Arc::new(ConnectorPlatform {
        broker: Arc::clone(broker),
        subscriptions: Arc::clone(subscriptions),
        clients: Arc::clone(&people.clients),
        catalogue: Arc::clone(&base.catalogue),
        policies: base.policies.clone(),
        clock: Arc::clone(&base.clock),
        ids: Arc::clone(&base.ids),
        tenant: base.tenant.clone(),
        store: Arc::clone(&base.store),
    })
}

/// Layouts whose files a second person publishes.
pub(super) fn governed(config: &Config) -> anyhow::Result<Vec<Layout>> {
    let governed = config.csv_drop.iter().filter(|one| one.publish == Publish::SecondPerson);
    let checked = governed.map(|layout| layout.check().map(|()| layout.clone()));
    Ok(checked.collect::<Result<_, _>>()?)
}

/// All of them. None runs yet.
pub(super) fn wire(
    config: &Config,
    base: &Foundation,
    outbound: &Arc<Outbound>,
    platform: Arc<dyn Platform>,
) -> Connectors {
    let ground = Ground {
        store: Arc::clone(&base.store),
        platform,
        clock: Arc::clone(&base.clock),
        ids: Arc::clone(&base.ids),
        tenant: base.tenant.clone(),
        // The embedded store has one gateway: it goes on where it was killed, without waiting for a lease of its own to end.
        gateway: if config.is_shared() { base.ids.uuid() } else { "alone".to_owned() },
    };
    let host = Host {
        http: Arc::clone(outbound) as _,
        mqtt: Arc::clone(outbound) as _,
        clock: Arc::clone(&base.clock),
        ids: Arc::clone(&base.ids),
    };
    let file = config.file.clone();
    let settings = move || config::connectors(&file).map_err(|error| format!("{error:#}"));
    let foundations = Foundations {
        ground,
        host,
        kinds: kinds(),
        fixed: fixed(config),
        settings: Box::new(settings),
    };
    let issuer = config.coin_issuer.is_some() || config.coin_issuer_files.is_some();
    let issuer = issuer.then(tsunagu_connector_coin_issuer::Config::manifest);
    let governed = config.csv_drop.iter().filter(|one| one.publish == Publish::SecondPerson);
    let declared = governed.map(Layout::manifest).chain(issuer);
    Connectors::new(foundations, declared.collect())
}

/// What connectors are built with.
pub(crate) fn host(config: &Config) -> anyhow::Result<Host> {
    let outbound = foundation::outbound(config)?;
    Ok(Host {
        http: Arc::clone(&outbound) as _,
        mqtt: outbound,
        clock: Arc::new(SystemClock),
        ids: Arc::new(SystemIds),
    })
}

/// Every connector, found right, without starting anything.
pub(crate) fn ready(config: &Config) -> anyhow::Result<Vec<Ready>> {
    let mut all = fixed(config);
    let found = tsunagu_connect::validate(&kinds(), &config.connectors);
    all.extend(found.map_err(|findings| {
        let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
        anyhow::anyhow!(lines.join("\n")).context("the connectors are not right")
    })?);
    Ok(all)
}
