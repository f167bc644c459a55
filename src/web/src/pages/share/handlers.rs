//! The handlers of share codes.

use std::collections::BTreeMap;

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use tsunagu_consent::{Confirmed, NewShare, ShareCode, ShareState};
use tsunagu_domain::{ProblemCode, Sensitivity, Timestamp};
use tsunagu_identity::Session;

use super::{CodeLine, CodePage, ConfirmPage, ShareForm, SharePage, qr};
use crate::dates;
use crate::locale::Lang;
use crate::pages::authorize::{Choice, TO_ANSWER};
use crate::pages::own::{SHARE_CODES, looks_at};
use crate::visit::{Posted, Shown, Stop, Visit};

const HERE: &str = "/share";
const FRESH_SECONDS: i64 = 300;
/// So many codes are listed.
const LISTED: usize = 20;
/// A code is shown to be used there and then.
const REDEEM_MINUTES: u32 = 10;
/// For how long data can be shared, minutes.
pub(super) const MINUTES: [u32; 5] = [30, 1440, 3 * 1440, 7 * 1440, 30 * 1440];

/// `GET /share`.
pub(crate) async fn show(visit: Visit) -> HttpResponse {
    let shown = page(&visit, false).await;
    visit.answer(shown)
}

async fn page(visit: &Visit, wrong: bool) -> Shown {
    let session = visit.resident().await?;
    let parts = &visit.site.parts;
    let shares = parts.ledger.shares(&parts.tenant, session.tsuno_id, LISTED).await?;
    looks_at(visit, session, SHARE_CODES, shares.len()).await?;
    let now = parts.clock.micros();
    let fresh = session.assurance.fresh(now, FRESH_SECONDS);
    let mut codes = Vec::with_capacity(shares.len());
    for share in &shares {
        codes.push(line(visit, share, now).await?);
    }
    let form = fresh.then(|| form(visit));
    visit.page(&SharePage { codes, form, login: visit.login(HERE), wrong })
}

fn form(visit: &Visit) -> ShareForm {
    let catalogue = &visit.site.parts.catalogue;
    let purposes: Vec<_> = catalogue.purposes.iter().filter(|p| p.by_share_code).collect();
    let shareable = |code: &String| purposes.iter().any(|p| p.data_classes.contains(code));
    let classes = catalogue.data_classes.iter().filter(|class| shareable(&class.code));
    let longest = purposes.iter().map(|p| p.max_days.saturating_mul(1440)).max().unwrap_or(0);
    ShareForm {
        classes: classes
            .map(|class| Choice {
                code: class.code.clone(),
                label: visit.lang.pick(&class.label).to_owned(),
                sensitive: class.sensitivity == Sensitivity::Sensitive,
            })
            .collect(),
        minutes: MINUTES.into_iter().filter(|minutes| *minutes <= longest).collect(),
        purposes: purposes
            .iter()
            .map(|p| (p.code.clone(), visit.lang.pick(&p.text).to_owned()))
            .collect(),
    }
}

async fn line(visit: &Visit, share: &ShareCode, now: Timestamp) -> Result<CodeLine, Stop> {
    let (lang, parts): (Lang, _) = (visit.lang, &visit.site.parts);
    let mut classes: Vec<String> =
        share.data.iter().map(|part| lang.pick(&part.label).to_owned()).collect();
    classes.dedup();
    let mut open = share.state(now) == ShareState::Open;
    for redemption in &share.redeemed {
        let consent = parts.ledger.get(&parts.tenant, &redemption.consent).await?;
        open |= consent.is_some_and(|consent| consent.is_open() && now < consent.ends());
    }
    let used_by = share.redeemed.iter().map(|redemption| {
        let name = lang.pick(&redemption.client_name).to_owned();
        (name, format!("/consents/{}", redemption.consent))
    });
    Ok(CodeLine {
        id: share.id.clone(),
        state: share.state(now).as_str(),
        classes,
        made: dates::day(lang, share.made_at),
        made_time: dates::time(share.made_at),
        until: dates::day(lang, share.until),
        until_time: dates::time(share.until),
        used_by: used_by.collect(),
        open,
    })
}

/// What is to be shared, as the forms of both steps say it.
struct Wanted {
    csrf: String,
    new: NewShare,
    /// Language, digest and moment of the notice, in the second step.
    confirmed: Option<(String, String, i64)>,
}

