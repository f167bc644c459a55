//! Closing: a Tsuno ID ends for good at the wish of its resident.

use tsunagu_domain::{Problem, TenantId, TsunoId};
use tsunagu_ngsi_ld::EntityDoc;
use tsunagu_store::access::Action;
use tsunagu_store::{Expect, Op, WriteSet};

use super::{Residents, busy, standing};
use crate::person::{self, iri};
use crate::records::{self, CLOSED, IDENTITIES, LINK_REVIEWS, RESIDENTS};
use crate::sessions::Sessions;
use crate::unhex;

/// A lost race is tried again at most so often.
const ATTEMPTS: usize = 5;

impl Residents {
    /// Ends an id: nobody logs in to it any more, its sessions end, the Person, the links to identities and to the municipal record go. The
    /// id is kept as closed, so that it is never given out again, and the access log stays. Closing again changes nothing.
    ///
    /// Consents are not this room's: withdraw them first, and the tokens that rest on them end.
    pub async fn close(
        &self,
        tenant: &TenantId,
        id: TsunoId,
        request: &str,
        sessions: &Sessions,
    ) -> Result<(), Problem> {
        for _ in 0..ATTEMPTS {
            let Some(set) = self.closing(tenant, id, request).await? else {
                return sessions.end_all(tenant, id).await;
            };
            if records::try_commit(&*self.services.store, set).await? {
                // Whoever began a session before this is found now, whoever comes after is refused.
                return sessions.end_all(tenant, id).await;
            }
        }
        Err(busy())
    }

    /// Whether this id was closed.
    pub async fn is_closed(&self, tenant: &TenantId, id: TsunoId) -> Result<bool, Problem> {
        Ok(self.services.store.record(tenant, CLOSED, id.as_bytes()).await?.is_some())
    }

    /// The transaction that closes; `None` when there is nobody to close.
    async fn closing(
        &self,
        tenant: &TenantId,
        id: TsunoId,
        request: &str,
    ) -> Result<Option<WriteSet>, Problem> {
        let Some(kept) = self.kept(tenant, id).await? else { return Ok(None) };
        let resident = kept.data;
        let now = self.services.clock.micros();
        let mut ops = vec![
            records::put(CLOSED, id.as_bytes(), None, &now, Expect::Absent)?,
            records::delete(RESIDENTS, id.as_bytes(), Expect::Version(kept.version)),
            records::delete(LINK_REVIEWS, id.as_bytes(), Expect::Any),
            Op::DeleteEntity { id: id.urn(), expect: Expect::Any },
        ];
        for identity in &resident.identities {
            ops.push(records::delete(IDENTITIES, &unhex(identity), Expect::Any));
        }
        self.shelves(tenant, &resident.match_keys).await?.leave(id, &mut ops)?;
        ops.extend(standing::forget(id));
        if let Some(record) = &resident.linked_record {
            ops.extend(self.released(tenant, id, record).await?);
        }
        let mut access = self.services.access("resident".to_owned(), Some(id), Action::Write);
        request.clone_into(&mut access.request);
        access.types = vec![iri("Person")];
        access.attributes = person::attribute_names();
        "closed".clone_into(&mut access.reason);
        access.count = 1;
        ops.extend(self.services.log.ops(&access)?);
        Ok(Some(WriteSet { tenant: tenant.clone(), ops }))
    }

    /// The municipal record as one that is linked to nobody.
    async fn released(
        &self,
        tenant: &TenantId,
        id: TsunoId,
        record: &str,
    ) -> Result<Option<Op>, Problem> {
        let view = self.services.view(tenant, "close")?;
        let Some(found) = self.services.store.entity(&view, record).await? else {
            return Ok(None);
        };
        let mut entity =
            found.doc.decode().map_err(|_| person::internal("a stored record is damaged"))?;
        if entity.subject.as_deref() != Some(id.to_string().as_str()) {
            return Ok(None);
        }
        let person = iri("person");
        entity.attributes.retain(|attribute| attribute.name != person);
        entity.subject = None;
        entity.modified_at = self.services.clock.micros();
        let expect = Expect::Version(found.version);
        Ok(Some(Op::PutEntity { doc: EntityDoc::from(&entity), expect }))
    }
}
