//! The token endpoint.

mod machine;
mod mint;
mod refresh;
mod share;

use serde::Serialize;
use tsunagu_domain::{Sensitivity, TsunoId};
use tsunagu_store::access::Action;
use tsunagu_store::{Expect, Op, WriteSet};

use super::authorize::Code;
use super::{AuthorizationServer, Binding, ErrorCode, Form, OAuthError, Possession, ResidentData};
use crate::clients::Known;
use crate::jose::{b64, same, sha256};
use crate::person::iri;
use crate::records::{self, CODES, REFRESH, REVOKED};
use crate::residents::is_open;
use crate::services::seconds;

use mint::Minted;

use refresh::Authorization;
pub use share::{Redeemed, Redeeming, SHARE_CODE_GRANT, ShareCodes, ShareRefusal};

/// An access token that is bound to a key lives for so many seconds.
pub(super) const ACCESS_TOKEN_SECONDS: i64 = 300;
/// One that serves whoever has it lives shorter.
const BEARER_TOKEN_SECONDS: i64 = 120;
pub(super) const MACHINE_SCOPE: &str = "ngsi-ld";
/// Asks for a refresh token (OpenID Connect Core section 11).
pub(super) const OFFLINE_SCOPE: &str = "offline_access";

/// The answer of the token endpoint.
#[derive(Serialize)]
pub struct Tokens {
    /// RFC 9068.
    pub access_token: String,
    /// `DPoP`, or `Bearer`.
    pub token_type: &'static str,
    /// Seconds.
    pub expires_in: i64,
    /// Granted scope.
    pub scope: String,
    /// For logins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token: Option<String>,
    /// For a consent, with the scope `offline_access`. Good for one use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    /// The consent behind the token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grant_id: Option<String>,
    /// What was granted (RFC 9396 section 7).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub authorization_details: Vec<ResidentData>,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tokens(…)")
    }
}

fn invalid_grant<T>(why: &str) -> Result<T, OAuthError> {
    Err(OAuthError::new(ErrorCode::InvalidGrant, why))
}

impl AuthorizationServer {
    /// Answers a token request: `authorization_code`, `refresh_token`, `client_credentials` or [`SHARE_CODE_GRANT`].
    pub async fn token(
        &self,
        form: &Form,
        possession: &Possession<'_>,
    ) -> Result<Tokens, OAuthError> {
        let known = self.authenticate(form).await?;
        let binding = self.binding(&known, possession).await?;
        match form.required("grant_type")? {
            "authorization_code" => self.redeem(form, &known, binding).await,
            "refresh_token" => self.refresh(form, &known, binding).await,
            "client_credentials" => self.machine(form, &known, binding).await,
            SHARE_CODE_GRANT => self.redeem_share(form, &known, binding).await,
            _ => Err(OAuthError::new(
                ErrorCode::UnsupportedGrantType,
                "the grant_type must be authorization_code, refresh_token, client_credentials or urn:tsunagu:grant-type:share-code",
            )),
        }
    }

    /// What the tokens of a request are bound to: the certificate of its connection, for clients registered for that, and else the key of
    /// its proof. Without a proof there are tokens only for clients registered to bear them.
    async fn binding(
        &self,
        known: &Known,
        possession: &Possession<'_>,
    ) -> Result<Option<Binding>, OAuthError> {
        if known.client.tls_client_certificate_bound_access_tokens {
            if possession.proof.is_some() {
                return Err(OAuthError::new(
                    ErrorCode::InvalidRequest,
                    "tokens of this client are bound to its certificate: leave the DPoP proof out",
                ));
            }
            let thumbprint = possession.thumbprint().ok_or_else(|| {
                OAuthError::new(
                    ErrorCode::InvalidRequest,
                    "tokens of this client are bound to its certificate: show one in TLS, at the endpoint that mtls_endpoint_aliases names (RFC 8705)",
                )
            })?;
            return Ok(Some(Binding::Certificate(thumbprint)));
        }
        if possession.proof.is_some() {
            return Ok(Some(Binding::Key(self.prove(possession, None).await?)));
        }
        if known.client.bearer {
            return Ok(None);
        }
        Err(OAuthError::new(
            ErrorCode::InvalidDpopProof,
            "tokens of this client are bound to a key: send a DPoP proof (RFC 9449)",
        ))
    }

    async fn redeem(
        &self,
        form: &Form,
        known: &Known,
        binding: Option<Binding>,
    ) -> Result<Tokens, OAuthError> {
        let store = &*self.services.store;
        let key = sha256(form.required("code")?.as_bytes());
        let unknown = "the code is unknown, expired, used, or not this client's";
        let Some(kept) = records::read::<Code>(store, &self.tenant, CODES, &key).await? else {
            return invalid_grant(unknown);
        };
        let (version, until, mut code) = (kept.version, kept.until, kept.data);
        if code.client != known.client.id {
            return invalid_grant(unknown);
        }
        if let Some(family) = &code.redeemed {
            return self.used_twice(family).await;
        }
        if self.services.clock.micros() >= code.expires {
            return invalid_grant(unknown);
        }
        self.may_redeem(form, &code, binding.as_ref()).await?;
        let audience = self.narrowed(form, known, &code.resources).await?;
        let family = self.services.ids.uuid();
        code.redeemed = Some(family.clone());
        let op = records::put(CODES, &key, until, &code, Expect::Version(version))?;
        let authorization = Authorization::of(code, family);
        let mut set = WriteSet::new(self.tenant.clone()).with(op);
        set.ops.extend(self.services.log.ops(&self.login_of(&authorization))?);
        let refresh_token = self.first_refresh_token(&authorization, binding.as_ref())?;
        let refresh_token = refresh_token.map(|(text, op)| {
            set.ops.push(op);
            text
        });
        if !records::try_commit(store, set).await? {
            // Two at once: the other one got tokens, which must not live either.
            let read = records::read::<Code>(store, &self.tenant, CODES, &key);
            return match read.await?.and_then(|kept| kept.data.redeemed) {
                Some(family) => self.used_twice(&family).await,
                None => invalid_grant(unknown),
            };
        }
        let scope = audience.scope(&authorization.scope);
        let Minted { access_token, token_type, expires_in } =
            self.access_token(known, &authorization, &scope, &audience, binding).await?;
        let id_token = self.id_token(known, &authorization, &access_token).await?;
        Ok(Tokens {
            access_token,
            token_type,
            expires_in,
            scope,
            id_token: Some(id_token),
            refresh_token,
            grant_id: authorization.grant,
            authorization_details: authorization.details.into_iter().collect(),
        })
    }

