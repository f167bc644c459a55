//! Which registrations a request is about (clauses 5.10.2, 5.12).

use regex::Regex;
use serde_json::Value;

use super::{EntityInfo, Information, Interval, Registration};
use crate::context::Context;
use crate::error::Error;
use crate::model::{Entity, EntityDoc, Instance, Kind};
use crate::projection::Everything;
use crate::query::{GeoQuery, Q, Query, ScopeQ, TypeSelection};
use crate::time::parse_date_time;

/// How a time stands to the time of a temporal query (clause 4.11).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timerel {
    /// Before the first time.
    Before,
    /// After it.
    After,
    /// Between the first and the second.
    Between,
}

/// A temporal query over the intervals of registrations.
#[derive(Debug, Clone)]
pub struct TemporalQuery {
    /// How.
    pub rel: Timerel,
    /// The first time, µs since the epoch.
    pub at: i64,
    /// The second time; only between.
    pub end: Option<i64>,
    /// Whether the observation is meant; otherwise the management (creation and change).
    pub observed: bool,
}

impl TemporalQuery {
    /// Reads the parameters of a temporal query; without `timerel` there is none.
    pub fn read<'p>(get: impl Fn(&str) -> Option<&'p str>) -> Result<Option<Self>, Error> {
        let bad = |detail: &str, name: &str| Err(Error::bad(detail).at(name));
        let rel = match get("timerel") {
            Some("before") => Timerel::Before,
            Some("after") => Timerel::After,
            Some("between") => Timerel::Between,
            Some(_) => return bad("this parameter is before, after or between", "timerel"),
            None => {
                return match ["timeAt", "endTimeAt", "timeproperty"]
                    .iter()
                    .find(|n| get(n).is_some())
                {
                    Some(name) => bad("a temporal query needs timerel", name),
                    None => Ok(None),
                };
            }
        };
        let time = |name: &str| get(name).map(|text| parse_date_time(text).ok_or(())).transpose();
        let (Ok(at), Ok(end)) = (time("timeAt"), time("endTimeAt")) else {
            return bad("a time of the temporal query is not a DateTime", "timeAt");
        };
        let Some(at) = at else {
            return bad("a temporal query needs timeAt", "timeAt");
        };
        if end.is_some() != (rel == Timerel::Between) {
            return bad("endTimeAt goes with between, and between with it", "endTimeAt");
        }
        if end.is_some_and(|end| end < at) {
            return bad("endTimeAt is before timeAt", "endTimeAt");
        }
        let observed = match get("timeproperty") {
            None | Some("observedAt") => true,
            Some("createdAt" | "modifiedAt" | "deletedAt") => false,
            Some(_) => {
                let rule = "this parameter is observedAt, createdAt, modifiedAt or deletedAt";
                return bad(rule, "timeproperty");
            }
        };
        Ok(Some(Self { rel, at, end, observed }))
    }

    fn meets(&self, interval: &Interval) -> bool {
        let Some(start) = parse_date_time(&interval.start_at) else {
            return false;
        };
        let end = interval.end_at.as_deref().and_then(parse_date_time).unwrap_or(i64::MAX);
        match self.rel {
            Timerel::Before => start < self.at,
            Timerel::After => end > self.at,
            Timerel::Between => end > self.at && start < self.end.unwrap_or(i64::MAX),
        }
    }
}

/// What registrations have to be like.
#[derive(Debug, Clone, Default)]
pub struct Discovery {
    /// If not empty: they may have one of these entities.
    pub ids: Vec<String>,
    /// They may have entities with ids that fit.
    pub id_pattern: Option<Regex>,
    /// They may have entities of these types.
    pub types: Option<TypeSelection>,
    /// If not empty: they may have one of these attributes (expanded).
    pub attrs: Vec<String>,
    /// Conditions on the Context Source Properties.
    pub q: Option<Q>,
    /// Conditions on the Context Source Properties, once more: the context source filter.
    pub csf: Option<Q>,
    /// Where: a condition on the geometries of the registration.
    pub geo: Option<GeoQuery>,
    /// A condition on its scopes.
    pub scope: Option<ScopeQ>,
    /// When. Without it, only sources of what is now are meant.
    pub temporal: Option<TemporalQuery>,
}

