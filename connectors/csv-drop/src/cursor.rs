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
    pub(crate) fn read(cursor: Option<&Cursor>) -> Result<Self, ConnectError> {
        let Some(Cursor(text)) = cursor else {
            return Ok(Self { v: 1, done: BTreeMap::new(), current: None });
        };
        let damaged = || {
            ConnectError::Config(
                "the stored position of the csv connector cannot be read".to_owned(),
            )
        };
        serde_json::from_str(text).map_err(|_| damaged())
    }

    pub(crate) fn write(&self) -> Result<Cursor, ConnectError> {
        let failed = |_| {
            ConnectError::Config("the position of the csv connector cannot be written".to_owned())
        };
        serde_json::to_string(self).map(Cursor).map_err(failed)
    }
}
