//! Expressions: compiled once, evaluated often.

mod check;
mod error;
mod functions;
mod meter;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use cel::common::types::CelBool;
use cel::common::value::CowVal;
use cel::context::VariableResolver;
use cel::parser::PrattParser;
use cel::{Context, IdedExpr};

use crate::tables::Tables;
use crate::value::Value;
use crate::variables::Variables;

pub use error::{EvaluationError, ExpressionError};
use meter::Fuel;

/// Bytes of a source.
const MAX_SOURCE: usize = 4096;
/// Values, operators and calls of a source.
const MAX_NODES: usize = 500;

/// A compiled expression.
///
/// Beside CEL's own operators, macros (`has`, `all`, `exists`, `exists_one`, `map`, `filter`) and functions it knows, all pure:
///
/// | function | gives |
/// | --- | --- |
/// | `convert(number, from, to)` | the number in another unit, a `double`; units by UCUM or UN/CEFACT code |
/// | `unece(unit)` | the UN/CEFACT code of a unit, for `unitCode` |
/// | `lookup(table, code)`, `lookup(table, code, otherwise)` | what a declared table has for a code; without `otherwise` an unknown code is an error |
/// | `epoch_ms(n)`, `epoch_s(n)` | the `timestamp` so many milliseconds or seconds after 1970 |
/// | `rfc3339(timestamp)` | its text in UTC, as NGSI-LD writes a `DateTime` |
/// | `text.trim()`, `.lowerAscii()`, `.upperAscii()` | as in CEL's extension for strings |
/// | `text.split(by)`, `list.join(by)`, `text.substring(from)`, `text.substring(from, to)` | the same |
///
/// `matches` (regular expressions), messages and optional values are not part of it. Comprehensions go over the keys of a map in their order.
pub struct Expression {
    source: String,
    ast: IdedExpr,
    tables: Tables,
}

impl Expression {
    /// Compiles an expression that may use these variables.
    ///
    /// A source of more than 4,096 bytes, 500 values and operators, 32 levels or 3 comprehensions in each other is refused, and so
    /// is a name that is neither a variable nor a function, a function with the wrong number of arguments, and a unit
    /// that does not exist.
    pub fn compile(source: &str, variables: &[&str]) -> Result<Self, ExpressionError> {
        Self::compile_with(source, variables, &Tables::default())
    }

    /// The same with tables for `lookup`.
    pub fn compile_with(
        source: &str,
        variables: &[&str],
        tables: &Tables,
    ) -> Result<Self, ExpressionError> {
        if source.len() > MAX_SOURCE {
            return Err(ExpressionError::new("the expression is longer than 4096 bytes")
                .remedy("split it over several attributes or rules, or declare a table"));
        }
        let parse = || {
            PrattParser::new()
                .max_recursion_depth(48)
                .error_recovery_limit(1)
                .max_expression_node_count(MAX_NODES)
                .parse(source)
        };
        let mut ast = match catch_unwind(AssertUnwindSafe(parse)) {
            Ok(Ok(ast)) => ast,
            Ok(Err(errors)) => return Err(ExpressionError::syntax(&errors, source)),
            Err(_) => return Err(ExpressionError::new("the expression cannot be read")),
        };
        check::check(&ast, source, variables, tables)?;
        meter::rewrite(&mut ast);
        Ok(Self { source: source.to_owned(), ast, tables: tables.clone() })
    }

    /// What was compiled.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The value for these variables.
    pub fn evaluate(&self, variables: &Variables<'_>) -> Result<Value, EvaluationError> {
        self.run(variables, |val| Value::of(&**val).ok_or(EvaluationError::NotAValue))
    }

    /// Whether it holds for these variables; anything but a `bool` is an error.
    pub fn holds(&self, variables: &Variables<'_>) -> Result<bool, EvaluationError> {
        self.run(variables, |val| match val.downcast_ref::<CelBool>() {
            Some(bool) => Ok(*bool.inner()),
            None => Err(EvaluationError::NotABool),
        })
    }

    fn run<T>(
        &self,
        variables: &Variables<'_>,
        read: impl FnOnce(&CowVal<'_, '_>) -> Result<T, EvaluationError>,
    ) -> Result<T, EvaluationError> {
        let fuel = Fuel::new(variables.weight()?);
        let names = Names { variables, tables: &self.tables, fuel: &fuel };
        let mut context = Context::with_env(functions::environment());
        context.set_variable_resolver(&names);
        let work = || {
            let val = cel::Value::resolve_val(&self.ast, &context)
                .map_err(|error| EvaluationError::of(&error, &self.source));
            // What runs out of fuel fails, also where the expression would have gone on without the part that did.
            if fuel.is_empty() {
                return Err(EvaluationError::TooMuchWork);
            }
            read(&val.map_err(|error| match &error {
                // A variable that failed says why.
                EvaluationError::NoSuchVariable(name) => {
                    variables.failed(name).cloned().unwrap_or(error)
                }
                _ => error,
            })?)
        };
        catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(EvaluationError::Fault))
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expression").field(&self.source).finish()
    }
}

/// What the names of an expression stand for.
struct Names<'a, 'v> {
    variables: &'a Variables<'v>,
    tables: &'a Tables,
    fuel: &'a Fuel,
}

impl VariableResolver for Names<'_, '_> {
    fn resolve<'b>(&'b self, name: &str) -> Option<CowVal<'b, 'b>> {
        if name == meter::FUEL {
            return Some(CowVal::Borrowed(self.fuel));
        }
        if let Some(table) = name.strip_prefix(functions::TABLE) {
            return self.tables.get(table).map(|table| CowVal::Borrowed(table as _));
        }
        self.variables.get(name).map(CowVal::Borrowed)
    }
}

#[cfg(test)]
mod tests;
