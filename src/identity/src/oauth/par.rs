//! Pushed authorization requests (RFC 9126).

use serde::{Deserialize, Serialize};
use tsunagu_domain::{ClientId, Timestamp};
use tsunagu_store::{Expect, WriteSet};

use super::audience::Audience;
use super::prompt::Wanted;
use super::token::OFFLINE_SCOPE;
use super::{AuthorizationServer, ErrorCode, Form, OAuthError, Possession, ResidentData, details};
use crate::jose::{sha256, unb64};
use crate::records::{self, AUTHORIZATION_REQUESTS};
use crate::services::seconds;

const URN: &str = "urn:ietf:params:oauth:request_uri:";
/// The browser must arrive with the `request_uri` within this, seconds.
const TO_ARRIVE: i64 = 90;
pub(super) const LONGEST_STATE: usize = 1024;

/// The answer to a pushed request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pushed {
    /// To be given to the authorization endpoint.
    pub request_uri: String,
    /// Seconds.
    pub expires_in: i64,
}

/// A pushed request as kept.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Request {
    pub(super) client: ClientId,
    pub(super) redirect_uri: String,
    pub(super) code_challenge: String,
    pub(super) scope: String,
    pub(super) state: Option<String>,
    pub(super) nonce: Option<String>,
    /// What it may have tokens for.
    #[serde(default)]
    pub(super) resources: Vec<String>,
    #[serde(default)]
    pub(super) wanted: Wanted,
    pub(super) details: Option<ResidentData>,
    /// The key that must redeem the code (RFC 9449 section 10).
    #[serde(default)]
    pub(super) dpop_jkt: Option<String>,
    /// When the browser first arrived with it.
    pub(super) opened: Option<Timestamp>,
}

/// The key of a `request_uri`; `None` when it is not one of ours.
pub(super) fn key(request_uri: &str) -> Option<[u8; 32]> {
    request_uri.strip_prefix(URN).map(|secret| sha256(secret.as_bytes()))
}

fn refuse<T>(why: &str) -> Result<T, OAuthError> {
    Err(OAuthError::new(ErrorCode::InvalidRequest, why))
}

impl AuthorizationServer {
    /// Takes a pushed authorization request.
    pub async fn par(
        &self,
        form: &Form,
        possession: &Possession<'_>,
    ) -> Result<Pushed, OAuthError> {
        let known = self.authenticate(form).await?;
        let client = &known.client;
        if form.get("request_uri").is_some() || form.get("request").is_some() {
            return refuse(
                "request_uri and request are not taken here: push the parameters themselves",
            );
        }
        if !client.kind.consumes() {
            return Err(OAuthError::new(
                ErrorCode::UnauthorizedClient,
                "this client is not registered for logging residents in",
            ));
        }
        let redirect_uri = form.required("redirect_uri")?;
        if !client.redirect_uris.iter().any(|uri| uri == redirect_uri) {
            return refuse("the redirect_uri is not registered for this client, compared exactly");
        }
        if form.required("response_type")? != "code" {
            return Err(OAuthError::new(
                ErrorCode::UnsupportedResponseType,
                "the response_type must be code",
            ));
        }
        if form.get("response_mode").is_some_and(|mode| mode != "query") {
            return refuse("the response_mode must be query");
        }
        let audience = self.audience(&known, self.named_or_own(form)?).await?;
        let request = Request {
            client: client.id.clone(),
            redirect_uri: redirect_uri.to_owned(),
            code_challenge: challenge(form)?.to_owned(),
            scope: scope(form, &audience)?,
            resources: audience.resources,
            state: short(form, "state")?,
            nonce: short(form, "nonce")?,
            wanted: Wanted::read(form)?,
            details: match form.get("authorization_details") {
                Some(text) => details::read(text, client, &self.services.catalogue)?,
                None => None,
            },
            dpop_jkt: self.code_key(form, possession).await?,
            opened: None,
        };
        let secret = self.services.ids.secret();
        let key = sha256(secret.as_bytes());
        let until = self.services.clock.micros() + seconds(TO_ARRIVE);
        let op = records::put(AUTHORIZATION_REQUESTS, &key, Some(until), &request, Expect::Absent)?;
        self.services.store.commit(WriteSet::new(self.tenant.clone()).with(op)).await?;
        Ok(Pushed { request_uri: format!("{URN}{secret}"), expires_in: TO_ARRIVE })
    }

    /// The key that the code is to be bound to: of the parameter, of a proof sent along, or of both when they agree (RFC 9449 section 10.1).
    async fn code_key(
        &self,
        form: &Form,
        possession: &Possession<'_>,
    ) -> Result<Option<String>, OAuthError> {
        let named = form.get("dpop_jkt");
        if named.is_some_and(|jkt| unb64(jkt).is_none_or(|bytes| bytes.len() != 32)) {
            return refuse("dpop_jkt must be the sha-256 thumbprint of a key in base64url");
        }
        if possession.proof.is_none() {
            return Ok(named.map(str::to_owned));
        }
        let proven = self.prove(possession, None).await?;
        if named.is_some_and(|jkt| jkt != proven) {
            return refuse("dpop_jkt is not the key of the DPoP proof");
        }
        Ok(Some(proven))
    }
}

/// The scope of a login: `openid` must be in it, `ngsi-ld` and `offline_access` may, and what the asked resources know.
fn scope(form: &Form, audience: &Audience) -> Result<String, OAuthError> {
    let scope = form.required("scope")?;
    let is_known = |word: &str| {
        matches!(word, "openid" | "ngsi-ld" | OFFLINE_SCOPE) || audience.is_of_a_server(word)
    };
    if scope.split(' ').all(is_known) && scope.split(' ').any(|word| word == "openid") {
        Ok(scope.to_owned())
    } else {
        Err(OAuthError::new(
            ErrorCode::InvalidScope,
            "the scope must be openid, with or without ngsi-ld, offline_access and what the asked resources know",
        ))
    }
}

fn challenge(form: &Form) -> Result<&str, OAuthError> {
    if form.get("code_challenge_method") != Some("S256") {
        return refuse("the code_challenge_method must be S256");
    }
    let challenge = form.required("code_challenge")?;
    if unb64(challenge).is_some_and(|bytes| bytes.len() == 32) {
        Ok(challenge)
    } else {
        refuse("the code_challenge must be a sha-256 digest in base64url")
    }
}

fn short(form: &Form, name: &str) -> Result<Option<String>, OAuthError> {
    match form.get(name) {
        Some(text) if text.len() > LONGEST_STATE => {
            refuse("state and nonce may have 1024 bytes each")
        }
        text => Ok(text.map(str::to_owned)),
    }
}
