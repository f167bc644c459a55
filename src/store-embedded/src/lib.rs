//! The embedded store: everything in one folder, by one process, on the LSM engine fjall.
//!
//! One committer thread drains the waiting write sets, decides them with [`tsunagu_store::group::resolve`], writes one atomic batch, syncs
//! the journal once and answers all of them. Readers take a snapshot and never wait for writers. A bounded cache holds entities read lately;
//! it never answers with anything older than what is acknowledged.
//!
//! This room owns the engine and the layout of its keys, and knows nothing of what rooms keep in their records.

mod cache;
mod committer;
mod engine;
mod format;
mod keys;
mod open;
mod query;
mod store;
mod verify;

pub use open::{Durability, Options};
pub use store::EmbeddedStore;
