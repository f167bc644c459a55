//! The temporal evolution of entities (clauses 4.5.6 to 4.5.9, 5.6.11 to 5.6.16, 5.7.3, 5.7.4).
//!
//! What an entity is now is its last instances; [`record`] leaves to the past what a change supersedes, in the transaction of the change. What
//! is provided of the past goes there directly. An entity that is first met so is there from then on as a copy of its last instances.

mod provide;
mod query;
mod record;
mod retrieve;
mod show;
mod window;

use tsunagu_ngsi_ld::render::TemporalForm;
use tsunagu_ngsi_ld::temporal::{Duration, Method, TemporalQuery};
use tsunagu_store::access::Ticket;

pub use provide::{InstanceName, Provided};
pub use query::{AskedEvolutions, EvolvedPage};
pub(crate) use record::record;

/// What of the past is asked for, and how it is shown.
#[derive(Debug, Clone)]
pub struct Temporal {
    /// Which instances.
    pub query: TemporalQuery,
    /// As what.
    pub form: TemporalForm,
    /// Methods and length of a period, for aggregated values in place of instances; no methods for instances.
    pub methods: Vec<Method>,
    /// See `methods`.
    pub every: Duration,
    /// At most so many instances of each attribute in one answer.
    pub most: usize,
}

/// The part of the time asked for that an answer covers, when it is not all of it (clause 6.3.10).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Where it begins, in the direction of reading, µs since the epoch.
    pub from: i64,
    /// Where it ends.
    pub to: i64,
    /// How many instances of each attribute were asked for, if a number was.
    pub size: Option<usize>,
}

/// A rendered temporal evolution.
#[derive(Debug, Clone, Default)]
pub struct Evolved {
    /// JSON.
    pub body: Vec<u8>,
    /// Index of the access in the log, when persons are concerned.
    pub ticket: Option<Ticket>,
    /// What it covers, when there was too much.
    pub part: Option<Part>,
}
