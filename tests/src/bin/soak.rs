//! `cargo xtask soak`: kills the gateway again and again while it is written to, and compares what it has with what it acknowledged.
#![expect(clippy::print_stdout, reason = "a report for people")]

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{bail, ensure};
use clap::Parser;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tsunagu_tests::bench::gateway::{self, Gateway, MACHINE, Process};
use tsunagu_tests::bench::imports;
use tsunagu_tests::bench::served::Served;
use tsunagu_tests::bench::soak::{Chance, Writer};
use tsunagu_tests::bench::token::Signer;
use tsunagu_tests::bench::town;
use tsunagu_tests::coins;

/// Whose data is read.
const RESIDENTS: u64 = 50;

#[derive(Debug, Parser)]
struct Options {
    /// How often the gateway is killed (SIGKILL), on each store
    #[arg(long, default_value_t = 10)]
    kills: u32,
    /// For how many seconds it is written to in all, on each store
    #[arg(long, default_value_t = 20)]
    seconds: u32,
    /// Decides what is written and when it is killed
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many write, or read, at once
    #[arg(long, default_value_t = 32)]
    writers: u64,
    /// Kill it while residents' data is read instead: no read that was answered may be missing from the record of access
    #[arg(long)]
    reads: bool,
    /// Play the way of a coin in simulated towns instead, so many events in all; what fails prints the seed that repeats it
    #[arg(long, requires = "events", conflicts_with = "reads")]
    coins: bool,
    /// With --coins: how many activities are sent
    #[arg(long, value_name = "N")]
    events: Option<u64>,
    /// Import files of municipal records instead: rows a second, and the most memory, for `--rows` and a fifth of them
    #[arg(long)]
    import: bool,
    /// Rows of the file that is imported; 5,000,000 are 1 GB
    #[arg(long, default_value_t = 1_000_000, requires = "import")]
    rows: u64,
    /// Also on this PostgreSQL server, in a schema of its own that stays
    #[arg(long, env = "TEST_POSTGRES_URL", hide_env_values = true)]
    postgres_url: Option<String>,
}

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    if let Some(events) = options.events.filter(|_| options.coins) {
        return coins(options.seed, events);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    if options.import {
        let place = tempfile::tempdir()?;
        let program = gateway::program()?;
        return imports::run(&program, place.path(), options.rows, &mut |line| println!("{line}"));
    }
    if options.reads {
        return reads(&options, &runtime);
    }
    soak(&options, None, &runtime)?;
    match options.postgres_url.as_deref().filter(|url| !url.is_empty()) {
        Some(url) => soak(&options, Some(url), &runtime)?,
        None => println!("PostgreSQL was left out: TEST_POSTGRES_URL is not set"),
    }
    Ok(())
}

/// Simulated towns with seeds one after another, as many at once as there are processors.
fn coins(seed: u64, events: u64) -> anyhow::Result<()> {
    let towns = events.div_ceil(coins::MOST_EVENTS).max(1);
    let (next, begun) = (AtomicU64::new(0), Instant::now());
    let total = Mutex::new(coins::Summary::default());
    let play = || -> anyhow::Result<()> {
        loop {
            let town = next.fetch_add(1, Ordering::SeqCst);
            if town >= towns {
                return Ok(());
            }
            let played = coins::simulate(seed.wrapping_add(town), events.div_ceil(towns));
            if played.is_err() {
                next.store(towns, Ordering::SeqCst);
            }
            total.lock().unwrap_or_else(PoisonError::into_inner).add(&played?);
        }
    };
    std::thread::scope(|scope| {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let playing: Vec<_> = (0..threads).map(|_| scope.spawn(play)).collect();
        playing
            .into_iter()
            .try_for_each(|thread| thread.join().unwrap_or_else(|_| bail!("a simulation panicked")))
    })?;
    let total = total.into_inner().unwrap_or_else(PoisonError::into_inner);
    println!("{total}");
    println!("{towns} towns from seed {seed} on, in {:.0} s", begun.elapsed().as_secs_f64());
    Ok(())
}

/// Residents' data is read and the gateway killed, on the embedded store.
fn reads(options: &Options, runtime: &tokio::runtime::Runtime) -> anyhow::Result<()> {
    let place = tempfile::tempdir()?;
    let gateway = Gateway::configure(gateway::program()?, place.path(), None, &[])?;
    let outcome =
        read_and_kill(options, &gateway, runtime).and_then(|()| settle(&gateway, place.path()));
    if outcome.is_err() {
        println!("  everything is kept in {}", place.keep().display());
    }
    outcome
}

fn read_and_kill(
    options: &Options,
    gateway: &Gateway,
    runtime: &tokio::runtime::Runtime,
) -> anyhow::Result<()> {
    // It makes its keys, which are needed to fill its store.
    gateway.start()?.kill()?;
    let clients = Arc::new(runtime.block_on(town::fill(gateway, 0, RESIDENTS))?);
    let readers = usize::try_from(options.writers)?;
    let mut chance = Chance::new(options.seed);
    let share = u64::from(options.seconds) * 1_000 / u64::from(options.kills.max(1));
    let mut served = Served::default();
    let begun = Instant::now();
    for kill in 1..=options.kills {
        let process = gateway.start()?;
        served.within(gateway.address)?;
        let (stop, stopped) = watch::channel(false);
        let time = Duration::from_millis(1 + chance.below(2 * share.max(1)));
        runtime.block_on(async {
            let killed = async {
                tokio::time::sleep(time).await;
                // In the middle of what they do: they are told to stop only after that.
                let killed = process.kill();
                stop.send_replace(true);
                killed
            };
            let read = served.read(gateway.address, &clients, readers, &stopped);
            let (killed, read) = tokio::join!(killed, read);
            killed.and(read)
        })?;
        if kill % 100 == 0 || kill == options.kills {
            let (served, seconds) = (served.len(), begun.elapsed().as_secs());
            println!("  {kill} kills in {seconds} s, {served} reads answered so far");
        }
    }
    ensure!(!served.is_empty(), "nothing was read before it was killed; give it more seconds");
    runtime.block_on(served.compare(gateway))?;
    println!("  each of {} answered reads has its entry", served.len());
    Ok(())
}

