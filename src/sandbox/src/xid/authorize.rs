//! `/oauth2/auth`: the request of a relying party, and the choice of the tester.

use actix_web::http::{StatusCode, header};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use url::Url;

use super::page;
use super::state::State;
use crate::http::{self, Params, Refusal};
use crate::idp::{Fault, Login};

/// A request whose client and redirect URI are good, and where else it can be answered to.
pub(super) struct Request {
    pub(super) client_id: String,
    redirect_uri: Url,
    redirect_uri_as_given: String,
    state: Option<String>,
    params: Params,
}

/// Why a request is refused: on our own page, or by sending the browser back.
enum Fail {
    Here(Refusal),
    Back(Url),
}

impl Request {
    fn read(request: &HttpRequest, state: &State) -> Result<Self, Refusal> {
        let params = Params::parse(request.query_string().as_bytes())?;
        let client_id = params.required("client_id")?.to_owned();
        let given = params.required("redirect_uri")?.to_owned();
        let client = state
            .client(&client_id)
            .ok_or_else(|| Refusal::bad_request("invalid_client", "the client is unknown"))?;
        let unregistered = "the redirect URI is not registered for the client";
        let redirect_uri = Url::parse(&given)
            .ok()
            .filter(|_| client.redirect_uris.contains(&given))
            .ok_or_else(|| Refusal::bad_request("invalid_request", unregistered))?;
        let state = params.get("state").map(str::to_owned);
        Ok(Self { client_id, redirect_uri, redirect_uri_as_given: given, state, params })
    }

    /// Checks what can be complained about at the redirect URI; returns the login it asks for,
    /// still without a person.
    fn login(&self, state: &State) -> Result<Login, (&'static str, &'static str)> {
        let has = |name, value| self.params.get(name) == Some(value);
        let scope = self.params.get("scope").unwrap_or_default();
        if !has("response_type", "code") {
            return Err(("unsupported_response_type", "response_type must be code"));
        }
        if self.params.get("response_mode").is_some_and(|mode| mode != "query") {
            return Err(("invalid_request", "response_mode must be query"));
        }
        if !scope.split(' ').any(|one| one == "openid") {
            return Err(("invalid_scope", "scope must contain openid"));
        }
        if scope.split(' ').any(|one| one != "openid" && one != "verification") {
            return Err(("invalid_scope", "scope may contain openid and verification"));
        }
        if self.state.is_none() {
            return Err(("invalid_request", "state is missing"));
        }
        let nonce = self.params.get("nonce").ok_or(("invalid_request", "nonce is missing"))?;
        let challenge = self.params.get("code_challenge").unwrap_or_default();
        if challenge.len() != 43 || !has("code_challenge_method", "S256") {
            return Err(("invalid_request", "a code_challenge with method S256 is needed"));
        }
        Ok(Login {
            client_id: self.client_id.clone(),
            redirect_uri: self.redirect_uri_as_given.clone(),
            code_challenge: challenge.to_owned(),
            nonce: nonce.to_owned(),
            scope: scope.to_owned(),
            persona: String::new(),
            with_address: true,
            at: state.now(),
            fault: None,
        })
    }

    /// Where the browser goes back to, with `answer`, `state` and `iss` (RFC 9207).
    fn back(&self, issuer: &str, answer: &[(&str, &str)]) -> Url {
        let mut uri = self.redirect_uri.clone();
        uri.query_pairs_mut()
            .extend_pairs(answer)
            .extend_pairs(self.state.as_deref().map(|state| ("state", state)))
            .append_pair("iss", issuer);
        uri
    }
}

/// `GET /oauth2/auth`
pub(super) async fn show(request: HttpRequest, state: Data<State>) -> HttpResponse {
    match checked(&request, &state) {
        Ok((asked, login)) => page::choice(&state.town, &asked, &login, request.query_string()),
        Err(fail) => fail.answer(&request),
    }
}

/// `POST /oauth2/auth`: the page's form, or a script's.
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
        Err((error, text)) => Err(Fail::Back(
            asked.back(&state.issuer, &[("error", error), ("error_description", text)]),
        )),
    }
}

fn decide(request: &HttpRequest, state: &State, body: &[u8]) -> Result<Url, Fail> {
    let (asked, login) = checked(request, state)?;
    let form = Params::form(request, body).map_err(Fail::Here)?;
    let bad = |text| Fail::Here(Refusal::bad_request("invalid_request", text));
    match form.required("outcome").map_err(Fail::Here)? {
        "ok" => {}
        "cancelled" => {
            let answer = [
                ("error", "access_denied"),
                ("error_description", "the user cancelled in the app"),
            ];
            return Ok(asked.back(&state.issuer, &answer));
        }
        _ => return Err(bad("outcome must be ok or cancelled")),
    }
    let persona = form.required("persona").map_err(Fail::Here)?;
    let person = state.town.person(persona).ok_or_else(|| bad("the persona is unknown"))?;
    if !person.can_log_in() {
        return Err(bad("the persona has no working card: a minor or deceased"));
    }
    let fault = match form.get("fault") {
        None => state.fault,
        Some(name) => Some(Fault::named(name).ok_or_else(|| bad("the fault is unknown"))?),
    };
    let login = Login { persona: person.key.clone(), fault, ..login };
    let failed = |error: crate::Error| Fail::Here(error.into());
    state.keys.suffer(fault).map_err(failed)?;
    let code = state.grants.issue_code(login, state.now()).map_err(failed)?;
    let twice = ("iss", state.issuer.as_str());
    let twice = (fault == Some(Fault::DuplicateIss)).then_some(twice);
    let answer: Vec<_> = [("code", code.as_str())].into_iter().chain(twice).collect();
    Ok(asked.back(&state.issuer, &answer))
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
                http::page(StatusCode::BAD_REQUEST, "xID(模擬)", &body)
            }
            Self::Here(refusal) => actix_web::ResponseError::error_response(&refusal),
        }
    }
}
