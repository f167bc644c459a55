//! Query Temporal Evolution of Entities (clause 5.7.4).

use std::collections::VecDeque;

use tsunagu_domain::Problem;
use tsunagu_ngsi_ld::{Context, GeoQuery, Q, Query, RenderOptions};
use tsunagu_policy::View;
use tsunagu_store::EntityQuery;
use tsunagu_store::access::Action;

use super::show::{Entry, note, part, select, show};
use super::window::{Reader, Subject};
use super::{Evolved, Temporal};
use crate::access::{self, Shown};
use crate::{Broker, Request};

/// A temporal query as it came.
#[derive(Debug, Clone)]
pub struct AskedEvolutions {
    /// The conditions, in the actor's own ids. Those on values hold of any instance within the interval.
    pub filter: Query,
    /// By id, descending if true; none is the order of the store.
    pub by_id: Option<bool>,
    /// At most so many entities.
    pub limit: usize,
    /// Leaving out so many first.
    pub offset: usize,
    /// Whether to count.
    pub count: bool,
}

/// A page of temporal evolutions.
#[derive(Debug, Clone, Default)]
pub struct EvolvedPage {
    /// A JSON array, and what it covers.
    pub evolved: Evolved,
    /// How many match in all, when asked.
    pub count: Option<u64>,
    /// Whether there are more after these.
    pub more: bool,
}

/// Candidates looked up at first; each further time four times as many.
const FIRST: usize = 128;

impl Broker {
    /// The entities that match within the interval, as far as the view sees, deleted ones too.
    pub async fn query_evolutions(
        &self,
        request: &Request<'_>,
        asked: AskedEvolutions,
        temporal: &Temporal,
        context: &Context,
        options: &RenderOptions,
    ) -> Result<EvolvedPage, Problem> {
        let view = request.view;
        let mut filter = asked.filter;
        for id in &mut filter.ids {
            *id = view.inward_id(id).into_owned();
        }
        let types: Vec<String> = filter
            .types
            .as_ref()
            .map(|types| types.candidates().into_iter().map(str::to_owned).collect())
            .unwrap_or_default();
        let conditions = filter.q.as_ref().map(Q::attributes).unwrap_or_default();
        let known = |name: &&str| self.parts.catalogue.names_attribute(name);
        let conditions: Vec<String> =
            conditions.into_iter().filter(known).map(str::to_owned).collect();
        let asks_personal = match &filter.types {
            None => view.may_see_persons(),
            Some(_) => self.parts.catalogue.is_personal(types.iter().map(String::as_str)),
        };

        let mut entries: Vec<Entry> = Vec::new();
        let (mut matched, mut more) = (0_u64, false);
        let mut candidates = Candidates::new(self, view, &filter, asked.by_id);
        while let Some(subject) = candidates.next().await? {
            if !self.holds(view, &subject, &filter, temporal).await? {
                continue;
            }
            // Past the page it is only counted, and then one instance tells enough.
            let wanted = entries.len() < asked.limit && matched >= asked.offset as u64;
            let most = if wanted { temporal.most } else { 1 };
            let temporal = Temporal { most, ..temporal.clone() };
            let Some(spans) = self.spans(view, &subject, &filter, &temporal).await? else {
                continue;
            };
            let mut entry = self.entry(view, subject, &temporal, options).await?;
            entry.window.within(spans.as_deref());
            if entry.window.is_empty() {
                continue;
            }
            matched += 1;
            if wanted {
                entries.push(entry);
            } else if matched > asked.offset as u64 {
                more = true;
                if !asked.count {
                    break;
                }
            }
        }

        select(&mut entries, options);
        let part = part(&mut entries, temporal);
        let mut body = Vec::with_capacity(64 + entries.len() * 4096);
        let mut shown = Shown::default();
        body.push(b'[');
        for entry in &entries {
            let mark = body.len();
            if mark > 1 {
                body.push(b',');
            }
            if !show(view, entry, temporal, context, options, &mut body) {
                body.truncate(mark);
            } else if self.parts.catalogue.is_personal(entry.subject.doc.types()) {
                note(&mut shown, view, entry);
            }
        }
        body.push(b']');
        let ticket = if shown.count > 0 || asks_personal {
            let now = self.parts.clock.micros();
            let mut access = access::allowed(request, now, Action::Query, shown);
            if access.subjects.is_empty() {
                access.subjects.extend(view.only_subject());
            }
            if access.types.is_empty() {
                access.types = types;
                access.types.retain(|name| self.parts.catalogue.personal_type(name).is_some());
            }
            access.attributes.extend(conditions);
            access.attributes.sort_unstable();
            access.attributes.dedup();
            Some(self.record(request, &access).await?)
        } else {
            None
        };
        let count = asked.count.then_some(matched);
        Ok(EvolvedPage { evolved: Evolved { body, ticket, part }, count, more })
    }

