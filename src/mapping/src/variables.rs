//! What an expression looks at.

use std::collections::HashMap;

use cel::common::types::{
    CelBool, CelDouble, CelDuration, CelInt, CelList, CelMap, CelMapKey, CelNull, CelString,
    CelTimestamp, CelUInt,
};
use cel::common::value::Val;
use chrono::{DateTime, TimeDelta};

use crate::expression::EvaluationError;
use crate::value::Value;

/// The largest input of one evaluation: the bytes of its texts, and 32 for each value.
pub const MAX_INPUT: usize = 512 * 1024;
/// The most work one evaluation may do, in units of about a byte copied: a large input gone over in nested loops meets it, a record never does.
pub const MAX_WORK: u64 = 8 * 1024 * 1024;
/// The deepest nesting of JSON that is taken.
const MAX_DEPTH: usize = 64;
/// What a value weighs beside its text.
const VALUE: usize = 32;

/// A moment, µs since the epoch, to be given as a `timestamp`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Micros(pub i64);

/// What a variable can hold. Texts and JSON are borrowed.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Input<'v> {
    /// JSON: an object becomes a `map`, a whole number an `int`, any other number a `double`.
    Json(&'v serde_json::Value),
    /// `string`.
    Text(&'v str),
    /// `int`.
    Int(i64),
    /// `double`.
    Double(f64),
    /// `bool`.
    Bool(bool),
    /// `timestamp`.
    Time(Micros),
    /// `null`.
    Null,
}

macro_rules! input {
    ($($from:ty => $variant:ident),* $(,)?) => {$(
        impl<'v> From<$from> for Input<'v> {
            fn from(value: $from) -> Self {
                Self::$variant(value)
            }
        }
    )*};
}
input! { &'v serde_json::Value => Json, &'v str => Text, i64 => Int, f64 => Double, bool => Bool, Micros => Time }

impl<'v, T: Into<Input<'v>>> From<Option<T>> for Input<'v> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// The variables of an evaluation, made once and used by as many expressions as there are. What does not fit ([`MAX_INPUT`]) is
/// remembered, and every evaluation fails with it.
#[derive(Debug, Default)]
pub struct Variables<'v> {
    values: Vec<Variable<'v>>,
}

#[derive(Debug)]
struct Variable<'v> {
    name: &'v str,
    val: Box<dyn Val + 'v>,
    weight: usize,
    refused: Option<EvaluationError>,
    /// Why it has no value; only who asks for it is told.
    failed: Option<EvaluationError>,
}

impl<'v> Variables<'v> {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With one more, in the place of one of that name.
    #[must_use]
    pub fn with(mut self, name: &'v str, value: impl Into<Input<'v>>) -> Self {
        self.set(name, value);
        self
    }

