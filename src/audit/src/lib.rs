//! The record of access: every access to personal data is an entry of a transparency log, and nobody can change it unseen.
//!
//! The log is an RFC 6962 Merkle tree in the form of the C2SP specifications `tlog-tiles`, `tlog-checkpoint` and `signed-note`, so
//! that tools of others read it. [`AuditLog`] keeps it in the store and implements [`AccessLog`](tsunagu_store::access::AccessLog);
//! [`AuditLog::export`] writes it into a folder; [`verify`] checks such a folder with nothing but the public key.
//!
//! Entries hold names, ids and counts, never values. This room decides nothing about access and knows no HTTP.

mod about;
mod checkpoint;
mod cosignature;
mod entry;
mod error;
mod log;
mod note;
mod proof;
mod provisions;
mod report;
mod tiles;
mod tlog_proof;
mod tree;
mod usage;
mod verify;
mod witness;

pub use about::{About, Period, Seen};
pub use checkpoint::{Checkpoint, origin};
pub use cosignature::{Cosigned, Cosigner, Quorum, WitnessKey};
pub use entry::{Content, InvalidEntry, LoggedEntry, MAX_ENTRY, bundle_is_open, open};
pub use error::AuditError;
pub use log::{
    AskedWitness, AuditLog, ConsistencyProof, Erased, InclusionProof, Reader, WitnessCalls,
    Witnesses,
};
pub use note::{InvalidKey, InvalidNote, Signer, VerifyingKey};
pub use proof::{verify_consistency, verify_inclusion};
pub use provisions::{Breach, Concerned, Encoding, InvalidEncoding, Provision, Provisions, Which};
pub use report::{Finding, Report};
pub use tiles::{InvalidTilePath, TilePath};
pub use tlog_proof::{InvalidProof, Proven, TlogProof};
pub use tree::{Hash, leaf_hash, node_hash, root_of};
pub use verify::{Trust, verify};
pub use witness::{Answer, FolderMemory, Memory, Witness};
