//! Share codes in the ledger: made, redeemed for a consent of their own kind, taken back.

mod noted;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use tsunagu_domain::{Assurance, Problem, ProblemCode, TenantId, Timestamp, TsunoId};
use tsunagu_store::access::Decision;
use tsunagu_store::{Conflict, Expect, Op, Scan, StoreError, WriteSet};

use super::keys::{self, SHARE_FAILURES, SHARES, SHARES_BY_SUBJECT};
use super::write::{hex_digest, keep_notice, shown};
use super::{ATTEMPTS, By, Ledger, Resident, Step, raced, strong_and_fresh};
use crate::consent;
use crate::content::resolve;
use crate::share::{self, code, notice};
use crate::{
    Basis, Consent, ConsentedData, ConsentedPurpose, DataAction, NewShare, NotRedeemed,
    RESIDENT_DATA, Reason, Redeemer, Redemption, Requested, ShareCode, ShareNotice, ShareState,
    Shared, State,
};
use noted::Noted;

const MINUTE: Timestamp = 60_000_000;
const HOUR: Timestamp = 60 * MINUTE;
/// The shortest that data may be shared for, minutes.
const LEAST: u32 = 5;
const BATCH: usize = 100;

/// What a resident confirmed before a code was made.
#[derive(Debug, Clone, Copy)]
pub struct Confirmed<'a> {
    /// The language of the notice that they were shown.
    pub lang: &'a str,
    /// Its SHA-256, hexadecimal.
    pub sha256: &'a str,
    /// When it was shown.
    pub shown_at: Timestamp,
}

impl Ledger {
    /// The notice that a resident has to confirm before this is shared, in `ja` or `en`.
    pub fn share_notice(&self, new: &NewShare, lang: &str) -> Result<ShareNotice, Problem> {
        let (purpose, data, keeps) = self.shareable(new)?;
        let (lang, text) = notice::text(lang, new, &data, &purpose.text, keeps);
        let sha256 = hex_digest(text.as_bytes());
        Ok(ShareNotice { lang, text, sha256 })
    }

    /// What `new` would share, if it may be shared: purpose, data, and for how many days it may be kept.
    fn shareable(
        &self,
        new: &NewShare,
    ) -> Result<(ConsentedPurpose, Vec<ConsentedData>, u32), Problem> {
        let wrong = |detail: &str, at: &str| {
            Err(Problem::new(ProblemCode::BadRequestData, detail.to_owned()).at(at))
        };
        let purpose = self.catalogue.purpose(&new.purpose).filter(|purpose| purpose.by_share_code);
        let Some(purpose) = purpose else {
            return wrong("the catalogue opens no such purpose to share codes", "purpose");
        };
        let longest = purpose.max_days.saturating_mul(24 * 60);
        if !(LEAST..=longest).contains(&new.minutes) {
            return wrong(
                "the data is shared for 5 minutes at least and the days of the purpose at most",
                "minutes",
            );
        }
        let redeemable = 1..=new.minutes.min(share::REDEEMABLE_AT_MOST);
        if !redeemable.contains(&new.redeem_minutes) {
            return wrong(
                "the code can be redeemed for a minute at least, a day at most, and no longer than the data is shared",
                "redeemMinutes",
            );
        }
        if !(1..=share::USES_AT_MOST).contains(&new.uses) {
            return wrong("the code can be used 1 to 20 times", "uses");
        }
        let requested = Requested {
            r#type: RESIDENT_DATA.to_owned(),
            purpose: purpose.code.clone(),
            data_classes: Vec::new(),
            optional_data_classes: new.data_classes.clone(),
            actions: vec![DataAction::Read],
            frequency: None,
        };
        requested.check(&self.catalogue)?;
        let data = resolve(&requested, &new.data_classes, &self.catalogue)?;
        let told = ConsentedPurpose { code: purpose.code.clone(), text: purpose.text.clone() };
        Ok((told, data, purpose.retention_days))
    }

