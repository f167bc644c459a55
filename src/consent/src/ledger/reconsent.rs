//! When the catalogue has more than a consent covers: asking the resident anew, and their answer.

use serde::{Deserialize, Serialize};
use tsunagu_domain::{Problem, ProblemCode, TenantId, Timestamp};
use tsunagu_store::{Expect, Op, Scan};

use super::keys::{self, CONSENT, REVIEWED};
use super::write::{keep_notice, shown};
use super::{ATTEMPTS, By, Changed, DAY, Ledger, Resident, Step, raced, strong_and_fresh};
use crate::consent::FORM;
use crate::content::{beyond, merge};
use crate::{Consent, Notice, Reason, Reconsent};

const BATCH: usize = 200;
/// The one key of its collection.
const MARK: &[u8] = b"catalogue";

/// How far the consents were held against a catalogue.
#[derive(PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Reviewed {
    v: u32,
    catalogue_version: u32,
    /// The form of consents for which everything due is noted.
    form: u32,
}

/// What the resident answered to what was new.
#[derive(Debug, Clone)]
pub enum Reconsented {
    /// Yes, to this notice.
    Agreed(Notice),
    /// No.
    Declined,
}

impl Ledger {
    /// Holds every open consent against the catalogue and raises a question where a class that it covers has more now. The consent itself
    /// stays as it was. Looks at all consents once for each version of the catalogue; gives how many questions were raised.
    pub async fn review(&self, tenant: &TenantId) -> Result<usize, Problem> {
        let present = Reviewed { v: 1, catalogue_version: self.catalogue.version, form: FORM };
        if let Some(mark) = self.store.record(tenant, REVIEWED, MARK).await?
            && keys::decode::<Reviewed>(&mark.value)? == present
        {
            return Ok(0);
        }
        let (mut raised, mut after) = (0, None);
        loop {
            let scan = Scan { after, limit: BATCH, ..Scan::default() };
            let page = self.store.records(tenant, CONSENT, &scan).await?;
            for (_, record) in &page {
                let consent: Consent = keys::decode(&record.value)?;
                raised += usize::from(self.hold(tenant, consent.id).await?);
            }
            after = page.last().map(|(key, _)| key.clone());
            if page.len() < BATCH {
                break;
            }
        }
        // Last, so that a process that ends before has the next one begin again.
        let value = keys::encode(&present)?;
        let key = MARK.to_vec();
        let mark = Op::PutRecord { collection: REVIEWED, key, value, expect: Expect::Any };
        self.commit(tenant, vec![mark]).await?;
        Ok(raised)
    }

    /// One consent against the catalogue; whether a question was raised.
    async fn hold(&self, tenant: &TenantId, id: String) -> Result<bool, Problem> {
        for _ in 0..ATTEMPTS {
            let Some((version, mut consent)) = self.head(tenant, &id).await? else {
                return Ok(false);
            };
            let now = self.clock.micros();
            // What comes from a share code is what the code was made for, until it ends.
            if !consent.is_open() || consent.basis.is_some() {
                return Ok(false);
            }
            let mut ops = Vec::new();
            let added = beyond(&consent.data, &self.catalogue);
            let asked = consent.reconsent.as_ref().map(|reconsent| &reconsent.added);
            let news = !added.is_empty() && asked != Some(&added) && now < consent.ends();
            if news {
                consent.reconsent = Some(Reconsent {
                    catalogue_version: self.catalogue.version,
                    added: added.clone(),
                    raised_at: now,
                    deadline: self.deadline(&consent, now),
                    declined_at: None,
                });
                let step =
                    Step { data: added, ..Step::to(consent.state, Reason::CatalogueWidened, now) };
                consent = self.change(consent, version, step, By::PLATFORM, &mut ops)?;
            } else if consent.v == FORM {
                return Ok(false);
            }
            // Consents of the first form come without what is due.
            Self::plan(&consent, &mut ops)?;
            if self.commit(tenant, ops).await? {
                return Ok(news);
            }
        }
        Err(raced())
    }

    /// Until when the purpose can go on without an answer. A question that replaces another leaves no more time than that one did.
    fn deadline(&self, consent: &Consent, now: Timestamp) -> Option<Timestamp> {
        let days = self.catalogue.purpose(&consent.purpose.code)?.reconsent_days?;
        let until = now.saturating_add(i64::from(days) * DAY);
        let before = consent.reconsent.as_ref().and_then(|reconsent| reconsent.deadline);
        Some(before.map_or(until, |before| before.min(until)))
    }

    /// Records the resident's answer to what was new. Agreeing needs the same fresh login as giving a consent, and covers from then on
    /// what the question named, neither more nor longer; declining leaves what was agreed to before.
    pub async fn reconsent(
        &self,
        tenant: &TenantId,
        by: &Resident<'_>,
        id: &str,
        answer: &Reconsented,
    ) -> Result<Changed, Problem> {
        for _ in 0..ATTEMPTS {
            let (version, mut consent) = self.own(tenant, by, id).await?;
            let now = self.clock.micros();
            by.may_consent(now)?;
            let Some(asked) = consent.asked_again(now).cloned() else {
                return Ok(Changed { consent, happened: false, superseded: None });
            };
            let mut step = Step {
                data: asked.added.clone(),
                ..Step::to(consent.state, Reason::ReconsentDeclined, now)
            };
            match answer {
                Reconsented::Declined => {
                    consent.reconsent = Some(Reconsent { declined_at: Some(now), ..asked });
                }
                Reconsented::Agreed(notice) => {
                    strong_and_fresh(by.assurance, now)?;
                    if notice.shown_at < asked.raised_at {
                        let detail = "the notice was shown before the question was raised";
                        return Err(Problem::new(ProblemCode::BadRequestData, detail));
                    }
                    let notice = shown(notice, now)?;
                    merge(&mut consent.data, asked.added);
                    consent.catalogue_version = asked.catalogue_version;
                    consent.notice = notice.clone();
                    consent.reconsent = None;
                    step.reason = Reason::Reconsented;
                    step.notice = Some(notice);
                }
            }
            let mut ops = Vec::new();
            if let Reconsented::Agreed(notice) = answer {
                ops.push(keep_notice(notice));
            }
            let consent = self.change(consent, version, step, by.into(), &mut ops)?;
            // Without the deadline of the question it lasts longer again.
            Self::plan(&consent, &mut ops)?;
            if self.commit(tenant, ops).await? {
                return Ok(Changed { consent, happened: true, superseded: None });
            }
        }
        Err(raced())
    }
}
