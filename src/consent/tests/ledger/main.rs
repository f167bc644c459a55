//! The life of a consent, on a store in memory.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod acting;
mod deleting;
mod giving;
mod life;
mod sharing;
mod world;
