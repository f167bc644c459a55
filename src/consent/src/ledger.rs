//! The ledger in the store.

mod assist;
mod delegate;
mod due;
mod grants;
pub(crate) mod keys;
pub(crate) mod orders;
mod read;
mod reconsent;
mod share;
mod write;

use std::fmt;
use std::sync::Arc;

use tsunagu_domain::{
    Assurance, Catalogue, ClientId, Clock, IdGen, Level, Problem, ProblemCode, StepUp, TenantId,
    Timestamp, TsunoId,
};
use tsunagu_store::access::AccessLog;
use tsunagu_store::{Expect, Op, Store};

use crate::content::without;
use crate::receipt::{Platform, ReceiptSigner};
use crate::{Capacity, Consent, GivenUnder, NewConsent, Reason, State};
pub use assist::CounterConsent;
pub use delegate::{Counter, NewDelegation, NewGuardian};
pub use due::Due;
use grants::Grants;
use keys::CURRENT;
pub use read::{Listed, Part};
pub use reconsent::Reconsented;
pub use share::Confirmed;
use write::{By, Step, keep_notice};

/// Giving a consent needs a login no older than this, seconds.
const FRESH_SECONDS: i64 = 300;
/// So often a race may be lost before the caller is told.
const ATTEMPTS: usize = 8;
const DAY: i64 = 86_400_000_000;

