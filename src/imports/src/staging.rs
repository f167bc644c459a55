//! From a file to rows in the store, batch by batch.

use std::io;
use std::path::Path;

use tsunagu_connector_csv_drop::{
    Config, Finding, Listed, Outcome, Rows, Sighted, Undecided, Weight, files,
};
use tsunagu_domain::{Problem, ProblemCode, individual_number};
use tsunagu_store::{Expect, Op};

use crate::decisions::Settled;
use crate::imports::Imports;
use crate::load::{Counts, Load, LoadState, Stamp};
use crate::records::{
    self, FINDINGS, HEADS, Head, Kept, LOADS, MAX_FINDINGS, Noted, Row, UPLOADS, Uploaded, WAITING,
    Waiting,
};

/// The file that is being read, kept open between two batches.
pub(crate) struct Open {
    pub(crate) layout: String,
    pub(crate) number: u64,
    /// The revision of the load: it is another one when the file is read again from its beginning.
    revision: u32,
    rows: Rows,
}

pub(crate) fn unreadable(error: &io::Error) -> Problem {
    let detail = format!("a file or the folder cannot be read: {}", error.kind());
    Problem::new(ProblemCode::Unavailable, detail)
}

/// Reads off the threads that answer requests.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, Problem> {
    let lost = |_| Problem::new(ProblemCode::Unavailable, "reading a file was cut off");
    tokio::task::spawn_blocking(work).await.map_err(lost)?.map_err(|error| unreadable(&error))
}

impl Imports {
    /// Makes a load of the oldest new file; `false` when there is none.
    pub(crate) async fn pick_up(
        &self,
        config: &Config,
        head: Option<&Kept<Head>>,
    ) -> Result<bool, Problem> {
        let found = blocking({
            let config = config.clone();
            move || files(&config)
        })
        .await?;
        let seen = head.map(|kept| kept.data.seen.clone()).unwrap_or_default();
        for file in &found {
            let known = seen.get(&*file.shown());
            if known.is_some_and(|s| s.modified == file.modified && s.size == file.size) {
                continue;
            }
            return self.begin(config, head, &found, file).await.map(|()| true);
        }
        Ok(false)
    }

    async fn begin(
        &self,
        config: &Config,
        head: Option<&Kept<Head>>,
        found: &[Listed],
        file: &Listed,
    ) -> Result<(), Problem> {
        let (path, shown) = (config.folder.join(&file.name), file.shown().into_owned());
        let named = individual_number::is_in(&file.name);
        let (sighted, header, wrong) = if named {
            (
                None,
                Vec::new(),
                Some(Finding::kept(0, None, "individual-number-file", Weight::Refused)),
            )
        } else {
            let config = config.clone();
            blocking(move || opened(&config, &path)).await?
        };
        let digest = sighted.as_ref().map(|sighted| sighted.digest.clone()).unwrap_or_default();
        let stamp = Stamp { modified: file.modified, size: file.size, digest };
        let mut next = head.map(|kept| kept.data.clone()).unwrap_or_default();
        let mut set = self.set();
        let key = records::uploaded(&config.name, &file.name);
        let store = &*self.services.store;
        let uploaded = records::read::<Uploaded>(store, &self.tenant, UPLOADS, &key).await?;
        // What somebody hands over is meant to become a load, also when the same was there before.
        let was = next.seen.get(&shown).filter(|_| uploaded.is_none());
        let touched = was.is_some_and(|was| !stamp.digest.is_empty() && was.digest == stamp.digest);
        next.seen.insert(shown.clone(), stamp.clone());
        next.seen.retain(|name, _| found.iter().any(|file| file.shown() == *name));
        if let Some(uploaded) = &uploaded {
            set.ops.push(records::delete(UPLOADS, &key, Expect::Version(uploaded.version)));
        }
        if !touched {
            next.last += 1;
            let now = self.services.clock.micros();
            let mut load = Load {
                layout: config.name.clone(),
                number: next.last,
                file: shown,
                stamp,
                encoding: sighted.as_ref().map(|s| s.encoding).unwrap_or_default(),
                marked: sighted.as_ref().is_some_and(|s| s.marked),
                header,
                state: LoadState::Staging,
                revision: 0,
                counts: Counts::default(),
                findings: 0,
                difference: None,
                against: None,
                cursor: None,
                failed: 0,
                forced: false,
                proposed: false,
                hands: Vec::new(),
                steps: Vec::new(),
            };
            if let Some(Uploaded { by, at }) = uploaded.map(|kept| kept.data) {
                load.step(at, "uploaded", Some(by), String::new());
            }
            load.step(now, "found", None, String::new());
            if let Some(wrong) = &wrong {
                load.state = LoadState::Refused;
                load.counts.refused = 1;
                note(&mut load, std::slice::from_ref(wrong), &mut set.ops)?;
            } else {
                // A newer file takes the place of one that nobody published.
                if let Some(number) = next.current.replace(next.last) {
                    let id = crate::LoadId { layout: config.name.clone(), number };
                    let mut before = self.kept(&id).await?;
                    // Somebody approved it or decided about it since: the file waits until that is done.
                    let replaceable = [LoadState::Waiting, LoadState::Held, LoadState::Proposed];
                    if !replaceable.contains(&before.data.state) {
                        return Ok(());
                    }
                    let former = next.former == Some(number);
                    before.data.state =
                        if former { LoadState::Superseded } else { LoadState::Discarded };
                    (before.data.proposed, before.data.forced) = (false, false);
                    before.data.step(now, "replaced", None, String::new());
                    set.ops.push(keep(&before.data, Expect::Version(before.version))?);
                    if !former {
                        next.purge.push(number);
                    }
                }
            }
            set.ops.push(keep(&load, Expect::Absent)?);
        }
        let key = config.name.as_bytes();
        set.ops.push(records::put(HEADS, key, None, &next, records::unchanged(head))?);
        records::try_commit(&*self.services.store, set).await?;
        Ok(())
    }

