//! The handlers of the connected services.

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use serde::Deserialize;
use tsunagu_consent::{
    ActedBy, Consent, ConsentedData, DataAction, Event, Part, Reader, Reason, State, Wish,
};
use tsunagu_domain::{Problem, ProblemCode, Sensitivity, Timestamp};
use tsunagu_identity::Session;

use super::{
    ConsentLine, ConsentPage, ConsentsPage, DeletionView, EventLine, NoticePage, WithdrawPage,
};
use crate::dates;
use crate::locale::Lang;
use crate::pages::authorize::ClassView;
use crate::pages::own::{CONSENTS, looks_at};
use crate::security;
use crate::visit::{Posted, Shown, Stop, Visit};

/// At most so many consents are listed. Nobody answers more services than that.
const MOST: usize = 200;

/// `GET /consents`.
pub(crate) async fn list(visit: Visit) -> HttpResponse {
    let shown = all(&visit).await;
    visit.answer(shown)
}

async fn all(visit: &Visit) -> Shown {
    let session = visit.meant(Wish::Look).await?;
    let parts = &visit.site.parts;
    let part = Part { offset: 0, limit: MOST };
    let listed = parts.ledger.of_subject(&parts.tenant, session.tsuno_id, part).await?;
    looks_at(visit, session, CONSENTS, listed.consents.len()).await?;
    let now = parts.clock.micros();
    let lines = |live: bool| {
        let consents = listed.consents.iter().filter(move |consent| consent.live_at(now) == live);
        consents.map(|consent| line(visit.lang, consent, now)).collect()
    };
    visit.page(&ConsentsPage { live: lines(true), ended: lines(false) })
}

fn line(lang: Lang, consent: &Consent, now: Timestamp) -> ConsentLine {
    let state = consent.state_at(now);
    let expired = state == State::Expired;
    ConsentLine {
        href: address(consent),
        client: lang.pick(&consent.client_name).to_owned(),
        state: state.as_str(),
        purpose: lang.pick(&consent.purpose.text).to_owned(),
        classes: classes(lang, &consent.data).into_iter().map(|class| class.label).collect(),
        until: last_day(lang, consent),
        changed: if expired {
            last_day(lang, consent)
        } else {
            dates::day(lang, consent.changed_at)
        },
        tags: tags(consent, now),
    }
}

/// What is to be noticed about a consent in the list.
fn tags(consent: &Consent, now: Timestamp) -> Vec<&'static str> {
    let all = [
        (consent.basis.is_some(), "consents-shared"),
        (consent.asks_to_confirm(now), "consents-confirm"),
        (consent.asked_again(now).is_some(), "consents-asked"),
        (consent.ends_soon(now), "consents-ends-soon"),
    ];
    all.into_iter().filter(|(holds, _)| *holds).map(|(_, key)| key).collect()
}

pub(super) fn address(consent: &Consent) -> String {
    format!("/consents/{}", consent.id)
}

/// The day on which a consent is in force for the last time.
pub(super) fn last_day(lang: Lang, consent: &Consent) -> dates::Day {
    dates::day(lang, consent.ends().saturating_sub(1))
}

/// The data by class, each class once.
pub(super) fn classes(lang: Lang, data: &[ConsentedData]) -> Vec<ClassView> {
    let mut views: Vec<(&str, ClassView)> = Vec::new();
    for part in data {
        let attributes = part.attributes.iter().map(|a| lang.pick(&a.label).to_owned());
        if let Some((_, view)) = views.iter_mut().find(|(code, _)| *code == part.class) {
            view.attributes.extend(attributes);
            continue;
        }
        let view = ClassView {
            label: lang.pick(&part.label).to_owned(),
            sensitive: part.sensitivity == Sensitivity::Sensitive,
            attributes: attributes.collect(),
        };
        views.push((&part.class, view));
    }
    views.into_iter().map(|(_, view)| view).collect()
}

/// The consent of this id, if it is the resident's own.
pub(super) async fn own(visit: &Visit, session: &Session, id: &str) -> Result<Consent, Stop> {
    let parts = &visit.site.parts;
    let consent = parts.ledger.get(&parts.tenant, id).await?;
    let own = consent.filter(|consent| consent.subject == session.tsuno_id);
    let own = own.ok_or_else(Problem::not_found)?;
    looks_at(visit, session, CONSENTS, 1).await?;
    Ok(own)
}

/// `GET /consents/{id}`.
pub(crate) async fn show(visit: Visit, id: web::Path<String>) -> HttpResponse {
    let shown = one(&visit, &id).await;
    visit.answer(shown)
}

