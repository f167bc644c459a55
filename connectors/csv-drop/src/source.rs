//! The folder as a source: which file is next, and how far it has been read.

use std::borrow::Cow;
use std::fs::{self, File};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use tokio::task::JoinHandle;
use tsunagu_connect::{
    Batch, ConnectError, Cursor, Host, Manifest, Parts, Plan, Probe, RowReport, Source,
};
use tsunagu_domain::Clock;

use crate::cursor::{Current, Progress, Stamp};
use crate::files::{Listed, files};
use crate::finding::Finding;
use crate::read::Open;
use crate::rows::Sighted;
use crate::scan::{Scanned, scan};
use crate::{Config, ConfigError};

/// Watches one folder.
pub struct CsvDrop {
    folder: Arc<Mutex<Folder>>,
    /// The batch after the last one, read while that one is taken over.
    ahead: Option<(Cursor, JoinHandle<Result<Batch, ConnectError>>)>,
}

#[async_trait]
impl Plan for Config {
    fn manifest(&self) -> Manifest {
        Self::manifest(self)
    }

    async fn build(&self, host: &Host) -> Result<Parts, ConnectError> {
        let source = CsvDrop::new(self.clone(), Arc::clone(&host.clock));
        let source = source.map_err(|error| ConnectError::Config(error.to_string()))?;
        let probe = Reachable(self.folder.clone());
        Ok(Parts {
            source: Some(Box::new(source)),
            probe: Some(Arc::new(probe)),
            ..Parts::default()
        })
    }
}

/// Whether the folder can be read.
struct Reachable(PathBuf);

#[async_trait]
impl Probe for Reachable {
    async fn probe(&self) -> Result<(), ConnectError> {
        fs::read_dir(&self.0).map(drop).map_err(|error| unreadable(&error))
    }
}

impl std::fmt::Debug for CsvDrop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CsvDrop(…)")
    }
}

struct Folder {
    config: Config,
    clock: Arc<dyn Clock>,
    /// The file under way, kept open between two polls; a restart opens it again and goes to the row of the cursor.
    open: Option<Open>,
}

impl CsvDrop {
    /// With these settings; nothing is read yet.
    pub fn new(config: Config, clock: Arc<dyn Clock>) -> Result<Self, ConfigError> {
        config.check()?;
        let folder = Folder { config, clock, open: None };
        Ok(Self { folder: Arc::new(Mutex::new(folder)), ahead: None })
    }
}

impl CsvDrop {
    /// Begins to read the batch after a cursor. What was begun before is over first.
    fn read(&self, cursor: Option<&Cursor>) -> JoinHandle<Result<Batch, ConnectError>> {
        let (progress, folder) = (Progress::read(cursor), Arc::clone(&self.folder));
        let work = move || folder.lock().unwrap_or_else(PoisonError::into_inner).poll(progress);
        tokio::task::spawn_blocking(work)
    }
}

#[async_trait]
impl Source for CsvDrop {
    async fn poll(&mut self, cursor: Option<&Cursor>) -> Result<Batch, ConnectError> {
        let begun = self.ahead.take().filter(|(from, _)| Some(from) == cursor);
        let reading = begun.map_or_else(|| self.read(cursor), |(_, reading)| reading);
        let lost = |_| ConnectError::Unavailable("reading the folder was cut off".to_owned());
        let batch = reading.await.map_err(lost)??;
        if batch.more && !batch.items.is_empty() {
            let next = self.read(Some(&batch.cursor));
            self.ahead = Some((batch.cursor.clone(), next));
        }
        Ok(batch)
    }

    async fn acknowledge(&mut self, _cursor: &Cursor) -> Result<(), ConnectError> {
        // Files stay where they are; the cursor alone tells what is done.
        Ok(())
    }
}

fn unreadable(error: &io::Error) -> ConnectError {
    ConnectError::Unavailable(format!("a file or the folder cannot be read: {}", error.kind()))
}

impl Folder {
    fn poll(&mut self, mut progress: Progress) -> Result<Batch, ConnectError> {
        let mut report = RowReport::default();
        let mut items = Vec::new();
        let worked = self.step(&mut progress, &mut items, &mut report);
        if worked.is_err() {
            // What was read of the file may lie beyond the cursor: begin again from there.
            self.open = None;
        }
        let more = worked.map_err(|error| unreadable(&error))?;
        Ok(Batch { items, report, cursor: progress.write()?, more })
    }

