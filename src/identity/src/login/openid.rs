//! The relying party of OpenID Connect Core: the same for every provider, as its policy says.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::OnceCell;
use tsunagu_domain::{Assurance, Clock, IdGen, Level, Text};
use tsunagu_outbound::{Outbound, OutboundError, Request, Response};
use url::Url;

use super::client_auth::{Credential, Now};
use super::id_token::{self, Expected, IdClaims, SKEW};
use super::policy::{ProviderPolicy, VerifiedData};
use super::verified::{self, Forms};
use super::{
    Attempt, Authenticated, IdTokenError, Identified, LoginProvider, RefusalReason, VerifiedPerson,
};
use crate::jose::{RemoteKeys, UserDataKey};

/// Parameters of the authorization request that a policy cannot change.
const OURS: [&str; 8] = [
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
];

/// A policy cannot be followed: what it names is not there or not right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {reason}")]
pub struct ProviderError {
    /// A file, a parameter, a name.
    pub what: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl ProviderError {
    pub(super) fn of_file(file: &Path, reason: &'static str) -> Self {
        Self { what: file.display().to_string(), reason }
    }
}

/// Where the verified data come from, its key read.
enum Source {
    /// Nowhere: such a provider says which account it is and nothing about the person.
    Nothing,
    UserData {
        key: UserDataKey,
        endpoint: Option<Url>,
    },
    Userinfo(Forms),
}

struct Provider {
    authorization: Url,
    token: Url,
    userinfo: Url,
    keys: RemoteKeys,
    names_itself: bool,
}

/// A provider with its policy.
pub struct OpenIdProvider {
    name: String,
    policy: ProviderPolicy,
    credential: Credential,
    source: Source,
    outbound: Arc<Outbound>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGen>,
    provider: OnceCell<Provider>,
}

impl fmt::Debug for OpenIdProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenIdProvider").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The members used of `OpenID` Connect Discovery 1.0 section 3 and RFC 9207 section 3.
#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    authorization_endpoint: Url,
    token_endpoint: Url,
    userinfo_endpoint: Url,
    jwks_uri: Url,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    token_type: String,
    id_token: String,
    scope: Option<String>,
}

impl OpenIdProvider {
    /// The provider of this name in paths. Reads the keys of the policy; nothing is called yet. A policy without `verified_data` is refused:
    /// who a resident is follows from them.
    pub fn new(
        name: String,
        policy: ProviderPolicy,
        outbound: Arc<Outbound>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdGen>,
    ) -> Result<Self, ProviderError> {
        if policy.verified_data.is_none() {
            let reason = "verified_data is missing, from which follows who a resident is";
            return Err(ProviderError { what: name, reason });
        }
        Self::of_accounts(name, policy, outbound, clock, ids)
    }

