//! The file that the connector has open.

use std::io;

use tsunagu_connect::{Item, Refusal, RowReport};
use tsunagu_domain::Timestamp;

use crate::Config;
use crate::cursor::Stamp;
use crate::files::Listed;
use crate::finding::Weight;
use crate::row::Undecided;
use crate::rows::{Rows, Sighted};

/// So many bytes of a file are enough for one batch, however few its rows are.
const BATCH_BYTES: u64 = 8 << 20;

/// A file being read.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) name: String,
    pub(crate) stamp: Stamp,
    rows: Rows,
}

impl Open {
    /// Opens a file at its first row; what is wrong with the whole of it is the inner error.
    pub(crate) fn new(
        config: &Config,
        name: &str,
        stamp: Stamp,
        sighted: &Sighted,
    ) -> io::Result<Result<Self, Box<Refusal>>> {
        let opened = Rows::open(config, &config.folder.join(name), sighted, &Undecided)?;
        Ok(match opened {
            Ok(rows) => Ok(Self { name: name.to_owned(), stamp, rows }),
            Err(wrong) => Err(Box::new(wrong.refusal(name))),
        })
    }

    /// Whether this is the file, unchanged.
    pub(crate) fn is(&self, file: &Listed) -> bool {
        let Stamp { modified, size, .. } = self.stamp;
        (self.name.as_str(), modified, size) == (file.name.as_str(), file.modified, file.size)
    }

    /// Rows read so far, without the header.
    pub(crate) fn rows(&self) -> u64 {
        self.rows.rows()
    }

    /// Goes on to where `rows` rows have been read.
    pub(crate) fn skip(&mut self, rows: u64) -> io::Result<()> {
        self.rows.skip(rows, &Undecided)
    }

    /// Reads at most `limit` rows, fewer when they are long; `false` when the file is at its end.
    pub(crate) fn read(
        &mut self,
        limit: usize,
        now: Timestamp,
        items: &mut Vec<Item>,
        report: &mut RowReport,
    ) -> io::Result<bool> {
        let from = self.rows.bytes();
        for _ in 0..limit {
            if self.rows.bytes() - from > BATCH_BYTES {
                break;
            }
            let Some(outcome) = self.rows.next(now, &Undecided)? else {
                return Ok(false);
            };
            let (warnings, wrong): (Vec<_>, Vec<_>) =
                outcome.findings.into_iter().partition(|finding| finding.weight == Weight::Warning);
            match outcome.record {
                Some(record) => {
                    for finding in &warnings {
                        report.warn(finding.refusal(&self.name));
                    }
                    let (entity, input) = (record.entity, self.name.clone());
                    items.push(Item::entity(entity, input, outcome.line));
                }
                // Nobody decides about a file that is published as it comes.
                None => report.refuse(wrong.iter().map(|finding| finding.refusal(&self.name))),
            }
        }
        Ok(true)
    }
}
