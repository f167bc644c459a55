//! `/staff/queue`: who waits for the counter, and what it decides. A standing duty, without a case (ADR 0016).

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tsunagu_domain::{Problem, TsunoId};
use tsunagu_identity::{Decided, IdentityReview, LinkReview, Staff};
use tsunagu_staff::{Acting, Object, Role};
use tsunagu_store::access::{Access, AccessLog as _, Action, Decision};

use crate::dates::{self, Day};
use crate::locale::Lang;
use crate::render::Page;
use crate::staff_visit::StaffVisit;
use crate::visit::{Posted, Shown, Stop, Visit};

const IDENTITY_REVIEW: &str = "urn:tsunagu:type:IdentityReview";
const LINK_REVIEW: &str = "urn:tsunagu:type:LinkReview";
/// So many of each are shown at once.
const SHOWN: usize = 100;

/// The model of the page.
#[derive(Debug, Serialize)]
pub(crate) struct StaffQueuePage {
    /// Whose identity is in doubt.
    identities: Vec<IdentityLine>,
    /// Whose municipal record is.
    links: Vec<LinkLine>,
}

/// Somebody whom a provider vouched for.
#[derive(Debug, Serialize)]
struct IdentityLine {
    reference: String,
    provider: String,
    /// The end of a key `queue-doubt-…`.
    doubt: &'static str,
    /// Tsuno IDs of residents who it may be.
    candidates: Vec<String>,
    since: Day,
    decided: bool,
}

/// A resident without a record.
#[derive(Debug, Serialize)]
struct LinkLine {
    tsuno_id: String,
    /// The end of a key `queue-link-…`.
    reason: &'static str,
    /// Records, the best first.
    candidates: Vec<RecordLine>,
    since: Day,
}

/// A record that agrees on something.
#[derive(Debug, Serialize)]
struct RecordLine {
    /// Its entity id.
    id: String,
    /// How well it agrees, of 100.
    score: u8,
}

impl Page for StaffQueuePage {
    const TEMPLATE: &'static str = "staff_queue.html";
}

/// The name of a value as it is stored, among these.
fn name(value: &impl Serialize, known: &[&'static str]) -> &'static str {
    let value = serde_json::to_value(value).unwrap_or(Value::Null);
    known.iter().find(|name| value.as_str() == Some(**name)).copied().unwrap_or_default()
}

const DOUBTS: [&str; 2] = ["address", "person"];
const REASONS: [&str; 4] = ["none", "uncertain", "several", "ended"];

fn identity(lang: Lang, review: &IdentityReview) -> IdentityLine {
    IdentityLine {
        reference: review.reference.clone(),
        provider: review.provider.clone(),
        doubt: name(&review.doubt, &DOUBTS),
        candidates: review.candidates.iter().map(ToString::to_string).collect(),
        since: dates::day(lang, review.since),
        decided: review.decided.is_some(),
    }
}

fn link(lang: Lang, review: LinkReview) -> LinkLine {
    LinkLine {
        tsuno_id: review.tsuno_id.to_string(),
        reason: name(&review.reason, &REASONS),
        candidates: review
            .candidates
            .into_iter()
            .zip(review.scores.into_iter().chain(std::iter::repeat(0)))
            .map(|(id, score)| RecordLine { id, score })
            .collect(),
        since: dates::day(lang, review.since),
    }
}

async fn counter(
    visit: &StaffVisit,
    kind: &'static str,
    act: &'static str,
    id: &str,
) -> Result<Acting, Stop> {
    visit.as_one_of(&[Role::Counter], Object::new(kind, act, id)).await
}

/// `GET /staff/queue`.
pub(crate) async fn show(visit: StaffVisit) -> HttpResponse {
    let shown = queue(&visit).await;
    visit.answer(shown)
}

async fn queue(visit: &StaffVisit) -> Shown {
    let acting = counter(visit, IDENTITY_REVIEW, "counter-reviews", "").await?;
    let parts = &visit.site.parts;
    let identities = parts.residents.identity_reviews(&parts.tenant, None, SHOWN).await?;
    let links = parts.residents.reviews(&parts.tenant, None, SHOWN).await?;
    let named = identities.iter().flat_map(|review| review.candidates.iter().copied());
    let mut subjects: Vec<TsunoId> =
        named.chain(links.iter().map(|review| review.tsuno_id)).collect();
    subjects.sort_unstable();
    subjects.dedup();
    let access = Access {
        at: parts.clock.micros(),
        request: visit.id.clone(),
        actor: acting.actor(),
        count: subjects.len() as u64,
        subjects,
        purpose: None,
        grant: None,
        grant_version: None,
        action: Action::Query,
        types: vec![IDENTITY_REVIEW.to_owned(), LINK_REVIEW.to_owned()],
        attributes: Vec::new(),
        decision: Decision::Allowed,
        reason: "counter-duty".to_owned(),
    };
    parts.audit.record(&parts.tenant, &access).await?;
    visit.page(&StaffQueuePage {
        identities: identities.iter().map(|review| identity(visit.lang, review)).collect(),
        links: links.into_iter().map(|review| link(visit.lang, review)).collect(),
    })
}

/// The form of a decision about an identity.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DecideIdentity {
    csrf: String,
    /// `new`, `refused`, or the Tsuno ID of a candidate.
    decision: String,
}

/// `POST /staff/queue/identity/{reference}`.
pub(crate) async fn decide_identity(
    visit: StaffVisit,
    reference: web::Path<String>,
    form: Posted<DecideIdentity>,
) -> HttpResponse {
    let shown = match form {
        Ok(form) => identified(&visit, &reference, &form).await,
        Err(_) => Err(Stop::bad_form()),
    };
    visit.answer(shown)
}

async fn identified(visit: &StaffVisit, reference: &str, form: &DecideIdentity) -> Shown {
    visit.posted(&form.csrf)?;
    let acting = counter(visit, IDENTITY_REVIEW, "identity-decide", reference).await?;
    let decided = match form.decision.as_str() {
        "new" => Decided::New,
        "refused" => Decided::Refused,
        id => Decided::SameAs(id.parse().map_err(|_| Stop::bad_form())?),
    };
    let parts = &visit.site.parts;
    let actor = acting.actor();
    let staff = Staff { actor: &actor, request: &acting.request };
    parts.residents.decide_identity(&parts.tenant, staff, reference, decided).await?;
    Ok(Visit::see_other("/staff/queue").finish())
}

/// The form of a decision about a record.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DecideLink {
    csrf: String,
    /// Entity id of a candidate.
    record: String,
}

