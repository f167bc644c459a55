//! `tsunagu`: the data-linkage gateway, its administration, and a whole town to try it in.

mod audit;
mod client;
mod config;
mod connector;
#[cfg(feature = "sandbox")]
mod demo;
mod import;
mod key;
mod keys;
mod rewards;
mod serve;
mod wire;
mod witness;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// What one thread takes another gives back all the time here (ADR 0026).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Debug, Parser)]
#[command(
    name = "tsunagu",
    version,
    about = "データ連携基盤のゲートウェイ / the data-linkage gateway of a town"
)]
struct Cli {
    /// End when standard input ends: for processes that must not outlive the one that started them
    #[arg(long, global = true, hide = true)]
    end_with_stdin: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gateway
    Serve {
        #[command(flatten)]
        args: ServeArgs,
        /// Where several gateways on one database share rates, in place of the configured one: `redis://…`
        #[arg(long)]
        redis: Option<String>,
    },
    /// Run one part of the simulated outside world
    #[cfg(feature = "sandbox")]
    Sandbox {
        #[command(subcommand)]
        role: tsunagu_sandbox::Role,
    },
    /// Play the whole story between real processes and stay up to look at
    #[cfg(feature = "sandbox")]
    Demo(demo::DemoArgs),
    /// Export and verify the log of accesses
    Audit {
        #[command(subcommand)]
        command: audit::AuditCommand,
    },
    /// Watch over logs of accesses: cosign their checkpoints as long as they only grow (C2SP tlog-witness)
    Witness {
        #[command(subcommand)]
        command: witness::WitnessCommand,
    },
    /// Apply for clients, approve, suspend and end them, as a member of staff
    Client {
        #[command(subcommand)]
        command: client::ClientCommand,
    },
    /// Look at files of municipal records, and publish loads of them
    Import {
        #[command(subcommand)]
        command: import::ImportCommand,
    },
    /// Try reward rules on the past, and list those in force with their budgets
    Rewards {
        #[command(subcommand)]
        command: rewards::RewardsCommand,
    },
    /// List, check and run links to other systems
    Connector {
        #[command(subcommand)]
        command: connector::ConnectorCommand,
    },
    /// List, rotate and remove the keys that sign tokens; change the pairwise keys of sectors
    Key {
        #[command(subcommand)]
        command: key::KeyCommand,
    },
    /// Check a configuration without starting
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Check stored data: indexes, encodings, the log
    Doctor(ServeArgs),
    /// Print the OpenAPI document
    Openapi,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Say what is wrong with a configuration and how to mend it
    Check(ServeArgs),
}

#[derive(Debug, clap::Args)]
struct ServeArgs {
    /// The configuration file
    #[arg(long, default_value = "config/tsunagu.toml")]
    config: PathBuf,
    /// Another store than the configured one: `postgres://…` or a folder
    #[arg(long)]
    store: Option<String>,
}

#[expect(clippy::print_stderr, reason = "the last word of the command line")]
fn main() -> ExitCode {
    let cli = Cli::parse();
    if cli.end_with_stdin {
        std::thread::spawn(end_with_stdin);
    }
    match run(cli.command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("tsunagu: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    let done = match command {
        Command::Import { command } => return import::run(&command),
        Command::Rewards { command } => return rewards::run(&command),
        Command::Serve { args, redis } => {
            let mut config = config::read(&args.config, args.store)?;
            config.redis = redis.map(Into::into).or(config.redis);
            serve::serve(&config)
        }
        #[cfg(feature = "sandbox")]
        Command::Sandbox { role } => {
            let system = actix_web::rt::System::new();
            Ok(system.block_on(tsunagu_sandbox::run(role))?)
        }
        #[cfg(feature = "sandbox")]
        Command::Demo(args) => demo::demo(&args),
        Command::Audit { command } => audit::run(command),
        Command::Witness { command } => witness::run(command),
        Command::Client { command } => client::run(&command),
        Command::Connector { command } => connector::run(command),
        Command::Key { command } => key::run(&command),
        Command::Config { command: ConfigCommand::Check(args) } => {
            let config = config::read(&args.config, args.store)?;
            serve::check(&config)?;
            say(&format!("{} is right", args.config.display()));
            Ok(())
        }
        Command::Doctor(args) => serve::doctor(&config::read(&args.config, args.store)?),
        Command::Openapi => {
            say(&tsunagu_api::document());
            Ok(())
        }
    };
    done.map(|()| ExitCode::SUCCESS)
}

#[expect(clippy::exit, reason = "whoever started this is gone; what was acknowledged is on disk")]
fn end_with_stdin() {
    // An error ends it as well.
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink()).ok();
    std::process::exit(1);
}

/// Output of the command line goes to standard output, through this one place.
#[expect(clippy::print_stdout, reason = "this is what the command line is for")]
pub(crate) fn say(text: &str) {
    println!("{text}");
}