async fn one(visit: &Visit, id: &str) -> Shown {
    let session = visit.meant(Wish::Look).await?;
    let consent = own(visit, session, id).await?;
    let parts = &visit.site.parts;
    let events = parts.ledger.events(&parts.tenant, id).await?;
    let (lang, now) = (visit.lang, parts.clock.micros());
    let state = consent.state_at(now);
    let deletion = match parts.ledger.deletion(&parts.tenant, id).await? {
        Some(order) => Some(DeletionView {
            state: order.state().as_str(),
            overdue: order.overdue(now),
            until: dates::day(lang, order.delete_by.saturating_sub(1)),
            done: order.done_at.map(|at| dates::day(lang, at)),
            classes: classes(lang, &order.data).into_iter().map(|class| class.label).collect(),
        }),
        None => None,
    };
    let asked_again = consent.asked_again(now).map(|asked| classes(lang, &asked.added));
    visit.page(&ConsentPage {
        href: address(&consent),
        client: lang.pick(&consent.client_name).to_owned(),
        state: state.as_str(),
        live: consent.live_at(now),
        tags: consent.basis.iter().map(|_| "consents-shared").collect(),
        confirm: consent.asks_to_confirm(now),
        just_withdrawn: state == State::Withdrawn && visit.parameter("done").is_some(),
        classes: classes(lang, &consent.data),
        actions: actions(&consent.data),
        purpose: lang.pick(&consent.purpose.text).to_owned(),
        from: dates::day(lang, consent.valid_from),
        until: last_day(lang, &consent),
        retention_days: consent.data_life_days,
        frequency: consent.frequency.map(Into::into),
        ends_soon: consent.ends_soon(now).then(|| last_day(lang, &consent)),
        asked_again: asked_again.unwrap_or_default(),
        history: history(visit, &events).await?,
        deletion,
        receipt_id: consent.receipt_id,
    })
}

/// What may be done with any of the data.
pub(super) fn actions(data: &[ConsentedData]) -> Vec<&'static str> {
    let may = |action| data.iter().any(|data| data.actions.contains(&action));
    let actions = [(DataAction::Read, "read"), (DataAction::Write, "write")];
    actions.into_iter().filter(|(action, _)| may(*action)).map(|(_, name)| name).collect()
}

/// What happened, the newest first, with who acted in place of the resident.
async fn history(visit: &Visit, events: &[Event]) -> Result<Vec<EventLine>, Problem> {
    let parts = &visit.site.parts;
    let mut lines = Vec::with_capacity(events.len());
    for event in events.iter().rev() {
        let by = match &event.acted_by {
            None => None,
            Some(ActedBy::Counter { assisted }) => Some(("counter", assisted.clerk.clone())),
            Some(ActedBy::Delegate { authority, delegation, .. }) => {
                let found = parts.ledger.delegation(&parts.tenant, delegation).await?;
                let name = found.map_or_else(String::new, |found| found.delegate_name);
                Some((authority.as_str(), name))
            }
        };
        lines.push(EventLine { by, ..event_line(visit.lang, event) });
    }
    Ok(lines)
}

fn event_line(lang: Lang, event: &Event) -> EventLine {
    EventLine {
        by: None,
        day: dates::day(lang, event.at),
        time: dates::time(event.at),
        what: match event.reason {
            Reason::ShareCode => event.reason.as_str(),
            reason if reason.keeps_state() => reason.as_str(),
            _ => event.state.as_str(),
        },
    }
}

/// `GET /consents/{id}/receipt`: the signed receipt, as a file.
pub(crate) async fn receipt(visit: Visit, id: web::Path<String>) -> HttpResponse {
    let shown = signed(&visit, &id).await;
    visit.answer(shown)
}

async fn signed(visit: &Visit, id: &str) -> Shown {
    let session = visit.meant(Wish::Look).await?;
    let consent = own(visit, session, id).await?;
    let parts = &visit.site.parts;
    let reader = match visit.delegation() {
        None => Reader::Resident,
        Some(_) => Reader::Other(session.tsuno_id),
    };
    let jws = parts.ledger.receipt(&parts.tenant, &consent.id, reader).await?;
    let name = format!("attachment; filename=\"consent-receipt-{}.jwt\"", consent.receipt_id);
    Ok(security::headers(HttpResponse::Ok(), &[])
        .content_type("application/jwt")
        .insert_header((header::CONTENT_DISPOSITION, name))
        .body(jws))
}

/// `GET /consents/{id}/notice`: the notice as it was shown when the resident answered.
pub(crate) async fn notice(visit: Visit, id: web::Path<String>) -> HttpResponse {
    let shown = as_shown(&visit, &id).await;
    visit.answer(shown)
}

