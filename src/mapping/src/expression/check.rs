//! What is refused before an expression is ever evaluated.

use cel::IdedExpr;
use cel::common::ast::{CallExpr, EntryExpr, Expr, LiteralValue, operators};

use super::MAX_NODES;
use super::error::ExpressionError;
use crate::tables::Tables;
use crate::units;

/// Levels of a tree: evaluation is recursive, and has the stack of a worker thread to itself only in part.
const MAX_DEPTH: usize = 32;
/// Comprehensions in each other.
const MAX_LOOPS: usize = 3;

/// Types that can be named, for `type(x) == int`.
const TYPES: &[&str] =
    &["int", "uint", "double", "bool", "string", "bytes", "list", "map", "null_type", "type"];

/// A function: its name, whether it is called on a value, and how many arguments it takes beside that.
struct Function(&'static str, bool, &'static [usize]);

const FUNCTIONS: &[Function] = &[
    Function("size", false, &[1]),
    Function("size", true, &[0]),
    Function("contains", true, &[1]),
    Function("startsWith", true, &[1]),
    Function("endsWith", true, &[1]),
    Function("string", false, &[1]),
    Function("int", false, &[1]),
    Function("uint", false, &[1]),
    Function("double", false, &[1]),
    Function("bool", false, &[1]),
    Function("bytes", false, &[1]),
    Function("dyn", false, &[1]),
    Function("type", false, &[1]),
    Function("timestamp", false, &[1]),
    Function("duration", false, &[1]),
    Function("getFullYear", true, &[0, 1]),
    Function("getMonth", true, &[0, 1]),
    Function("getDate", true, &[0, 1]),
    Function("getDayOfMonth", true, &[0, 1]),
    Function("getDayOfWeek", true, &[0, 1]),
    Function("getDayOfYear", true, &[0, 1]),
    Function("getHours", true, &[0, 1]),
    Function("getMinutes", true, &[0, 1]),
    Function("getSeconds", true, &[0, 1]),
    Function("getMilliseconds", true, &[0, 1]),
    Function("convert", false, &[3]),
    Function("unece", false, &[1]),
    Function("lookup", false, &[2, 3]),
    Function("epoch_ms", false, &[1]),
    Function("epoch_s", false, &[1]),
    Function("rfc3339", false, &[1]),
    Function("trim", true, &[0]),
    Function("lowerAscii", true, &[0]),
    Function("upperAscii", true, &[0]),
    Function("split", true, &[1]),
    Function("join", true, &[1]),
    Function("substring", true, &[1, 2]),
];

const OPERATORS: &[&str] = &[
    operators::CONDITIONAL,
    operators::LOGICAL_AND,
    operators::LOGICAL_OR,
    operators::LOGICAL_NOT,
    operators::SUBSTRACT,
    operators::ADD,
    operators::MULTIPLY,
    operators::DIVIDE,
    operators::MODULO,
    operators::EQUALS,
    operators::NOT_EQUALS,
    operators::GREATER_EQUALS,
    operators::LESS_EQUALS,
    operators::GREATER,
    operators::LESS,
    operators::NEGATE,
    operators::INDEX,
    operators::IN,
    operators::NOT_STRICTLY_FALSE,
];

pub(super) fn check(
    ast: &IdedExpr,
    source: &str,
    variables: &[&str],
    tables: &Tables,
) -> Result<(), ExpressionError> {
    let mut check = Check { source, scope: variables.to_vec(), tables, nodes: 0 };
    check.expr(ast, 0, 0)
}

struct Check<'a> {
    source: &'a str,
    scope: Vec<&'a str>,
    tables: &'a Tables,
    nodes: usize,
}

