//! What a client asks of the login and of the resident's attention: `prompt`, `max_age`, `acr_values` (`OpenID` Connect Core section 3.1.2.1,
//! RFC 9470 section 4), and whether a session meets it.

use serde::{Deserialize, Serialize};
use tsunagu_domain::{Level, Timestamp};

use super::{AuthorizationRequest, AuthorizationServer, ErrorCode, Form, OAuthError};
use crate::Session;
use crate::services::seconds;

const LONGEST: usize = 1024;
/// The clock of an identity provider may be so far behind, seconds.
const SKEW: i64 = 60;

/// What a request asks of a login.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// No page may be shown.
    #[serde(default)]
    pub(super) silent: bool,
    /// The person must authenticate for this request.
    #[serde(default)]
    pub(super) login: bool,
    /// Consent is asked also where there is one.
    #[serde(default)]
    pub(super) consent: bool,
    /// The login must be at most so many seconds old.
    #[serde(default)]
    pub(super) max_age: Option<i64>,
    /// The level that it must reach.
    #[serde(default)]
    acr: Option<Acr>,
}

/// What `acr_values` come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Acr {
    /// The lowest of the levels that were named.
    Level(Level),
    /// No level was named that there is here.
    Unknown,
}

/// Whether a session may answer a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answerable {
    /// It may.
    Yes,
    /// The resident has to log in first, or log in again: now, and surely enough.
    AfterLogin,
    /// No login will do: that of this very request does not, or nothing here does. The client is told.
    Never,
}

fn refuse<T>(why: &str) -> Result<T, OAuthError> {
    Err(OAuthError::new(ErrorCode::InvalidRequest, why))
}

impl Wanted {
    /// Reads the parameters of a pushed request.
    pub(super) fn read(form: &Form) -> Result<Self, OAuthError> {
        let mut wanted = Self { max_age: max_age(form)?, ..Self::default() };
        let prompt = form.get("prompt").unwrap_or_default();
        for word in prompt.split(' ').filter(|word| !word.is_empty()) {
            match word {
                "none" => wanted.silent = true,
                "login" => wanted.login = true,
                "consent" => wanted.consent = true,
                _ => {
                    return refuse(
                        "the prompt must be none, login, consent, or both of the latter",
                    );
                }
            }
        }
        if wanted.silent && (wanted.login || wanted.consent) {
            return refuse("prompt=none goes with no other prompt");
        }
        if wanted.consent && form.get("authorization_details").is_none() {
            return refuse(
                "prompt=consent needs authorization_details: to log in alone needs no consent",
            );
        }
        if let Some(values) = form.get("acr_values") {
            if values.len() > LONGEST {
                return refuse("acr_values may have 1024 bytes");
            }
            let lowest = values.split(' ').filter_map(Level::of_acr).min();
            wanted.acr = Some(lowest.map_or(Acr::Unknown, Acr::Level));
        }
        Ok(wanted)
    }

    /// Whether a session that is looked at `now` meets it, for a request that the browser brought at `opened`.
    fn is_met(&self, session: &Session, opened: Timestamp, now: Timestamp) -> bool {
        // Who authenticated for this request may take time to read what is asked.
        let for_this = session.created >= opened
            && session.assurance.auth_time >= opened.saturating_sub(seconds(SKEW));
        let fresh = |age| for_this || session.assurance.fresh(now, age);
        let sure = match self.acr {
            None => true,
            Some(Acr::Level(level)) => session.assurance.reaches(level),
            Some(Acr::Unknown) => false,
        };
        sure && self.max_age.is_none_or(fresh) && (!self.login || for_this)
    }
}

fn max_age(form: &Form) -> Result<Option<i64>, OAuthError> {
    match form.get("max_age").map(str::parse::<u32>) {
        None => Ok(None),
        Some(Ok(seconds)) => Ok(Some(i64::from(seconds))),
        Some(Err(_)) => refuse("max_age must be a whole number of seconds"),
    }
}

impl AuthorizationRequest {
    /// Whether the client wants no page shown to the resident (`prompt=none`).
    pub fn is_silent(&self) -> bool {
        self.wanted().silent
    }

    /// Whether it matters when the resident authenticated (`prompt=login`, `max_age`).
    pub fn asks_fresh_login(&self) -> bool {
        self.wanted().login || self.wanted().max_age.is_some()
    }

    /// Whether the client wants the resident asked although there is a consent (`prompt=consent`).
    pub fn asks_consent_anew(&self) -> bool {
        self.wanted().consent
    }
}

impl AuthorizationServer {
    /// Whether this session may answer the request, or a login is needed first (`prompt`, `max_age`, `acr_values`).
    pub fn answerable(
        &self,
        request: &AuthorizationRequest,
        session: Option<&Session>,
    ) -> Answerable {
        let wanted = request.wanted();
        let (opened, now) = (request.opened(), self.services.clock.micros());
        match session {
            _ if wanted.acr == Some(Acr::Unknown) => Answerable::Never,
            Some(session) if wanted.is_met(session, opened, now) => Answerable::Yes,
            // Logged in for this request, and still not enough: once more would end the same.
            Some(session) if session.created >= opened => Answerable::Never,
            _ => Answerable::AfterLogin,
        }
    }
}
