//! Query Entities (clause 5.7.2).

use tsunagu_domain::Problem;
use tsunagu_ngsi_ld::query::Order;
use tsunagu_ngsi_ld::render::is_amended;
use tsunagu_ngsi_ld::{Context, GeoQuery, Q, Query, RenderOptions, TypeSelection, render};
use tsunagu_policy::View;
use tsunagu_store::access::{Action, Ticket};
use tsunagu_store::{EntityQuery, Found, Page};

use super::selected;
use super::subquery::Whom;
use crate::access::{self, Shown};
use crate::{Broker, Request};

/// A query as it came.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The conditions, in the actor's own ids.
    pub filter: Query,
    /// At most so many.
    pub limit: usize,
    /// Leaving out so many first.
    pub offset: usize,
    /// Whether to count.
    pub count: bool,
    /// By what to order.
    pub order: Option<Order>,
}

/// A page of entities, rendered.
#[derive(Debug, Clone, Default)]
pub struct Listing {
    /// A JSON array, or a `GeoJSON` `FeatureCollection` (clause 4.5.16.3).
    pub body: Vec<u8>,
    /// How many entities are in it.
    pub entities: usize,
    /// How many match in all, when asked.
    pub count: Option<u64>,
    /// Whether there are more after these.
    pub more: bool,
    /// The ticket in the access log, when persons are concerned.
    pub ticket: Option<Ticket>,
    /// Whether something is in other words than it was stored in, for an earlier version of the specification.
    pub amended: bool,
}

/// What a search looks at, for the record of access.
pub(crate) struct Searched {
    types: Vec<String>,
    conditions: Vec<String>,
    /// Whether persons are searched.
    personal: bool,
    /// Persons of whom the answer tells that what is about them meets a condition.
    linked: Whom,
}

impl Searched {
    /// Notes attributes by name, only those that mean something here: anything could be written in a query.
    fn look_at<'a>(&mut self, broker: &Broker, names: impl IntoIterator<Item = &'a str>) {
        let known = names.into_iter().filter(|name| broker.parts.catalogue.names_attribute(name));
        self.conditions.extend(known.map(str::to_owned));
    }
}