impl<'a> Check<'a> {
    fn expr(
        &mut self,
        expr: &'a IdedExpr,
        depth: usize,
        loops: usize,
    ) -> Result<(), ExpressionError> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(ExpressionError::new(
                "the expression has more than 500 values and operators",
            )
            .remedy("split it, or declare a table"));
        }
        if depth > MAX_DEPTH {
            return Err(ExpressionError::new("the expression is nested deeper than 32 levels")
                .remedy("split it; `x in [a, b, c]` says what a long chain of || says"));
        }
        let depth = depth + 1;
        match &expr.expr {
            Expr::Literal(_) => Ok(()),
            Expr::Ident(name) => self.name(name),
            Expr::Select(select) => self.expr(&select.operand, depth, loops),
            Expr::Call(call) => {
                self.call(call)?;
                for part in call.target.iter().map(|target| &**target).chain(&call.args) {
                    self.expr(part, depth, loops)?;
                }
                Ok(())
            }
            Expr::List(list) => {
                list.elements.iter().try_for_each(|one| self.expr(one, depth, loops))
            }
            Expr::Map(map) => map.entries.iter().try_for_each(|entry| match &entry.expr {
                EntryExpr::MapEntry(entry) => {
                    self.expr(&entry.key, depth, loops)?;
                    self.expr(&entry.value, depth, loops)
                }
                EntryExpr::StructField(_) => Err(messages()),
            }),
            Expr::Comprehension(all) => {
                if loops == MAX_LOOPS {
                    return Err(ExpressionError::new(
                        "more than 3 comprehensions stand in each other",
                    )
                    .remedy("let for_each give the inner list, or split the expression"));
                }
                self.expr(&all.iter_range, depth, loops)?;
                self.expr(&all.accu_init, depth, loops)?;
                let outer = self.scope.len();
                self.scope.extend([all.accu_var.as_str(), all.iter_var.as_str()]);
                self.scope.extend(all.iter_var2.as_deref());
                for part in [&all.loop_cond, &all.loop_step, &all.result] {
                    self.expr(part, depth, loops + 1)?;
                }
                self.scope.truncate(outer);
                Ok(())
            }
            Expr::Struct(_) => Err(messages()),
            Expr::Unspecified => Err(ExpressionError::new("part of the expression cannot be read")),
        }
    }

    fn name(&self, name: &str) -> Result<(), ExpressionError> {
        if self.scope.contains(&name) || TYPES.contains(&name) {
            return Ok(());
        }
        let known: Vec<_> =
            self.scope.iter().filter(|name| !name.starts_with('@')).copied().collect();
        Err(ExpressionError::new(format!("there is no variable {}", short(name)))
            .at_name(self.source, name)
            .remedy(if known.is_empty() {
                "no variables are given here".to_owned()
            } else {
                format!("use one of {}", known.join(", "))
            }))
    }

    fn call(&self, call: &CallExpr) -> Result<(), ExpressionError> {
        let name = call.func_name.as_str();
        if OPERATORS.contains(&name) {
            return Ok(());
        }
        let on_value = call.target.is_some();
        let mut named = FUNCTIONS.iter().filter(|function| function.0 == name).peekable();
        if named.peek().is_none() {
            let known: Vec<_> = FUNCTIONS.iter().map(|function| function.0).collect();
            return Err(ExpressionError::new(format!("there is no function {}", short(name)))
                .at_name(self.source, name)
                .remedy(format!(
                    "use one of has, all, exists, exists_one, map, filter, {}",
                    known.join(", ")
                )));
        }
        if !named.any(|function| function.1 == on_value && function.2.contains(&call.args.len())) {
            let how = FUNCTIONS.iter().filter(|function| function.0 == name).map(|function| {
                let on = if function.1 { "called on a value" } else { "called alone" };
                let many: Vec<_> = function.2.iter().map(ToString::to_string).collect();
                format!("{on} with {} arguments", many.join(" or "))
            });
            return Err(ExpressionError::new(format!(
                "the function {name} is not called like this"
            ))
            .at_name(self.source, name)
            .remedy(how.collect::<Vec<_>>().join(", or ")));
        }
        self.arguments(name, call)
    }

    /// What can be known of arguments before there are any values.
    fn arguments(&self, name: &str, call: &CallExpr) -> Result<(), ExpressionError> {
        let text = |at: usize| match call.args.get(at).map(|arg| &arg.expr) {
            Some(Expr::Literal(LiteralValue::String(text))) => Some(text.inner()),
            _ => None,
        };
        let bad = |error: &dyn std::fmt::Display| {
            Err(ExpressionError::new(error.to_string()).at_name(self.source, name))
        };
        match name {
            "lookup" => match text(0) {
                Some(table) if self.tables.get(table).is_some() => Ok(()),
                Some(table) => {
                    bad(&format!("there is no table \"{}\"", short(table))).map_err(|error| {
                        let known: Vec<_> = self.tables.names().collect();
                        error.remedy(format!(
                            "declare it under tables; declared: {}",
                            known.join(", ")
                        ))
                    })
                }
                None => bad(&"the table of lookup is not a text in quotes"),
            },
            "unece" => {
                text(0).map_or(Ok(()), |unit| units::unece(unit).map(|_| ())).or_else(|e| bad(&e))
            }
            "convert" => {
                for at in [1, 2] {
                    if let Some(unit) = text(at)
                        && let Err(error) = units::unece(unit)
                    {
                        return bad(&error);
                    }
                }
                match (text(1), text(2)) {
                    (Some(from), Some(to)) => {
                        units::convert(1.0, from, to).map(|_| ()).or_else(|error| bad(&error))
                    }
                    _ => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }
}

/// A name as an error shows it.
fn short(name: &str) -> String {
    let mut short: String = name.chars().take(64).collect();
    if short.len() < name.len() {
        short.push('…');
    }
    short
}

fn messages() -> ExpressionError {
    ExpressionError::new("messages are not part of the language here")
        .remedy("write a map, {\"name\": value}")
}
