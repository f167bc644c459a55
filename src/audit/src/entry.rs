//! One entry of the log: a salt, then an access as JSON.

use serde::{Deserialize, Serialize};
use tsunagu_domain::{IdGen, Problem, ProblemCode};
use tsunagu_store::access::Access;

use crate::tree::{Hash, leaf_hash};

/// How long an entry may be, bytes: what a bundle of `tlog-tiles` can hold.
pub const MAX_ENTRY: usize = u16::MAX as usize;

const SALT: usize = 32;
const VERSION: u32 = 1;

/// The stored form. Its members have one order, so that one access has one spelling.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written<A> {
    v: u32,
    access: A,
}

/// Encodes `access` with a fresh salt. Without the salt, a leaf hash tells nothing about its entry.
pub(crate) fn encode(access: &Access, ids: &dyn IdGen) -> Result<Vec<u8>, Problem> {
    let mut entry = ids.bytes().to_vec();
    serde_json::to_writer(&mut entry, &Written { v: VERSION, access }).map_err(|_| {
        Problem::new(ProblemCode::InternalError, "the record of access could not be encoded")
    })?;
    if entry.len() > MAX_ENTRY {
        return Err(Problem::new(
            ProblemCode::TooManyResults,
            "one request touches more people than one entry of the audit log can name; ask for smaller pages",
        ));
    }
    Ok(entry)
}

/// The access of an entry; `None` when it is not one of a known version.
pub(crate) fn decode(entry: &[u8]) -> Option<Access> {
    let (_salt, json) = entry.split_at_checked(SALT)?;
    let written: Written<Access> = serde_json::from_slice(json).ok()?;
    (written.v == VERSION).then_some(written.access)
}

/// An entry as an auditor reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedEntry {
    /// Its place in the log.
    pub index: u64,
    /// Salt and JSON, as hashed and stored.
    pub bytes: Vec<u8>,
    /// What it says.
    pub access: Access,
}

impl LoggedEntry {
    /// Its leaf hash.
    pub fn leaf(&self) -> Hash {
        leaf_hash(&self.bytes)
    }
}
