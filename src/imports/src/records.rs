//! How this room writes its records.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tsunagu_connector_csv_drop::{Finding, Weight};
use tsunagu_domain::{Problem, ProblemCode};
use tsunagu_ngsi_ld::{Entity, EntityDoc};
pub(crate) use tsunagu_store::records::{Kept, delete, put, read, scan, try_commit, unchanged};
use tsunagu_store::{Collection, Expect, Guard, Op};

use crate::load::Stamp;

/// Layout → [`Head`].
pub(crate) const HEADS: Collection = Collection("import-head");
/// Layout + number → load.
pub(crate) const LOADS: Collection = Collection("import-load");
/// Layout + number + name of the record → a byte that says what follows, and the entity as stored.
pub(crate) const ROWS: Collection = Collection("import-row");
/// Layout + number + line → [`Waiting`].
pub(crate) const WAITING: Collection = Collection("import-waiting");
/// Layout + number + line + place in the row → [`Noted`].
pub(crate) const FINDINGS: Collection = Collection("import-finding");
/// Layout + digest of column and value → [`Decision`].
pub(crate) const DECISIONS: Collection = Collection("import-decision");

/// Layout + number + digest of column and value → nothing: rows of the load were read by that decision.
pub(crate) const USED: Collection = Collection("import-used");

/// Layout + name of a file → [`Uploaded`], until it becomes a load.
pub(crate) const UPLOADS: Collection = Collection("import-upload");

/// So many findings of a load are kept; the counts stay exact.
pub(crate) const MAX_FINDINGS: u64 = 10_000;
/// So often a race may be lost before the caller is told.
pub(crate) const ATTEMPTS: usize = 8;

/// What there is of a layout.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Head {
    /// The number of the last load.
    pub(crate) last: u64,
    /// The load that is being worked on or waits.
    pub(crate) current: Option<u64>,
    /// The load that is published.
    pub(crate) published: Option<u64>,
    /// The one before, whose rows are kept.
    pub(crate) former: Option<u64>,
    /// Loads whose rows are no longer needed.
    pub(crate) purge: Vec<u64>,
    /// Files that became loads.
    pub(crate) seen: BTreeMap<String, Stamp>,
}

/// A row that waits for a decision.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Waiting {
    pub(crate) cells: Vec<String>,
    /// Whether a decision has told whose it is.
    #[serde(default)]
    pub(crate) named: bool,
}

/// A finding without its value.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Noted {
    pub(crate) line: u64,
    pub(crate) column: Option<String>,
    pub(crate) rule: String,
    pub(crate) weight: Weight,
    /// The id of the entity that the platform did not take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) record: Option<String>,
}

impl From<&Finding> for Noted {
    fn from(finding: &Finding) -> Self {
        let Finding { line, column, rule, weight, .. } = finding;
        let (column, rule) = (column.clone(), (*rule).to_owned());
        Self { line: *line, column, rule, weight: *weight, record: None }
    }
}

/// What was decided about a value of a column.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Decision {
    /// The text that is meant; `None`: rows with it are refused.
    pub(crate) take: Option<String>,
    pub(crate) by: tsunagu_staff::Who,
    pub(crate) at: tsunagu_domain::Timestamp,
    /// Of which column; absent in one from before it was kept, as is `written`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) column: Option<String>,
    /// The value as written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) written: Option<String>,
    /// The number of the load and the line that it is about alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) only: Option<(u64, u64)>,
}

/// A file that a member of staff handed over.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Uploaded {
    pub(crate) by: tsunagu_staff::Who,
    pub(crate) at: tsunagu_domain::Timestamp,
}

/// The key of [`Uploaded`].
pub(crate) fn uploaded(layout: &str, file: &str) -> Vec<u8> {
    [&of_layout(layout)[..], file.as_bytes()].concat()
}

/// Everything of a layout.
pub(crate) fn of_layout(layout: &str) -> Vec<u8> {
    [layout.as_bytes(), b"\0"].concat()
}

/// Everything of a load, and the key of its own record.
pub(crate) fn of_load(layout: &str, number: u64) -> Vec<u8> {
    [&of_layout(layout)[..], &number.to_be_bytes()].concat()
}

/// Something of a load.
pub(crate) fn in_load(layout: &str, number: u64, rest: &[u8]) -> Vec<u8> {
    [&of_load(layout, number)[..], rest].concat()
}

/// A row as it is kept.
#[derive(Clone)]
pub(crate) enum Row {
    /// The file has a row for this record that is not taken over: what is published of it stays.
    Withheld,
    /// The record.
    Record(EntityDoc),
}

impl PartialEq<EntityDoc> for Row {
    fn eq(&self, other: &EntityDoc) -> bool {
        matches!(self, Self::Record(doc) if doc.bytes() == other.bytes())
    }
}

const WITHHELD: u8 = 0;
const RECORD: u8 = 1;

impl Row {
    pub(crate) fn of(entity: &Entity) -> Self {
        Self::Record(EntityDoc::from(entity))
    }

    pub(crate) fn read(value: Vec<u8>) -> Result<Self, Problem> {
        let mut bytes = Bytes::from(value);
        match (bytes.first(), bytes.len()) {
            (Some(&WITHHELD), 1) => Ok(Self::Withheld),
            (Some(&RECORD), 2..) => {
                let doc = EntityDoc::from_bytes(bytes.split_off(1)).map_err(|_| damaged())?;
                Ok(Self::Record(doc))
            }
            _ => Err(damaged()),
        }
    }

    pub(crate) fn put(&self, key: Vec<u8>) -> Op {
        let value = match self {
            Self::Withheld => vec![WITHHELD],
            Self::Record(doc) => [&[RECORD], &doc.bytes()[..]].concat(),
        };
        Op::PutRecord { collection: ROWS, key, value, expect: Expect::Any }
    }

    /// Puts that a row is withheld, unless the file gave the record already.
    pub(crate) fn put_withheld(key: Vec<u8>) -> Op {
        let guards = vec![Guard::Absent { collection: ROWS, key: key.clone() }];
        Op::When { guards, then: vec![Self::Withheld.put(key)], otherwise: Vec::new() }
    }
}

pub(crate) fn damaged() -> Problem {
    Problem::new(ProblemCode::InternalError, "a stored row of a load is damaged")
}

/// What is told when a race was lost too often.
pub(crate) fn busy() -> Problem {
    let detail = "something else changed this at the same moment; look at it again and repeat";
    Problem::new(ProblemCode::Conflict, detail)
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or_default();
    bytes.iter().flat_map(|b| [digit(b >> 4), digit(b & 15)]).collect()
}

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(16)).collect();
    digits.chunks_exact(2).filter_map(|pair| u8::try_from(pair[0] * 16 + pair[1]).ok()).collect()
}
