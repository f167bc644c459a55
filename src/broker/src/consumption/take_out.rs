//! Everything about the person a view is of, for taking it along.

use tsunagu_domain::{Problem, ProblemCode};
use tsunagu_ngsi_ld::{Context, Query, RenderOptions, TypeSelection, render};
use tsunagu_store::EntityQuery;
use tsunagu_store::access::Action;

use super::Answer;
use crate::access::{self, Shown};
use crate::{Broker, Request};

/// So many entities are read at a time.
const BATCH: usize = 500;

impl Broker {
    /// Every entity about the one person whom this view is of, as a JSON array, normalized. One record of access covers it together with
    /// `beside`: what the caller tells of the person that is no entity, by the names of its kinds.
    pub async fn take_out(
        &self,
        request: &Request<'_>,
        beside: &[String],
        context: &Context,
    ) -> Result<Answer, Problem> {
        let view = request.view;
        let subject = view.only_subject().ok_or_else(|| {
            Problem::new(ProblemCode::Forbidden, "only a person's own view can be taken out")
        })?;
        let types = self.parts.catalogue.personal_types.iter();
        let types = types.map(|personal| TypeSelection::Type(personal.iri.clone())).collect();
        let filter = Query { types: Some(TypeSelection::Any(types)), ..Query::default() };
        let options = RenderOptions::default();
        let (mut body, mut shown) = (b"[".to_vec(), Shown::default());
        let mut offset = 0;
        loop {
            let query = EntityQuery {
                filter: filter.clone(),
                limit: BATCH,
                offset,
                count: false,
                order: None,
            };
            let found = self.parts.store.query(view, &query).await?.entities;
            for found in &found {
                let Some(cut) = view.cut(&found.doc) else { continue };
                let mark = body.len();
                if mark > 1 {
                    body.push(b',');
                }
                if render(&found.doc, &cut, context, &options, &mut body) {
                    shown.add(&found.doc, &cut, &|_| true);
                } else {
                    body.truncate(mark);
                }
            }
            if found.len() < BATCH {
                break;
            }
            offset += BATCH;
        }
        body.push(b']');
        let now = self.parts.clock.micros();
        let mut access = access::allowed(request, now, Action::Read, shown);
        access.subjects = vec![subject];
        access.types.extend(beside.iter().cloned());
        "export".clone_into(&mut access.reason);
        let ticket = self.parts.access.record(view.tenant(), &access).await?;
        Ok(Answer { body, ticket: Some(ticket), amended: false })
    }
}
