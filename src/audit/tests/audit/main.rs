//! The log of accesses: in a store, as files, to those who check it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod erasure;
mod log;
mod provisions;
mod refusal;
mod rfc6962;
mod second;
mod usage;
mod witnesses;
mod world;
