//! `tsunagu key`: the keys that sign access tokens and ID tokens.

use actix_web::rt;
use clap::Subcommand;
use tsunagu_domain::to_iso;
use tsunagu_identity::{KeyRole, SigningKeys};

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
}

pub(crate) fn run(command: &KeyCommand) -> anyhow::Result<()> {
    let (KeyCommand::List(args)
    | KeyCommand::Rotate { args, .. }
    | KeyCommand::Remove { args, .. }) = command;
    let config = config::read(&args.config, args.store.clone())?;
    rt::System::new().block_on(async {
        let base = Foundation::open(&config).await?;
        let keys = SigningKeys::load(&base.services(), &base.tenant).await?;
        match command {
            KeyCommand::List(_) => {}
            KeyCommand::Rotate { now, .. } => say(&format!("made {}", keys.rotate(*now).await?)),
            KeyCommand::Remove { kid, .. } => {
                keys.remove(kid).await?;
                say(&format!("removed {kid}"));
            }
        }
        for key in keys.list().await? {
            let role = match key.role {
                KeyRole::Upcoming => "upcoming",
                KeyRole::Signing => "signing",
                KeyRole::Verifying => "verifying",
            };
            say(&format!("{}  {role:<9}  from {}", key.kid, to_iso(key.signs_from)));
        }
        base.store.close().await;
        Ok(())
    })
}
