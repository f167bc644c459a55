//! Access tokens (RFC 9068) and their verification.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use serde::{Deserialize, Serialize};
use tsunagu_domain::{
    Assurance, ClientId, Level, Problem, ProblemCode, TenantId, Timestamp, TsunoId,
};

use super::audience::Aud;
use super::{AuthorizationServer, ProofError, ResidentData};
use crate::clients::Known;
use crate::jose::{Algorithm, JwsError, Signed, sha256};
use crate::records::REVOKED;
use crate::services::seconds;

/// The claims of an access token.
#[derive(Serialize, Deserialize)]
pub(super) struct Claims {
    pub(super) iss: String,
    pub(super) sub: String,
    pub(super) aud: Aud,
    pub(super) client_id: ClientId,
    pub(super) iat: i64,
    pub(super) exp: i64,
    pub(super) jti: String,
    /// What is revoked together: all tokens of one authorization. Without it a token stands alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) family: Option<String>,
    /// The key that its holder has to prove (RFC 7800); without it whoever bears it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) cnf: Option<Binding>,
    pub(super) scope: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) grant_id: Option<String>,
    /// The delegation under which somebody else logged in, enciphered for this token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) acting: Option<String>,
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

impl Claims {
    /// What a token says of whom; for what it is, and its id, is for the caller to add, and when and by whom it is given as it is signed.
    pub(super) fn new(sub: String, client: &ClientId, scope: &str) -> Self {
        Self {
            iss: String::new(),
            sub,
            aud: Aud::default(),
            client_id: client.clone(),
            iat: 0,
            exp: 0,
            jti: String::new(),
            family: None,
            cnf: None,
            scope: scope.to_owned(),
            grant_id: None,
            acting: None,
            authorization_details: Vec::new(),
            auth_time: None,
            acr: None,
            amr: Vec::new(),
            ial: None,
            aal: None,
            idp: None,
        }
    }

    /// What a revocation of this token names.
    pub(super) fn revocable(&self) -> &str {
        self.family.as_deref().unwrap_or(&self.jti)
    }
}

/// The key or certificate that an access token is bound to, as its `cnf` says it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Binding {
    /// The thumbprint of a key that signs DPoP proofs (RFC 9449 section 6.1).
    #[serde(rename = "jkt")]
    Key(String),
    /// The thumbprint of the certificate that its holder shows in TLS (RFC 8705 section 3.1).
    #[serde(rename = "x5t#S256")]
    Certificate(String),
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
    /// Id of the delegation under which somebody else logged in for the resident.
    pub acting: Option<String>,
    /// What was granted, as asked; the consent decides, not this.
    pub details: Option<ResidentData>,
    /// Scopes, separated by spaces.
    pub scope: String,
    /// How surely the resident was who they are. The lowest for a client on its own behalf.
    pub assurance: Assurance,
    /// The key that its holder has to prove, or the certificate to show; without one it serves whoever has it.
    pub binding: Option<Binding>,
    /// The identifiers of the resources that it is for.
    pub audience: Vec<String>,
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
    /// The scheme under which it is sent.
    pub fn token_type(&self) -> &'static str {
        match self.binding {
            Some(Binding::Key(_)) => "DPoP",
            Some(Binding::Certificate(_)) | None => "Bearer",
        }
    }

    /// Whether a scope is among its scopes.
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scope.split(' ').any(|word| word == scope)
    }
}

/// A token remembered as verified.
pub(super) struct Verified {
    token: Arc<AccessToken>,
    issued: Timestamp,
    /// What a revocation of it names.
    revocable: String,
    /// The key that signed it.
    kid: String,
    /// When the store was last asked whether it is revoked.
    asked: AtomicI64,
}

/// A revocation in another process is noticed within this, microseconds. The process that was told refuses at once.
const ASK_AGAIN: Timestamp = 500_000;

/// Why an access token does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not an access token of this server: form, algorithm, type, signature or issuer.
    #[error("the access token is not one of this platform")]
    Invalid,
    /// It is for other resources than the one it was sent to (RFC 9068 section 4).
    #[error("the access token is for another resource than this; ask for one with this resource")]
    Audience,
    /// Its time is over, or has not come.
    #[error("the access token has expired")]
    Expired,
    /// It was revoked, its client is suspended, or the delegation under which it was given is over.
    #[error("the access token was revoked")]
    Revoked,
    /// Whoever sent it did not prove that it is theirs.
    #[error(transparent)]
    Proof(ProofError),
    /// It came over a connection without the certificate that it is bound to.
    #[error(
        "the access token is bound to a client certificate (RFC 8705), and the request came {0}"
    )]
    Certificate(&'static str),
    /// It came under a scheme that is not its own.
    #[error("a token that is bound to a key is sent as 'DPoP' with a proof, another as 'Bearer'")]
    Scheme,
    /// It could not be checked, so it does not count.
    #[error("the access token could not be checked: {0}")]
    Unavailable(Problem),
}

impl From<JwsError> for TokenError {
    fn from(_: JwsError) -> Self {
        Self::Invalid
    }
}

