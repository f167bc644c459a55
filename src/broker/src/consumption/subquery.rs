//! Conditions on linked entities (clause 4.9): answered first, so that the entities that lead to what meets them can be found as by any
//! other condition.

use std::collections::HashSet;
use std::sync::Arc;

use tsunagu_domain::{Problem, ProblemCode};
use tsunagu_ngsi_ld::query::Linked;
use tsunagu_ngsi_ld::{Q, Query, TypeSelection};
use tsunagu_policy::View;
use tsunagu_store::EntityQuery;

use crate::Broker;

/// Entities that may meet a condition on linked entities.
const MAX_FOUND: usize = 10_000;

impl Broker {
    /// Finds, as far as the view sees, what the conditions on linked entities are met by. True when persons were searched for it.
    pub(super) async fn answer_subqueries(
        &self,
        view: &View,
        filter: &mut Query,
    ) -> Result<bool, Problem> {
        match &mut filter.q {
            Some(q) if q.depth() > 0 => self.answer_within(view, q).await,
            _ => Ok(false),
        }
    }

    async fn answer_within(&self, view: &View, q: &mut Q) -> Result<bool, Problem> {
        let mut persons = false;
        for linked in q.linked_mut() {
            // What it leads to itself comes first.
            persons |= Box::pin(self.answer_within(view, &mut linked.condition)).await?;
            persons |= self.answer(view, linked).await?;
        }
        Ok(persons)
    }

    async fn answer(&self, view: &View, linked: &mut Linked) -> Result<bool, Problem> {
        let types = linked.of_type.as_ref().map(|name| TypeSelection::Type(name.iri.clone()));
        let persons = match &linked.of_type {
            Some(name) => self.parts.catalogue.personal_type(&name.iri).is_some(),
            None => view.may_see_persons(),
        };
        let query = EntityQuery {
            filter: Query { types, q: Some((*linked.condition).clone()), ..Query::default() },
            limit: MAX_FOUND + 1,
            offset: 0,
            count: false,
            order: None,
        };
        let page = self.parts.store.query(view, &query).await?;
        if page.entities.len() > MAX_FOUND {
            let detail = format!(
                "more than {MAX_FOUND} entities meet the condition on linked entities; make it narrower, for example by their type: attribute{{Type:name}}"
            );
            return Err(Problem::new(ProblemCode::TooManyResults, detail).at("q"));
        }
        let ids: HashSet<String> =
            page.entities.iter().map(|found| found.doc.id().to_owned()).collect();
        linked.found = Some(Arc::new(ids));
        Ok(persons)
    }
}
