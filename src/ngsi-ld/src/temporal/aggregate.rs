//! Aggregated values (clause 4.5.19): instances go through one by one, only sums stay.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};

use super::Duration;
use crate::error::Error;
use crate::json::{elements, first_byte, string_of};
use crate::model::{AttrSlot, Kind};

/// What is made of the instances of a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// How many there are.
    TotalCount,
    /// How many different ones there are.
    DistinctCount,
    /// Their sum.
    Sum,
    /// Their mean.
    Avg,
    /// The least.
    Min,
    /// The greatest.
    Max,
    /// Their standard deviation (of all, not of a sample).
    Stddev,
    /// The sum of their squares.
    Sumsq,
}

impl Method {
    const ALL: [Self; 8] = [
        Self::TotalCount,
        Self::DistinctCount,
        Self::Sum,
        Self::Avg,
        Self::Min,
        Self::Max,
        Self::Stddev,
        Self::Sumsq,
    ];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::TotalCount => "totalCount",
            Self::DistinctCount => "distinctCount",
            Self::Sum => "sum",
            Self::Avg => "avg",
            Self::Min => "min",
            Self::Max => "max",
            Self::Stddev => "stddev",
            Self::Sumsq => "sumsq",
        }
    }

    /// The method of a name.
    pub fn from_name(name: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|method| method.name() == name).ok_or_else(|| {
            Error::bad("aggrMethods has a method that there is not").at("aggrMethods").remedy(
                "use totalCount, distinctCount, sum, avg, min, max, stddev and sumsq, separated by commas",
            )
        })
    }
}

/// How values are gathered.
#[derive(Debug, Clone, Copy)]
pub struct Aggregate {
    /// Length of a period; zero is one period over all.
    pub every: Duration,
    /// Where the first period begins, µs since the epoch.
    pub origin: i64,
    /// At most so many periods.
    pub most: usize,
    /// Whether different values are told apart, for [`Method::DistinctCount`]: the one method for which something of every value is kept.
    pub distinct: bool,
}

/// The values of one period.
#[derive(Debug, Clone)]
pub struct Period {
    /// First moment, µs since the epoch.
    pub from: i64,
    /// First moment after; for one period over all, what the caller makes it.
    pub to: i64,
    total: u64,
    distinct: HashSet<u64>,
    numbers: u64,
    sum: f64,
    squares: f64,
    least: f64,
    greatest: f64,
    first: Option<String>,
    last: Option<String>,
}

/// The periods of one attribute, in order, those without instances left out.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    /// The periods.
    pub periods: Vec<Period>,
    /// Whether there would have been more than were wanted.
    pub cut: bool,
    hasher: RandomState,
}

impl Summary {
    /// Takes an instance; instances come in the order of time. False when it is one too many.
    pub fn add(&mut self, how: &Aggregate, slot: &AttrSlot<'_>, at: i64) -> bool {
        let (from, to) =
            if how.every.is_zero() { (how.origin, at) } else { how.every.period(how.origin, at) };
        if self.periods.last().is_none_or(|last| last.from != from) {
            if self.periods.len() >= how.most {
                self.cut = true;
                return false;
            }
            self.periods.push(Period::new(from, to));
        }
        if let Some(period) = self.periods.last_mut() {
            period.to = period.to.max(to);
            let value = slot.instance().value;
            if how.distinct {
                period.distinct.insert(self.hasher.hash_one(value.trim()));
            }
            period.add(slot.kind(), value);
        }
        true
    }
}

impl Period {
    fn new(from: i64, to: i64) -> Self {
        Self {
            from,
            to,
            total: 0,
            distinct: HashSet::new(),
            numbers: 0,
            sum: 0.0,
            squares: 0.0,
            least: f64::INFINITY,
            greatest: f64::NEG_INFINITY,
            first: None,
            last: None,
        }
    }

    fn add(&mut self, kind: Kind, value: &str) {
        self.total += 1;
        if !matches!(kind, Kind::Property | Kind::ListProperty) {
            return;
        }
        let number = match first_byte(value) {
            b't' => Some(1.0),
            b'f' => Some(0.0),
            // Of arrays, the sizes.
            #[expect(clippy::cast_precision_loss, reason = "no array is that long")]
            b'[' => Some(elements(value).count() as f64),
            b'"' => {
                let text = string_of(value).unwrap_or_default();
                if self.first.as_deref().is_none_or(|first| *text < *first) {
                    self.first = Some(text.clone().into_owned());
                }
                if self.last.as_deref().is_none_or(|last| *text > *last) {
                    self.last = Some(text.into_owned());
                }
                None
            }
            b'{' => None,
            _ => value.trim().parse::<f64>().ok(),
        };
        if let Some(number) = number {
            self.numbers += 1;
            self.sum += number;
            self.squares += number * number;
            self.least = self.least.min(number);
            self.greatest = self.greatest.max(number);
        }
    }

