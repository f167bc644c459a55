//! The authorization endpoint, as far as it is not a page: what is asked, and the way back to the client.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tsunagu_domain::{Assurance, ClientId, Timestamp, TsunoId};
use tsunagu_store::{Expect, WriteSet};
use url::Url;

use super::par::{self, Request};
use super::prompt::{Answerable, Wanted};
use super::{AuthorizationServer, ErrorCode, OAuthError, ResidentData};
use crate::jose::sha256;
use crate::records::{self, AUTHORIZATION_REQUESTS, CODES, Kept};
use crate::services::seconds;
use crate::{Client, Session};

/// Once the browser has arrived, logging in and deciding may take this long, seconds.
const TO_DECIDE: i64 = 600;
/// A code must be redeemed within this, seconds.
pub(super) const CODE_SECONDS: i64 = 60;

/// A pushed request that a browser brought: what the page shows and the resident decides on.
#[derive(Clone)]
pub struct AuthorizationRequest {
    /// Its `request_uri`, to be carried through login and forms.
    pub request_uri: String,
    /// Who asks.
    pub client: Arc<Client>,
    /// What for; `None` asks for nothing but logging in. Approved is what stands here then: of what is optional, what the resident chose.
    pub details: Option<ResidentData>,
    request: Request,
    version: u64,
}

impl fmt::Debug for AuthorizationRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizationRequest")
            .field("client", &self.client.id)
            .finish_non_exhaustive()
    }
}

impl AuthorizationRequest {
    pub(super) fn wanted(&self) -> &Wanted {
        &self.request.wanted
    }

    /// When the browser first arrived with it.
    pub fn opened(&self) -> Timestamp {
        // Only opened requests are given out.
        self.request.opened.unwrap_or(Timestamp::MAX)
    }
}

/// What a code stands for.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Code {
    pub(super) client: ClientId,
    pub(super) redirect_uri: String,
    pub(super) challenge: String,
    pub(super) scope: String,
    /// What it may have tokens for.
    #[serde(default)]
    pub(super) resources: Vec<String>,
    pub(super) nonce: Option<String>,
    pub(super) details: Option<ResidentData>,
    pub(super) grant: Option<String>,
    pub(super) subject: TsunoId,
    /// Id of the delegation under which somebody else logged in for the subject.
    #[serde(default)]
    pub(super) acting: Option<String>,
    pub(super) assurance: Assurance,
    /// First moment at which it cannot be redeemed any more.
    pub(super) expires: i64,
    /// The key that must redeem it (RFC 9449 section 10).
    #[serde(default)]
    pub(super) dpop_jkt: Option<String>,
    /// The family of tokens that it was redeemed for.
    pub(super) redeemed: Option<String>,
}

fn unusable() -> OAuthError {
    OAuthError::new(
        ErrorCode::InvalidRequestUri,
        "the request_uri is unknown, expired, used, or not this client's; start again from the service",
    )
}

impl AuthorizationServer {
    /// The request that a browser brought to the authorization endpoint. It may be looked at again (after a login, say) until it
    /// is decided on or ten minutes are over. An error is for showing to the resident: it must not be redirected anywhere.
    pub async fn authorization_request(
        &self,
        client_id: &str,
        request_uri: &str,
    ) -> Result<AuthorizationRequest, OAuthError> {
        let key = par::key(request_uri).ok_or_else(unusable)?;
        let store = &*self.services.store;
        // The same page loaded twice at once: the second finds the request opened.
        for _ in 0..3 {
            let now = self.services.clock.micros();
            let read = records::read::<Request>(store, &self.tenant, AUTHORIZATION_REQUESTS, &key);
            let mine =
                |kept: &Kept<Request>| kept.live(now) && kept.data.client.as_str() == client_id;
            let kept = read.await?.filter(mine).ok_or_else(unusable)?;
            let known = self.clients.known(&self.tenant, &kept.data.client).await?;
            let known = known.filter(|known| known.active()).ok_or_else(unusable)?;
            if kept.data.opened.is_some() {
                return Ok(AuthorizationRequest {
                    request_uri: request_uri.to_owned(),
                    client: Arc::clone(&known.client),
                    details: kept.data.details.clone(),
                    request: kept.data,
                    version: kept.version,
                });
            }
            let request = Request { opened: Some(now), ..kept.data };
            let until = Some(now + seconds(TO_DECIDE));
            let expect = Expect::Version(kept.version);
            let op = records::put(AUTHORIZATION_REQUESTS, &key, until, &request, expect)?;
            records::try_commit(store, WriteSet::new(self.tenant.clone()).with(op)).await?;
        }
        Err(OAuthError::new(
            ErrorCode::TemporarilyUnavailable,
            "too much happened at once; try again",
        ))
    }