/// The resident whose consents are changed, and who does it.
#[derive(Debug, Clone, Copy)]
pub struct Resident<'a> {
    /// Whose consents.
    pub subject: TsunoId,
    /// The proof of who acts.
    pub assurance: &'a Assurance,
    /// Id of the request.
    pub request: &'a str,
    /// Whether it is the resident who acts, or somebody for them.
    pub acting: Capacity<'a>,
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
    grants: Grants,
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
        let grants = Grants::default();
        Self { store, clock, ids, log, catalogue, platform, signer, grants }
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
        by.may_consent(now)?;
        strong_and_fresh(by.assurance, now)?;
        let until = now.saturating_add(i64::from(new.days) * DAY);
        let mut consent = self.draft(by.subject, new, State::Given, now, until)?;
        if let Capacity::For(delegation) = by.acting
            && let Some(of_age) = delegation.of_age
        {
            let delegation = delegation.id.clone();
            consent.given_under = Some(GivenUnder { delegation, of_age, confirmed_at: None });
        }
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
                && old.is_open()
            {
                superseded = Some(old.id.clone());
                // What the newer one covers as well need not be deleted.
                let left = without(&old.data, &consent.data);
                let step = Step::to(State::Superseded, Reason::Replaced, now);
                let old = self.change(old, version, step, by.into(), &mut ops)?;
                self.order(&old, &left, now, &mut ops)?;
            }
            self.create(&consent, by.into(), now, &mut ops)?;
            ops.push(keep_notice(&new.notice));
            ops.push(Op::PutRecord {
                collection: CURRENT,
                key: pointer,
                value: keys::pointer(&consent.id)?,
                expect: current.map_or(Expect::Absent, |record| Expect::Version(record.version)),
            });
            if self.commit(tenant, ops).await? {
                return Ok(Changed { consent, happened: true, superseded });
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
        by.may_consent(now)?;
        // Refused is what was asked for, whatever was ticked.
        let asked =
            NewConsent { chosen: new.requested.classes().cloned().collect(), ..new.clone() };
        let consent = self.draft(by.subject, &asked, State::Refused, now, now)?;
        let mut ops = Vec::new();
        self.create(&consent, by.into(), now, &mut ops)?;
        ops.push(keep_notice(&new.notice));
        if self.commit(tenant, ops).await? { Ok(consent) } else { Err(raced()) }
    }

    /// Takes a consent back. It is out of force for every request that begins after this returns. Repeating it changes nothing; a
    /// consent of someone else is not found.
    pub async fn withdraw(
        &self,
        tenant: &TenantId,
        by: &Resident<'_>,
        id: &str,
    ) -> Result<Changed, Problem> {
        self.transition(tenant, by, id, State::Withdrawn, Reason::OwnWish, Consent::is_open).await
    }

    /// Takes back everything that the resident consented to, because they leave the platform; gives what was open until then. Every client
    /// is ordered to delete, as after a withdrawal.
    pub async fn withdraw_all(
        &self,
        tenant: &TenantId,
        by: &Resident<'_>,
    ) -> Result<Vec<Consent>, Problem> {
        by.themselves()?;
        // First, so that nobody redeems one or acts for another meanwhile.
        self.end_shares(tenant, by).await?;
        self.end_delegations(tenant, by).await?;
        let all = Part { offset: 0, limit: usize::MAX };
        let mut ended = Vec::new();
        for consent in self.of_subject(tenant, by.subject, all).await?.consents {
            let (to, reason) = (State::Withdrawn, Reason::AccountClosed);
            let done =
                self.transition(tenant, by, &consent.id, to, reason, Consent::is_open).await?;
            ended.extend(done.happened.then_some(done.consent));
        }
        Ok(ended)
    }

    /// Ends every consent for a client whose registration was ended, and orders it to delete; says how many there were. Repeating it does what is left.
    pub async fn end_client(
        &self,
        tenant: &TenantId,
        client: &ClientId,
        request: &str,
    ) -> Result<usize, Problem> {
        let all = Part { offset: 0, limit: usize::MAX };
        let mut ended = 0;
        for consent in self.of_client(tenant, client, all).await?.consents {
            ended += usize::from(self.revoke(tenant, &consent.id, request).await?);
        }
        Ok(ended)
    }

    /// Whether there was something to end.
    async fn revoke(&self, tenant: &TenantId, id: &str, request: &str) -> Result<bool, Problem> {
        for _ in 0..ATTEMPTS {
            let (found, now) = (self.head(tenant, id).await?, self.clock.micros());
            let open = |consent: &Consent| consent.is_open() && now < consent.ends();
            let Some((version, consent)) = found.filter(|(_, consent)| open(consent)) else {
                return Ok(false);
            };
            let mut ops = Vec::new();
            let step = Step::to(State::Revoked, Reason::ClientEnded, now);
            let consent = self.change(consent, version, step, By::town(request), &mut ops)?;
            self.order(&consent, &consent.data, now, &mut ops)?;
            if self.commit(tenant, ops).await? {
                return Ok(true);
            }
        }
        Err(raced())
    }

    /// Puts a consent out of force until it is resumed.
    pub async fn pause(
        &self,
        tenant: &TenantId,
        by: &Resident<'_>,
        id: &str,
    ) -> Result<Changed, Problem> {
        let live = |consent: &Consent| consent.state.is_live();
        self.transition(tenant, by, id, State::Paused, Reason::OwnWish, live).await
    }

    /// Puts a paused consent in force again; needs the same fresh login as giving it.
    pub async fn resume(
        &self,
        tenant: &TenantId,
        by: &Resident<'_>,
        id: &str,
    ) -> Result<Changed, Problem> {
        strong_and_fresh(by.assurance, self.clock.micros())?;
        let paused = |consent: &Consent| consent.state == State::Paused;
        self.transition(tenant, by, id, State::Resumed, Reason::OwnWish, paused).await
    }

    /// Records that a resident who has come of age stands by what their guardian gave. Needs the same fresh login as giving it.
    pub async fn confirm(
        &self,
        tenant: &TenantId,
        by: &Resident<'_>,
        id: &str,
    ) -> Result<Changed, Problem> {
        by.themselves()?;
        for _ in 0..ATTEMPTS {
            let (version, mut consent) = self.own(tenant, by, id).await?;
            let now = self.clock.micros();
            strong_and_fresh(by.assurance, now)?;
            if !consent.asks_to_confirm(now) {
                return Ok(Changed { consent, happened: false, superseded: None });
            }
            if let Some(under) = &mut consent.given_under {
                under.confirmed_at = Some(now);
            }
            let mut ops = Vec::new();
            let step = Step::to(consent.state, Reason::Confirmed, now);
            let consent = self.change(consent, version, step, by.into(), &mut ops)?;
            if self.commit(tenant, ops).await? {
                return Ok(Changed { consent, happened: true, superseded: None });
            }
        }
        Err(raced())
    }

    /// The consent of this id in the version of its record, if it is the resident's own.
    async fn own(
        &self,
        tenant: &TenantId,
        by: &Resident<'_>,
        id: &str,
    ) -> Result<(u64, Consent), Problem> {
        let found = self.head(tenant, id).await?;
        found.filter(|(_, consent)| consent.subject == by.subject).ok_or_else(Problem::not_found)
    }

    async fn transition(
        &self,
        tenant: &TenantId,
        by: &Resident<'_>,
        id: &str,
        to: State,
        reason: Reason,
        from: impl Fn(&Consent) -> bool,
    ) -> Result<Changed, Problem> {
        for _ in 0..ATTEMPTS {
            let (version, consent) = self.own(tenant, by, id).await?;
            let now = self.clock.micros();
            by.may_consent(now)?;
            // What is over by time is over, whether the event of it is written or not.
            if !from(&consent) || now >= consent.ends() {
                return Ok(Changed { consent, happened: false, superseded: None });
            }
            let mut ops = Vec::new();
            let step = Step::to(to, reason, now);
            let consent = self.change(consent, version, step, by.into(), &mut ops)?;
            self.order(&consent, &consent.data, now, &mut ops)?;
            if self.commit(tenant, ops).await? {
                return Ok(Changed { consent, happened: true, superseded: None });
            }
        }
        Err(raced())
    }
}

fn strong_and_fresh(assurance: &Assurance, now: Timestamp) -> Result<(), Problem> {
    if !assurance.reaches(Level::Substantial) {
        return Err(Problem::step_up(
            StepUp::Level(Level::Substantial),
            "giving a consent needs a login at assurance level 2 or higher",
        ));
    }
    if !assurance.fresh(now, FRESH_SECONDS) {
        return Err(Problem::step_up(
            StepUp::MaxAge(FRESH_SECONDS),
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