    /// The same of a provider that need not know more about people than their accounts: staff log in through it.
    pub fn of_accounts(
        name: String,
        policy: ProviderPolicy,
        outbound: Arc<Outbound>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdGen>,
    ) -> Result<Self, ProviderError> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if name.is_empty() || !name.bytes().all(plain) {
            let reason = "the name of a provider has small letters, digits and hyphens only";
            return Err(ProviderError { what: name, reason });
        }
        if let Some(ours) = policy.parameters.keys().find(|name| OURS.contains(&name.as_str())) {
            let reason = "this parameter of the request is not for a policy to set";
            return Err(ProviderError { what: ours.clone(), reason });
        }
        let credential = Credential::read(&policy.client_auth)?;
        let source = match &policy.verified_data {
            None => Source::Nothing,
            Some(VerifiedData::UserData { key_file, endpoint }) => {
                let wrong = |reason| ProviderError::of_file(key_file, reason);
                let jwk = std::fs::read_to_string(key_file).map_err(|_| wrong("not readable"))?;
                let key = UserDataKey::from_jwk(&jwk).map_err(|_| wrong("no private P-256 JWK"))?;
                Source::UserData { key, endpoint: endpoint.clone() }
            }
            Some(VerifiedData::Userinfo { birth_date, gender, address }) => {
                Source::Userinfo(Forms {
                    birth_date: *birth_date,
                    gender: *gender,
                    address: *address,
                })
            }
        };
        let provider = OnceCell::new();
        Ok(Self { name, policy, credential, source, outbound, clock, ids, provider })
    }

    async fn provider(&self) -> Result<&Provider, RefusalReason> {
        self.provider.get_or_try_init(|| self.find()).await
    }

    fn below_issuer(&self, path: &str) -> Result<Url, RefusalReason> {
        let url = format!("{}{path}", self.policy.issuer.trim_end_matches('/'));
        Url::parse(&url).map_err(|_| RefusalReason::ProviderUnavailable)
    }

    async fn find(&self) -> Result<Provider, RefusalReason> {
        let known = &self.policy.endpoints;
        let all = (&known.authorization, &known.token, &known.userinfo, &known.jwks);
        let (authorization, token, userinfo, jwks, discovered) =
            if let (Some(authorization), Some(token), Some(userinfo), Some(jwks)) = all {
                (authorization.clone(), token.clone(), userinfo.clone(), jwks.clone(), false)
            } else {
                let at = self.below_issuer("/.well-known/openid-configuration")?;
                let found: Discovery = read(self.outbound.get(&at).await)?;
                if found.issuer != self.policy.issuer {
                    return Err(RefusalReason::Issuer);
                }
                let or = |known: &Option<Url>, found| known.clone().unwrap_or(found);
                (
                    or(&known.authorization, found.authorization_endpoint),
                    or(&known.token, found.token_endpoint),
                    or(&known.userinfo, found.userinfo_endpoint),
                    or(&known.jwks, found.jwks_uri),
                    found.authorization_response_iss_parameter_supported,
                )
            };
        let keys = RemoteKeys::new(jwks, Arc::clone(&self.outbound), Arc::clone(&self.clock));
        let names_itself = self.policy.issuer_in_response.unwrap_or(discovered);
        Ok(Provider { authorization, token, userinfo, keys, names_itself })
    }

    async fn redeem(
        &self,
        endpoint: &Url,
        code: &str,
        attempt: &Attempt,
    ) -> Result<TokenAnswer, RefusalReason> {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", attempt.redirect_uri.as_str()),
            ("code_verifier", attempt.code_verifier.as_str()),
        ];
        let now = Now {
            client_id: &self.policy.client_id,
            issuer: &self.policy.issuer,
            token_endpoint: endpoint,
            jti: self.ids.uuid(),
            seconds: self.clock.seconds(),
        };
        let request =
            self.credential.request(&now, &form).ok_or(RefusalReason::ProviderUnavailable)?;
        let answer = self.outbound.send(request).await;
        if answer.as_ref().is_ok_and(|answer| (400..500).contains(&answer.status)) {
            return Err(RefusalReason::Code);
        }
        let tokens: TokenAnswer = read(answer)?;
        if !tokens.token_type.eq_ignore_ascii_case("bearer") {
            return Err(RefusalReason::Code);
        }
        // What is not said is as it was asked for (RFC 6749 section 5.1).
        let granted = |scope: &String| {
            tokens.scope.as_ref().is_none_or(|all| all.split(' ').any(|one| one == scope))
        };
        if self.policy.scopes.iter().all(granted) { Ok(tokens) } else { Err(RefusalReason::Scope) }
    }

    async fn with_token(&self, url: &Url, token: &str) -> Result<Response, OutboundError> {
        self.outbound.send(Request::get(url.clone()).bearer(token)?).await
    }

    async fn person(&self, userinfo: &Value, token: &str) -> Result<VerifiedPerson, RefusalReason> {
        let (key, endpoint) = match &self.source {
            Source::Nothing => return Err(RefusalReason::UserData),
            Source::Userinfo(forms) => {
                return verified::claims(userinfo, *forms).ok_or(RefusalReason::UserData);
            }
            Source::UserData { key, endpoint } => (key, endpoint),
        };
        let endpoint = match endpoint {
            Some(url) => url.clone(),
            None => self.below_issuer("/v4/verification/userdata")?,
        };
        let answer = self
            .with_token(&endpoint, token)
            .await
            .ok()
            .filter(Response::is_success)
            .ok_or(RefusalReason::ProviderUnavailable)?;
        let sealed = std::str::from_utf8(&answer.body).map_err(|_| RefusalReason::UserData)?;
        let plain = key.decrypt(sealed).map_err(|_| RefusalReason::UserData)?;
        verified::user_data(&plain).ok_or(RefusalReason::UserData)
    }

    /// Redeems the code: the verified claims of the ID token, and the access token that came with it.
    async fn proven(
        &self,
        code: &str,
        attempt: &Attempt,
    ) -> Result<(&Provider, IdClaims, String), RefusalReason> {
        let provider = self.provider().await?;
        let tokens = self.redeem(&provider.token, code, attempt).await?;
        let algorithms: Vec<_> = self.policy.algorithms.iter().map(|one| (*one).into()).collect();
        let expected = Expected {
            algorithms: &algorithms,
            issuer: &self.policy.issuer,
            client_id: &self.policy.client_id,
            nonce: &attempt.nonce,
            access_token: &tokens.access_token,
            now: self.clock.seconds(),
        };
        let claims = id_token::verify(&tokens.id_token, &provider.keys, &expected)
            .await
            .map_err(RefusalReason::IdToken)?;
        Ok((provider, claims, tokens.access_token))
    }

    fn assurance(&self, claims: &IdClaims) -> Result<Assurance, RefusalReason> {
        let policy = &self.policy;
        let told = claims.auth_time.or(policy.always_authenticates.then_some(claims.iat));
        if let Some(longest) = policy.max_auth_age {
            let age = told.map(|at| self.clock.seconds().saturating_sub(at));
            if !age.is_some_and(|age| (-SKEW..=longest).contains(&age)) {
                return Err(RefusalReason::IdToken(IdTokenError::AuthTime));
            }
        }
        let mapped = claims.acr.as_ref().and_then(|acr| policy.acr_map.get(acr));
        let (ial, aal) = mapped.map_or((Level::Low, Level::Low), |levels| (levels.ial, levels.aal));
        Ok(Assurance {
            ial,
            aal,
            acr: claims.acr.clone(),
            amr: claims.amr.clone(),
            auth_time: told.unwrap_or_default().saturating_mul(1_000_000),
            idp: self.name.clone(),
        })
    }
}

