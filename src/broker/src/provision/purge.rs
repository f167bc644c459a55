//! Purge Entities (clause 5.6.21).

use futures_util::StreamExt;
use tsunagu_domain::{Problem, ProblemCode};
use tsunagu_ngsi_ld::{Projection as _, Query};
use tsunagu_store::{EntityQuery, Found};

use super::batch::AT_ONCE;
use super::{BatchResult, Updated};
use crate::access::Shown;
use crate::{Broker, Request, ngsi_problem};

/// Entities looked for at once.
const PAGE: usize = 2_000;
/// After so many failures nothing more is tried: whoever may not purge this need not hear it of every entity.
const MAX_ERRORS: usize = 1_000;

/// What is purged of the entities that match. Names are expanded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purge {
    /// The entities themselves.
    Entities,
    /// These attributes.
    Drop(Vec<String>),
    /// All attributes but these.
    Keep(Vec<String>),
}

impl Broker {
    /// Deletes what matches, as far as the view sees, each entity as by itself. Answers when all of it is on disk.
    pub async fn purge(
        &self,
        request: &Request<'_>,
        mut filter: Query,
        what: &Purge,
    ) -> Result<BatchResult, Problem> {
        let view = request.view;
        for id in &mut filter.ids {
            *id = view.inward_id(id).into_owned();
        }
        let searched = self.searched(view, &filter);
        let mut shown = Shown::default();
        let mut result = BatchResult::default();
        // What stays, because it failed or matches still, is passed over by the next look.
        let mut offset = 0;
        loop {
            let query = EntityQuery {
                filter: filter.clone(),
                limit: PAGE,
                offset,
                count: false,
                order: None,
            };
            let page = self.parts.store.query(view, &query).await?;
            let last = page.entities.len() < PAGE;
            for found in &page.entities {
                let personal = self.parts.catalogue.is_personal(found.doc.types());
                if let Some(cut) = view.cut(&found.doc).filter(|_| personal) {
                    shown.add(&found.doc, &cut, &|_| false);
                }
            }
            let done = futures_util::stream::iter(page.entities)
                .map(|found| self.purge_one(request, &filter, what, found))
                .buffered(AT_ONCE);
            for (id, outcome) in done.collect::<Vec<_>>().await {
                match outcome {
                    Ok(stays) => {
                        offset += usize::from(stays);
                        result.success.push(id);
                    }
                    Err(problem) if problem.code == ProblemCode::Unavailable => {
                        return Err(problem);
                    }
                    Err(problem) => {
                        offset += 1;
                        result.errors.push((Some(id), problem));
                    }
                }
            }
            if last || result.errors.len() >= MAX_ERRORS {
                self.record_search(request, searched, shown).await?;
                return Ok(result);
            }
        }
    }

    /// The id as the actor may see it, and whether the entity matches still.
    async fn purge_one(
        &self,
        request: &Request<'_>,
        filter: &Query,
        what: &Purge,
        found: Found,
    ) -> (String, Result<bool, Problem>) {
        let id = request.view.outward_id(found.doc.id()).into_owned();
        let outcome = match what {
            Purge::Entities => self.delete(request, &id).await.map(|()| false),
            Purge::Drop(names) => {
                self.purge_attributes(request, filter, &found, &|name| named(names, name)).await
            }
            Purge::Keep(names) => {
                self.purge_attributes(request, filter, &found, &|name| !named(names, name)).await
            }
        };
        let gone = |problem: &Problem| problem.code == ProblemCode::ResourceNotFound;
        (id, outcome.or_else(|problem| if gone(&problem) { Ok(false) } else { Err(problem) }))
    }

    async fn purge_attributes(
        &self,
        request: &Request<'_>,
        filter: &Query,
        found: &Found,
        chosen: &(dyn Fn(&str) -> bool + Sync),
    ) -> Result<bool, Problem> {
        let view = request.view;
        let mut names: Vec<String> = Vec::new();
        if let Some(cut) = view.cut(&found.doc) {
            for slot in found.doc.attributes() {
                let seen = cut.attribute(slot.name(), slot.publisher()) && chosen(slot.name());
                if seen && !named(&names, slot.name()) {
                    names.push(slot.name().to_owned());
                }
            }
        }
        if names.is_empty() {
            // Nothing to delete, and still an answer about it: only for who may write it.
            let entity = found.doc.decode().map_err(ngsi_problem)?;
            self.permit(request, &entity, &[]).await?;
            return Ok(true);
        }
        let now = self.parts.clock.micros();
        let id = view.outward_id(found.doc.id()).into_owned();
        self.change(request, &id, &names, |entity| {
            let gone = entity.attributes.iter().filter(|a| named(&names, &a.name));
            let gone = gone
                .flat_map(|a| a.instances.iter().map(|i| (a.name.clone(), i.dataset_id.clone())));
            let deleted: Vec<_> = gone.collect();
            entity.attributes.retain(|a| !named(&names, &a.name));
            if !deleted.is_empty() {
                entity.modified_at = now;
            }
            Ok(Updated { deleted, ..Updated::default() })
        })
        .await?;
        let after = self.parts.store.entity(view, found.doc.id()).await?;
        Ok(after.is_some_and(|after| {
            view.cut(&after.doc).is_some_and(|cut| filter.matches(&after.doc, &cut))
        }))
    }
}

fn named(names: &[String], name: &str) -> bool {
    names.iter().any(|n| n == name)
}