    /// Whether a token request fits the authorization request that its code is from.
    async fn may_redeem(
        &self,
        form: &Form,
        code: &Code,
        binding: Option<&Binding>,
    ) -> Result<(), OAuthError> {
        if form.required("redirect_uri")? != code.redirect_uri {
            return invalid_grant("the redirect_uri is not that of the authorization request");
        }
        let verifier = form.get("code_verifier").unwrap_or_default();
        if !same(&b64(sha256(verifier.as_bytes())), &code.challenge) {
            return invalid_grant(
                "the code_verifier is missing or does not belong to the code_challenge",
            );
        }
        if let Some(jkt) = &code.dpop_jkt
            && binding != Some(&Binding::Key(jkt.clone()))
        {
            return invalid_grant("the code is bound to a key, and the request does not prove it");
        }
        no_more_details(form, code.details.as_ref())?;
        if binding.is_none() {
            self.opens_nothing_sensitive(code.details.as_ref())?;
        }
        self.grant_lives(code.grant.as_deref(), code.subject, code.acting.as_deref()).await
    }

    /// Whether there is still a consent, where there was one, of somebody who still has a Tsuno ID, and a delegation still, where somebody
    /// else acted for them.
    async fn grant_lives(
        &self,
        grant: Option<&str>,
        subject: TsunoId,
        acting: Option<&str>,
    ) -> Result<(), OAuthError> {
        if !self.acts(acting).await? {
            return invalid_grant("the delegation behind this is over");
        }
        if !is_open(&self.services, &self.tenant, subject).await? {
            return invalid_grant("the Tsuno ID behind this was closed");
        }
        if let Some(grant) = grant
            && !self.grants.is_live(&self.tenant, grant).await?
        {
            return invalid_grant("the consent behind this is not live any more");
        }
        Ok(())
    }

    /// A token that serves whoever has it must not open sensitive data.
    fn opens_nothing_sensitive(&self, details: Option<&ResidentData>) -> Result<(), OAuthError> {
        let catalogue = &self.services.catalogue;
        let sensitive = |code: &String| {
            let class = catalogue.data_class(code);
            class.is_none_or(|class| class.sensitivity == Sensitivity::Sensitive)
        };
        if details.is_some_and(|details| details.data_classes.iter().any(sensitive)) {
            return Err(OAuthError::new(
                ErrorCode::InvalidDpopProof,
                "tokens for sensitive data are bound to a key: send a DPoP proof (RFC 9449)",
            ));
        }
        Ok(())
    }

    /// A code came a second time: somebody has it who should not, so what the first use gave dies (RFC 6749 section 4.1.2).
    async fn used_twice(&self, family: &str) -> Result<Tokens, OAuthError> {
        tracing::warn!("an authorization code was used twice; what it gave is revoked");
        self.end_family(family).await?;
        invalid_grant("the code was used before; what it gave is revoked")
    }

    /// Revokes every token of an authorization, on every replica.
    pub(super) async fn end_family(&self, family: &str) -> Result<(), OAuthError> {
        let until = self.services.clock.micros() + seconds(ACCESS_TOKEN_SECONDS + 10);
        let revoked: Op = records::put(REVOKED, family.as_bytes(), Some(until), &(), Expect::Any)?;
        let set = WriteSet::new(self.tenant.clone()).with(revoked).with(records::delete(
            REFRESH,
            family.as_bytes(),
            Expect::Any,
        ));
        self.services.store.commit(set).await?;
        self.note_revoked(family, until);
        Ok(())
    }

    /// The record of a client being told who logged in to it.
    fn login_of(&self, authorization: &Authorization) -> tsunagu_store::access::Access {
        let mut access = self.services.access(
            format!("client:{}", authorization.client),
            Some(authorization.subject),
            Action::Identify,
        );
        access.types = vec![iri("Person")];
        access.purpose = authorization.details.as_ref().map(|details| details.purpose.clone());
        access.grant.clone_from(&authorization.grant);
        access.reason = match &authorization.acting {
            Some(delegation) => format!("login-to-service delegation:{delegation}"),
            None => "login-to-service".to_owned(),
        };
        access.count = 1;
        access
    }
}

/// What was granted may be named again, and not be changed (RFC 9396 section 6).
fn no_more_details(form: &Form, granted: Option<&ResidentData>) -> Result<(), OAuthError> {
    let Some(text) = form.get("authorization_details") else {
        return Ok(());
    };
    let named = serde_json::from_str::<Vec<ResidentData>>(text).ok();
    if named.is_some_and(|named| named.iter().eq(granted)) {
        return Ok(());
    }
    Err(OAuthError::new(
        ErrorCode::InvalidAuthorizationDetails,
        "authorization_details are asked for in a pushed request; here they can only be repeated",
    ))
}
