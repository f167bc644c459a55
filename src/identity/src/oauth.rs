//! The authorization server of one municipality: OpenID provider for vendors, true to the FAPI 2.0 Security Profile.
//!
//! Pushed requests only, PKCE S256, `private_key_jwt`, rich authorization requests whose grant id is a consent id, RFC 9068 access
//! tokens of five minutes that are bound to a key of their client by DPoP, or to its certificate (RFC 8705). Clients registered for it may have bearer tokens too, which
//! live shorter and open no sensitive data.

mod access_token;
mod audience;
mod authorize;
mod client_auth;
mod details;
mod dpop;
mod end_session;
mod error;
mod form;
mod keys;
mod manage;
mod metadata;
mod par;
mod presented;
mod prompt;
mod token;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use quick_cache::sync::Cache;
use tsunagu_domain::{Problem, TenantId, Timestamp};
use url::Url;

use crate::{Clients, Services};

pub use access_token::{AccessToken, Binding, TokenError};
pub use authorize::AuthorizationRequest;
pub use details::{DataAction, DetailType, ResidentData};
pub use dpop::{Possession, ProofError, Proofs};
pub use end_session::EndSession;
pub use error::{ErrorCode, OAuthError};
pub use form::Form;
pub use keys::{KeyRole, KeyState, SigningKeys};
pub use par::Pushed;
pub use presented::Scheme;
pub use prompt::Answerable;
pub use token::{Redeemed, Redeeming, SHARE_CODE_GRANT, ShareCodes, ShareRefusal, Tokens};

use access_token::Verified;

/// So many verified access tokens are remembered.
const REMEMBERED_TOKENS: usize = 50_000;

/// Whether a grant (a consent) is alive. Implemented over the consents, which this room does not know.
#[async_trait]
pub trait LiveGrants: Send + Sync + 'static {
    /// Whether the grant of this id is live now: given, in its period, neither paused nor withdrawn.
    async fn is_live(&self, tenant: &TenantId, grant_id: &str) -> Result<bool, Problem>;

    /// Whether the delegation of this id is in force now. What a delegate authorized a client for ends with it.
    async fn acts(&self, tenant: &TenantId, delegation: &str) -> Result<bool, Problem>;
}

/// That proxies in front tell which certificates clients show in TLS, so that tokens can be bound to them (RFC 8705).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mtls {
    /// Where certificates are asked for, when that is another place than where browsers come: a base URL without slash at its end, for
    /// `mtls_endpoint_aliases` (RFC 8705 section 5).
    pub base_url: Option<String>,
}

/// What an authorization server is made of.
pub struct Parts {
    /// Storage, time, randomness, access log, catalogue.
    pub services: Services,
    /// The municipality that it serves.
    pub tenant: TenantId,
    /// Its issuer identifier: the platform's base URL as clients know it, without trailing slash.
    pub issuer: String,
    /// Its clients.
    pub clients: Arc<Clients>,
    /// Its keys.
    pub keys: SigningKeys,
    /// Its nonces, and the proofs that were used.
    pub proofs: Proofs,
    /// Asked before a token of a grant is given or called active.
    pub grants: Arc<dyn LiveGrants>,
    /// Whether client certificates are known here; without it no token is bound to one.
    pub mtls: Option<Mtls>,
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

/// The authorization server of one municipality.
pub struct AuthorizationServer {
    services: Services,
    tenant: TenantId,
    issuer: String,
    resource: String,
    clients: Arc<Clients>,
    keys: SigningKeys,
    proofs: Proofs,
    grants: Arc<dyn LiveGrants>,
    mtls: Option<Mtls>,
    shares: Option<Arc<dyn ShareCodes>>,
    verified: Cache<[u8; 32], Arc<Verified>>,
    /// What was revoked and has not expired, as far as this process saw it revoked.
    revoked: RwLock<HashMap<String, Timestamp>>,
}

impl fmt::Debug for AuthorizationServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizationServer").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

impl AuthorizationServer {
    /// From its parts. The issuer must be an absolute http(s) URL without query and fragment.
    pub fn new(parts: Parts) -> Result<Self, Problem> {
        let issuer = parts.issuer.trim_end_matches('/').to_owned();
        let usable = Url::parse(&issuer).is_ok_and(|url| {
            matches!(url.scheme(), "http" | "https")
                && url.query().is_none()
                && url.fragment().is_none()
        });
        if !usable {
            return Err(crate::person::internal("the issuer is not an absolute http(s) url"));
        }
        Ok(Self {
            resource: format!("{issuer}/ngsi-ld"),
            services: parts.services,
            tenant: parts.tenant,
            issuer,
            clients: parts.clients,
            keys: parts.keys,
            proofs: parts.proofs,
            grants: parts.grants,
            mtls: parts.mtls,
            shares: None,
            verified: Cache::new(REMEMBERED_TOKENS),
            revoked: RwLock::default(),
        })
    }

    /// The same, redeeming share codes, too.
    #[must_use]
    pub fn with_share_codes(self, codes: Arc<dyn ShareCodes>) -> Self {
        Self { shares: Some(codes), ..self }
    }

    /// The issuer identifier.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The identifier of the NGSI-LD resource: what access tokens are for.
    pub fn resource(&self) -> &str {
        &self.resource
    }

    /// The municipality.
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    fn note_revoked(&self, revocable: &str, until: Timestamp) {
        let now = self.services.clock.micros();
        let mut revoked = self.revoked.write().unwrap_or_else(PoisonError::into_inner);
        revoked.retain(|_, until| *until > now);
        revoked.insert(revocable.to_owned(), until);
    }

    fn knows_revoked(&self, revocable: &str) -> bool {
        self.revoked.read().unwrap_or_else(PoisonError::into_inner).contains_key(revocable)
    }
}
