//! One change of one entity, with everything that must follow from it, in one transaction.

use tsunagu_domain::Problem;
use tsunagu_ngsi_ld::{Entity, EntityDoc};
use tsunagu_store::access::Access;
use tsunagu_store::{Change, Conflict, Expect, Op, StoreError, WriteSet};

use crate::{Broker, Request, expiry, temporal};

/// What became of an attempt to commit.
pub(crate) enum Attempt {
    /// It is on disk.
    Done,
    /// A precondition did not hold.
    Lost(StoreError),
}

/// A change about to be committed.
pub(crate) struct Intent<'a> {
    pub(crate) before: Option<(u64, &'a EntityDoc)>,
    pub(crate) after: Option<&'a Entity>,
    /// Written down in the same transaction when the entity is personal.
    pub(crate) access: Option<Access>,
}

impl Broker {
    /// Commits the intent, and leaves to the past what it supersedes. A conflict is reported as [`Attempt::Lost`], so that the caller may look
    /// again.
    pub(crate) async fn attempt(
        &self,
        request: &Request<'_>,
        intent: Intent<'_>,
    ) -> Result<Attempt, Problem> {
        self.attempt_with(request, intent, None).await
    }

    /// The same with these operations on the past, if the past itself is what changes.
    pub(crate) async fn attempt_with(
        &self,
        request: &Request<'_>,
        intent: Intent<'_>,
        past: Option<Vec<Op>>,
    ) -> Result<Attempt, Problem> {
        let tenant = request.view.tenant();
        // What has ended goes by a change of its own, before anything else is changed.
        if let Some((_, doc)) = intent.before.filter(|(_, doc)| doc.is_trimmed()) {
            Box::pin(self.end(tenant, doc.id())).await?;
            return Ok(Attempt::Lost(StoreError::Conflict { op: 0, conflict: Conflict::Changed }));
        }
        let past = past.as_deref();
        let lost = match self.commit(request, &intent, past).await? {
            Attempt::Lost(lost) => lost,
            done @ Attempt::Done => return Ok(done),
        };
        let ended = match (intent.before, intent.after) {
            (None, Some(entity)) => Box::pin(self.end(tenant, &entity.id)).await?,
            _ => false,
        };
        if ended { self.commit(request, &intent, past).await } else { Ok(Attempt::Lost(lost)) }
    }

    async fn commit(
        &self,
        request: &Request<'_>,
        intent: &Intent<'_>,
        past: Option<&[Op]>,
    ) -> Result<Attempt, Problem> {
        let tenant = request.view.tenant();
        let after = intent.after.map(EntityDoc::from);
        let mut ops = Vec::with_capacity(4);
        match (&after, intent.before) {
            (Some(doc), None) => {
                ops.push(Op::PutEntity { doc: doc.clone(), expect: Expect::Absent });
            }
            (Some(doc), Some((version, _))) => {
                ops.push(Op::PutEntity { doc: doc.clone(), expect: Expect::Version(version) });
            }
            (None, Some((version, doc))) => {
                let id = doc.id().to_owned();
                ops.push(Op::DeleteEntity { id, expect: Expect::Version(version) });
            }
            (None, None) => return Ok(Attempt::Done),
        }
        let change = Change {
            tenant,
            before: intent.before.map(|(_, doc)| doc),
            after: after.as_ref(),
            client: request.view.publisher(),
            grant: request.view.grant().map(|grant| grant.id.as_str()),
            assurance: request.view.assurance(),
            at: self.parts.clock.micros(),
        };
        match past {
            Some(past) => ops.extend_from_slice(past),
            None => temporal::record(
                &self.parts.catalogue,
                change.before,
                change.after,
                change.at,
                &mut ops,
            )?,
        }
        for consequence in &self.parts.consequences {
            consequence.follow(&change, &mut ops).await?;
        }
        expiry::follow(&change, &mut ops)?;
        let shape = self.shapes.follow(&self.parts.catalogue, &change, &mut ops)?;
        if let Some(access) = &intent.access {
            ops.extend(self.parts.access.ops(access)?);
        }
        match self.parts.store.commit(WriteSet { tenant: tenant.clone(), ops }).await {
            Ok(_) => {
                if let Some(shape) = shape {
                    shape.tell();
                }
                for consequence in &self.parts.consequences {
                    consequence.committed(&change);
                }
                Ok(Attempt::Done)
            }
            Err(lost @ StoreError::Conflict { .. }) => Ok(Attempt::Lost(lost)),
            Err(error) => {
                tracing::error!(error = %error, request.id, "the store refused a write");
                Err(error.into())
            }
        }
    }
}
