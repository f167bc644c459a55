//! The token endpoint: a code for an access token and an ID token.

use actix_web::http::{StatusCode, header};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::json;

use super::{State, assertion, userinfo};
use crate::http::{Params, Refusal};
use crate::idp::{self, Fault, Login};
use crate::{Error, jose};

/// `POST …/token`
pub(super) async fn exchange(
    request: HttpRequest,
    state: Data<State>,
    body: Bytes,
) -> Result<HttpResponse, Refusal> {
    // What comes in the query or in another encoding is not there.
    let missing = |name: &str| {
        Refusal::bad_request("invalid_request", format!("Missing form parameter: {name}"))
    };
    let form = Params::form(&request, &body).map_err(|_| missing("grant_type"))?;
    if form.get("grant_type").ok_or_else(|| missing("grant_type"))? != "authorization_code" {
        let text = "grant_type must be authorization_code";
        return Err(Refusal::bad_request("unsupported_grant_type", text));
    }
    assertion::check(&state, &form)?;
    let field = |name| form.get(name).ok_or_else(|| missing(name));
    let (login, access_token) = state
        .grants
        .redeem(
            field("code")?,
            &state.options.client_id,
            field("redirect_uri")?,
            field("code_verifier")?,
            state.now(),
        )?
        .map_err(|reason| Refusal::bad_request("invalid_grant", reason))?;
    match login.fault {
        Some(Fault::TokenError) => {
            let text = "a fault was ordered";
            return Err(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "server_error", text));
        }
        Some(Fault::TokenTimeout) => std::future::pending::<()>().await,
        _ => {}
    }
    let id_token = id_token(&state, &login, &access_token)?;
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::PRAGMA, "no-cache"))
        .json(json!({
            "access_token": access_token,
            "token_type": "Bearer",
            "expires_in": state.grants.lifetimes.access_token.num_seconds(),
            "scope": login.scope,
            "id_token": id_token,
        })))
}

fn id_token(state: &State, login: &Login, access_token: &str) -> Result<String, Error> {
    let now = state.now();
    let claims = json!({
        "iss": state.issuer,
        "sub": userinfo::subject(&login.client_id, &login.persona),
        "aud": login.client_id,
        "azp": login.client_id,
        "typ": "ID",
        "iat": now.timestamp(),
        "exp": (now + state.grants.lifetimes.id_token).timestamp(),
        "nonce": login.nonce,
        "acr": state.options.acr,
        "at_hash": jose::half_hash(access_token),
    });
    idp::id_token(&state.keys.current(), login.fault, claims, now)
}
