//! The room through its public surface: activities in, coins out.

mod awards;
mod delivery;
mod ledger;
mod world;
