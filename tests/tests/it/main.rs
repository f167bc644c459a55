//! What tsunagu promises, proven from outside: real processes, HTTP, both stores.
//!
//! `cargo xtask test` builds the program and starts PostgreSQL before; by hand:
//! `cargo build -p tsunagu-server && TEST_POSTGRES_URL=postgres://… cargo test -p tsunagu-tests`.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests may unwrap; outsiders have clients and a clock of their own"
)]

mod account;
mod acting;
mod attempts;
mod audited;
mod bad_input;
mod certificates;
mod clients;
mod coins;
mod connectors;
mod consent_states;
mod durability;
mod fapi;
mod imports;
mod leaks;
mod linkage;
mod login;
mod non_interference;
mod openapi;
mod owed;
mod paths;
mod rates;
mod real_data;
mod refusals;
mod replicas;
mod rotation;
mod sharing;
mod staff;
mod story;
mod support;
mod walk_through;
mod withdrawal;
