//! Retrieve Entity (clause 5.7.1).

use tsunagu_domain::Problem;
use tsunagu_ngsi_ld::render::is_amended;
use tsunagu_ngsi_ld::{Context, RenderOptions, render};
use tsunagu_store::access::Action;

use super::{Answer, selected};
use crate::access::{self, Shown};
use crate::{Broker, Request, Target};

impl Broker {
    /// One entity, as far as the view shows it. Hidden and absent are the same "not found".
    pub async fn retrieve(
        &self,
        request: &Request<'_>,
        target: impl Into<Target<'_>>,
        context: &Context,
        options: &RenderOptions,
    ) -> Result<Answer, Problem> {
        let tenant = request.view.tenant();
        let target = target.into();
        let id = request.view.inward_id(target.id);
        let found = self.parts.store.entity(request.view, &id).await?;
        let mut body = Vec::with_capacity(1024);
        let shown = found.as_ref().and_then(|found| {
            let cut = request.view.cut(&found.doc)?;
            if !target.selects(&cut, &found.doc) {
                return None;
            }
            let personal = self.parts.catalogue.is_personal(found.doc.types());
            let written = if personal {
                render(&found.doc, &cut, context, options, &mut body)
            } else {
                self.show_open(request.view, found, &cut, context, options, &mut body)
            };
            written.then_some((found, cut, personal))
        });
        let Some((found, cut, personal)) = shown else {
            let problem = Problem::not_found();
            self.note_missed(request, &id, Action::Read, &problem).await?;
            return Err(problem);
        };
        let amended = is_amended(&found.doc, &cut, options);
        if !personal {
            return Ok(Answer { body, ticket: None, amended });
        }
        let mut shown = Shown::default();
        shown.add(&found.doc, &cut, &selected(options));
        let access = access::allowed(request, self.parts.clock.micros(), Action::Read, shown);
        let ticket = self.parts.access.record(tenant, &access).await?;
        Ok(Answer { body, ticket: Some(ticket), amended })
    }
}
