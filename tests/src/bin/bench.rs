//! `cargo xtask bench`: how fast the gateway is, as ratios to yardsticks of the same run. docs/performance.md says what they mean.
#![expect(clippy::print_stdout, reason = "a measurement for people")]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::Parser;
use tsunagu_tests::bench::gateway::{self, Gateway, MACHINE, Process};
use tsunagu_tests::bench::load::{self, Slice};
use tsunagu_tests::bench::report::{HEAD, Round, Row};
use tsunagu_tests::bench::token::Signer;
use tsunagu_tests::bench::town::{self, Client, TYPE};
use tsunagu_tests::bench::yardstick::{self, Raw};

/// Connections that read.
const READERS: usize = 16;
/// Connections that wait for the disk.
const WRITERS: usize = 64;

#[derive(Debug, Parser)]
struct Options {
    /// Less data and time: under a minute
    #[arg(long)]
    quick: bool,
    /// Only these rows of the table
    #[arg(long, value_delimiter = ',')]
    rows: Vec<u32>,
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
    let place = tempfile::tempdir()?;
    let rows = Bench::prepare(&options, place.path())?.run()?;
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

/// Everything that is measured with.
struct Bench<'a> {
    options: &'a Options,
    folder: &'a Path,
    entities: u64,
    rounds: usize,
    time: Duration,
    server: Process,
    address: SocketAddr,
    machine: Signer,
    issuer: String,
    clients: Vec<Client>,
    started: Vec<Row>,
    created: AtomicU64,
}

impl<'a> Bench<'a> {
    fn prepare(options: &'a Options, folder: &'a Path) -> anyhow::Result<Self> {
        let (entities, residents, rounds, time) =
            if options.quick { (20_000, 500, 5, 500) } else { (100_000, 10_000, 9, 2_000) };
        let gateway = Gateway::configure(gateway::program()?, &folder.join("gateway"), None)?;
        // The first start makes the keys that the tokens of residents need.
        gateway.start()?.kill()?;
        println!("filling: {entities} entities, {residents} residents with consents");
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let clients = runtime.block_on(town::fill(&gateway, entities, residents))?;
        drop(runtime);
        let mut starts = Vec::new();
        for _ in 0..2 {
            let process = gateway.start()?;
            starts.push(process.ready_after.as_secs_f64() * 1e3);
            process.kill()?;
        }
        let server = gateway.start()?;
        starts.push(server.ready_after.as_secs_f64() * 1e3);
        std::thread::sleep(Duration::from_secs(1));
        let with = format!("{entities} entities on disk");
        let start = tsunagu_tests::bench::report::median(starts);
        let mut started =
            vec![Row::of_figure(12, &format!("start to ready, {with}"), start, "ms", 100.0)];
        if let Some(resident) = server.resident_mib() {
            let work = format!("resident memory, idle, {with}");
            started.push(Row::of_figure(13, &work, resident, "MiB", 25.0));
        }
        Ok(Self {
            options,
            folder,
            entities,
            rounds,
            time: Duration::from_millis(time),
            server,
            address: gateway.address,
            machine: Signer::of_client(&gateway.machine)?,
            issuer: gateway.issuer(),
            clients,
            started,
            created: AtomicU64::new(entities),
        })
    }

    fn run(self) -> anyhow::Result<Vec<Row>> {
        let wanted = |row: u32| self.options.rows.is_empty() || self.options.rows.contains(&row);
        let one =
            |n: u64| format!("/ngsi-ld/v1/entities/{}", town::id(scattered(n) % self.entities));
        let page = format!("/ngsi-ld/v1/entities?type={TYPE}&limit=20");
        let by_code = |n: u64| {
            let code = town::code(scattered(n) % self.entities);
            format!("/ngsi-ld/v1/entities?type={TYPE}&q=stationCode==%22{code}%22&limit=20")
        };
        let mut rows = Vec::new();
        if wanted(1) {
            rows.push(self.reads(1, "GET entity by id, anonymous", 0.75, false, &one)?);
            rows.push(self.reads(1, "GET entity by id, machine's token", 0.75, true, &one)?);
        }
        if wanted(2) {
            rows.push(self.personal()?);
        }
        if wanted(3) {
            rows.push(self.reads(3, "query by type, limit 20", 0.50, true, &|_| page.clone())?);
        }
        if wanted(4) {
            rows.push(self.reads(4, "query q on an indexed attribute", 0.30, true, &by_code)?);
        }
        if wanted(6) {
            rows.push(self.creates()?);
        }
        rows.extend(self.started.iter().filter(|row| wanted(row.row)).cloned());
        Ok(rows)
    }

    fn token(&self) -> anyhow::Result<String> {
        self.machine.for_machine(self.address, &self.issuer, MACHINE)
    }

    /// Reads open data against A with the same bytes.
    fn reads(
        &self,
        row: u32,
        work: &str,
        target: f64,
        with_token: bool,
        path: &(dyn Fn(u64) -> String + Sync),
    ) -> anyhow::Result<Row> {
        let token = if with_token { Some(self.token()?) } else { None };
        let request = |n: u64, out: &mut Vec<u8>| {
            get(&path(n), token.as_deref(), out);
        };
        self.against_bare(row, work, target, READERS, &request)
    }

