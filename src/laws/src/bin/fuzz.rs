//! Looks for inputs that break a law, on stable Rust: `cargo xtask fuzz`.
#![expect(clippy::print_stdout, reason = "a developer's tool talks on the terminal")]

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser;
use tsunagu_laws::run::{Done, Until, run};
use tsunagu_laws::{TARGETS, Target, seeds, target};

/// Looks for inputs that break a law.
#[derive(Parser)]
#[command(bin_name = "cargo xtask fuzz")]
struct Cli {
    /// Only these targets
    targets: Vec<String>,
    /// So many inputs for each target
    #[arg(long, default_value_t = 20_000)]
    rounds: u64,
    /// So many seconds for all targets together, instead
    #[arg(long, value_name = "SECONDS")]
    seconds: Option<u64>,
    /// Another start gives other inputs
    #[arg(long, default_value_t = 1)]
    start: u64,
}

fn main() -> anyhow::Result<ExitCode> {
    let cli = Cli::parse();
    let chosen: Vec<&Target> = match cli.targets.as_slice() {
        [] => TARGETS.iter().collect(),
        names => {
            let find = |name: &String| target(name).with_context(|| format!("no target {name}"));
            names.iter().map(find).collect::<anyhow::Result<_>>()?
        }
    };
    let share = u64::try_from(chosen.len()).unwrap_or(1);
    let until = cli.seconds.map_or(Until::Rounds(cli.rounds), |seconds| {
        Until::Elapsed(Duration::from_millis(seconds * 1000 / share))
    });
    // A panic is reported once, as a counterexample.
    std::panic::set_hook(Box::new(|_| {}));
    let mut broken = 0;
    for target in chosen {
        match run(target, &seeds::of(target.name)?, cli.start, until) {
            Ok(done) => {
                let Done { tried, taken, slowest } = done;
                println!(
                    "{:<10} {tried:>9} tried {taken:>9} taken, slowest {slowest:.1?}",
                    target.name
                );
            }
            Err(found) => {
                broken += 1;
                let folder = seeds::folder().join("artifacts").join(target.name);
                std::fs::create_dir_all(&folder)?;
                let file = folder.join(format!("start-{}", cli.start));
                std::fs::write(&file, &found.input)?;
                println!("{:<10} broken: {}", target.name, found.why);
                println!("{:<10} by {:?}", "", String::from_utf8_lossy(&found.input));
                println!("{:<10} in {}", "", file.display());
            }
        }
    }
    println!("{broken} laws are broken");
    Ok(if broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
