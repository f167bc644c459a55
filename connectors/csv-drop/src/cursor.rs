//! How far a folder has been read.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tsunagu_connect::{ConnectError, Cursor};

/// What tells one content of a file from another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Stamp {
    /// Microseconds since the epoch.
    pub(crate) modified: i64,
    /// Bytes.
    pub(crate) size: u64,
    /// SHA-256.
    pub(crate) digest: String,
}

/// The file being read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Current {
    pub(crate) name: String,
    pub(crate) stamp: Stamp,
    /// Rows taken over, without the header.
    pub(crate) rows: u64,
}

/// Everything read so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Progress {
    pub(crate) v: u32,
    pub(crate) done: BTreeMap<String, Stamp>,
    pub(crate) current: Option<Current>,
}

impl Progress {
    /// From one that is not ours it begins anew.
    pub(crate) fn read(cursor: Option<&Cursor>) -> Self {
        let read = cursor.and_then(|Cursor(text)| serde_json::from_str(text).ok());
        let ours = read.filter(|progress: &Self| progress.v == 1);
        ours.unwrap_or_else(|| Self { v: 1, done: BTreeMap::new(), current: None })
    }

    /// Whether the file of this name is done with, and no other one that is done with is later.
    pub(crate) fn is_latest(&self, name: &str) -> bool {
        let place = |(name, stamp): (&String, &Stamp)| (stamp.modified, name.clone());
        self.done.iter().map(place).max().is_some_and(|(_, latest)| latest == name)
    }

    /// Forgets files that are later than this moment and name, so that they are read again: what they say holds.
    pub(crate) fn go_back_to(&mut self, modified: i64, name: &str) {
        self.done.retain(|other, stamp| (stamp.modified, other.as_str()) <= (modified, name));
    }

    pub(crate) fn write(&self) -> Result<Cursor, ConnectError> {
        let failed = |_| {
            ConnectError::Config("the position of the csv connector cannot be written".to_owned())
        };
        serde_json::to_string(self).map(Cursor).map_err(failed)
    }
}
