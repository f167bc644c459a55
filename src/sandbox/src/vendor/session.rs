//! Who is logged in, by cookie.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use actix_web::HttpRequest;
use actix_web::cookie::{Cookie, SameSite};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use crate::http::Refusal;
use crate::{Error, jose};

/// Cookies do not know ports: the name must differ from those of other servers on 127.0.0.1.
const COOKIE: &str = "tsuno_healthcare_session";

/// How long a login at the gateway may take.
const PENDING_LIFETIME: TimeDelta = TimeDelta::minutes(15);

/// A login on its way.
#[derive(Debug, Clone)]
pub(super) struct Pending {
    pub(super) state: String,
    pub(super) nonce: String,
    pub(super) verifier: String,
    pub(super) at: DateTime<Utc>,
}

/// A resident who is logged in.
#[derive(Debug, Clone)]
pub(super) struct Login {
    /// The resident's identifier for this vendor.
    pub(super) sub: String,
    /// The claims of the ID token.
    pub(super) claims: Value,
    pub(super) userinfo: Value,
    pub(super) access_token: String,
    pub(super) expires_at: DateTime<Utc>,
    pub(super) scope: String,
    /// What was granted, as the token answer says it.
    pub(super) authorization_details: Value,
}

impl Login {
    /// The NGSI-LD id of the resident.
    pub(super) fn person(&self) -> String {
        format!("urn:ngsi-ld:Person:{}", self.sub)
    }
}

enum Session {
    Pending(Pending),
    Open(Box<Login>),
}

/// All sessions, in memory.
#[derive(Default)]
pub(super) struct Sessions(Mutex<HashMap<String, Session>>);

impl Sessions {
    fn all(&self) -> MutexGuard<'_, HashMap<String, Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a session for a login on its way; it replaces the browser's former one.
    pub(super) fn begin(
        &self,
        request: &HttpRequest,
        pending: Pending,
    ) -> Result<Cookie<'static>, Error> {
        let now = pending.at;
        self.all().retain(|_, session| match session {
            Session::Pending(pending) => pending.at + PENDING_LIFETIME > now,
            Session::Open(_) => true,
        });
        self.replace(request, Session::Pending(pending))
    }

    /// The login that this browser began, which can be finished once.
    pub(super) fn take_pending(
        &self,
        request: &HttpRequest,
        now: DateTime<Utc>,
    ) -> Option<Pending> {
        let cookie = request.cookie(COOKIE)?;
        let mut all = self.all();
        if !matches!(all.get(cookie.value()), Some(Session::Pending(_))) {
            return None;
        }
        match all.remove(cookie.value()) {
            Some(Session::Pending(pending)) if pending.at + PENDING_LIFETIME > now => Some(pending),
            _ => None,
        }
    }

    /// Logs in, under a new cookie so that a planted one is worth nothing.
    pub(super) fn open(
        &self,
        request: &HttpRequest,
        login: Login,
    ) -> Result<Cookie<'static>, Error> {
        self.replace(request, Session::Open(Box::new(login)))
    }

    pub(super) fn close(&self, request: &HttpRequest) {
        if let Some(cookie) = request.cookie(COOKIE) {
            self.all().remove(cookie.value());
        }
    }

    pub(super) fn login(&self, request: &HttpRequest) -> Option<Login> {
        let cookie = request.cookie(COOKIE)?;
        match self.all().get(cookie.value())? {
            Session::Open(login) => Some(Login::clone(login)),
            Session::Pending(_) => None,
        }
    }

    pub(super) fn require_login(&self, request: &HttpRequest) -> Result<Login, Refusal> {
        self.login(request).ok_or_else(|| {
            Refusal::new(
                actix_web::http::StatusCode::UNAUTHORIZED,
                "not_logged_in",
                "nobody is logged in at the app: begin at /login",
            )
        })
    }

    fn replace(&self, request: &HttpRequest, session: Session) -> Result<Cookie<'static>, Error> {
        let id = jose::random_token()?;
        self.close(request);
        self.all().insert(id.clone(), session);
        Ok(Cookie::build(COOKIE, id).path("/").http_only(true).same_site(SameSite::Lax).finish())
    }
}
