//! The rows of one file, as a stream.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use csv::{Reader, ReaderBuilder, StringRecord};
use tsunagu_domain::Timestamp;

use crate::decode::Decoding;
use crate::finding::Finding;
use crate::row::{Decisions, Layout, Outcome};
use crate::scan::{Scanned, scan};
use crate::twice::Twice;
use crate::{Config, Encoding};

/// What separates fields, the most usual first.
const DELIMITERS: [u8; 3] = [b',', b'\t', b';'];

/// Counts what is read, to tell how far it is.
struct Counting {
    file: File,
    read: Arc<AtomicU64>,
}

impl Read for Counting {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read(to)?;
        self.read.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

/// The longest record, in bytes of UTF-8: a quote that is not closed would make one of the rest of the file.
const LONGEST: u64 = 1 << 20;

/// Reads no more than a record may take.
struct Bounded {
    inner: Decoding<Counting>,
    left: Arc<AtomicU64>,
}

impl Read for Bounded {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let left = self.left.load(Ordering::Relaxed);
        if left == 0 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a record is too long"));
        }
        let n = self.inner.read(to)?;
        self.left.store(left.saturating_sub(n as u64), Ordering::Relaxed);
        Ok(n)
    }
}

struct Source {
    csv: Reader<Bounded>,
    left: Arc<AtomicU64>,
}

impl Source {
    /// Reads the next record; [`io::ErrorKind::InvalidData`] when it is longer than [`LONGEST`].
    fn record(&mut self, record: &mut StringRecord) -> io::Result<bool> {
        self.left.store(LONGEST, Ordering::Relaxed);
        self.csv.read_record(record).map_err(|error| match error.into_kind() {
            csv::ErrorKind::Io(error) => error,
            _ => io::Error::other("a record cannot be read"),
        })
    }
}

/// What a file is, from reading it once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighted {
    /// SHA-256 of its bytes, lower-case hexadecimal.
    pub digest: String,
    /// How its bytes are text.
    pub encoding: Encoding,
    /// Whether it begins with a byte order mark.
    pub marked: bool,
    /// Its size in bytes.
    pub bytes: u64,
}

impl Sighted {
    /// Reads a file once. Nothing can be said of bytes that are text in no encoding: that is the inner error.
    pub fn of(config: &Config, path: &Path) -> io::Result<Result<Self, Box<Finding>>> {
        let scanned = scan(File::open(path)?, config.encoding)?;
        let none = || Box::new(Finding::of_file(0, None, "encoding"));
        Ok(Self::from_scan(scanned).ok_or_else(none))
    }

    pub(crate) fn from_scan(scanned: Scanned) -> Option<Self> {
        let Scanned { digest, encoding, marked, bytes } = scanned;
        encoding.map(|encoding| Self { digest, encoding, marked, bytes })
    }
}

/// The rows of a file. The memory they take does not grow with their number.
pub struct Rows {
    layout: Layout,
    reader: Source,
    record: StringRecord,
    line: Line,
    read: Arc<AtomicU64>,
    /// Rows read so far, without the header.
    done: u64,
    /// Rows that there are.
    all: u64,
    twice: Twice,
}

impl std::fmt::Debug for Rows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rows").field("done", &self.done).finish_non_exhaustive()
    }
}

/// Where the present row begins.
#[derive(Default)]
struct Line {
    /// Line, from 1.
    at: u64,
    /// Whether the row before ended in CR LF: the reader has then not counted that line feed yet.
    behind: bool,
    /// Line ends that the reader does not count: carriage returns alone.
    returns: u64,
    /// Where the row before ended.
    end: u64,
}

fn advance(reader: &mut Source, record: &mut StringRecord, line: &mut Line) -> io::Result<bool> {
    let found = reader.record(record)?;
    let counted = record.position().map_or(0, csv::Position::line) + u64::from(line.behind);
    let inside = record.iter().map(|field| field.matches('\n').count() as u64).sum::<u64>();
    line.behind = reader.csv.position().line() == counted + inside;
    // No two rows are on one line: by their lines they are kept.
    line.returns += (line.end + 1).saturating_sub(counted + line.returns);
    line.at = counted + line.returns;
    line.end = line.at + inside;
    Ok(found)
}

fn open(path: &Path, encoding: Encoding, delimiter: u8) -> io::Result<(Source, Arc<AtomicU64>)> {
    let read = Arc::new(AtomicU64::new(0));
    let file = Counting { file: File::open(path)?, read: Arc::clone(&read) };
    let mut builder = ReaderBuilder::new();
    builder.has_headers(false).flexible(true).delimiter(delimiter);
    let left = Arc::default();
    let bounded = Bounded { inner: Decoding::new(file, encoding), left: Arc::clone(&left) };
    Ok((Source { csv: builder.from_reader(bounded), left }, read))
}

