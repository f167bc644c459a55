//! Files that members of staff hand over, in pieces: checked without being stored, or put into the folder of a layout.
//!
//! Pieces go to disk as they come, into a folder of their own beside the layout's files, where nobody looks for any. Only a whole file, which is on
//! disk for good, gets its name in the layout's folder, in one step and never in the place of another.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;
use tsunagu_connector_csv_drop::{Config, Finding, Sighted, Tally, Watcher, check, files};
use tsunagu_domain::{Problem, ProblemCode, Text, Timestamp, individual_number};
use tsunagu_staff::{Acting, Object, Role};
use tsunagu_store::Expect;

use crate::acts::object;
use crate::imports::Imports;
use crate::records::{self, UPLOADS, Uploaded};
use crate::staging::blocking;

/// What the folders of files that come in begin with.
const COMING: &str = ".upload-";
/// What a process left behind that was killed is removed by a later one, when it is so old.
const FORSAKEN: Timestamp = 86_400_000_000;
/// The longest name, bytes.
const LONGEST: usize = 200;
/// So many findings of a check are told one by one.
const TOLD: usize = 100;
/// So many files come in at once.
pub(crate) const AT_ONCE: usize = 4;

/// What a file is sent for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To be told what would become of it; it is stored nowhere.
    Check,
    /// To become a load.
    HandOver,
}

impl Purpose {
    /// What is done, as the log names it.
    pub fn act(self) -> &'static str {
        match self {
            Self::Check => "import-check",
            Self::HandOver => "import-upload",
        }
    }
}

/// What a check found, without values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// Rows that would be taken over.
    pub accepted: u64,
    /// Rows that a person would have to decide about.
    pub to_decide: u64,
    /// Rows that would not be taken over; 1 when the whole file is refused.
    pub refused: u64,
    /// Remarks on accepted rows.
    pub warnings: u64,
    /// Each rule that was broken, where first, and how often.
    pub rules: Vec<(Remark, u64)>,
    /// The first findings.
    pub findings: Vec<Remark>,
}

/// Something of a file that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// Line, from 1; 0 when it is about the whole file.
    pub line: u64,
    /// Name of the column; absent when it is about the whole row or file.
    pub column: Option<String>,
    /// Which rule.
    pub rule: &'static str,
    /// `warning`, `to-decide` or `refused`.
    pub weight: &'static str,
    /// How to mend it.
    pub remedy: Text,
}

impl From<&Finding> for Remark {
    fn from(finding: &Finding) -> Self {
        Self {
            line: finding.line,
            column: finding.column.clone(),
            rule: finding.rule,
            weight: finding.weight.as_str(),
            remedy: finding.remedy(),
        }
    }
}

/// A file that comes in. Dropped, it is gone.
#[derive(Debug)]
pub struct Upload {
    config: Config,
    purpose: Purpose,
    name: String,
    folder: PathBuf,
    file: Option<File>,
    size: u64,
    limit: u64,
    _place: OwnedSemaphorePermit,
}

impl Drop for Upload {
    fn drop(&mut self) {
        // What cannot be removed now is removed later.
        fs::remove_dir_all(&self.folder).ok();
    }
}

impl Upload {
    fn path(&self) -> PathBuf {
        self.folder.join(&self.name)
    }

    /// Takes the next piece.
    pub async fn write(&mut self, piece: Bytes) -> Result<(), Problem> {
        self.size = self.size.saturating_add(piece.len() as u64);
        if self.size > self.limit {
            let detail = format!(
                "the file is larger than {} bytes; put it into the layout's folder, or have imports.max_file_bytes raised",
                self.limit
            );
            return Err(Problem::new(ProblemCode::PayloadTooLarge, detail));
        }
        let Some(mut file) = self.file.take() else { return Err(unwritable(None)) };
        let written = blocking(move || Ok(file.write_all(&piece).map(|()| file))).await?;
        self.file = Some(written.map_err(|error| unwritable(Some(&error)))?);
        Ok(())
    }
}

