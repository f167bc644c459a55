//! The expression language of the product and what is written in it: conditions of reward rules, and mappings of foreign records to
//! NGSI-LD entities.
//!
//! The language is [CEL], Google's Common Expression Language (ADR 0019). This room is the only owner of the crate `cel`: everybody else
//! sees [`Expression`], [`Variables`] and [`Value`].
//!
//! An expression is compiled once, against the names it may use, and evaluated often. Both are bounded: the length, size, depth and nesting of
//! the source ([`Expression::compile`]), the size of what it looks at ([`MAX_INPUT`]) and the work of one evaluation ([`MAX_WORK`]).
//! Neither ever panics, and no error carries a value of the input: personal data stays where it is.
//!
//! A [`Mapping`] is declared in configuration, carries its own samples and is used only when all of them hold.
//!
//! This room is pure: no I/O, no wall clock, no randomness.
//!
//! [CEL]: https://github.com/google/cel-spec/blob/master/doc/langdef.md

mod expression;
mod mapping;
mod tables;
mod units;
mod value;
mod variables;

pub use expression::{EvaluationError, Expression, ExpressionError};
pub use mapping::{
    AttributeConfig, AttributeKind, Finding, IdFrom, Mapped, Mapping, MappingConfig, Members,
    Refusal, Rule, Sample, Secrets,
};
pub use tables::{Tables, TablesError};
pub use units::{UnitError, convert, unece};
pub use value::Value;
pub use variables::{Input, MAX_INPUT, MAX_WORK, Micros, Variables};