    /// Reads one batch of the file under way, or of the next one; `false` when there is none.
    fn step(
        &mut self,
        progress: &mut Progress,
        items: &mut Vec<tsunagu_connect::Item>,
        report: &mut RowReport,
    ) -> io::Result<bool> {
        let listed = files(&self.config)?;
        if !self.resume(progress, &listed)? && !self.begin(progress, &listed, report)? {
            return Ok(false);
        }
        let Some(open) = &mut self.open else {
            // The file was refused whole; the cursor has moved past it.
            return Ok(true);
        };
        let now = self.clock.micros();
        let more = open.read(self.config.batch_rows, now, items, report)?;
        if !files(&self.config)?.iter().any(|file| open.is(file)) {
            // It changed, or went, while these rows were read: nobody knows what they are of.
            items.clear();
            *report = RowReport::default();
            self.open = None;
            return Ok(false);
        }
        if more {
            progress.current = Some(Current {
                name: open.name.clone(),
                stamp: open.stamp.clone(),
                rows: open.rows(),
            });
        } else {
            progress.done.insert(open.name.clone(), open.stamp.clone());
            progress.done.retain(|name, _| listed.iter().any(|file| file.shown() == *name));
            progress.current = None;
            self.open = None;
        }
        Ok(true)
    }

    /// Takes up the file of the cursor; `false` when there is none, or it is another one by now.
    fn resume(&mut self, progress: &mut Progress, listed: &[Listed]) -> io::Result<bool> {
        let Some(current) = progress.current.take() else {
            self.open = None;
            return Ok(false);
        };
        let same = |open: &Open| {
            open.name == current.name && open.stamp == current.stamp && open.rows() == current.rows
        };
        if self.open.as_ref().is_some_and(same)
            && self.open.as_ref().is_some_and(|open| listed.iter().any(|file| open.is(file)))
        {
            return Ok(true);
        }
        self.open = None;
        // One that cannot be read is told when it is begun again, after those that can.
        let Ok(scanned) = self.scan(&current.name) else { return Ok(false) };
        let same = scanned.digest == current.stamp.digest;
        let Some(sighted) = Sighted::from_scan(scanned).filter(|_| same) else {
            return Ok(false);
        };
        let Some(file) = listed.iter().find(|file| file.name == current.name) else {
            return Ok(false);
        };
        let (modified, size) = (file.modified, file.size);
        let stamp = Stamp { modified, size, digest: current.stamp.digest };
        let Ok(mut open) = Open::new(&self.config, &current.name, stamp, &sighted)? else {
            return Ok(false);
        };
        open.skip(current.rows)?;
        self.open = Some(open);
        Ok(true)
    }

    /// Opens the oldest file that has not been read; `false` when all have. A file that cannot be read holds up none of the others, and is told after them.
    fn begin(
        &mut self,
        progress: &mut Progress,
        listed: &[Listed],
        report: &mut RowReport,
    ) -> io::Result<bool> {
        let now = self.clock.micros();
        let mut unread = None;
        for file in listed {
            let shown = file.shown();
            let done = progress.done.get(&*shown);
            if done.is_some_and(|stamp| stamp.modified == file.modified && stamp.size == file.size)
            {
                continue;
            }
            if !file.is_quiet(self.config.quiet_seconds, now) {
                continue;
            }
            let (modified, size) = (file.modified, file.size);
            let before = done.map(|stamp| stamp.digest.clone());
            let stamp = |digest: String| Stamp { modified, size, digest };
            if let Cow::Owned(shown) = shown {
                let why = Finding::of_file(0, None, "individual-number-file").refusal(&shown);
                report.refuse([why]);
                progress.done.insert(shown, stamp(String::new()));
                return Ok(true);
            }
            if size > self.config.max_bytes {
                let why = Finding::of_file(0, None, "file-too-large").refusal(&file.name);
                report.refuse([why]);
                progress.done.insert(file.name.clone(), stamp(String::new()));
                return Ok(true);
            }
            let scanned = match self.scan(&file.name) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => {
                    unread = Some(error);
                    continue;
                }
                Ok(scanned) => scanned,
            };
            let stamp = stamp(scanned.digest.clone());
            if before.as_ref() == Some(&stamp.digest) && progress.is_latest(&file.name) {
                // Touched, not changed, and nothing later said otherwise.
                progress.done.insert(file.name.clone(), stamp);
                continue;
            }
            let opened = match Sighted::from_scan(scanned) {
                None => Err(Box::new(Finding::of_file(0, None, "encoding").refusal(&file.name))),
                Some(sighted) => Open::new(&self.config, &file.name, stamp.clone(), &sighted)?,
            };
            match opened {
                Ok(open) => {
                    progress.go_back_to(modified, &file.name);
                    self.open = Some(open);
                }
                Err(why) => {
                    report.refuse([*why]);
                    progress.done.insert(file.name.clone(), stamp);
                }
            }
            return Ok(true);
        }
        unread.map_or(Ok(false), Err)
    }

    fn scan(&self, name: &str) -> io::Result<Scanned> {
        scan(File::open(self.config.folder.join(name))?, self.config.encoding)
    }
}
