//! What the app keeps of what it read, and the gateway's orders to delete it: security event tokens (RFC 8417), pushed to `/events`
//! (RFC 8935).

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Data, Json};
use serde_json::{Value, json};

use super::State;
use crate::http::{Refusal, mime};
use crate::jose;

const EVENT: &str = "urn:tsunagu:event:deletion-required";
const MEDIA_TYPE: &str = "application/secevent+jwt";

/// The last copy of each resident's data, by the id that the app knows them by.
#[derive(Default)]
pub(super) struct Kept(Mutex<HashMap<String, Value>>);

impl Kept {
    fn all(&self) -> MutexGuard<'_, HashMap<String, Value>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps what the gateway answered, if it answered with data.
    pub(super) fn keep(&self, sub: &str, answer: &Value) {
        if answer.get("status") == Some(&json!(200))
            && let Some(body) = answer.get("body")
        {
            self.all().insert(sub.to_owned(), body.clone());
        }
    }
}

/// `GET /kept`: whether the app has a copy of the data of the resident who is logged in.
pub(super) async fn kept(request: HttpRequest, state: Data<State>) -> Result<Json<Value>, Refusal> {
    let login = state.sessions.require_login(&request)?;
    Ok(Json(json!({"kept": state.kept.all().contains_key(&login.sub)})))
}

/// `POST /events`: deletes at once, and says so.
pub(super) async fn event(
    request: HttpRequest,
    state: Data<State>,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    // RFC 8935 section 2.4.
    let refuse = |code: &'static str, why: &str| Refusal::bad_request(code, why);
    if mime(request.headers()) != Some(MEDIA_TYPE) {
        let why = "events are pushed as application/secevent+jwt";
        return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "invalid_request", why));
    }
    let token = std::str::from_utf8(&body).map_err(|_| refuse("invalid_request", "not a token"))?;
    let keys = state.gateway.ledger_keys().await?;
    let claims = jose::verify_typed(token, "secevent+jwt", &keys)
        .map_err(|why| refuse("invalid_key", why))?;
    let subject = state.gateway.ordered(&claims).ok_or_else(|| {
        refuse("invalid_issuer", "the event is of another issuer, or for another app")
    })?;
    if claims.pointer("/events").and_then(|events| events.get(EVENT)).is_none() {
        return Err(refuse("invalid_request", "the event is of no type that is known here"));
    }
    state.kept.all().remove(subject);
    Ok(Json(json!({"deleted": true})))
}
