//! Every check of the project, in the order that fails soonest and builds nothing twice.
//!
//! All steps share one profile and one set of features: `build` makes what `tests` and `generated`
//! run, `lints` leaves behind what `docs` reads.

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, bail};
use clap::ValueEnum;

use crate::cargo::{Call, Workspace};
use crate::changed::{self, Scope};
use crate::services::{Running, Services};
use crate::summary::{self, Totals};
use crate::{deps, generate, sizes};

/// Which checks to run, and with what.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only the crates this branch changed; no documentation, no generated files
    #[arg(long)]
    fast: bool,
    /// Only this step (may be given several times)
    #[arg(long, value_name = "STEP")]
    only: Vec<Step>,
    #[command(flatten)]
    running: Running,
}

/// A check, in the order of running.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Step {
    /// rustfmt has nothing to change
    Format,
    /// File lengths, unfinished code, paths of one machine
    Sizes,
    /// The map of the rooms
    Deps,
    /// Clippy has nothing to say
    Lints,
    /// Everything compiles and links
    Build,
    /// Unit, store, integration and browser tests
    Tests,
    /// Examples in the documentation
    Doctests,
    /// The documentation builds and its links lead somewhere
    Docs,
    /// Generated files are current
    Generated,
}

impl Step {
    fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    fn chosen(self, Options { only, fast, .. }: &Options) -> bool {
        let slow = matches!(self, Self::Build | Self::Doctests | Self::Docs | Self::Generated);
        let asked = only.is_empty() || only.contains(&self);
        // What is built is what is run.
        let used =
            self == Self::Build && (only.contains(&Self::Tests) || only.contains(&Self::Generated));
        (asked || used) && !(*fast && slow)
    }
}

/// How a step is done.
enum Work {
    /// By a function of ours; the words are the task that does the same.
    Ours(&'static str, fn(&Workspace) -> anyhow::Result<()>),
    /// By cargo, whose exit code decides.
    Cargo(Call),
    /// By a test runner, whose totals are counted.
    Counted(Call),
    /// The same with services, which end with this run; the words start them again.
    CountedWithServices(Call, &'static str),
}

/// Runs the chosen checks up to the first that fails. The last line printed holds the test
/// runner's own totals, or says that no test ran.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> anyhow::Result<ExitCode> {
    let scope = if options.fast { changed::scope(workspace)? } else { Scope::Workspace };
    let mut suite = Suite { workspace, scope, running: &options.running, totals: None };
    let started = Instant::now();
    let result = Step::value_variants()
        .iter()
        .filter(|step| step.chosen(options))
        .try_for_each(|step| suite.step(*step));
    println!("\nafter {:.0} s", started.elapsed().as_secs_f64());
    if let Err(error) = &result {
        eprintln!("error: {error:#}");
    }
    match suite.totals {
        Some(totals) => println!("{totals}"),
        None => println!("no test was run"),
    }
    Ok(if result.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

struct Suite<'a> {
    workspace: &'a Workspace,
    scope: Scope,
    running: &'a Running,
    totals: Option<Totals>,
}

impl Suite<'_> {
    fn step(&mut self, step: Step) -> anyhow::Result<()> {
        let name = step.name();
        println!("\n=== {name}");
        let started = Instant::now();
        let nothing = matches!(&self.scope, Scope::Packages(names) if names.is_empty());
        if nothing && matches!(step, Step::Lints | Step::Tests) {
            println!("no crate was changed");
            return Ok(());
        }
        let work = self.plan(step);
        self.perform(&work).with_context(|| {
            let again = match &work {
                Work::Ours(task, _) | Work::CountedWithServices(_, task) => {
                    format!("cargo xtask {task}")
                }
                Work::Cargo(call) | Work::Counted(call) => call.to_string(),
            };
            format!("{name} failed (to see it again: {again})")
        })?;
        println!("=== {name}: held, {:.1} s", started.elapsed().as_secs_f64());
        Ok(())
    }

    fn perform(&mut self, work: &Work) -> anyhow::Result<()> {
        match work {
            Work::Ours(_, check) => check(self.workspace),
            Work::Cargo(call) => call.run(),
            Work::Counted(call) => self.count(call),
            Work::CountedWithServices(call, _) => {
                let services = Services::start(self.workspace, self.running)?;
                self.count(&services.known_to(call))
            }
        }
    }

    fn plan(&self, step: Step) -> Work {
        let scoped = |command: &[&str], rest: &[&str]| {
            let words = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
            self.workspace.cargo([words(command), self.scope.arguments(), words(rest)].concat())
        };
        match step {
            Step::Format => Work::Cargo(self.workspace.cargo(["fmt", "--all", "--check"])),
            Step::Sizes => Work::Ours("sizes", sizes::run),
            Step::Deps => Work::Ours("deps", deps::run),
            Step::Lints => {
                Work::Cargo(scoped(&["clippy"], &["--all-targets", "--", "-D", "warnings"]))
            }
            Step::Build => Work::Cargo(scoped(&["build"], &["--all-targets"])),
            Step::Tests => {
                let call = if self.has_nextest() {
                    scoped(&["nextest", "run"], &["--no-tests=warn"])
                } else {
                    // Every kind but `--doc`, whose turn comes later.
                    let kinds = ["--lib", "--bins", "--tests", "--examples", "--no-fail-fast"];
                    scoped(&["test"], &kinds)
                };
                let whole = self.scope == Scope::Workspace;
                let again = if whole { "test --only tests" } else { "test --fast --only tests" };
                Work::CountedWithServices(call, again)
            }
            Step::Doctests => Work::Counted(scoped(&["test", "--doc"], &["--no-fail-fast"])),
            Step::Docs => {
                // Naming the examples makes cargo unite features as it did for the lints.
                let kinds = ["--no-deps", "--lib", "--bins", "--examples"];
                Work::Cargo(scoped(&["doc"], &kinds).env("RUSTDOCFLAGS", "-D warnings"))
            }
            Step::Generated => {
                Work::Ours("gen --check", |workspace| generate::run(workspace, true))
            }
        }
    }

    fn has_nextest(&self) -> bool {
        self.workspace.cargo(["nextest", "--version"]).succeeds()
    }

    /// Runs tests and adds their totals, which must be there.
    fn count(&mut self, call: &Call) -> anyhow::Result<()> {
        let (output, success) = call.watch()?;
        let totals = summary::parse(&output);
        if let Some(totals) = totals {
            self.totals = Some(self.totals.unwrap_or_default() + totals);
        }
        match totals {
            None => bail!("the test runner printed no summary"),
            Some(totals) if totals.failed > 0 => bail!("{totals}"),
            Some(_) if !success => bail!("the test runner failed, although no test did"),
            Some(_) => Ok(()),
        }
    }
}
