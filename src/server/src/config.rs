//! The configuration of a gateway: one TOML file, overridden by `TSUNAGU_…` variables, checked whole before anything starts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use figment::Figment;
use figment::providers::{Env, Format, Toml};
use secrecy::SecretString;
use serde::Deserialize;
use tsunagu_connector_csv_drop::{self as csv_drop, is_municipality_code as is_code};
use tsunagu_domain::{TenantId, Text};
use tsunagu_identity::{Client, Municipality, ProviderPolicy};
use tsunagu_shared_state::Quotas;
use tsunagu_staff::Configured;
use url::Url;

/// Everything a gateway is told.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// Where this was read.
    #[serde(skip)]
    pub(crate) file: PathBuf,
    /// Where to listen, e.g. `127.0.0.1:8080`.
    pub(crate) listen: String,
    /// How the outside reaches this gateway, e.g. `https://data.town.example`.
    pub(crate) base_url: Url,
    /// `postgres://…`, or the folder of the embedded store.
    pub(crate) store: String,
    /// Schema of the tables in PostgreSQL; the first of the search path when left out.
    #[serde(default)]
    pub(crate) store_schema: Option<String>,
    /// `synced`, or `relaxed` for sandboxes: acknowledged writes of the last moment can then be lost with the power.
    #[serde(default)]
    pub(crate) durability: Durability,
    /// Folder of the gateway's own secrets; made when missing. Replicas share it.
    pub(crate) keys: PathBuf,
    /// Another catalogue than the built-in one.
    #[serde(default)]
    pub(crate) catalogue: Option<PathBuf>,
    /// Policies by which the town forbids more than the built-in ones, in Cedar.
    #[serde(default)]
    pub(crate) forbids: Option<PathBuf>,
    /// Reward rules.
    #[serde(default)]
    pub(crate) rewards: Option<PathBuf>,
    /// The town.
    pub(crate) town: Town,
    /// Identity providers to log in through, by their name in paths.
    #[serde(default)]
    pub(crate) login: BTreeMap<String, ProviderPolicy>,
    /// Members of staff and how they log in.
    #[serde(default)]
    pub(crate) staff: Staff,
    /// Registered clients; they are written to the store at start.
    #[serde(default)]
    pub(crate) clients: Vec<Client>,
    /// Folders of CSV files.
    #[serde(default)]
    pub(crate) csv_drop: Vec<tsunagu_connector_csv_drop::Config>,
    /// Files that members of staff hand over.
    #[serde(default)]
    pub(crate) imports: ImportSettings,
    /// Links to other systems.
    #[serde(default)]
    pub(crate) connectors: Vec<tsunagu_connect::Settings>,
    /// The issuer of the town's coin.
    #[serde(default)]
    pub(crate) coin_issuer: Option<tsunagu_connector_coin_issuer::Config>,
    /// The same, if it has no API: it is given files.
    #[serde(default)]
    pub(crate) coin_issuer_files: Option<tsunagu_connector_coin_issuer::BatchConfig>,
    /// @contexts.
    #[serde(default)]
    pub(crate) contexts: Contexts,
    /// Calls to the outside.
    #[serde(default)]
    pub(crate) outbound: Outbound,
    /// NGSI-LD.
    #[serde(default)]
    pub(crate) broker: Broker,
    /// Who watches over the log of accesses.
    #[serde(default)]
    pub(crate) witnesses: Option<WitnessSettings>,
    /// How often one caller may ask.
    #[serde(default)]
    pub(crate) rates: Quotas,
    /// `redis://…`, where replicas share what was asked; without it each counts by itself.
    #[serde(default)]
    pub(crate) redis: Option<SecretString>,
    /// Addresses or blocks of the proxies in front, whose `X-Forwarded-For` is believed.
    #[serde(default)]
    pub(crate) proxies: Vec<String>,
    /// That these proxies set `Client-Cert` (RFC 9440), so that tokens can be bound to client certificates.
    #[serde(default)]
    pub(crate) mtls: Option<MtlsSettings>,
}

impl Config {
    /// Whether several gateways may work on the store at once.
    pub(crate) fn is_shared(&self) -> bool {
        self.store.starts_with("postgres://") || self.store.starts_with("postgresql://")
    }

    /// The base URL without a slash at its end: the issuer identifier.
    pub(crate) fn issuer(&self) -> String {
        without_slash(&self.base_url)
    }
}

/// A base URL without a slash at its end.
pub(crate) fn without_slash(url: &Url) -> String {
    url.as_str().trim_end_matches('/').to_owned()
}

/// When a write is acknowledged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Durability {
    /// When it is on disk.
    #[default]
    Synced,
    /// When the operating system has it.
    Relaxed,
}

