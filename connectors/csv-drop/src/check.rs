//! Looking at a file without storing anything.

use std::io;
use std::path::Path;

use crate::{Config, Finding, Rows, Sighted, Undecided, Weight};

/// What would become of a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Rows that would be taken over.
    pub accepted: u64,
    /// Rows that a person has to decide about.
    pub to_decide: u64,
    /// Rows that would not be taken over; 1 when the whole file is refused.
    pub refused: u64,
    /// Remarks on accepted rows.
    pub warnings: u64,
}

/// Whoever is told while a file is looked at.
pub trait Watcher {
    /// The file is text in this encoding.
    fn sighted(&mut self, sighted: &Sighted) -> io::Result<()>;
    /// It has so many rows.
    fn opened(&mut self, rows: u64);
    /// Something is not as it should be.
    fn found(&mut self, finding: &Finding) -> io::Result<()>;
    /// So many rows are done.
    fn done(&mut self, rows: u64);
}

/// Reads a file as it would be taken over, tells everything that is not as it should be, and stores nothing.
pub fn check(config: &Config, path: &Path, watcher: &mut dyn Watcher) -> io::Result<Tally> {
    let whole = Tally { refused: 1, ..Tally::default() };
    let sighted = match Sighted::of(config, path)? {
        Ok(sighted) => sighted,
        Err(wrong) => {
            watcher.found(&wrong)?;
            return Ok(whole);
        }
    };
    watcher.sighted(&sighted)?;
    let mut rows = match Rows::open(config, path, &sighted, &Undecided)? {
        Ok(rows) => rows,
        Err(wrong) => {
            watcher.found(&wrong)?;
            return Ok(whole);
        }
    };
    watcher.opened(rows.all());
    let mut tally = Tally::default();
    while let Some(outcome) = rows.next(0, &Undecided)? {
        for finding in &outcome.findings {
            watcher.found(finding)?;
        }
        match outcome.weight() {
            Some(Weight::Refused) => tally.refused += 1,
            Some(Weight::ToDecide) => tally.to_decide += 1,
            Some(Weight::Warning) | None => {
                tally.accepted += 1;
                tally.warnings += outcome.findings.len() as u64;
            }
        }
        watcher.done(rows.rows());
    }
    Ok(tally)
}
