//! A subscription ready to be held against changes.

use std::sync::Arc;

use serde_json::value::RawValue;
use tsunagu_domain::Timestamp;
use tsunagu_ngsi_ld::context::{Resolved, resolve};
use tsunagu_ngsi_ld::query::{ScopeQ, id_pattern};
use tsunagu_ngsi_ld::{Context, EntityDoc, Projection, Q, Query, TypeSelection};
use tsunagu_store::StoreError;

use super::model::{Selector, Status, Subscription};
use super::read::{compile_geo, decoded};

/// A subscription with its conditions.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) record: Subscription,
    /// One for each selector, or one of the other conditions alone; an entity is meant by any.
    pub(crate) queries: Vec<Query>,
    ends: Option<Timestamp>,
}

impl Compiled {
    pub(crate) fn new(record: Subscription) -> Result<Self, StoreError> {
        // It was checked when it came.
        let damaged = || {
            StoreError::Corrupt("the conditions of a stored subscription cannot be read".to_owned())
        };
        let q = match &record.q {
            None => None,
            Some(q) => {
                let names = own_context(record.q_context.as_deref()).ok_or_else(damaged)?;
                Some(Q::parse(&decoded(q), &names).map_err(|_| damaged())?)
            }
        };
        let geo = record.geo_q.as_ref().map(compile_geo).transpose().map_err(|_| damaged())?;
        let scope = record.scope_q.as_deref().map(ScopeQ::parse);
        let scope = scope.transpose().map_err(|_| damaged())?;
        let all = [Selector::default()];
        let selectors = if record.entities.is_empty() { &all[..] } else { &record.entities };
        let query = |selector: &Selector| -> Option<Query> {
            let types = selector.types.as_deref();
            let types = types.map(|text| TypeSelection::parse(text, &Context::core()));
            let id_pattern = selector.id_pattern.as_deref().map(id_pattern);
            Some(Query {
                ids: selector.id.iter().cloned().collect(),
                types: types.transpose().ok()?,
                id_pattern: id_pattern.transpose().ok()?,
                q: q.clone(),
                geo: geo.clone(),
                scope: scope.clone(),
                ..Query::default()
            })
        };
        let queries: Option<Vec<Query>> = selectors.iter().map(query).collect();
        Ok(Self { queries: queries.ok_or_else(damaged)?, ends: record.ends(), record })
    }

    /// Whether notifications are to be sent at all.
    pub(crate) fn is_live(&self, now: Timestamp) -> bool {
        self.ends.is_none_or(|end| now < end) && self.record.status(now) == Status::Active
    }

    /// Whether the entity, as far as it is seen, is one of those meant.
    pub(crate) fn matches(&self, doc: &EntityDoc, seen: &dyn Projection) -> bool {
        self.queries.iter().any(|query| query.matches(doc, seen))
    }

    /// Whether changes of this attribute count.
    pub(crate) fn watches(&self, name: &str) -> bool {
        self.record.watched.is_empty() || self.record.watched.iter().any(|watched| watched == name)
    }
}

/// The @context of the names in a query.
fn own_context(json: Option<&str>) -> Option<Arc<Context>> {
    let raw = RawValue::from_string(json.unwrap_or("{}").to_owned()).ok()?;
    match resolve(&raw, &|_| None).ok()? {
        Resolved::Ready(context) => Some(context),
        Resolved::Missing(_) => None,
    }
}