/// Who runs this.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Town {
    /// Its name as a tenant.
    pub(crate) tenant: TenantId,
    /// What people call it.
    pub(crate) name: Text,
    /// How residents reach a person.
    pub(crate) help_desk: HelpDesk,
    /// Whose residents are meant.
    pub(crate) municipality: Municipality,
    /// Code of the municipality with check digit (全国地方公共団体コード), e.g. `454061`.
    #[serde(default)]
    pub(crate) code: Option<String>,
    /// Its places (大字), e.g. `大字川北`, by which addresses are taken apart.
    #[serde(default)]
    pub(crate) places: Vec<String>,
}

impl Town {
    /// What is known of its addresses.
    pub(crate) fn addresses(&self) -> tsunagu_connector_csv_drop::Town {
        let Municipality { prefecture, county, name } = self.municipality.clone();
        let (code, places) = (self.code.clone(), self.places.clone());
        tsunagu_connector_csv_drop::Town { prefecture, county, name, code, places }
    }
}

/// The help desk.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HelpDesk {
    /// Telephone number as people write it.
    pub(crate) phone: String,
    /// When someone answers.
    pub(crate) hours: Text,
}

/// The staff of the town hall.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Staff {
    /// Identity providers that staff log in through, by their name in paths below `/staff/login`.
    #[serde(default)]
    pub(crate) login: BTreeMap<String, ProviderPolicy>,
    /// The members with their roles; who is not here has none.
    #[serde(default)]
    pub(crate) members: Vec<Configured>,
}

/// Which @contexts are known.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Contexts {
    /// Documents that are never fetched.
    #[serde(default)]
    pub(crate) pinned: Vec<Pinned>,
    /// Whether others may be fetched.
    #[serde(default)]
    pub(crate) fetch: bool,
}

/// One pinned document.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pinned {
    /// Its URL.
    pub(crate) url: String,
    /// Its text.
    pub(crate) file: PathBuf,
}

/// What may be called.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Outbound {
    /// Targets allowed although private: `host:port` or an address block.
    #[serde(default)]
    pub(crate) allow_private: Vec<String>,
}

/// Client certificates in TLS (RFC 8705).
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MtlsSettings {
    /// Where the proxy asks for a certificate, when that is not `base_url`: browsers would ask their users for one.
    #[serde(default)]
    pub(crate) base_url: Option<Url>,
}

/// Witnesses of the log of accesses (C2SP `tlog-witness`).
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WitnessSettings {
    /// Who is asked.
    pub(crate) asked: Vec<AskedWitness>,
    /// How many of them must cosign a checkpoint.
    pub(crate) needed: usize,
    /// How often they are asked, seconds.
    #[serde(default = "ten_seconds")]
    pub(crate) every_seconds: u32,
    /// How long personal data is given without enough of them, seconds.
    #[serde(default = "four_hours")]
    pub(crate) limit_seconds: u32,
}

/// One witness.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AskedWitness {
    /// Its submission prefix, e.g. `https://witness.example/`.
    pub(crate) url: Url,
    /// Its public key, as `tsunagu witness key` prints it.
    pub(crate) key: String,
}

fn ten_seconds() -> u32 {
    10
}

fn four_hours() -> u32 {
    4 * 3600
}

/// Settings of files that members of staff hand over.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ImportSettings {
    /// Bytes of a file.
    pub(crate) max_file_bytes: u64,
}

impl Default for ImportSettings {
    fn default() -> Self {
        Self { max_file_bytes: 2 << 30 }
    }
}

/// Settings of the broker.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Broker {
    /// Whether data about nobody may be read without a token.
    pub(crate) open_data_for_all: bool,
    /// Tenants beside the town's own, each with entities and a log of its own.
    pub(crate) tenants: Vec<TenantId>,
    /// Bytes of a body.
    pub(crate) max_body_bytes: usize,
    /// Instances of each attribute in one answer about the past; what there is beyond is told with 206.
    pub(crate) max_instances: usize,
    /// Attributes whose values are indexed, as terms of the core context or IRIs.
    pub(crate) indexed_attributes: Vec<String>,
    /// Memory for entities read lately, bytes: as stored, and as much again as they were last shown.
    pub(crate) cache_bytes: u64,
}

impl Default for Broker {
    fn default() -> Self {
        Self {
            open_data_for_all: false,
            tenants: Vec::new(),
            max_body_bytes: 1 << 20,
            max_instances: 1_000,
            indexed_attributes: Vec::new(),
            cache_bytes: 128 << 20,
        }
    }
}

