//! `GET /oauth/authorize`: straight back to the service when nothing is to be asked, else the question.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde_json::Value;
use tsunagu_consent::{ActedBy, Consent, Wish};
use tsunagu_domain::{Catalogue, DataClass, Level, Problem, Sensitivity, SubjectPath, Timestamp};
use tsunagu_identity::{Answerable, AuthorizationRequest, ErrorCode, ResidentData, Session};

use super::wording::{self, Wording};
use super::{AuthorizePage, Choice, OwnValue};
use crate::locale::Lang;
use crate::pages::error::Kind;
use crate::pages::own;
use crate::security;
use crate::visit::{Shown, Stop, Visit};

/// Deciding needs a login no older than this, seconds.
const FRESH_SECONDS: i64 = 300;

/// `GET /oauth/authorize?client_id&request_uri`.
pub(crate) async fn ask(visit: Visit) -> HttpResponse {
    let shown = authorize(&visit).await;
    visit.answer(shown)
}

async fn authorize(visit: &Visit) -> Shown {
    let parts = &visit.site.parts;
    let wrong = || Stop::Message(StatusCode::BAD_REQUEST, Kind::AuthorizeError);
    let client_id = visit.parameter("client_id").ok_or_else(wrong)?;
    let request_uri = visit.parameter("request_uri").ok_or_else(wrong)?;
    // Looked at before anything else: who brings no good request is sent nowhere.
    let request = parts.authorization.authorization_request(&client_id, &request_uri).await?;
    let session = visit.session()?;
    let login = match (parts.authorization.answerable(&request, session), session) {
        (Answerable::Yes, Some(_)) => None,
        (Answerable::Never, _) => {
            let unmet = ErrorCode::UnmetAuthenticationRequirements;
            return back_with(visit, &request, unmet).await;
        }
        (_, None) if !request.asks_fresh_login() => Some(visit.login(&visit.here())),
        _ => Some(visit.login_anew(&visit.here())),
    };
    if request.is_silent()
        && let Some(error) = needs_a_page(session, login.is_some())
    {
        return back_with(visit, &request, error).await;
    }
    if let Some(login) = login {
        return Ok(Visit::see_other(&login).finish());
    }
    let session = visit.meant(Wish::Change).await?;
    let Some(details) = &request.details else {
        // Without a question about data it is a login, and nobody logs in as another.
        visit.resident().await?;
        let back = parts.authorization.approve(&request, session, None).await?;
        return Ok(Visit::see_other(back.as_str()).finish());
    };
    let covering = covering(visit, session, &request, details).await?;
    if let Some(consent) = covering.filter(|_| !request.asks_consent_anew()) {
        if !given_by_visitor(visit, &consent).await? {
            if request.is_silent() {
                return back_with(visit, &request, ErrorCode::ConsentRequired).await;
            }
            return Err(not_for_others());
        }
        let request = granted(&request, &consent);
        if visit.delegation().is_some() {
            own::looks_at(visit, session, own::CONSENTS, 1).await?;
        }
        let back = parts.authorization.approve(&request, session, Some(&consent.id)).await?;
        return Ok(Visit::see_other(back.as_str()).finish());
    }
    if request.is_silent() {
        return back_with(visit, &request, ErrorCode::ConsentRequired).await;
    }
    let now = parts.clock.micros();
    if !session.assurance.fresh(now, FRESH_SECONDS) {
        return Err(Stop::LoginAgain(visit.here()));
    }
    question(visit, session, &request, details, now, Why::Asked).await
}

/// Back to the client, with an error.
async fn back_with(visit: &Visit, request: &AuthorizationRequest, error: ErrorCode) -> Shown {
    let back = visit.site.parts.authorization.refuse(request, error).await?;
    Ok(Visit::see_other(back.as_str()).finish())
}

/// Why a request that shows no page cannot be answered in this session, if a page about the login were needed.
fn needs_a_page(session: Option<&Session>, login: bool) -> Option<ErrorCode> {
    let strong = session.is_some_and(|session| session.assurance.reaches(Level::Substantial));
    match session {
        None => Some(ErrorCode::LoginRequired),
        // Somebody is there; a stronger login than theirs is more than logging in again.
        Some(_) if !strong => Some(ErrorCode::InteractionRequired),
        Some(_) => login.then_some(ErrorCode::LoginRequired),
    }
}

/// The request as it is granted: of what is optional, what the consent covers.
pub(super) fn granted(request: &AuthorizationRequest, consent: &Consent) -> AuthorizationRequest {
    let covered = |class: &&String| consent.data.iter().any(|data| data.class == **class);
    let details = request.details.as_ref();
    let details =
        details.map(|details| details.granted(details.classes().filter(covered).cloned()));
    let mut granted = request.clone();
    granted.details = details;
    granted
}

/// Why the question is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// The service asks.
    Asked,
    /// The answer was to another notice, or came late.
    Changed,
    /// The answer was yes to nothing.
    NothingChosen,
}

