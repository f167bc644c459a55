//! What a connector is, and what runs it.
//!
//! ```text
//! settings ─ Kind::validate (pure) ─► Plan ─ build (starts nothing) ─► Parts ─ the runtime runs them
//!
//! Source ── polled ────────────────────────────► items ─ mapping ─► entities ─► Platform (the broker)
//! Receiver, Listener ─► Inbox (on disk) ─ polled ─┘        └─ refused ─► dead letters ─ replay ─┘
//! Sink     ◄── changes that the connector's client may see
//! Command  ◄── orders, each carried out once
//! Probe    ◄── "are you there?"
//! ```
//!
//! The runtime keeps a [`Cursor`] for each feed and moves it only in the transaction that remembers what was taken over: killed at any
//! moment, it ends in the same state. What has not changed since the last time is left out. One gateway at a time runs a feed. A kind knows no store, no
//! broker and no other kind: `connectors/README.md` is the contract, and the module `testkit` (feature `testing`) holds every kind to it.
//!
//! Owned here: the collections named `connector-*`. The room knows no concrete connector and no file format; its reports tell
//! where something is wrong and how to mend it, never a value.

mod guard;
mod http;
mod kind;
mod manifest;
mod mapper;
mod mqtt;
mod pace;
mod platform;
mod receive;
mod report;
mod runtime;
mod send;
mod source;
#[cfg(feature = "testing")]
pub mod testkit;

pub use http::{Auth, Call, Client, Endpoint, Http, HttpError, Reply};
pub use kind::{Finding, Host, Kind, Parts, Plan, Secret, Settings};
pub use manifest::{Direction, Manifest};
pub use mapper::{Fault, Mapped, Mapper};
pub use mqtt::{Mqtt, MqttMessage, MqttSubscription, MqttTaker, MqttVersion, QualityOfService};
pub use pace::{Breaker, Caps, Circuit, Hour, Schedule};
pub use platform::{Platform, UpsertOutcome};
pub use receive::{Accepted, Inbox, Incoming, Listener, NotAccepted, NotKept, Receiver};
pub use report::{MAX_REFUSALS, Refusal, RowReport, Warning};
pub use runtime::{
    Applied, ConnectorView, Connectors, Counters, DeadLetter, DeadLetterPage, Foundations, Ground,
    Health, NotApplied, NotReceived, OPEN_METRICS, ReadSettings, Ready, Replay, RunReport, Runner,
    runs, validate,
};
pub use send::{Command, CommandError, Delivery, Held, Order, Probe, Sink, SinkError};
pub use source::{Batch, ConnectError, Cursor, Item, Payload, Source};