impl Wanted {
    /// From the pairs of the form: each name once, but for the boxes.
    fn of(pairs: Vec<(String, String)>) -> Option<Self> {
        let mut fields = BTreeMap::new();
        let mut data_classes = Vec::new();
        for (name, value) in pairs {
            if name == "class" {
                data_classes.push(value);
            } else if fields.insert(name, value).is_some() {
                return None;
            }
        }
        let mut field = |name: &str| fields.remove(name);
        let csrf = field("csrf")?;
        let new = NewShare {
            purpose: field("purpose").unwrap_or_default(),
            data_classes,
            minutes: field("minutes")?.parse().ok()?,
            redeem_minutes: REDEEM_MINUTES,
            uses: field("uses")?.parse().ok()?,
        };
        let confirmed = match (field("lang"), field("notice"), field("shown_at")) {
            (Some(lang), Some(notice), Some(at)) => Some((lang, notice, at.parse().ok()?)),
            (None, None, None) => None,
            _ => return None,
        };
        fields.is_empty().then_some(Self { csrf, new, confirmed })
    }
}

/// A form that one of our pages sent, in a session that is fresh.
async fn wanted(
    visit: &Visit,
    form: Posted<Vec<(String, String)>>,
) -> Result<(&Session, Wanted), Stop> {
    let wanted = form.ok().and_then(|form| Wanted::of(form.into_inner()));
    let wanted = wanted.ok_or_else(Stop::bad_form)?;
    let session = visit.posted(&wanted.csrf).await?;
    if session.assurance.fresh(visit.site.parts.clock.micros(), FRESH_SECONDS) {
        Ok((session, wanted))
    } else {
        Err(Stop::LoginAgain(HERE.to_owned()))
    }
}

/// `POST /share/confirm`: the notice of what would be shared.
pub(crate) async fn confirm(visit: Visit, form: Posted<Vec<(String, String)>>) -> HttpResponse {
    let shown = question(&visit, form).await;
    visit.answer(shown)
}

async fn question(visit: &Visit, form: Posted<Vec<(String, String)>>) -> Shown {
    let (_, wanted) = wanted(visit, form).await?;
    let parts = &visit.site.parts;
    match parts.ledger.share_notice(&wanted.new, visit.lang.code()) {
        Ok(notice) => visit.page(&ConfirmPage {
            notice: notice.text,
            notice_digest: notice.sha256,
            shown_at: parts.clock.micros(),
            purpose: wanted.new.purpose,
            classes: wanted.new.data_classes,
            minutes: wanted.new.minutes,
            uses: wanted.new.uses,
        }),
        // E.g. no box was ticked.
        Err(problem) if problem.code == ProblemCode::BadRequestData => page(visit, true).await,
        Err(problem) => Err(problem.into()),
    }
}

/// `POST /share`: the code, this once.
pub(crate) async fn make(visit: Visit, form: Posted<Vec<(String, String)>>) -> HttpResponse {
    let shown = made(&visit, form).await;
    visit.answer(shown)
}

async fn made(visit: &Visit, form: Posted<Vec<(String, String)>>) -> Shown {
    let (session, wanted) = wanted(visit, form).await?;
    let (lang, sha256, shown_at) = wanted.confirmed.ok_or_else(Stop::bad_form)?;
    let parts = &visit.site.parts;
    let age = parts.clock.micros().saturating_sub(shown_at);
    if !(0..=TO_ANSWER).contains(&age) {
        return page(visit, true).await;
    }
    let confirmed = Confirmed { lang: &lang, sha256: &sha256, shown_at };
    let by = visit.by(session);
    match parts.ledger.share(&parts.tenant, &by, &wanted.new, confirmed).await {
        Ok(shared) => visit.page(&CodePage {
            qr: qr::svg(&shared.code)?,
            code: shared.code,
            id: shared.share.id,
            redeem_until: dates::time(shared.share.redeem_until),
        }),
        Err(problem) if problem.code == ProblemCode::BadRequestData => page(visit, true).await,
        Err(problem) => Err(problem.into()),
    }
}

/// A form that is but a button.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Button {
    csrf: String,
}

/// `POST /share/{id}/cancel`. Needs no fresh login: it harms nobody.
pub(crate) async fn cancel(
    visit: Visit,
    id: web::Path<String>,
    form: Posted<Button>,
) -> HttpResponse {
    let shown = match form {
        Ok(form) => take_back(&visit, &id, &form.csrf).await,
        Err(_) => Err(Stop::bad_form()),
    };
    visit.answer(shown)
}

async fn take_back(visit: &Visit, id: &str, csrf: &str) -> Shown {
    let session = visit.posted(csrf).await?;
    let parts = &visit.site.parts;
    let by = visit.by(session);
    parts.ledger.cancel_share(&parts.tenant, &by, id).await?;
    Ok(Visit::see_other(HERE).finish())
}
