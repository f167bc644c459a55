//! Query Entities (clause 5.7.2).

use tsunagu_domain::Problem;
use tsunagu_ngsi_ld::{Context, Q, Query, RenderOptions, render};
use tsunagu_store::access::{Action, Ticket};
use tsunagu_store::{EntityQuery, Page};

use super::selected;
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
}

/// A page of entities, rendered.
#[derive(Debug, Clone, Default)]
pub struct Listing {
    /// A JSON array.
    pub body: Vec<u8>,
    /// How many entities are in it.
    pub entities: usize,
    /// How many match in all, when asked.
    pub count: Option<u64>,
    /// Whether there are more after these.
    pub more: bool,
    /// The ticket in the access log, when persons are concerned.
    pub ticket: Option<Ticket>,
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
        let asks_linked = self.answer_subqueries(view, &mut filter).await?;
        for id in &mut filter.ids {
            *id = view.inward_id(id).into_owned();
        }
        let types: Vec<String> = filter
            .types
            .as_ref()
            .map(|types| types.candidates().into_iter().map(str::to_owned).collect())
            .unwrap_or_default();
        // What the conditions look at is told by the answer, even by an empty one.
        let conditions = filter.q.as_ref().map(Q::attributes).unwrap_or_default();
        let conditions = conditions.into_iter().chain(filter.attrs.iter().map(String::as_str));
        // Only names that mean something here: anything could be written in a query.
        let known = |name: &&str| self.parts.catalogue.names_attribute(name);
        let conditions: Vec<String> = conditions.filter(known).map(str::to_owned).collect();
        // Without types, persons are searched as well, as far as any can be in view.
        let asks_personal = match &filter.types {
            None => view.may_see_persons(),
            Some(_) => self.parts.catalogue.is_personal(types.iter().map(String::as_str)),
        };
        let asks_personal = asks_personal || asks_linked;
        // One more than asked tells whether there is a next page.
        let query = EntityQuery {
            filter,
            limit: asked.limit.saturating_add(usize::from(asked.limit > 0)),
            offset: asked.offset,
            count: asked.count,
        };
        let Page { mut entities, count } = self.parts.store.query(view, &query).await?;
        let more = entities.len() > asked.limit;
        entities.truncate(asked.limit);

        let mut body = Vec::with_capacity(64 + entities.len() * 1024);
        let mut shown = Shown::default();
        body.push(b'[');
        if let Some(join) = &options.join {
            let linked = self.gather_linked(view, &entities, options, join).await?;
            let how = (context, options);
            self.render_joined(view, &entities, &linked, how, &mut shown, &mut body)?;
        }
        for found in entities.iter().filter(|_| options.join.is_none()) {
            let Some(cut) = view.cut(&found.doc) else {
                continue;
            };
            let mark = body.len();
            if mark > 1 {
                body.push(b',');
            }
            let personal = self.parts.catalogue.is_personal(found.doc.types());
            let written = if personal {
                render(&found.doc, &cut, context, options, &mut body)
            } else {
                self.show_open(view, found, &cut, context, options, &mut body)
            };
            if !written {
                body.truncate(mark);
                continue;
            }
            if personal {
                shown.add(&found.doc, &cut, &selected(options));
            }
        }
        body.push(b']');

        // A search for persons is an access even when it finds nothing, or only a number.
        let ticket = if shown.count > 0 || asks_personal {
            let mut access =
                access::allowed(request, self.parts.clock.micros(), Action::Query, shown);
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
            Some(self.parts.access.record(view.tenant(), &access).await?)
        } else {
            None
        };
        Ok(Listing { body, entities: entities.len(), count, more, ticket })
    }
}
