//! The gateway as a process.

use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use serde_json::Value;
use tsunagu_sandbox::KeyPair;

/// A machine client for open data.
pub const MACHINE: &str = "bench-machine";
/// A residents' app.
pub const APP: &str = "bench-app";
/// Its sector.
pub const SECTOR: &str = "app.bench.example";
/// The tenant.
pub const TENANT: &str = "tsuno";
/// A tenant where nobody subscribes to anything.
pub const QUIET: &str = "quiet";
/// The attribute whose values are indexed.
pub const INDEXED: &str = "stationCode";

/// A configured gateway in a folder, running or not.
#[derive(Debug)]
pub struct Gateway {
    /// The program.
    pub program: PathBuf,
    /// Where everything of it is.
    pub folder: PathBuf,
    /// Where it listens.
    pub address: SocketAddr,
    /// The machine client's keys.
    pub machine: KeyPair,
}

/// One rule with every kind of limit, none of which is in the way.
const RULES: &str = r#"{"v": 1, "rules": [{
    "id": "walk", "version": 1, "entity_type": "HealthActivity",
    "condition": "activity.steps >= 50", "amount": "activity.steps >= 80 ? 2 : 1", "max_amount": 2,
    "per_person_per_day": 1000000, "per_person_per_month": 1000000, "per_person": 1000000, "budget": 1000000000000,
    "valid_from": "2000-01-01", "valid_until": "2200-01-01", "accept_days": 20000, "tz": "Asia/Tokyo",
    "label": {"ja": "歩く", "en": "Walk"}
}]}"#;

impl Gateway {
    /// Writes a configuration into `folder`. `store` is a folder or `postgres://…`; by default a folder beside it. `receivers` may be notified.
    pub fn configure(
        program: PathBuf,
        folder: &Path,
        store: Option<&str>,
        receivers: &[SocketAddr],
    ) -> anyhow::Result<Self> {
        let receivers: Vec<String> = receivers.iter().map(ToString::to_string).collect();
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let (machine, app) = (KeyPair::generate()?, KeyPair::generate()?);
        let text = |path: PathBuf| path.to_string_lossy().into_owned();
        let schema = format!("tsunagu_measured_{}", std::process::id());
        let schema = store.map_or_else(String::new, |_| format!("store_schema = {schema:?}"));
        let store = store.map_or_else(|| text(folder.join("store")), str::to_owned);
        let keys = text(folder.join("keys"));
        let rules = text(folder.join("rewards.json"));
        let config = format!(
            r#"listen = "{address}"
base_url = "http://{address}"
store = {store:?}
{schema}
keys = {keys:?}
rewards = {rules:?}

[town]
tenant = "{TENANT}"
name = {{ ja = "都農町", en = "Tsuno Town" }}
help_desk = {{ phone = "0983-00-0000", hours = {{ ja = "平日", en = "weekdays" }} }}
municipality = {{ prefecture = "宮崎県", county = "児湯郡", name = "都農町" }}

[broker]
open_data_for_all = true
indexed_attributes = ["{INDEXED}"]
tenants = ["{QUIET}"]

[outbound]
allow_private = {receivers:?}

[[clients]]
id = "{MACHINE}"
name = {{ ja = "計測", en = "Measurement" }}
sector = "machine.bench.example"
kind = "publisher"
jwks = {{ keys = [{machine_jwk}] }}
publishes = ["ResidentRecord"]
reads_open_data = true
writes_open_data = true
bearer = true
tenants = ["{QUIET}"]
contact = "0983-00-0000"

[[clients]]
id = "{APP}"
name = {{ ja = "アプリ", en = "App" }}
sector = "{SECTOR}"
kind = "consumer"
redirect_uris = ["http://127.0.0.1/callback"]
jwks = {{ keys = [{app_jwk}] }}
purposes = ["health-coaching"]
data_classes = ["contact", "basic", "health-activity"]
bearer = true
contact = "0983-00-0000"
"#,
            machine_jwk = inline(&machine.public),
            app_jwk = inline(&app.public),
        );
        std::fs::create_dir_all(folder)?;
        std::fs::write(folder.join("tsunagu.toml"), config)?;
        std::fs::write(rules, RULES)?;
        Ok(Self { program, folder: folder.to_owned(), address, machine })
    }

    /// Its issuer identifier.
    pub fn issuer(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A command of its program that works on its store while it is stopped; gives what it said.
    pub fn tool(&self, command: &[&str]) -> anyhow::Result<String> {
        let config = self.folder.join("tsunagu.toml");
        let output = Command::new(&self.program).args(command).arg("--config").arg(config).output();
        let output = output?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let wrong = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{} failed: {said}{wrong}", command.join(" "));
        Ok(said)
    }

    /// Starts it and waits until it answers.
    pub fn start(&self) -> anyhow::Result<Process> {
        let mut command = Command::new(&self.program);
        command.arg("serve").arg("--config").arg(self.folder.join("tsunagu.toml"));
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.folder.join("gateway.log"))?;
        command.stderr(log);
        Process::start(command).with_context(|| {
            let log = std::fs::read_to_string(self.folder.join("gateway.log"));
            format!("the gateway did not start:\n{}", log.unwrap_or_default())
        })
    }
}

fn inline(jwk: &Value) -> String {
    let members = jwk.as_object().into_iter().flatten();
    let pairs: Vec<String> = members
        .filter_map(|(name, value)| Some(format!("{name} = {:?}", value.as_str()?)))
        .collect();
    format!("{{ {} }}", pairs.join(", "))
}

/// The program `tsunagu` of this profile, beside the running one.
pub fn program() -> anyhow::Result<PathBuf> {
    let here = std::env::current_exe()?;
    let folders = here.ancestors().skip(1).take(2);
    let found = folders.map(|folder| folder.join("tsunagu")).find(|path| path.is_file());
    found.context(
        "the gateway is not built; build it with `cargo build --release --package tsunagu-server`",
    )
}

/// A process that says `READY <role> <address>` when it answers. It is killed when dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    /// How long it took to become ready.
    pub ready_after: Duration,
    /// The line that it said.
    pub said: String,
}

impl Process {
    /// Starts a command and waits for its line.
    pub fn start(mut command: Command) -> anyhow::Result<Self> {
        let begun = Instant::now();
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let output = child.stdout.take().context("the process has no output")?;
        let mut lines = BufReader::new(output).lines();
        let said = lines.by_ref().map_while(Result::ok).find(|line| line.starts_with("READY "));
        let ready_after = begun.elapsed();
        let mut process = Self { child, ready_after, said: String::new() };
        let Some(said) = said else {
            let status = process.child.wait()?;
            bail!("it ended before it was ready ({status})");
        };
        process.said = said;
        // Output that nobody reads would stop the process when the pipe is full.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Ok(process)
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Kills it at once (SIGKILL) and waits until it is gone.
    pub fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Processor time used so far, seconds. 0 where /proc is not there.
    #[expect(clippy::cast_precision_loss, reason = "seconds of a measurement")]
    pub fn cpu_seconds(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()));
        let stat = stat.unwrap_or_default();
        // After the name in parentheses: state is field 3, utime 14, stime 15, in ticks of 10 ms.
        let fields = stat.rsplit_once(')').map(|(_, rest)| rest).unwrap_or_default();
        let ticks = fields.split_whitespace().skip(11).take(2);
        ticks.filter_map(|ticks| ticks.parse::<u64>().ok()).sum::<u64>() as f64 / 100.0
    }

    /// Resident memory, MiB. `None` where /proc is not there.
    pub fn resident_mib(&self) -> Option<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
        let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
        Some(kib / 1024.0)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
