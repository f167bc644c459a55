//! The ledger in the store.

mod keys;
mod read;

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use tsunagu_domain::{
    Assurance, Catalogue, Clock, IdGen, Level, Problem, ProblemCode, TenantId, Timestamp, TsunoId,
};
use tsunagu_store::access::{Access, AccessLog, Action, Decision};
use tsunagu_store::{Conflict, Expect, Op, Store, StoreError, WriteSet};

use crate::consent::{ConsentedPurpose, NoticeShown, resolve};
use crate::receipt::{Platform, ReceiptSigner};
use crate::{Consent, Event, NewConsent, State};
use keys::{BY_CLIENT, BY_SUBJECT, CONSENT, CURRENT, EVENT};
pub use read::{Listed, Part};

/// Giving a consent needs a login no older than this, seconds.
const FRESH_SECONDS: i64 = 300;
/// So often a race may be lost before the caller is told.
const ATTEMPTS: usize = 8;
const DAY: i64 = 86_400_000_000;

/// The resident who acts, in a session of their own.
#[derive(Debug, Clone, Copy)]
pub struct Resident<'a> {
    /// Who.
    pub subject: TsunoId,
    /// The proof of it.
    pub assurance: &'a Assurance,
    /// Id of the request.
    pub request: &'a str,
}

/// A consent after a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// As it is now.
    pub consent: Consent,
    /// Whether anything happened; `false` when it was so already.
    pub happened: bool,
    /// The consent for the same client and purpose that it replaced.
    pub superseded: Option<String>,
}

/// The consents of every tenant.
pub struct Ledger {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdGen>,
    pub(crate) log: Arc<dyn AccessLog>,
    pub(crate) catalogue: Arc<Catalogue>,
    pub(crate) platform: Platform,
    pub(crate) signer: ReceiptSigner,
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ledger(…)")
    }
}