    /// Reads one batch of the file of a load; `false` when another process did.
    pub(crate) async fn stage(
        &self,
        config: &Config,
        kept: Kept<Load>,
        open: &mut Option<Open>,
    ) -> Result<bool, Problem> {
        let (version, mut load) = (kept.version, kept.data);
        let settled = self.settled(config, &load).await?;
        let fits = |open: &Open| {
            open.layout == load.layout
                && open.number == load.number
                && open.revision == load.revision
                && open.rows.rows() == load.counts.rows
        };
        let ready = open.take().filter(fits);
        let (work, done) =
            (config.clone(), (load.file.clone(), load.stamp.clone(), load.counts.rows));
        let limit = config.batch_rows;
        let (rows, batch, used) = blocking(move || {
            let (rows, batch) = read(&work, ready.map(|open| open.rows), done, limit, &settled)?;
            Ok((rows, batch, settled.used()))
        })
        .await?;
        let mut set = self.set();
        let Some(rows) = rows else {
            // What is there now becomes another load, when it is seen.
            load.state = LoadState::Discarded;
            load.step(self.services.clock.micros(), "changed-while-read", None, String::new());
            set.ops.push(keep(&load, Expect::Version(version))?);
            return Ok(records::try_commit(&*self.services.store, set).await?);
        };
        used.book(&mut load, &mut set.ops)?;
        let more = batch.more;
        for (outcome, cells) in batch.rows {
            stage_row(&mut load, &outcome, cells, &mut set.ops)?;
        }
        if !more {
            load.state = LoadState::Comparing;
        }
        set.ops.push(keep(&load, Expect::Version(version))?);
        let won = records::try_commit(&*self.services.store, set).await?;
        if won && more {
            let Load { layout, number, revision, .. } = load;
            *open = Some(Open { layout, number, revision, rows });
        }
        Ok(won)
    }
}

type Opened = (Option<Sighted>, Vec<String>, Option<Finding>);

fn opened(config: &Config, path: &Path) -> io::Result<Opened> {
    let sighted = match Sighted::of(config, path)? {
        Ok(sighted) => sighted,
        Err(wrong) => return Ok((None, Vec::new(), Some(*wrong))),
    };
    Ok(match Rows::open(config, path, &sighted, &Undecided)? {
        Ok(rows) => (Some(sighted), rows.layout().headers().to_vec(), None),
        Err(wrong) => (Some(sighted), Vec::new(), Some(*wrong)),
    })
}

/// So many bytes of a file are enough for one batch, however few its rows are.
const BATCH_BYTES: u64 = 8 << 20;

