//! `tsunagu demo`: the outside world and the gateway as real processes, the whole story over HTTP, then up to be looked at.

mod auditor;
mod processes;
mod settings;

use std::path::{Path, PathBuf};

use actix_web::rt;
use anyhow::{Context as _, bail};
use tsunagu_sandbox::story::{self, Player, Report, Step};

use crate::say;
use processes::World;

/// How to play.
#[derive(Debug, clap::Args)]
pub(crate) struct DemoArgs {
    /// End after the story instead of staying up
    #[arg(long)]
    once: bool,
    /// Write every step with result and time as JSON
    #[arg(long)]
    report: Option<PathBuf>,
    /// `postgres://…` or a folder; a fresh temporary folder when left out
    #[arg(long)]
    store: Option<String>,
    /// Work in this folder and leave it behind, with what every process logged
    #[arg(long, hide = true)]
    keep: Option<PathBuf>,
}

/// Plays the story; the error, and with it the exit code, says whether every step held.
pub(crate) fn demo(args: &DemoArgs) -> anyhow::Result<()> {
    let folder = match &args.keep {
        Some(folder) => Folder::kept(folder)?,
        None => Folder::fresh()?,
    };
    rt::System::new().block_on(async {
        say("都農町の一日を、実際のプロセスどうしで再現します / a day in the town, between real processes\n");
        let world = World::start(&folder.path, args.store.as_deref()).await?;
        let mut show = |step: &Step| {
            let mark = if step.ok { "ok  " } else { "FAIL" };
            say(&format!("  {mark} {:>6} ms  {}\n                 {}", step.ms, step.name, step.detail));
        };
        let mut player = Player::new(&mut show);
        story::play(&world.parties, &mut player).await;
        player.step("an auditor verifies the whole trail offline", auditor::verifies(&world)).await;
        player.step("a changed, a dropped and a swapped entry are found", auditor::finds(&world)).await;
        let report = player.finish();
        write(args.report.as_deref(), &report)?;
        if args.store.as_deref().is_some_and(|store| store.starts_with("postgres")) {
            say(&format!("\n  The data stays in the schema {} of the database.", settings::schema()));
        }
        if !args.once {
            say(&world.addresses());
            tokio::signal::ctrl_c().await.context("waiting for ctrl-c")?;
        }
        world.stop().await;
        if !report.ok {
            bail!("the story did not hold");
        }
        Ok(())
    })
}

fn write(file: Option<&Path>, report: &Report) -> anyhow::Result<()> {
    let Some(file) = file else { return Ok(()) };
    std::fs::write(file, serde_json::to_vec_pretty(report)?)
        .with_context(|| format!("the report {} cannot be written", file.display()))
}

/// A folder of its own for each run, removed at its end unless it is to be kept.
struct Folder {
    path: PathBuf,
    kept: bool,
}

impl Folder {
    fn fresh() -> anyhow::Result<Self> {
        let path = std::env::temp_dir().join(format!("tsunagu-demo-{}", std::process::id()));
        Self::made(path, false)
    }

    fn kept(path: &Path) -> anyhow::Result<Self> {
        Self::made(path.to_owned(), true)
    }

    fn made(path: PathBuf, kept: bool) -> anyhow::Result<Self> {
        std::fs::create_dir_all(&path)
            .with_context(|| format!("the folder {} cannot be made", path.display()))?;
        Ok(Self { path, kept })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.kept {
            // What cannot be removed is the temporary folder's to clean.
            std::fs::remove_dir_all(&self.path).ok();
        }
    }
}