    /// When the scopes of the entity were as asked for, within the interval: from, to. The outer `None` is never, the inner one that nobody
    /// asked.
    async fn spans(
        &self,
        view: &View,
        subject: &Subject,
        filter: &Query,
        temporal: &Temporal,
    ) -> Result<Option<Option<Vec<(i64, i64)>>>, Problem> {
        let Some(asked) = &filter.scope else {
            return Ok(Some(None));
        };
        let reader = Reader { store: &*self.parts.store, view, of: subject };
        let moments = reader.scopes().await?;
        let mut spans = Vec::new();
        for (nth, moment) in moments.iter().enumerate() {
            let to = moments.get(nth + 1).map_or(i64::MAX, |next| next.at);
            let ends_before = temporal.query.from.is_some_and(|from| to <= from);
            let begins_after = temporal.query.to.is_some_and(|end| moment.at >= end);
            if !ends_before
                && !begins_after
                && asked.matches(&moment.scopes.iter().map(String::as_str))
            {
                spans.push((moment.at, to));
            }
        }
        Ok((!spans.is_empty()).then_some(Some(spans)))
    }

    /// Whether the conditions on values hold of instances within the interval.
    async fn holds(
        &self,
        view: &View,
        subject: &Subject,
        filter: &Query,
        temporal: &Temporal,
    ) -> Result<bool, Problem> {
        if filter.q.is_none() && filter.geo.is_none() {
            return Ok(true);
        }
        let reader = Reader { store: &*self.parts.store, view, of: subject };
        let mut attrs = filter.q.as_ref().map(Q::attributes).unwrap_or_default();
        attrs.extend(filter.geo.as_ref().map(GeoQuery::property));
        let attrs: Vec<String> = attrs.into_iter().map(str::to_owned).collect();
        let doc = reader.checked(&temporal.query, &attrs, self.parts.clock.micros()).await?;
        let values = Query { q: filter.q.clone(), geo: filter.geo.clone(), ..Query::default() };
        Ok(view.cut(&subject.doc).is_some_and(|cut| values.matches(&doc, &cut)))
    }
}

/// The entities that may match, present ones first, then deleted ones, looked up in growing steps.
struct Candidates<'a> {
    broker: &'a Broker,
    view: &'a View,
    query: EntityQuery,
    past: bool,
    done: bool,
    by_id: Option<bool>,
    waiting: VecDeque<Subject>,
}

impl<'a> Candidates<'a> {
    fn new(broker: &'a Broker, view: &'a View, filter: &Query, by_id: Option<bool>) -> Self {
        // What it is now decides nothing about values.
        let filter = Query { attrs: Vec::new(), q: None, geo: None, scope: None, ..filter.clone() };
        let limit = if by_id.is_some() { usize::MAX >> 8 } else { FIRST };
        let query = EntityQuery { filter, limit, offset: 0, count: false, order: None };
        Self { broker, view, query, past: false, done: false, by_id, waiting: VecDeque::new() }
    }

    async fn next(&mut self) -> Result<Option<Subject>, Problem> {
        while self.waiting.is_empty() && !self.done {
            self.fill().await?;
            if let Some(descending) = self.by_id {
                while !self.done {
                    self.fill().await?;
                }
                let all = self.waiting.make_contiguous();
                // By the ids that are shown: the order of the stored ones would tell of them.
                let view = self.view;
                all.sort_by_cached_key(|one| view.outward_id(one.doc.id()).into_owned());
                if descending {
                    all.reverse();
                }
            }
        }
        Ok(self.waiting.pop_front())
    }

    async fn fill(&mut self) -> Result<(), Problem> {
        let store = &self.broker.parts.store;
        let page = if self.past {
            store.pasts(self.view, &self.query).await?
        } else {
            store.query(self.view, &self.query).await?
        };
        let found = page.entities.len();
        for one in page.entities {
            // An id that is in use again is no longer that of what was deleted.
            let again = self.past && store.entity(self.view, one.doc.id()).await?.is_some();
            if !again {
                self.waiting.push_back(Subject { doc: one.doc, live: !self.past });
            }
        }
        if found < self.query.limit {
            self.done = self.past;
            self.past = true;
            self.query.offset = 0;
        } else {
            self.query.offset += found;
            self.query.limit = self.query.limit.saturating_mul(4);
        }
        Ok(())
    }
}
