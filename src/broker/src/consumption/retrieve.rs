//! Retrieve Entity (clause 5.7.1).

use tsunagu_domain::Problem;
use tsunagu_ngsi_ld::render::is_amended;
use tsunagu_ngsi_ld::{Context, Join, JoinForm, RenderOptions, render};
use tsunagu_store::Found;
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
        let target = target.into();
        let id = request.view.inward_id(target.id);
        let found = self.parts.store.entity(request.view, &id).await?;
        if let Some(join) = &options.join {
            return self.retrieve_joined(request, target, found, (context, options), join).await;
        }
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
        let ticket = self.record(request, &access).await?;
        Ok(Answer { body, ticket: Some(ticket), amended })
    }

    /// The entity with those it leads to (4.5.23): in it, or behind it in an array, if there are any.
    async fn retrieve_joined(
        &self,
        request: &Request<'_>,
        target: Target<'_>,
        found: Option<Found>,
        (context, options): (&Context, &RenderOptions),
        join: &Join,
    ) -> Result<Answer, Problem> {
        let view = request.view;
        let found: Vec<Found> =
            found.into_iter().filter(|found| target.is(view, &found.doc)).collect();
        let linked = self.gather_linked(view, &found, options, join).await?;
        let mut shown = Shown::default();
        let mut body = vec![b'['];
        let how = (context, options);
        let written = self.render_joined(view, &found, &linked, how, &mut shown, &mut body)?;
        let amended = linked.is_amended(view, &found, options);
        if written == 0 {
            let problem = Problem::not_found();
            self.note_missed(request, &view.inward_id(target.id), Action::Read, &problem).await?;
            return Err(problem);
        }
        if join.form == JoinForm::Flat && written > 1 {
            body.push(b']');
            if options.feature.is_some() {
                let start = br#"{"type":"FeatureCollection","features":"#;
                body.splice(0..0, start.iter().copied());
                body.push(b'}');
            }
        } else {
            body.remove(0);
        }
        if shown.count == 0 {
            return Ok(Answer { body, ticket: None, amended });
        }
        let access = access::allowed(request, self.parts.clock.micros(), Action::Read, shown);
        let ticket = self.record(request, &access).await?;
        Ok(Answer { body, ticket: Some(ticket), amended })
    }
}
