//! What the platform asks of storage, and everything about it that is the same for every backend.
//!
//! A store keeps three things per tenant: **entities** (NGSI-LD, cut by a [`View`](tsunagu_policy::View) on every way out),
//! **records** (small keyed values of the other rooms: consents, clients, ledgers, outboxes) and **logs** (append-only). A
//! [`WriteSet`] changes any of them in one transaction that is durable before it is acknowledged.
//!
//! The meaning of a write set, its preconditions and counters, is decided by one pure function, [`group::resolve`]; the
//! indexes an entity needs by [`index`]; the choice of an index by [`plan`]; what is kept of the past by [`temporal`]; waiting write sets are gathered by [`queue`]. A backend only loads, stores and scans. This room never
//! names a driver.

pub mod access;
#[cfg(feature = "conformance")]
pub mod conformance;
mod consequence;
mod error;
pub mod group;
pub mod index;
pub mod plan;
pub mod queue;
pub mod records;
mod store;
pub mod temporal;
#[cfg(feature = "testing")]
pub mod testing;
mod write;

pub use consequence::{Change, Consequence};
pub use error::{Conflict, StoreError};
pub use store::{EntityQuery, Found, Page, Record, Scan, Store, successor};
pub use write::{Collection, Expect, Guard, Log, Op, Receipt, WriteSet};
