//! The counter: a clerk acts with the resident present.

use tsunagu_domain::{
    Assurance, ClientId, Level, Problem, ProblemCode, TenantId, Text, Timestamp, TsunoId,
};
use tsunagu_store::access::{Access, Action, Decision};

use super::delegate::is_plain;
use super::write::hex_digest;
use super::{Changed, Counter, Ledger, Resident};
use crate::content::resolve;
use crate::{Assisted, Capacity, NewConsent, Notice, Requested, ShareNotice, counter_notice};

/// What consents are called in records of access.
const CONSENT_TYPE: &str = "urn:tsunagu:type:Consent";

/// Who stands before the counter is known by a document with a face, or by two without.
fn in_person(now: Timestamp) -> Assurance {
    Assurance {
        ial: Level::High,
        aal: Level::Substantial,
        acr: None,
        amr: vec!["in-person".to_owned()],
        auth_time: now,
        idp: "counter".to_owned(),
    }
}

impl Ledger {
    /// Records a consent that a resident gave at the counter. Without the record of assisted mode it is refused and the attempt is on record; the
    /// notice of `new` must be the one that was read to the resident. The record names the account of `by`, not the clerk's name.
    pub async fn give_assisted(
        &self,
        tenant: &TenantId,
        by: &Counter<'_>,
        subject: TsunoId,
        assisted: Option<&Assisted>,
        new: &NewConsent,
    ) -> Result<Changed, Problem> {
        let read = hex_digest(&new.notice.bytes);
        let complete = assisted.filter(|assisted| {
            is_plain(&assisted.clerk) && assisted.notice_read.as_deref() == Some(read.as_str())
        });
        let Some(assisted) = complete else {
            return Err(self.not_assisted(tenant, by, subject).await?);
        };
        let assurance = in_person(self.clock.micros());
        let assisted = Assisted { client: by.actor.to_owned(), ..assisted.clone() };
        let acting = Capacity::Assisted(&assisted);
        let resident = Resident { subject, assurance: &assurance, request: by.request, acting };
        self.give(tenant, &resident, new).await
    }

    /// Takes a consent back at the counter.
    pub async fn withdraw_assisted(
        &self,
        tenant: &TenantId,
        by: &Counter<'_>,
        subject: TsunoId,
        assisted: Option<&Assisted>,
        id: &str,
    ) -> Result<Changed, Problem> {
        let Some(assisted) = assisted.filter(|assisted| is_plain(&assisted.clerk)) else {
            return Err(self.not_assisted(tenant, by, subject).await?);
        };
        let assurance = in_person(self.clock.micros());
        let assisted = Assisted { client: by.actor.to_owned(), ..assisted.clone() };
        let acting = Capacity::Assisted(&assisted);
        let resident = Resident { subject, assurance: &assurance, request: by.request, acting };
        self.withdraw(tenant, &resident, id).await
    }

    /// The refusal of a clerk without the record of assisted mode, which the resident sees.
    async fn not_assisted(
        &self,
        tenant: &TenantId,
        by: &Counter<'_>,
        subject: TsunoId,
    ) -> Result<Problem, Problem> {
        let access = Access {
            at: self.clock.micros(),
            request: by.request.to_owned(),
            actor: by.actor.to_owned(),
            subjects: vec![subject],
            purpose: None,
            grant: None,
            grant_version: None,
            action: Action::Consent,
            types: vec![CONSENT_TYPE.to_owned()],
            attributes: Vec::new(),
            decision: Decision::Denied,
            reason: "not-assisted".to_owned(),
            count: 0,
        };
        self.log.record(tenant, &access).await?;
        let detail = "a consent of somebody else needs their own login, or the record of assisted mode: who at the counter, how the resident was identified, and the notice that was read to them";
        Ok(Problem::new(ProblemCode::Forbidden, detail))
    }
}

/// A consent that a clerk prepares at the counter.
#[derive(Debug, Clone)]
pub struct CounterConsent {
    /// Who would get the data.
    pub client: ClientId,
    /// What residents know it as.
    pub client_name: Text,
    /// What for, and which data.
    pub requested: Requested,
    /// The data classes that the resident chose.
    pub chosen: Vec<String>,
    /// For how many days.
    pub days: u32,
}

impl Ledger {
    /// The text to be read to the resident in `ja` or `en`, and the consent that agreeing to it makes.
    pub fn counter_notice(
        &self,
        asked: &CounterConsent,
        lang: &str,
    ) -> Result<(ShareNotice, NewConsent), Problem> {
        asked.requested.check(&self.catalogue)?;
        let data = resolve(&asked.requested, &asked.chosen, &self.catalogue)?;
        let purpose = self.catalogue.purpose(&asked.requested.purpose);
        let purpose = purpose.ok_or_else(Problem::not_found)?;
        let (lang, text) = counter_notice::text(
            lang,
            &asked.client_name,
            &purpose.text,
            &data,
            asked.days,
            purpose.retention_days,
        );
        let notice = Notice {
            version: counter_notice::VERSION.to_owned(),
            lang: lang.to_owned(),
            bytes: text.clone().into_bytes(),
            shown_at: self.clock.micros(),
        };
        let new = NewConsent {
            client: asked.client.clone(),
            client_name: asked.client_name.clone(),
            requested: asked.requested.clone(),
            chosen: asked.chosen.clone(),
            days: asked.days,
            notice,
            method: "counter".to_owned(),
        };
        let sha256 = hex_digest(text.as_bytes());
        Ok((ShareNotice { lang, text, sha256 }, new))
    }
}
