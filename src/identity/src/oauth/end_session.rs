//! Logging out, begun by a client (`OpenID` Connect RP-Initiated Logout 1.0), as far as it is not a page.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tsunagu_domain::{ClientId, Problem, TsunoId};
use tsunagu_store::{Expect, WriteSet};
use url::Url;

use super::par::LONGEST_STATE;
use super::{AuthorizationServer, ErrorCode, Form, OAuthError};
use crate::clients::Known;
use crate::jose::{Algorithm, Signed, sha256};
use crate::records::{self, LOGOUTS};
use crate::services::seconds;
use crate::{Client, Session};

/// The resident may take so long to answer, seconds.
const TO_ANSWER: i64 = 600;

/// A client's request to log a resident out, checked.
#[derive(Clone)]
pub struct EndSession {
    /// Who asks, as far as it is told.
    pub client: Option<Arc<Client>>,
    /// Where the browser goes afterwards: a registered address of the client, with its `state`.
    pub back: Option<Url>,
    /// Whom the client means, shown by an ID token of theirs.
    subject: Option<TsunoId>,
}

impl fmt::Debug for EndSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let client = self.client.as_ref().map(|client| &client.id);
        f.debug_struct("EndSession").field("client", &client).finish_non_exhaustive()
    }
}

impl EndSession {
    /// Whether the client showed that it knows the resident of this session: then nobody else can have sent the browser here.
    pub fn is_about(&self, session: &Session) -> bool {
        self.subject == Some(session.tsuno_id)
    }

    /// Whether the client showed an ID token of its own.
    pub fn is_shown(&self) -> bool {
        self.subject.is_some()
    }
}

/// A request while the resident is asked.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    client: Option<ClientId>,
    subject: Option<TsunoId>,
    back: Option<String>,
}

/// The claims of an ID token that count in a hint. Its time may be over (section 4).
#[derive(Deserialize)]
struct Hint {
    iss: String,
    sub: String,
    aud: ClientId,
}

fn refuse<T>(why: &str) -> Result<T, OAuthError> {
    Err(OAuthError::new(ErrorCode::InvalidRequest, why))
}

impl AuthorizationServer {
    /// Reads a request to log out. An error is for showing to the resident: the browser is sent nowhere then.
    pub async fn end_session(&self, form: &Form) -> Result<EndSession, OAuthError> {
        let hint = match form.get("id_token_hint") {
            Some(text) => self.hint(text).await?,
            None => None,
        };
        let named = form.get("client_id");
        if let (Some((known, _)), Some(id)) = (&hint, named)
            && known.client.id.as_str() != id
        {
            return refuse("client_id is not the client of the id_token_hint");
        }
        let client = match (&hint, named.and_then(|id| id.parse().ok())) {
            (Some((known, _)), _) => Some(Arc::clone(&known.client)),
            (None, Some(id)) => self.active(&id).await?.map(|known| Arc::clone(&known.client)),
            (None, None) => None,
        };
        let back = match form.get("post_logout_redirect_uri") {
            Some(uri) => Some(back(client.as_deref(), uri, form.get("state"))?),
            None => None,
        };
        Ok(EndSession { client, back, subject: hint.map(|(_, subject)| subject) })
    }

    /// Whose ID token this is, and about whom. What cannot be verified (any more) is no hint.
    async fn hint(&self, text: &str) -> Result<Option<(Arc<Known>, TsunoId)>, OAuthError> {
        let Ok(signed) = Signed::read(text, &[Algorithm::Es256]) else {
            return Ok(None);
        };
        let kid = signed.kid.as_deref().filter(|_| signed.typ.as_deref() == Some("JWT"));
        let key = match kid {
            Some(kid) => self.keys.public(kid).await?,
            None => None,
        };
        let hint = key.and_then(|key| signed.verify::<Hint>(&key).ok());
        let Some(hint) = hint.filter(|hint| hint.iss == self.issuer) else {
            return Ok(None);
        };
        let Some(known) = self.active(&hint.aud).await? else {
            return Ok(None);
        };
        let outward = TsunoId::read_pairwise(&hint.sub).ok();
        Ok(outward.map(|id| (Arc::clone(&known), known.inward(id))))
    }

    async fn active(&self, client: &ClientId) -> Result<Option<Arc<Known>>, Problem> {
        let known = self.clients.known(&self.tenant, client).await?;
        Ok(known.filter(|known| known.active()))
    }

    /// Keeps a request while the resident is asked, and gives the secret by which it is found again.
    pub async fn keep_end_session(&self, request: &EndSession) -> Result<String, Problem> {
        let secret = self.services.ids.secret();
        let kept = Kept {
            client: request.client.as_ref().map(|client| client.id.clone()),
            subject: request.subject,
            back: request.back.as_ref().map(Url::to_string),
        };
        let until = Some(self.services.clock.micros() + seconds(TO_ANSWER));
        let key = sha256(secret.as_bytes());
        let op = records::put(LOGOUTS, &key, until, &kept, Expect::Absent)?;
        self.services.store.commit(WriteSet::new(self.tenant.clone()).with(op)).await?;
        Ok(secret)
    }

    /// The request that was kept under this secret, for ten minutes.
    pub async fn kept_end_session(&self, secret: &str) -> Result<Option<EndSession>, Problem> {
        let (store, now) = (&*self.services.store, self.services.clock.micros());
        let key = sha256(secret.as_bytes());
        let kept = records::read::<Kept>(store, &self.tenant, LOGOUTS, &key).await?;
        let Some(kept) = kept.filter(|kept| kept.live(now)).map(|kept| kept.data) else {
            return Ok(None);
        };
        let client = match &kept.client {
            Some(id) => self.active(id).await?.map(|known| Arc::clone(&known.client)),
            None => None,
        };
        let back = kept.back.and_then(|url| Url::parse(&url).ok());
        // Of a client that was suspended meanwhile nobody is sent anywhere.
        let back = back.filter(|_| client.is_some());
        Ok(Some(EndSession { client, back, subject: kept.subject }))
    }
}

/// The registered address of the client to go to, compared exactly (section 2).
fn back(client: Option<&Client>, uri: &str, state: Option<&str>) -> Result<Url, OAuthError> {
    let registered = client.filter(|client| {
        client.post_logout_redirect_uris.iter().any(|registered| registered == uri)
    });
    let url = registered.and_then(|_| Url::parse(uri).ok());
    let Some(mut url) = url else {
        return refuse(
            "the post_logout_redirect_uri is not registered for the client that asks, compared exactly",
        );
    };
    if state.is_some_and(|state| state.len() > LONGEST_STATE) {
        return refuse("state may have 1024 bytes");
    }
    if let Some(state) = state {
        url.query_pairs_mut().append_pair("state", state);
    }
    Ok(url)
}
