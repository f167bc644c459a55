//! The temporal query language (clause 4.11) and aggregation over time (clause 4.5.19).

mod aggregate;
mod duration;

use crate::error::Error;
use crate::model::AttrSlot;
use crate::time::parse_date_time;

pub use aggregate::{Aggregate, Method, Period, Summary};
pub use duration::Duration;

/// The temporal property that a query looks at (clause 4.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TimeProperty {
    /// When it was so.
    #[default]
    ObservedAt,
    /// When it was first written.
    CreatedAt,
    /// When it was last written.
    ModifiedAt,
    /// When it was deleted.
    DeletedAt,
}

impl TimeProperty {
    /// The property a name stands for.
    pub fn from_name(name: &str) -> Result<Self, Error> {
        match name {
            "observedAt" => Ok(Self::ObservedAt),
            "createdAt" => Ok(Self::CreatedAt),
            "modifiedAt" => Ok(Self::ModifiedAt),
            "deletedAt" => Ok(Self::DeletedAt),
            _ => Err(Error::bad("the temporal property is none of the four there are")
                .at("timeproperty")
                .remedy("use observedAt, createdAt, modifiedAt or deletedAt")),
        }
    }

    /// The time of an instance by this property, µs since the epoch; `None` when it has none.
    #[must_use]
    pub fn of(self, slot: &AttrSlot<'_>) -> Option<i64> {
        match self {
            Self::ObservedAt => slot.instance().observed_at.and_then(parse_date_time),
            Self::DeletedAt => slot.is_deletion().then(|| slot.modified_at()),
            Self::CreatedAt => (!slot.is_deletion()).then(|| slot.created_at()),
            Self::ModifiedAt => (!slot.is_deletion()).then(|| slot.modified_at()),
        }
    }
}

/// How an interval lies to `timeAt`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// Before it, which is not included.
    Before,
    /// From it on.
    After,
    /// From it to before `endTimeAt`.
    Between,
}

/// A temporal query as it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TemporalQuery {
    /// How the interval lies to `from` or `to`; none is all time.
    pub relation: Option<Relation>,
    /// First moment, µs since the epoch.
    pub from: Option<i64>,
    /// First moment after.
    pub to: Option<i64>,
    /// The property; none was named is [`TimeProperty::ObservedAt`].
    pub property: Option<TimeProperty>,
    /// Only so many of each attribute, the last ones first.
    pub last: Option<usize>,
}

impl TemporalQuery {
    /// From the texts of `timerel`, `timeAt`, `endTimeAt`, `timeproperty`.
    pub fn read(
        relation: Option<&str>,
        at: Option<&str>,
        end: Option<&str>,
        property: Option<&str>,
    ) -> Result<Self, Error> {
        let property = property.map(TimeProperty::from_name).transpose()?;
        let moment = |text: Option<&str>, name: &str| {
            text.map(|text| {
                parse_date_time(text).ok_or_else(|| {
                    Error::bad("a time is not a DateTime")
                        .at(name)
                        .remedy("write it in UTC, for example 2026-04-01T00:00:00Z")
                })
            })
            .transpose()
        };
        let (at, end) = (moment(at, "timeAt")?, moment(end, "endTimeAt")?);
        let Some(relation) = relation else {
            if at.is_some() || end.is_some() {
                return Err(Error::bad("a time is given without its relation")
                    .at("timerel")
                    .remedy("add before, after or between"));
            }
            return Ok(Self { property, ..Self::default() });
        };
        let at = at.ok_or_else(|| {
            Error::bad("timeAt is missing").at("timeAt").remedy("add it, or leave timerel out")
        })?;
        let query = Self { property, ..Self::default() };
        match (relation, end) {
            ("before", None) => {
                Ok(Self { relation: Some(Relation::Before), to: Some(at), ..query })
            }
            ("after", None) => {
                Ok(Self { relation: Some(Relation::After), from: Some(at), ..query })
            }
            ("between", Some(end)) => Ok(Self {
                relation: Some(Relation::Between),
                from: Some(at),
                to: Some(end),
                ..query
            }),
            ("between", None) => Err(Error::bad("endTimeAt is missing")
                .at("endTimeAt")
                .remedy("between needs timeAt and endTimeAt")),
            ("before" | "after", Some(_)) => Err(Error::bad("endTimeAt goes with between only")
                .at("endTimeAt")
                .remedy("leave it out")),
            _ => Err(Error::bad("the temporal relation is unknown")
                .at("timerel")
                .remedy("use before, after or between")),
        }
    }

    /// Whether the moments of an instance are in question at all: without a query every instance is shown.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.relation.is_none() && self.property.is_none()
    }

    /// The time of an instance if it is within the interval, µs since the epoch.
    #[must_use]
    pub fn moment(&self, slot: &AttrSlot<'_>) -> Option<i64> {
        let at = match self.property.unwrap_or_default().of(slot) {
            None if self.is_open() => slot.time(),
            at => at?,
        };
        self.holds(at).then_some(at)
    }

    /// Whether a moment is within the interval.
    #[must_use]
    pub fn holds(&self, at: i64) -> bool {
        self.from.is_none_or(|from| from <= at) && self.to.is_none_or(|to| at < to)
    }
}

#[cfg(test)]
mod tests {
    use super::{TemporalQuery, TimeProperty};

    const NOON: &str = "2020-08-01T12:00:00Z";

    #[test]
    fn bounds_are_as_the_clause_says() {
        let at = crate::time::parse_date_time(NOON).unwrap();
        let read = |relation, end| TemporalQuery::read(Some(relation), Some(NOON), end, None);
        let before = read("before", None).unwrap();
        assert!(before.holds(at - 1) && !before.holds(at));
        let after = read("after", None).unwrap();
        assert!(!after.holds(at - 1) && after.holds(at));
        let between = read("between", Some("2020-08-01T12:00:01Z")).unwrap();
        assert!(between.holds(at) && !between.holds(at + 1_000_000) && !between.holds(at - 1));
    }

    #[test]
    fn what_is_incomplete_is_refused() {
        for (relation, at, end, property) in [
            (Some("during"), Some(NOON), None, None),
            (Some("after"), None, None, None),
            (Some("between"), Some(NOON), None, None),
            (Some("after"), Some("2020-08-01"), None, None),
            (Some("after"), Some(NOON), Some(NOON), None),
            (None, Some(NOON), None, None),
            (None, None, None, Some("expiresAt")),
        ] {
            assert!(TemporalQuery::read(relation, at, end, property).is_err());
        }
        let open = TemporalQuery::read(None, None, None, None).unwrap();
        assert!(open.is_open());
        let deleted = TemporalQuery::read(None, None, None, Some("deletedAt")).unwrap();
        assert_eq!(deleted.property, Some(TimeProperty::DeletedAt));
        assert!(!deleted.is_open());
    }
}
