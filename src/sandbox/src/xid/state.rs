//! What the provider remembers: clients, codes and access tokens, all in memory.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use url::Url;

use super::Fault;
use crate::http::same_secret;
use crate::jose::{self, Jwk, SigningKey};
use crate::town::{Person, Town};
use crate::{Clock, Error};

/// How long a code can be exchanged.
pub(super) const CODE_LIFETIME: TimeDelta = TimeDelta::seconds(60);
/// How long an access token works.
pub(super) const TOKEN_LIFETIME: TimeDelta = TimeDelta::seconds(300);

/// A registered relying party.
#[derive(Debug, Clone)]
pub(super) struct Client {
    secret: String,
    pub(super) redirect_uris: Vec<String>,
    /// User data is encrypted to this key.
    pub(super) user_data_key: Jwk,
}

impl Client {
    pub(super) fn new(
        secret: String,
        redirect_uris: Vec<String>,
        user_data_key: Option<Jwk>,
    ) -> Result<Self, &'static str> {
        let user_data_key = user_data_key.ok_or("the user data key is not a public P-256 JWK")?;
        if jose::encrypt(&user_data_key, b"").is_err() {
            return Err("the user data key is not a point on P-256");
        }
        if secret.is_empty() {
            return Err("the client secret is empty");
        }
        if redirect_uris.is_empty() || redirect_uris.iter().any(|uri| Url::parse(uri).is_err()) {
            return Err("there must be redirect URIs, and they must be absolute");
        }
        Ok(Self { secret, redirect_uris, user_data_key })
    }
}

/// What a code stands for.
#[derive(Debug, Clone)]
pub(super) struct Login {
    pub(super) client_id: String,
    pub(super) redirect_uri: String,
    pub(super) code_challenge: String,
    pub(super) nonce: String,
    pub(super) scope: String,
    /// Key of the person in the town.
    pub(super) persona: String,
    pub(super) at: DateTime<Utc>,
    pub(super) fault: Option<Fault>,
}

struct Code {
    login: Login,
    /// The access token that it was exchanged for: a second exchange ends that token.
    exchanged_for: Option<String>,
}

#[derive(Default)]
struct Memory {
    clients: HashMap<String, Client>,
    codes: HashMap<String, Code>,
    tokens: HashMap<String, (Login, DateTime<Utc>)>,
}

/// The provider.
pub(super) struct State {
    pub(super) issuer: String,
    pub(super) town: Town,
    clock: Clock,
    pub(super) key: SigningKey,
    pub(super) admin_key: Option<String>,
    pub(super) fault: Option<Fault>,
    memory: Mutex<Memory>,
}

impl State {
    pub(super) fn new(
        issuer: String,
        town: Town,
        clock: Clock,
        admin_key: Option<String>,
        fault: Option<Fault>,
    ) -> Result<Self, Error> {
        let (key, memory) = (SigningKey::generate()?, Mutex::default());
        Ok(Self { issuer, town, clock, key, admin_key, fault, memory })
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        (self.clock)()
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn register(&self, id: String, client: Client) {
        self.memory().clients.insert(id, client);
    }

    pub(super) fn client(&self, id: &str) -> Option<Client> {
        self.memory().clients.get(id).cloned()
    }

    /// Whether the secret is the client's.
    pub(super) fn authenticates(&self, id: &str, secret: &str) -> bool {
        self.client(id).is_some_and(|client| same_secret(&client.secret, secret))
    }

    /// A new code for a login.
    pub(super) fn issue_code(&self, login: Login) -> Result<String, Error> {
        let code = jose::random_token()?;
        let now = self.now();
        let mut memory = self.memory();
        // used and expired codes are kept a little, to notice a second use
        memory.codes.retain(|_, code| code.login.at + TOKEN_LIFETIME > now);
        memory.tokens.retain(|_, (_, until)| *until > now);
        memory.codes.insert(code.clone(), Code { login, exchanged_for: None });
        Ok(code)
    }

    /// Takes a code out of circulation: the login it stands for and a new access token, or why
    /// not. Whatever is wrong, the code cannot be used again.
    pub(super) fn redeem(
        &self,
        code: &str,
        client_id: &str,
        redirect_uri: &str,
        verifier: &str,
    ) -> Result<Result<(Login, String), &'static str>, Error> {
        let token = jose::random_token()?;
        let now = self.now();
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
        if now >= login.at + CODE_LIFETIME {
            return Ok(Err("the code has expired"));
        }
        if login.redirect_uri != redirect_uri {
            return Ok(Err("the redirect URI is not that of the authorization request"));
        }
        if !same_secret(&jose::challenge(verifier), &login.code_challenge) {
            return Ok(Err("the code verifier does not belong to the code challenge"));
        }
        memory.tokens.insert(token.clone(), (login.clone(), now + TOKEN_LIFETIME));
        Ok(Ok((login, token)))
    }

    /// The login and the person of a live access token.
    pub(super) fn token(&self, token: &str) -> Option<(Login, &Person)> {
        let now = self.now();
        let (login, until) = self.memory().tokens.get(token).cloned()?;
        let person = self.town.person(&login.persona)?;
        (now < until).then_some((login, person))
    }
}
