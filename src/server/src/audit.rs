//! `tsunagu audit`: the log of accesses, out of the store and offline.

use std::path::PathBuf;

use actix_web::rt;
use anyhow::bail;
use clap::Subcommand;
use tsunagu_audit::{Signer, origin, verify};

use crate::wire::Foundation;
use crate::{ServeArgs, config, keys, say};

/// What can be done with the log.
#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Write checkpoint, tiles and entries into a folder; the embedded store must not be in use by a running gateway
    Export {
        #[command(flatten)]
        args: ServeArgs,
        /// The folder, made when missing
        #[arg(long)]
        out: PathBuf,
    },
    /// Verify an exported folder with nothing but the public key
    Verify {
        /// The folder
        folder: PathBuf,
        /// The public key as `tsunagu audit key` prints it
        #[arg(long)]
        key: String,
    },
    /// Print the public key that checks the signatures of the log
    Key(ServeArgs),
}

pub(crate) fn run(command: AuditCommand) -> anyhow::Result<()> {
    match command {
        AuditCommand::Export { args, out } => {
            let config = config::read(&args.config, args.store)?;
            rt::System::new().block_on(async {
                let base = Foundation::open(&config).await?;
                let exported = base.audit.export(&base.tenant, &out).await?;
                base.store.close().await;
                say(&format!("{exported} entries written to {}", out.display()));
                Ok(())
            })
        }
        AuditCommand::Verify { folder, key } => {
            let report = verify(&folder, &key)?;
            say(&report.to_string());
            if !report.holds() {
                bail!("the log does not hold");
            }
            Ok(())
        }
        AuditCommand::Key(args) => {
            let config = config::read(&args.config, args.store)?;
            let keys =
                keys::Keys::open(&config.keys, std::sync::Arc::new(tsunagu_domain::SystemIds))?;
            let signer = Signer::from_seed(&keys.secret("audit")?)?;
            say(&signer.verifying_key(&origin(&config.town.tenant)).to_string());
            Ok(())
        }
    }
}
