//! A coin issuer without an API: orders go out in CSV files, results come back in CSV files.
//!
//! ```text
//! {folder}/journal             every order there ever was, and which file it went into; ours alone
//! {folder}/orders/NNNNNN.csv   action,key,account,amount,reason      for the issuer to take
//! {folder}/results/*.csv       key,status,account,amount,reference   from the issuer: granted, refused, cancelled
//! {folder}/results/statement-YYYY-MM-DD.csv   key,account,amount     the issuer's books of a day
//! ```
//!
//! An order is in the journal, on disk, before anything else; from there it goes into exactly one file, whenever the process is killed: the
//! finished file lies beside as `.tmp`, the journal says that it goes out, it is renamed. Files appear whole or not at all. The issuer may take them
//! away. Result files stay where they are. Thirty-two bytes of memory for each order there ever was.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use async_trait::async_trait;
use chrono::NaiveDate;
use serde::Deserialize;
use tsunagu_domain::{Clock, Timestamp};
use tsunagu_rewards::{AwardUid, Issuer, IssuerError, IssuerGrant, StatementLine};

/// Where the files are.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchConfig {
    /// The folder; made when missing.
    pub folder: PathBuf,
    /// A file of orders goes out so many seconds after its first order.
    #[serde(default = "an_hour")]
    pub every_seconds: u32,
}

fn an_hour() -> u32 {
    3600
}

/// The folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the folder of the coin issuer's files cannot be used: {0}")]
pub struct BatchError(#[from] io::Error);

/// An issuer that is given files. One process at a time may use a folder.
pub struct Batch {
    desk: Arc<Mutex<Desk>>,
}

impl std::fmt::Debug for Batch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Batch(…)")
    }
}

struct Desk {
    config: BatchConfig,
    clock: Arc<dyn Clock>,
    journal: File,
    /// Whatever was ordered, and taken back.
    granted: HashSet<AwardUid>,
    cancelled: HashSet<AwardUid>,
    /// Lines that are in no file yet, and since when the first waits.
    waiting: Vec<String>,
    since: Timestamp,
    /// Files that went out.
    files: u32,
    results: Results,
}

#[derive(Default)]
struct Results {
    /// What each file was when it was read.
    read: HashMap<PathBuf, (SystemTime, u64)>,
    known: HashMap<AwardUid, Outcome>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcome {
    Granted(IssuerGrant),
    Refused,
    Cancelled,
}

#[derive(Deserialize)]
struct Row {
    key: String,
    status: String,
    account: String,
    amount: i64,
    #[serde(default)]
    reference: Option<String>,
}

#[derive(Deserialize)]
struct Booked {
    key: String,
    account: String,
    amount: i64,
}

/// A cell that no spreadsheet takes for a formula, and no comma ends.
fn cell(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let guarded = if formula { format!("'{text}") } else { text.to_owned() };
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_:.".contains(c);
    if guarded.chars().all(plain) {
        guarded
    } else {
        format!("\"{}\"", guarded.replace('"', "\"\""))
    }
}

impl Batch {
    /// In this folder, going on where it was left.
    pub fn open(config: BatchConfig, clock: Arc<dyn Clock>) -> Result<Self, BatchError> {
        let desk = Desk::open(config, clock)?;
        Ok(Self { desk: Arc::new(Mutex::new(desk)) })
    }

    async fn at_desk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Desk) -> io::Result<T> + Send + 'static,
    ) -> Result<T, IssuerError> {
        let desk = Arc::clone(&self.desk);
        let work = move || work(&mut desk.lock().unwrap_or_else(PoisonError::into_inner));
        let done = tokio::task::spawn_blocking(work).await;
        let done = done.map_err(|_| IssuerError::Unavailable("the work was cut off".to_owned()))?;
        done.map_err(|error| {
            IssuerError::Unavailable(format!("the issuer's files cannot be used: {}", error.kind()))
        })
    }
}

impl Desk {
    fn open(config: BatchConfig, clock: Arc<dyn Clock>) -> io::Result<Self> {
        for folder in ["orders", "results"] {
            fs::create_dir_all(config.folder.join(folder))?;
        }
        let path = config.folder.join("journal");
        let journal = OpenOptions::new().create(true).append(true).read(true).open(&path)?;
        journal
            .try_lock()
            .map_err(|_| io::Error::new(io::ErrorKind::ResourceBusy, "another process uses it"))?;
        let since = clock.micros();
        let mut desk = Self {
            config,
            clock,
            journal,
            granted: HashSet::new(),
            cancelled: HashSet::new(),
            waiting: Vec::new(),
            since,
            files: 0,
            results: Results::default(),
        };
        desk.recall(&path)?;
        Ok(desk)
    }

