//! Provision of entities (TS 104-175 clause 5.6): create, replace, merge, append, update, delete, one by one and in batches.

mod batch;
mod create;
mod delete;
mod hidden;
mod publish;
mod purge;
mod update;

use std::borrow::Cow;

use tsunagu_domain::{PERSON_URN, Problem, TsunoId};
use tsunagu_ngsi_ld::Entity;
use tsunagu_ngsi_ld::json::rewrite_ids;
use tsunagu_policy::View;
use tsunagu_store::access::Action;

pub use batch::{Batch, BatchItem, BatchResult};
pub use create::Created;
pub(crate) use hidden::Hidden;
pub use publish::Published;
pub use purge::Purge;
pub(crate) use update::TRIES;
pub use update::Updated;

use crate::{Broker, Request, access};

/// The body with ids as they are stored, where the actor writes masked ones.
pub(crate) fn inward<'a>(view: &View, body: &'a str) -> Cow<'a, str> {
    if !view.is_masked() {
        return Cow::Borrowed(body);
    }
    rewrite_ids(body, PERSON_URN, &|id| match view.inward_id(id) {
        Cow::Owned(stored) => Some(stored),
        Cow::Borrowed(_) => None,
    })
}

/// A problem with a body as it is stored, with ids as the actor may see them.
pub(crate) fn outward(view: &View, mut problem: Problem) -> Problem {
    problem.detail = view.outward_id(&problem.detail).into_owned();
    problem.pointer = problem.pointer.map(|pointer| view.outward_id(&pointer).into_owned());
    problem
}

/// The names of its attributes.
pub(crate) fn names(entity: &Entity) -> Vec<String> {
    entity.attributes.iter().map(|a| a.name.clone()).collect()
}

/// The person an entity is about, as settled.
pub(crate) fn subject_of(entity: &Entity) -> Option<TsunoId> {
    entity.subject.as_deref().and_then(|s| s.parse().ok())
}

impl Broker {
    /// Whether the actor may write these attributes of the entity as it is; the refusal is written down when a person is concerned.
    pub(crate) async fn permit(
        &self,
        request: &Request<'_>,
        entity: &Entity,
        names: &[String],
    ) -> Result<(), Problem> {
        let subject = subject_of(entity);
        let personal = self.parts.catalogue.is_personal(entity.types.iter().map(String::as_str));
        // Open data is decided by the entity, whatever its attributes.
        let refused = if names.is_empty() || !personal {
            request.view.may_write(&entity.types, subject, "").err()
        } else {
            names.iter().find_map(|name| request.view.may_write(&entity.types, subject, name).err())
        };
        let Some(problem) = refused else {
            return Ok(());
        };
        self.refused(request, entity, problem).await
    }

    /// Writes down that a change was refused, when a person is concerned, and gives the problem.
    async fn refused(
        &self,
        request: &Request<'_>,
        entity: &Entity,
        problem: Problem,
    ) -> Result<(), Problem> {
        let subject = subject_of(entity);
        if self.parts.catalogue.is_personal(entity.types.iter().map(String::as_str)) {
            let now = self.parts.clock.micros();
            let types = entity.types.clone();
            let entry = access::denied(request, now, Action::Write, subject, types, &problem);
            self.parts.access.record(request.view.tenant(), &entry).await?;
        }
        Err(problem)
    }
}
