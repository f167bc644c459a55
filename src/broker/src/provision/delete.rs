//! Delete Entity (clause 5.6.6).

use tsunagu_domain::Problem;
use tsunagu_store::access::Action;

use super::update::TRIES;
use crate::transaction::{Attempt, Intent};
use crate::{Broker, Request, Target, access};

impl Broker {
    /// Deletes an entity. Hidden and absent are the same "not found".
    pub async fn delete(
        &self,
        request: &Request<'_>,
        target: impl Into<Target<'_>>,
    ) -> Result<(), Problem> {
        let tenant = request.view.tenant();
        let target = target.into();
        let id = request.view.inward_id(target.id);
        let _serial = self.serial(tenant, &id).await;
        let mut lost = None;
        for _ in 0..TRIES {
            let found = self.parts.store.entity(request.view, &id).await?;
            let Some(found) = found.filter(|found| target.is(request.view, &found.doc)) else {
                let problem = Problem::not_found();
                self.note_missed(request, &id, Action::Write, &problem).await?;
                return Err(problem);
            };
            let doc = &found.doc;
            let now = self.parts.clock.micros();
            let subject = doc.subject().and_then(|s| s.parse().ok());
            let types: Vec<String> = doc.types().map(str::to_owned).collect();
            let personal = self.parts.catalogue.is_personal(doc.types());
            if let Err(problem) = request.view.may_delete(doc) {
                if personal {
                    let entry =
                        access::denied(request, now, Action::Write, subject, types, &problem);
                    self.parts.access.record(tenant, &entry).await?;
                }
                return Err(problem);
            }
            let access = personal.then(|| {
                let names = doc.attributes().map(|a| a.name().to_owned()).collect();
                access::written(request, now, subject, &types, names)
            });
            let intent = Intent { before: Some((found.version, doc)), after: None, access };
            match self.attempt(request, intent).await? {
                Attempt::Done => return Ok(()),
                Attempt::Lost(error) => lost = Some(error),
            }
        }
        Err(lost.map_or_else(Problem::not_found, Problem::from))
    }
}
