//! `/staff/login/{provider}`, where staff log in, and `/staff/logout`.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde::Deserialize;
use tsunagu_identity::{CallbackQuery, LOGIN_SECONDS, StaffArrival, login_cookie_name};
use tsunagu_staff::{NewStaffSession, staff_cookie_name};

use crate::pages::error::Kind;
use crate::pages::login::refused;
use crate::staff_visit::StaffVisit;
use crate::visit::{Posted, Shown, Stop, Visit};

/// `GET /staff/login/{provider}`.
pub(crate) async fn begin(visit: StaffVisit, provider: web::Path<String>) -> HttpResponse {
    let return_to = visit.parameter("return_to");
    let shown = start(&visit, &provider, return_to.as_deref().unwrap_or("/staff")).await;
    visit.answer(shown)
}

async fn start(visit: &StaffVisit, provider: &str, return_to: &str) -> Shown {
    let parts = &visit.site.parts;
    let begun = parts.staff_logins.begin(&parts.tenant, provider, return_to).await?;
    let name = login_cookie_name(visit.site.https());
    Ok(Visit::see_other(begun.redirect.as_str())
        .cookie(visit.cookie(name, &begun.cookie, Some(LOGIN_SECONDS)))
        .finish())
}

/// `GET /staff/login/{provider}/callback`.
pub(crate) async fn callback(
    visit: StaffVisit,
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

async fn finish(visit: &StaffVisit, provider: &str, query: &CallbackQuery) -> Shown {
    let parts = &visit.site.parts;
    let cookie = visit.login_cookie.as_deref();
    let message = |status, kind| Err(Stop::Message(status, kind));
    let (who, return_to) =
        match parts.staff_logins.callback(&parts.tenant, provider, query, cookie).await? {
            StaffArrival::Authenticated { who, return_to } => (who, return_to),
            StaffArrival::Cancelled { .. } => {
                return message(StatusCode::OK, Kind::LoginCancelled);
            }
            StaffArrival::Refused(reason) => return refused(reason),
        };
    match parts.staff.sessions.begin(&parts.tenant, &who, &visit.id).await? {
        NewStaffSession::Begun(cookie) => {
            // A session that this browser had before is not left behind.
            visit.end_session().await?;
            let name = staff_cookie_name(visit.site.https());
            Ok(Visit::see_other(&return_to).cookie(visit.cookie(name, &cookie, None)).finish())
        }
        NewStaffSession::Unknown => message(StatusCode::FORBIDDEN, Kind::StaffUnknown),
        NewStaffSession::TooWeak => message(StatusCode::FORBIDDEN, Kind::StaffWeak),
    }
}

/// The form of the button "log out".
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Logout {
    csrf: String,
}

/// `POST /staff/logout`.
pub(crate) async fn logout(visit: StaffVisit, form: Posted<Logout>) -> HttpResponse {
    let shown = match form {
        Ok(form) => leave(&visit, &form.csrf).await,
        Err(_) => Err(Stop::bad_form()),
    };
    visit.answer(shown)
}

async fn leave(visit: &StaffVisit, csrf: &str) -> Shown {
    if visit.member().is_some() {
        visit.posted(csrf)?;
        visit.end_session().await?;
    }
    let name = staff_cookie_name(visit.site.https());
    Ok(Visit::see_other("/staff").cookie(visit.cookie(name, "", Some(0))).finish())
}
