//! A subscription ready to be held against changes.

use std::sync::Arc;

use serde_json::value::RawValue;
use tsunagu_domain::Timestamp;
use tsunagu_ngsi_ld::context::{Resolved, resolve};
use tsunagu_ngsi_ld::query::{ScopeQ, id_pattern};
use tsunagu_ngsi_ld::source::{Discovery, Registration, TemporalQuery};
use tsunagu_ngsi_ld::{Context, EntityDoc, Projection, Q, Query, TypeSelection};
use tsunagu_store::{Collection, StoreError};

use super::model::{Selector, Status, Subscription};
use super::of_sources::{KEPT, Kept};
use super::read::{compile_geo, decoded};
use super::records::SUBSCRIPTIONS;

/// A subscription with its conditions.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) record: Subscription,
    /// One for each selector, or one of the other conditions alone; an entity is meant by any.
    pub(crate) queries: Vec<Query>,
    /// The same of a subscription to registrations of context sources (clause 5.11), which looks at no entity.
    pub(crate) sources: Option<Vec<Discovery>>,
    ends: Option<Timestamp>,
}

// It was checked when it came.
fn damaged() -> StoreError {
    StoreError::Corrupt("the conditions of a stored subscription cannot be read".to_owned())
}

impl Compiled {
    pub(crate) fn new(record: Subscription) -> Result<Self, StoreError> {
        let q = kept_q(record.q.as_deref(), record.q_context.as_deref())?;
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
        let queries = queries.ok_or_else(damaged)?;
        Ok(Self { queries, sources: None, ends: record.ends(), record })
    }

    /// A subscription to registrations.
    pub(crate) fn of_sources(kept: Kept) -> Result<Self, StoreError> {
        let csf = kept_q(kept.subscription.csf.as_deref(), kept.csf_context.as_deref())?;
        let temporal = kept.temporal.as_ref().map(|temporal| {
            TemporalQuery::read(|name| temporal.get(name).and_then(serde_json::Value::as_str))
        });
        let temporal = temporal.transpose().map_err(|_| damaged())?.flatten();
        let mut compiled = Self::new(kept.subscription)?;
        let watched = &compiled.record.watched;
        let each = std::mem::take(&mut compiled.queries).into_iter().map(|query| Discovery {
            ids: query.ids,
            id_pattern: query.id_pattern,
            types: query.types,
            attrs: watched.clone(),
            q: query.q,
            csf: csf.clone(),
            geo: query.geo,
            scope: query.scope,
            temporal: temporal.clone(),
        });
        compiled.sources = Some(each.collect());
        Ok(compiled)
    }

    /// Where it is kept.
    pub(crate) fn collection(&self) -> Collection {
        if self.sources.is_some() { KEPT } else { SUBSCRIPTIONS }
    }

    /// What of a registration the subscription is about (clause 5.11.7): the parts that match, without the others; `None` when that is nothing.
    pub(crate) fn relevant(&self, registration: &Registration) -> Option<Registration> {
        let each = self.sources.iter().flatten();
        let wanted: Vec<&Discovery> = each.filter(|wanted| wanted.matches(registration)).collect();
        if wanted.is_empty() {
            return None;
        }
        let mut relevant = registration.clone();
        relevant.information.retain(|part| wanted.iter().any(|wanted| wanted.has(part)));
        Some(relevant)
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

/// A query as it was given, with the names in it.
fn kept_q(q: Option<&str>, names: Option<&str>) -> Result<Option<Q>, StoreError> {
    let Some(q) = q else { return Ok(None) };
    let names = own_context(names).ok_or_else(damaged)?;
    Q::parse(&decoded(q), &names).map(Some).map_err(|_| damaged())
}

/// The @context of the names in a query.
fn own_context(json: Option<&str>) -> Option<Arc<Context>> {
    let raw = RawValue::from_string(json.unwrap_or("{}").to_owned()).ok()?;
    match resolve(&raw, &|_| None).ok()? {
        Resolved::Ready(context) => Some(context),
        Resolved::Missing(_) => None,
    }
}
