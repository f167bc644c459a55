//! Refresh tokens: bound to their client by its key, and to its certificate where its tokens are, good for one use, and all of them ended when one comes a second time
//! (RFC 6749 section 6, RFC 9700 section 4.14).

use std::fmt;

use serde::{Deserialize, Serialize};
use tsunagu_domain::{Assurance, ClientId, TsunoId};
use tsunagu_store::{Expect, Op, WriteSet};

use super::super::authorize::Code;
use super::super::{AuthorizationServer, Binding, ErrorCode, Form, OAuthError, ResidentData};
use super::{Minted, OFFLINE_SCOPE, Tokens, invalid_grant, no_more_details};
use crate::clients::Known;
use crate::jose::{b64, same, sha256};
use crate::records::{self, REFRESH};
use crate::services::seconds;

/// A refresh token that is not used for so long ends, seconds: 30 days. The consent behind it ends it sooner.
const IDLE_SECONDS: i64 = 30 * 24 * 60 * 60;
const UNKNOWN: &str = "the refresh token is unknown, expired, revoked, or not this client's";

/// What a resident authorized a client for, as tokens are made of it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Authorization {
    /// Names it in tokens and revocations.
    pub(in super::super) family: String,
    pub(in super::super) client: ClientId,
    pub(in super::super) subject: TsunoId,
    pub(in super::super) grant: Option<String>,
    pub(in super::super) details: Option<ResidentData>,
    pub(in super::super) scope: String,
    /// What it may have tokens for; empty for the NGSI-LD resource.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(in super::super) resources: Vec<String>,
    pub(in super::super) assurance: Assurance,
    /// Id of the delegation under which somebody else logged in for the subject.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in super::super) acting: Option<String>,
    /// Of the authorization request; for the first ID token only.
    #[serde(skip)]
    pub(in super::super) nonce: Option<String>,
}

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorization").field("client", &self.client).finish_non_exhaustive()
    }
}

impl Authorization {
    pub(super) fn of(code: Code, family: String) -> Self {
        Self {
            family,
            client: code.client,
            subject: code.subject,
            grant: code.grant,
            details: code.details,
            scope: code.scope,
            resources: code.resources,
            assurance: code.assurance,
            acting: code.acting,
            nonce: code.nonce,
        }
    }

    fn has_scope(&self, word: &str) -> bool {
        self.scope.split(' ').any(|own| own == word)
    }
}

/// An authorization with the one refresh token of it that counts.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Refreshable {
    pub(in super::super) authorization: Authorization,
    /// Base64url of the digest of its secret part.
    current: String,
    /// The thumbprint of the certificate that it is bound to, for clients whose tokens are (RFC 8705).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in super::super) certificate: Option<String>,
}

/// The certificate among what tokens can be bound to. A refresh token is bound to it; keys of DPoP proofs may change.
fn certificate(binding: Option<&Binding>) -> Option<String> {
    match binding {
        Some(Binding::Certificate(thumbprint)) => Some(thumbprint.clone()),
        Some(Binding::Key(_)) | None => None,
    }
}

/// The family that a refresh token names, with its secret part: `<family>.<secret>`.
fn family_of(token: &str) -> Option<(&str, &str)> {
    token.split_once('.').filter(|(_, secret)| !secret.contains('.'))
}

impl AuthorizationServer {
    /// The first refresh token of an authorization, and the record of it. None for a login without data, for who did not ask, and for
    /// who bears tokens.
    pub(super) fn first_refresh_token(
        &self,
        authorization: &Authorization,
        binding: Option<&Binding>,
    ) -> Result<Option<(String, Op)>, OAuthError> {
        let wanted = authorization.grant.is_some() && authorization.has_scope(OFFLINE_SCOPE);
        if !wanted || binding.is_none() {
            return Ok(None);
        }
        let (text, current) = self.secret_of(&authorization.family);
        let certificate = certificate(binding);
        let kept = Refreshable { authorization: authorization.clone(), current, certificate };
        let until = Some(self.services.clock.micros() + seconds(IDLE_SECONDS));
        let key = authorization.family.as_bytes();
        Ok(Some((text, records::put(REFRESH, key, until, &kept, Expect::Absent)?)))
    }

