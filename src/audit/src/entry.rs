//! One entry of the log: a commitment for everybody, and beside it what it commits to, which can be erased.
//!
//! Stored, version 2 (numbers big-endian, hashes SHA-256):
//!
//! ```text
//! stored     = leaf ‖ payload
//! leaf       = 0x02 ‖ hash(count:u16 ‖ digest₁ … digestₙ ‖ salt:16 ‖ statement)     the entry of the tree, 33 bytes
//! payload    = count:u16 ‖ person₁ … personₙ ‖ salt:16 ‖ statement                  empty once it is erased
//! person     = 0x01 ‖ salt:16 ‖ id:16, or 0x00 ‖ digest once this person is erased
//! digest     = hash(salt ‖ id)
//! statement  = the access without its persons, as JSON
//! ```
//!
//! The tree is over the leaves, so erasing changes no hash and no proof. Without its salt a digest tells nothing, so one person can be taken out of
//! an entry about several while what is left still opens the commitment.
//!
//! Version 1, read only: the entry of the tree was salt:32 ‖ JSON with the persons in it. Nothing of it can be erased.

use std::borrow::Cow;

use aws_lc_rs::digest::{Context, SHA256, digest};
use serde::{Deserialize, Serialize};
use tsunagu_domain::{IdGen, Problem, ProblemCode, Timestamp, TsunoId};
use tsunagu_store::access::{Access, Action, Decision};

use crate::tiles::bundle_entries;
use crate::tree::{Hash, leaf_hash};

/// How long a payload may be, bytes: what a bundle of `tlog-tiles` can hold.
pub const MAX_ENTRY: usize = u16::MAX as usize;

const VERSION: u8 = 2;
/// Length of the entry of the tree.
const LEAF: usize = 33;
const SALT: usize = 16;
const PERSON: usize = 33;
const NAMED: u8 = 1;
const ERASED: u8 = 0;

/// What an access says besides whom it is about. Its members have one order, so that one access has one spelling.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Statement<'a> {
    at: Timestamp,
    request: Cow<'a, str>,
    actor: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    purpose: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    grant: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    grant_version: Option<u64>,
    action: Action,
    types: Cow<'a, [String]>,
    attributes: Cow<'a, [String]>,
    decision: Decision,
    reason: Cow<'a, str>,
    count: u64,
}

impl<'a> Statement<'a> {
    fn of(access: &'a Access) -> Self {
        Self {
            at: access.at,
            request: Cow::Borrowed(&access.request),
            actor: Cow::Borrowed(&access.actor),
            purpose: access.purpose.as_deref().map(Cow::Borrowed),
            grant: access.grant.as_deref().map(Cow::Borrowed),
            grant_version: access.grant_version,
            action: access.action,
            types: Cow::Borrowed(&access.types),
            attributes: Cow::Borrowed(&access.attributes),
            decision: access.decision,
            reason: Cow::Borrowed(&access.reason),
            count: access.count,
        }
    }

    fn about(self, subjects: Vec<TsunoId>) -> Access {
        Access {
            at: self.at,
            request: self.request.into_owned(),
            actor: self.actor.into_owned(),
            subjects,
            purpose: self.purpose.map(Cow::into_owned),
            grant: self.grant.map(Cow::into_owned),
            grant_version: self.grant_version,
            action: self.action,
            types: self.types.into_owned(),
            attributes: self.attributes.into_owned(),
            decision: self.decision,
            reason: self.reason.into_owned(),
            count: self.count,
        }
    }
}

/// The stored form of version 1.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct First {
    v: u32,
    access: Access,
}

const FIRST_SALT: usize = 32;
const FIRST_JSON: &[u8] = b"{\"v\":1,";

/// In version 2 these bytes would begin with a number of persons for which no payload has room.
fn is_first(stored: &[u8]) -> bool {
    stored.get(FIRST_SALT..).is_some_and(|json| json.starts_with(FIRST_JSON))
}

