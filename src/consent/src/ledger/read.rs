//! Looking things up in the ledger.

use tsunagu_domain::{ClientId, Problem, TenantId, TsunoId};
use tsunagu_store::{Collection, Scan, StoreError};

use super::keys::{BY_CLIENT, BY_SUBJECT, CONSENT, CURRENT, EVENT, NOTICES};
use super::{Ledger, keys};
use crate::{ActedBy, Consent, Event, NoticeShown, Requested};

const BATCH: usize = 500;

/// Which part of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Leaving out so many of the newest.
    pub offset: usize,
    /// At most so many.
    pub limit: usize,
}

/// A part of a list, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listed {
    /// How many there are in all.
    pub total: u64,
    /// The part.
    pub consents: Vec<Consent>,
}

impl Ledger {
    /// One consent, as it is.
    pub async fn get(&self, tenant: &TenantId, id: &str) -> Result<Option<Consent>, Problem> {
        Ok(self.head(tenant, id).await?.map(|(_, consent)| consent))
    }

    pub(super) async fn head(
        &self,
        tenant: &TenantId,
        id: &str,
    ) -> Result<Option<(u64, Consent)>, StoreError> {
        let Some(record) = self.store.record(tenant, CONSENT, id.as_bytes()).await? else {
            return Ok(None);
        };
        let consent: Consent = keys::decode(&record.value)?;
        Ok(Some((record.version, consent)))
    }

    /// The consent in force that covers all of this already, so that the resident need not be asked again.
    pub async fn covering(
        &self,
        tenant: &TenantId,
        subject: TsunoId,
        client: &ClientId,
        requested: &Requested,
    ) -> Result<Option<Consent>, Problem> {
        let key = keys::current(subject, client, &requested.purpose);
        let Some(record) = self.store.record(tenant, CURRENT, &key).await? else {
            return Ok(None);
        };
        let consent = self.get(tenant, &keys::pointed(&record.value)?).await?;
        let now = self.clock.micros();
        let covers =
            |consent: &Consent| consent.live_at(now) && consent.covers(requested, &self.catalogue);
        Ok(consent.filter(covers))
    }

    /// Who gave a consent in place of the resident: by its first event; `None` when the resident gave it.
    pub async fn given_by(&self, tenant: &TenantId, id: &str) -> Result<Option<ActedBy>, Problem> {
        let record = self.store.record(tenant, EVENT, &keys::event(id, 1)).await?;
        let record = record.ok_or_else(Problem::not_found)?;
        Ok(keys::decode::<Event>(&record.value)?.acted_by)
    }

    /// What a resident was asked and answered.
    pub async fn of_subject(
        &self,
        tenant: &TenantId,
        subject: TsunoId,
        part: Part,
    ) -> Result<Listed, Problem> {
        self.list(tenant, BY_SUBJECT, subject.as_bytes().to_vec(), part).await
    }

    /// The consents for a client.
    pub async fn of_client(
        &self,
        tenant: &TenantId,
        client: &ClientId,
        part: Part,
    ) -> Result<Listed, Problem> {
        self.list(tenant, BY_CLIENT, keys::of_client(client), part).await
    }

    async fn list(
        &self,
        tenant: &TenantId,
        index: Collection,
        prefix: Vec<u8>,
        part: Part,
    ) -> Result<Listed, Problem> {
        let mut listed = Listed::default();
        let mut after = None;
        loop {
            let scan = Scan { prefix: prefix.clone(), after, limit: BATCH, reverse: false };
            let page = self.store.records(tenant, index, &scan).await?;
            for (_, record) in &page {
                let wanted =
                    listed.total >= part.offset as u64 && listed.consents.len() < part.limit;
                listed.total += 1;
                if wanted {
                    let dangling =
                        || StoreError::Corrupt("an index of consents points nowhere".to_owned());
                    let consent = self.get(tenant, &keys::pointed(&record.value)?).await?;
                    listed.consents.push(consent.ok_or_else(dangling)?);
                }
            }
            after = page.last().map(|(key, _)| key.clone());
            if page.len() < BATCH {
                return Ok(listed);
            }
        }
    }

    /// The exact bytes of a notice that a consent names, as they were shown; `None` when it was answered before notices were kept.
    pub async fn notice(
        &self,
        tenant: &TenantId,
        shown: &NoticeShown,
    ) -> Result<Option<Vec<u8>>, Problem> {
        let byte = |at: usize| u8::from_str_radix(shown.sha256.get(at..at + 2)?, 16).ok();
        let key: Option<Vec<u8>> = (0..shown.sha256.len()).step_by(2).map(byte).collect();
        let record = self.store.record(tenant, NOTICES, &key.unwrap_or_default()).await?;
        Ok(record.map(|record| record.value))
    }

    /// The history of a consent, oldest first.
    pub async fn events(&self, tenant: &TenantId, id: &str) -> Result<Vec<Event>, Problem> {
        let mut events = Vec::new();
        let mut after = None;
        loop {
            let scan = Scan { prefix: id.as_bytes().to_vec(), after, limit: BATCH, reverse: false };
            let page = self.store.records(tenant, EVENT, &scan).await?;
            for (key, record) in &page {
                // An id that is the beginning of another must not bring that one's events.
                if key.len() == id.len() + 8 {
                    events.push(keys::decode(&record.value)?);
                }
            }
            after = page.last().map(|(key, _)| key.clone());
            if page.len() < BATCH {
                return Ok(events);
            }
        }
    }
}