/// Rows that were read, each with the cells that a person needs to decide about it.
struct Batch {
    rows: Vec<(Outcome, Vec<String>)>,
    /// Whether the file goes on.
    more: bool,
}

/// Reads on from where a load is; no rows when the file is not the one it was.
fn read(
    config: &Config,
    rows: Option<Rows>,
    (file, stamp, done): (String, Stamp, u64),
    limit: usize,
    settled: &Settled,
) -> io::Result<(Option<Rows>, Batch)> {
    let path = config.folder.join(&file);
    let nothing = Batch { rows: Vec::new(), more: false };
    let mut rows = if let Some(rows) = rows {
        rows
    } else {
        let sighted = match Sighted::of(config, &path) {
            Ok(Ok(sighted)) if sighted.digest == stamp.digest => sighted,
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => return Ok((None, nothing)),
        };
        let Ok(mut rows) = Rows::open(config, &path, &sighted, settled)? else {
            return Ok((None, nothing));
        };
        rows.skip(done, settled)?;
        rows
    };
    let mut batch = Vec::new();
    let from = rows.bytes();
    while batch.len() < limit && rows.bytes() - from <= BATCH_BYTES {
        let Some(outcome) = rows.next(0, settled)? else {
            // The digest was taken before: whoever wrote to the file since then moved its time or its end.
            let now = std::fs::metadata(&path)?;
            let since = now.modified()?.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
            let same = now.len() == stamp.size
                && i64::try_from(since.as_micros()).is_ok_and(|at| at == stamp.modified);
            return Ok((same.then_some(rows), Batch { rows: batch, more: false }));
        };
        let waits = outcome.weight() == Some(Weight::ToDecide);
        let cells = if waits { rows.cells() } else { Vec::new() };
        batch.push((outcome, cells));
    }
    Ok((Some(rows), Batch { rows: batch, more: true }))
}

/// Counts a row and adds what is kept of it.
fn stage_row(
    load: &mut Load,
    outcome: &Outcome,
    cells: Vec<String>,
    ops: &mut Vec<Op>,
) -> Result<(), Problem> {
    load.counts.rows += 1;
    let key = |name: &[u8]| records::in_load(&load.layout, load.number, name);
    match (&outcome.record, outcome.weight()) {
        (Some(record), _) => ops.push(Row::of(&record.entity).put(key(&record.name))),
        (None, weight) => {
            if weight == Some(Weight::ToDecide) {
                let at = key(&outcome.line.to_be_bytes());
                let waiting = Waiting { cells, named: false };
                ops.push(records::put(WAITING, &at, None, &waiting, Expect::Any)?);
            }
            if let Some(name) = outcome.name {
                ops.push(Row::put_withheld(key(&name)));
            }
        }
    }
    let counts = &mut load.counts;
    match (&outcome.record, outcome.weight()) {
        (Some(_), _) => {
            counts.accepted += 1;
            counts.warnings += outcome.findings.len() as u64;
        }
        (None, Some(Weight::ToDecide)) => counts.to_decide += 1,
        (None, _) => counts.refused += 1,
    }
    let twice = outcome.findings.iter().any(|finding| finding.rule == "key-twice");
    counts.unidentified += u64::from(outcome.record.is_none() && outcome.name.is_none() && !twice);
    note(load, &outcome.findings, ops)
}

/// Keeps findings, as long as there are not too many.
pub(crate) fn note(
    load: &mut Load,
    findings: &[Finding],
    ops: &mut Vec<Op>,
) -> Result<(), Problem> {
    for (finding, at) in findings.iter().zip(0u16..) {
        if load.findings == MAX_FINDINGS {
            return Ok(());
        }
        load.findings += 1;
        let place = [&finding.line.to_be_bytes()[..], &at.to_be_bytes()].concat();
        let key = records::in_load(&load.layout, load.number, &place);
        ops.push(records::put(FINDINGS, &key, None, &Noted::from(finding), Expect::Any)?);
    }
    Ok(())
}

/// The operation that keeps a load.
pub(crate) fn keep(load: &Load, expect: Expect) -> Result<Op, Problem> {
    let key = records::of_load(&load.layout, load.number);
    Ok(records::put(LOADS, &key, None, load, expect)?)
}
