//! One measurement: a filled gateway, and the rows of the table that are measured with it.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use anyhow::Context as _;

use super::gateway::{self, Gateway, MACHINE, Process};
use super::load::Slice;
use super::notify::Receiver;
use super::report::{Round, Row, median};
use super::token::Signer;
use super::town::{self, Client};
use super::yardstick::Raw;

/// Connections that read.
pub(crate) const READERS: usize = 16;
/// Connections that wait for the disk.
pub(crate) const WRITERS: usize = 64;

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    /// Open entities.
    pub entities: u64,
    /// Residents with consents.
    pub residents: u64,
    /// Entities with a past of 100 instances.
    pub pasts: u64,
    /// Subscriptions.
    pub subscriptions: u64,
    /// Measured rounds of each row.
    pub rounds: usize,
    /// How long each side of a round takes.
    pub time: Duration,
}

impl Scale {
    /// What docs/performance.md shows.
    pub fn full() -> Self {
        Self {
            entities: 100_000,
            residents: 10_000,
            pasts: 10_000,
            subscriptions: 10_000,
            rounds: 9,
            time: Duration::from_secs(2),
        }
    }

    /// A quick look.
    pub fn quick() -> Self {
        Self {
            entities: 20_000,
            residents: 500,
            pasts: 500,
            subscriptions: 10_000,
            rounds: 5,
            time: Duration::from_millis(500),
        }
    }
}

/// Measures a row, or several of one number.
type Measure<'a> = fn(&Bench<'a>) -> anyhow::Result<Vec<Row>>;

/// Everything that is measured with.
#[derive(Debug)]
pub struct Bench<'a> {
    pub(crate) scale: Scale,
    pub(crate) folder: &'a Path,
    pub(crate) server: Process,
    pub(crate) address: SocketAddr,
    pub(crate) clients: Vec<Client>,
    /// The next number of an entity that is not there yet.
    pub(crate) created: AtomicU64,
    machine: Signer,
    issuer: String,
    started: Vec<Row>,
    raw: OnceLock<Raw>,
    /// Who is notified: of one subscription, and of many.
    pub(crate) receivers: [Receiver; 2],
    pub(crate) subscribed: OnceLock<()>,
}

impl<'a> Bench<'a> {
    /// Fills a gateway in an empty folder and starts it.
    pub fn prepare(scale: Scale, folder: &'a Path) -> anyhow::Result<Self> {
        let Scale { entities, residents, .. } = scale;
        let receivers = [Receiver::start()?, Receiver::start()?];
        let addresses = receivers.each_ref().map(|receiver| receiver.address);
        let program = gateway::program()?;
        let gateway = Gateway::configure(program, &folder.join("gateway"), None, &addresses)?;
        // The first start makes the keys that the tokens of residents need.
        gateway.start()?.kill()?;
        say(&format!("filling: {entities} entities, {residents} residents with consents"));
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
        let mut started = vec![Row::of_figure(
            12,
            &format!("start to ready, {with}"),
            median(starts),
            "ms",
            100.0,
        )];
        if let Some(resident) = server.resident_mib() {
            // What a million entities may take beside the idle process, in proportion.
            let allowed = 25.0 + 64.0 * town::millions(entities);
            let work = format!("resident memory, idle, {with}");
            let most = if entities < 1_000_000 { 25.0 } else { allowed };
            started.push(Row::of_figure(13, &work, resident, "MiB", most));
        }
        Ok(Self {
            scale,
            folder,
            server,
            address: gateway.address,
            machine: Signer::of_client(&gateway.machine)?,
            issuer: gateway.issuer(),
            clients,
            started,
            created: AtomicU64::new(entities),
            raw: OnceLock::new(),
            receivers,
            subscribed: OnceLock::new(),
        })
    }

    /// Measures these rows, or all of them.
    pub fn run(self, rows: &[u32]) -> anyhow::Result<Vec<Row>> {
        let wanted = |row: u32| rows.is_empty() || rows.contains(&row);
        // In this order, because subscriptions would burden what comes after them.
        let all: [(u32, Measure<'a>); 15] = [
            (1, Self::entity_by_id),
            (2, Self::personal),
            (17, Self::cost_of_trust),
            (3, Self::by_type),
            (4, Self::by_value),
            (5, Self::by_place),
            (15, Self::at_seventy_percent),
            (6, Self::creates),
            (8, Self::batches),
            (18, Self::activities),
            (9, Self::past),
            (10, Self::aggregate),
            (16, Self::unconcerned),
            (7, Self::changes),
            (11, Self::notifications),
        ];
        let mut done = Vec::new();
        for (_, measure) in all.iter().filter(|(row, _)| wanted(*row)) {
            done.extend(measure(&self)?);
        }
        done.extend(self.started.iter().filter(|row| wanted(row.row)).cloned());
        done.sort_by_key(|row| row.row);
        Ok(done)
    }

    /// A token of the machine client.
    pub(crate) fn token(&self) -> anyhow::Result<String> {
        self.machine.for_machine(self.address, &self.issuer, MACHINE)
    }

    /// Yardstick S.
    pub(crate) fn raw(&self) -> anyhow::Result<&Raw> {
        if let Some(raw) = self.raw.get() {
            return Ok(raw);
        }
        let raw = Raw::open(&self.folder.join("raw"))?;
        Ok(self.raw.get_or_init(|| raw))
    }

    /// Yardstick A for these bytes.
    pub(crate) fn bare(&self, body: &[u8]) -> anyhow::Result<(Process, SocketAddr)> {
        let folder = self.folder.join("bodies");
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join("body"), body)?;
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("--yardstick").arg(&folder);
        let process = Process::start(command)?;
        let address = process.said.rsplit("http://").next().context("no address")?.parse()?;
        Ok((process, address))
    }

    /// Interleaves yardstick and gateway; the first, unmeasured round warms both.
    pub(crate) fn rounds(
        &self,
        row: u32,
        work: &str,
        yardstick: &str,
        target: f64,
        round: impl Fn(Duration) -> anyhow::Result<Round>,
    ) -> anyhow::Result<Row> {
        let Scale { rounds, time, .. } = self.scale;
        round(time)?;
        let mut all = Vec::with_capacity(rounds);
        for _ in 0..rounds {
            let done = round(time)?;
            let rate = |slice: &Slice| slice.rate();
            let (ours, reference) = (rate(&done.ours), rate(&done.reference));
            let ratio = ours / reference;
            say(&format!("  {ours:>8.0}/s, {yardstick} {reference:>8.0}/s: {ratio:.2}"));
            all.push(done);
        }
        Ok(Row::of_rounds(row, work, yardstick, target, &all))
    }

    /// Against yardstick S; `ours` gives the gateway's slice.
    pub(crate) fn against_raw(
        &self,
        row: u32,
        work: &str,
        target: f64,
        ours: impl Fn(Duration) -> anyhow::Result<Slice>,
    ) -> anyhow::Result<Row> {
        say(work);
        let raw = self.raw()?;
        self.rounds(row, work, "S", target, |time| {
            let reference = raw.run(WRITERS, time)?;
            let before = self.server.cpu_seconds();
            let ours = ours(time)?;
            let cpu = (self.server.cpu_seconds() - before, 0.0);
            Ok(Round { reference, ours, cpu: Some(cpu) })
        })
    }
}

/// Tells how far the measurement is.
#[expect(clippy::print_stdout, reason = "a measurement for people")]
pub(crate) fn say(text: &str) {
    println!("{text}");
}

/// Numbers without order.
pub(crate) fn scattered(n: u64) -> u64 {
    n.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 20
}
