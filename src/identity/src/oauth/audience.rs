//! For which resources a token is (RFC 8707): the NGSI-LD resource of this platform, and those of registered resource servers.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{AuthorizationServer, ErrorCode, Form, OAuthError};
use crate::clients::Known;

/// Scopes of tokens for this platform.
const OWN_SCOPES: [&str; 5] = ["openid", "ngsi-ld", "offline_access", "staff", "audit"];
/// A request may name so many resources.
const MOST: usize = 8;

/// The `aud` of a token: one text, or several (RFC 7519 section 4.1.3).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Aud(pub(super) Vec<String>);

impl Serialize for Aud {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [one] => one.serialize(serializer),
            several => several.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Aud {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::String(one) => Ok(Self(vec![one])),
            several => Vec::deserialize(several).map(Self).map_err(serde::de::Error::custom),
        }
    }
}

/// The resources of one token, and who serves them.
pub(super) struct Audience {
    pub(super) resources: Vec<String>,
    /// Whether the NGSI-LD resource is among them.
    pub(super) ours: bool,
    servers: Vec<Arc<Known>>,
}

impl Audience {
    /// Whether the token is for this platform and nobody else.
    pub(super) fn is_ours_alone(&self) -> bool {
        self.ours && self.servers.is_empty()
    }

    /// Whether a scope means something to one of them.
    pub(super) fn knows(&self, scope: &str) -> bool {
        (self.ours && OWN_SCOPES.contains(&scope)) || self.is_of_a_server(scope)
    }

    /// Whether a scope is one of a resource server among them.
    pub(super) fn is_of_a_server(&self, scope: &str) -> bool {
        self.servers.iter().any(|server| server.client.scopes.iter().any(|own| own == scope))
    }

    /// Of some scopes those that mean something to one of them.
    pub(super) fn scope(&self, scope: &str) -> String {
        let words: Vec<&str> = scope.split(' ').filter(|word| self.knows(word)).collect();
        words.join(" ")
    }
}

fn refuse<T>(why: &str) -> Result<T, OAuthError> {
    Err(OAuthError::new(ErrorCode::InvalidTarget, why))
}

impl AuthorizationServer {
    /// The resources that a form names, each once; the NGSI-LD one when it names none.
    pub(super) fn named_or_own(&self, form: &Form) -> Result<Vec<String>, OAuthError> {
        let named = named(form)?;
        Ok(if named.is_empty() { vec![self.resource.clone()] } else { named })
    }

    /// The resources of a token that is asked for: all that were granted, or those of them that the form names.
    pub(super) async fn narrowed(
        &self,
        form: &Form,
        known: &Known,
        granted: &[String],
    ) -> Result<Audience, OAuthError> {
        // What was granted before resources were written down is for the NGSI-LD one.
        let own = [self.resource.clone()];
        let granted = if granted.is_empty() { &own[..] } else { granted };
        let named = named(form)?;
        if !named.iter().all(|resource| granted.contains(resource)) {
            return refuse("a resource was not in the authorization request");
        }
        self.audience(known, if named.is_empty() { granted.to_vec() } else { named }).await
    }

    /// These resources as an audience, if the client may ask tokens for each of them.
    pub(super) async fn audience(
        &self,
        known: &Known,
        resources: Vec<String>,
    ) -> Result<Audience, OAuthError> {
        let mut audience = Audience { resources, ours: false, servers: Vec::new() };
        for resource in &audience.resources {
            if *resource == self.resource {
                audience.ours = true;
                continue;
            }
            let server = if known.client.resources.contains(resource) {
                self.clients.resource_server(&self.tenant, resource).await?
            } else {
                None
            };
            match server.filter(|server| server.active()) {
                Some(server) => audience.servers.push(server),
                None => return refuse("this client gets no tokens for one of the resources"),
            }
        }
        Ok(audience)
    }
}

fn named(form: &Form) -> Result<Vec<String>, OAuthError> {
    let mut named: Vec<String> = Vec::new();
    for resource in form.resources() {
        if named.len() == MOST {
            return refuse("a request may name 8 resources at most");
        }
        if !named.iter().any(|known| known == resource) {
            named.push(resource.to_owned());
        }
    }
    Ok(named)
}