/// The delimiter with which the header has the key's column; a comma when none gives it.
fn delimiter(config: &Config, path: &Path, encoding: Encoding) -> io::Result<u8> {
    for delimiter in DELIMITERS {
        let (mut reader, _) = open(path, encoding, delimiter)?;
        let mut header = StringRecord::new();
        reader.record(&mut header)?;
        if header.iter().any(|name| name.trim() == config.key) {
            return Ok(delimiter);
        }
    }
    Ok(b',')
}

fn cells(record: &StringRecord) -> Vec<&str> {
    record.iter().collect()
}

impl Rows {
    /// Opens a file at its first row; what is wrong with the whole of it is the inner error.
    pub fn open(
        config: &Config,
        path: &Path,
        sighted: &Sighted,
        decisions: &dyn Decisions,
    ) -> io::Result<Result<Self, Box<Finding>>> {
        match Self::begin(config, path, sighted, decisions) {
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                Ok(Err(Box::new(Finding::of_file(0, None, "record-too-long"))))
            }
            other => other,
        }
    }

    fn begin(
        config: &Config,
        path: &Path,
        sighted: &Sighted,
        decisions: &dyn Decisions,
    ) -> io::Result<Result<Self, Box<Finding>>> {
        let encoding = sighted.encoding;
        let delimiter = delimiter(config, path, encoding)?;
        let (mut reader, read) = open(path, encoding, delimiter)?;
        let (mut record, mut line) = (StringRecord::new(), Line::default());
        if !advance(&mut reader, &mut record, &mut line)? {
            return Ok(Err(Box::new(Finding::of_file(0, None, "empty"))));
        }
        let header: Vec<String> = record.iter().map(str::to_owned).collect();
        let layout = match Layout::new(config, &header) {
            Ok(layout) => layout,
            Err(wrong) => return Ok(Err(wrong)),
        };
        let (mut counting, _) = open(path, encoding, delimiter)?;
        let (mut row, mut all) = (StringRecord::new(), 0);
        let mut twice = Twice::for_bytes(sighted.bytes);
        counting.record(&mut row)?;
        while counting.record(&mut row)? {
            all += 1;
            twice.note(layout.name(&cells(&row), decisions));
        }
        twice.noted();
        if all < config.min_rows {
            return Ok(Err(Box::new(Finding::of_file(0, None, "rows-too-few"))));
        }
        Ok(Ok(Self { layout, reader, record, line, read, done: 0, all, twice }))
    }

    /// How many rows there are.
    pub fn all(&self) -> u64 {
        self.all
    }

    /// How many were read.
    pub fn rows(&self) -> u64 {
        self.done
    }

    /// How many bytes of the file were read.
    pub fn bytes(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// Where the columns are.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Goes on to where `rows` rows have been read, under the same decisions as then.
    pub fn skip(&mut self, rows: u64, decisions: &dyn Decisions) -> io::Result<()> {
        while self.done < rows && self.advance()? {
            let cells = cells(&self.record);
            let name = self.layout.name(&cells, decisions);
            // Only such rows matter later, and only when they were taken over.
            if self.twice.suspects(name)
                && self.layout.row(&cells, self.line.at, 0, decisions).record.is_some()
            {
                self.twice.take(name);
            }
        }
        Ok(())
    }

    fn advance(&mut self) -> io::Result<bool> {
        let found = advance(&mut self.reader, &mut self.record, &mut self.line)?;
        self.done += u64::from(found);
        Ok(found)
    }

    /// Reads the next row; `None` when the file is at its end.
    pub fn next(
        &mut self,
        now: Timestamp,
        decisions: &dyn Decisions,
    ) -> io::Result<Option<Outcome>> {
        if !self.advance()? {
            return Ok(None);
        }
        let mut outcome = self.layout.row(&cells(&self.record), self.line.at, now, decisions);
        if outcome.record.as_ref().is_some_and(|record| !self.twice.take(record.name)) {
            outcome.record = None;
            outcome.name = None;
            outcome.findings = vec![self.layout.of_key(outcome.line, "key-twice")];
        }
        Ok(Some(outcome))
    }

    /// The fields of the row that was read last, as written; empty where the layout takes nothing from.
    pub fn cells(&self) -> Vec<String> {
        self.layout.used(&self.record)
    }
}
