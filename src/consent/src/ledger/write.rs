//! Making consents and the operations that store them.

use std::borrow::Cow;

use aws_lc_rs::digest::{SHA256, digest};
use tsunagu_domain::{Assurance, Level, Problem, ProblemCode, TenantId, Timestamp, TsunoId};
use tsunagu_store::access::{Access, Action, Decision};
use tsunagu_store::{Conflict, Expect, Op, StoreError, WriteSet};

use super::keys::{self, BY_CLIENT, BY_SUBJECT, CONSENT, ENDED_DELEGATIONS, EVENT, NOTICES};
use super::{Ledger, Resident};
use crate::consent::FORM;
use crate::content::{ConsentedPurpose, NoticeShown, resolve};
use crate::{ActedBy, Basis, Consent, ConsentedData, Event, NewConsent, Notice, Reason, State};

/// Nobody proved anything.
static UNPROVEN: Assurance = Assurance {
    ial: Level::Low,
    aal: Level::Low,
    acr: None,
    amr: Vec::new(),
    auth_time: 0,
    idp: String::new(),
};

/// Who brings an event about.
#[derive(Debug, Clone)]
pub(super) struct By<'a> {
    /// As the event names it.
    name: Cow<'a, str>,
    /// As the record of access names it.
    actor: Cow<'a, str>,
    assurance: &'a Assurance,
    request: &'a str,
    /// Who acts in place of the resident.
    instead: Option<ActedBy>,
}

impl By<'_> {
    /// Time, or a new catalogue.
    pub(super) const PLATFORM: Self = Self {
        name: Cow::Borrowed("platform"),
        actor: Cow::Borrowed("platform:consents"),
        assurance: &UNPROVEN,
        request: "consents",
        instead: None,
    };
}

impl<'a> By<'a> {
    /// A client that redeems a code: the resident gave it when they made the code.
    pub(super) fn redeeming(actor: &'a str, assurance: &'a Assurance, request: &'a str) -> Self {
        let (name, actor) = (Cow::Borrowed("resident"), Cow::Borrowed(actor));
        Self { name, actor, assurance, request, instead: None }
    }

    /// The town, which ended the registration of the client.
    pub(super) fn town(request: &'a str) -> Self {
        Self { actor: Cow::Borrowed("platform:clients"), request, ..Self::PLATFORM }
    }
}

impl<'a> From<&Resident<'a>> for By<'a> {
    fn from(by: &Resident<'a>) -> Self {
        Self {
            name: Cow::Owned(by.named()),
            actor: Cow::Owned(by.actor()),
            assurance: by.assurance,
            request: by.request,
            instead: by.acted_by(),
        }
    }
}

/// What an event does.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) to: State,
    pub(super) reason: Reason,
    /// The notice that was answered.
    pub(super) notice: Option<NoticeShown>,
    /// What it is about, where it is not the whole consent.
    pub(super) data: Vec<ConsentedData>,
    pub(super) at: Timestamp,
}

