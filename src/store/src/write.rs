//! Write sets: everything that must happen together, or not at all.

use tsunagu_domain::TenantId;
use tsunagu_ngsi_ld::{EntityDoc, PastDoc};

use crate::temporal::InstanceKey;

/// A family of records, owned by one room, e.g. `consent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Collection(pub &'static str);

/// An append-only log, owned by one room, e.g. `audit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Log(pub &'static str);

/// What must be true of an entity or record for the write to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Nothing.
    Any,
    /// It is not there.
    Absent,
    /// It is there.
    Present,
    /// It is there in exactly this version, as it was read.
    Version(u64),
}

/// A condition that chooses the branch of [`Op::When`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Guard {
    /// No record has this key.
    Absent {
        /// Its collection.
        collection: Collection,
        /// Its key.
        key: Vec<u8>,
    },
    /// The counter plus `delta` stays within `min..=max`.
    Room {
        /// Its collection.
        collection: Collection,
        /// Its key; an absent counter is 0.
        key: Vec<u8>,
        /// What would be added.
        delta: i64,
        /// Lower bound.
        min: i64,
        /// Upper bound.
        max: i64,
    },
    /// None of these bits is set in the record.
    Clear {
        /// Its collection.
        collection: Collection,
        /// Its key; in an absent record no bit is set.
        key: Vec<u8>,
        /// The bits, as [`Op::Mark`] sets them.
        bits: Vec<u8>,
    },
}

impl Guard {
    /// The record that decides it.
    pub(crate) fn record(&self) -> (Collection, &Vec<u8>) {
        let (Self::Absent { collection, key }
        | Self::Room { collection, key, .. }
        | Self::Clear { collection, key, .. }) = self;
        (*collection, key)
    }
}

/// One operation of a write set.
#[derive(Debug, Clone)]
pub enum Op {
    /// Stores an entity under its own id.
    PutEntity {
        /// The entity, encoded.
        doc: EntityDoc,
        /// Precondition.
        expect: Expect,
    },
    /// Removes an entity.
    DeleteEntity {
        /// Its id.
        id: String,
        /// Precondition.
        expect: Expect,
    },
    /// Keeps an instance of the past of an entity, in place of one of the same name.
    PutInstance {
        /// Its name.
        key: InstanceKey,
        /// What it was.
        doc: PastDoc,
    },
    /// Forgets an instance of the past.
    DeleteInstance {
        /// Its name.
        key: InstanceKey,
    },
    /// Keeps what there was of an entity that is deleted: types, subject and the attributes by name, so that its past can be asked for.
    PutPast {
        /// The entity without its values.
        doc: EntityDoc,
        /// Precondition, about what is kept of an earlier one.
        expect: Expect,
    },
    /// Forgets what was kept so.
    DeletePast {
        /// Its id.
        id: String,
        /// Precondition.
        expect: Expect,
    },
    /// Stores a record.
    PutRecord {
        /// Its collection.
        collection: Collection,
        /// Its key, at most 1 KB; keys sort bytewise in scans.
        key: Vec<u8>,
        /// Its value.
        value: Vec<u8>,
        /// Precondition.
        expect: Expect,
    },
    /// Removes a record.
    DeleteRecord {
        /// Its collection.
        collection: Collection,
        /// Its key.
        key: Vec<u8>,
        /// Precondition.
        expect: Expect,
    },
    /// Appends to a log; the index it got is in [`Receipt::appended`].
    Append {
        /// The log.
        log: Log,
        /// The entry.
        entry: Vec<u8>,
    },
    /// Stores a record whose value is the index that the last [`Op::Append`] of the set got: eight bytes, big-endian. Without one before it the
    /// set is a conflict.
    PutIndex {
        /// Its collection.
        collection: Collection,
        /// Its key.
        key: Vec<u8>,
    },
    /// Puts other bytes in the place of an entry, so that what was in it is gone. Its index and the size of the log stay.
    Redact {
        /// The log.
        log: Log,
        /// Which entry.
        index: u64,
        /// What is left of it.
        entry: Vec<u8>,
    },
    /// Adds to a counter (a record of eight bytes, big-endian `i64`; absent is 0); out of bounds is a conflict. Adding commutes,
    /// so busy counters do not make writers conflict.
    Add {
        /// Its collection.
        collection: Collection,
        /// Its key.
        key: Vec<u8>,
        /// What to add.
        delta: i64,
        /// Lower bound.
        min: i64,
        /// Upper bound.
        max: i64,
    },
    /// Sets bits in a record, which becomes as long as it must be; those set before stay. Like adding, marking commutes.
    Mark {
        /// Its collection.
        collection: Collection,
        /// Its key; an absent record has no bit set.
        key: Vec<u8>,
        /// The bits to set.
        bits: Vec<u8>,
    },
    /// Decides inside the transaction: `then` when every guard holds, else `otherwise`. Which one is in [`Receipt::branches`].
    When {
        /// Conditions.
        guards: Vec<Guard>,
        /// Done when all hold.
        then: Vec<Op>,
        /// Done otherwise.
        otherwise: Vec<Op>,
    },
}

/// What one transaction changes in one tenant.
#[derive(Debug, Clone)]
pub struct WriteSet {
    /// The municipality.
    pub tenant: TenantId,
    /// In order; later operations see the effects of earlier ones.
    pub ops: Vec<Op>,
}

impl WriteSet {
    /// An empty set.
    pub fn new(tenant: TenantId) -> Self {
        Self { tenant, ops: Vec::new() }
    }

    /// Adds an operation.
    #[must_use]
    pub fn with(mut self, op: Op) -> Self {
        self.ops.push(op);
        self
    }
}

/// The acknowledgement of a write set: it is on disk.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Receipt {
    /// Grows with every transaction of the store; the version of everything this one wrote.
    pub version: u64,
    /// The indexes that appended entries got, in order.
    pub appended: Vec<u64>,
    /// For each [`Op::When`] reached, in order: whether its guards held.
    pub branches: Vec<bool>,
}