    /// Writes the value of a method as JSON; `null` when it has no meaning for what there is.
    pub fn write(&self, method: Method, out: &mut Vec<u8>) {
        let text = |text: &Option<String>, out: &mut Vec<u8>| match text {
            Some(text) => crate::json::write_string(text, out),
            None => out.extend_from_slice(b"null"),
        };
        #[expect(clippy::cast_precision_loss, reason = "nobody counts that far")]
        let count = self.numbers as f64;
        let number = match method {
            Method::TotalCount => return out.extend_from_slice(self.total.to_string().as_bytes()),
            Method::DistinctCount => {
                return out.extend_from_slice(self.distinct.len().to_string().as_bytes());
            }
            Method::Min if self.numbers == 0 => return text(&self.first, out),
            Method::Max if self.numbers == 0 => return text(&self.last, out),
            _ if self.numbers == 0 => return out.extend_from_slice(b"null"),
            Method::Sum => self.sum,
            Method::Avg => self.sum / count,
            Method::Min => self.least,
            Method::Max => self.greatest,
            Method::Sumsq => self.squares,
            Method::Stddev => {
                let mean = self.sum / count;
                (self.squares / count - mean * mean).max(0.0).sqrt()
            }
        };
        match serde_json::to_string(&number) {
            Ok(number) => out.extend_from_slice(number.as_bytes()),
            Err(_) => out.extend_from_slice(b"null"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Aggregate, Method, Summary};
    use crate::model::{Entity, EntityDoc, Instance};
    use crate::temporal::Duration;

    fn summary(every: &str, most: usize, values: &[(i64, serde_json::Value)]) -> Summary {
        let mut summary = Summary::default();
        let how =
            Aggregate { every: Duration::parse(every).unwrap(), origin: 0, most, distinct: true };
        for (at, value) in values {
            let mut entity = Entity::new("urn:a:1", "urn:t", 0);
            entity.set("urn:p", Instance::property(value, 0).unwrap());
            let doc = EntityDoc::from(&entity);
            if !summary.add(&how, &doc.attributes().next().unwrap(), *at) {
                break;
            }
        }
        summary
    }

    fn value(summary: &Summary, period: usize, method: Method) -> serde_json::Value {
        let mut out = Vec::new();
        summary.periods[period].write(method, &mut out);
        serde_json::from_slice(&out).unwrap()
    }

    #[test]
    fn numbers_are_summed_up() {
        let second = 1_000_000;
        let values = [(0, 2.into()), (second / 2, 4.into()), (5 * second, 2.into())];
        let two = summary("PT1S", 9, &values);
        assert_eq!(two.periods.len(), 2);
        for (method, expected) in [
            (Method::TotalCount, serde_json::json!(2)),
            (Method::DistinctCount, serde_json::json!(2)),
            (Method::Sum, serde_json::json!(6.0)),
            (Method::Avg, serde_json::json!(3.0)),
            (Method::Min, serde_json::json!(2.0)),
            (Method::Max, serde_json::json!(4.0)),
            (Method::Stddev, serde_json::json!(1.0)),
            (Method::Sumsq, serde_json::json!(20.0)),
        ] {
            assert_eq!(value(&two, 0, method), expected, "{}", method.name());
            assert_eq!(Method::from_name(method.name()), Ok(method));
        }
        assert_eq!((two.periods[1].from, two.periods[1].to), (5 * second, 6 * second));
        let one = summary("PT0S", 9, &values);
        assert_eq!((one.periods.len(), one.periods[0].to), (1, 5 * second));
        assert_eq!(value(&one, 0, Method::DistinctCount), 2);
        let cut = summary("PT1S", 1, &values);
        assert!(cut.cut && cut.periods.len() == 1);
        assert!(Method::from_name("median").is_err());
    }

    #[test]
    fn other_values_have_what_makes_sense() {
        let texts = summary("PT0S", 9, &[(0, "b".into()), (1, "a".into()), (2, "a".into())]);
        assert_eq!(value(&texts, 0, Method::Min), "a");
        assert_eq!(value(&texts, 0, Method::DistinctCount), 2);
        assert_eq!(value(&texts, 0, Method::Avg), serde_json::Value::Null);
        let truths = summary("PT0S", 9, &[(0, true.into()), (1, false.into())]);
        assert_eq!(value(&truths, 0, Method::Avg), 0.5);
        let arrays =
            summary("PT0S", 9, &[(0, serde_json::json!([1, 2])), (1, serde_json::json!([]))]);
        assert_eq!(value(&arrays, 0, Method::Sum), 2.0);
        let objects = summary("PT0S", 9, &[(0, serde_json::json!({"a": 1}))]);
        assert_eq!(value(&objects, 0, Method::TotalCount), 1);
        assert_eq!(value(&objects, 0, Method::Max), serde_json::Value::Null);
    }
}