fn unwritable(error: Option<&io::Error>) -> Problem {
    let why = error.map_or_else(|| "it is closed".to_owned(), |error| error.kind().to_string());
    let detail = format!(
        "the file cannot be written to the layout's folder ({why}); tell whoever runs the platform"
    );
    Problem::new(ProblemCode::Unavailable, detail)
}

fn wrong_name(detail: impl Into<String>) -> Problem {
    Problem::new(ProblemCode::BadRequestData, detail).at("name")
}

/// Refuses names that are no plain name of a file, or that nobody would look for.
fn fair(config: &Config, name: &str) -> Result<(), Problem> {
    if name.is_empty() {
        return Err(wrong_name("the file needs a name"));
    }
    if individual_number::is_in(name) {
        let detail = "an individual number (個人番号) may not be in the name of a file; rename it";
        return Err(Problem::new(ProblemCode::IndividualNumber, detail).at("name"));
    }
    let odd = |c: char| c.is_control() || matches!(c, '/' | '\\' | ':' | '\u{FFFD}');
    if name.len() > LONGEST || name.starts_with('.') || name.chars().any(odd) {
        let detail = format!(
            "the name of a file has at most {LONGEST} bytes, begins with no full stop and has no slash, backslash, colon or control character"
        );
        return Err(wrong_name(detail));
    }
    if config.pattern.starts_with('.') {
        return Err(wrong_name("files of this layout are hidden; put them into its folder"));
    }
    Ok(())
}

/// Makes a folder with the file in it, still empty; `None` when the layout would not look for a file of that name.
fn made(config: &Config, folder: &Path, name: &str) -> io::Result<Option<File>> {
    fs::create_dir(folder)?;
    let file = File::options().write(true).create_new(true).open(folder.join(name))?;
    let there = Config { folder: folder.to_owned(), ..config.clone() };
    Ok(files(&there)?.iter().any(|file| file.name == name).then_some(file))
}

/// Removes what was left behind long ago.
fn tidy(folder: &Path, now: Timestamp) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if !entry.file_name().to_string_lossy().starts_with(COMING) || !entry.file_type()?.is_dir()
        {
            continue;
        }
        let Ok(modified) = entry.metadata().and_then(|found| found.modified()) else { continue };
        let since = modified.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let modified = i64::try_from(since.as_micros()).unwrap_or(i64::MAX);
        if now.saturating_sub(modified) > FORSAKEN {
            fs::remove_dir_all(entry.path()).ok();
        }
    }
    Ok(())
}