impl Ledger {
    /// The ledger in `store`. Every event is written down in `log`; new consents are resolved from `catalogue`; receipts are signed by
    /// `signer` in the name of `platform`.
    pub fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdGen>,
        log: Arc<dyn AccessLog>,
        catalogue: Arc<Catalogue>,
        platform: Platform,
        signer: ReceiptSigner,
    ) -> Self {
        Self {
            store,
            clock,
            ids,
            log,
            catalogue,
            platform,
            signer,
        }
    }

    /// Records that `by` gave this consent. Needs assurance level 2 proven in the last 5 minutes, else the problem is
    /// [`ProblemCode::StepUpRequired`]. An older consent for the same client and purpose is superseded in the same transaction.
    pub async fn give(
        &self,
        tenant: &TenantId,
        by: &Resident<'_>,
        new: &NewConsent,
    ) -> Result<Changed, Problem> {
        let now = self.clock.micros();
        strong_and_fresh(by.assurance, now)?;
        let until = now.saturating_add(i64::from(new.days) * DAY);
        let consent = self.draft(by.subject, new, State::Given, now, until)?;
        for _ in 0..ATTEMPTS {
            let pointer = keys::current(by.subject, &consent.client, &consent.purpose.code);
            let current = self.store.record(tenant, CURRENT, &pointer).await?;
            let old = match &current {
                Some(record) => self.head(tenant, &keys::pointed(&record.value)?).await?,
                None => None,
            };
            let mut ops = Vec::new();
            let mut superseded = None;
            if let Some((version, old)) = old
                && (old.state.is_live() || old.state == State::Paused)
            {
                superseded = Some(old.id.clone());
                self.change(
                    old,
                    version,
                    State::Superseded,
                    by,
                    "replaced",
                    now,
                    &mut ops,
                )?;
            }
            self.create(&consent, by, "asked", now, &mut ops)?;
            ops.push(Op::PutRecord {
                collection: CURRENT,
                key: pointer,
                value: keys::pointer(&consent.id)?,
                expect: current.map_or(Expect::Absent, |record| Expect::Version(record.version)),
            });
            if self.commit(tenant, ops).await? {
                return Ok(Changed {
                    consent,
                    happened: true,
                    superseded,
                });
            }
        }
        Err(raced())
    }

    /// Records that `by` was asked and did not consent. Changes no other consent.
    pub async fn refuse(
        &self,
        tenant: &TenantId,
        by: &Resident<'_>,
        new: &NewConsent,
    ) -> Result<Consent, Problem> {
        let now = self.clock.micros();
        // Refused is what was asked for, whatever was ticked.
        let asked = NewConsent {
            chosen: new.requested.data_classes.clone(),
            ..new.clone()
        };
        let consent = self.draft(by.subject, &asked, State::Refused, now, now)?;
        let mut ops = Vec::new();
        self.create(&consent, by, "asked", now, &mut ops)?;
        if self.commit(tenant, ops).await? {
            Ok(consent)
        } else {
            Err(raced())
        }
    }

    /// Takes a consent back. It is out of force for every request that begins after this returns. Repeating it changes nothing; a
    /// consent of someone else is not found.
    pub async fn withdraw(
        &self,
        tenant: &TenantId,
        by: &Resident<'_>,
        id: &str,
    ) -> Result<Changed, Problem> {
        let open = |state: State| state.is_live() || state == State::Paused;
        self.transition(tenant, by, id, State::Withdrawn, open)
            .await
    }

    /// Puts a consent out of force until it is resumed.
    pub async fn pause(
        &self,
        tenant: &TenantId,
        by: &Resident<'_>,
        id: &str,
    ) -> Result<Changed, Problem> {
        self.transition(tenant, by, id, State::Paused, State::is_live)
            .await
    }

    /// Puts a paused consent in force again; needs the same fresh login as giving it.
    pub async fn resume(
        &self,
        tenant: &TenantId,
        by: &Resident<'_>,
        id: &str,
    ) -> Result<Changed, Problem> {
        strong_and_fresh(by.assurance, self.clock.micros())?;
        self.transition(tenant, by, id, State::Resumed, |state| {
            state == State::Paused
        })
        .await
    }

    async fn transition(
        &self,
        tenant: &TenantId,
        by: &Resident<'_>,
        id: &str,
        to: State,
        from: impl Fn(State) -> bool,
    ) -> Result<Changed, Problem> {
        for _ in 0..ATTEMPTS {
            let (version, consent) = self
                .head(tenant, id)
                .await?
                .filter(|(_, consent)| consent.subject == by.subject)
                .ok_or_else(Problem::not_found)?;
            if !from(consent.state) {
                return Ok(Changed {
                    consent,
                    happened: false,
                    superseded: None,
                });
            }
            let now = self.clock.micros();
            let mut ops = Vec::new();
            let consent = self.change(consent, version, to, by, "own-wish", now, &mut ops)?;
            if self.commit(tenant, ops).await? {
                return Ok(Changed {
                    consent,
                    happened: true,
                    superseded: None,
                });
            }
        }
        Err(raced())
    }

    /// The consent that `new` would make.
    fn draft(
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
            return Err(wrong(format!(
                "a consent for this purpose lasts from 1 to {max} days"
            ))
            .at("days"));
        }
        let mut chosen = new.chosen.clone();
        chosen.sort_unstable();
        chosen.dedup();
        if chosen.is_empty()
            || chosen
                .iter()
                .any(|class| !new.requested.data_classes.contains(class))
        {
            let detail = "choose one data class at least, of those that were asked for";
            return Err(wrong(detail.to_owned()).at("chosen"));
        }
        if new.notice.bytes.is_empty() || new.notice.shown_at > from {
            return Err(wrong(
                "a consent needs the notice that was shown before it".to_owned(),
            ));
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
            purpose: ConsentedPurpose {
                code: purpose.code.clone(),
                text: purpose.text.clone(),
            },
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
    fn create(
        &self,
        consent: &Consent,
        by: &Resident<'_>,
        reason: &str,
        now: Timestamp,
        ops: &mut Vec<Op>,
    ) -> Result<(), Problem> {
        self.event(consent, by, reason, now, Expect::Absent, ops)?;
        let indexes = [
            (
                BY_SUBJECT,
                keys::by_subject(consent.subject, now, &consent.id),
            ),
            (
                BY_CLIENT,
                keys::by_client(&consent.client, now, &consent.id),
            ),
        ];
        for (collection, key) in indexes {
            let value = keys::pointer(&consent.id)?;
            ops.push(Op::PutRecord {
                collection,
                key,
                value,
                expect: Expect::Absent,
            });
        }
        Ok(())
    }

    /// The operations that bring a consent into another state.
    #[expect(clippy::too_many_arguments, reason = "one event has so many parts")]
    fn change(
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
    async fn commit(&self, tenant: &TenantId, ops: Vec<Op>) -> Result<bool, Problem> {
        match self
            .store
            .commit(WriteSet {
                tenant: tenant.clone(),
                ops,
            })
            .await
        {
            Ok(_) => Ok(true),
            Err(StoreError::Conflict {
                conflict: Conflict::Changed | Conflict::Exists,
                ..
            }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or_default();
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}

fn strong_and_fresh(assurance: &Assurance, now: Timestamp) -> Result<(), Problem> {
    if !assurance.reaches(Level::Substantial) {
        return Err(Problem::new(
            ProblemCode::StepUpRequired,
            "giving a consent needs a login at assurance level 2 or higher",
        ));
    }
    if !assurance.fresh(now, FRESH_SECONDS) {
        return Err(Problem::new(
            ProblemCode::StepUpRequired,
            "giving a consent needs a login of the last 5 minutes; log in again",
        ));
    }
    Ok(())
}

fn raced() -> Problem {
    Problem::new(
        ProblemCode::Conflict,
        "something else changed this consent at the same moment; look at it again and repeat",
    )
}