impl Discovery {
    /// Whether a registration is meant.
    #[must_use]
    pub fn matches(&self, registration: &Registration) -> bool {
        let timely = match &self.temporal {
            None => {
                registration.observation_interval.is_none()
                    && registration.management_interval.is_none()
            }
            Some(query) => {
                let interval = if query.observed {
                    &registration.observation_interval
                } else {
                    &registration.management_interval
                };
                interval.as_ref().is_some_and(|interval| query.meets(interval))
            }
        };
        timely
            && registration.information.iter().any(|part| self.has(part))
            && self.fits(registration)
    }

    /// Whether a part of what a source has may be among what is asked for.
    #[must_use]
    pub fn has(&self, part: &Information) -> bool {
        let any = part.properties.is_empty() && part.relationships.is_empty();
        let attributes = self.attrs.is_empty()
            || any
            || part.attributes().any(|name| self.attrs.iter().any(|wanted| wanted == name));
        let entities =
            part.entities.is_empty() || part.entities.iter().any(|entity| self.has_entity(entity));
        attributes && entities
    }

    fn has_entity(&self, entity: &EntityInfo) -> bool {
        let types = self
            .types
            .as_ref()
            .is_none_or(|types| types.matches(&|wanted| entity.types.iter().any(|t| t == wanted)));
        let ids = self.ids.is_empty() || self.ids.iter().any(|id| entity.has_id(id));
        // Two patterns may well have an id in common.
        let pattern = match (&self.id_pattern, &entity.id) {
            (Some(pattern), Some(id)) => pattern.is_match(id),
            _ => true,
        };
        types && ids && pattern
    }

    /// Whether the conditions hold for the source itself.
    fn fits(&self, registration: &Registration) -> bool {
        let doc = registration.as_entity();
        let holds = |q: &Option<Q>| {
            let (geo, scope) = (self.geo.clone(), self.scope.clone());
            let query = Query { q: q.clone(), geo, scope, ..Query::default() };
            query.matches(&doc, &Everything)
        };
        holds(&self.q) && holds(&self.csf)
    }
}

impl Registration {
    /// The source as an entity of which its properties are the attributes, so that it can be asked like one.
    fn as_entity(&self) -> EntityDoc {
        let core = Context::core();
        let mut entity =
            Entity::new(self.id.clone(), core.expand(super::REGISTRATION), self.created_at);
        entity.scopes.clone_from(&self.scopes);
        let mut set = |name: String, kind: Kind, value: &Value| {
            if let Ok(value) = serde_json::value::to_raw_value(value) {
                entity.set(name, Instance::new(kind, value, self.created_at));
            }
        };
        let texts = [
            ("endpoint", Some(&self.endpoint)),
            ("registrationName", self.name.as_ref()),
            ("description", self.description.as_ref()),
            ("tenant", self.tenant.as_ref()),
            ("contextSourceAlias", self.alias.as_ref()),
        ];
        for (name, text) in texts {
            if let Some(text) = text {
                set(core.expand(name).into_owned(), Kind::Property, &text.as_str().into());
            }
        }
        set(core.expand("mode").into_owned(), Kind::Property, &self.mode.name().into());
        for (name, geometry) in &self.places {
            set(core.expand(name).into_owned(), Kind::GeoProperty, geometry);
        }
        for (name, value) in &self.properties {
            // A Property spelled out counts by its value.
            let inner =
                value.get("value").filter(|_| value.get("type").is_some_and(|t| t == "Property"));
            set(name.clone(), Kind::Property, inner.unwrap_or(value));
        }
        EntityDoc::from(&entity)
    }
}
