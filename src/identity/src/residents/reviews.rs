//! What a person at the counter decides: who somebody is, or that they live here, when the verified data leave it open.

use std::fmt;

use serde::{Deserialize, Serialize};
use tsunagu_domain::{Problem, ProblemCode, TenantId, Timestamp, TsunoId};
use tsunagu_store::access::Action;
use tsunagu_store::{Expect, Scan, WriteSet};

use super::{Residents, busy};
use crate::records::{self, IDENTITY_REVIEWS, Kept};
use crate::services::seconds;
use crate::unhex;

/// A question that nobody decided is forgotten after 90 days.
const REVIEW_SECONDS: i64 = 90 * 24 * 60 * 60;
/// Hexadecimal digits of a reference: enough to tell those waiting apart, short enough to be read out.
const REFERENCE: usize = 12;

/// What is in doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Doubt {
    /// Whether the address, written in no known form, is in the town.
    Address,
    /// Whether it is one of some residents, or somebody new.
    Person,
}

/// What was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decided {
    /// It is this resident.
    SameAs(TsunoId),
    /// A resident who has no id yet.
    New,
    /// Not to be let in.
    Refused,
}

/// A question to a person at the counter. It holds nothing that a provider said about anybody.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdentityReview {
    /// What the person was told to say at the counter.
    pub reference: String,
    /// The provider they came through.
    pub provider: String,
    /// What is in doubt.
    pub doubt: Doubt,
    /// Residents who it may be.
    pub candidates: Vec<TsunoId>,
    /// Since when.
    pub since: Timestamp,
    /// What was decided. It takes effect at the next login with the same verified data.
    pub decided: Option<Decided>,
    /// Keyed digest of the verified data that the question is about.
    pub(crate) evidence: String,
}

impl fmt::Debug for IdentityReview {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdentityReview").field("doubt", &self.doubt).finish_non_exhaustive()
    }
}

/// Who decides, and in which request.
#[derive(Debug, Clone, Copy)]
pub struct Staff<'a> {
    /// As the access log names them, e.g. `client:town-hall`.
    pub actor: &'a str,
    /// Id of the request.
    pub request: &'a str,
}

/// The question about an identity, as it was read.
pub(super) struct Opinion {
    pub(super) expect: Expect,
    review: Option<IdentityReview>,
}

impl Opinion {
    /// What was decided about exactly these data.
    pub(super) fn on(&self, evidence: &str) -> Option<Decided> {
        self.review.as_ref().filter(|review| review.evidence == evidence)?.decided
    }
}

impl Residents {
    pub(super) async fn opinion(
        &self,
        tenant: &TenantId,
        identity: &[u8],
    ) -> Result<Opinion, Problem> {
        let store = &*self.services.store;
        let kept =
            records::read::<IdentityReview>(store, tenant, IDENTITY_REVIEWS, identity).await?;
        let now = self.services.clock.micros();
        Ok(match kept {
            Some(kept) => Opinion {
                expect: Expect::Version(kept.version),
                review: kept.live(now).then_some(kept.data),
            },
            None => Opinion { expect: Expect::Absent, review: None },
        })
    }

    /// Asks the counter, unless the same was asked before. Gives the reference; `None`: something changed meanwhile.
    #[expect(clippy::too_many_arguments, reason = "a question has so many parts")]
    pub(super) async fn ask(
        &self,
        tenant: &TenantId,
        identity: &[u8],
        provider: &str,
        before: Opinion,
        doubt: Doubt,
        candidates: Vec<TsunoId>,
        evidence: String,
    ) -> Result<Option<String>, Problem> {
        let now = self.services.clock.micros();
        let reference: String = crate::hex(identity).chars().take(REFERENCE).collect();
        let same = |review: &IdentityReview| {
            review.doubt == doubt && review.evidence == evidence && review.candidates == candidates
        };
        if before.review.as_ref().is_some_and(same) {
            return Ok(Some(reference));
        }
        let provider = provider.to_owned();
        let review = IdentityReview {
            reference: reference.clone(),
            provider,
            doubt,
            candidates,
            since: now,
            decided: None,
            evidence,
        };
        let until = Some(now + seconds(REVIEW_SECONDS));
        let op = records::put(IDENTITY_REVIEWS, identity, until, &review, before.expect)?;
        let set = WriteSet::new(tenant.clone()).with(op);
        Ok(records::try_commit(&*self.services.store, set).await?.then_some(reference))
    }

