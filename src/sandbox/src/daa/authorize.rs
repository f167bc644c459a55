//! The authorization endpoint: the limits of each parameter, and the choice of the tester.

use actix_web::http::{StatusCode, header};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use url::Url;

use super::{State, page};
use crate::http::{self, Params, Refusal};
use crate::idp::{Fault, Login};
use crate::jose;
use crate::town::Movement;

/// What can be asked for.
pub(super) const SCOPES: [&str; 5] = ["openid", "name", "address", "birthdate", "gender"];

/// What the tester lets happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Ok,
    Cancelled,
    RevokedCard,
    ExpiredCard,
    NoAddress,
}

impl Outcome {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "ok" => Self::Ok,
            "cancelled" => Self::Cancelled,
            "revoked_card" => Self::RevokedCard,
            "expired_card" => Self::ExpiredCard,
            "no_address" => Self::NoAddress,
            _ => return None,
        })
    }
}

/// A request whose client and redirect URI are good.
struct Request {
    redirect_uri: Url,
    state: Option<String>,
    params: Params,
}

/// Why a request is refused: on our own page, or by sending the browser back.
enum Fail {
    Here(Refusal),
    Back(Url),
}

/// A parameter of 1 to `most` characters that are all `fits`.
fn limited<'a>(
    params: &'a Params,
    name: &'static str,
    most: usize,
    fits: fn(u8) -> bool,
) -> Result<&'a str, String> {
    let value = params.get(name).ok_or_else(|| format!("{name} is missing"))?;
    if value.len() > most || !value.bytes().all(fits) {
        return Err(format!("{name} must be 1 to {most} characters of those allowed"));
    }
    Ok(value)
}

fn printable(byte: u8) -> bool {
    (0x20..=0x7e).contains(&byte)
}

