//! The bound on the work of an evaluation.
//!
//! CEL has no loops but over lists, so an evaluation ends; but lists of the input can be gone over in each other, and what is put together
//! is copied. So a compiled expression is rewritten: where a comprehension begins and where something is put together stands a call
//! that pays for it, beforehand where that is possible. Who cannot pay gets an error, which the evaluation as a whole then is.

use std::any::Any;
use std::sync::atomic::{AtomicU64, Ordering};

use cel::common::ast::{CallExpr, EntryExpr, Expr, LiteralValue, operators};
use cel::common::types::{CelInt, CelList, CelMap, DYN_TYPE, Type};
use cel::common::value::{CowVal, StaticVal, Val};
use cel::{DeclarationError, Env, ExecutionError, IdedExpr};

use crate::variables::{MAX_WORK, weight};

/// The name of the fuel; no source can have it.
pub(super) const FUEL: &str = "@fuel";
const KEPT: &str = "@kept";
const EACH: &str = "@each";
/// What a value or operator in a loop costs.
const STEP: u64 = 16;
/// How much of the input one operator in a loop is taken to look at: comparing looks at values whole.
const LOOK: u64 = 64;

/// What is left of the work of one evaluation.
#[derive(Debug)]
pub(super) struct Fuel {
    left: AtomicU64,
    input: u64,
}

static FUEL_TYPE: Type = Type::new_unspecified_type("fuel");

impl Fuel {
    pub(super) fn new(input: u64) -> Self {
        Self { left: AtomicU64::new(MAX_WORK), input }
    }

    /// Whether something could not be paid for.
    pub(super) fn is_empty(&self) -> bool {
        self.left.load(Ordering::Relaxed) == 0
    }

    fn pay(&self, price: u64) -> Result<(), ExecutionError> {
        let left = self.left.load(Ordering::Relaxed).saturating_sub(price);
        self.left.store(left, Ordering::Relaxed);
        if left == 0 { Err(ExecutionError::function_error("", "no fuel")) } else { Ok(()) }
    }

    /// All that is there to look at: the input, and what was made of it.
    fn size(&self) -> u64 {
        self.input + (MAX_WORK - self.left.load(Ordering::Relaxed))
    }
}

impl Val for Fuel {
    fn get_type(&self) -> &Type {
        &FUEL_TYPE
    }
    fn cel_type() -> &'static Type {
        &FUEL_TYPE
    }
    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v> {
        Box::new(Self { left: AtomicU64::new(0), input: self.input })
    }
    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
}
impl StaticVal for Fuel {}

/// Declares the calls that pay.
pub(super) fn declare(env: &mut Env) -> Result<(), DeclarationError> {
    env.add_overload(KEPT, KEPT, vec![DYN_TYPE, DYN_TYPE], kept)?;
    env.add_overload(EACH, EACH, vec![DYN_TYPE, DYN_TYPE, DYN_TYPE, DYN_TYPE], each)
}

/// The value, paid for.
fn kept<'b, 'v>(mut args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let (Some(fuel), Some(value)) = (args.pop(), args.pop()) else {
        return Err(ExecutionError::missing_argument_or_target());
    };
    if let Some(fuel) = fuel.downcast_ref::<Fuel>() {
        fuel.pay(weight(&*value))?;
    }
    Ok(value)
}

/// The list, or the keys of a map in their order, when all steps over it are paid for.
fn each<'b, 'v>(mut args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let (Some(calls), Some(nodes), Some(fuel), Some(range)) =
        (args.pop(), args.pop(), args.pop(), args.pop())
    else {
        return Err(ExecutionError::missing_argument_or_target());
    };
    let count = |val: &CowVal<'_, '_>| {
        val.downcast_ref::<CelInt>().and_then(|int| u64::try_from(*int.inner()).ok()).unwrap_or(0)
    };
    let length =
        range.as_sizer().map_or(0, |sizer| u64::try_from(*sizer.size().inner()).unwrap_or(0));
    if let Some(fuel) = fuel.downcast_ref::<Fuel>() {
        let step = count(&nodes) * STEP + count(&calls) * (fuel.size() / LOOK);
        fuel.pay(length.saturating_mul(step).saturating_add(weight(&*range)))?;
    }
    let Some(map) = range.downcast_ref::<CelMap<'_>>() else { return Ok(range) };
    let mut keys: Vec<_> = map.inner().keys().collect();
    keys.sort();
    let keys: Vec<Box<dyn Val + 'v>> =
        keys.into_iter().map(|key| key.inner().clone_as_boxed()).collect();
    Ok(CowVal::owned(CelList::from(keys)))
}

