//! `cargo xtask`: the one entry point for trying, checking and measuring the project.
//!
//! Owns: what a check is and in which order checks run, the throw-away services tests need, the
//! generated files, the map of the rooms. Must not: hold anything the product needs at run time.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a developer's tool talks on the terminal"
)]

mod cargo;
mod changed;
mod deps;
mod generate;
mod services;
mod sizes;
mod suite;
mod summary;
mod table;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Tasks of the project.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Run every check, starting the services the tests need
    Test(suite::Options),
    /// Build the gateway and play the whole story with outside clients
    Demo(Passed),
    /// Measure against the yardsticks
    Bench(Passed),
    /// Run for hours under load and look for growth
    Soak(Soak),
    /// Look for inputs that break a law of a parser: seeds and mutations, on stable Rust
    Fuzz(Passed),
    /// Write the generated files
    Gen {
        /// Change nothing; fail when a file is not what would be written
        #[arg(long)]
        check: bool,
    },
    /// Hold the dependencies between rooms against the tables in src/README.md
    Deps,
    /// Hold file lengths, unfinished code and paths of one machine against the house rules
    Sizes,
}

/// Arguments handed on as they are.
#[derive(clap::Args)]
struct Passed {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<OsString>,
}

/// The long runs.
#[derive(clap::Args)]
struct Soak {
    /// Look for inputs that break a law instead, for so long
    #[arg(long, value_name = "SECONDS", conflicts_with = "args")]
    fuzz: Option<u64>,
    /// Handed on to the measuring program
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<OsString>,
}

fn main() -> ExitCode {
    match run(Cli::parse().task) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> anyhow::Result<ExitCode> {
    let workspace = cargo::Workspace::load()?;
    match task {
        Task::Test(options) => return suite::run(&workspace, &options),
        Task::Demo(passed) => {
            workspace.cargo(["build", "--release", "--package", "tsunagu-server"]).run()?;
            let binary = workspace.target_directory.join("release/tsunagu");
            return Err(cargo::replace_by(&binary, "demo", &passed.args));
        }
        Task::Bench(passed) => workspace.run_outsider("bench", &passed.args)?,
        Task::Soak(Soak { fuzz: Some(seconds), .. }) => fuzz(&workspace, &long_run(seconds)?)?,
        Task::Soak(Soak { args, .. }) => workspace.run_outsider("soak", &args)?,
        Task::Fuzz(passed) => fuzz(&workspace, &passed.args)?,
        Task::Gen { check } => {
            workspace.cargo(["build", "--package", "tsunagu-server"]).run()?;
            generate::run(&workspace, check)?;
        }
        Task::Deps => deps::run(&workspace)?,
        Task::Sizes => sizes::run(&workspace)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Builds the search with optimisation and runs it.
fn fuzz(workspace: &cargo::Workspace, args: &[OsString]) -> anyhow::Result<()> {
    let run = ["run", "--release", "--package", "tsunagu-laws", "--bin", "fuzz", "--"];
    let words = run.iter().map(OsString::from).chain(args.iter().cloned());
    workspace.cargo(words).run()
}

/// The arguments of a search for so long, each time with other inputs.
fn long_run(seconds: u64) -> anyhow::Result<Vec<OsString>> {
    let start = std::time::UNIX_EPOCH.elapsed()?.as_secs();
    let words =
        ["--seconds".to_owned(), seconds.to_string(), "--start".to_owned(), start.to_string()];
    Ok(words.into_iter().map(OsString::from).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_of_the_gateway_are_handed_on() {
        let words = ["cargo xtask", "demo", "--once", "--report", "out.json"];
        let Task::Demo(passed) = Cli::parse_from(words).task else { panic!("another task") };
        assert_eq!(passed.args, ["--once", "--report", "out.json"]);
    }

    #[test]
    fn a_long_run_looks_for_growth_or_for_inputs() {
        let soak = |words: &[&str]| match Cli::parse_from([&["x", "soak"], words].concat()).task {
            Task::Soak(soak) => (soak.fuzz, soak.args),
            _ => panic!("another task"),
        };
        assert_eq!(soak(&["--fuzz", "60"]), (Some(60), Vec::new()));
        assert_eq!(soak(&["--hours", "2"]), (None, vec!["--hours".into(), "2".into()]));
        let words = long_run(60).unwrap();
        assert_eq!(words[..3], ["--seconds", "60", "--start"]);
    }

    #[test]
    fn steps_are_named_on_the_command_line() {
        assert!(Cli::try_parse_from(["cargo xtask", "test", "--only", "docs"]).is_ok());
        assert!(Cli::try_parse_from(["cargo xtask", "test", "--only", "luck"]).is_err());
    }
}
