//! `/account`: taking one's data along, and closing the Tsuno ID. Both need a login of the last five minutes.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde::{Deserialize, Serialize};
use tsunagu_identity::{Session, Suspension, session_cookie_name};

use crate::pages::error::{Kind, MessagePage};
use crate::render::Page;
use crate::visit::{Posted, Shown, Stop, Visit};

const FRESH_SECONDS: i64 = 300;

/// The model of the page.
#[derive(Debug, Serialize)]
pub(crate) struct AccountPage {
    /// Why what is for residents has stopped: `moved-out`, `elsewhere`, `proof-due`.
    pub(crate) suspended: Vec<Suspension>,
}

impl Page for AccountPage {
    const TEMPLATE: &'static str = "account.html";
}

/// The model of the page before closing.
#[derive(Debug, Serialize)]
pub(crate) struct ClosePage {}

impl Page for ClosePage {
    const TEMPLATE: &'static str = "close.html";
}

/// The resident who logged in lately; otherwise they log in again and come back.
fn lately<'a>(visit: &Visit, session: &'a Session) -> Result<&'a Session, Stop> {
    let now = visit.site.parts.clock.micros();
    if session.assurance.fresh(now, FRESH_SECONDS) {
        Ok(session)
    } else {
        Err(Stop::LoginAgain("/account".to_owned()))
    }
}

/// `GET /account`.
pub(crate) async fn show(visit: Visit) -> HttpResponse {
    let shown = account(&visit).await;
    visit.answer(shown)
}

async fn account(visit: &Visit) -> Shown {
    let session = lately(visit, visit.resident().await?)?;
    let parts = &visit.site.parts;
    let suspended = parts.residents.suspensions(&parts.tenant, session.tsuno_id).await?;
    visit.page(&AccountPage { suspended })
}

/// `GET /account/close`.
pub(crate) async fn ask_to_close(visit: Visit) -> HttpResponse {
    let shown = close_page(&visit).await;
    visit.answer(shown)
}

async fn close_page(visit: &Visit) -> Shown {
    lately(visit, visit.resident().await?)?;
    visit.page(&ClosePage {})
}

/// The form of the button "close".
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Close {
    csrf: String,
}

/// `POST /account/close`.
pub(crate) async fn close(visit: Visit, form: Posted<Close>) -> HttpResponse {
    let shown = match form {
        Ok(form) => end(&visit, &form.csrf).await,
        Err(_) => Err(Stop::bad_form()),
    };
    visit.answer(shown)
}

async fn end(visit: &Visit, csrf: &str) -> Shown {
    let session = lately(visit, visit.posted(csrf).await?)?;
    let parts = &visit.site.parts;
    let resident = visit.by(session);
    parts.ledger.withdraw_all(&parts.tenant, &resident).await?;
    let id = session.tsuno_id;
    parts.residents.close(&parts.tenant, id, &visit.id, &parts.sessions).await?;
    let page = MessagePage::new(Kind::Closed, None, None);
    let mut answer = visit.signed_out_page(StatusCode::OK, &page)?;
    let spent = visit.cookie(session_cookie_name(visit.site.https()), "", Some(0));
    if let Err(error) = answer.add_cookie(&spent) {
        tracing::error!(request = visit.id, %error, "a cookie cannot be set");
    }
    Ok(answer)
}

#[cfg(test)]
impl AccountPage {
    pub(crate) fn samples() -> Vec<(&'static str, Self)> {
        let all = vec![Suspension::MovedOut, Suspension::Elsewhere, Suspension::ProofDue];
        vec![
            ("account", Self { suspended: Vec::new() }),
            ("account-suspended", Self { suspended: all }),
        ]
    }
}

#[cfg(test)]
impl ClosePage {
    pub(crate) fn samples() -> Vec<(&'static str, Self)> {
        vec![("close", Self {})]
    }
}
