//! `tsunagu audit`: the log of accesses, out of the store and offline.

mod extract;

use std::path::PathBuf;

use actix_web::rt;
use anyhow::{Context as _, bail};
use clap::Subcommand;
use tsunagu_audit::{
    Content, Quorum, Reader, Signer, TlogProof, Trust, VerifyingKey, WitnessKey, origin, verify,
};
use tsunagu_domain::TsunoId;

use crate::wire::Foundation;
use crate::{ServeArgs, config, keys, say};

/// Microseconds.
const DAY: i64 = 86_400_000_000;

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
        #[command(flatten)]
        trust: TrustArgs,
        /// A checkpoint kept before, which the log must continue; may be given several times
        #[arg(long)]
        earlier: Vec<PathBuf>,
    },
    /// Write the proof of one entry into a file; the embedded store must not be in use by a running gateway
    Proof {
        #[command(flatten)]
        args: ServeArgs,
        /// Index of the entry
        #[arg(long)]
        index: u64,
        /// The file, by convention `….tlog-proof`
        #[arg(long)]
        out: PathBuf,
    },
    /// Verify the proof of one entry with nothing but the public key, and say what the entry says
    VerifyProof {
        /// The file
        file: PathBuf,
        #[command(flatten)]
        trust: TrustArgs,
    },
    /// Erase what the log says about a person in old entries; its tree and everybody else's proofs stay valid
    Erase {
        #[command(flatten)]
        args: ServeArgs,
        /// The Tsuno ID
        #[arg(long)]
        person: TsunoId,
        /// What was recorded so many days ago or earlier is erased
        #[arg(long)]
        older_than_days: u32,
        /// Who does it, for the record
        #[arg(long)]
        by: String,
    },
    /// Write the record of what was provided to whom (個人情報保護法 29); everybody in it sees that it was read
    Provisions {
        #[command(flatten)]
        args: ServeArgs,
        #[command(flatten)]
        extract: extract::ExtractArgs,
    },
    /// Say who is concerned when what was provided has leaked: persons, times, recipients, items
    Breach {
        #[command(flatten)]
        args: ServeArgs,
        #[command(flatten)]
        extract: extract::ExtractArgs,
        /// Reports are due above so many persons
        #[arg(long, default_value_t = 100)]
        threshold: u64,
    },
    /// Print the public key that checks the signatures of the log
    Key(ServeArgs),
}

/// Whose signatures are believed.
#[derive(Debug, clap::Args)]
pub(crate) struct TrustArgs {
    /// The public key as `tsunagu audit key` prints it
    #[arg(long)]
    key: VerifyingKey,
    /// The public key of a witness as `tsunagu witness key` prints it; may be given several times
    #[arg(long)]
    witness: Vec<WitnessKey>,
    /// How many witnesses must have cosigned; all by default
    #[arg(long)]
    quorum: Option<usize>,
}

impl TrustArgs {
    fn quorum(&self) -> Quorum {
        let needed = self.quorum.unwrap_or(self.witness.len());
        Quorum { witnesses: self.witness.clone(), needed }
    }
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
        AuditCommand::Verify { folder, trust, earlier } => {
            let read = |file: &PathBuf| {
                std::fs::read_to_string(file)
                    .with_context(|| format!("the checkpoint {} cannot be read", file.display()))
            };
            let earlier = earlier.iter().map(read).collect::<anyhow::Result<Vec<String>>>()?;
            let quorum = trust.quorum();
            let report = verify(&folder, &Trust { key: trust.key, quorum, earlier });
            say(&report.to_string());
            if !report.holds() {
                bail!("the log does not hold");
            }
            Ok(())
        }
        AuditCommand::Proof { args, index, out } => {
            let config = config::read(&args.config, args.store)?;
            rt::System::new().block_on(async {
                let base = Foundation::open(&config).await?;
                base.audit.checkpoint(&base.tenant).await?;
                let proof = base.audit.proof_file(&base.tenant, index, None).await?;
                base.store.close().await;
                let proof = proof.with_context(|| format!("the log has no entry {index}"))?;
                std::fs::write(&out, proof.text())
                    .with_context(|| format!("{} cannot be written", out.display()))?;
                say(&format!("the proof of entry {index} is in {}", out.display()));
                Ok(())
            })
        }
        AuditCommand::VerifyProof { file, trust } => {
            let text = std::fs::read_to_string(&file)
                .with_context(|| format!("{} cannot be read", file.display()))?;
            let proven = TlogProof::read(&text)?.verify(&trust.key, &trust.quorum())?;
            let (origin, size) = (&proven.checkpoint.origin, proven.checkpoint.size);
            say(&format!("entry {} is in the log {origin} of {size} entries", proven.index));
            match proven.content {
                Content::Access { access, .. } => say(&serde_json::to_string_pretty(&access)?),
                Content::Erased => say("what it said is erased"),
            }
            Ok(())
        }
        AuditCommand::Erase { args, person, older_than_days, by } => {
            let config = config::read(&args.config, args.store)?;
            rt::System::new().block_on(async {
                let base = Foundation::open(&config).await?;
                let before = base.clock.micros() - i64::from(older_than_days) * DAY;
                let reader =
                    Reader::auditor(format!("operator:{by}"), base.ids.uuid());
                let erased = base.audit.erase(&base.tenant, &reader, person, before).await?;
                base.store.close().await;
                say(&format!(
                    "{} entries say nothing about this person any more; {} from before stored form 2 cannot be erased",
                    erased.entries, erased.kept
                ));
                Ok(())
            })
        }
        AuditCommand::Provisions { args, extract } => extract::provisions(args, &extract),
        AuditCommand::Breach { args, extract, threshold } => {
            extract::breach(args, &extract, threshold)
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
