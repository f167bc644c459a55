//! `cargo xtask bench`: how fast the gateway is, as ratios to yardsticks of the same run. docs/performance.md says what they mean.
#![expect(clippy::print_stdout, reason = "a measurement for people")]

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use tsunagu_tests::bench::report::{HEAD, Row};
use tsunagu_tests::bench::run::{Bench, Scale};
use tsunagu_tests::bench::{growth, yardstick};

/// That of the gateway, so that the yardsticks gain by it what the gateway does.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Debug, Parser)]
struct Options {
    /// Less data and time: some two minutes
    #[arg(long)]
    quick: bool,
    /// Only these rows of the table
    #[arg(long, value_delimiter = ',')]
    rows: Vec<u32>,
    /// So many open entities instead of 100,000 (20,000 with --quick)
    #[arg(long, value_name = "N")]
    entities: Option<u64>,
    /// Row 14: measure with each of these numbers of entities, and how the cost grows with them
    #[arg(long, value_delimiter = ',', value_name = "N")]
    growth: Vec<u64>,
    /// Fail when a target is missed
    #[arg(long)]
    enforce: bool,
    /// Write the figures as JSON here
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Be yardstick A for the files of this folder
    #[arg(long, hide = true, value_name = "FOLDER")]
    yardstick: Option<PathBuf>,
}

fn main() -> anyhow::Result<ExitCode> {
    let options = Options::parse();
    if let Some(folder) = &options.yardstick {
        yardstick::serve(folder)?;
        return Ok(ExitCode::SUCCESS);
    }
    let scale = |entities: Option<u64>| {
        let scale = if options.quick { Scale::quick() } else { Scale::full() };
        Scale { entities: entities.unwrap_or(scale.entities), ..scale }
    };
    let run = |entities: Option<u64>, rows: &[u32]| -> anyhow::Result<Vec<Row>> {
        let place = tempfile::tempdir()?;
        Bench::prepare(scale(entities), place.path())?.run(rows)
    };
    let rows = if options.growth.is_empty() {
        run(options.entities, &options.rows)?
    } else {
        growth::measure(&options.growth, &|entities| run(Some(entities), growth::ROWS))?
    };
    println!("\n{HEAD}");
    for row in &rows {
        println!("{}", row.markdown());
    }
    if let Some(file) = &options.json {
        std::fs::write(file, serde_json::to_vec_pretty(&rows)?)?;
    }
    let missed = rows.iter().filter(|row| !row.met).count();
    println!("\n{} of {} targets met", rows.len() - missed, rows.len());
    Ok(if options.enforce && missed > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