    /// Makes a share code. Needs assurance level 2 proven in the last 5 minutes, and the notice of exactly this to have been confirmed. The code
    /// is given once and not kept.
    pub async fn share(
        &self,
        tenant: &TenantId,
        by: &Resident<'_>,
        new: &NewShare,
        confirmed: Confirmed<'_>,
    ) -> Result<Shared, Problem> {
        let now = self.clock.micros();
        by.themselves()?;
        strong_and_fresh(by.assurance, now)?;
        let (purpose, data, data_life_days) = self.shareable(new)?;
        let notice = self.share_notice(new, confirmed.lang)?;
        if notice.sha256 != confirmed.sha256 {
            let detail = "what was confirmed is not the notice of this; show it again";
            return Err(Problem::new(ProblemCode::BadRequestData, detail).at("noticeSha256"));
        }
        let notice = notice.shown(confirmed.shown_at);
        let told = shown(&notice, now)?;
        if self.open_shares(tenant, by.subject, now).await? >= share::OPEN_AT_ONCE {
            let detail =
                "too many share codes are good at once; take some back, or wait until they end";
            return Err(Problem::new(ProblemCode::TooManyRequests, detail));
        }
        for _ in 0..ATTEMPTS {
            let (text, made) = code::generate(&*self.ids);
            let share = ShareCode {
                v: share::FORM,
                id: made.name,
                secret: made.secret,
                subject: by.subject,
                purpose: purpose.clone(),
                data: data.clone(),
                made_at: now,
                redeem_until: now.saturating_add(i64::from(new.redeem_minutes) * MINUTE),
                until: now.saturating_add(i64::from(new.minutes) * MINUTE),
                uses: new.uses,
                redeemed: Vec::new(),
                wrong: Vec::new(),
                cancelled_at: None,
                notice: told.clone(),
                assurance: by.assurance.clone(),
                catalogue_version: self.catalogue.version,
                data_life_days,
            };
            let mut ops = vec![put(&share, Expect::Absent)?, keep_notice(&notice)];
            ops.push(Op::PutRecord {
                collection: SHARES_BY_SUBJECT,
                key: keys::by_subject(by.subject, now, &share.id),
                value: keys::pointer(&share.id)?,
                expect: Expect::Absent,
            });
            let what = Noted::of(&share, Decision::Allowed, "share-code-made");
            ops.extend(self.log.ops(&what.access(now, by.request, "resident"))?);
            if self.commit(tenant, ops).await? {
                return Ok(Shared { code: text, share });
            }
        }
        Err(raced())
    }

    /// How many codes of this resident can be redeemed. None can that was made more than a day ago.
    async fn open_shares(
        &self,
        tenant: &TenantId,
        subject: TsunoId,
        now: Timestamp,
    ) -> Result<usize, Problem> {
        let oldest = now.saturating_sub(i64::from(share::REDEEMABLE_AT_MOST) * MINUTE);
        let prefix = subject.as_bytes().to_vec();
        let (mut open, mut after) = (0, None);
        loop {
            let scan = Scan { prefix: prefix.clone(), after, limit: BATCH, reverse: false };
            let page = self.store.records(tenant, SHARES_BY_SUBJECT, &scan).await?;
            for (_, record) in &page {
                let found = self.kept_share(tenant, &keys::pointed(&record.value)?).await?;
                let Some((_, share)) = found else { continue };
                if share.made_at < oldest {
                    return Ok(open);
                }
                open += usize::from(share.state(now) == ShareState::Open);
            }
            after = page.last().map(|(key, _)| key.clone());
            if page.len() < BATCH {
                return Ok(open);
            }
        }
    }

    /// The share codes of a resident, the newest first, at most `limit`.
    pub async fn shares(
        &self,
        tenant: &TenantId,
        subject: TsunoId,
        limit: usize,
    ) -> Result<Vec<ShareCode>, Problem> {
        let scan = Scan { prefix: subject.as_bytes().to_vec(), limit, ..Scan::default() };
        let mut shares = Vec::new();
        for (_, record) in self.store.records(tenant, SHARES_BY_SUBJECT, &scan).await? {
            let share = self.kept_share(tenant, &keys::pointed(&record.value)?).await?;
            shares.extend(share.map(|(_, share)| share));
        }
        Ok(shares)
    }

    /// Takes a code back and, in the same transaction, every consent that came from it: from the next request on nothing is seen. Repeating it
    /// changes nothing; a code of someone else is not found.
    pub async fn cancel_share(
        &self,
        tenant: &TenantId,
        by: &Resident<'_>,
        id: &str,
    ) -> Result<ShareCode, Problem> {
        by.themselves()?;
        self.end_share(tenant, by, id, Reason::OwnWish).await
    }

    /// Takes back every code of somebody who leaves the platform.
    pub(super) async fn end_shares(
        &self,
        tenant: &TenantId,
        by: &Resident<'_>,
    ) -> Result<(), Problem> {
        let prefix = by.subject.as_bytes().to_vec();
        let mut after = None;
        loop {
            let scan = Scan { prefix: prefix.clone(), after, limit: BATCH, reverse: false };
            let page = self.store.records(tenant, SHARES_BY_SUBJECT, &scan).await?;
            for (_, record) in &page {
                let id = keys::pointed(&record.value)?;
                self.end_share(tenant, by, &id, Reason::AccountClosed).await?;
            }
            after = page.last().map(|(key, _)| key.clone());
            if page.len() < BATCH {
                return Ok(());
            }
        }
    }