    /// Questions to the counter, in no particular order; `after` is the last reference of the previous page.
    pub async fn identity_reviews(
        &self,
        tenant: &TenantId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<IdentityReview>, Problem> {
        // Everything that begins with the last reference was on the page before.
        let after = after.map(|reference| [unhex(reference), vec![0xff; 32]].concat());
        let page = Scan { limit, after, ..Scan::default() };
        let (store, now) = (&*self.services.store, self.services.clock.micros());
        let found = records::scan::<IdentityReview>(store, tenant, IDENTITY_REVIEWS, &page).await?;
        let live = found.into_iter().filter(|(_, kept)| kept.live(now));
        Ok(live.map(|(_, kept)| kept.data).collect())
    }

    /// The question under a reference.
    pub async fn identity_review(
        &self,
        tenant: &TenantId,
        reference: &str,
    ) -> Result<IdentityReview, Problem> {
        Ok(self.question(tenant, reference).await?.1.data)
    }

    async fn question(
        &self,
        tenant: &TenantId,
        reference: &str,
    ) -> Result<(Vec<u8>, Kept<IdentityReview>), Problem> {
        let well_formed =
            reference.len() == REFERENCE && reference.bytes().all(|b| b.is_ascii_hexdigit());
        if !well_formed {
            return Err(Problem::not_found());
        }
        let (store, now) = (&*self.services.store, self.services.clock.micros());
        let page = Scan { prefix: unhex(reference), limit: 2, ..Scan::default() };
        let mut found =
            records::scan::<IdentityReview>(store, tenant, IDENTITY_REVIEWS, &page).await?;
        found.retain(|(_, kept)| kept.live(now));
        let one = found.pop().filter(|_| found.is_empty());
        one.ok_or_else(Problem::not_found)
    }

    /// Decides a question. The decision and its record of access are one transaction.
    pub async fn decide_identity(
        &self,
        tenant: &TenantId,
        staff: Staff<'_>,
        reference: &str,
        decided: Decided,
    ) -> Result<(), Problem> {
        let (key, kept) = self.question(tenant, reference).await?;
        if let Decided::SameAs(id) = decided
            && !(kept.data.candidates.contains(&id) && self.kept(tenant, id).await?.is_some())
        {
            let detail = "it can only be one of the candidates";
            return Err(Problem::new(ProblemCode::BadRequestData, detail).at("tsunoId"));
        }
        let subject = match decided {
            Decided::SameAs(id) => Some(id),
            Decided::New | Decided::Refused => None,
        };
        let mut access = self.services.access(staff.actor.to_owned(), subject, Action::Link);
        staff.request.clone_into(&mut access.request);
        access.types = vec![crate::person::iri("Person")];
        let reason = match decided {
            Decided::SameAs(_) => "counter-same-person",
            Decided::New => "counter-new-resident",
            Decided::Refused => "counter-refused",
        };
        reason.clone_into(&mut access.reason);
        access.count = 1;
        let review = IdentityReview { decided: Some(decided), ..kept.data };
        let expect = Expect::Version(kept.version);
        let mut set = WriteSet::new(tenant.clone());
        set.ops.push(records::put(IDENTITY_REVIEWS, &key, kept.until, &review, expect)?);
        set.ops.extend(self.services.log.ops(&access)?);
        if records::try_commit(&*self.services.store, set).await? { Ok(()) } else { Err(busy()) }
    }
}
