//! What runs connectors: one task for each way in, looked after, on every gateway but at one time only on one.

mod connectors;
mod dead;
mod digest;
mod inbox;
mod kept;
mod lease;
mod metrics;
mod run;
mod runner;
mod sinks;
mod supervise;
mod take;
mod vitals;

pub use connectors::{
    Applied, ConnectorView, Connectors, Foundations, NotApplied, NotReceived, ReadSettings, Ready,
    validate,
};
pub use dead::{DeadLetter, DeadLetterPage, Replay};
pub use metrics::OPEN_METRICS;
pub use run::{RunReport, runs};
pub use runner::{Ground, Runner};
pub use vitals::{Counters, Health};
