//! The app's side of OAuth and OpenID Connect: discovery, PAR with RAR, `private_key_jwt`, PKCE,
//! the code exchange with DPoP, the checks of the ID token.

use std::time::Duration;

use actix_web::http::StatusCode;
use chrono::{TimeDelta, Utc};
use reqwest::redirect::Policy;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use url::Url;

use super::dpop::Prover;
use super::session::{Login, Pending};
use crate::http::Refusal;
use crate::jose::{self, Jwk, SigningKey};
use crate::{Clock, Error};

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// How far the gateway's clock may be off.
const SKEW: TimeDelta = TimeDelta::seconds(5);

/// The members of the gateway's metadata that the app uses.
#[derive(Debug, Clone, Deserialize)]
struct Metadata {
    issuer: String,
    authorization_endpoint: Url,
    pushed_authorization_request_endpoint: Url,
    token_endpoint: Url,
    userinfo_endpoint: Url,
    jwks_uri: Url,
}

#[derive(Deserialize)]
struct Pushed {
    request_uri: String,
}

#[derive(Deserialize)]
struct Tokens {
    access_token: String,
    token_type: String,
    expires_in: i64,
    id_token: String,
    #[serde(default)]
    scope: String,
    #[serde(default)]
    authorization_details: Value,
}

/// The gateway as this app sees it.
pub(super) struct Gateway {
    issuer: String,
    base: Url,
    client_id: String,
    key: SigningKey,
    prover: Prover,
    http: reqwest::Client,
    /// The `Link` header of NGSI-LD requests.
    link: Option<String>,
    clock: Clock,
    metadata: OnceCell<Metadata>,
}

impl Gateway {
    pub(super) fn new(
        issuer: &str,
        client_id: String,
        key: SigningKey,
        context: Option<&Url>,
        clock: Clock,
    ) -> Result<Self, Error> {
        let wrong = |reason: &str| Error::Option { option: "--gateway", reason: reason.to_owned() };
        let base = Url::parse(issuer).map_err(|_| wrong("must be an absolute URL"))?;
        if !matches!(base.scheme(), "http" | "https") || base.path() != "/" {
            return Err(wrong("must be http(s)://host:port without a path"));
        }
        let http = reqwest::Client::builder()
            // everything is on this machine: a proxy of the environment must not see the tokens
            .no_proxy()
            .redirect(Policy::none())
            .timeout(Duration::from_secs(15))
            .build()
            .map_err(Error::Client)?;
        let link = context.map(|url| {
            format!(
                "<{url}>; rel=\"http://www.w3.org/ns/json-ld#context\"; type=\"application/ld+json\""
            )
        });
        Ok(Self {
            issuer: issuer.trim_end_matches('/').to_owned(),
            base,
            client_id,
            key,
            prover: Prover::new(Clock::clone(&clock))?,
            http,
            link,
            clock,
            metadata: OnceCell::new(),
        })
    }

    pub(super) fn public_key(&self) -> &Jwk {
        self.key.public()
    }

    /// Sends a request with the resident's token and the proof that it is ours; without a token as it is.
    pub(super) async fn send(
        &self,
        make: impl Fn() -> Result<reqwest::RequestBuilder, Refusal>,
        token: Option<&str>,
    ) -> Result<reqwest::Response, Refusal> {
        if token.is_some() {
            return self.prover.send(&self.http, make, token).await;
        }
        make()?.send().await.map_err(|error| unreachable(&error))
    }

    /// A request to a path of the gateway, and to nowhere else: the resident's token goes along.
    pub(super) fn request(
        &self,
        method: reqwest::Method,
        path: &str,
    ) -> Result<reqwest::RequestBuilder, Refusal> {
        let refuse = || {
            Refusal::bad_request(
                "invalid_request",
                "path must begin with / and stay on the gateway",
            )
        };
        let url = self.base.join(path).map_err(|_| refuse())?;
        if !path.starts_with('/') || url.origin() != self.base.origin() {
            return Err(refuse());
        }
        let request = self.http.request(method, url);
        Ok(match &self.link {
            Some(link) => request.header(reqwest::header::LINK, link),
            None => request,
        })
    }

