//! The functions that expressions have beside CEL's own.

#![expect(clippy::needless_pass_by_value, reason = "the library hands its arguments over")]

use std::sync::{Arc, LazyLock};

use cel::common::ast::{CallExpr, Expr, LiteralValue};
use cel::common::types::{
    CelDouble, CelInt, CelList, CelString, CelTimestamp, CelUInt, DYN_TYPE, INT_TYPE, LIST_TYPE,
    STRING_TYPE, TIMESTAMP_TYPE,
};
use cel::common::value::{CowVal, Val};
use cel::{DeclarationError, Env, ExecutionError};
use chrono::DateTime;
use tsunagu_ngsi_ld::time::format_date_time;

use super::meter;
use crate::tables;
use crate::units::{self, UnitError};
use crate::variables::MAX_INPUT;

/// Before the name of a table, where an expression names one.
pub(super) const TABLE: &str = "@table:";

/// Years 1 to 9999, which is what CEL and NGSI-LD can write, in seconds since the epoch.
const YEARS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;

type Args<'b, 'v> = Vec<CowVal<'b, 'v>>;
type Given<'b, 'v> = Result<CowVal<'b, 'v>, ExecutionError>;

/// What every expression runs in.
pub(super) fn environment() -> Arc<Env> {
    static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| {
        let mut env = Env::default().with_optional_support(false).with_stdlib();
        // The names are ours and each is there once; the tests call every one of them.
        let declared = declare(&mut env);
        debug_assert!(declared.is_ok(), "{declared:?}");
        Arc::new(env)
    });
    Arc::clone(&ENVIRONMENT)
}

fn declare(env: &mut Env) -> Result<(), DeclarationError> {
    meter::declare(env)?;
    env.add_overload("convert", "convert", vec![DYN_TYPE, STRING_TYPE, STRING_TYPE], convert)?;
    env.add_overload("unece", "unece", vec![STRING_TYPE], unece)?;
    env.add_overload("lookup", "lookup", vec![DYN_TYPE, DYN_TYPE], lookup)?;
    env.add_overload("lookup", "lookup_or", vec![DYN_TYPE, DYN_TYPE, DYN_TYPE], lookup)?;
    env.add_overload("epoch_ms", "epoch_ms", vec![INT_TYPE], epoch_ms)?;
    env.add_overload("epoch_s", "epoch_s", vec![INT_TYPE], epoch_s)?;
    env.add_overload("rfc3339", "rfc3339", vec![TIMESTAMP_TYPE], rfc3339)?;
    env.add_member_overload("trim", "trim", STRING_TYPE, vec![], trim)?;
    env.add_member_overload("lowerAscii", "lower_ascii", STRING_TYPE, vec![], lower)?;
    env.add_member_overload("upperAscii", "upper_ascii", STRING_TYPE, vec![], upper)?;
    env.add_member_overload("split", "split", STRING_TYPE, vec![STRING_TYPE], split)?;
    env.add_member_overload("join", "join", LIST_TYPE, vec![STRING_TYPE], join)?;
    env.add_member_overload("substring", "substring", STRING_TYPE, vec![INT_TYPE], substring)?;
    env.add_member_overload(
        "substring",
        "substring_to",
        STRING_TYPE,
        vec![INT_TYPE, INT_TYPE],
        substring,
    )
}

/// `lookup("table", …)` names a table: the text becomes the name of what the resolver has.
pub(super) fn name_table(call: &mut CallExpr) {
    if call.func_name == "lookup"
        && let Some(first) = call.args.first_mut()
        && let Expr::Literal(LiteralValue::String(table)) = &first.expr
    {
        first.expr = Expr::Ident(format!("{TABLE}{}", table.inner()));
    }
}

const NO_ROW: &str = "the table has no row for the code, and no third argument says what then";
const NOT_A_NUMBER: &str = "it needs a number";
const NO_TIME: &str = "the time is out of range";
const TOO_LONG: &str = "the text would be longer than 512 KiB";
const NOT_TEXTS: &str = "the list holds something that is no text";
const NO_PLACE: &str = "the text has no such place";
const UNKNOWN_UNIT: &str = "the unit is not one that is known";
const OTHER_KIND: &str = "the two units do not measure the same";

/// Reasons of ours, which hold no value; any other may.
pub(super) fn reason(message: &str) -> Option<&'static str> {
    [NO_ROW, NOT_A_NUMBER, NO_TIME, TOO_LONG, NOT_TEXTS, NO_PLACE, UNKNOWN_UNIT, OTHER_KIND]
        .into_iter()
        .find(|reason| *reason == message)
}

fn refused<'b, 'v>(function: &str, reason: &'static str) -> Given<'b, 'v> {
    Err(ExecutionError::function_error(function, reason))
}

fn text<'a>(args: &'a Args<'_, '_>, at: usize) -> Result<&'a str, ExecutionError> {
    args.get(at)
        .and_then(|arg| arg.downcast_ref::<CelString<'_>>())
        .map(CelString::inner)
        .ok_or_else(ExecutionError::missing_argument_or_target)
}

fn int(args: &Args<'_, '_>, at: usize) -> Result<i64, ExecutionError> {
    args.get(at)
        .and_then(|arg| arg.downcast_ref::<CelInt>())
        .map(|int| *int.inner())
        .ok_or_else(ExecutionError::missing_argument_or_target)
}

