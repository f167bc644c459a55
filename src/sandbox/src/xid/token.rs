//! `/oauth2/token`: a code for an access token and an ID token.

use actix_web::http::{StatusCode, header};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value, json};

use super::state::State;
use super::userdata::profile;
use crate::http::{Params, Refusal, basic_credentials, credentials};
use crate::idp::{self, Fault, Login};
use crate::jose;
use crate::{Error, town::Person};

/// The `acr` of every login. xID publishes none: this one is the simulator's own.
pub(super) const ACR: &str = "urn:x-id:aal2";

/// `POST /oauth2/token`
pub(super) async fn exchange(
    request: HttpRequest,
    state: Data<State>,
    body: Bytes,
) -> Result<HttpResponse, Refusal> {
    let form = Params::form(&request, &body)?;
    let client_id = authenticate(&request, &form, &state)?;
    if form.required("grant_type")? != "authorization_code" {
        return Err(Refusal::bad_request(
            "unsupported_grant_type",
            "grant_type must be authorization_code",
        ));
    }
    let (login, access_token) = state
        .grants
        .redeem(
            form.required("code")?,
            &client_id,
            form.required("redirect_uri")?,
            form.required("code_verifier")?,
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
    let person = state
        .town
        .person(&login.persona)
        .ok_or_else(|| Refusal::bad_request("invalid_grant", "the person is gone"))?;
    let id_token = id_token(&state, &login, person, &access_token)?;
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::PRAGMA, "no-cache"))
        .json(json!({
            "access_token": access_token,
            "token_type": "bearer",
            "expires_in": state.grants.lifetimes.access_token.num_seconds(),
            "scope": login.scope,
            "id_token": id_token,
        })))
}

/// The client that presents its secret, by Basic or in the form but not both (RFC 6749, 2.3).
fn authenticate(request: &HttpRequest, form: &Params, state: &State) -> Result<String, Refusal> {
    let (id, secret) = match (credentials(request, "Basic"), form.get("client_secret")) {
        (Some(_), Some(_)) => {
            return Err(Refusal::bad_request(
                "invalid_request",
                "the client authenticates in two ways at once",
            ));
        }
        (Some(basic), None) => basic_credentials(basic).ok_or_else(wrong_client)?,
        (None, Some(secret)) => (form.required("client_id")?.to_owned(), secret.to_owned()),
        (None, None) => return Err(wrong_client()),
    };
    let same = form.get("client_id").is_none_or(|named| named == id);
    if same && state.authenticates(&id, &secret) { Ok(id) } else { Err(wrong_client()) }
}

fn wrong_client() -> Refusal {
    Refusal::unauthorized(
        r#"Basic realm="xid""#,
        "invalid_client",
        "the client is unknown or its secret is wrong or missing",
    )
}

fn id_token(
    state: &State,
    login: &Login,
    person: &Person,
    access_token: &str,
) -> Result<String, Error> {
    let mut claims = profile(person);
    let mut set = |name: &str, value: Value| {
        if let Some(claims) = claims.as_object_mut() {
            claims.insert(name.to_owned(), value);
        }
    };
    let now = state.now();
    set("iss", json!(state.issuer));
    set("aud", json!(login.client_id));
    set("iat", json!(now.timestamp()));
    set("exp", json!((now + state.grants.lifetimes.id_token).timestamp()));
    set("auth_time", json!(login.at.timestamp()));
    set("nonce", json!(login.nonce));
    set("sid", json!(jose::random_uuid()?));
    set("tid", json!(jose::random_uuid()?));
    set("acr", json!(ACR));
    set("amr", json!(["hwk", "pin", "mfa"]));
    set("at_hash", json!(jose::half_hash(access_token)));
    idp::id_token(&state.keys.current(), login.fault, claims, now)
}
