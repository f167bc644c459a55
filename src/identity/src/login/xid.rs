//! xID: login with the phone, verified data from the My Number Card (JPKI).
//!
//! The login itself is plain OpenID Connect. The verified data come from xID's user data API, encrypted to a key that the platform
//! registered. How that envelope looks is not public; it is read as a compact JWE with ECDH-ES and A256GCM.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::NaiveDate;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::OnceCell;
use tsunagu_domain::{Assurance, Clock, Level};
use tsunagu_outbound::{Outbound, OutboundError, Request, Response};
use url::Url;

use super::id_token::{self, Expected, IdClaims};
use super::{Attempt, Gender, Identified, LoginProvider, RefusalReason, VerifiedPerson};
use crate::jose::{RemoteKeys, UserDataKey, UserDataKeyError};

/// What an `acr` of the provider is worth here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcrLevels {
    /// Identity assurance.
    pub ial: Level,
    /// Authentication assurance.
    pub aal: Level,
}

/// How to reach xID. Endpoints left out are discovered.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct XidConfig {
    /// Issuer identifier, compared exactly.
    pub issuer: String,
    /// Our client id there.
    pub client_id: String,
    /// Our secret there.
    pub client_secret: SecretString,
    /// Private P-256 JWK to which xID encrypts user data, as JSON text.
    pub user_data_key: SecretString,
    /// Authorization endpoint.
    #[serde(default)]
    pub authorization_endpoint: Option<Url>,
    /// Token endpoint.
    #[serde(default)]
    pub token_endpoint: Option<Url>,
    /// `UserInfo` endpoint.
    #[serde(default)]
    pub userinfo_endpoint: Option<Url>,
    /// JWK set.
    #[serde(default)]
    pub jwks_uri: Option<Url>,
    /// User data API; `{issuer}/v4/verification/userdata` when left out.
    #[serde(default)]
    pub user_data_endpoint: Option<Url>,
    /// What each `acr` is worth. Anything else, and none at all, is level 1.
    #[serde(default)]
    pub acr_map: BTreeMap<String, AcrLevels>,
}

struct Endpoints {
    authorization: Url,
    token: Url,
    userinfo: Url,
    user_data: Url,
    keys: RemoteKeys,
}

/// The adapter.
pub struct Xid {
    config: XidConfig,
    user_data_key: UserDataKey,
    outbound: Arc<Outbound>,
    clock: Arc<dyn Clock>,
    endpoints: OnceCell<Endpoints>,
}

impl fmt::Debug for Xid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Xid").field("issuer", &self.config.issuer).finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    authorization_endpoint: Url,
    token_endpoint: Url,
    userinfo_endpoint: Url,
    jwks_uri: Url,
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    token_type: String,
    id_token: String,
}

impl Xid {
    /// Reads the configured key; nothing is called yet.
    pub fn new(
        config: XidConfig,
        outbound: Arc<Outbound>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, UserDataKeyError> {
        let user_data_key = UserDataKey::from_jwk(config.user_data_key.expose_secret())?;
        Ok(Self { config, user_data_key, outbound, clock, endpoints: OnceCell::new() })
    }

    async fn endpoints(&self) -> Result<&Endpoints, RefusalReason> {
        self.endpoints.get_or_try_init(|| self.find_endpoints()).await
    }

    async fn find_endpoints(&self) -> Result<Endpoints, RefusalReason> {
        let config = &self.config;
        let at = |path: &str| {
            let url = format!("{}{path}", config.issuer.trim_end_matches('/'));
            Url::parse(&url).map_err(|_| RefusalReason::ProviderUnavailable)
        };
        let user_data = match &config.user_data_endpoint {
            Some(url) => url.clone(),
            None => at("/v4/verification/userdata")?,
        };
        let configured = (
            &config.authorization_endpoint,
            &config.token_endpoint,
            &config.userinfo_endpoint,
            &config.jwks_uri,
        );
        let (authorization, token, userinfo, jwks_uri) =
            if let (Some(a), Some(t), Some(u), Some(j)) = configured {
                (a.clone(), t.clone(), u.clone(), j.clone())
            } else {
                let answer = self.outbound.get(&at("/.well-known/openid-configuration")?).await;
                let found: Discovery = read(answer)?;
                if found.issuer != config.issuer {
                    return Err(RefusalReason::Issuer);
                }
                (
                    config.authorization_endpoint.clone().unwrap_or(found.authorization_endpoint),
                    config.token_endpoint.clone().unwrap_or(found.token_endpoint),
                    config.userinfo_endpoint.clone().unwrap_or(found.userinfo_endpoint),
                    config.jwks_uri.clone().unwrap_or(found.jwks_uri),
                )
            };
        let keys = RemoteKeys::new(jwks_uri, Arc::clone(&self.outbound), Arc::clone(&self.clock));
        Ok(Endpoints { authorization, token, userinfo, user_data, keys })
    }

    async fn redeem(
        &self,
        token: &Url,
        code: &str,
        attempt: &Attempt,
    ) -> Result<TokenAnswer, RefusalReason> {
        let encode =
            |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let credentials = format!(
            "{}:{}",
            encode(&self.config.client_id),
            encode(self.config.client_secret.expose_secret())
        );
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", attempt.redirect_uri.as_str()),
            ("code_verifier", attempt.code_verifier.as_str()),
        ];
        let request = Request::post_form(token.clone(), &form)
            .header("authorization", &format!("Basic {}", STANDARD.encode(credentials)))
            .map_err(|_| RefusalReason::ProviderUnavailable)?;
        let answer = self.outbound.send(request).await;
        if answer.as_ref().is_ok_and(|answer| (400..500).contains(&answer.status)) {
            return Err(RefusalReason::Code);
        }
        let tokens: TokenAnswer = read(answer)?;
        if tokens.token_type.eq_ignore_ascii_case("bearer") {
            Ok(tokens)
        } else {
            Err(RefusalReason::Code)
        }
    }

