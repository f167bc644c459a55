//! What a connector is, and what runs it.
//!
//! A connector to a system that *gives* data implements [`Source`]: it reads a batch from where a [`Cursor`] says and returns NGSI-LD
//! entities with a report per row. The [`Runner`] hands them to the [`Platform`] (the broker, wired by the server), leaves out what has
//! not changed since the last time, and moves the cursor only in the transaction that remembers what was taken over: killed at any
//! moment, it ends in the same state. Connectors to systems that *take* orders implement the trait of the room that orders (for coins:
//! `tsunagu-rewards`).
//!
//! Owned here: the collections named `connector-*`. The room knows no concrete connector, no HTTP and no file format; its reports tell
//! where something is wrong and how to mend it, never a value.

mod manifest;
mod platform;
mod registry;
mod report;
mod runner;
mod source;

pub use manifest::{Direction, Manifest};
pub use platform::{Platform, UpsertOutcome};
pub use registry::{Connectors, RunView};
pub use report::{MAX_REFUSALS, Refusal, RowReport, Warning};
pub use runner::{Pace, RunReport, Runner};
pub use source::{Batch, ConnectError, Cursor, Item, Source};
