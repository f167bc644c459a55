//! Random operations against a naive oracle.
//!
//! The oracle keeps sorted maps and applies one operation after the other to a copy, which it keeps or throws away. It shares no code
//! with the resolver or the planner.

mod oracle;
mod run;
mod steps;

pub use run::{Size, run};