    async fn with_token(&self, url: &Url, token: &str) -> Result<Response, OutboundError> {
        self.outbound.send(Request::get(url.clone()).bearer(token)?).await
    }

    fn assurance(&self, claims: &IdClaims) -> Assurance {
        let mapped = claims.acr.as_ref().and_then(|acr| self.config.acr_map.get(acr));
        let (ial, aal) = mapped.map_or((Level::Low, Level::Low), |levels| (levels.ial, levels.aal));
        Assurance {
            ial,
            aal,
            acr: claims.acr.clone(),
            amr: claims.amr.clone(),
            auth_time: claims.auth_time.unwrap_or(claims.iat).saturating_mul(1_000_000),
            idp: self.name().to_owned(),
        }
    }
}

#[async_trait]
impl LoginProvider for Xid {
    fn name(&self) -> &'static str {
        "xid"
    }

    fn issuer(&self) -> &str {
        &self.config.issuer
    }

    async fn authorization_url(&self, attempt: &Attempt) -> Result<Url, RefusalReason> {
        let mut url = self.endpoints().await?.authorization.clone();
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("response_mode", "query")
            .append_pair("client_id", &self.config.client_id)
            .append_pair("redirect_uri", &attempt.redirect_uri)
            .append_pair("scope", "openid verification")
            .append_pair("state", &attempt.state)
            .append_pair("nonce", &attempt.nonce)
            .append_pair("code_challenge", &attempt.code_challenge())
            .append_pair("code_challenge_method", "S256");
        Ok(url)
    }

    async fn identify(&self, code: &str, attempt: &Attempt) -> Result<Identified, RefusalReason> {
        #[derive(Deserialize)]
        struct UserInfo {
            sub: String,
        }
        let endpoints = self.endpoints().await?;
        let tokens = self.redeem(&endpoints.token, code, attempt).await?;
        let expected = Expected {
            issuer: &self.config.issuer,
            client_id: &self.config.client_id,
            nonce: &attempt.nonce,
            access_token: &tokens.access_token,
            now: self.clock.seconds(),
        };
        let claims = id_token::verify(&tokens.id_token, &endpoints.keys, &expected)
            .await
            .map_err(RefusalReason::IdToken)?;
        let info: UserInfo =
            read(self.with_token(&endpoints.userinfo, &tokens.access_token).await)?;
        if info.sub != claims.sub {
            return Err(RefusalReason::UserinfoSubject);
        }
        let answer = self
            .with_token(&endpoints.user_data, &tokens.access_token)
            .await
            .ok()
            .filter(Response::is_success)
            .ok_or(RefusalReason::ProviderUnavailable)?;
        let sealed = std::str::from_utf8(&answer.body).map_err(|_| RefusalReason::UserData)?;
        let plain = self.user_data_key.decrypt(sealed).map_err(|_| RefusalReason::UserData)?;
        let person = person(&plain).ok_or(RefusalReason::UserData)?;
        let assurance = self.assurance(&claims);
        Ok(Identified {
            issuer: self.config.issuer.clone(),
            subject: claims.sub,
            assurance,
            person,
        })
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

/// Reads xID's user data. Numbers may come as texts; whether they do is not public.
fn person(json: &[u8]) -> Option<VerifiedPerson> {
    let data: Value = serde_json::from_slice(json).ok()?;
    let text = |name: &str| match data.get(name) {
        Some(Value::String(text)) => Some(text.trim().to_owned()),
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    };
    let born = NaiveDate::from_ymd_opt(
        text("year")?.parse().ok()?,
        text("month")?.parse().ok()?,
        text("date")?.parse().ok()?,
    )?;
    Some(VerifiedPerson {
        family_name: text("last_name")?,
        given_name: text("first_name").unwrap_or_default(),
        birth_date: born.format("%Y-%m-%d").to_string(),
        gender: Gender::read(&text("gender").unwrap_or_default()),
        prefecture: text("prefecture").unwrap_or_default(),
        city: text("city").unwrap_or_default(),
        street_address: text("address").unwrap_or_default(),
        verified_at: text("verified_at").filter(|at| !at.is_empty()),
    })
}