/// Gives a whole file its name, unless there is one of that name.
fn named(from: &Path, to: &Path) -> io::Result<()> {
    fs::hard_link(from, to)?;
    fs::remove_file(from)?;
    to.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// Counts what is found.
#[derive(Default)]
struct Seen {
    rules: BTreeMap<(&'static str, &'static str), (Remark, u64)>,
    findings: Vec<Remark>,
}

impl Watcher for Seen {
    fn sighted(&mut self, _sighted: &Sighted) -> io::Result<()> {
        Ok(())
    }

    fn opened(&mut self, _rows: u64) {}

    fn found(&mut self, finding: &Finding) -> io::Result<()> {
        let key = (finding.rule, finding.weight.as_str());
        let place = self.rules.entry(key).or_insert_with(|| (Remark::from(finding), 0));
        place.1 += 1;
        if self.findings.len() < TOLD {
            self.findings.push(Remark::from(finding));
        }
        Ok(())
    }

    fn done(&mut self, _rows: u64) {}
}

impl Imports {
    fn sent_for(purpose: Purpose, layout: &str) -> Object<'_> {
        object(purpose.act(), layout)
    }

    /// Begins to take a file of this name for a layout. For operators.
    pub async fn receive(
        &self,
        by: &Acting,
        layout: &str,
        name: &str,
        purpose: Purpose,
    ) -> Result<Upload, Problem> {
        let what = Self::sent_for(purpose, layout);
        self.desk.demand(&self.tenant, by, &[Role::Operator], what).await?;
        let config = self.layout(layout)?.clone();
        fair(&config, name)?;
        let place = std::sync::Arc::clone(&self.coming).try_acquire_owned().map_err(|_| {
            let detail = "other files are coming in; send this one again when they are there";
            Problem::new(ProblemCode::TooManyRequests, detail)
        })?;
        let folder = config.folder.join(format!("{COMING}{}", self.services.ids.uuid()));
        let mut upload = Upload {
            config,
            purpose,
            name: name.to_owned(),
            folder,
            file: None,
            size: 0,
            limit: self.max_file_bytes,
            _place: place,
        };
        let (config, folder, now) =
            (upload.config.clone(), upload.folder.clone(), self.services.clock.micros());
        let name = upload.name.clone();
        let file = blocking(move || {
            Ok(tidy(&config.folder, now).and_then(|()| made(&config, &folder, &name)))
        });
        upload.file = file.await?.map_err(|error| unwritable(Some(&error)))?;
        if upload.file.is_none() {
            let detail = format!("the files of this layout are named {}", upload.config.pattern);
            return Err(wrong_name(detail));
        }
        Ok(upload)
    }

    /// What would become of a file that is whole. It is gone afterwards.
    pub async fn check(&self, by: &Acting, mut upload: Upload) -> Result<Checked, Problem> {
        let access = self.access(by, Self::sent_for(Purpose::Check, &upload.config.name), "");
        self.services.log.record(&self.tenant, &access).await?;
        drop(upload.file.take());
        // It keeps its place for as long as the file is read, whoever goes away.
        blocking(move || {
            let mut seen = Seen::default();
            let Tally { accepted, to_decide, refused, warnings } =
                check(&upload.config, &upload.path(), &mut seen)?;
            let (rules, findings) = (seen.rules.into_values().collect(), seen.findings);
            Ok(Checked { accepted, to_decide, refused, warnings, rules, findings })
        })
        .await
    }

    /// Puts a file that is whole among the files of its layout, where it becomes a load. Whoever handed it over does not publish it.
    pub async fn hand_over(&self, by: &Acting, mut upload: Upload) -> Result<(), Problem> {
        let layout = upload.config.name.clone();
        let what = Self::sent_for(upload.purpose, &layout);
        let file = upload.file.take().filter(|_| upload.purpose == Purpose::HandOver);
        let file = file.ok_or_else(|| unwritable(None))?;
        let synced = blocking(move || Ok(file.sync_all())).await?;
        synced.map_err(|error| unwritable(Some(&error)))?;
        let (from, to) = (upload.path(), upload.config.folder.join(&upload.name));
        let there = {
            let to = to.clone();
            blocking(move || to.try_exists()).await?
        };
        let taken = || {
            let detail = "a file of this name is there already; give it another name, e.g. with the day in it";
            Problem::new(ProblemCode::Conflict, detail).at("name")
        };
        if there {
            return Err(taken());
        }
        let uploaded = Uploaded { by: by.who(), at: self.services.clock.micros() };
        let key = records::uploaded(&layout, &upload.name);
        let store = &*self.services.store;
        let before = records::read::<Uploaded>(store, &self.tenant, UPLOADS, &key).await?;
        let expect = match before {
            None => Expect::Absent,
            Some(before) if before.data.by == uploaded.by => Expect::Version(before.version),
            // Somebody else is handing over a file of this name: whose hand it was must not be forgotten.
            Some(_) => return Err(taken()),
        };
        let mut set = self.set();
        set.ops.push(records::put(UPLOADS, &key, None, &uploaded, expect)?);
        set.ops.extend(self.services.log.ops(&self.access(by, what, ""))?);
        if !records::try_commit(store, set).await? {
            return Err(taken());
        }
        match blocking(move || Ok(named(&from, &to))).await? {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(taken()),
            Err(error) => Err(unwritable(Some(&error))),
        }
    }
}
