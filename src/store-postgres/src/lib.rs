//! The store on PostgreSQL, for more than one process and more than one machine.
//!
//! One committer task drains the waiting write sets into one transaction, which takes an advisory lock first, so that the committers of several
//! processes take turns; it decides them with [`tsunagu_store::group::resolve`] and answers after `COMMIT`. Sessions run with `synchronous_commit=on`.
//! Reads always go to the database, by a pool of connections, each in one snapshot.
//!
//! This room owns the tables, their migrations and all SQL. Connections are not encrypted: use a Unix socket or a private network.

mod committer;
mod error;
mod migrate;
mod options;
mod past;
mod query;
mod read;
mod store;
mod verify;
mod write;

pub use options::Options;
pub use store::PostgresStore;
