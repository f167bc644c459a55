//! `tsunagu key`: the keys that sign access tokens and ID tokens, and those under which sectors see residents.

use std::sync::Arc;

use actix_web::rt;
use clap::Subcommand;
use tsunagu_domain::{SectorKeys, to_iso};
use tsunagu_identity::{KeyRole, SectorState, Sectors, SigningKeys};

use crate::wire::Foundation;
use crate::{ServeArgs, config, say};

/// What can be done with the keys. The embedded store must not be in use by a running gateway; with PostgreSQL running gateways follow within a second.
#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// List the keys: upcoming, signing, verifying
    List(ServeArgs),
    /// Make a new key, published now and signing ten minutes later
    Rotate {
        #[command(flatten)]
        args: ServeArgs,
        /// Sign with it at once, before others have seen it
        #[arg(long)]
        now: bool,
    },
    /// Remove a key: everything it signed is refused at once
    Remove {
        /// Its id, as `list` prints it
        kid: String,
        #[command(flatten)]
        args: ServeArgs,
    },
    /// List the sectors whose pairwise key was changed
    Sectors(ServeArgs),
    /// Change the pairwise key of a sector: its clients see new ids of residents from now on
    RotateSector {
        /// The sector, as the clients are registered with it
        sector: String,
        #[command(flatten)]
        args: ServeArgs,
        /// For so many days ids of the key before are understood, and the clients can ask for the new ones; 0 ends them at once
        #[arg(long, default_value_t = 90)]
        overlap_days: u16,
    },
    /// End the overlap of a sector: ids of the key before name nobody from now on
    EndOverlap {
        /// The sector
        sector: String,
        #[command(flatten)]
        args: ServeArgs,
    },
}

pub(crate) fn run(command: &KeyCommand) -> anyhow::Result<()> {
    let (KeyCommand::List(args)
    | KeyCommand::Rotate { args, .. }
    | KeyCommand::Remove { args, .. }
    | KeyCommand::Sectors(args)
    | KeyCommand::RotateSector { args, .. }
    | KeyCommand::EndOverlap { args, .. }) = command;
    let config = config::read(&args.config, args.store.clone())?;
    rt::System::new().block_on(async {
        let base = Foundation::open(&config).await?;
        let done = match command {
            KeyCommand::List(_) | KeyCommand::Rotate { .. } | KeyCommand::Remove { .. } => {
                signing(command, &base).await
            }
            _ => sectors(command, &base).await,
        };
        base.store.close().await;
        done
    })
}

async fn signing(command: &KeyCommand, base: &Foundation) -> anyhow::Result<()> {
    let keys = SigningKeys::load(&base.services(), &base.tenant).await?;
    match command {
        KeyCommand::Rotate { now, .. } => say(&format!("made {}", keys.rotate(*now).await?)),
        KeyCommand::Remove { kid, .. } => {
            keys.remove(kid).await?;
            say(&format!("removed {kid}"));
        }
        _ => {}
    }
    for key in keys.list().await? {
        let role = match key.role {
            KeyRole::Upcoming => "upcoming",
            KeyRole::Signing => "signing",
            KeyRole::Verifying => "verifying",
        };
        say(&format!("{}  {role:<9}  from {}", key.kid, to_iso(key.signs_from)));
    }
    Ok(())
}

async fn sectors(command: &KeyCommand, base: &Foundation) -> anyhow::Result<()> {
    let master = SectorKeys::new(&base.keys.secret("pairwise")?);
    let sectors = Sectors::new(base.services(), Arc::new(master));
    match command {
        KeyCommand::RotateSector { sector, overlap_days, .. } => {
            let overlap = i64::from(*overlap_days) * 86_400;
            sectors.rotate(&base.tenant, sector, overlap).await?;
        }
        KeyCommand::EndOverlap { sector, .. } => sectors.end_overlap(&base.tenant, sector).await?,
        _ => {}
    }
    for SectorState { sector, generation, since, earlier_until } in
        sectors.list(&base.tenant).await?
    {
        let earlier = earlier_until.map_or_else(
            || "alone".to_owned(),
            |until| format!("with the one before until {}", to_iso(until)),
        );
        say(&format!("{sector}  key {generation}  from {}  {earlier}", to_iso(since)));
    }
    Ok(())
}