/// Encodes `access` with fresh salts.
pub(crate) fn encode(access: &Access, ids: &dyn IdGen) -> Result<Vec<u8>, Problem> {
    let too_many = || {
        Problem::new(
            ProblemCode::TooManyResults,
            "one request touches more people than one entry of the audit log can name; ask for smaller pages",
        )
    };
    let mut subjects = access.subjects.clone();
    subjects.sort_unstable();
    subjects.dedup();
    let count = u16::try_from(subjects.len()).map_err(|_| too_many())?;
    if usize::from(count) * PERSON > MAX_ENTRY {
        return Err(too_many());
    }
    let mut salts = Salts { ids, rest: Vec::new() };
    let mut stored = Vec::with_capacity(LEAF + usize::from(count) * PERSON + 768);
    stored.resize(LEAF, 0);
    let mut commitment = Context::new(&SHA256);
    stored.extend_from_slice(&count.to_be_bytes());
    commitment.update(&count.to_be_bytes());
    for subject in &subjects {
        stored.push(NAMED);
        let opening = stored.len();
        stored.extend_from_slice(&salts.next());
        stored.extend_from_slice(subject.as_bytes());
        commitment.update(digest(&SHA256, stored.get(opening..).unwrap_or_default()).as_ref());
    }
    let said = stored.len();
    stored.extend_from_slice(&salts.next());
    serde_json::to_writer(&mut stored, &Statement::of(access)).map_err(|_| {
        Problem::new(ProblemCode::InternalError, "the record of access could not be encoded")
    })?;
    if stored.len() - LEAF > MAX_ENTRY {
        return Err(too_many());
    }
    commitment.update(stored.get(said..).unwrap_or_default());
    if let Some((version, rest)) = stored.split_first_mut() {
        *version = VERSION;
        if let Some(place) = rest.first_chunk_mut::<{ LEAF - 1 }>() {
            place.copy_from_slice(commitment.finish().as_ref());
        }
    }
    Ok(stored)
}

/// 16 random bytes at a time; 32 are drawn at once.
struct Salts<'a> {
    ids: &'a dyn IdGen,
    rest: Vec<u8>,
}

impl Salts<'_> {
    fn next(&mut self) -> [u8; SALT] {
        let mut salt = [0; SALT];
        if self.rest.is_empty() {
            self.rest.extend_from_slice(&self.ids.bytes());
        }
        let from = self.rest.len().saturating_sub(SALT);
        for (byte, random) in salt.iter_mut().zip(self.rest.drain(from..)) {
            *byte = random;
        }
        salt
    }
}

/// The entry of the tree of a stored entry, and what is kept beside it.
pub(crate) fn split(stored: &[u8]) -> (&[u8], &[u8]) {
    if is_first(stored) {
        (stored, &[])
    } else {
        stored.split_at_checked(LEAF).unwrap_or((stored, &[]))
    }
}

/// Whether a bundle of entries is for everybody: it holds no entry of the first version, which names people.
pub fn bundle_is_open(bundle: &[u8]) -> bool {
    bundle_entries(bundle).is_some_and(|entries| !entries.into_iter().any(is_first))
}

/// The leaf hash of a stored entry.
pub(crate) fn leaf_of(stored: &[u8]) -> Hash {
    leaf_hash(split(stored).0)
}

/// What an entry says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// An access.
    Access {
        /// The access, about those who are not erased from it.
        access: Box<Access>,
        /// How many persons were erased from it.
        erased: usize,
    },
    /// It was erased; that there was an entry remains.
    Erased,
}

/// What is kept of an entry is not what its leaf commits to, or not of a known version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not what the entry commits to")]
pub struct InvalidEntry;

/// What an entry of the tree says, given what is kept beside it.
pub fn open(leaf: &[u8], payload: &[u8]) -> Result<Content, InvalidEntry> {
    if is_first(leaf) {
        let json = leaf.get(FIRST_SALT..).unwrap_or_default();
        let first: First = serde_json::from_slice(json).map_err(|_| InvalidEntry)?;
        let whole = first.v == 1 && payload.is_empty();
        return whole
            .then_some(Content::Access { access: Box::new(first.access), erased: 0 })
            .ok_or(InvalidEntry);
    }
    let Some((&VERSION, committed)) = leaf.split_first() else {
        return Err(InvalidEntry);
    };
    if committed.len() != LEAF - 1 {
        return Err(InvalidEntry);
    }
    if payload.is_empty() {
        return Ok(Content::Erased);
    }
    let parts = Parts::of(payload).ok_or(InvalidEntry)?;
    if parts.commitment().as_slice() != committed {
        return Err(InvalidEntry);
    }
    let statement: Statement<'_> =
        serde_json::from_slice(parts.statement()).map_err(|_| InvalidEntry)?;
    let subjects: Vec<TsunoId> = parts.persons.iter().filter_map(Person::id).collect();
    let erased = parts.persons.len() - subjects.len();
    Ok(Content::Access { access: Box::new(statement.about(subjects)), erased })
}

