//! `/consents/{id}/renew`: the question that a wider catalogue raised, and the answer.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use tsunagu_consent::{Consent, Notice, Reconsent, Reconsented, Wish};
use tsunagu_domain::{Problem, ProblemCode};
use tsunagu_identity::Session;

use super::handlers::{actions, address, classes, last_day, own};
use super::{RenewPage, RenewalNotice};
use crate::dates;
use crate::locale::Lang;
use crate::pages::authorize::{Answer, NOTICE_VERSION, TO_ANSWER};
use crate::security;
use crate::visit::{Posted, Shown, Stop, Visit};

/// `GET /consents/{id}/renew`.
pub(crate) async fn ask(visit: Visit, id: web::Path<String>) -> HttpResponse {
    let shown = asked(&visit, &id).await;
    visit.answer(shown)
}

async fn asked(visit: &Visit, id: &str) -> Shown {
    let session = visit.meant(Wish::Look).await?;
    let consent = own(visit, session, id).await?;
    question(visit, &consent, false)
}

/// The page with the question; the consent's own page when there is none.
fn question(visit: &Visit, consent: &Consent, changed: bool) -> Shown {
    let now = visit.site.parts.clock.micros();
    let Some(asked) = consent.asked_again(now) else {
        return Ok(Visit::see_other(&address(consent)).finish());
    };
    let notice = notice(visit, visit.lang, consent, asked)?;
    visit.page(&RenewPage {
        href: address(consent),
        client: visit.lang.pick(&consent.client_name).to_owned(),
        notice_digest: security::sha256(notice.as_bytes()),
        notice,
        shown_at: now,
        changed,
    })
}

/// The notice, in its exact bytes.
fn notice(
    visit: &Visit,
    lang: Lang,
    consent: &Consent,
    asked: &Reconsent,
) -> Result<String, Problem> {
    let deadline = asked.deadline.map(|deadline| dates::day(lang, deadline.saturating_sub(1)));
    let model = RenewalNotice {
        client: lang.pick(&consent.client_name).to_owned(),
        added: classes(lang, &asked.added),
        classes: classes(lang, &consent.data),
        actions: actions(&asked.added),
        purpose: lang.pick(&consent.purpose.text).to_owned(),
        until: if deadline.is_some() {
            dates::day(lang, consent.valid_until.saturating_sub(1))
        } else {
            last_day(lang, consent)
        },
        retention_days: consent.data_life_days,
        deadline,
    };
    visit.site.renderer.fragment(lang, &model).map_err(|error| {
        tracing::error!(request = visit.id, %error, "the notice cannot be shown");
        Problem::new(ProblemCode::InternalError, "the notice cannot be shown")
    })
}

/// The form of the page.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Renewal {
    csrf: String,
    lang: String,
    shown_at: i64,
    notice: String,
    decision: String,
}

/// `POST /consents/{id}/renew`.
pub(crate) async fn answer(
    visit: Visit,
    id: web::Path<String>,
    form: Posted<Renewal>,
) -> HttpResponse {
    let shown = match form {
        Ok(form) => record(&visit, &id, &form).await,
        Err(_) => Err(Stop::bad_form()),
    };
    visit.answer(shown)
}

async fn record(visit: &Visit, id: &str, form: &Renewal) -> Shown {
    let session: &Session = visit.posted_for(&form.csrf).await?;
    let lang = Lang::of(&form.lang).ok_or_else(Stop::bad_form)?;
    let decision = Answer::of(&form.decision).ok_or_else(Stop::bad_form)?;
    let parts = &visit.site.parts;
    let consent = own(visit, session, id).await?;
    let now = parts.clock.micros();
    let Some(asked) = consent.asked_again(now) else {
        return question(visit, &consent, true);
    };
    let bytes = notice(visit, lang, &consent, asked)?.into_bytes();
    let late = !(0..=TO_ANSWER).contains(&now.saturating_sub(form.shown_at));
    if late || form.shown_at < asked.raised_at || security::sha256(&bytes) != form.notice {
        return question(visit, &consent, true);
    }
    let answer = match decision {
        Answer::Refuse => Reconsented::Declined,
        Answer::Give => Reconsented::Agreed(Notice {
            version: NOTICE_VERSION.to_owned(),
            lang: lang.code().to_owned(),
            bytes,
            shown_at: form.shown_at,
        }),
    };
    let by = visit.by(session);
    match parts.ledger.reconsent(&parts.tenant, &by, id, &answer).await {
        Ok(changed) => Ok(Visit::see_other(&address(&changed.consent)).finish()),
        Err(problem) if problem.code == ProblemCode::StepUpRequired => {
            Err(Stop::LoginAgain(format!("{}/renew", address(&consent))))
        }
        Err(problem) => Err(problem.into()),
    }
}