async fn as_shown(visit: &Visit, id: &str) -> Shown {
    let session = visit.meant(Wish::Look).await?;
    let consent = own(visit, session, id).await?;
    let parts = &visit.site.parts;
    let bytes = parts.ledger.notice(&parts.tenant, &consent.notice).await?;
    let notice = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    visit.page(&NoticePage {
        href: address(&consent),
        client: visit.lang.pick(&consent.client_name).to_owned(),
        day: dates::day(visit.lang, consent.notice.shown_at),
        notice: notice.ok_or_else(Problem::not_found)?,
        // What was read at the counter, or shown with a code, is text.
        plain: consent.basis.is_some() || consent.notice.version.starts_with("counter-"),
        notice_lang: consent.notice.lang,
        digest: consent.notice.sha256,
    })
}

/// `GET /consents/{id}/withdraw`.
pub(crate) async fn ask_to_withdraw(visit: Visit, id: web::Path<String>) -> HttpResponse {
    let shown = question(&visit, &id).await;
    visit.answer(shown)
}

async fn question(visit: &Visit, id: &str) -> Shown {
    let session = visit.meant(Wish::Look).await?;
    let consent = own(visit, session, id).await?;
    if !consent.is_open() {
        return Ok(Visit::see_other(&address(&consent)).finish());
    }
    visit.page(&WithdrawPage {
        href: address(&consent),
        client: visit.lang.pick(&consent.client_name).to_owned(),
        classes: classes(visit.lang, &consent.data).into_iter().map(|class| class.label).collect(),
    })
}

/// A form that is but a button.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Button {
    csrf: String,
}

/// `POST /consents/{id}/withdraw`. Needs no fresh login: taking back must be as easy as giving, and harms nobody.
pub(crate) async fn withdraw(
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
    let session = visit.posted_for(csrf).await?;
    let parts = &visit.site.parts;
    let by = visit.by(session);
    let changed = parts.ledger.withdraw(&parts.tenant, &by, id).await?;
    Ok(Visit::see_other(&format!("{}?done=1", address(&changed.consent))).finish())
}

/// `POST /consents/{id}/pause`. As easy as withdrawing, and can be undone.
pub(crate) async fn pause(
    visit: Visit,
    id: web::Path<String>,
    form: Posted<Button>,
) -> HttpResponse {
    let shown = match form {
        Ok(form) => stop_for_now(&visit, &id, &form.csrf).await,
        Err(_) => Err(Stop::bad_form()),
    };
    visit.answer(shown)
}

async fn stop_for_now(visit: &Visit, id: &str, csrf: &str) -> Shown {
    let session = visit.posted_for(csrf).await?;
    let parts = &visit.site.parts;
    let by = visit.by(session);
    let changed = parts.ledger.pause(&parts.tenant, &by, id).await?;
    Ok(Visit::see_other(&address(&changed.consent)).finish())
}

/// `POST /consents/{id}/resume`. Needs the same fresh login as giving.
pub(crate) async fn resume(
    visit: Visit,
    id: web::Path<String>,
    form: Posted<Button>,
) -> HttpResponse {
    let shown = match form {
        Ok(form) => go_on(&visit, &id, &form.csrf).await,
        Err(_) => Err(Stop::bad_form()),
    };
    visit.answer(shown)
}

async fn go_on(visit: &Visit, id: &str, csrf: &str) -> Shown {
    let session = visit.posted_for(csrf).await?;
    let parts = &visit.site.parts;
    let consent = own(visit, session, id).await?;
    let by = visit.by(session);
    match parts.ledger.resume(&parts.tenant, &by, id).await {
        Ok(changed) => Ok(Visit::see_other(&address(&changed.consent)).finish()),
        Err(problem) if problem.code == ProblemCode::StepUpRequired => {
            Err(Stop::LoginAgain(address(&consent)))
        }
        Err(problem) => Err(problem.into()),
    }
}

/// `POST /consents/{id}/confirm`: the resident, of age by now, stands by what a guardian gave. Needs the same fresh login as giving.
pub(crate) async fn confirm(
    visit: Visit,
    id: web::Path<String>,
    form: Posted<Button>,
) -> HttpResponse {
    let shown = match form {
        Ok(form) => stand_by(&visit, &id, &form.csrf).await,
        Err(_) => Err(Stop::bad_form()),
    };
    visit.answer(shown)
}

async fn stand_by(visit: &Visit, id: &str, csrf: &str) -> Shown {
    let session = visit.posted(csrf).await?;
    let parts = &visit.site.parts;
    let by = visit.by(session);
    match parts.ledger.confirm(&parts.tenant, &by, id).await {
        Ok(changed) => Ok(Visit::see_other(&address(&changed.consent)).finish()),
        Err(problem) if problem.code == ProblemCode::StepUpRequired => {
            Err(Stop::LoginAgain(format!("/consents/{id}")))
        }
        Err(problem) => Err(problem.into()),
    }
}