/// What is left of a stored entry when it says nothing about `subject` any more; `None` when it cannot be erased.
pub(crate) fn without(stored: &[u8], subject: TsunoId) -> Option<Vec<u8>> {
    if is_first(stored) {
        return None;
    }
    let (leaf, payload) = split(stored);
    let Some(mut parts) = Parts::of(payload) else {
        return Some(leaf.to_vec());
    };
    for person in &mut parts.persons {
        if person.id() == Some(subject) {
            *person = Person::Erased(person.digest());
        }
    }
    let mut left = leaf.to_vec();
    // An entry about nobody any more says nothing any more: its ids of request and grant would still lead to someone.
    if parts.persons.iter().any(|person| person.id().is_some()) {
        parts.write(&mut left);
    }
    Some(left)
}

/// A stored entry as `subject` may take it home: nobody else is named in it, and it still opens its commitment. An entry of the first version about
/// others as well cannot be cut; that is `None`.
pub(crate) fn only(stored: &[u8], subject: TsunoId) -> Option<Vec<u8>> {
    let (leaf, payload) = split(stored);
    if is_first(stored) {
        let Ok(Content::Access { access, .. }) = open(leaf, payload) else { return None };
        return (access.subjects == [subject]).then(|| stored.to_vec());
    }
    let mut parts = Parts::of(payload)?;
    if !parts.persons.iter().any(|person| person.id() == Some(subject)) {
        return None;
    }
    for person in &mut parts.persons {
        if person.id() != Some(subject) {
            *person = Person::Erased(person.digest());
        }
    }
    let mut cut = leaf.to_vec();
    parts.write(&mut cut);
    Some(cut)
}

#[derive(Debug, Clone, Copy)]
enum Person {
    /// Salt and id.
    Named([u8; PERSON - 1]),
    Erased(Hash),
}

impl Person {
    fn id(&self) -> Option<TsunoId> {
        let Self::Named(opening) = self else { return None };
        opening.last_chunk().map(|id| TsunoId::from_bytes(*id))
    }

    fn digest(&self) -> Hash {
        match self {
            Self::Named(opening) => {
                let mut hash = [0; 32];
                hash.copy_from_slice(digest(&SHA256, opening).as_ref());
                hash
            }
            Self::Erased(hash) => *hash,
        }
    }
}

/// A payload, taken apart.
struct Parts<'a> {
    persons: Vec<Person>,
    /// Salt and statement.
    said: &'a [u8],
}

impl<'a> Parts<'a> {
    fn of(payload: &'a [u8]) -> Option<Self> {
        let (count, mut rest) = payload.split_first_chunk()?;
        let count = u16::from_be_bytes(*count);
        let mut persons = Vec::new();
        for _ in 0..count {
            let (kind, behind) = rest.split_first()?;
            let (bytes, behind) = behind.split_first_chunk()?;
            persons.push(match *kind {
                NAMED => Person::Named(*bytes),
                ERASED => Person::Erased(*bytes),
                _ => return None,
            });
            rest = behind;
        }
        (rest.len() > SALT).then_some(Self { persons, said: rest })
    }

    fn statement(&self) -> &'a [u8] {
        self.said.get(SALT..).unwrap_or_default()
    }

    fn count(&self) -> [u8; 2] {
        u16::try_from(self.persons.len()).unwrap_or(u16::MAX).to_be_bytes()
    }

    fn commitment(&self) -> Hash {
        let mut context = Context::new(&SHA256);
        context.update(&self.count());
        for person in &self.persons {
            context.update(&person.digest());
        }
        context.update(self.said);
        let mut hash = [0; 32];
        hash.copy_from_slice(context.finish().as_ref());
        hash
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.count());
        for person in &self.persons {
            let (kind, bytes) = match person {
                Person::Named(opening) => (NAMED, opening),
                Person::Erased(hash) => (ERASED, hash),
            };
            out.push(kind);
            out.extend_from_slice(bytes);
        }
        out.extend_from_slice(self.said);
    }
}

/// An entry as an auditor reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedEntry {
    /// Its place in the log.
    pub index: u64,
    /// The entry of the tree, as hashed.
    pub leaf: Vec<u8>,
    /// What is kept beside it; empty when that is erased.
    pub payload: Vec<u8>,
    /// What it says.
    pub content: Content,
}

impl LoggedEntry {
    pub(crate) fn read(index: u64, stored: &[u8]) -> Result<Self, InvalidEntry> {
        let (leaf, payload) = split(stored);
        let content = open(leaf, payload)?;
        Ok(Self { index, leaf: leaf.to_vec(), payload: payload.to_vec(), content })
    }

    /// Its leaf hash.
    pub fn leaf_hash(&self) -> Hash {
        leaf_hash(&self.leaf)
    }

    /// The access, unless it was erased.
    pub fn access(&self) -> Option<&Access> {
        match &self.content {
            Content::Access { access, .. } => Some(access),
            Content::Erased => None,
        }
    }
}
