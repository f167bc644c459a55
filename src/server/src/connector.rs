//! `tsunagu connector`: links to other systems, from a shell.

use std::fs;
use std::path::PathBuf;

use actix_web::rt;
use anyhow::Context as _;
use clap::Subcommand;
use serde_json::Value;
use serde_json::value::RawValue;
use tsunagu_connect::{Mapper, Payload, Ready, Replay, runs};
use tsunagu_domain::{Clock as _, SystemClock, to_iso};
use tsunagu_ngsi_ld::{Context, Entity, EntityDoc, Everything, Format, RenderOptions, render};

use crate::config::Config;
use crate::wire::{self, Foundation};
use crate::{ServeArgs, config, say};

/// So many entities of a sample are shown.
const SHOWN: usize = 20;

/// What can be done with connectors.
#[derive(Debug, Subcommand)]
pub(crate) enum ConnectorCommand {
    /// List the connectors with their last runs. The embedded store must not be in use by a running gateway; ask that at /connectors/v1
    List(ServeArgs),
    /// Check the settings of one and show the entities that it would write; nothing is written
    Check {
        /// Its name
        name: String,
        /// Map the records of this file (JSON, a list of records or one of them) instead of asking the other side
        #[arg(long)]
        sample: Option<PathBuf>,
        /// The configuration file
        #[arg(long, default_value = "config/tsunagu.toml")]
        config: PathBuf,
    },
    /// Run one once and tell what came. As with `list`, no other gateway may use the embedded store
    Run {
        /// Its name
        name: String,
        #[command(flatten)]
        args: ServeArgs,
    },
    /// Try again what one could not take over, after its mapping was mended
    Replay {
        /// Its name
        name: String,
        /// Only these; all of them when left out
        #[arg(long)]
        id: Vec<String>,
        #[command(flatten)]
        args: ServeArgs,
    },
}

pub(crate) fn run(command: ConnectorCommand) -> anyhow::Result<()> {
    rt::System::new().block_on(async {
        match command {
            ConnectorCommand::List(args) => list(&config::read(&args.config, args.store)?).await,
            ConnectorCommand::Check { name, sample, config } => {
                check(&config::read(&config, None)?, &name, sample).await
            }
            ConnectorCommand::Run { name, args } => {
                let config = config::read(&args.config, args.store)?;
                run_once(&config, &name, None).await
            }
            ConnectorCommand::Replay { name, id, args } => {
                let config = config::read(&args.config, args.store)?;
                let which = if id.is_empty() { Replay::All } else { Replay::These(id) };
                run_once(&config, &name, Some(which)).await
            }
        }
    })
}

async fn list(config: &Config) -> anyhow::Result<()> {
    let base = Foundation::open(config).await?;
    for ready in wire::ready(config)? {
        let manifest = ready.manifest();
        let runs = runs(&*base.store, &config.town.tenant, &manifest.name, 1).await?;
        let last = match runs.first() {
            None => "まだ動いていません / never ran".to_owned(),
            Some(run) => {
                let (accepted, refused) = (run.rows.accepted, run.rows.refused_count);
                let error = run.error.as_ref().map(|error| format!("; {error}"));
                format!(
                    "{} 受入・拒否 / accepted, refused: {accepted}, {refused}{}",
                    to_iso(run.finished),
                    error.unwrap_or_default()
                )
            }
        };
        let title = &manifest.title;
        say(&format!("{}\t{}\t{} / {}\t{last}", manifest.name, manifest.kind, title.ja, title.en));
    }
    base.store.close().await;
    Ok(())
}

fn named(config: &Config, name: &str) -> anyhow::Result<Ready> {
    let all = wire::ready(config)?;
    let names: Vec<String> = all.iter().map(|ready| ready.manifest().name.clone()).collect();
    let found = all.into_iter().find(|ready| ready.manifest().name == name);
    found.with_context(|| format!("there is no connector {name}; there are: {}", names.join(", ")))
}

async fn run_once(config: &Config, name: &str, replay: Option<Replay>) -> anyhow::Result<()> {
    let ready = named(config, name)?;
    let app = wire::assemble(config).await?;
    let done = async {
        if let Some(which) = &replay {
            which.ask(&*app.base.store, &config.town.tenant, name).await?;
        }
        app.gateway.connectors.run_once(&ready).await
    };
    let done = done.await;
    app.base.store.close().await;
    match done? {
        None => say("新しいものはありません / there was nothing new"),
        Some(report) => say(&serde_json::to_string_pretty(&report)?),
    }
    Ok(())
}

/// Settings, mapping and samples are right when this is reached; what is left is the other side, and what its records become.
async fn check(config: &Config, name: &str, sample: Option<PathBuf>) -> anyhow::Result<()> {
    let ready = named(config, name)?;
    say(&format!("{name}: 設定は正しいです / the settings are right"));
    let mapper = ready.mapper()?;
    if let Some(file) = sample {
        let text = fs::read(&file).with_context(|| format!("{} cannot be read", file.display()))?;
        let value: Value = serde_json::from_slice(&text)
            .with_context(|| format!("{} is not JSON", file.display()))?;
        let records = match value {
            Value::Array(list) => list,
            one => vec![one],
        };
        let mapper = mapper.context("the connector makes entities itself and has no mapping")?;
        for record in records {
            let raw = RawValue::from_string(record.to_string())?;
            show(&*mapper, &raw)?;
        }
        return Ok(());
    }
    let host = wire::host(config)?;
    let parts = ready.build(&host).await?;
    if let Some(probe) = &parts.probe {
        probe.probe().await.context("the other side is not there")?;
        say("相手は応答しています / the other side answers");
    }
    let Some(mut source) = parts.source else {
        say(
            "自分から送ってくる相手です。--sample で確かめられます / the other side sends by itself; try it with --sample",
        );
        return Ok(());
    };
    let batch = source.poll(None).await?;
    say(&format!(
        "{} 件（先頭 {SHOWN} 件まで表示） / {} items",
        batch.items.len(),
        batch.items.len()
    ));
    for refusal in &batch.report.refused {
        let place = format!("{}:{}", refusal.input, refusal.line);
        say(&format!("✗ {place} {}: {} / {}", refusal.rule, refusal.remedy.ja, refusal.remedy.en));
    }
    for item in batch.items.into_iter().take(SHOWN) {
        match item.payload {
            Payload::Entity(entity) => shown(&entity)?,
            Payload::Record(record) => {
                let mapper = mapper.as_ref().context("its records need a mapping")?;
                show(&**mapper, &record)?;
            }
        }
    }
    Ok(())
}

fn show(mapper: &dyn Mapper, record: &RawValue) -> anyhow::Result<()> {
    let made = mapper.map(record, SystemClock.micros());
    for fault in &made.faults {
        let attribute = fault.attribute.as_deref().unwrap_or("-");
        say(&format!("✗ {attribute} {}: {} / {}", fault.rule, fault.remedy.ja, fault.remedy.en));
    }
    if made.skipped > 0 {
        say("– 対象外 / not meant for this mapping");
    }
    made.entities.iter().try_for_each(shown)
}

fn shown(entity: &Entity) -> anyhow::Result<()> {
    let doc = EntityDoc::from(entity);
    let options = RenderOptions { format: Format::Normalized, ..RenderOptions::default() };
    let mut out = Vec::new();
    let context = Context::core();
    render(&doc, &Everything, &context, &options, &mut out);
    let value: Value = serde_json::from_slice(&out)?;
    say(&serde_json::to_string_pretty(&value)?);
    Ok(())
}