fn url_safe(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

impl Request {
    fn read(request: &HttpRequest, state: &State) -> Result<Self, Refusal> {
        let params = Params::parse(request.query_string().as_bytes())?;
        let bad = |text: String| Refusal::bad_request("invalid_request", text);
        let id = limited(&params, "client_id", 255, |b| b.is_ascii_alphanumeric()).map_err(bad)?;
        if id != state.options.client_id {
            return Err(bad("the client is unknown".to_owned()));
        }
        let given = limited(&params, "redirect_uri", 255, printable).map_err(bad)?;
        let registered = state.options.redirect_uri.iter().any(|uri| uri == given);
        let redirect_uri = Url::parse(given)
            .ok()
            .filter(|_| registered)
            .ok_or_else(|| bad("the redirect URI is not registered".to_owned()))?;
        let state = params.get("state").map(str::to_owned);
        Ok(Self { redirect_uri, state, params })
    }

    /// The login it asks for, still without a person.
    fn login(&self, state: &State) -> Result<Login, (&'static str, String)> {
        let invalid = |text: String| ("invalid_request", text);
        let params = &self.params;
        if params.get("response_type") != Some("code") {
            return Err(("unsupported_response_type", "response_type must be code".to_owned()));
        }
        let scope = params.get("scope").unwrap_or_default();
        let all = || scope.split(' ');
        if !all().any(|one| one == "openid") || !all().all(|one| SCOPES.contains(&one)) {
            let text = format!("scope must contain openid, and of {SCOPES:?} only");
            return Err(("invalid_scope", text));
        }
        limited(params, "state", 255, printable).map_err(invalid)?;
        let nonce = limited(params, "nonce", 255, printable).map_err(invalid)?;
        let challenge = limited(params, "code_challenge", 128, url_safe).map_err(invalid)?;
        if params.get("code_challenge_method") != Some("S256") {
            return Err(invalid("code_challenge_method must be S256".to_owned()));
        }
        if params.get("acr_values").is_some() {
            limited(params, "acr_values", 255, printable).map_err(invalid)?;
        }
        Ok(Login {
            client_id: state.options.client_id.clone(),
            redirect_uri: params.get("redirect_uri").unwrap_or_default().to_owned(),
            code_challenge: challenge.to_owned(),
            nonce: nonce.to_owned(),
            scope: scope.to_owned(),
            persona: String::new(),
            with_address: true,
            at: state.now(),
            fault: None,
        })
    }

    fn back(&self, answer: &[(&str, &str)]) -> Url {
        let mut uri = self.redirect_uri.clone();
        uri.query_pairs_mut()
            .extend_pairs(answer)
            .extend_pairs(self.state.as_deref().map(|state| ("state", state)));
        uri
    }
}

/// `GET …/auth`
pub(super) async fn show(request: HttpRequest, state: Data<State>) -> HttpResponse {
    match checked(&request, &state) {
        Ok((_, login)) => page::choice(&state.town, &login, request.query_string()),
        Err(fail) => fail.answer(&request),
    }
}

/// `POST …/auth`: the page's form, or a script's.
pub(super) async fn choose(request: HttpRequest, state: Data<State>, body: Bytes) -> HttpResponse {
    match decide(&request, &state, &body) {
        Ok(uri) => redirect(&uri),
        Err(fail) => fail.answer(&request),
    }
}

fn checked(request: &HttpRequest, state: &State) -> Result<(Request, Login), Fail> {
    let asked = Request::read(request, state).map_err(Fail::Here)?;
    match asked.login(state) {
        Ok(login) => Ok((asked, login)),
        Err((error, text)) => {
            Err(Fail::Back(asked.back(&[("error", error), ("error_description", &text)])))
        }
    }
}

fn decide(request: &HttpRequest, state: &State, body: &[u8]) -> Result<Url, Fail> {
    let (asked, login) = checked(request, state)?;
    let form = Params::form(request, body).map_err(Fail::Here)?;
    let bad = |text: &str| Fail::Here(Refusal::bad_request("invalid_request", text));
    let outcome = form.required("outcome").map_err(Fail::Here)?;
    let mut outcome = Outcome::named(outcome).ok_or_else(|| bad("the outcome is unknown"))?;
    let failed = |error, text| Ok(asked.back(&[("error", error), ("error_description", text)]));
    if outcome == Outcome::Cancelled {
        return failed("access_denied", "the user cancelled in the app");
    }
    let persona = form.required("persona").map_err(Fail::Here)?;
    let person = state.town.person(persona).ok_or_else(|| bad("the persona is unknown"))?;
    if person.movement == Movement::Deceased {
        // certificates end with their holder
        outcome = Outcome::RevokedCard;
    }
    match outcome {
        Outcome::RevokedCard => return failed("login_required", "the certificate is revoked"),
        Outcome::ExpiredCard => return failed("login_required", "the certificate has expired"),
        Outcome::Ok | Outcome::NoAddress | Outcome::Cancelled => {}
    }
    let fault = match form.get("fault") {
        None => state.options.fault,
        Some(name) => Some(Fault::named(name).ok_or_else(|| bad("the fault is unknown"))?),
    };
    let broken = |error: crate::Error| Fail::Here(error.into());
    state.keys.suffer(fault).map_err(broken)?;
    let with_address = outcome != Outcome::NoAddress;
    let login = Login { persona: person.key.clone(), fault, with_address, ..login };
    let code = state.grants.issue_code(login, state.now()).map_err(broken)?;
    let session_state = jose::random_uuid().map_err(broken)?;
    let mut answer = vec![("code", code.as_str()), ("session_state", &session_state)];
    if fault == Some(Fault::DuplicateIss) {
        answer.extend([("iss", state.issuer.as_str()); 2]);
    }
    Ok(asked.back(&answer))
}

fn redirect(uri: &Url) -> HttpResponse {
    HttpResponse::Found()
        .insert_header((header::LOCATION, uri.as_str()))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::REFERRER_POLICY, "no-referrer"))
        .finish()
}

impl Fail {
    fn answer(self, request: &HttpRequest) -> HttpResponse {
        match self {
            Self::Back(uri) => redirect(&uri),
            Self::Here(refusal) if http::wants_page(request) => {
                let text = http::escape(&refusal.description);
                let body =
                    format!("<p class=\"note\">このログインは続けられません。</p><p>{text}</p>");
                http::page(StatusCode::BAD_REQUEST, page::TITLE, &body)
            }
            Self::Here(refusal) => actix_web::ResponseError::error_response(&refusal),
        }
    }
}