    /// Reads the journal. What a kill cut off at its end was never answered for, and goes.
    fn recall(&mut self, path: &Path) -> io::Result<()> {
        let damaged = || io::Error::new(io::ErrorKind::InvalidData, "the journal is damaged");
        let (mut reader, mut whole, mut line) =
            (BufReader::new(File::open(path)?), 0, String::new());
        let mut going = None;
        while reader.read_line(&mut line)? > 0 {
            let Some(entry) = line.strip_suffix('\n') else { break };
            match entry.split_once(',').ok_or_else(damaged)? {
                ("out", number) => going = Some(number.parse::<u32>().map_err(|_| damaged())?),
                (action, rest) => {
                    let key = rest.split(',').next().unwrap_or_default();
                    let key = key.parse().map_err(|_| damaged())?;
                    match action {
                        "grant" => self.granted.insert(key),
                        "cancel" => self.cancelled.insert(key),
                        _ => return Err(damaged()),
                    };
                    self.waiting.push(entry.to_owned());
                }
            }
            if let Some(number) = going.take() {
                self.files = number;
                self.waiting.clear();
            }
            whole += line.len() as u64;
            line.clear();
        }
        self.journal.set_len(whole)?;
        // Nobody knows how long they wait, so they go out at once.
        self.since = 0;
        // It went out as far as the journal says; the renaming may not have happened.
        let (tmp, file) = self.names(self.files);
        if self.files > 0 && tmp.exists() {
            fs::rename(tmp, file)?;
            sync_folder(&self.config.folder.join("orders"))?;
        }
        Ok(())
    }

    fn names(&self, number: u32) -> (PathBuf, PathBuf) {
        let orders = self.config.folder.join("orders");
        (orders.join(format!("{number:06}.csv.tmp")), orders.join(format!("{number:06}.csv")))
    }

    fn write(&mut self, entry: &str) -> io::Result<()> {
        let whole = self.journal.metadata()?.len();
        let written = self.journal.write_all(format!("{entry}\n").as_bytes());
        if let Err(error) = written.and_then(|()| self.journal.sync_data()) {
            // Half a line would spoil the next one.
            self.journal.set_len(whole)?;
            return Err(error);
        }
        Ok(())
    }

    fn order(&mut self, entry: String) -> io::Result<()> {
        self.write(&entry)?;
        if self.waiting.is_empty() {
            self.since = self.clock.micros();
        }
        self.waiting.push(entry);
        Ok(())
    }

    /// Lets a file go out when its time has come.
    fn send(&mut self) -> io::Result<()> {
        let age = self.clock.micros().saturating_sub(self.since);
        if self.waiting.is_empty() || age < i64::from(self.config.every_seconds) * 1_000_000 {
            return Ok(());
        }
        let number = self.files + 1;
        let (tmp, file) = self.names(number);
        let mut out = File::create(&tmp)?;
        out.write_all(b"action,key,account,amount,reason\r\n")?;
        for entry in &self.waiting {
            out.write_all(format!("{entry}\r\n").as_bytes())?;
        }
        out.sync_all()?;
        let orders = self.config.folder.join("orders");
        sync_folder(&orders)?;
        self.write(&format!("out,{number}"))?;
        (self.files, self.waiting) = (number, Vec::new());
        fs::rename(tmp, file)?;
        sync_folder(&orders)
    }

    /// Reads result files that are new or were changed. One that cannot be read whole is told and left for the next time.
    fn look(&mut self) -> io::Result<()> {
        self.send()?;
        for entry in fs::read_dir(self.config.folder.join("results"))? {
            let entry = entry?;
            let (path, meta) = (entry.path(), entry.metadata()?);
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if !meta.is_file() || !name.ends_with(".csv") || name.starts_with("statement-") {
                continue;
            }
            let stamp = (meta.modified()?, meta.len());
            if self.results.read.get(&path) == Some(&stamp) {
                continue;
            }
            match results(&path) {
                Ok(rows) => {
                    self.results.known.extend(rows);
                    self.results.read.insert(path, stamp);
                }
                Err(error) => {
                    let kind = error.kind();
                    tracing::warn!(%kind, "a result file of the coin issuer cannot be read");
                }
            }
        }
        Ok(())
    }
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn wrong(_: impl std::fmt::Debug) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "not the agreed columns")
}