    /// Reads of residents' data by their app.
    fn personal(&self) -> anyhow::Result<Row> {
        let request = |n: u64, out: &mut Vec<u8>| {
            let at = usize::try_from(scattered(n)).unwrap_or(0) % self.clients.len();
            let Client { path, token } = &self.clients[at];
            get(path, Some(token), out);
        };
        let work = "GET personal entity, app's token, consent view, durable audit";
        self.against_bare(2, work, 0.50, WRITERS, &request)
    }

    fn against_bare(
        &self,
        row: u32,
        work: &str,
        target: f64,
        connections: usize,
        request: &(dyn Fn(u64, &mut Vec<u8>) + Send + Sync),
    ) -> anyhow::Result<Row> {
        println!("{work}");
        let mut first = Vec::new();
        request(0, &mut first);
        let answer = load::once(self.address, &first)?;
        let body = String::from_utf8_lossy(&answer.body);
        ensure!(answer.status == 200, "the first answer was {}: {body}", answer.status);
        ensure!(answer.body.len() > 200, "the first answer is too short: {body}");
        println!("  an answer has {} bytes", answer.body.len());
        let (bare, address) = self.bare(&answer.body)?;
        let plain = |_: u64, out: &mut Vec<u8>| get("/body", None, out);
        self.rounds(row, work, "A", target, |time| {
            let before = (self.server.cpu_seconds(), bare.cpu_seconds());
            let reference = load::run(address, connections, time, 200, &plain)?;
            let ours = load::run(self.address, connections, time, 200, request)?;
            let cpu = (self.server.cpu_seconds() - before.0, bare.cpu_seconds() - before.1);
            Ok(Round { reference, ours, cpu: Some(cpu) })
        })
    }

    /// Yardstick A for these bytes.
    fn bare(&self, body: &[u8]) -> anyhow::Result<(Process, SocketAddr)> {
        let folder = self.folder.join("bodies");
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join("body"), body)?;
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("--yardstick").arg(&folder);
        let process = Process::start(command)?;
        let address = process.said.rsplit("http://").next().context("no address")?.parse()?;
        Ok((process, address))
    }

    /// Durable creates against S.
    fn creates(&self) -> anyhow::Result<Row> {
        println!("POST create, durable");
        let token = self.token()?;
        let raw = Raw::open(&self.folder.join("raw"))?;
        // Ready to be sent but for the id: what the generator costs is in our figure and not in S.
        let requests = (0..1_000).map(|n| {
            let body = town::entity(n).to_string();
            let request = format!(
                "POST /ngsi-ld/v1/entities HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n\
                 Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            let at = request.find(&town::id(n)).context("an entity without its id")?;
            Ok((request.into_bytes(), at))
        });
        let requests = requests.collect::<anyhow::Result<Vec<_>>>()?;
        let request = |_: u64, out: &mut Vec<u8>| {
            let n = self.created.fetch_add(1, Ordering::Relaxed);
            let (like, at) = &requests[usize::try_from(n % 1_000).unwrap_or(0)];
            out.extend_from_slice(like);
            // The ids are all of one length.
            let id = town::id(n);
            out[*at..*at + id.len()].copy_from_slice(id.as_bytes());
        };
        self.rounds(6, "POST create, durable", "S", 0.60, |time| {
            let reference = raw.run(WRITERS, time)?;
            let before = self.server.cpu_seconds();
            let ours = load::run(self.address, WRITERS, time, 201, &request)?;
            let cpu = (self.server.cpu_seconds() - before, 0.0);
            Ok(Round { reference, ours, cpu: Some(cpu) })
        })
    }

    /// Interleaves yardstick and gateway; the first, unmeasured round warms both.
    fn rounds(
        &self,
        row: u32,
        work: &str,
        yardstick: &str,
        target: f64,
        round: impl Fn(Duration) -> anyhow::Result<Round>,
    ) -> anyhow::Result<Row> {
        round(self.time)?;
        let mut all = Vec::with_capacity(self.rounds);
        for _ in 0..self.rounds {
            let done = round(self.time)?;
            let rate = |slice: &Slice| slice.rate();
            let (ours, reference) = (rate(&done.ours), rate(&done.reference));
            println!("  {ours:>8.0}/s, {yardstick} {reference:>8.0}/s: {:.2}", ours / reference);
            all.push(done);
        }
        Ok(Row::of_rounds(row, work, yardstick, target, &all))
    }
}

fn get(path: &str, token: Option<&str>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"GET ");
    out.extend_from_slice(path.as_bytes());
    out.extend_from_slice(b" HTTP/1.1\r\nHost: bench\r\n");
    if let Some(token) = token {
        out.extend_from_slice(b"Authorization: Bearer ");
        out.extend_from_slice(token.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
}

/// Numbers without order.
fn scattered(n: u64) -> u64 {
    n.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 20
}
