//! What the provider remembers: clients, codes and access tokens, all in memory.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use url::Url;

use crate::http::same_secret;
use crate::idp::{Fault, Grants, Keys, Lifetimes, Login};
use crate::jose::{self, Jwk};
use crate::town::{Person, Town};
use crate::{Clock, Error};

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

/// The provider.
pub(super) struct State {
    pub(super) issuer: String,
    pub(super) town: Town,
    clock: Clock,
    pub(super) keys: Keys,
    pub(super) admin_key: Option<String>,
    pub(super) fault: Option<Fault>,
    pub(super) grants: Grants,
    clients: Mutex<HashMap<String, Client>>,
}

impl State {
    pub(super) fn new(
        issuer: String,
        town: Town,
        clock: Clock,
        admin_key: Option<String>,
        fault: Option<Fault>,
    ) -> Result<Self, Error> {
        let (keys, grants) = (Keys::generate()?, Grants::new(Lifetimes::default()));
        Ok(Self { issuer, town, clock, keys, admin_key, fault, grants, clients: Mutex::default() })
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        (self.clock)()
    }

    fn clients(&self) -> MutexGuard<'_, HashMap<String, Client>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn register(&self, id: String, client: Client) {
        self.clients().insert(id, client);
    }

    pub(super) fn client(&self, id: &str) -> Option<Client> {
        self.clients().get(id).cloned()
    }

    /// Whether the secret is the client's.
    pub(super) fn authenticates(&self, id: &str, secret: &str) -> bool {
        self.client(id).is_some_and(|client| same_secret(&client.secret, secret))
    }

    /// The login and the person of a live access token.
    pub(super) fn token(&self, token: &str) -> Option<(Login, &Person)> {
        let login = self.grants.token(token, self.now())?;
        let person = self.town.person(&login.persona)?;
        Some((login, person))
    }
}
