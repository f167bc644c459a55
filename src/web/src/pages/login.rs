//! `/login` with its choice of providers, `/login/{provider}`, its callback, and `/logout`.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use tsunagu_identity::{
    CallbackQuery, LOGIN_SECONDS, LoginOutcome, RefusalReason, login_cookie_name,
    session_cookie_name,
};

use crate::pages::error::Kind;
use crate::render::Page;
use crate::visit::{Posted, Shown, Stop, Visit, secret_and_for};

/// A way to log in.
#[derive(Debug, Serialize)]
pub(crate) struct ProviderView {
    /// What people call it.
    pub(crate) name: String,
    /// Where it begins.
    pub(crate) href: String,
}

/// The model of the choice.
#[derive(Debug, Serialize)]
pub(crate) struct LoginPage {
    /// Ways to log in.
    pub(crate) providers: Vec<ProviderView>,
}

impl Page for LoginPage {
    const TEMPLATE: &'static str = "login.html";
}

/// `GET /login`.
pub(crate) async fn choose(visit: Visit) -> HttpResponse {
    let return_to = visit.parameter("return_to");
    let providers = visit.ways_in(return_to.as_deref().unwrap_or("/"), visit.is_anew());
    let shown = visit.page(&LoginPage { providers });
    visit.answer(shown)
}

/// `GET /login/{provider}`.
pub(crate) async fn begin(visit: Visit, provider: web::Path<String>) -> HttpResponse {
    let return_to = visit.parameter("return_to");
    let shown = start(&visit, &provider, return_to.as_deref().unwrap_or("/")).await;
    visit.answer(shown)
}

async fn start(visit: &Visit, provider: &str, return_to: &str) -> Shown {
    let parts = &visit.site.parts;
    let begun = parts.logins.begin(&parts.tenant, provider, return_to, visit.is_anew()).await?;
    let name = login_cookie_name(visit.site.https());
    Ok(Visit::see_other(begun.redirect.as_str())
        .cookie(visit.cookie(name, &begun.cookie, Some(LOGIN_SECONDS)))
        .finish())
}

/// `GET /login/{provider}/callback`.
pub(crate) async fn callback(
    visit: Visit,
    provider: web::Path<String>,
    query: Result<web::Query<CallbackQuery>, actix_web::Error>,
) -> HttpResponse {
    let shown = match query {
        Ok(query) => finish(&visit, &provider, &query).await,
        Err(_) => Err(Stop::Message(StatusCode::BAD_REQUEST, Kind::LoginRefused)),
    };
    let mut answer = visit.answer(shown);
    // Whatever came out, this login is over.
    let spent = visit.cookie(login_cookie_name(visit.site.https()), "", Some(0));
    if let Err(error) = answer.add_cookie(&spent) {
        tracing::error!(request = visit.id, %error, "a cookie cannot be set");
    }
    answer
}

async fn finish(visit: &Visit, provider: &str, query: &CallbackQuery) -> Shown {
    let parts = &visit.site.parts;
    let cookie = visit.login_cookie.as_deref();
    let message = |status, kind| Err(Stop::Message(status, kind));
    match parts.logins.callback(&parts.tenant, provider, query, cookie).await? {
        LoginOutcome::SignedIn { session, return_to, .. } => {
            // A session that this browser had before is not left behind.
            visit.leave_session().await?;
            let name = session_cookie_name(visit.site.https());
            Ok(Visit::see_other(&return_to)
                .cookie(visit.cookie(name, &session.cookie, None))
                .finish())
        }
        LoginOutcome::NotResident { .. } => message(StatusCode::FORBIDDEN, Kind::LoginNotResident),
        LoginOutcome::Counter { reference } => Err(Stop::Counter(reference)),
        LoginOutcome::TooWeak => message(StatusCode::FORBIDDEN, Kind::LoginWeak),
        LoginOutcome::Cancelled { .. } => message(StatusCode::OK, Kind::LoginCancelled),
        LoginOutcome::Refused(reason) => refused(reason),
    }
}

/// What is told about a login that failed a check.
pub(crate) fn refused(reason: RefusalReason) -> Shown {
    let message = |status, kind| Err(Stop::Message(status, kind));
    match reason {
        RefusalReason::State => message(StatusCode::BAD_REQUEST, Kind::LoginExpired),
        RefusalReason::ProviderUnavailable => {
            message(StatusCode::BAD_GATEWAY, Kind::LoginUnavailable)
        }
        RefusalReason::ProviderError
        | RefusalReason::Issuer
        | RefusalReason::Code
        | RefusalReason::Scope
        | RefusalReason::IdToken(_)
        | RefusalReason::UserinfoSubject
        | RefusalReason::UserData => message(StatusCode::BAD_REQUEST, Kind::LoginRefused),
    }
}

/// The form of the button "log out".
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Logout {
    csrf: String,
}

/// `POST /logout`.
pub(crate) async fn logout(visit: Visit, form: Posted<Logout>) -> HttpResponse {
    let shown = match form {
        Ok(form) => leave(&visit, &form.csrf).await,
        Err(_) => Err(Stop::bad_form()),
    };
    visit.answer(shown)
}

async fn leave(visit: &Visit, csrf: &str) -> Shown {
    let (secret, _) = secret_and_for(csrf);
    if visit.session()?.is_some_and(|session| !session.csrf_matches(secret)) {
        return Err(Stop::Message(StatusCode::FORBIDDEN, Kind::FormExpired));
    }
    let acting = visit.acting_cookie(None);
    let mut answer = Visit::see_other("/").cookie(acting).finish();
    visit.end_session(&mut answer).await?;
    Ok(answer)
}

#[cfg(test)]
impl ProviderView {
    pub(crate) fn sample() -> Self {
        Self { name: "xID".to_owned(), href: "/login/xid".to_owned() }
    }
}

#[cfg(test)]
impl LoginPage {
    pub(crate) fn samples() -> Vec<(&'static str, Self)> {
        let name = "デジタル認証アプリ".to_owned();
        let other = ProviderView { name, href: "/login/daa".to_owned() };
        vec![("login", Self { providers: vec![ProviderView::sample(), other] })]
    }
}