/// `POST /staff/queue/link/{id}`.
pub(crate) async fn decide_link(
    visit: StaffVisit,
    id: web::Path<String>,
    form: Posted<DecideLink>,
) -> HttpResponse {
    let shown = match form {
        Ok(form) => linked(&visit, &id, &form).await,
        Err(_) => Err(Stop::bad_form()),
    };
    visit.answer(shown)
}

async fn linked(visit: &StaffVisit, id: &str, form: &DecideLink) -> Shown {
    visit.posted(&form.csrf)?;
    let acting = counter(visit, LINK_REVIEW, "link-decide", id).await?;
    let id: TsunoId = id.parse().map_err(|_| Problem::not_found())?;
    let parts = &visit.site.parts;
    let actor = acting.actor();
    let staff = Staff { actor: &actor, request: &acting.request };
    parts.residents.decide_link(&parts.tenant, staff, id, &form.record).await?;
    Ok(Visit::see_other("/staff/queue").finish())
}

#[cfg(test)]
impl StaffQueuePage {
    pub(crate) fn samples(lang: Lang) -> Vec<(&'static str, Self)> {
        const AT: i64 = 1_795_359_600_000_000;
        const ID: &str = "179036RN6MWA9FDBEZ5V7M0EPVB";
        let identity = |doubt: &'static str| IdentityLine {
            reference: format!("3f9a11c2b07{}", doubt.len()),
            provider: "xid".to_owned(),
            doubt,
            candidates: if doubt == "person" { vec![ID.to_owned()] } else { vec![] },
            since: dates::day(lang, AT),
            decided: doubt == "person",
        };
        let link = |reason: &'static str| LinkLine {
            tsuno_id: format!("{ID}{}", reason.len()),
            reason,
            candidates: vec![RecordLine {
                id: "urn:ngsi-ld:ResidentRecord:1".to_owned(),
                score: 85,
            }],
            since: dates::day(lang, AT),
        };
        let full = Self {
            identities: DOUBTS.map(identity).into_iter().collect(),
            links: REASONS.map(link).into_iter().collect(),
        };
        let none = Self { identities: vec![], links: vec![] };
        vec![("staff-queue", full), ("staff-queue-none", none)]
    }
}