/// One store, from empty to its last kill.
fn soak(
    options: &Options,
    store: Option<&str>,
    runtime: &tokio::runtime::Runtime,
) -> anyhow::Result<()> {
    println!("{}", if store.is_some() { "PostgreSQL" } else { "embedded store" });
    let place = tempfile::tempdir()?;
    let gateway = Gateway::configure(gateway::program()?, place.path(), store, &[])?;
    let outcome = rounds(options, &gateway, runtime).and_then(|()| settle(&gateway, place.path()));
    if outcome.is_err() {
        println!("  everything is kept in {}", place.keep().display());
    }
    outcome
}

fn rounds(
    options: &Options,
    gateway: &Gateway,
    runtime: &tokio::runtime::Runtime,
) -> anyhow::Result<()> {
    let signer = Signer::of_client(&gateway.machine)?;
    let token = || signer.for_machine(gateway.address, &gateway.issuer(), MACHINE);
    let mut writers: Vec<Writer> =
        (0..options.writers).map(|n| Writer::new(options.seed, n)).collect();
    let mut chance = Chance::new(options.seed);
    let share = u64::from(options.seconds) * 1_000 / u64::from(options.kills.max(1));
    let mut process = gateway.start()?;
    for kill in 1..=options.kills {
        let time = Duration::from_millis(1 + share / 2 + chance.below(share.max(1)));
        writers = runtime.block_on(write(writers, gateway, token()?, process, time))?;
        let begun = Instant::now();
        process = gateway.start()?;
        let started = begun.elapsed().as_millis();
        let everything = kill == options.kills;
        let (all, wrong) = runtime.block_on(look(writers, gateway, token()?, everything))?;
        writers = all;
        ensure!(wrong.is_empty(), "kill {kill}, seed {}:\n{}", options.seed, wrong.join("\n"));
        let acknowledged: u64 = writers.iter().map(|writer| writer.acknowledged).sum();
        println!(
            "  kill {kill}: after {} ms, {acknowledged} writes acknowledged so far, none lost; ready again in {started} ms",
            time.as_millis()
        );
    }
    let entities: usize = writers.iter().map(Writer::entities).sum();
    println!("  {entities} entities are as acknowledged");
    process.kill()
}

/// Lets all write, kills the gateway after `time`, and waits until they notice.
async fn write(
    writers: Vec<Writer>,
    gateway: &Gateway,
    token: String,
    process: Process,
    time: Duration,
) -> anyhow::Result<Vec<Writer>> {
    let (stop, stopped) = watch::channel(false);
    let mut tasks = JoinSet::new();
    for mut writer in writers {
        let (token, stopped, address) = (token.clone(), stopped.clone(), gateway.address);
        tasks.spawn(async move {
            writer.write(address, &token, stopped).await?;
            anyhow::Ok(writer)
        });
    }
    tokio::time::sleep(time).await;
    // In the middle of what they do: they are told to stop only after that.
    process.kill()?;
    stop.send_replace(true);
    let mut back = Vec::new();
    while let Some(writer) = tasks.join_next().await {
        back.push(writer??);
    }
    Ok(back)
}

async fn look(
    writers: Vec<Writer>,
    gateway: &Gateway,
    token: String,
    everything: bool,
) -> anyhow::Result<(Vec<Writer>, Vec<String>)> {
    let mut tasks = JoinSet::new();
    for mut writer in writers {
        let (token, address) = (token.clone(), gateway.address);
        tasks.spawn(async move {
            let wrong = writer.look(address, &token, everything).await?;
            anyhow::Ok((writer, wrong))
        });
    }
    let (mut back, mut all) = (Vec::new(), Vec::new());
    while let Some(done) = tasks.join_next().await {
        let (writer, wrong) = done??;
        back.push(writer);
        all.extend(wrong);
    }
    Ok((back, all))
}

/// After the last kill: indexes, encodings and the log of accesses.
fn settle(gateway: &Gateway, place: &Path) -> anyhow::Result<()> {
    println!("  doctor: {}", gateway.tool(&["doctor"])?.trim());
    let key = gateway.tool(&["audit", "key"])?;
    let out = place.join("audit");
    let folder = out.to_string_lossy();
    println!("  {}", gateway.tool(&["audit", "export", "--out", &folder])?.trim());
    let verified = std::process::Command::new(&gateway.program)
        .args(["audit", "verify", &folder, "--key", key.trim()])
        .output()?;
    if !verified.status.success() {
        bail!("the log does not verify: {}", String::from_utf8_lossy(&verified.stdout));
    }
    println!("  the log verifies");
    Ok(())
}
