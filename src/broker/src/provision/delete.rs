//! Delete Entity (clause 5.6.6).

use tsunagu_domain::Problem;
use tsunagu_store::access::Action;

use super::update::TRIES;
use crate::transaction::{Attempt, Intent};
use crate::{Broker, Request, access};

impl Broker {
    /// Deletes an entity. Hidden and absent are the same "not found".
    pub async fn delete(&self, request: &Request<'_>, id: &str) -> Result<(), Problem> {
        let tenant = request.view.tenant();
        let id = request.view.inward_id(id);
        let _serial = self.serial(tenant, &id).await;
        let mut lost = None;
        for _ in 0..TRIES {
            let Some(found) = self.parts.store.entity(request.view, &id).await? else {
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