fn ident(name: &str) -> IdedExpr {
    IdedExpr { id: 0, expr: Expr::Ident(name.to_owned()) }
}

fn number(count: usize) -> IdedExpr {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    IdedExpr { id: 0, expr: Expr::Literal(LiteralValue::Int(count.into())) }
}

fn wrap(expr: &mut IdedExpr, function: &str, more: impl IntoIterator<Item = IdedExpr>) {
    let inner = std::mem::take(expr);
    let args = [inner, ident(FUEL)].into_iter().chain(more).collect();
    expr.expr = Expr::Call(CallExpr { func_name: function.to_owned(), target: None, args });
}

/// Puts the calls in; returns how many nodes and calls the expression has.
pub(super) fn rewrite(expr: &mut IdedExpr) -> (usize, usize) {
    let (mut nodes, mut calls) = (1, 0);
    let mut also = |part: &mut IdedExpr| {
        let (n, c) = rewrite(part);
        nodes += n;
        calls += c;
    };
    let mut put_together = false;
    match &mut expr.expr {
        Expr::Literal(_) | Expr::Ident(_) | Expr::Struct(_) | Expr::Unspecified => {}
        Expr::Select(select) => also(&mut select.operand),
        Expr::Call(call) => {
            super::functions::name_table(call);
            call.target.iter_mut().for_each(|target| also(target));
            call.args.iter_mut().for_each(&mut also);
            put_together = call.func_name == operators::ADD
                && !call.args.iter().any(|arg| is_accu(arg) || is_number(arg))
                || matches!(call.func_name.as_str(), "string" | "bytes" | "split" | "join");
            calls += usize::from(looks_at_much(call));
        }
        Expr::List(list) => {
            for one in &mut list.elements {
                also(one);
                keep(one);
            }
        }
        Expr::Map(map) => {
            for entry in &mut map.entries {
                if let EntryExpr::MapEntry(entry) = &mut entry.expr {
                    also(&mut entry.key);
                    also(&mut entry.value);
                    keep(&mut entry.key);
                    keep(&mut entry.value);
                }
            }
        }
        Expr::Comprehension(all) => {
            also(&mut all.iter_range);
            also(&mut all.accu_init);
            also(&mut all.loop_cond);
            let (n, c) = rewrite(&mut all.loop_step);
            let (m, d) = rewrite(&mut all.result);
            wrap(&mut all.iter_range, EACH, [number(n + 1), number(c)]);
            nodes += n + m;
            calls += c + d;
        }
    }
    if put_together {
        wrap(expr, KEPT, []);
    }
    (nodes, calls)
}

/// Elements are copied into what holds them, unless they were made for it.
fn keep(expr: &mut IdedExpr) {
    let borrowed = match &expr.expr {
        Expr::Ident(_) | Expr::Select(_) => true,
        Expr::Call(call) => {
            matches!(
                call.func_name.as_str(),
                operators::INDEX | operators::CONDITIONAL | "dyn" | "lookup"
            )
        }
        _ => false,
    };
    if borrowed {
        wrap(expr, KEPT, []);
    }
}

/// What a comprehension gathers in: the library appends to it in place.
fn is_accu(expr: &IdedExpr) -> bool {
    matches!(&expr.expr, Expr::Ident(name) if name.starts_with('@'))
}

/// A literal number, so that the sum is one too.
fn is_number(expr: &IdedExpr) -> bool {
    let Expr::Literal(literal) = &expr.expr else { return false };
    matches!(literal, LiteralValue::Int(_) | LiteralValue::UInt(_) | LiteralValue::Double(_))
}

/// Whether a call can take longer the larger its arguments are. Sums and orderings do where they fail: the library copies what did not fit.
fn looks_at_much(call: &CallExpr) -> bool {
    match call.func_name.as_str() {
        operators::CONDITIONAL
        | operators::LOGICAL_AND
        | operators::LOGICAL_OR
        | operators::LOGICAL_NOT
        | "lookup"
        | "convert" => false,
        operators::ADD if call.args.first().is_some_and(is_accu) => false,
        operators::EQUALS | operators::NOT_EQUALS | operators::INDEX | "startsWith" => {
            !call.args.iter().any(|arg| matches!(&arg.expr, Expr::Literal(_)))
        }
        _ => true,
    }
}
