//! The token endpoint.

use serde::Serialize;
use tsunagu_domain::{ClientId, Level};
use tsunagu_store::access::Action;
use tsunagu_store::{Expect, WriteSet};

use super::access_token::Claims;
use super::authorize::Code;
use super::{AuthorizationServer, ErrorCode, Form, OAuthError};
use crate::clients::Known;
use crate::jose::{b64, half_hash, same, sha256};
use crate::person::iri;
use crate::records::{self, CODES, REVOKED};
use crate::services::{auth_seconds, seconds};

/// An access token lives for so many seconds.
pub(super) const ACCESS_TOKEN_SECONDS: i64 = 300;
const ID_TOKEN_SECONDS: i64 = 300;
pub(super) const MACHINE_SCOPE: &str = "ngsi-ld";

/// The answer of the token endpoint.
#[derive(Serialize)]
pub struct Tokens {
    /// RFC 9068.
    pub access_token: String,
    /// `Bearer`.
    pub token_type: &'static str,
    /// Seconds.
    pub expires_in: i64,
    /// Granted scope.
    pub scope: String,
    /// For logins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token: Option<String>,
    /// The consent behind the token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grant_id: Option<String>,
    /// What was granted (RFC 9396 section 7).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub authorization_details: Vec<super::ResidentData>,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tokens(…)")
    }
}

#[derive(Serialize)]
struct IdToken<'a> {
    iss: &'a str,
    sub: String,
    aud: &'a ClientId,
    exp: i64,
    iat: i64,
    auth_time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    acr: Option<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    amr: &'a [String],
    ial: Level,
    aal: Level,
    at_hash: String,
}

fn invalid_grant<T>(why: &str) -> Result<T, OAuthError> {
    Err(OAuthError::new(ErrorCode::InvalidGrant, why))
}

impl AuthorizationServer {
    /// Answers a token request: `authorization_code` or `client_credentials`.
    pub async fn token(&self, form: &Form) -> Result<Tokens, OAuthError> {
        let known = self.authenticate(form).await?;
        if !known.client.bearer {
            return Err(OAuthError::new(
                ErrorCode::UnauthorizedClient,
                "this client is not registered for bearer tokens, and there are no others yet",
            ));
        }
        self.target(form)?;
        match form.required("grant_type")? {
            "authorization_code" => self.redeem(form, &known).await,
            "client_credentials" => self.machine(form, &known),
            _ => Err(OAuthError::new(
                ErrorCode::UnsupportedGrantType,
                "the grant_type must be authorization_code or client_credentials",
            )),
        }
    }

    async fn redeem(&self, form: &Form, known: &Known) -> Result<Tokens, OAuthError> {
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
        if let Some(jti) = &code.redeemed {
            return self.used_twice(jti).await;
        }
        let now = self.services.clock.micros();
        if now >= code.expires {
            return invalid_grant(unknown);
        }
        if form.required("redirect_uri")? != code.redirect_uri {
            return invalid_grant("the redirect_uri is not that of the authorization request");
        }
        let verifier = form.get("code_verifier").unwrap_or_default();
        if !same(&b64(sha256(verifier.as_bytes())), &code.challenge) {
            return invalid_grant(
                "the code_verifier is missing or does not belong to the code_challenge",
            );
        }
        if let Some(grant) = &code.grant
            && !self.grants.is_live(&self.tenant, grant).await?
        {
            return invalid_grant("the consent behind this code is not live any more");
        }
        let jti = self.services.ids.uuid();
        code.redeemed = Some(jti.clone());
        let mut access = self.services.access(
            format!("client:{}", known.client.id),
            Some(code.subject),
            Action::Identify,
        );
        access.types = vec![iri("Person")];
        access.purpose = code.details.as_ref().map(|details| details.purpose.clone());
        access.grant.clone_from(&code.grant);
        "login-to-service".clone_into(&mut access.reason);
        access.count = 1;
        let op = records::put(CODES, &key, until, &code, Expect::Version(version))?;
        let mut set = WriteSet::new(self.tenant.clone()).with(op);
        set.ops.extend(self.services.log.ops(&access)?);
        if !records::try_commit(store, set).await? {
            // Two at once: the other one got a token, which must not live either.
            let read = records::read::<Code>(store, &self.tenant, CODES, &key);
            return match read.await?.and_then(|kept| kept.data.redeemed) {
                Some(jti) => self.used_twice(&jti).await,
                None => invalid_grant(unknown),
            };
        }
        self.tokens(known, &code, jti)
    }

