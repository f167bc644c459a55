//! Provision of the past (clauses 5.6.11 to 5.6.16): instances are added, corrected and forgotten.

mod add;
mod forget;
mod instance;

pub use instance::InstanceName;

use tsunagu_domain::{Problem, ProblemCode};
use tsunagu_ngsi_ld::{EntityDoc, PastDoc};
use tsunagu_policy::View;
use tsunagu_store::access::{Access, Action};
use tsunagu_store::temporal::{InstanceKey, InstanceRange, Remembered, Series};
use tsunagu_store::{Expect, Found, Op, StoreError, WriteSet};

use super::window::Subject;
use crate::transaction::Attempt;
use crate::{Broker, Request, Target, access};

/// What became of a provided evolution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provided {
    /// The entity's id, as the actor may see it.
    pub id: String,
    /// Whether it is new.
    pub created: bool,
}

/// Instances read at once.
const STEP: usize = 512;
/// Most instances forgotten in one transaction; what there is beyond is forgotten before, in transactions of its own.
const AT_ONCE: usize = 2_000;

/// An entity whose past is changed, with its version.
struct Owner {
    subject: Subject,
    version: u64,
}

impl Owner {
    fn doc(&self) -> &EntityDoc {
        &self.subject.doc
    }

    fn of(found: Found, live: bool) -> Self {
        Self { version: found.version, subject: Subject { doc: found.doc, live } }
    }
}

impl Broker {
    /// The entity as it is, or what was kept of it.
    async fn owner(&self, view: &View, id: &str) -> Result<Option<Owner>, Problem> {
        let mut found = self.parts.store.entity(view, id).await?;
        // What has ended goes by a change of its own first.
        if found.as_ref().is_none_or(|found| found.doc.is_trimmed())
            && self.end_seen(view, id).await?
        {
            found = self.parts.store.entity(view, id).await?;
        }
        if let Some(found) = found {
            return Ok(Some(Owner::of(found, true)));
        }
        let past = self.parts.store.past(view, id).await?;
        Ok(past.map(|found| Owner::of(found, false)))
    }

    /// The same, as far as the actor sees it and means it; a miss is written down.
    async fn seen_owner(
        &self,
        request: &Request<'_>,
        target: Target<'_>,
        id: &str,
    ) -> Result<Owner, Problem> {
        let found = self.owner(request.view, id).await?;
        match found.filter(|owner| target.is(request.view, owner.doc())) {
            Some(owner) => Ok(owner),
            None => Err(self.missed(request, id).await?),
        }
    }

    async fn missed(&self, request: &Request<'_>, id: &str) -> Result<Problem, Problem> {
        let problem = Problem::not_found();
        self.note_missed(request, id, Action::Write, &problem).await?;
        Ok(problem)
    }

    /// Every instance of some series that the actor sees.
    async fn remembered(
        &self,
        view: &View,
        of: &EntityDoc,
        wanted: &(dyn Fn(Series) -> bool + Sync),
    ) -> Result<Vec<(Series, Remembered)>, Problem> {
        let mut all = Vec::new();
        let series = self.parts.store.series(view, of).await?;
        for series in series.into_iter().filter(|series| wanted(*series)) {
            let mut range = Some(InstanceRange::all(series, STEP));
            while let Some(next) = range {
                let chunk = self.parts.store.instances(view, of, &next).await?;
                all.extend(chunk.instances.into_iter().map(|one| (series, one)));
                range = chunk.last.and_then(|last| next.after(last));
            }
        }
        Ok(all)
    }

    /// Forgets what does not fit into one transaction, each part with the record of access, and gives the operations for the rest.
    async fn forgetting(
        &self,
        request: &Request<'_>,
        of: &EntityDoc,
        instances: &[(Series, Remembered)],
        access: Option<&Access>,
    ) -> Result<Vec<Op>, Problem> {
        let op = |(series, one): &(Series, Remembered)| Op::DeleteInstance {
            key: InstanceKey { entity: of.id().to_owned(), series: *series, place: one.place },
        };
        let beyond = instances.len().saturating_sub(AT_ONCE);
        let (first, rest) = instances.split_at(beyond);
        for chunk in first.chunks(AT_ONCE) {
            let mut ops: Vec<Op> = chunk.iter().map(op).collect();
            if let Some(access) = access {
                ops.extend(self.parts.access.ops(access)?);
            }
            let set = WriteSet { tenant: request.view.tenant().clone(), ops };
            self.parts.store.commit(set).await?;
        }
        Ok(rest.iter().map(op).collect())
    }

    /// Commits a change of the past that is none of what the entity is now: nothing follows from it.
    async fn commit_quietly(
        &self,
        request: &Request<'_>,
        mut ops: Vec<Op>,
        access: Option<&Access>,
    ) -> Result<Attempt, Problem> {
        if let Some(access) = access {
            ops.extend(self.parts.access.ops(access)?);
        }
        let set = WriteSet { tenant: request.view.tenant().clone(), ops };
        match self.parts.store.commit(set).await {
            Ok(_) => Ok(Attempt::Done),
            Err(lost @ StoreError::Conflict { .. }) => Ok(Attempt::Lost(lost)),
            Err(error) => {
                tracing::error!(error = %error, request.id, "the store refused a write");
                Err(error.into())
            }
        }
    }

    /// The entry for a write, when a person is concerned.
    fn written(
        &self,
        request: &Request<'_>,
        doc: &EntityDoc,
        names: Vec<String>,
    ) -> Option<Access> {
        self.parts.catalogue.is_personal(doc.types()).then(|| {
            let types: Vec<String> = doc.types().map(str::to_owned).collect();
            let subject = doc.subject().and_then(|s| s.parse().ok());
            access::written(request, self.parts.clock.micros(), subject, &types, names)
        })
    }
}

/// The operation that keeps an instance at its time under an identity.
fn keep(entity: &str, id: [u8; 16], doc: PastDoc) -> Option<Op> {
    let slot = doc.slot()?;
    let place = tsunagu_store::temporal::Place { at: slot.time(), id };
    let key = InstanceKey { entity: entity.to_owned(), series: Series::of_slot(&slot), place };
    Some(Op::PutInstance { key, doc })
}

/// The entity as it is now, with another standing of its instances to the past.
fn put_back(owner: &Owner, entity: &tsunagu_ngsi_ld::Entity) -> Op {
    Op::PutEntity { doc: EntityDoc::from(entity), expect: Expect::Version(owner.version) }
}

fn lost(error: Option<StoreError>) -> Problem {
    error.map_or_else(
        || Problem::new(ProblemCode::Conflict, "something else changed this at the same moment"),
        Problem::from,
    )
}
