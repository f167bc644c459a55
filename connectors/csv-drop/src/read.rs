//! The second pass: rows of one file, as a stream.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::path::Path;

use csv::{Reader, ReaderBuilder, StringRecord};
use tsunagu_connect::{Item, Refusal, RowReport};
use tsunagu_domain::Timestamp;

use crate::cursor::Stamp;
use crate::decode::Decoding;
use crate::entity::Entities;
use crate::row::{Layout, refusal};
use crate::{Config, Encoding};

/// A file being read.
pub(crate) struct Open {
    pub(crate) name: String,
    pub(crate) stamp: Stamp,
    /// Rows read so far, without the header.
    pub(crate) rows: u64,
    layout: Layout,
    reader: Reader<Decoding<File>>,
    record: StringRecord,
    line: Line,
    /// Names of the records that earlier rows gave.
    seen: HashSet<[u8; 16]>,
}

impl std::fmt::Debug for Open {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Open")
            .field("name", &self.name)
            .field("rows", &self.rows)
            .finish_non_exhaustive()
    }
}

/// Where the present row begins.
#[derive(Default)]
struct Line {
    /// Line, from 1.
    at: u64,
    /// Whether the row before ended in CR LF: the reader has then not counted that line feed yet.
    behind: bool,
}

fn advance(
    reader: &mut Reader<Decoding<File>>,
    record: &mut StringRecord,
    line: &mut Line,
) -> io::Result<bool> {
    let found = reader.read_record(record)?;
    line.at = record.position().map_or(0, csv::Position::line) + u64::from(line.behind);
    let inside: usize = record.iter().map(|field| field.matches('\n').count()).sum();
    line.behind = reader.position().line() == line.at + inside as u64;
    Ok(found)
}

fn reader(path: &Path, encoding: Encoding) -> io::Result<Reader<Decoding<File>>> {
    let file = Decoding::new(File::open(path)?, encoding);
    Ok(ReaderBuilder::new().has_headers(false).flexible(true).from_reader(file))
}

impl Open {
    /// Opens a file at its first row; what is wrong with the whole of it is the inner error.
    pub(crate) fn new(
        config: &Config,
        name: &str,
        stamp: Stamp,
        encoding: Encoding,
    ) -> io::Result<Result<Self, Box<Refusal>>> {
        let path = config.folder.join(name);
        if config.min_rows > 0 {
            let mut counting = reader(&path, encoding)?;
            let (mut record, mut rows) = (StringRecord::new(), 0u64);
            while counting.read_record(&mut record)? {
                rows += 1;
            }
            // One of them is the header.
            if rows <= config.min_rows {
                return Ok(Err(Box::new(refusal(name, 0, None, "rows-too-few"))));
            }
        }
        let mut reader = reader(&path, encoding)?;
        let (mut record, mut line) = (StringRecord::new(), Line::default());
        if !advance(&mut reader, &mut record, &mut line)? {
            return Ok(Err(Box::new(refusal(name, 0, None, "empty"))));
        }
        Ok(Layout::new(config, name, &record).map(|layout| Self {
            name: name.to_owned(),
            stamp,
            rows: 0,
            layout,
            reader,
            record,
            line,
            seen: HashSet::new(),
        }))
    }

    /// Goes on to where `rows` rows have been read.
    pub(crate) fn skip(&mut self, rows: u64, entities: &Entities) -> io::Result<()> {
        while self.rows < rows && self.next()? {
            if self.layout.row(&self.record, 0).is_ok() {
                self.seen.insert(entities.name(self.layout.key(&self.record)));
            }
        }
        Ok(())
    }

    fn next(&mut self) -> io::Result<bool> {
        let found = advance(&mut self.reader, &mut self.record, &mut self.line)?;
        self.rows += u64::from(found);
        Ok(found)
    }

    /// Reads at most `limit` rows; `false` when the file is at its end.
    pub(crate) fn read(
        &mut self,
        limit: usize,
        entities: &Entities,
        now: Timestamp,
        items: &mut Vec<Item>,
        report: &mut RowReport,
    ) -> io::Result<bool> {
        for _ in 0..limit {
            if !self.next()? {
                return Ok(false);
            }
            let line = self.line.at;
            let row = match self.layout.row(&self.record, line) {
                Ok(row) => row,
                Err(wrong) => {
                    report.refuse(wrong);
                    continue;
                }
            };
            let name = entities.name(&row.key);
            if !self.seen.insert(name) {
                report.refuse([self.layout.refuse_key(line, "key-twice")]);
                continue;
            }
            let values: Vec<(&str, String)> = row
                .values
                .into_iter()
                .map(|(field, value)| (self.layout.attribute(field), value))
                .collect();
            let entity = entities
                .entity(name, &values, now)
                .map_err(|error| io::Error::other(error.detail))?;
            row.warnings.into_iter().for_each(|warning| report.warn(warning));
            items.push(Item::entity(entity, self.name.clone(), line));
        }
        Ok(true)
    }
}