    /// The resident agreed. `grant_id` is the id of the consent just given; needed exactly when the request asks for data. Gives the URL
    /// to send the browser to, with `code`, `state` and `iss` (RFC 9207). The request is used up. In a session that acts under a delegation,
    /// what the client gets ends with the delegation.
    pub async fn approve(
        &self,
        request: &AuthorizationRequest,
        session: &Session,
        grant_id: Option<&str>,
    ) -> Result<Url, OAuthError> {
        if request.details.is_some() != grant_id.is_some() {
            return Err(OAuthError::new(
                ErrorCode::ServerError,
                "a grant goes with a request for data, and only with one",
            ));
        }
        if self.answerable(request, Some(session)) != Answerable::Yes {
            return Err(OAuthError::new(
                ErrorCode::AccessDenied,
                "the login is older or weaker than the client asks",
            ));
        }
        let now = self.services.clock.micros();
        let (asked, secret) = (&request.request, self.services.ids.secret());
        let expires = now + seconds(CODE_SECONDS);
        let code = Code {
            client: asked.client.clone(),
            redirect_uri: asked.redirect_uri.clone(),
            challenge: asked.code_challenge.clone(),
            scope: asked.scope.clone(),
            resources: asked.resources.clone(),
            nonce: asked.nonce.clone(),
            details: request.details.clone(),
            grant: grant_id.map(str::to_owned),
            subject: session.tsuno_id,
            acting: session.acting.clone(),
            assurance: session.assurance.clone(),
            expires,
            dpop_jkt: asked.dpop_jkt.clone(),
            redeemed: None,
        };
        // Used and late codes are kept for as long as their tokens could live, to notice a second use.
        let until = Some(expires + seconds(super::token::ACCESS_TOKEN_SECONDS));
        let op = records::put(CODES, &sha256(secret.as_bytes()), until, &code, Expect::Absent)?;
        self.finish(request, Some(op)).await?;
        self.back(asked, &[("code", &secret)])
    }

    /// The resident refused. Gives the URL to send the browser to, with `error=access_denied`. The request is used up.
    pub async fn deny(&self, request: &AuthorizationRequest) -> Result<Url, OAuthError> {
        self.refuse(request, ErrorCode::AccessDenied).await
    }

    /// The request cannot be answered as it asks to be. Gives the URL to send the browser to, with this error. The request is used up.
    pub async fn refuse(
        &self,
        request: &AuthorizationRequest,
        error: ErrorCode,
    ) -> Result<Url, OAuthError> {
        self.finish(request, None).await?;
        self.back(&request.request, &[("error", error.name())])
    }

    async fn finish(
        &self,
        request: &AuthorizationRequest,
        op: Option<tsunagu_store::Op>,
    ) -> Result<(), OAuthError> {
        let key = par::key(&request.request_uri).ok_or_else(unusable)?;
        let delete =
            records::delete(AUTHORIZATION_REQUESTS, &key, Expect::Version(request.version));
        let mut set = WriteSet::new(self.tenant.clone()).with(delete);
        set.ops.extend(op);
        if records::try_commit(&*self.services.store, set).await? {
            Ok(())
        } else {
            Err(unusable())
        }
    }

    fn back(&self, request: &Request, answer: &[(&str, &str)]) -> Result<Url, OAuthError> {
        let mut url = Url::parse(&request.redirect_uri).map_err(|_| {
            OAuthError::new(ErrorCode::ServerError, "a registered redirect_uri is no url")
        })?;
        {
            let mut query = url.query_pairs_mut();
            query.extend_pairs(answer);
            if let Some(state) = &request.state {
                query.append_pair("state", state);
            }
            query.append_pair("iss", &self.issuer);
        }
        Ok(url)
    }
}
