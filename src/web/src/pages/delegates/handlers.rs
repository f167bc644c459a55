//! The handlers of delegations.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use tsunagu_consent::{Delegation, DelegationKind, DelegationScope, NewDelegation};
use tsunagu_domain::{Problem, ProblemCode, Timestamp, TsunoId, day_ends};

use super::{DelegateLine, DelegatesPage};
use crate::dates;
use crate::locale::Lang;
use crate::pages::own::{DELEGATIONS, looks_at};
use crate::visit::{Posted, Shown, Stop, Visit};

const HERE: &str = "/delegates";
const FRESH_SECONDS: i64 = 300;

/// `GET /delegates`.
pub(crate) async fn show(visit: Visit) -> HttpResponse {
    let shown = page(&visit, false).await;
    visit.answer(shown)
}

async fn page(visit: &Visit, wrong: bool) -> Shown {
    let session = visit.resident().await?;
    let parts = &visit.site.parts;
    let for_me = parts.ledger.delegations_of(&parts.tenant, session.tsuno_id).await?;
    let by_me = parts.ledger.delegations_to(&parts.tenant, session.tsuno_id).await?;
    looks_at(visit, session, DELEGATIONS, for_me.len() + by_me.len()).await?;
    let now = parts.clock.micros();
    let live = by_me.iter().filter(|delegation| delegation.live_at(now));
    visit.page(&DelegatesPage {
        for_me: for_me.iter().map(|d| line(visit.lang, d, &d.delegate_name, true, now)).collect(),
        by_me: live.map(|d| line(visit.lang, d, &d.principal_name, false, now)).collect(),
        fresh: session.assurance.fresh(now, FRESH_SECONDS),
        login: visit.login(HERE),
        wrong,
    })
}

fn line(lang: Lang, of: &Delegation, name: &str, mine: bool, now: Timestamp) -> DelegateLine {
    let (live, ends) = (of.live_at(now), of.ends());
    DelegateLine {
        id: of.id.clone(),
        name: name.to_owned(),
        kind: of.kind.as_str(),
        scope: of.scope.as_str(),
        live,
        until: (ends < Timestamp::MAX).then(|| dates::day(lang, ends.saturating_sub(1))),
        can_end: live && !(mine && of.kind == DelegationKind::Guardian),
    }
}

/// The form for adding somebody.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Added {
    csrf: String,
    delegate: String,
    principal_name: String,
    delegate_name: String,
    scope: DelegationScope,
    last_day: String,
}

/// `POST /delegates`. Needs a login of the last five minutes.
pub(crate) async fn add(visit: Visit, form: Posted<Added>) -> HttpResponse {
    let shown = match form {
        Ok(form) => added(&visit, form.into_inner()).await,
        Err(_) => Err(Stop::bad_form()),
    };
    visit.answer(shown)
}

async fn added(visit: &Visit, form: Added) -> Shown {
    let session = visit.posted(&form.csrf).await?;
    let parts = &visit.site.parts;
    let (Ok(delegate), Some(until)) = (form.delegate.parse::<TsunoId>(), day_ends(&form.last_day))
    else {
        return page(visit, true).await;
    };
    if parts.residents.get(&parts.tenant, delegate).await?.is_none() {
        return page(visit, true).await;
    }
    let new = NewDelegation {
        delegate,
        principal_name: form.principal_name,
        delegate_name: form.delegate_name,
        scope: form.scope,
        until,
    };
    match parts.ledger.delegate(&parts.tenant, &visit.by(session), &new).await {
        Ok(_) => Ok(Visit::see_other(HERE).finish()),
        Err(problem) if problem.code == ProblemCode::StepUpRequired => {
            Err(Stop::LoginAgain(HERE.to_owned()))
        }
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

/// `POST /delegates/{id}/end`. Needs no fresh login: it harms nobody.
pub(crate) async fn end(visit: Visit, id: web::Path<String>, form: Posted<Button>) -> HttpResponse {
    let shown = match form {
        Ok(form) => ended(&visit, &id, &form.csrf).await,
        Err(_) => Err(Stop::bad_form()),
    };
    visit.answer(shown)
}

async fn ended(visit: &Visit, id: &str, csrf: &str) -> Shown {
    let session = visit.posted(csrf).await?;
    let parts = &visit.site.parts;
    parts.ledger.end_delegation(&parts.tenant, &visit.by(session), id).await?;
    Ok(Visit::see_other(HERE).finish())
}

/// `POST /delegates/{id}/act`: from now on this browser acts for the other.
pub(crate) async fn act(visit: Visit, id: web::Path<String>, form: Posted<Button>) -> HttpResponse {
    let shown = match form {
        Ok(form) => acted(&visit, &id, &form.csrf).await,
        Err(_) => Err(Stop::bad_form()),
    };
    visit.answer(shown)
}

async fn acted(visit: &Visit, id: &str, csrf: &str) -> Shown {
    let session = visit.posted(csrf).await?;
    let parts = &visit.site.parts;
    let found = parts.ledger.acting(&parts.tenant, session.tsuno_id, id).await?;
    let found = found.ok_or_else(Problem::not_found)?;
    // It says for whom; whether one may is looked up for every request.
    let cookie = visit.acting_cookie(Some(&found.id));
    Ok(Visit::see_other("/consents").cookie(cookie).finish())
}

/// `POST /delegates/myself`: from now on this browser acts for its own resident again.
pub(crate) async fn myself(visit: Visit, form: Posted<Button>) -> HttpResponse {
    let shown = match form {
        Ok(form) => back(&visit, &form.csrf),
        Err(_) => Err(Stop::bad_form()),
    };
    visit.answer(shown)
}

fn back(visit: &Visit, csrf: &str) -> Shown {
    visit.posted_by_anyone(csrf)?;
    let cookie = visit.acting_cookie(None);
    Ok(Visit::see_other("/").cookie(cookie).finish())
}
