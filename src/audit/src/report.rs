//! What the verification of an exported log found.

use std::fmt;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// The checkpoint is missing or not signed by the key.
    Checkpoint(String),
    /// A line of a witness is not its cosignature.
    Cosignature {
        /// Whose.
        witness: String,
    },
    /// Too few witnesses cosigned the checkpoint.
    Quorum {
        /// How many did.
        found: usize,
        /// How many must.
        needed: usize,
    },
    /// The log is not the continuation of an earlier checkpoint.
    Forked {
        /// Its size.
        size: u64,
    },
    /// A file of the log is not there.
    Missing {
        /// Its path.
        path: String,
        /// The first entry that it holds or covers.
        index: u64,
    },
    /// A file that does not belong to a log of the signed size.
    Unexpected {
        /// Its path.
        path: String,
    },
    /// A file cannot be read or is not of its form.
    Malformed {
        /// Its path.
        path: String,
        /// The first entry that it holds or covers.
        index: u64,
    },
    /// The entry is another than its hash in the tiles says.
    Changed {
        /// Which entry.
        index: u64,
    },
    /// Entries are the signed ones, but in another order.
    Reordered {
        /// The first in a wrong place.
        index: u64,
        /// The last in a wrong place.
        last: u64,
    },
    /// Entries were taken out.
    Dropped {
        /// The first one missing.
        index: u64,
        /// How many.
        count: u64,
    },
    /// Entries were put in.
    Inserted {
        /// The first one.
        index: u64,
        /// How many.
        count: u64,
    },
    /// The entry has its hash, but what is kept beside it is not what it commits to, or not of a known version.
    Unreadable {
        /// Which entry.
        index: u64,
    },
    /// More entries were erased than the log has on record.
    Erased {
        /// Erased, whole or one person out of them.
        erased: u64,
        /// On record.
        recorded: u64,
    },
    /// A tile above the lowest level does not follow from the one below.
    Tile {
        /// Its path.
        path: String,
        /// The first entry under the first hash that differs.
        index: u64,
    },
    /// The log has another number of entries than was signed.
    Size {
        /// Signed.
        signed: u64,
        /// Found.
        found: u64,
    },
    /// The root over the entries is not the signed one.
    Root {
        /// Whether the root over the hashes of the lowest tiles is the signed one: then only entries were changed.
        tiles_match: bool,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Checkpoint(why) => write!(f, "the checkpoint is not valid: {why}"),
            Self::Cosignature { witness } => write!(f, "the cosignature of {witness} is wrong"),
            Self::Quorum { found, needed } => {
                write!(f, "{found} witnesses cosigned the checkpoint, {needed} are needed")
            }
            Self::Forked { size } => {
                write!(f, "the log is not the continuation of the checkpoint of {size} entries")
            }
            Self::Missing { path, index } => write!(f, "{path} is missing (from entry {index})"),
            Self::Unexpected { path } => write!(f, "{path} does not belong to the signed log"),
            Self::Malformed { path, index } => write!(f, "{path} is damaged (from entry {index})"),
            Self::Changed { index } => write!(f, "entry {index} was changed"),
            Self::Reordered { index, last } => {
                write!(f, "entries {index} to {last} are in another order")
            }
            Self::Dropped { index, count } => {
                write!(f, "{count} entries were dropped at entry {index}")
            }
            Self::Inserted { index, count } => {
                write!(f, "{count} entries were inserted at entry {index}")
            }
            Self::Unreadable { index } => {
                write!(f, "entry {index} does not say what it commits to")
            }
            Self::Erased { erased, recorded } => {
                write!(f, "{erased} entries are erased, but only {recorded} erasures are on record")
            }
            Self::Tile { path, index } => {
                write!(f, "{path} does not follow from the tiles below it (from entry {index})")
            }
            Self::Size { signed, found } => {
                write!(f, "{signed} entries were signed, {found} were found")
            }
            Self::Root { tiles_match: true } => {
                f.write_str("the entries do not give the signed root, but the lowest tiles do")
            }
            Self::Root { tiles_match: false } => {
                f.write_str("neither the entries nor the lowest tiles give the signed root")
            }
        }
    }
}

/// The result of verifying a folder.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Which log, as signed; empty when the checkpoint is not valid.
    pub origin: String,
    /// Size, as signed.
    pub size: u64,
    /// Root as signed, base64.
    pub root: String,
    /// Who cosigned the checkpoint.
    pub witnesses: Vec<String>,
    /// How many entries were hashed.
    pub entries: u64,
    /// How many of them are erased, whole or one person out of them.
    pub erased: u64,
    /// What is wrong, in the order found; at most [`Report::MAX_FINDINGS`].
    pub findings: Vec<Finding>,
    /// How many more findings there were.
    pub more: u64,
}

impl Report {
    /// So many findings are told.
    pub const MAX_FINDINGS: usize = 100;

    /// Whether the folder is the log that was signed, whole and unchanged.
    pub fn holds(&self) -> bool {
        self.findings.is_empty() && self.more == 0
    }

    pub(crate) fn found(&mut self, finding: Finding) {
        if self.findings.len() < Self::MAX_FINDINGS {
            self.findings.push(finding);
        } else {
            self.more += 1;
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.holds() {
            write!(
                f,
                "the log {} is whole: {} entries ({} erased, on record), root {}, signature valid",
                self.origin, self.size, self.erased, self.root
            )?;
            if !self.witnesses.is_empty() {
                write!(f, ", cosigned by {}", self.witnesses.join(", "))?;
            }
            return writeln!(f);
        }
        writeln!(f, "the log does not hold: {} entries were read", self.entries)?;
        for finding in &self.findings {
            writeln!(f, "- {finding}")?;
        }
        if self.more > 0 {
            writeln!(f, "- and {} more", self.more)?;
        }
        Ok(())
    }
}
