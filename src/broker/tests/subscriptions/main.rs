//! Subscriptions and notifications through the broker's public surface, with time and receivers in the hand of the test.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod consent;
mod content;
mod delivery;
mod managing;
mod matching;
mod of_sources;
mod sources_told;
mod world;