    fn tokens(&self, known: &Known, code: &Code, jti: String) -> Result<Tokens, OAuthError> {
        let now = self.services.clock.seconds();
        let sub = known.outward(code.subject).to_string();
        let auth_time = auth_seconds(&code.assurance);
        let access_token = self.keys.sign(
            "at+jwt",
            &Claims {
                iss: self.issuer.clone(),
                sub: sub.clone(),
                aud: self.resource.clone(),
                client_id: code.client.clone(),
                iat: now,
                exp: now + ACCESS_TOKEN_SECONDS,
                jti,
                scope: code.scope.clone(),
                grant_id: code.grant.clone(),
                authorization_details: code.details.iter().cloned().collect(),
                auth_time: Some(auth_time),
                acr: code.assurance.acr.clone(),
                amr: code.assurance.amr.clone(),
                ial: Some(code.assurance.ial),
                aal: Some(code.assurance.aal),
                idp: Some(code.assurance.idp.clone()),
            },
        )?;
        let id_token = self.keys.sign(
            "JWT",
            &IdToken {
                iss: &self.issuer,
                sub,
                aud: &code.client,
                exp: now + ID_TOKEN_SECONDS,
                iat: now,
                auth_time,
                nonce: code.nonce.as_deref(),
                acr: code.assurance.acr.as_deref(),
                amr: &code.assurance.amr,
                ial: code.assurance.ial,
                aal: code.assurance.aal,
                at_hash: half_hash(&access_token),
            },
        )?;
        Ok(Tokens {
            access_token,
            token_type: "Bearer",
            expires_in: ACCESS_TOKEN_SECONDS,
            scope: code.scope.clone(),
            id_token: Some(id_token),
            grant_id: code.grant.clone(),
            authorization_details: code.details.iter().cloned().collect(),
        })
    }

    /// A code came a second time: somebody has it who should not, so what the first use gave dies (RFC 6749 section 4.1.2).
    async fn used_twice(&self, jti: &str) -> Result<Tokens, OAuthError> {
        tracing::warn!("an authorization code was used twice; its access token is revoked");
        let until = self.services.clock.micros() + seconds(ACCESS_TOKEN_SECONDS + 1);
        self.revoke_jti(jti, until).await?;
        invalid_grant("the code was used before; what it gave is revoked")
    }

    pub(super) async fn revoke_jti(&self, jti: &str, until: i64) -> Result<(), OAuthError> {
        let op = records::put(REVOKED, jti.as_bytes(), Some(until), &(), Expect::Any)?;
        self.services.store.commit(WriteSet::new(self.tenant.clone()).with(op)).await?;
        self.note_revoked(jti, until);
        Ok(())
    }

    fn machine(&self, form: &Form, known: &Known) -> Result<Tokens, OAuthError> {
        let client = &known.client;
        let on_its_own = client.kind.publishes()
            || client.reads_open_data
            || client.writes_open_data
            || !client.scopes.is_empty();
        if !on_its_own {
            return Err(OAuthError::new(
                ErrorCode::UnauthorizedClient,
                "this client may not act on its own behalf; residents' data need a resident's consent",
            ));
        }
        if form.get("authorization_details").is_some() {
            return Err(OAuthError::new(
                ErrorCode::InvalidAuthorizationDetails,
                "residents' data are asked of residents, with a pushed request",
            ));
        }
        let scope = form.get("scope").unwrap_or(MACHINE_SCOPE);
        let allowed =
            |word: &str| word == MACHINE_SCOPE || client.scopes.iter().any(|own| own == word);
        if !scope.split(' ').all(allowed) {
            return Err(OAuthError::new(
                ErrorCode::InvalidScope,
                "the scope must be ngsi-ld or a scope that the client is registered for",
            ));
        }
        let now = self.services.clock.seconds();
        let access_token = self.keys.sign(
            "at+jwt",
            &Claims {
                iss: self.issuer.clone(),
                sub: client.id.to_string(),
                aud: self.resource.clone(),
                client_id: client.id.clone(),
                iat: now,
                exp: now + ACCESS_TOKEN_SECONDS,
                jti: self.services.ids.uuid(),
                scope: scope.to_owned(),
                grant_id: None,
                authorization_details: Vec::new(),
                auth_time: None,
                acr: None,
                amr: Vec::new(),
                ial: None,
                aal: None,
                idp: None,
            },
        )?;
        Ok(Tokens {
            access_token,
            token_type: "Bearer",
            expires_in: ACCESS_TOKEN_SECONDS,
            scope: scope.to_owned(),
            id_token: None,
            grant_id: None,
            authorization_details: Vec::new(),
        })
    }
}
