//! Logging in with the Tsuno ID.

use actix_web::http::{StatusCode, header};
use actix_web::web::{Data, Json};
use actix_web::{HttpRequest, HttpResponse, ResponseError as _};
use serde_json::{Value, json};

use super::State;
use super::session::{Login, Pending};
use crate::http::{self, Params, Refusal, same_secret, wants_page};
use crate::jose;

/// `GET /login`
pub(super) async fn begin(request: HttpRequest, state: Data<State>) -> HttpResponse {
    push(&request, &state).await.unwrap_or_else(|refusal| failed(&request, &refusal))
}

async fn push(request: &HttpRequest, state: &State) -> Result<HttpResponse, Refusal> {
    let pending = Pending {
        state: jose::random_token()?,
        nonce: jose::random_token()?,
        verifier: jose::random_token()?,
        at: (state.clock)(),
    };
    let url =
        state.gateway.push(&pending, &state.redirect_uri, &state.authorization_details).await?;
    let cookie = state.sessions.begin(request, pending)?;
    Ok(HttpResponse::Found()
        .cookie(cookie)
        .insert_header((header::LOCATION, url.as_str()))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .finish())
}

/// `GET /callback`
pub(super) async fn finish(request: HttpRequest, state: Data<State>) -> HttpResponse {
    exchange(&request, &state).await.unwrap_or_else(|refusal| failed(&request, &refusal))
}

async fn exchange(request: &HttpRequest, state: &State) -> Result<HttpResponse, Refusal> {
    let params = Params::parse(request.query_string().as_bytes())?;
    let pending = state.sessions.take_pending(request, (state.clock)()).ok_or_else(|| {
        Refusal::bad_request("no_login_pending", "this browser began no login, or too long ago")
    })?;
    if !same_secret(params.required("state")?, &pending.state) {
        return Err(Refusal::bad_request("wrong_state", "the answer is to another login"));
    }
    if !state.gateway.is_issuer(params.get("iss")) {
        return Err(Refusal::bad_request("wrong_iss", "the answer is not from our gateway"));
    }
    if let Some(error) = params.get("error") {
        let text = params.get("error_description").unwrap_or("the gateway did not say why");
        return Err(Refusal::new(StatusCode::FORBIDDEN, error.to_owned(), text));
    }
    let code = params.required("code")?;
    let login = state.gateway.exchange(code, &pending, &state.redirect_uri).await?;
    let seen = described(&login);
    let cookie = state.sessions.open(request, login)?;
    if wants_page(request) {
        let home = (header::LOCATION, "/");
        return Ok(HttpResponse::SeeOther().cookie(cookie).insert_header(home).finish());
    }
    Ok(HttpResponse::Ok().cookie(cookie).json(seen))
}

/// `POST /logout`
pub(super) async fn end(request: HttpRequest, state: Data<State>) -> HttpResponse {
    state.sessions.close(&request);
    if wants_page(&request) {
        return HttpResponse::SeeOther().insert_header((header::LOCATION, "/")).finish();
    }
    HttpResponse::NoContent().finish()
}

/// `GET /session`
pub(super) async fn session(request: HttpRequest, state: Data<State>) -> Json<Value> {
    let login = state.sessions.login(&request);
    Json(login.map_or_else(|| json!({"logged_in": false}), |login| described(&login)))
}

/// What a session shows of itself: all but the token.
fn described(login: &Login) -> Value {
    json!({
        "logged_in": true,
        "sub": login.sub,
        "person": login.person(),
        "scope": login.scope,
        "authorization_details": login.authorization_details,
        "expires_at": login.expires_at,
        "id_token_claims": login.claims,
        "userinfo": login.userinfo,
    })
}

fn failed(request: &HttpRequest, refusal: &Refusal) -> HttpResponse {
    if !wants_page(request) {
        return refusal.error_response();
    }
    let (code, text) = (http::escape(&refusal.code), http::escape(&refusal.description));
    let body = format!(
        "<p>ログインできませんでした。</p><p class=\"note\">{code}<br>{text}</p>\
         <p><a class=\"button\" href=\"/login\">もう一度ログインする</a> \
         <a class=\"button\" href=\"/\">はじめに戻る</a></p>"
    );
    http::page(refusal.status, "つのヘルスケア", &body)
}
