//! Pages that say what happened and what to do next, in one sentence each.

use actix_web::{Error, FromRequest as _, HttpRequest, HttpResponse, web};
use serde::Serialize;
use tsunagu_domain::Problem;

use crate::render::Page;
use crate::site::Site;
use crate::visit::Visit;

/// What happened. Each kind has three texts: `-title`, `-what`, `-next`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    LoginNeeded,
    LoginAgain,
    LoginCancelled,
    LoginNotResident,
    LoginCounter,
    LoginExpired,
    LoginUnavailable,
    LoginRefused,
    LoginWeak,
    Closed,
    LoggedOut,
    LogoutRefused,
    StaffUnknown,
    StaffWeak,
    StaffChanged,
    AuthorizeError,
    FormExpired,
    NotForOthers,
    NotFound,
    TooMany,
    BadRequest,
    Forbidden,
    Unavailable,
    Failed,
}

impl Kind {
    /// Whether logging in is the next step.
    pub(crate) fn asks_for_login(self) -> bool {
        matches!(
            self,
            Self::LoginCancelled
                | Self::LoginExpired
                | Self::LoginUnavailable
                | Self::LoginRefused
                | Self::LoginWeak
                | Self::StaffWeak
        )
    }
}

/// The model of a message.
#[derive(Debug, Serialize)]
pub(crate) struct MessagePage {
    /// What happened.
    pub(crate) kind: Kind,
    /// The button of the next step.
    pub(crate) action: Option<Action>,
    /// Id of the request, when the help desk may need it.
    pub(crate) request: Option<String>,
    /// What to say at the counter.
    pub(crate) reference: Option<String>,
}

impl MessagePage {
    pub(crate) fn new(kind: Kind, action: Option<Action>, request: Option<String>) -> Self {
        Self { kind, action, request, reference: None }
    }
}

/// A button.
#[derive(Debug, Serialize)]
pub(crate) struct Action {
    /// Where it leads.
    pub(crate) href: String,
    /// The key of what it says.
    pub(crate) text: &'static str,
}

impl Page for MessagePage {
    const TEMPLATE: &'static str = "message.html";
}

/// The page for what does not exist, for the application's default service.
pub async fn not_found(request: HttpRequest) -> Result<HttpResponse, Error> {
    let visit = Visit::extract(&request).await?;
    Ok(visit.answer(Err(Problem::not_found().into())))
}

/// The page for a problem that was met before any page was asked, for what stands in front of all of them. Nothing is looked up for it.
pub fn problem(site: web::Data<Site>, request: &HttpRequest, problem: Problem) -> HttpResponse {
    Visit::of_stranger(site, request).answer(Err(problem.into()))
}

#[cfg(test)]
impl MessagePage {
    pub(crate) fn samples() -> Vec<(&'static str, Self)> {
        use Kind::*;
        let login = || Some(Action { href: "/login/xid".to_owned(), text: "action-login" });
        let request = || Some("01k9-8f2c".to_owned());
        let of = Self::new;
        let reference = Some("3f9a11c2b07d".to_owned());
        vec![
            ("login-needed", of(LoginNeeded, login(), None)),
            ("login-again", of(LoginAgain, login(), None)),
            ("login-cancelled", of(LoginCancelled, login(), None)),
            ("login-not-resident", of(LoginNotResident, None, request())),
            ("login-counter", Self { reference, ..of(LoginCounter, None, request()) }),
            ("login-expired", of(LoginExpired, login(), request())),
            ("login-unavailable", of(LoginUnavailable, login(), request())),
            ("login-refused", of(LoginRefused, login(), request())),
            ("login-weak", of(LoginWeak, login(), request())),
            ("closed", of(Closed, None, None)),
            ("logged-out", of(LoggedOut, None, None)),
            ("logout-refused", of(LogoutRefused, None, request())),
            ("staff-unknown", of(StaffUnknown, None, request())),
            ("staff-changed", of(StaffChanged, None, request())),
            ("staff-weak", of(StaffWeak, login(), request())),
            ("authorize-error", of(AuthorizeError, None, request())),
            ("form-expired", of(FormExpired, None, request())),
            ("not-for-others", of(NotForOthers, None, None)),
            ("not-found", of(NotFound, None, None)),
            ("too-many", of(TooMany, None, request())),
            ("bad-request", of(BadRequest, None, request())),
            ("forbidden", of(Forbidden, None, request())),
            ("unavailable", of(Unavailable, None, request())),
            ("failed", of(Failed, None, request())),
        ]
    }
}
