//! What an expression gives.

use cel::common::types::{
    CelBool, CelDouble, CelDuration, CelInt, CelList, CelMap, CelNull, CelString, CelTimestamp,
    CelUInt,
};
use cel::common::value::Val;
use tsunagu_ngsi_ld::time::format_date_time;

/// The value of an expression. Whole numbers stay whole.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `null`.
    Null,
    /// `bool`.
    Bool(bool),
    /// `int`, and `uint` where it fits.
    Int(i64),
    /// `double`; never NaN or infinite.
    Double(f64),
    /// `string`.
    Text(String),
    /// `google.protobuf.Timestamp`, µs since the epoch.
    Time(i64),
    /// `google.protobuf.Duration`, µs.
    Duration(i64),
    /// `list`.
    List(Vec<Value>),
    /// `map` with keys of type string, in the order of the keys.
    Map(Vec<(String, Value)>),
}

impl Value {
    /// What kind of value it is, in the words of CEL.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Double(_) => "double",
            Self::Text(_) => "string",
            Self::Time(_) => "timestamp",
            Self::Duration(_) => "duration",
            Self::List(_) => "list",
            Self::Map(_) => "map",
        }
    }

    /// A whole number, also one that came out as a `double` without a fraction.
    #[must_use]
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(int) => Some(*int),
            Self::Double(double) => whole(*double),
            _ => None,
        }
    }

    /// A number.
    #[must_use]
    pub fn as_double(&self) -> Option<f64> {
        match self {
            #[expect(
                clippy::cast_precision_loss,
                reason = "a number is asked for, not its last digit"
            )]
            Self::Int(int) => Some(*int as f64),
            Self::Double(double) => Some(*double),
            _ => None,
        }
    }

    /// A text.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// As JSON: a time as a `DateTime` (clause 4.6.3), a duration as seconds.
    #[must_use]
    pub fn into_json(self) -> serde_json::Value {
        match self {
            Self::Null => serde_json::Value::Null,
            Self::Bool(bool) => bool.into(),
            Self::Int(int) => int.into(),
            Self::Double(double) => double.into(),
            Self::Text(text) => text.into(),
            Self::Time(micros) => format_date_time(micros).into(),
            Self::Duration(micros) if micros % 1_000_000 == 0 => (micros / 1_000_000).into(),
            #[expect(clippy::cast_precision_loss, reason = "seconds with a fraction are a double")]
            Self::Duration(micros) => (micros as f64 / 1e6).into(),
            Self::List(list) => list.into_iter().map(Self::into_json).collect(),
            Self::Map(map) => {
                map.into_iter().map(|(key, value)| (key, value.into_json())).collect()
            }
        }
    }

    /// `None` for what has no place outside an expression: bytes, types, numbers that are none.
    pub(crate) fn of(val: &dyn Val) -> Option<Self> {
        Some(if let Some(text) = val.downcast_ref::<CelString<'_>>() {
            Self::Text(text.inner().to_owned())
        } else if let Some(int) = val.downcast_ref::<CelInt>() {
            Self::Int(*int.inner())
        } else if let Some(bool) = val.downcast_ref::<CelBool>() {
            Self::Bool(*bool.inner())
        } else if let Some(double) = val.downcast_ref::<CelDouble>() {
            Self::Double(Some(*double.inner()).filter(|double| double.is_finite())?)
        } else if let Some(uint) = val.downcast_ref::<CelUInt>() {
            Self::Int(i64::try_from(*uint.inner()).ok()?)
        } else if val.downcast_ref::<CelNull>().is_some() {
            Self::Null
        } else if let Some(time) = val.downcast_ref::<CelTimestamp>() {
            Self::Time(time.inner().timestamp_micros())
        } else if let Some(duration) = val.downcast_ref::<CelDuration>() {
            Self::Duration(duration.inner().num_microseconds()?)
        } else if let Some(list) = val.downcast_ref::<CelList<'_>>() {
            let all: Option<Vec<_>> =
                list.inner().iter().map(|one| Self::of(one.as_ref())).collect();
            Self::List(all?)
        } else if let Some(map) = val.downcast_ref::<CelMap<'_>>() {
            let mut all = Vec::with_capacity(map.inner().len());
            for (key, value) in map.inner() {
                let key = key.inner().downcast_ref::<CelString<'_>>()?.inner().to_owned();
                all.push((key, Self::of(value.as_ref())?));
            }
            // The library keeps maps in no order; the same input gives the same output.
            all.sort_by(|(one, _), (other, _)| one.cmp(other));
            Self::Map(all)
        } else {
            return None;
        })
    }
}

/// The whole number that a double is, if it is one and of a size that doubles keep exactly.
pub(crate) fn whole(double: f64) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, reason = "it is whole and in range")]
    (double.fract() == 0.0 && double.abs() <= EXACT).then_some(double as i64)
}
