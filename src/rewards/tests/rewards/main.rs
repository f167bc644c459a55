//! The room through its public surface: activities in, coins out.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod appeal;
mod awards;
mod daily;
mod delivery;
mod gates;
mod hand;
mod hours;
mod ledger;
mod simulate;
mod world;