    async fn end_share(
        &self,
        tenant: &TenantId,
        by: &Resident<'_>,
        id: &str,
        reason: Reason,
    ) -> Result<ShareCode, Problem> {
        for _ in 0..ATTEMPTS {
            let found = self.kept_share(tenant, id).await?;
            let (version, mut share) = found
                .filter(|(_, share)| share.subject == by.subject)
                .ok_or_else(Problem::not_found)?;
            let now = self.clock.micros();
            let mut ops = Vec::new();
            for redemption in &share.redeemed {
                if let Some((version, consent)) = self.head(tenant, &redemption.consent).await?
                    && consent.is_open()
                    && now < consent.ends()
                {
                    let step = Step::to(State::Withdrawn, reason, now);
                    let consent = self.change(consent, version, step, by.into(), &mut ops)?;
                    self.order(&consent, &consent.data, now, &mut ops)?;
                }
            }
            if share.state(now) != ShareState::Open && ops.is_empty() {
                return Ok(share);
            }
            share.cancelled_at = share.cancelled_at.or(Some(now));
            ops.push(put(&share, Expect::Version(version))?);
            let what = Noted::of(&share, Decision::Allowed, "share-code-cancelled");
            ops.extend(self.log.ops(&what.access(now, by.request, "resident"))?);
            if self.commit(tenant, ops).await? {
                return Ok(share);
            }
        }
        Err(raced())
    }

    /// Redeems a code for a consent that covers exactly what the code stands for, and gives it with the proof of who made the code. Of several who redeem the last use at once, one gets it. What
    /// is not redeemed is one denied access, which the resident sees, and a failed try of the client.
    pub async fn redeem(
        &self,
        tenant: &TenantId,
        by: &Redeemer<'_>,
        text: &str,
    ) -> Result<(Consent, Assurance), NotRedeemed> {
        let presented = code::read(text);
        for _ in 0..ATTEMPTS {
            let now = self.clock.micros();
            if self.failures(tenant, by, now).await? >= share::FAILURES_IN_AN_HOUR {
                return Err(NotRedeemed::TooMany);
            }
            let found = match &presented {
                Some(presented) => self.kept_share(tenant, &presented.name).await?,
                None => None,
            };
            let (Some((version, share)), Some(presented)) = (found, &presented) else {
                let nobody = Noted::nothing("share-code-unknown");
                self.failed(tenant, by, nobody, None, now).await?;
                return Err(NotRedeemed::Unknown);
            };
            let done = self.tried(tenant, by, version, share, &presented.secret, now).await?;
            // Otherwise something else changed the code at the same moment.
            if let Some(outcome) = done {
                return outcome;
            }
        }
        Err(NotRedeemed::Failed(raced()))
    }