    fn secret_of(&self, family: &str) -> (String, String) {
        let secret = self.services.ids.secret();
        (format!("{family}.{secret}"), b64(sha256(secret.as_bytes())))
    }

    /// What a refresh token of this client stands for, and whether it is the one that counts.
    pub(in super::super) async fn refreshable(
        &self,
        token: &str,
        client: &ClientId,
    ) -> Result<Option<(Refreshable, u64, bool)>, OAuthError> {
        let Some((family, secret)) = family_of(token) else {
            return Ok(None);
        };
        let store = &*self.services.store;
        let read =
            records::read::<Refreshable>(store, &self.tenant, REFRESH, family.as_bytes()).await?;
        let now = self.services.clock.micros();
        let mine = read.filter(|kept| kept.live(now) && kept.data.authorization.client == *client);
        Ok(mine.map(|kept| {
            let counts = same(&b64(sha256(secret.as_bytes())), &kept.data.current);
            (kept.data, kept.version, counts)
        }))
    }

    pub(super) async fn refresh(
        &self,
        form: &Form,
        known: &Known,
        binding: Option<Binding>,
    ) -> Result<Tokens, OAuthError> {
        let token = form.required("refresh_token")?;
        let Some((mut kept, version, counts)) = self.refreshable(token, &known.client.id).await?
        else {
            return invalid_grant(UNKNOWN);
        };
        let family = kept.authorization.family.clone();
        if !counts {
            return self.used_again(&family).await;
        }
        if binding.is_none() {
            return Err(OAuthError::new(
                ErrorCode::InvalidDpopProof,
                "refreshed tokens are bound to a key: send a DPoP proof (RFC 9449)",
            ));
        }
        let shown = certificate(binding.as_ref());
        if kept.certificate.is_some() && kept.certificate != shown {
            return invalid_grant(
                "the refresh token is bound to a client certificate, and the request came without it",
            );
        }
        kept.certificate = shown;
        let audience = self.narrowed(form, known, &kept.authorization.resources).await?;
        let scope = audience.scope(&narrowed(form, &kept.authorization)?);
        no_more_details(form, kept.authorization.details.as_ref())?;
        let authorization = &kept.authorization;
        self.still_lives(authorization).await?;
        let (text, current) = self.secret_of(&family);
        kept.current = current;
        let until = Some(self.services.clock.micros() + seconds(IDLE_SECONDS));
        let op = records::put(REFRESH, family.as_bytes(), until, &kept, Expect::Version(version))?;
        let set = WriteSet::new(self.tenant.clone()).with(op);
        if !records::try_commit(&*self.services.store, set).await? {
            // Used by two at once: one of them is not who should have it.
            return self.used_again(&family).await;
        }
        let Minted { access_token, token_type, expires_in } =
            self.access_token(known, &kept.authorization, &scope, &audience, binding).await?;
        Ok(Tokens {
            access_token,
            token_type,
            expires_in,
            scope,
            id_token: None,
            refresh_token: Some(text),
            grant_id: kept.authorization.grant,
            authorization_details: kept.authorization.details.into_iter().collect(),
        })
    }

    /// Whether what tokens were given for still stands.
    pub(super) async fn still_lives(&self, of: &Authorization) -> Result<(), OAuthError> {
        self.grant_lives(of.grant.as_deref(), of.subject, of.acting.as_deref()).await
    }

    async fn used_again(&self, family: &str) -> Result<Tokens, OAuthError> {
        tracing::warn!(
            "a refresh token was used again; all tokens of its authorization are revoked"
        );
        self.end_family(family).await?;
        invalid_grant(
            "the refresh token was used before; all tokens of its authorization are revoked",
        )
    }
}

/// The scope of a refreshed token: what was granted, or less (RFC 6749 section 6).
fn narrowed(form: &Form, authorization: &Authorization) -> Result<String, OAuthError> {
    let scope = form.get("scope").unwrap_or(&authorization.scope);
    if scope.split(' ').all(|word| authorization.has_scope(word)) {
        Ok(scope.to_owned())
    } else {
        Err(OAuthError::new(
            ErrorCode::InvalidScope,
            "the scope of a refreshed token cannot be wider than what was granted",
        ))
    }
}