    /// Metadata, asked once and kept when good (OpenID Connect Discovery 1.0, 4.3).
    async fn metadata(&self) -> Result<&Metadata, Refusal> {
        let ask = || async {
            let what = "the metadata";
            let url = format!("{}/.well-known/openid-configuration", self.issuer);
            let sent = self.send(|| Ok(self.http.get(&url)), None).await?;
            let metadata: Metadata = answer(what, sent).await?;
            if metadata.issuer == self.issuer {
                Ok(metadata)
            } else {
                Err(untrusted("the metadata is of another issuer"))
            }
        };
        self.metadata.get_or_try_init(ask).await
    }

    /// An assertion of who we are (RFC 7523): for the issuer as such, used once, one minute.
    fn assertion(&self) -> Result<String, Error> {
        let now = (self.clock)();
        let claims = json!({
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": self.issuer,
            "jti": jose::random_token()?,
            "iat": now.timestamp(),
            "exp": (now + TimeDelta::seconds(60)).timestamp(),
        });
        jose::sign(&self.key, &jose::header(&self.key), &claims)
    }

    /// A form that proves who we are. An assertion is used up by one request, so each gets its own.
    fn form(&self, url: &Url, form: &[(&str, &str)]) -> Result<reqwest::RequestBuilder, Refusal> {
        let assertion = self.assertion()?;
        let ours = [
            ("client_id", self.client_id.as_str()),
            ("client_assertion_type", ASSERTION_TYPE),
            ("client_assertion", &assertion),
        ];
        Ok(self.http.post(url.clone()).form(&[form, &ours].concat()))
    }

    /// Pushes the request (RFC 9126); returns where the browser goes.
    pub(super) async fn push(
        &self,
        pending: &Pending,
        redirect_uri: &str,
        authorization_details: &Value,
    ) -> Result<Url, Refusal> {
        let metadata = self.metadata().await?;
        let (challenge, details) =
            (jose::challenge(&pending.verifier), authorization_details.to_string());
        // The code is worth nothing to whoever has not this key (RFC 9449 section 10).
        let jkt = self.prover.thumbprint();
        let url = &metadata.pushed_authorization_request_endpoint;
        let form = [
            ("response_type", "code"),
            ("redirect_uri", redirect_uri),
            ("scope", "openid"),
            ("state", &pending.state),
            ("nonce", &pending.nonce),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
            ("authorization_details", &details),
            ("dpop_jkt", &jkt),
        ];
        let sent = self.send(|| self.form(url, &form), None).await?;
        let pushed: Pushed = answer("the pushed authorization request", sent).await?;
        let mut url = metadata.authorization_endpoint.clone();
        url.query_pairs_mut()
            .append_pair("client_id", &self.client_id)
            .append_pair("request_uri", &pushed.request_uri);
        Ok(url)
    }

    /// Whether an authorization response is from our gateway (RFC 9207).
    pub(super) fn is_issuer(&self, iss: Option<&str>) -> bool {
        iss == Some(self.issuer.as_str())
    }