    /// One try on a code that is there; `None` when it changed meanwhile.
    async fn tried(
        &self,
        tenant: &TenantId,
        by: &Redeemer<'_>,
        version: u64,
        mut share: ShareCode,
        secret: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<Result<(Consent, Assurance), NotRedeemed>>, NotRedeemed> {
        let refused = match share.state(now) {
            _ if verify_slices_are_equal(secret, &share.secret).is_err() => {
                share.tried_wrongly(by.client);
                let what = Noted::of(&share, Decision::Denied, "share-code-wrong");
                let counted = Some(put(&share, Expect::Version(version))?);
                let written = self.failed(tenant, by, what, counted, now).await?;
                return Ok(written.then_some(Err(NotRedeemed::Unknown)));
            }
            ShareState::Open => by.may_have(&share).err(),
            other => Some((NotRedeemed::Unknown, other.as_str())),
        };
        if let Some((refusal, why)) = refused {
            let what = Noted::of(&share, Decision::Denied, &format!("share-code-{why}"));
            self.failed(tenant, by, what, None, now).await?;
            return Ok(Some(Err(refusal)));
        }
        let consent = self.shared(&share, by, now);
        share.redeemed.push(Redemption {
            client: by.client.clone(),
            client_name: by.name.clone(),
            consent: consent.id.clone(),
            at: now,
        });
        let mut ops = vec![put(&share, Expect::Version(version))?];
        let actor = format!("client:{}", by.client);
        let who = By::redeeming(&actor, &share.assurance, by.request);
        self.create(&consent, who, now, &mut ops)?;
        let done = self.commit(tenant, ops).await?;
        Ok(done.then_some(Ok((consent, share.assurance))))
    }

    /// The consent that a code gives.
    fn shared(&self, share: &ShareCode, by: &Redeemer<'_>, now: Timestamp) -> Consent {
        Consent {
            v: consent::FORM,
            id: self.ids.uuid(),
            receipt_id: self.ids.uuid(),
            version: 1,
            subject: share.subject,
            client: by.client.clone(),
            client_name: by.name.clone(),
            purpose: share.purpose.clone(),
            legal_basis: self
                .catalogue
                .purpose(&share.purpose.code)
                .map_or_else(|| "dpv:Consent".to_owned(), |purpose| purpose.legal_basis.clone()),
            data: share.data.clone(),
            valid_from: now,
            valid_until: share.until,
            frequency: None,
            data_life_days: share.data_life_days,
            notice: share.notice.clone(),
            method: "share-code".to_owned(),
            state: State::Given,
            changed_at: now,
            catalogue_version: share.catalogue_version,
            reconsent: None,
            given_under: None,
            basis: Some(Basis::ShareCode { id: share.id.clone(), made_at: share.made_at }),
        }
    }

    /// How many tries of a client led to nothing in this hour.
    async fn failures(
        &self,
        tenant: &TenantId,
        by: &Redeemer<'_>,
        now: Timestamp,
    ) -> Result<i64, StoreError> {
        let key = keys::failures(now / HOUR, by.client);
        let record = self.store.record(tenant, SHARE_FAILURES, &key).await?;
        let count = record.and_then(|record| record.value.try_into().ok());
        Ok(count.map_or(0, i64::from_be_bytes))
    }

    /// Writes down that a try led to nothing, with what else it changes; `false` when that changed meanwhile.
    async fn failed(
        &self,
        tenant: &TenantId,
        by: &Redeemer<'_>,
        what: Noted,
        counted: Option<Op>,
        now: Timestamp,
    ) -> Result<bool, NotRedeemed> {
        let (min, max, delta) = (0, share::FAILURES_IN_AN_HOUR, 1);
        let key = keys::failures(now / HOUR, by.client);
        let mut ops = vec![Op::Add { collection: SHARE_FAILURES, key, delta, min, max }];
        ops.extend(counted);
        let actor = format!("client:{}", by.client);
        ops.extend(self.log.ops(&what.access(now, by.request, &actor))?);
        match self.store.commit(WriteSet { tenant: tenant.clone(), ops }).await {
            Ok(_) => Ok(true),
            Err(StoreError::Conflict { conflict: Conflict::OutOfBounds, .. }) => {
                Err(NotRedeemed::TooMany)
            }
            Err(StoreError::Conflict { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes the counts of hours that are over.
    pub(super) async fn forget_failures(&self, tenant: &TenantId) -> Result<(), Problem> {
        let this_hour = keys::hour(self.clock.micros() / HOUR);
        let scan = Scan { limit: BATCH, ..Scan::default() };
        let page = self.store.records(tenant, SHARE_FAILURES, &scan).await?;
        let over = page.into_iter().filter(|(key, _)| key.as_slice() < this_hour.as_slice());
        let ops: Vec<Op> = over
            .map(|(key, _)| Op::DeleteRecord {
                collection: SHARE_FAILURES,
                key,
                expect: Expect::Any,
            })
            .collect();
        if !ops.is_empty() {
            self.commit(tenant, ops).await?;
        }
        Ok(())
    }

    async fn kept_share(
        &self,
        tenant: &TenantId,
        id: &str,
    ) -> Result<Option<(u64, ShareCode)>, StoreError> {
        let Some(record) = self.store.record(tenant, SHARES, id.as_bytes()).await? else {
            return Ok(None);
        };
        Ok(Some((record.version, keys::decode(&record.value)?)))
    }
}

impl Redeemer<'_> {
    /// Refuses what the client is not registered for, with the end of the reason for the record.
    fn may_have(&self, share: &ShareCode) -> Result<(), (NotRedeemed, &'static str)> {
        let registered = self.purposes.contains(&share.purpose.code)
            && share.data.iter().all(|part| self.data_classes.contains(&part.class));
        if !registered {
            return Err((NotRedeemed::NotRegistered, "not-registered"));
        }
        let sensitive = tsunagu_domain::Sensitivity::Sensitive;
        if !self.bound && share.data.iter().any(|part| part.sensitivity == sensitive) {
            return Err((NotRedeemed::Unbound, "unbound"));
        }
        Ok(())
    }
}

fn put(share: &ShareCode, expect: Expect) -> Result<Op, Problem> {
    let (collection, key) = (SHARES, share.id.as_bytes().to_vec());
    Ok(Op::PutRecord { collection, key, value: keys::encode(share)?, expect })
}