#[expect(clippy::cast_precision_loss, reason = "a conversion of units gives a double")]
fn double(val: &dyn Val) -> Option<f64> {
    if let Some(int) = val.downcast_ref::<CelInt>() {
        Some(*int.inner() as f64)
    } else if let Some(uint) = val.downcast_ref::<CelUInt>() {
        Some(*uint.inner() as f64)
    } else {
        val.downcast_ref::<CelDouble>().map(|double| *double.inner())
    }
}

fn unit_refused<'b, 'v>(function: &str, error: UnitError) -> Given<'b, 'v> {
    match error {
        UnitError::Unknown => refused(function, UNKNOWN_UNIT),
        UnitError::NotTheSameKind => refused(function, OTHER_KIND),
        UnitError::OutOfRange => refused(function, NOT_A_NUMBER),
    }
}

fn convert<'b, 'v>(args: Args<'b, 'v>) -> Given<'b, 'v> {
    let Some(number) = args.first().and_then(|number| double(&**number)) else {
        return refused("convert", NOT_A_NUMBER);
    };
    match units::convert(number, text(&args, 1)?, text(&args, 2)?) {
        Ok(converted) => Ok(CowVal::owned(CelDouble::from(converted))),
        Err(error) => unit_refused("convert", error),
    }
}

fn unece<'b, 'v>(args: Args<'b, 'v>) -> Given<'b, 'v> {
    match units::unece(text(&args, 0)?) {
        Ok(code) => Ok(CowVal::owned(CelString::from(code))),
        Err(error) => unit_refused("unece", error),
    }
}

fn lookup<'b, 'v>(args: Args<'b, 'v>) -> Given<'b, 'v> {
    let found = match args.as_slice() {
        [table, code, ..] => tables::lookup(&**table, &**code),
        _ => None,
    };
    match found {
        Some(found) => Ok(found),
        None => args.into_iter().nth(2).map_or_else(|| refused("lookup", NO_ROW), Ok),
    }
}

fn time<'b, 'v>(function: &str, time: Option<DateTime<chrono::Utc>>) -> Given<'b, 'v> {
    match time.filter(|time| YEARS.contains(&time.timestamp())) {
        Some(time) => Ok(CowVal::owned(CelTimestamp::from(time.fixed_offset()))),
        None => refused(function, NO_TIME),
    }
}

fn epoch_ms<'b, 'v>(args: Args<'b, 'v>) -> Given<'b, 'v> {
    time("epoch_ms", DateTime::from_timestamp_millis(int(&args, 0)?))
}

fn epoch_s<'b, 'v>(args: Args<'b, 'v>) -> Given<'b, 'v> {
    time("epoch_s", DateTime::from_timestamp(int(&args, 0)?, 0))
}

fn rfc3339<'b, 'v>(args: Args<'b, 'v>) -> Given<'b, 'v> {
    let time = args.first().and_then(|time| time.downcast_ref::<CelTimestamp>());
    let time = time.ok_or_else(ExecutionError::missing_argument_or_target)?;
    Ok(CowVal::owned(CelString::from(format_date_time(time.inner().timestamp_micros()))))
}

fn trim<'b, 'v>(args: Args<'b, 'v>) -> Given<'b, 'v> {
    Ok(CowVal::owned(CelString::from(text(&args, 0)?.trim().to_owned())))
}

fn lower<'b, 'v>(args: Args<'b, 'v>) -> Given<'b, 'v> {
    Ok(CowVal::owned(CelString::from(text(&args, 0)?.to_ascii_lowercase())))
}

fn upper<'b, 'v>(args: Args<'b, 'v>) -> Given<'b, 'v> {
    Ok(CowVal::owned(CelString::from(text(&args, 0)?.to_ascii_uppercase())))
}

fn split<'b, 'v>(args: Args<'b, 'v>) -> Given<'b, 'v> {
    let (whole, by) = (text(&args, 0)?, text(&args, 1)?);
    let part = |part: &str| Box::new(CelString::from(part.to_owned())) as Box<dyn Val + 'v>;
    let parts: Vec<_> = if by.is_empty() {
        whole.chars().map(|c| part(c.encode_utf8(&mut [0; 4]))).collect()
    } else {
        whole.split(by).map(part).collect()
    };
    Ok(CowVal::owned(CelList::from(parts)))
}

fn join<'b, 'v>(args: Args<'b, 'v>) -> Given<'b, 'v> {
    let by = text(&args, 1)?;
    let list = args.first().and_then(|list| list.downcast_ref::<CelList<'_>>());
    let list = list.ok_or_else(ExecutionError::missing_argument_or_target)?;
    let mut joined = String::new();
    for (at, one) in list.inner().iter().enumerate() {
        let Some(one) = one.downcast_ref::<CelString<'_>>() else {
            return refused("join", NOT_TEXTS);
        };
        if at > 0 {
            joined.push_str(by);
        }
        joined.push_str(one.inner());
        if joined.len() > MAX_INPUT {
            return refused("join", TOO_LONG);
        }
    }
    Ok(CowVal::owned(CelString::from(joined)))
}

/// By code points, the end not included.
fn substring<'b, 'v>(args: Args<'b, 'v>) -> Given<'b, 'v> {
    let whole = text(&args, 0)?;
    let length = whole.chars().count();
    let place = |at: usize| {
        int(&args, at).map(|place| usize::try_from(place).ok().filter(|p| *p <= length))
    };
    let from = place(1)?;
    let to = if args.len() > 2 { place(2)? } else { Some(length) };
    let (Some(from), Some(to)) = (from, to) else { return refused("substring", NO_PLACE) };
    if from > to {
        return refused("substring", NO_PLACE);
    }
    Ok(CowVal::owned(CelString::from(whole.chars().skip(from).take(to - from).collect::<String>())))
}
