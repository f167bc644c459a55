//! Code tables: from a code of one system to that of another, declared beside a mapping.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use cel::common::types::{CelBool, CelDouble, CelInt, CelNull, CelString, Type};
use cel::common::value::{CowVal, StaticVal, Val};

use crate::value::whole;

/// Rows of all tables of one mapping together.
const MAX_ROWS: usize = 100_000;

/// Tables by their name; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Tables(Arc<BTreeMap<String, Table>>);

/// What is wrong with a table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TablesError {
    /// Only scalars can be looked up.
    #[error(
        "the table \"{table}\" holds a list or an object for the code \"{code}\"; a row gives a string, a number, true, false or null"
    )]
    NotAScalar {
        /// Its name.
        table: String,
        /// The row.
        code: String,
    },
    /// Too many rows.
    #[error("the tables have more than 100000 rows together; split the mapping or shorten them")]
    TooLarge,
}

impl Tables {
    /// Reads tables: name → code → what stands for it.
    pub fn new(
        tables: &BTreeMap<String, BTreeMap<String, serde_json::Value>>,
    ) -> Result<Self, TablesError> {
        if tables.values().map(BTreeMap::len).sum::<usize>() > MAX_ROWS {
            return Err(TablesError::TooLarge);
        }
        let mut all = BTreeMap::new();
        for (table, rows) in tables {
            let row = |(code, value): (&String, &serde_json::Value)| match Scalar::of(value) {
                Some(scalar) => Ok((code.clone(), scalar)),
                None => Err(TablesError::NotAScalar { table: table.clone(), code: code.clone() }),
            };
            let rows: Result<BTreeMap<_, _>, _> = rows.iter().map(row).collect();
            all.insert(table.clone(), Table(Arc::new(rows?)));
        }
        Ok(Self(Arc::new(all)))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Table> {
        self.0.get(name)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

#[derive(Debug, Clone)]
enum Scalar {
    Null,
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(String),
}

impl Scalar {
    fn of(json: &serde_json::Value) -> Option<Self> {
        Some(match json {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(bool) => Self::Bool(*bool),
            serde_json::Value::Number(number) => match number.as_i64() {
                Some(int) => Self::Int(int),
                None => Self::Double(number.as_f64()?),
            },
            serde_json::Value::String(text) => Self::Text(text.clone()),
            serde_json::Value::Array(_) | serde_json::Value::Object(_) => return None,
        })
    }
}

/// One table, as a value that only [`lookup`] can see: no expression can name it.
#[derive(Clone)]
pub(crate) struct Table(Arc<BTreeMap<String, Scalar>>);

static TABLE: Type = Type::new_unspecified_type("table");

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "table of {} rows", self.0.len())
    }
}

impl Val for Table {
    fn get_type(&self) -> &Type {
        &TABLE
    }
    fn cel_type() -> &'static Type {
        &TABLE
    }
    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v> {
        Box::new(self.clone())
    }
    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
}
impl StaticVal for Table {}

/// What stands for a code, which may be a text, a whole number or a bool; `None` if the table has no such row.
pub(crate) fn lookup<'b, 'v>(table: &dyn Val, code: &dyn Val) -> Option<CowVal<'b, 'v>> {
    let Table(rows) = table.downcast_ref::<Table>()?;
    let row = if let Some(text) = code.downcast_ref::<CelString<'_>>() {
        rows.get(text.inner())
    } else if let Some(int) = code.downcast_ref::<CelInt>() {
        rows.get(&int.inner().to_string())
    } else if let Some(double) = code.downcast_ref::<CelDouble>() {
        rows.get(&whole(*double.inner())?.to_string())
    } else if let Some(bool) = code.downcast_ref::<CelBool>() {
        rows.get(if *bool.inner() { "true" } else { "false" })
    } else {
        None
    };
    Some(match row? {
        Scalar::Null => CowVal::owned(CelNull),
        Scalar::Bool(bool) => CowVal::owned(CelBool::from(*bool)),
        Scalar::Int(int) => CowVal::owned(CelInt::from(*int)),
        Scalar::Double(double) => CowVal::owned(CelDouble::from(*double)),
        Scalar::Text(text) => CowVal::owned(CelString::from(text.clone())),
    })
}