/// A live consent that covers what is asked for already.
pub(super) async fn covering(
    visit: &Visit,
    session: &Session,
    request: &AuthorizationRequest,
    details: &ResidentData,
) -> Result<Option<Consent>, Problem> {
    let parts = &visit.site.parts;
    let requested = wording::requested(details);
    let covering =
        parts.ledger.covering(&parts.tenant, session.tsuno_id, &request.client.id, &requested);
    covering.await
}

/// Whether a consent is one that this visitor may get a service its tokens with: residents any of their own; who acts for a resident those
/// that this very delegation gave, since what the resident agreed to with a service let nobody else in.
pub(super) async fn given_by_visitor(visit: &Visit, consent: &Consent) -> Result<bool, Problem> {
    let parts = &visit.site.parts;
    let Some(acting) = visit.delegation() else { return Ok(true) };
    let by = parts.ledger.given_by(&parts.tenant, &consent.id).await?;
    Ok(matches!(by, Some(ActedBy::Delegate { delegation, .. }) if delegation == acting.id))
}

/// This is not done for another.
pub(super) fn not_for_others() -> Stop {
    Stop::Message(StatusCode::FORBIDDEN, Kind::NotForOthers)
}

/// The page with the question.
pub(super) async fn question(
    visit: &Visit,
    session: &Session,
    request: &AuthorizationRequest,
    details: &ResidentData,
    now: Timestamp,
    why: Why,
) -> Shown {
    let catalogue = &visit.site.parts.catalogue;
    let Wording { html, .. } = wording::of(visit, visit.lang, request, details, now)?;
    let page = AuthorizePage {
        client: visit.lang.pick(&request.client.name).to_owned(),
        client_id: request.client.id.to_string(),
        request_uri: request.request_uri.clone(),
        notice_digest: security::sha256(html.as_bytes()),
        notice: html,
        shown_at: now,
        changed: why == Why::Changed,
        choices: wording::asked(catalogue, details, true)
            .map(|class| Choice {
                code: class.code.clone(),
                label: visit.lang.pick(&class.label).to_owned(),
                sensitive: class.sensitivity == Sensitivity::Sensitive,
            })
            .collect(),
        nothing_chosen: why == Why::NothingChosen,
        values: own_values(visit, session, catalogue, details).await?,
    };
    let mut targets: Vec<String> =
        request.client.redirect_uris.iter().filter_map(|uri| security::origin(uri)).collect();
    targets.sort_unstable();
    targets.dedup();
    visit.page_with(StatusCode::OK, &page, &targets)
}

/// What the asked classes hold about the resident now: the values of the person, and how many records there are of other kinds.
async fn own_values(
    visit: &Visit,
    session: &Session,
    catalogue: &Catalogue,
    details: &ResidentData,
) -> Result<Vec<OwnValue>, Problem> {
    if visit.delegation().is_some() {
        // Whoever decides for another is not shown their values.
        return Ok(Vec::new());
    }
    let classes: Vec<&DataClass> =
        details.classes().filter_map(|code| catalogue.data_class(code)).collect();
    let of_person = |entity_type: &str| {
        catalogue.personal_type(entity_type).is_some_and(|t| t.subject == SubjectPath::Id)
    };
    let mut values = Vec::new();
    let covered = classes.iter().flat_map(|class| &class.covers);
    let wanted: Vec<_> =
        covered.filter(|c| of_person(&c.r#type)).flat_map(|c| &c.attributes).collect();
    if !wanted.is_empty() {
        let names = wanted.iter().map(|attribute| attribute.iri.clone()).collect();
        let person = own::person(visit, session, names).await?;
        let context = tsunagu_ngsi_ld::Context::core();
        for attribute in wanted {
            let value = person.get(context.compact(&attribute.iri).as_ref());
            values.push(value_line(visit.lang.pick(&attribute.label), value));
        }
    }
    for class in classes {
        for covered in class.covers.iter().filter(|c| !of_person(&c.r#type)) {
            let count = own::count(visit, session, &covered.r#type).await?;
            values.push(OwnValue {
                label: visit.lang.pick(&class.label).to_owned(),
                text: None,
                coded: None,
                count: Some(count).filter(|count| *count > 0),
            });
        }
    }
    Ok(values)
}

fn value_line(label: &str, value: Option<&Value>) -> OwnValue {
    let coded = match value.and_then(Value::as_str) {
        Some("male") => Some("value-male"),
        Some("female") => Some("value-female"),
        Some("other") => Some("value-other"),
        _ => None,
    };
    OwnValue { label: label.to_owned(), text: value.and_then(own::words), coded, count: None }
}

/// The address of the question, for coming back after a login.
pub(super) fn address(client_id: &str, request_uri: &str) -> String {
    let query = security::query(&[("client_id", client_id), ("request_uri", request_uri)]);
    format!("/oauth/authorize?{query}")
}

/// The language that a form names.
pub(super) fn language(code: &str) -> Result<Lang, Stop> {
    Lang::of(code).ok_or_else(Stop::bad_form)
}
