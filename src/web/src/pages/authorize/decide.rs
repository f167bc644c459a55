//! `POST /oauth/authorize/decision`: the answer goes to the ledger, and its outcome back to the service.

use std::collections::BTreeMap;

use actix_web::HttpResponse;
use tsunagu_consent::Consent;
use tsunagu_domain::ProblemCode;
use tsunagu_identity::{Answerable, AuthorizationRequest};

use super::ask::{self, Why};
use super::wording;
use crate::security;
use crate::visit::{Posted, Shown, Stop, Visit};

/// A notice may be answered this long after it was shown, microseconds: 15 minutes.
pub(crate) const TO_ANSWER: i64 = 15 * 60 * 1_000_000;

/// The form of the consent page.
#[derive(Debug)]
struct Decision {
    csrf: String,
    client_id: String,
    request_uri: String,
    /// Language of the notice.
    lang: String,
    /// When the notice was shown.
    shown_at: i64,
    /// Digest of the notice.
    notice: String,
    answer: Answer,
    /// The boxes that were ticked: codes of data classes.
    chosen: Vec<String>,
}

impl Decision {
    /// From the pairs of the form: each name once, but for the boxes.
    fn of(pairs: Vec<(String, String)>) -> Option<Self> {
        let mut fields = BTreeMap::new();
        let mut chosen = Vec::new();
        for (name, value) in pairs {
            if name == "class" {
                chosen.push(value);
            } else if fields.insert(name, value).is_some() {
                return None;
            }
        }
        let mut field = |name: &str| fields.remove(name);
        let decision = Self {
            csrf: field("csrf")?,
            client_id: field("client_id")?,
            request_uri: field("request_uri")?,
            lang: field("lang")?,
            shown_at: field("shown_at")?.parse().ok()?,
            notice: field("notice")?,
            answer: Answer::of(&field("decision")?)?,
            chosen,
        };
        fields.is_empty().then_some(decision)
    }
}

/// Which button was pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Give,
    Refuse,
}

impl Answer {
    pub(crate) fn of(value: &str) -> Option<Self> {
        match value {
            "give" => Some(Self::Give),
            "refuse" => Some(Self::Refuse),
            _ => None,
        }
    }
}

/// `POST /oauth/authorize/decision`.
pub(crate) async fn decide(visit: Visit, form: Posted<Vec<(String, String)>>) -> HttpResponse {
    let shown = match form.ok().and_then(|form| Decision::of(form.into_inner())) {
        Some(form) => record(&visit, &form).await,
        None => Err(Stop::bad_form()),
    };
    visit.answer(shown)
}

/// Whether a consent that there is already is the answer to this request. One that is asked for anew is given anew.
fn answers(request: &AuthorizationRequest, consent: &Consent) -> bool {
    !request.asks_consent_anew() || consent.valid_from >= request.opened()
}

async fn record(visit: &Visit, form: &Decision) -> Shown {
    let parts = &visit.site.parts;
    let page = ask::address(&form.client_id, &form.request_uri);
    if visit.session()?.is_none() {
        return Err(Stop::LoginAgain(page));
    }
    let session = visit.posted_for(&form.csrf).await?;
    let lang = ask::language(&form.lang)?;
    let request =
        parts.authorization.authorization_request(&form.client_id, &form.request_uri).await?;
    let details = request.details.as_ref().ok_or_else(Stop::bad_form)?;
    if parts.authorization.answerable(&request, Some(session)) != Answerable::Yes {
        return Err(Stop::LoginAgain(page));
    }
    let now = parts.clock.micros();
    // Looked at first: a notice cannot be made for every number that somebody sends.
    if !(0..=TO_ANSWER).contains(&now.saturating_sub(form.shown_at)) {
        return ask::question(visit, session, &request, details, now, Why::Changed).await;
    }
    let wording = wording::of(visit, lang, &request, details, form.shown_at)?;
    // What is recorded as shown must be what was shown, to the byte.
    if security::sha256(wording.html.as_bytes()) != form.notice {
        return ask::question(visit, session, &request, details, now, Why::Changed).await;
    }
    let catalogue = &parts.catalogue;
    let classes = |optional| wording::asked(catalogue, details, optional).map(|class| &class.code);
    if form.chosen.iter().any(|code| !classes(true).any(|optional| optional == code)) {
        return Err(Stop::bad_form());
    }
    let chosen: Vec<String> = classes(false).chain(&form.chosen).cloned().collect();
    if chosen.is_empty() && form.answer == Answer::Give {
        return ask::question(visit, session, &request, details, now, Why::NothingChosen).await;
    }
    let answered = wording::answered(chosen, lang, &request, details, wording, form.shown_at);
    let by = visit.by(session);
    let back = match form.answer {
        Answer::Refuse => {
            parts.ledger.refuse(&parts.tenant, &by, &answered).await?;
            parts.authorization.deny(&request).await?
        }
        Answer::Give => {
            // Pressed twice, it is one consent: a second would end the first, and the code given under it.
            let covering = ask::covering(visit, session, &request, details).await?;
            let consent = match covering.filter(|consent| answers(&request, consent)) {
                Some(consent) if ask::given_by_visitor(visit, &consent).await? => consent,
                Some(_) => return Err(ask::not_for_others()),
                None => match parts.ledger.give(&parts.tenant, &by, &answered).await {
                    Ok(given) => given.consent,
                    Err(problem) if problem.code == ProblemCode::StepUpRequired => {
                        return Err(Stop::LoginAgain(page));
                    }
                    Err(problem) => return Err(problem.into()),
                },
            };
            let request = ask::granted(&request, &consent);
            parts.authorization.approve(&request, session, Some(&consent.id)).await?
        }
    };
    Ok(Visit::see_other(back.as_str()).finish())
}