impl Broker {
    /// The entities that match, as far as the view sees; what is hidden neither matches nor counts.
    pub async fn query(
        &self,
        request: &Request<'_>,
        asked: Asked,
        context: &Context,
        options: &RenderOptions,
    ) -> Result<Listing, Problem> {
        let view = request.view;
        let mut filter = asked.filter;
        let answered = self.answer_subqueries(view, &mut filter).await?;
        for id in &mut filter.ids {
            *id = view.inward_id(id).into_owned();
        }
        for id in filter.any_of.iter_mut().flat_map(|one| &mut one.ids) {
            *id = view.inward_id(id).into_owned();
        }
        let mut searched = self.searched(view, &filter);
        searched.personal |= answered.persons;
        let ordered = asked.order.as_ref().map(Order::attributes).unwrap_or_default();
        searched.look_at(self, ordered);
        // One more than asked tells whether there is a next page.
        let query = EntityQuery {
            filter,
            limit: asked.limit.saturating_add(usize::from(asked.limit > 0)),
            offset: asked.offset,
            count: asked.count,
            order: asked.order,
        };
        let Page { mut entities, count } = self.parts.store.query(view, &query).await?;
        let more = entities.len() > asked.limit;
        entities.truncate(asked.limit);
        searched.linked = answered.whom(view, &entities);

        let mut body = Vec::with_capacity(64 + entities.len() * 1024);
        let mut shown = Shown::default();
        let amended;
        // The @context of a collection stands beside its features.
        let each = RenderOptions {
            embed_context: options.embed_context && options.feature.is_none(),
            ..options.clone()
        };
        if options.feature.is_some() {
            body.extend_from_slice(br#"{"type":"FeatureCollection","features":"#);
        }
        body.push(b'[');
        if let Some(join) = &options.join {
            let linked = self.gather_linked(view, &entities, options, join).await?;
            let how = (context, &each);
            self.render_joined(view, &entities, &linked, how, &mut shown, &mut body)?;
            amended = linked.is_amended(view, &entities, options);
        } else {
            amended = self.render_each(view, &entities, (context, &each), &mut shown, &mut body);
        }
        body.push(b']');
        if options.feature.is_some() {
            if options.embed_context {
                body.extend_from_slice(br#","@context":"#);
                body.extend_from_slice(context.json().get().as_bytes());
            }
            body.push(b'}');
        }

        let ticket = self.record_search(request, searched, shown).await?;
        Ok(Listing { body, entities: entities.len(), count, more, ticket, amended })
    }

    /// What a search looks at, for the record of access.
    pub(crate) fn searched(&self, view: &View, filter: &Query) -> Searched {
        let selections = filter.any_of.iter().map(|one| one.types.as_ref());
        let selections = selections.chain(filter.types.as_ref().map(Some));
        // Without types, persons are searched as well.
        let narrowed =
            selections.clone().next().is_some() && selections.clone().all(|t| t.is_some());
        let types: Vec<String> =
            selections.flatten().flat_map(TypeSelection::candidates).map(str::to_owned).collect();
        let personal = if narrowed {
            self.parts.catalogue.is_personal(types.iter().map(String::as_str))
        } else {
            view.may_see_persons()
        };
        let mut searched =
            Searched { types, conditions: Vec::new(), personal, linked: Whom::default() };
        // What the conditions look at is told by the answer, even by an empty one.
        searched.look_at(self, filter.q.as_ref().map(Q::attributes).unwrap_or_default());
        searched.look_at(self, filter.attrs.iter().map(String::as_str));
        searched.look_at(self, filter.geo.as_ref().map(GeoQuery::property));
        searched
    }

    /// Writes a search for persons down: an access even when it finds nothing, or only a number.
    pub(crate) async fn record_search(
        &self,
        request: &Request<'_>,
        searched: Searched,
        shown: Shown,
    ) -> Result<Option<Ticket>, Problem> {
        let view = request.view;
        if shown.count == 0 && !searched.personal {
            return Ok(None);
        }
        let mut access = access::allowed(request, self.parts.clock.micros(), Action::Query, shown);
        let Whom { subjects, types } = searched.linked;
        access.subjects.extend(subjects);
        access.subjects.sort_unstable();
        access.subjects.dedup();
        access.types.extend(types);
        access.types.sort_unstable();
        access.types.dedup();
        if access.subjects.is_empty() {
            access.subjects.extend(view.only_subject());
        }
        if access.types.is_empty() {
            access.types = searched.types;
            access.types.retain(|name| self.parts.catalogue.personal_type(name).is_some());
        }
        access.attributes.extend(searched.conditions);
        access.attributes.sort_unstable();
        access.attributes.dedup();
        Ok(Some(self.record(request, &access).await?))
    }

    /// Appends the entities as elements of an array, with commas between them, and collects what they show of persons. True when one of them is
    /// in other words than it was stored in.
    fn render_each(
        &self,
        view: &View,
        entities: &[Found],
        (context, options): (&Context, &RenderOptions),
        shown: &mut Shown,
        body: &mut Vec<u8>,
    ) -> bool {
        let start = body.len();
        let mut amended = false;
        for found in entities {
            let Some(cut) = view.cut(&found.doc) else {
                continue;
            };
            let mark = body.len();
            if mark > start {
                body.push(b',');
            }
            let personal = self.parts.catalogue.is_personal(found.doc.types());
            let written = if personal {
                render(&found.doc, &cut, context, options, body)
            } else {
                self.show_open(view, found, &cut, context, options, body)
            };
            if !written {
                body.truncate(mark);
                continue;
            }
            amended |= is_amended(&found.doc, &cut, options);
            if personal {
                shown.add(&found.doc, &cut, &selected(options));
            }
        }
        amended
    }
}
