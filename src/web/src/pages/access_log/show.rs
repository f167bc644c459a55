//! The handler: which part of the record is shown.

use std::collections::HashMap;

use actix_web::HttpResponse;
use tsunagu_audit::Period;
use tsunagu_consent::{Consent, Part, Wish};
use tsunagu_domain::{Problem, Timestamp, TsunoId};
use tsunagu_store::access::Access;

use super::sentences::{self, OWN, Rules};
use super::{AccessLogPage, UnusedLine, Who};
use crate::dates;
use crate::pages::own;
use crate::security;
use crate::visit::{Shown, Visit};

/// So many accesses make a page.
const PAGE: usize = 50;
/// So many are read at once, looking for others' among one's own.
const BATCH: usize = 200;
/// So often at most for one page.
const BATCHES: usize = 10;

/// At most so many consents are looked at for those that nobody uses.
const CONSENTS: usize = 200;

/// `GET /access-log`: `own=1` shows one's own looks, too; `until` and `skip` go on from an earlier page.
pub(crate) async fn show(visit: Visit) -> HttpResponse {
    let shown = page(&visit).await;
    visit.answer(shown)
}

/// A part of the record and how to go on after it.
struct Found {
    accesses: Vec<Access>,
    /// So many of the newest lie before what comes next; `None` at the end.
    next: Option<usize>,
}

async fn page(visit: &Visit) -> Shown {
    let session = visit.meant(Wish::See).await?;
    let parts = &visit.site.parts;
    let number = |name| visit.parameter(name).and_then(|value| value.parse::<i64>().ok());
    let own = number("own") == Some(1);
    let now = parts.clock.micros();
    // Later pages look at the record as it was when the first was shown: what is added meanwhile moves nothing.
    let until = number("until").filter(|until| (0..=now).contains(until)).unwrap_or(now + 1);
    let skip = number("skip").and_then(|skip| usize::try_from(skip).ok()).unwrap_or(0);

    // Written down first, so that this very look is on its own page and moves nothing on the next.
    own::looks_at(visit, session, own::ACCESS_LOG, 1).await?;
    let found = find(visit, session.tsuno_id, own, until, skip).await?;
    let names = names(visit, &found.accesses).await?;
    let rules = Rules { catalogue: &parts.catalogue, policies: &parts.policies };
    let days = sentences::days(visit.lang, rules, &names, &found.accesses);
    let since = parts.audit.since(&parts.tenant).await.map_err(Problem::from)?;
    let address = |parameters: &[(&str, &str)]| {
        let own = own.then_some(("own", "1"));
        let parameters: Vec<_> = own.into_iter().chain(parameters.iter().copied()).collect();
        if parameters.is_empty() {
            "/access-log".to_owned()
        } else {
            format!("/access-log?{}", security::query(&parameters))
        }
    };
    // Suggested where one begins, once.
    let unused = if skip == 0 { unused(visit, session.tsuno_id, now).await? } else { Vec::new() };
    visit.page(&AccessLogPage {
        unused,
        since: since.map(|at| dates::day(visit.lang, at)),
        own,
        days,
        newer: (skip > 0).then(|| address(&[])),
        older: found
            .next
            .map(|next| address(&[("until", &until.to_string()), ("skip", &next.to_string())])),
    })
}

/// Consents in force that nobody has used since they were given, long ago.
async fn unused(
    visit: &Visit,
    subject: TsunoId,
    now: Timestamp,
) -> Result<Vec<UnusedLine>, Problem> {
    let parts = &visit.site.parts;
    let part = Part { offset: 0, limit: CONSENTS };
    let listed = parts.ledger.of_subject(&parts.tenant, subject, part).await?;
    let uses = parts.audit.last_uses(&parts.tenant, subject).await?;
    let unused = listed.consents.iter().filter(|c| c.unused(now, uses.get(&c.id)));
    let line = |consent: &Consent| UnusedLine {
        href: format!("/consents/{}", consent.id),
        client: visit.lang.pick(&consent.client_name).to_owned(),
        given: dates::day(visit.lang, consent.valid_from),
    };
    Ok(unused.map(line).collect())
}

async fn find(
    visit: &Visit,
    subject: TsunoId,
    own: bool,
    until: Timestamp,
    skip: usize,
) -> Result<Found, Problem> {
    let parts = &visit.site.parts;
    let mut found = Found { accesses: Vec::new(), next: None };
    let mut offset = skip;
    for _ in 0..BATCHES {
        let period = Period { from: 0, until, offset, limit: BATCH };
        let about = parts.audit.accesses_about(&parts.tenant, subject, period).await?;
        let read = about.accesses.len();
        for access in about.accesses.into_iter().map(|seen| seen.access) {
            if found.accesses.len() == PAGE {
                found.next = Some(offset);
                return Ok(found);
            }
            offset += 1;
            if own || access.actor != OWN {
                found.accesses.push(access);
            }
        }
        if read < BATCH {
            return Ok(found);
        }
    }
    found.next = Some(offset);
    Ok(found)
}

/// Who the actors are.
async fn names(visit: &Visit, accesses: &[Access]) -> Result<HashMap<String, Who>, Problem> {
    let parts = &visit.site.parts;
    let mut names = HashMap::new();
    for access in accesses {
        if names.contains_key(&access.actor) {
            continue;
        }
        let delegate =
            ["guardian:", "family:"].iter().find_map(|kind| access.actor.strip_prefix(kind));
        let who = if access.actor == OWN {
            Who::You
        } else if let Some(id) = delegate {
            let found = parts.ledger.delegation(&parts.tenant, id).await?;
            Who::Delegate { name: found.map_or_else(String::new, |found| found.delegate_name) }
        } else if let Some(id) = access.actor.strip_prefix("client:") {
            let client = match id.parse() {
                Ok(id) => parts.clients.get(&parts.tenant, &id).await?,
                Err(_) => None,
            };
            // A service that is registered no more is still named, by its id.
            let name =
                client.map_or_else(|| id.to_owned(), |c| visit.lang.pick(&c.name).to_owned());
            Who::Service { name }
        } else if access.actor.starts_with("staff:") {
            Who::Staff
        } else {
            Who::Town
        };
        names.insert(access.actor.clone(), who);
    }
    Ok(names)
}
