//! Loads from a folder to a register, through the room's own surface.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod cut_off;
mod deciding;
mod loads;
mod refusing;
mod uploads;
mod withdrawing;
mod world;