    /// Exchanges the code and believes the answer only after all checks.
    pub(super) async fn exchange(
        &self,
        code: &str,
        pending: &Pending,
        redirect_uri: &str,
    ) -> Result<Login, Refusal> {
        let metadata = self.metadata().await?;
        let url = &metadata.token_endpoint;
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect_uri),
            ("code_verifier", &pending.verifier),
        ];
        let sent = self.prover.send(&self.http, || self.form(url, &form), None).await?;
        let tokens: Tokens = answer("the token request", sent).await?;
        if !tokens.token_type.eq_ignore_ascii_case("dpop") {
            return Err(untrusted("the access token is not bound to our key"));
        }
        let keys = self.keys(metadata).await?;
        let claims = jose::verify(&tokens.id_token, &keys).map_err(untrusted)?;
        self.check(&claims, &pending.nonce, &tokens.access_token).map_err(untrusted)?;
        let sub = claims.get("sub").and_then(Value::as_str).unwrap_or_default().to_owned();
        let ask = || Ok(self.http.get(metadata.userinfo_endpoint.clone()));
        let sent = self.send(ask, Some(&tokens.access_token)).await?;
        let userinfo: Value = answer("the userinfo request", sent).await?;
        if userinfo.get("sub").and_then(Value::as_str) != Some(&sub) {
            return Err(untrusted("the userinfo is about somebody else"));
        }
        Ok(Login {
            sub,
            claims,
            userinfo,
            access_token: tokens.access_token,
            expires_at: (self.clock)() + TimeDelta::seconds(tokens.expires_in.clamp(0, 86_400)),
            scope: tokens.scope,
            authorization_details: tokens.authorization_details,
        })
    }

    /// The published P-256 keys; others in the set are passed over.
    async fn keys(&self, metadata: &Metadata) -> Result<Vec<Jwk>, Refusal> {
        self.key_set(metadata.jwks_uri.clone()).await
    }

    /// The keys of receipts and events.
    pub(super) async fn ledger_keys(&self) -> Result<Vec<Jwk>, Refusal> {
        let url = self.base.join("/consents/v1/keys");
        self.key_set(url.map_err(|_| untrusted("the gateway has no address for its keys"))?).await
    }

    /// The person whom an event is about, if it is from our gateway and for this app.
    pub(super) fn ordered<'c>(&self, claims: &'c Value) -> Option<&'c str> {
        let text = |pointer: &str| claims.pointer(pointer).and_then(Value::as_str);
        let ours = text("/iss") == Some(&self.issuer)
            && text("/aud") == Some(&self.client_id)
            && text("/sub_id/format") == Some("iss_sub")
            && text("/sub_id/iss") == Some(&self.issuer);
        text("/sub_id/sub").filter(|_| ours)
    }

    async fn key_set(&self, url: Url) -> Result<Vec<Jwk>, Refusal> {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<Value>,
        }
        let answered = self.send(|| Ok(self.http.get(url.clone())), None).await?;
        let set: Set = answer("the key set", answered).await?;
        Ok(set.keys.into_iter().filter_map(|key| serde_json::from_value(key).ok()).collect())
    }

    /// The checks of OpenID Connect Core, 3.1.3.7, after the signature.
    fn check(&self, claims: &Value, nonce: &str, access_token: &str) -> Result<(), &'static str> {
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        let time = |name: &str| claims.get(name).and_then(Value::as_i64);
        let now: chrono::DateTime<Utc> = (self.clock)();
        if text("iss") != Some(&self.issuer) {
            return Err("the ID token is from another issuer");
        }
        let me = json!(self.client_id);
        if claims.get("aud") != Some(&me) && claims.get("aud") != Some(&json!([me])) {
            return Err("the ID token is for another client");
        }
        if claims.get("azp").is_some_and(|azp| *azp != me) {
            return Err("the ID token was issued to another client");
        }
        if time("exp").is_none_or(|exp| exp <= (now - SKEW).timestamp()) {
            return Err("the ID token has expired");
        }
        if time("iat").is_none_or(|iat| iat > (now + SKEW).timestamp()) {
            return Err("the ID token is from the future");
        }
        if text("nonce") != Some(nonce) {
            return Err("the ID token has another nonce");
        }
        if text("at_hash").is_some_and(|hash| hash != jose::half_hash(access_token)) {
            return Err("the ID token belongs to another access token");
        }
        if text("sub").is_none_or(str::is_empty) {
            return Err("the ID token names nobody");
        }
        Ok(())
    }
}

/// What an answer says, which must be 2xx and JSON of this shape.
async fn answer<T: DeserializeOwned>(
    what: &str,
    response: reqwest::Response,
) -> Result<T, Refusal> {
    let status = response.status();
    let body = response.bytes().await.map_err(|error| unreachable(&error))?;
    if !status.is_success() {
        let said: Value = serde_json::from_slice(&body).unwrap_or_default();
        return Err(Refusal::new(
            StatusCode::BAD_GATEWAY,
            "gateway_refused",
            format!("{what} was answered with {status}: {said}"),
        ));
    }
    serde_json::from_slice(&body)
        .map_err(|error| untrusted(format!("the answer to {what} is not as expected: {error}")))
}

/// 502: the gateway did not answer.
pub(super) fn unreachable(error: &reqwest::Error) -> Refusal {
    let text = format!("the gateway cannot be reached: {error}");
    Refusal::new(StatusCode::BAD_GATEWAY, "gateway_unreachable", text)
}

/// 502: the gateway answered what a careful client does not believe.
fn untrusted(reason: impl AsRef<str>) -> Refusal {
    Refusal::new(StatusCode::BAD_GATEWAY, "gateway_untrusted", reason.as_ref())
}
