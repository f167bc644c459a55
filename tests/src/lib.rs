//! What tests and measurements from outside share. It starts the gateway as a process and speaks HTTP with it.

pub mod bench;
pub mod coins;
