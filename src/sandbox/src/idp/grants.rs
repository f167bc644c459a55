//! Codes and access tokens, in memory.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

use super::Fault;
use crate::Error;
use crate::http::same_secret;
use crate::jose;

/// How long what a provider gives is good.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lifetimes {
    pub(crate) code: TimeDelta,
    pub(crate) access_token: TimeDelta,
    pub(crate) id_token: TimeDelta,
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self {
            code: TimeDelta::seconds(60),
            access_token: TimeDelta::seconds(300),
            id_token: TimeDelta::seconds(300),
        }
    }
}

/// What a code stands for.
#[derive(Debug, Clone)]
pub(crate) struct Login {
    pub(crate) client_id: String,
    pub(crate) redirect_uri: String,
    pub(crate) code_challenge: String,
    pub(crate) nonce: String,
    pub(crate) scope: String,
    /// Key of the person in the town.
    pub(crate) persona: String,
    /// Whether the card tells the address.
    pub(crate) with_address: bool,
    pub(crate) at: DateTime<Utc>,
    pub(crate) fault: Option<Fault>,
}

impl Login {
    /// Whether a scope was granted.
    pub(crate) fn has_scope(&self, scope: &str) -> bool {
        self.scope.split(' ').any(|one| one == scope)
    }
}

struct Code {
    login: Login,
    /// The access token that it was exchanged for: a second exchange ends that token.
    exchanged_for: Option<String>,
}

#[derive(Default)]
struct Memory {
    codes: HashMap<String, Code>,
    tokens: HashMap<String, (Login, DateTime<Utc>)>,
}

/// What a provider gave.
pub(crate) struct Grants {
    pub(crate) lifetimes: Lifetimes,
    memory: Mutex<Memory>,
}

impl Grants {
    pub(crate) fn new(lifetimes: Lifetimes) -> Self {
        Self { lifetimes, memory: Mutex::default() }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new code for a login.
    pub(crate) fn issue_code(&self, login: Login, now: DateTime<Utc>) -> Result<String, Error> {
        let code = jose::random_token()?;
        let keep = self.lifetimes.access_token;
        let mut memory = self.memory();
        // used and expired codes are kept a little, to notice a second use
        memory.codes.retain(|_, code| code.login.at + keep > now);
        memory.tokens.retain(|_, (_, until)| *until > now);
        memory.codes.insert(code.clone(), Code { login, exchanged_for: None });
        Ok(code)
    }

    /// Takes a code out of circulation: the login it stands for and a new access token, or why
    /// not. Whatever is wrong, the code cannot be used again.
    pub(crate) fn redeem(
        &self,
        code: &str,
        client_id: &str,
        redirect_uri: &str,
        verifier: &str,
        now: DateTime<Utc>,
    ) -> Result<Result<(Login, String), &'static str>, Error> {
        let token = jose::random_token()?;
        let mut memory = self.memory();
        let Some(found) = memory.codes.get_mut(code) else {
            return Ok(Err("the code is unknown"));
        };
        if found.login.client_id != client_id {
            return Ok(Err("the code was issued to another client"));
        }
        if let Some(token) = found.exchanged_for.replace(token.clone()) {
            memory.tokens.remove(&token);
            return Ok(Err("the code was used before; what it gave no longer works"));
        }
        let login = found.login.clone();
        if now >= login.at + self.lifetimes.code {
            return Ok(Err("the code has expired"));
        }
        if login.redirect_uri != redirect_uri {
            return Ok(Err("the redirect URI is not that of the authorization request"));
        }
        if !same_secret(&jose::challenge(verifier), &login.code_challenge) {
            return Ok(Err("the code verifier does not belong to the code challenge"));
        }
        let until = now + self.lifetimes.access_token;
        memory.tokens.insert(token.clone(), (login.clone(), until));
        Ok(Ok((login, token)))
    }

    /// The login of a live access token.
    pub(crate) fn token(&self, token: &str, now: DateTime<Utc>) -> Option<Login> {
        let (login, until) = self.memory().tokens.get(token).cloned()?;
        (now < until).then_some(login)
    }
}
