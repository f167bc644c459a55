//! `/oauth/end-session`: logging out, begun by a service. Whoever is logged in is asked, unless the service shows that it knows them.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use tsunagu_identity::{EndSession, Form};

use crate::pages::error::{Kind, MessagePage};
use crate::render::Page;
use crate::security;
use crate::visit::{Posted, Shown, Stop, Visit, secret_and_for};

/// The parameter of our own that names a request which was kept.
const KEPT: &str = "request";

/// The model of the question.
#[derive(Debug, Serialize)]
pub(crate) struct EndSessionPage {
    /// Name of the service that asks, if it says so.
    pub(crate) client: Option<String>,
    /// By what the request is found again.
    pub(crate) request: String,
}

impl Page for EndSessionPage {
    const TEMPLATE: &'static str = "end_session.html";
}

/// `GET /oauth/end-session`.
pub(crate) async fn ask(visit: Visit) -> HttpResponse {
    let shown = asked(&visit).await;
    visit.answer(shown)
}

async fn asked(visit: &Visit) -> Shown {
    let authorization = &visit.site.parts.authorization;
    let request = match visit.parameter(KEPT) {
        Some(secret) => authorization.kept_end_session(&secret).await?.ok_or_else(wrong)?,
        None => read(visit, visit.parameters()).await?,
    };
    proceed(visit, &request).await
}

/// `POST /oauth/end-session`.
pub(crate) async fn post(visit: Visit, form: Posted<Vec<(String, String)>>) -> HttpResponse {
    let shown = match form {
        Ok(form) => posted(&visit, form.into_inner()).await,
        Err(_) => Err(Stop::bad_form()),
    };
    visit.answer(shown)
}

async fn posted(visit: &Visit, form: Vec<(String, String)>) -> Shown {
    let request = read(visit, form).await?;
    if visit.session()?.is_some() {
        return proceed(visit, &request).await;
    }
    // A form that another site sent comes without cookies (SameSite=Lax); the address it is sent on to comes with them.
    let secret = visit.site.parts.authorization.keep_end_session(&request).await?;
    let query = security::query(&[(KEPT, &secret)]);
    Ok(Visit::see_other(&format!("/oauth/end-session?{query}")).finish())
}

fn wrong() -> Stop {
    Stop::Message(StatusCode::BAD_REQUEST, Kind::LogoutRefused)
}

async fn read(visit: &Visit, parameters: Vec<(String, String)>) -> Result<EndSession, Stop> {
    // The language is ours, for the links of the page.
    let parameters = parameters.into_iter().filter(|(name, _)| name != "lang");
    let form = Form::from_pairs(parameters).map_err(|_| wrong())?;
    let request = visit.site.parts.authorization.end_session(&form).await;
    request.map_err(|error| if error.status() < 500 { wrong() } else { error.into() })
}

async fn proceed(visit: &Visit, request: &EndSession) -> Shown {
    match visit.session()? {
        Some(session) if request.is_about(session) => end(visit, request, true).await,
        Some(_) => question(visit, request).await,
        // Nobody is logged in; who shows nothing may not use us to send people on.
        None => end(visit, request, request.is_shown()).await,
    }
}

async fn question(visit: &Visit, request: &EndSession) -> Shown {
    let page = EndSessionPage {
        client: request.client.as_ref().map(|client| visit.lang.pick(&client.name).to_owned()),
        request: visit.site.parts.authorization.keep_end_session(request).await?,
    };
    let target = request.back.as_ref().and_then(|url| security::origin(url.as_str()));
    visit.page_with(StatusCode::OK, &page, target.as_slice())
}

/// Ends the session and goes where the client wants, or says that it is done.
async fn end(visit: &Visit, request: &EndSession, on: bool) -> Shown {
    let mut answer = if let Some(back) = request.back.as_ref().filter(|_| on) {
        Visit::see_other(back.as_str()).finish()
    } else {
        let page = MessagePage::new(Kind::LoggedOut, None, None);
        visit.signed_out_page(StatusCode::OK, &page)?
    };
    visit.end_session(&mut answer).await?;
    Ok(answer)
}

/// The form of the button "log out".
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Confirmed {
    csrf: String,
    request: String,
}

/// `POST /oauth/end-session/confirm`.
pub(crate) async fn confirm(visit: Visit, form: Posted<Confirmed>) -> HttpResponse {
    let shown = match form {
        Ok(form) => confirmed(&visit, &form).await,
        Err(_) => Err(Stop::bad_form()),
    };
    visit.answer(shown)
}

async fn confirmed(visit: &Visit, form: &web::Form<Confirmed>) -> Shown {
    let authorization = &visit.site.parts.authorization;
    let request = authorization.kept_end_session(&form.request).await?.ok_or_else(wrong)?;
    let Some(session) = visit.session()? else {
        return end(visit, &request, request.is_shown()).await;
    };
    if !session.csrf_matches(secret_and_for(&form.csrf).0) {
        return Err(Stop::Message(StatusCode::FORBIDDEN, Kind::FormExpired));
    }
    end(visit, &request, true).await
}

#[cfg(test)]
impl EndSessionPage {
    pub(crate) fn samples() -> Vec<(&'static str, Self)> {
        let of = |client: Option<&str>| Self {
            client: client.map(str::to_owned),
            request: "secret-of-the-request".to_owned(),
        };
        vec![("end-session", of(Some("つのヘルスケア"))), ("end-session-nobody", of(None))]
    }
}
