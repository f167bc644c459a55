//! Access tokens (RFC 9068) and their verification.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tsunagu_domain::{
    Assurance, ClientId, Level, Problem, ProblemCode, TenantId, Timestamp, TsunoId,
};

use super::{AuthorizationServer, ResidentData};
use crate::clients::Known;
use crate::jose::{JwsError, Signed, sha256};
use crate::records::REVOKED;
use crate::services::seconds;

/// The claims of an access token.
#[derive(Serialize, Deserialize)]
pub(super) struct Claims {
    pub(super) iss: String,
    pub(super) sub: String,
    pub(super) aud: String,
    pub(super) client_id: ClientId,
    pub(super) iat: i64,
    pub(super) exp: i64,
    pub(super) jti: String,
    pub(super) scope: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) grant_id: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) authorization_details: Vec<ResidentData>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) auth_time: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) acr: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) amr: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) ial: Option<Level>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) aal: Option<Level>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) idp: Option<String>,
}

/// What a valid access token says. `subject` is the Tsuno ID, not what the client sees.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessToken {
    /// The municipality.
    pub tenant: TenantId,
    /// The client that it was given to.
    pub client: ClientId,
    /// The resident who logged in; `None` for a client on its own behalf.
    pub subject: Option<TsunoId>,
    /// The consent behind it.
    pub grant_id: Option<String>,
    /// What was granted, as asked; the consent decides, not this.
    pub details: Option<ResidentData>,
    /// Scopes, separated by spaces.
    pub scope: String,
    /// How surely the resident was who they are. The lowest for a client on its own behalf.
    pub assurance: Assurance,
    /// Its id.
    pub jti: String,
    /// First moment at which it is not valid any more.
    pub exp: Timestamp,
}

impl std::fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccessToken").field("client", &self.client).finish_non_exhaustive()
    }
}

impl AccessToken {
    /// Whether a scope is among its scopes.
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scope.split(' ').any(|word| word == scope)
    }
}

/// A token remembered as verified.
pub(super) struct Verified {
    token: Arc<AccessToken>,
    issued: Timestamp,
}

/// Why an access token does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not an access token of this server: form, algorithm, type, signature, issuer or audience.
    #[error("the access token is not one of this platform")]
    Invalid,
    /// Its time is over, or has not come.
    #[error("the access token has expired")]
    Expired,
    /// It was revoked, or its client is suspended.
    #[error("the access token was revoked")]
    Revoked,
    /// It could not be checked, so it does not count.
    #[error("the access token could not be checked: {0}")]
    Unavailable(Problem),
}

impl From<JwsError> for TokenError {
    fn from(_: JwsError) -> Self {
        Self::Invalid
    }
}

impl From<TokenError> for Problem {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Unavailable(problem) => problem,
            other => Self::new(ProblemCode::Unauthorized, other.to_string()),
        }
    }
}

/// The skew of our own clock between two processes, seconds.
const SKEW: i64 = 5;

impl AuthorizationServer {
    /// Verifies an access token. The signature of a token seen before is not computed again; its time, its
    /// revocation and its client are looked at every time. Whether its grant is alive is for the caller to ask.
    pub async fn verify_access_token(&self, text: &str) -> Result<Arc<AccessToken>, TokenError> {
        let now = self.services.clock.micros();
        let key = sha256(text.as_bytes());
        let verified = if let Some(verified) = self.verified.get(&key) {
            verified
        } else {
            let verified = Arc::new(self.first_sight(text, now).await?);
            self.verified.insert(key, Arc::clone(&verified));
            verified
        };
        let token = &verified.token;
        if now >= token.exp || now + seconds(SKEW) < verified.issued {
            return Err(TokenError::Expired);
        }
        let active = self.known(&token.client).await?.is_some_and(|known| known.active());
        if !active || self.knows_revoked(&token.jti) {
            return Err(TokenError::Revoked);
        }
        Ok(Arc::clone(token))
    }

    async fn known(&self, client: &ClientId) -> Result<Option<Arc<Known>>, TokenError> {
        self.clients.known(&self.tenant, client).await.map_err(TokenError::Unavailable)
    }

    async fn first_sight(&self, text: &str, now: Timestamp) -> Result<Verified, TokenError> {
        let claims = self.claims(text)?;
        if now >= seconds(claims.exp) {
            return Err(TokenError::Expired);
        }
        let known = self.known(&claims.client_id).await?.ok_or(TokenError::Revoked)?;
        let revoked =
            self.services.store.record(&self.tenant, REVOKED, claims.jti.as_bytes()).await;
        if revoked.map_err(|e| TokenError::Unavailable(e.into()))?.is_some() {
            return Err(TokenError::Revoked);
        }
        let subject = if claims.sub == claims.client_id.as_str() {
            None
        } else {
            let outward: TsunoId = claims.sub.parse().map_err(|_| TokenError::Invalid)?;
            Some(known.inward(outward))
        };
        let token = AccessToken {
            tenant: self.tenant.clone(),
            client: claims.client_id,
            subject,
            grant_id: claims.grant_id,
            details: claims.authorization_details.into_iter().next(),
            scope: claims.scope,
            assurance: Assurance {
                ial: claims.ial.unwrap_or_default(),
                aal: claims.aal.unwrap_or_default(),
                acr: claims.acr,
                amr: claims.amr,
                auth_time: seconds(claims.auth_time.unwrap_or_default()),
                idp: claims.idp.unwrap_or_default(),
            },
            jti: claims.jti,
            exp: seconds(claims.exp),
        };
        Ok(Verified { token: Arc::new(token), issued: seconds(claims.iat) })
    }

    /// The claims of a token of ours, whatever its time and fate.
    pub(super) fn claims(&self, text: &str) -> Result<Claims, TokenError> {
        let signed = Signed::read(text)?;
        if signed.typ.as_deref() != Some("at+jwt") {
            return Err(TokenError::Invalid);
        }
        let kid = signed.kid.as_deref().ok_or(TokenError::Invalid)?;
        let key = self.keys.public(kid).ok_or(TokenError::Invalid)?;
        let claims: Claims = signed.verify(key)?;
        let ours = claims.iss == self.issuer && claims.aud == self.resource;
        if ours { Ok(claims) } else { Err(TokenError::Invalid) }
    }
}
