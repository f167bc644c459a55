//! The expression language of the product, for conditions of reward rules and for mappings of foreign records to NGSI-LD entities.
//!
//! The language is [CEL], Google's Common Expression Language (ADR 0019). This room is the only owner of the crate `cel`: everybody else
//! sees [`Expression`], [`Variables`] and [`Value`].
//!
//! An expression is compiled once, against the names it may use, and evaluated often. Both are bounded: the length, size, depth and nesting of
//! the source ([`Expression::compile`]), the size of what it looks at ([`MAX_INPUT`]) and the work of one evaluation ([`MAX_WORK`]).
//! Neither ever panics, and no error carries a value of the input: personal data stays where it is.
//!
//! This room is pure: no I/O, no wall clock, no randomness.
//!
//! [CEL]: https://github.com/google/cel-spec/blob/master/doc/langdef.md

mod expression;
mod tables;
mod units;
mod value;
mod variables;

pub use expression::{EvaluationError, Expression, ExpressionError};
pub use tables::{Tables, TablesError};
pub use units::{UnitError, convert, unece};
pub use value::Value;
pub use variables::{Input, MAX_INPUT, MAX_WORK, Micros, Variables};