    /// Sets one, in the place of one of that name.
    pub fn set(&mut self, name: &'v str, value: impl Into<Input<'v>>) {
        let mut weight = 0;
        let (val, refused) = match val(value.into(), &mut weight) {
            Ok(val) => (val, None),
            Err(error) => (Box::new(CelNull) as Box<dyn Val + 'v>, Some(error)),
        };
        self.put(Variable { name, val, weight, refused, failed: None });
    }

    /// Sets one to what another expression gave.
    pub fn set_value(&mut self, name: &'v str, value: Value) {
        let mut weight = 0;
        let (val, refused) = match owned(value, &mut weight) {
            Ok(val) => (val, None),
            Err(error) => (Box::new(CelNull) as Box<dyn Val + 'v>, Some(error)),
        };
        self.put(Variable { name, val, weight, refused, failed: None });
    }

    /// Notes that one has no value: an expression that needs it fails with this error.
    pub fn set_failed(&mut self, name: &'v str, error: EvaluationError) {
        self.put(Variable {
            name,
            val: Box::new(CelNull),
            weight: 0,
            refused: None,
            failed: Some(error),
        });
    }

    fn put(&mut self, variable: Variable<'v>) {
        match self.values.iter_mut().find(|other| other.name == variable.name) {
            Some(place) => *place = variable,
            None => self.values.push(variable),
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&(dyn Val + 'v)> {
        let variable = self.values.iter().find(|variable| variable.name == name)?;
        variable.failed.is_none().then(|| variable.val.as_ref())
    }

    /// Why one has no value.
    pub(crate) fn failed(&self, name: &str) -> Option<&EvaluationError> {
        self.values.iter().find(|variable| variable.name == name)?.failed.as_ref()
    }

    /// The weight of all, or what was wrong with one.
    pub(crate) fn weight(&self) -> Result<u64, EvaluationError> {
        let mut all = 0;
        for variable in &self.values {
            if let Some(error) = &variable.refused {
                return Err(error.clone());
            }
            all += variable.weight;
        }
        if all > MAX_INPUT {
            return Err(EvaluationError::InputTooLarge);
        }
        Ok(u64::try_from(all).unwrap_or(u64::MAX))
    }
}

fn val<'v>(input: Input<'v>, weight: &mut usize) -> Result<Box<dyn Val + 'v>, EvaluationError> {
    Ok(match input {
        Input::Json(json) => return json_val(json, weight, 0),
        Input::Text(text) => {
            add(weight, text.len())?;
            Box::new(CelString::from(text))
        }
        Input::Int(int) => Box::new(CelInt::from(int)),
        Input::Double(double) => Box::new(CelDouble::from(double)),
        Input::Bool(bool) => Box::new(CelBool::from(bool)),
        Input::Time(Micros(micros)) => {
            let time =
                DateTime::from_timestamp_micros(micros).ok_or(EvaluationError::OutOfRange)?;
            Box::new(CelTimestamp::from(time.fixed_offset()))
        }
        Input::Null => Box::new(CelNull),
    })
}

fn add(weight: &mut usize, bytes: usize) -> Result<(), EvaluationError> {
    *weight = weight.saturating_add(bytes).saturating_add(VALUE);
    if *weight > MAX_INPUT { Err(EvaluationError::InputTooLarge) } else { Ok(()) }
}

fn json_val<'v>(
    json: &'v serde_json::Value,
    weight: &mut usize,
    depth: usize,
) -> Result<Box<dyn Val + 'v>, EvaluationError> {
    use serde_json::Value as Json;
    if depth > MAX_DEPTH {
        return Err(EvaluationError::InputTooDeep);
    }
    add(weight, if let Json::String(text) = json { text.len() } else { 0 })?;
    Ok(match json {
        Json::Null => Box::new(CelNull),
        Json::Bool(bool) => Box::new(CelBool::from(*bool)),
        Json::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(int), ..) => Box::new(CelInt::from(int)),
            (None, Some(uint), _) => Box::new(CelUInt::from(uint)),
            (None, None, Some(double)) => Box::new(CelDouble::from(double)),
            (None, None, None) => Box::new(CelNull),
        },
        Json::String(text) => Box::new(CelString::from(text.as_str())),
        Json::Array(all) => {
            let all: Result<Vec<_>, _> =
                all.iter().map(|one| json_val(one, weight, depth + 1)).collect();
            Box::new(CelList::from(all?))
        }
        Json::Object(members) => {
            let mut map: HashMap<CelMapKey<'v>, Box<dyn Val + 'v>> =
                HashMap::with_capacity(members.len());
            for (name, member) in members {
                add(weight, name.len())?;
                map.insert(
                    CelMapKey::String(CelString::from(name.as_str())),
                    json_val(member, weight, depth + 1)?,
                );
            }
            Box::new(CelMap::from(map))
        }
    })
}

fn owned<'v>(value: Value, weight: &mut usize) -> Result<Box<dyn Val + 'v>, EvaluationError> {
    add(weight, if let Value::Text(text) = &value { text.len() } else { 0 })?;
    Ok(match value {
        Value::Null => Box::new(CelNull),
        Value::Bool(bool) => Box::new(CelBool::from(bool)),
        Value::Int(int) => Box::new(CelInt::from(int)),
        Value::Double(double) => Box::new(CelDouble::from(double)),
        Value::Text(text) => Box::new(CelString::from(text)),
        Value::Time(micros) => return val(Input::Time(Micros(micros)), weight),
        Value::Duration(micros) => Box::new(CelDuration::from(TimeDelta::microseconds(micros))),
        Value::List(all) => {
            let all: Result<Vec<_>, _> = all.into_iter().map(|one| owned(one, weight)).collect();
            Box::new(CelList::from(all?))
        }
        Value::Map(all) => {
            let mut map: HashMap<CelMapKey<'v>, Box<dyn Val + 'v>> =
                HashMap::with_capacity(all.len());
            for (name, member) in all {
                add(weight, name.len())?;
                map.insert(CelMapKey::from(name), owned(member, weight)?);
            }
            Box::new(CelMap::from(map))
        }
    })
}

/// What a value weighs, as [`MAX_INPUT`] and [`MAX_WORK`] count.
pub(crate) fn weight(val: &dyn Val) -> u64 {
    let of = |size: usize| u64::try_from(size.saturating_add(VALUE)).unwrap_or(u64::MAX);
    if let Some(text) = val.downcast_ref::<CelString<'_>>() {
        of(text.inner().len())
    } else if let Some(list) = val.downcast_ref::<CelList<'_>>() {
        list.inner().iter().fold(of(0), |sum, one| sum.saturating_add(weight(one.as_ref())))
    } else if let Some(map) = val.downcast_ref::<CelMap<'_>>() {
        map.inner().iter().fold(of(0), |sum, (key, value)| {
            sum.saturating_add(weight(key.inner())).saturating_add(weight(value.as_ref()))
        })
    } else if let Some(bytes) = val.downcast_ref::<cel::common::types::CelBytes<'_>>() {
        of(bytes.inner().len())
    } else {
        of(0)
    }
}
