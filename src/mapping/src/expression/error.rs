//! What can be wrong with an expression, before and while it is evaluated.

use std::fmt;

use cel::{ExecutionError, ParseErrors};

/// Why a source is refused: what, where and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpressionError {
    /// What is wrong, lower case, without a trailing stop.
    pub detail: String,
    /// Where: line and column, counted from 1, the column in characters.
    pub at: Option<(usize, usize)>,
    /// How to mend it.
    pub remedy: Option<String>,
}

impl ExpressionError {
    pub(super) fn new(detail: impl Into<String>) -> Self {
        Self { detail: detail.into(), at: None, remedy: None }
    }

    pub(super) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// Where a name first stands in a source.
    pub(super) fn at_name(mut self, source: &str, name: &str) -> Self {
        let part = |c: char| c.is_alphanumeric() || c == '_';
        let found = source.match_indices(name).map(|(at, _)| at).find(|at| {
            let before = source.get(..*at).and_then(|text| text.chars().next_back());
            let after = source.get(at + name.len()..).and_then(|text| text.chars().next());
            !before.is_some_and(part) && !after.is_some_and(part)
        });
        self.at = found.map(|at| {
            let before = source.get(..at).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            (line, before.chars().rev().take_while(|c| *c != '\n').count() + 1)
        });
        self
    }

    pub(super) fn syntax(errors: &ParseErrors, source: &str) -> Self {
        let Some(first) = errors.errors.first() else {
            return Self::new("the expression cannot be read");
        };
        let detail = first.msg.lines().next().unwrap_or_default();
        let detail: String = detail.chars().take(200).collect();
        let mut error = Self::new(detail.to_lowercase().trim_end_matches('.'));
        if let (Ok(line), Ok(column)) = (usize::try_from(first.pos.0), usize::try_from(first.pos.1))
            && (1..=source.lines().count().max(1)).contains(&line)
        {
            error.at = Some((line, column.max(1)));
        }
        if source.trim().is_empty() {
            return Self { detail: "the expression is empty".to_owned(), ..error }
                .remedy("write a CEL expression, for example steps >= 5000");
        }
        error.remedy("see the syntax of CEL: texts in quotes, && and ||, and nesting of at most 32")
    }
}

impl fmt::Display for ExpressionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)?;
        if let Some((line, column)) = self.at {
            write!(f, " (line {line}, column {column})")?;
        }
        if let Some(remedy) = &self.remedy {
            write!(f, "; {remedy}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ExpressionError {}

/// Why an expression has no value for these variables. It carries names of the source and of types, never a value of the input.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EvaluationError {
    /// More than [`MAX_INPUT`](crate::MAX_INPUT).
    #[error("the input is larger than an expression may look at (512 KiB)")]
    InputTooLarge,
    /// JSON of more than 64 levels.
    #[error("the input is nested deeper than 64 levels")]
    InputTooDeep,
    /// A time beyond the years 1 to 9999.
    #[error("a time is out of range")]
    OutOfRange,
    /// More than [`MAX_WORK`](crate::MAX_WORK).
    #[error(
        "the expression has too much to do for an input of this size; go over lists once, and not inside each other"
    )]
    TooMuchWork,
    /// A variable was declared, but not given.
    #[error("the variable {0} has no value here")]
    NoSuchVariable(String),
    /// A member is missing; its name if it stands in the source.
    #[error("{}; guard it with has(...)", named("a member is missing", .0.as_deref()))]
    NoSuchMember(Option<String>),
    /// A list is shorter.
    #[error("a list has no element at that place; guard it with size(...)")]
    NoSuchElement,
    /// The operator or function, and the types it was given.
    #[error(
        "{function} cannot be used on {types}; convert with int(...), double(...) or string(...)"
    )]
    WrongTypes {
        /// As written.
        function: String,
        /// The types, separated by commas; empty if not known.
        types: String,
    },
    /// Beyond what a number holds.
    #[error("a number is out of range")]
    Overflow,
    /// Division by zero.
    #[error("division by zero")]
    DivisionByZero,
    /// A function refused its arguments.
    #[error("{function}: {reason}")]
    Function {
        /// Its name.
        function: String,
        /// Why, without the value.
        reason: &'static str,
    },
    /// A condition that is no `bool`.
    #[error("the expression gives no bool; compare something, for example with == or >=")]
    NotABool,
    /// Bytes, types and numbers that are none.
    #[error(
        "the expression gives something that is no value: bytes, a type, or a number that is not finite"
    )]
    NotAValue,
    /// The evaluator failed; nothing is known but that.
    #[error("the expression cannot be evaluated")]
    Fault,
}

fn named(what: &str, name: Option<&str>) -> String {
    match name {
        Some(name) => format!("{what}: {name}"),
        None => what.to_owned(),
    }
}

impl EvaluationError {
    /// What the library says holds values; this keeps its kind and the names that stand in the source.
    pub(super) fn of(error: &ExecutionError, source: &str) -> Self {
        let shown = |name: &str| Some(name.to_owned()).filter(|name| source.contains(&**name));
        match error {
            ExecutionError::UndeclaredReference(name) => {
                Self::NoSuchVariable(shown(name).unwrap_or_default())
            }
            ExecutionError::NoSuchKey(name) => Self::NoSuchMember(shown(name)),
            ExecutionError::IndexOutOfBounds(_) => Self::NoSuchElement,
            ExecutionError::NoSuchOverload(overload) => Self::WrongTypes {
                function: plain(overload.function()),
                types: overload.argument_types().join(", "),
            },
            ExecutionError::UnsupportedBinaryOperator(name, one, other) => Self::WrongTypes {
                function: match *name {
                    "add" => "+",
                    "sub" => "-",
                    "mul" => "*",
                    "div" => "/",
                    "rem" => "%",
                    other => other,
                }
                .to_owned(),
                types: format!("{}, {}", one.type_of(), other.type_of()),
            },
            ExecutionError::UnexpectedType { want, .. } => Self::WrongTypes {
                function: format!("what needs a {want}"),
                types: "another type".to_owned(),
            },
            ExecutionError::Overflow(..) => Self::Overflow,
            ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) => {
                Self::DivisionByZero
            }
            ExecutionError::FunctionError { function, message } => Self::Function {
                function: shown(function).unwrap_or_else(|| "a function".to_owned()),
                reason: super::functions::reason(message)
                    .unwrap_or("it cannot work on what it was given"),
            },
            ExecutionError::DuplicateKey(_) => {
                Self::Function { function: "{}".to_owned(), reason: "a map has the same key twice" }
            }
            _ => Self::WrongTypes {
                function: "the expression".to_owned(),
                types: "what it was given".to_owned(),
            },
        }
    }
}

/// An operator as it is written.
fn plain(function: &str) -> String {
    let plain = function.trim_matches(['_', '@']);
    if plain.is_empty() { function.to_owned() } else { plain.to_owned() }
}