impl From<ProofError> for TokenError {
    fn from(error: ProofError) -> Self {
        match error {
            ProofError::Unavailable(problem) => Self::Unavailable(problem),
            other => Self::Proof(other),
        }
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
    /// Verifies an access token for the NGSI-LD resource, whoever sends it: [`Self::verify_presented`] is for requests. The signature of a token seen before is
    /// not computed again; its time, its revocation and its client are looked at every time, where another process may have changed
    /// them at most half a second ago; so is the delegation under which it was given, if it was under one. Whether its grant is alive is for the
    /// caller to ask.
    pub async fn verify_access_token(&self, text: &str) -> Result<Arc<AccessToken>, TokenError> {
        let token = self.verify_for_any(text).await?;
        if token.audience.contains(&self.resource) { Ok(token) } else { Err(TokenError::Audience) }
    }

    /// The same, for whichever resource it is.
    pub(super) async fn verify_for_any(&self, text: &str) -> Result<Arc<AccessToken>, TokenError> {
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
        if !self.keys.knows(&verified.kid).await.map_err(TokenError::Unavailable)? {
            return Err(TokenError::Invalid);
        }
        let active = self.known(&token.client).await?.is_some_and(|known| known.active());
        let acts = self.acts(token.acting.as_deref()).await.map_err(TokenError::Unavailable)?;
        if !active || !acts || self.is_revoked(&verified, now).await? {
            return Err(TokenError::Revoked);
        }
        Ok(Arc::clone(token))
    }

    async fn is_revoked(&self, verified: &Verified, now: Timestamp) -> Result<bool, TokenError> {
        if self.knows_revoked(&verified.revocable) {
            return Ok(true);
        }
        let asked = verified.asked.load(Ordering::Relaxed);
        if (asked..asked.saturating_add(ASK_AGAIN)).contains(&now) {
            return Ok(false);
        }
        let revoked = self.revoked_in_store(&verified.revocable).await?;
        if revoked {
            self.note_revoked(&verified.revocable, verified.token.exp);
        } else {
            verified.asked.store(now, Ordering::Relaxed);
        }
        Ok(revoked)
    }

    async fn revoked_in_store(&self, revocable: &str) -> Result<bool, TokenError> {
        let read = self.services.store.record(&self.tenant, REVOKED, revocable.as_bytes()).await;
        read.map(|found| found.is_some()).map_err(|e| TokenError::Unavailable(e.into()))
    }

    async fn known(&self, client: &ClientId) -> Result<Option<Arc<Known>>, TokenError> {
        self.clients.known(&self.tenant, client).await.map_err(TokenError::Unavailable)
    }

    async fn first_sight(&self, text: &str, now: Timestamp) -> Result<Verified, TokenError> {
        let (claims, kid) = self.claims(text).await?;
        if now >= seconds(claims.exp) {
            return Err(TokenError::Expired);
        }
        let known = self.known(&claims.client_id).await?.ok_or(TokenError::Revoked)?;
        if self.revoked_in_store(claims.revocable()).await? {
            return Err(TokenError::Revoked);
        }
        let revocable = claims.revocable().to_owned();
        let subject = if claims.sub == claims.client_id.as_str() {
            None
        } else {
            let name = TsunoId::read_pairwise(&claims.sub).map_err(|_| TokenError::Invalid)?;
            let id = if claims.aud.0 == [self.resource.as_str()] {
                known.inward(name)
            } else {
                let named = self.clients.sectors().named_in_token(&claims.jti, name);
                named.map_err(TokenError::Unavailable)?
            };
            Some(id)
        };
        let token = AccessToken {
            tenant: self.tenant.clone(),
            client: claims.client_id,
            subject,
            grant_id: claims.grant_id,
            acting: claims.acting,
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
            binding: claims.cnf,
            audience: claims.aud.0,
            jti: claims.jti,
            exp: seconds(claims.exp),
        };
        Ok(Verified {
            token: Arc::new(token),
            issued: seconds(claims.iat),
            revocable,
            kid,
            asked: AtomicI64::new(now),
        })
    }

    /// An id that a token carries enciphered.
    fn in_clear(&self, jti: &str, name: &str) -> Result<String, TokenError> {
        let id = self.clients.sectors().id_of_token(jti, name);
        id.map_err(TokenError::Unavailable)?.ok_or(TokenError::Invalid)
    }

    /// The claims of a token of ours, with its ids in clear, whatever its time and fate, and the key that signed it.
    pub(super) async fn claims(&self, text: &str) -> Result<(Claims, String), TokenError> {
        let signed = Signed::read(text, &[Algorithm::Es256])?;
        if signed.typ.as_deref() != Some("at+jwt") {
            return Err(TokenError::Invalid);
        }
        let kid = signed.kid.as_deref().ok_or(TokenError::Invalid)?;
        let key = self.keys.public(kid).await.map_err(TokenError::Unavailable)?;
        let mut claims: Claims = signed.verify(&key.ok_or(TokenError::Invalid)?)?;
        if claims.iss != self.issuer {
            return Err(TokenError::Invalid);
        }
        let jti = claims.jti.clone();
        let clear = |name: Option<String>| match name {
            Some(name) => self.in_clear(&jti, &name).map(Some),
            None => Ok(None),
        };
        claims.acting = clear(claims.acting)?;
        if claims.aud.0 != [self.resource.as_str()] {
            claims.family = clear(claims.family)?;
            claims.grant_id = clear(claims.grant_id)?;
        }
        Ok((claims, kid.to_owned()))
    }
}