fn results(path: &Path) -> io::Result<Vec<(AwardUid, Outcome)>> {
    let mut reader = csv::Reader::from_path(path).map_err(wrong)?;
    let row = |row: Result<Row, csv::Error>| {
        let Row { key, status, account, amount, reference } = row.map_err(wrong)?;
        let outcome = match status.as_str() {
            "granted" => {
                let reference = reference.filter(|text| !text.is_empty());
                Outcome::Granted(IssuerGrant { account: Some(account), amount, reference })
            }
            "refused" => Outcome::Refused,
            "cancelled" => Outcome::Cancelled,
            _ => return Err(wrong("status")),
        };
        Ok((key.parse().map_err(wrong)?, outcome))
    };
    reader.deserialize().map(row).collect()
}

fn pending() -> IssuerError {
    IssuerError::Pending("it went out, or will, in a file, and no result is there yet".to_owned())
}

#[async_trait]
impl Issuer for Batch {
    async fn grant(
        &self,
        key: AwardUid,
        account: &str,
        amount: i64,
        reason: &str,
    ) -> Result<IssuerGrant, IssuerError> {
        let entry = format!("grant,{key},{},{amount},{}", cell(account), cell(reason));
        let known = self.at_desk(move |desk| {
            desk.look()?;
            if !desk.granted.contains(&key) {
                desk.order(entry)?;
                desk.granted.insert(key);
            }
            Ok(desk.results.known.get(&key).cloned())
        });
        match known.await? {
            Some(Outcome::Granted(grant)) => Ok(grant),
            Some(Outcome::Refused) => Err(IssuerError::Refused("the result says so".to_owned())),
            Some(Outcome::Cancelled) => {
                Ok(IssuerGrant { account: None, amount: 0, reference: None })
            }
            None => Err(pending()),
        }
    }

    async fn find(&self, key: AwardUid) -> Result<Option<IssuerGrant>, IssuerError> {
        let known = self.at_desk(move |desk| {
            desk.look()?;
            Ok((desk.results.known.get(&key).cloned(), desk.granted.contains(&key)))
        });
        match known.await? {
            (Some(Outcome::Granted(grant)), _) => Ok(Some(grant)),
            (Some(Outcome::Cancelled), _) => {
                Ok(Some(IssuerGrant { account: None, amount: 0, reference: None }))
            }
            (Some(Outcome::Refused), _) | (None, false) => Ok(None),
            (None, true) => Err(pending()),
        }
    }

    async fn cancel(&self, key: AwardUid) -> Result<Option<IssuerGrant>, IssuerError> {
        let known = self.at_desk(move |desk| {
            desk.look()?;
            let known = desk.results.known.get(&key).cloned();
            let ordered = desk.granted.contains(&key);
            let open = !matches!(known, Some(Outcome::Cancelled | Outcome::Refused));
            if ordered && open && !desk.cancelled.contains(&key) {
                desk.order(format!("cancel,{key},,,"))?;
                desk.cancelled.insert(key);
            }
            Ok((known, ordered))
        });
        match known.await? {
            (Some(Outcome::Cancelled), _) => {
                Ok(Some(IssuerGrant { account: None, amount: 0, reference: None }))
            }
            (Some(Outcome::Refused), _) | (None, false) => Ok(None),
            (Some(Outcome::Granted(_)) | None, _) => Err(pending()),
        }
    }

    async fn balance(&self, _account: &str) -> Result<Option<i64>, IssuerError> {
        Err(IssuerError::Unavailable("an issuer that is given files tells no balances".to_owned()))
    }

    async fn statement(&self, day: NaiveDate) -> Result<Vec<StatementLine>, IssuerError> {
        let lines = self.at_desk(move |desk| {
            let name = format!("statement-{day}.csv");
            let mut reader = csv::Reader::from_reader(File::open(
                desk.config.folder.join("results").join(name),
            )?);
            let line = |row: Result<Booked, csv::Error>| {
                let Booked { key, account, amount } = row.map_err(wrong)?;
                Ok(StatementLine { key: key.parse().map_err(wrong)?, account, amount })
            };
            reader.deserialize().map(line).collect()
        });
        lines.await
    }
}