impl Step {
    /// Into another state.
    pub(super) fn to(to: State, reason: Reason, at: Timestamp) -> Self {
        Self { to, reason, notice: None, data: Vec::new(), at }
    }
}

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
            || chosen.iter().any(|class| !new.requested.classes().any(|asked| asked == class))
        {
            let detail = "choose one data class at least, of those that were asked for";
            return Err(wrong(detail.to_owned()).at("chosen"));
        }
        let needed = new.requested.needed(&self.catalogue);
        if needed.iter().any(|class| !chosen.contains(class)) {
            let detail = "what is not optional is consented to together, or refused";
            return Err(wrong(detail.to_owned()).at("chosen"));
        }
        let notice = shown(&new.notice, from)?;
        Ok(Consent {
            v: FORM,
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
            notice,
            method: new.method.clone(),
            state,
            changed_at: from,
            catalogue_version: self.catalogue.version,
            reconsent: None,
            basis: None,
            given_under: None,
        })
    }

    /// The operations that store a new consent with its indexes, its first event, and what will happen to it by itself.
    pub(super) fn create(
        &self,
        consent: &Consent,
        by: By<'_>,
        now: Timestamp,
        ops: &mut Vec<Op>,
    ) -> Result<(), Problem> {
        let reason = match consent.basis {
            Some(Basis::ShareCode { .. }) => Reason::ShareCode,
            None => Reason::Asked,
        };
        let step =
            Step { notice: Some(consent.notice.clone()), ..Step::to(consent.state, reason, now) };
        self.event(consent, step, by, Expect::Absent, ops)?;
        let indexes = [
            (BY_SUBJECT, keys::by_subject(consent.subject, now, &consent.id)),
            (BY_CLIENT, keys::by_client(&consent.client, now, &consent.id)),
        ];
        for (collection, key) in indexes {
            let value = keys::pointer(&consent.id)?;
            ops.push(Op::PutRecord { collection, key, value, expect: Expect::Absent });
        }
        Self::plan(consent, ops)
    }

    /// The operations of an event of a consent that is there, in this version of its record.
    pub(super) fn change(
        &self,
        mut consent: Consent,
        version: u64,
        step: Step,
        by: By<'_>,
        ops: &mut Vec<Op>,
    ) -> Result<Consent, Problem> {
        consent.v = FORM;
        consent.version += 1;
        consent.state = step.to;
        consent.changed_at = step.at;
        self.event(&consent, step, by, Expect::Version(version), ops)?;
        Ok(consent)
    }

    /// An event: the event itself, the state it leads to, and its record of access.
    fn event(
        &self,
        consent: &Consent,
        step: Step,
        by: By<'_>,
        expect: Expect,
        ops: &mut Vec<Op>,
    ) -> Result<(), Problem> {
        let now = step.at;
        // What the event itself says is what happened: the state alone would not tell a warning.
        let told = match step.reason {
            Reason::ShareCode => "share-code-redeemed",
            reason if reason.keeps_state() => reason.as_str(),
            _ => step.to.as_str(),
        };
        let event = Event {
            v: 3,
            seq: consent.version,
            state: consent.state,
            at: now,
            by: by.name.into_owned(),
            assurance: by.assurance.clone(),
            reason: step.reason,
            notice: step.notice,
            data: step.data,
            acted_by: by.instead,
        };
        if let Some(ActedBy::Delegate { delegation, .. }) = &event.acted_by {
            // Nothing is removed: whose delegation was ended meanwhile does nothing.
            ops.push(Op::DeleteRecord {
                collection: ENDED_DELEGATIONS,
                key: delegation.as_bytes().to_vec(),
                expect: Expect::Absent,
            });
        }
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
            actor: by.actor.into_owned(),
            subjects: vec![consent.subject],
            purpose: Some(consent.purpose.code.clone()),
            grant: Some(consent.id.clone()),
            grant_version: Some(consent.version),
            action: Action::Consent,
            types,
            attributes: attributes.map(|attribute| attribute.iri.clone()).collect(),
            decision: Decision::Allowed,
            reason: told.to_owned(),
            count: 1,
        };
        ops.extend(self.log.ops(&access)?);
        Ok(())
    }

    /// `false` when something else changed what the operations rest on.
    pub(crate) async fn commit(&self, tenant: &TenantId, ops: Vec<Op>) -> Result<bool, Problem> {
        match self.store.commit(WriteSet { tenant: tenant.clone(), ops }).await {
            Ok(_) => Ok(true),
            // What was to be taken off a list may have been taken off it: that is a change like any other.
            Err(StoreError::Conflict {
                conflict: Conflict::Changed | Conflict::Exists | Conflict::Missing,
                ..
            }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// The notice as a consent names it: by its digest. It must have been shown before the answer.
pub(super) fn shown(notice: &Notice, now: Timestamp) -> Result<NoticeShown, Problem> {
    if notice.bytes.is_empty() || notice.shown_at > now {
        let detail = "a consent needs the notice that was shown before it";
        return Err(Problem::new(ProblemCode::BadRequestData, detail));
    }
    Ok(NoticeShown {
        version: notice.version.clone(),
        lang: notice.lang.clone(),
        sha256: hex_digest(&notice.bytes),
        shown_at: notice.shown_at,
    })
}

/// The operation that keeps the bytes of a notice under their digest.
pub(super) fn keep_notice(notice: &Notice) -> Op {
    Op::PutRecord {
        collection: NOTICES,
        key: digest(&SHA256, &notice.bytes).as_ref().to_vec(),
        value: notice.bytes.clone(),
        expect: Expect::Any,
    }
}

/// SHA-256, hexadecimal.
pub(super) fn hex_digest(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or_default();
    let digest = digest(&SHA256, bytes);
    digest.as_ref().iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
