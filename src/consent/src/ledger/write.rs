//! Making consents and the operations that store them.

use aws_lc_rs::digest::{SHA256, digest};
use tsunagu_domain::{Problem, ProblemCode, TenantId, Timestamp, TsunoId};
use tsunagu_store::access::{Access, Action, Decision};
use tsunagu_store::{Conflict, Expect, Op, StoreError, WriteSet};

use super::keys::{self, BY_CLIENT, BY_SUBJECT, CONSENT, EVENT};
use super::{Ledger, Resident};
use crate::consent::{ConsentedPurpose, NoticeShown, resolve};
use crate::{Consent, Event, NewConsent, State};

impl Ledger {
    /// The consent that `new` would make.
    pub(super) fn draft(
        &self,
        subject: TsunoId,
        new: &NewConsent,
        state: State,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Consent, Problem> {
        let wrong = |detail: String| Problem::new(ProblemCode::BadRequestData, detail);
        new.requested.check(&self.catalogue)?;
        let purpose = self
            .catalogue
            .purpose(&new.requested.purpose)
            .ok_or_else(|| wrong("the purpose is not in the catalogue".to_owned()))?;
        if state == State::Given && !(1..=purpose.max_days).contains(&new.days) {
            let max = purpose.max_days;
            return Err(
                wrong(format!("a consent for this purpose lasts from 1 to {max} days")).at("days")
            );
        }
        let mut chosen = new.chosen.clone();
        chosen.sort_unstable();
        chosen.dedup();
        if chosen.is_empty()
            || chosen.iter().any(|class| !new.requested.data_classes.contains(class))
        {
            let detail = "choose one data class at least, of those that were asked for";
            return Err(wrong(detail.to_owned()).at("chosen"));
        }
        if new.notice.bytes.is_empty() || new.notice.shown_at > from {
            return Err(wrong("a consent needs the notice that was shown before it".to_owned()));
        }
        let digest = digest(&SHA256, &new.notice.bytes);
        let sha256 = hex(digest.as_ref());
        Ok(Consent {
            v: 1,
            id: self.ids.uuid(),
            receipt_id: self.ids.uuid(),
            version: 1,
            subject,
            client: new.client.clone(),
            client_name: new.client_name.clone(),
            purpose: ConsentedPurpose { code: purpose.code.clone(), text: purpose.text.clone() },
            legal_basis: purpose.legal_basis.clone(),
            data: resolve(&new.requested, &chosen, &self.catalogue)?,
            valid_from: from,
            valid_until: until,
            frequency: new.requested.frequency,
            data_life_days: purpose.retention_days,
            notice: NoticeShown {
                version: new.notice.version.clone(),
                lang: new.notice.lang.clone(),
                sha256,
                shown_at: new.notice.shown_at,
            },
            method: new.method.clone(),
            state,
            changed_at: from,
            catalogue_version: self.catalogue.version,
        })
    }

    /// The operations that store a new consent with its indexes and first event.
    pub(super) fn create(
        &self,
        consent: &Consent,
        by: &Resident<'_>,
        reason: &str,
        now: Timestamp,
        ops: &mut Vec<Op>,
    ) -> Result<(), Problem> {
        self.event(consent, by, reason, now, Expect::Absent, ops)?;
        let indexes = [
            (BY_SUBJECT, keys::by_subject(consent.subject, now, &consent.id)),
            (BY_CLIENT, keys::by_client(&consent.client, now, &consent.id)),
        ];
        for (collection, key) in indexes {
            let value = keys::pointer(&consent.id)?;
            ops.push(Op::PutRecord { collection, key, value, expect: Expect::Absent });
        }
        Ok(())
    }

    /// The operations that bring a consent into another state.
    #[expect(clippy::too_many_arguments, reason = "one event has so many parts")]
    pub(super) fn change(
        &self,
        mut consent: Consent,
        version: u64,
        to: State,
        by: &Resident<'_>,
        reason: &str,
        now: Timestamp,
        ops: &mut Vec<Op>,
    ) -> Result<Consent, Problem> {
        consent.version += 1;
        consent.state = to;
        consent.changed_at = now;
        self.event(&consent, by, reason, now, Expect::Version(version), ops)?;
        Ok(consent)
    }

    /// An event: the event itself, the state it leads to, and its record of access.
    fn event(
        &self,
        consent: &Consent,
        by: &Resident<'_>,
        reason: &str,
        now: Timestamp,
        expect: Expect,
        ops: &mut Vec<Op>,
    ) -> Result<(), Problem> {
        let event = Event {
            v: 1,
            seq: consent.version,
            state: consent.state,
            at: now,
            by: "resident".to_owned(),
            assurance: by.assurance.clone(),
            reason: reason.to_owned(),
        };
        ops.push(Op::PutRecord {
            collection: CONSENT,
            key: consent.id.as_bytes().to_vec(),
            value: keys::encode(consent)?,
            expect,
        });
        ops.push(Op::PutRecord {
            collection: EVENT,
            key: keys::event(&consent.id, event.seq),
            value: keys::encode(&event)?,
            expect: Expect::Absent,
        });
        let mut types: Vec<String> = consent.data.iter().map(|d| d.entity_type.clone()).collect();
        types.sort_unstable();
        types.dedup();
        let attributes = consent.data.iter().flat_map(|data| &data.attributes);
        let access = Access {
            at: now,
            request: by.request.to_owned(),
            actor: "resident".to_owned(),
            subjects: vec![consent.subject],
            purpose: Some(consent.purpose.code.clone()),
            grant: Some(consent.id.clone()),
            grant_version: Some(consent.version),
            action: Action::Consent,
            types,
            attributes: attributes.map(|attribute| attribute.iri.clone()).collect(),
            decision: Decision::Allowed,
            reason: consent.state.as_str().to_owned(),
            count: 1,
        };
        ops.extend(self.log.ops(&access)?);
        Ok(())
    }

    /// `false` when something else changed what the operations rest on.
    pub(super) async fn commit(&self, tenant: &TenantId, ops: Vec<Op>) -> Result<bool, Problem> {
        match self.store.commit(WriteSet { tenant: tenant.clone(), ops }).await {
            Ok(_) => Ok(true),
            Err(StoreError::Conflict {
                conflict: Conflict::Changed | Conflict::Exists, ..
            }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