/// Reads and checks the configuration.
pub(crate) fn read(file: &Path, store: Option<String>) -> anyhow::Result<Config> {
    if !file.is_file() {
        bail!(
            "there is no configuration at {}; copy config/sandbox.toml and change it, or name another with --config",
            file.display()
        );
    }
    let mut config = extract(file)?;
    if let Some(store) = store {
        config.store = store;
    }
    if config.coin_issuer.is_some() && config.coin_issuer_files.is_some() {
        bail!("the coin issuer is reached by coin_issuer or by coin_issuer_files, not by both");
    }
    resolve(&mut config.connectors, file.parent().unwrap_or_else(|| Path::new(".")))?;
    file.clone_into(&mut config.file);
    if let Some(code) = config.town.code.as_ref().filter(|code| !is_code(code)) {
        bail!(
            "town.code {code} is no code of a municipality: six digits, of which the last checks the others"
        );
    }
    let town = config.town.addresses();
    for layout in &mut config.csv_drop {
        layout.town = Some(town.clone());
    }
    apart(&config.csv_drop)?;
    let loopback = |url: &Url| matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
    let mtls = config.mtls.as_ref().and_then(|mtls| mtls.base_url.as_ref());
    if mtls.is_some_and(|url| url.scheme() != "https" && !loopback(url)) {
        bail!("mtls.base_url must be https: a certificate is shown in TLS");
    }
    if config.base_url.scheme() != "https" && !loopback(&config.base_url) {
        bail!(
            "base_url must be https (http is for loopback only): tokens and cookies travel over it"
        );
    }
    Ok(config)
}

/// What a second person has to publish must not be published by a layout beside it.
fn apart(layouts: &[csv_drop::Config]) -> anyhow::Result<()> {
    let place = |layout: &csv_drop::Config| {
        std::fs::canonicalize(&layout.folder).unwrap_or_else(|_| layout.folder.clone())
    };
    for (at, one) in layouts.iter().enumerate() {
        let beside = layouts.iter().take(at).find(|other| place(other) == place(one));
        let governed =
            |layout: &csv_drop::Config| layout.publish == csv_drop::Publish::SecondPerson;
        if let Some(other) = beside.filter(|other| governed(one) || governed(other)) {
            bail!(
                "the layouts {} and {} share a folder, and a second person publishes files of one of them: give each a folder of its own",
                other.name,
                one.name
            );
        }
    }
    Ok(())
}

fn extract(file: &Path) -> anyhow::Result<Config> {
    Figment::new()
        .merge(Toml::file_exact(file))
        // TSUNAGU_LOG is what to log, which is not part of the configuration.
        .merge(Env::prefixed("TSUNAGU_").ignore(&["log"]).split("__"))
        .extract()
        .with_context(|| format!("the configuration {} is not right", file.display()))
}

/// Reads the connectors alone, as the file says now.
pub(crate) fn connectors(file: &Path) -> anyhow::Result<Vec<tsunagu_connect::Settings>> {
    let mut settings = extract(file)?.connectors;
    let folder = file.parent().unwrap_or_else(|| Path::new("."));
    resolve(&mut settings, folder)?;
    Ok(settings)
}

/// Puts mappings in place that stand in files of their own: `mapping = { file = "…" }`, beside the configuration.
fn resolve(settings: &mut [tsunagu_connect::Settings], folder: &Path) -> anyhow::Result<()> {
    for one in settings {
        let named = one.mapping.as_ref().and_then(|mapping| mapping.as_object());
        let named = named.filter(|mapping| mapping.len() == 1);
        let Some(file) = named.and_then(|mapping| mapping.get("file")?.as_str()) else { continue };
        let path = folder.join(file);
        let what = || format!("the mapping {} of the connector '{}'", path.display(), one.name);
        let text = std::fs::read(&path).with_context(|| format!("{} cannot be read", what()))?;
        let mapping = serde_json::from_slice(&text);
        let mut mapping = mapping.with_context(|| format!("{} is not JSON", what()))?;
        let beside = path.parent().unwrap_or(folder);
        samples(&mut mapping, beside).with_context(|| format!("the samples of {}", what()))?;
        one.mapping = Some(mapping);
    }
    Ok(())
}

/// Puts samples in place that stand in files beside a mapping.
fn samples(mapping: &mut serde_json::Value, folder: &Path) -> anyhow::Result<()> {
    let Some(mapping) = mapping.as_object_mut() else { return Ok(()) };
    let Some(files) = mapping.remove("sample_files") else { return Ok(()) };
    let files: Vec<PathBuf> = serde_json::from_value(files)?;
    for file in files {
        let path = folder.join(file);
        let text = std::fs::read(&path).with_context(|| path.display().to_string())?;
        let more: Vec<serde_json::Value> =
            serde_json::from_slice(&text).with_context(|| path.display().to_string())?;
        let list = mapping.entry("samples").or_insert_with(|| serde_json::json!([]));
        list.as_array_mut().context("samples is no list")?.extend(more);
    }
    Ok(())
}
