//! Retrieve Temporal Evolution of an Entity (clause 5.7.3).

use tsunagu_domain::Problem;
use tsunagu_ngsi_ld::model::APART;
use tsunagu_ngsi_ld::{Context, EntityDoc, RenderOptions};
use tsunagu_policy::View;
use tsunagu_store::access::Action;

use super::show::{note, part, select, show};
use super::window::Subject;
use super::{Evolved, Temporal};
use crate::access::{self, Shown};
use crate::{Broker, Request, Target};

impl Broker {
    /// What one entity was over time, as far as the view shows it. Hidden and absent are the same "not found"; a deleted entity has a past.
    pub async fn retrieve_evolution(
        &self,
        request: &Request<'_>,
        target: impl Into<Target<'_>>,
        temporal: &Temporal,
        context: &Context,
        options: &RenderOptions,
    ) -> Result<Evolved, Problem> {
        let (view, target) = (request.view, target.into());
        let id = view.inward_id(target.id);
        let found = self.subject(view, &id).await?;
        let found = found.filter(|subject| target.is(view, &subject.doc));
        let mut body = Vec::with_capacity(4096);
        let mut shown = None;
        if let Some(subject) = found {
            let entry = self.entry(view, subject, temporal, options).await?;
            let wanted = options.attrs.is_empty() || entry.window.known;
            if wanted && !(entry.window.is_empty() && is_forgotten(&entry.subject)) {
                let mut entries = [entry];
                select(&mut entries, options);
                let part = part(&mut entries, temporal);
                let [entry] = entries;
                let written = show(view, &entry, temporal, context, options, &mut body);
                shown = written.then_some((entry, part));
            }
        }
        let Some((entry, part)) = shown else {
            let problem = Problem::not_found();
            self.note_missed(request, &id, Action::Read, &problem).await?;
            return Err(problem);
        };
        if !self.parts.catalogue.is_personal(entry.subject.doc.types()) {
            return Ok(Evolved { body, ticket: None, part });
        }
        let mut shown = Shown::default();
        note(&mut shown, view, &entry);
        let access = access::allowed(request, self.parts.clock.micros(), Action::Read, shown);
        let ticket = self.record(request, &access).await?;
        Ok(Evolved { body, ticket: Some(ticket), part })
    }

    /// The entity as it is, or what was kept of it.
    pub(super) async fn subject(&self, view: &View, id: &str) -> Result<Option<Subject>, Problem> {
        if let Some(found) = self.parts.store.entity(view, id).await? {
            return Ok(Some(Subject { doc: found.doc, live: true }));
        }
        let mut past = self.parts.store.past(view, id).await?;
        // What has ended by itself has a past from then on, whether somebody has noticed or not.
        if past.is_none() && self.end_seen(view, id).await? {
            past = self.parts.store.past(view, id).await?;
        }
        Ok(past.map(|found| Subject { doc: found.doc, live: false }))
    }
}

/// Whether the evolution of the entity was deleted and nothing has come since.
pub(super) fn is_forgotten(subject: &Subject) -> bool {
    let apart =
        |doc: &EntityDoc| doc.attributes().all(|slot| slot.instance().instance_id == Some(APART));
    subject.live && subject.doc.attributes().next().is_some() && apart(&subject.doc)
}