#[async_trait]
impl LoginProvider for OpenIdProvider {
    fn name(&self) -> &str {
        &self.name
    }

    fn label(&self) -> &Text {
        &self.policy.label
    }

    fn issuer(&self) -> &str {
        &self.policy.issuer
    }

    async fn names_itself(&self) -> Result<bool, RefusalReason> {
        Ok(self.provider().await?.names_itself)
    }

    async fn authorization_url(&self, attempt: &Attempt) -> Result<Url, RefusalReason> {
        let mut url = self.provider().await?.authorization.clone();
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.policy.client_id)
            .append_pair("redirect_uri", &attempt.redirect_uri)
            .append_pair("scope", &self.policy.scopes.join(" "))
            .append_pair("state", &attempt.state)
            .append_pair("nonce", &attempt.nonce)
            .append_pair("code_challenge", &attempt.code_challenge())
            .append_pair("code_challenge_method", "S256")
            .extend_pairs(&self.policy.parameters);
        // Where every login is a fresh one, and where the town said what to ask, there is nothing to add.
        let said = self.policy.parameters.contains_key("prompt");
        if attempt.anew && !said && !self.policy.always_authenticates {
            url.query_pairs_mut().append_pair("prompt", "login");
        }
        Ok(url)
    }

    async fn identify(&self, code: &str, attempt: &Attempt) -> Result<Identified, RefusalReason> {
        let (provider, claims, token) = self.proven(code, attempt).await?;
        let assurance = self.assurance(&claims)?;
        let userinfo: Value = read(self.with_token(&provider.userinfo, &token).await)?;
        if userinfo.get("sub").and_then(Value::as_str) != Some(claims.sub.as_str()) {
            return Err(RefusalReason::UserinfoSubject);
        }
        let person = self.person(&userinfo, &token).await?;
        let issuer = self.policy.issuer.clone();
        Ok(Identified { issuer, subject: claims.sub, assurance, person })
    }

    async fn authenticate(
        &self,
        code: &str,
        attempt: &Attempt,
    ) -> Result<Authenticated, RefusalReason> {
        let (_, claims, _) = self.proven(code, attempt).await?;
        let assurance = self.assurance(&claims)?;
        Ok(Authenticated { issuer: self.policy.issuer.clone(), subject: claims.sub, assurance })
    }
}

fn read<T: serde::de::DeserializeOwned>(
    answer: Result<Response, OutboundError>,
) -> Result<T, RefusalReason> {
    let answer = answer.map_err(|error| {
        tracing::warn!(%error, "the identity provider did not answer");
        RefusalReason::ProviderUnavailable
    })?;
    if !answer.is_success() {
        return Err(RefusalReason::ProviderUnavailable);
    }
    answer.json().map_err(|_| RefusalReason::ProviderUnavailable)
}
