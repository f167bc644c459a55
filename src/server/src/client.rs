//! `tsunagu client`: the life of clients, from a shell.

use std::path::PathBuf;

use actix_web::rt;
use anyhow::Context as _;
use clap::Subcommand;
use tsunagu_domain::{ClientId, to_iso};
use tsunagu_identity::Client;
use tsunagu_staff::{Acting, Change, Decision, Life, Office, Registered, Via};

use crate::wire::{Foundation, office};
use crate::{ServeArgs, config, say};

/// What can be done with clients. The embedded store must not be in use by a running gateway; with PostgreSQL running gateways follow within half a second.
#[derive(Debug, Subcommand)]
pub(crate) enum ClientCommand {
    /// List the clients that there are or were
    List(ServeArgs),
    /// Show one with what became of it
    Show {
        /// Its `client_id`
        id: ClientId,
        #[command(flatten)]
        args: ServeArgs,
    },
    /// Apply for a client, or for a change of one
    Apply {
        /// A file with the registration, TOML or JSON, as a `[[clients]]` of the configuration has it
        file: PathBuf,
        #[command(flatten)]
        by: By,
    },
    /// Approve an application that somebody else made
    Approve {
        /// Its `client_id`
        id: ClientId,
        /// The revision that was seen, as `show` tells it
        #[arg(long)]
        revision: u32,
        #[command(flatten)]
        by: By,
    },
    /// Deny an application
    Deny {
        /// Its `client_id`
        id: ClientId,
        /// The revision that was seen, as `show` tells it
        #[arg(long)]
        revision: u32,
        #[command(flatten)]
        by: By,
    },
    /// Suspend a client at once
    Suspend {
        /// Its `client_id`
        id: ClientId,
        #[command(flatten)]
        by: By,
    },
    /// Let a client act again that somebody else suspended
    Resume {
        /// Its `client_id`
        id: ClientId,
        #[command(flatten)]
        by: By,
    },
    /// End a client for good that somebody else suspended
    End {
        /// Its `client_id`
        id: ClientId,
        #[command(flatten)]
        by: By,
    },
}

/// Who acts, and why.
#[derive(Debug, clap::Args)]
pub(crate) struct By {
    #[command(flatten)]
    args: ServeArgs,
    /// The member of staff who does it, by name
    #[arg(long = "as", value_name = "MEMBER")]
    member: String,
    /// Why
    #[arg(long, default_value = "")]
    note: String,
}

impl ClientCommand {
    fn args(&self) -> &ServeArgs {
        match self {
            Self::List(args) | Self::Show { args, .. } => args,
            Self::Apply { by, .. }
            | Self::Approve { by, .. }
            | Self::Deny { by, .. }
            | Self::Suspend { by, .. }
            | Self::Resume { by, .. }
            | Self::End { by, .. } => &by.args,
        }
    }
}

pub(crate) fn run(command: &ClientCommand) -> anyhow::Result<()> {
    let args = command.args();
    let config = config::read(&args.config, args.store.clone())?;
    rt::System::new().block_on(async {
        let base = Foundation::open(&config).await?;
        let office = office(&config, &base)?;
        let done = obey(command, &base, &office).await;
        base.store.close().await;
        done
    })
}

async fn obey(command: &ClientCommand, base: &Foundation, office: &Office) -> anyhow::Result<()> {
    let (lives, tenant) = (&office.clients, &base.tenant);
    let acting = async |by: &By| {
        let member = office.members.named(tenant, &by.member).await?;
        let member = member.with_context(|| format!("{} is no member with a role", by.member))?;
        anyhow::Ok(Acting { member, via: Via::Shell, request: base.ids.uuid() })
    };
    let (id, by, change) = match command {
        ClientCommand::List(_) => {
            for Registered { life, client } in lives.list(tenant).await? {
                let name = client.map(|client| client.name.ja).unwrap_or_default();
                let waits = if life.application.is_some() { "  waits for approval" } else { "" };
                say(&format!("{}  {:<9}  {name}{waits}", life.id, life.state.as_str()));
            }
            return Ok(());
        }
        ClientCommand::Show { id, .. } => {
            let found = lives.get(tenant, id).await?;
            return show(&found.with_context(|| format!("there never was a client {id}"))?);
        }
        ClientCommand::Apply { file, by } => {
            let client = registration(file)?;
            let revision = lives.apply(tenant, &acting(by).await?, &client, &by.note).await?;
            say(&format!("revision {revision} of {} waits for a second person", client.id));
            return Ok(());
        }
        ClientCommand::Approve { id, revision, by } => {
            let decision = Decision::Approve;
            let by = (&acting(by).await?, &by.note);
            lives.decide(tenant, by.0, id, *revision, decision, by.1).await?;
            say(&format!("{id} is active"));
            return Ok(());
        }
        ClientCommand::Deny { id, revision, by } => {
            let by = (&acting(by).await?, &by.note);
            lives.decide(tenant, by.0, id, *revision, Decision::Deny, by.1).await?;
            say(&format!("revision {revision} of {id} is denied"));
            return Ok(());
        }
        ClientCommand::Suspend { id, by } => (id, by, Change::Suspend),
        ClientCommand::Resume { id, by } => (id, by, Change::Resume),
        ClientCommand::End { id, by } => (id, by, Change::End),
    };
    lives.change(tenant, &acting(by).await?, id, change, &by.note).await?;
    let state = match change {
        Change::Suspend => "suspended",
        Change::Resume => "active",
        Change::End => "ended for good",
    };
    say(&format!("{id} is {state}"));
    Ok(())
}

fn registration(file: &std::path::Path) -> anyhow::Result<Client> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("the registration {} cannot be read", file.display()))?;
    let wrong = || format!("the registration {} is not right", file.display());
    if text.trim_start().starts_with('{') {
        serde_json::from_str(&text).with_context(wrong)
    } else {
        toml::from_str(&text).with_context(wrong)
    }
}

fn show(Registered { life, client }: &Registered) -> anyhow::Result<()> {
    say(&format!("{}  {}", life.id, life.state.as_str()));
    if let Some(client) = client {
        say(&serde_json::to_string_pretty(client)?);
    }
    let Life { application, steps, .. } = life;
    if let Some(waits) = application {
        let by: Vec<&str> = waits.by.iter().map(|who| who.name.as_str()).collect();
        say(&format!("revision {} by {} waits: {}", waits.revision, by.join(", "), waits.note));
        say(&serde_json::to_string_pretty(&waits.client)?);
    }
    for step in steps {
        let revision = step.revision.map(|r| format!(" revision {r}")).unwrap_or_default();
        let (at, act, by) = (to_iso(step.at), step.act.as_str(), step.by.name());
        say(&format!("{at}  {act}{revision} by {by}  {}", step.note));
    }
    Ok(())
}
