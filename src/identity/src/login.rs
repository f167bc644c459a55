//! Logging in through an OpenID provider: the adapters and what is the same for all of them.

mod attempt;
mod client_auth;
mod id_token;
mod openid;
mod policy;
mod verified;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tsunagu_domain::{Assurance, Problem, TenantId, Text};
use tsunagu_store::{Expect, WriteSet};
use url::Url;

use crate::jose::{b64, same, sha256};
use crate::records::{self, LOGINS};
use crate::residents::{Residents, Signed};
use crate::services::seconds;
use crate::sessions::{NewSession, Sessions};
use crate::{Residency, Services};

pub use attempt::{Attempt, CallbackQuery};
pub use id_token::IdTokenError;
pub use openid::{OpenIdProvider, ProviderError};
pub use policy::{
    AcrLevels, AddressForm, AssertionAudience, BirthDateForm, ClientAuth, Endpoints, GenderForm,
    IdTokenAlgorithm, ProviderPolicy, VerifiedData,
};

/// A login that was begun must be finished within this: 10 minutes.
pub const LOGIN_SECONDS: i64 = 600;

/// 性別 as certificates know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Gender {
    /// Male.
    Male,
    /// Female.
    Female,
    /// Other or not said.
    Other,
}

impl Gender {
    /// The value stored in `Person.gender`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Male => "male",
            Self::Female => "female",
            Self::Other => "other",
        }
    }

    /// Reads the spellings that certificates, providers and registers use.
    pub fn read(text: &str) -> Self {
        match crate::text::width(text).to_lowercase().as_str() {
            "1" | "男" | "男性" | "male" | "m" => Self::Male,
            "2" | "女" | "女性" | "female" | "f" => Self::Female,
            _ => Self::Other,
        }
    }
}

/// What the provider verified about the person. Personal: no debug output.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifiedPerson {
    /// Family name.
    pub family_name: String,
    /// Given name.
    pub given_name: String,
    /// Birth date, ISO 8601.
    pub birth_date: String,
    /// Gender.
    pub gender: Gender,
    /// Prefecture, as verified.
    pub prefecture: String,
    /// City, with or without county.
    pub city: String,
    /// The rest of the address.
    pub street_address: String,
    /// When the provider verified this, in its own words.
    pub verified_at: Option<String>,
}

impl fmt::Debug for VerifiedPerson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VerifiedPerson(…)")
    }
}

/// A person whom a provider vouched for.
#[derive(Clone, PartialEq, Eq)]
pub struct Identified {
    /// The provider's issuer identifier.
    pub issuer: String,
    /// The person's identifier at that issuer.
    pub subject: String,
    /// How surely.
    pub assurance: Assurance,
    /// What was verified.
    pub person: VerifiedPerson,
}

impl fmt::Debug for Identified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identified(…)")
    }
}

/// Why a login was refused: a code for logs and for the page to explain. Carries nothing of the person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RefusalReason {
    /// The answer belongs to no login of this browser, or came too late or twice.
    #[error("state")]
    State,
    /// The answer names another issuer, or none where the provider always names itself (RFC 9207).
    #[error("issuer")]
    Issuer,
    /// The provider could not vouch: it reported an error.
    #[error("provider-error")]
    ProviderError,
    /// The provider could not be reached or answered nonsense.
    #[error("provider-unavailable")]
    ProviderUnavailable,
    /// The code was not accepted.
    #[error("code")]
    Code,
    /// A scope that is needed was not granted.
    #[error("scope")]
    Scope,
    /// The ID token is not valid.
    #[error("id-token: {0}")]
    IdToken(IdTokenError),
    /// The user information is about somebody else.
    #[error("userinfo-subject")]
    UserinfoSubject,
    /// The verified data could not be decrypted or are not in the form agreed on.
    #[error("user-data")]
    UserData,
}

/// An identity provider: one answer to who somebody is.
#[async_trait]
pub trait LoginProvider: Send + Sync + 'static {
    /// Its name in paths: `/login/{name}`.
    fn name(&self) -> &str;

    /// What residents call it.
    fn label(&self) -> &Text;

    /// Its issuer identifier.
    fn issuer(&self) -> &str;

    /// Whether it names itself in every answer (RFC 9207 section 2.3).
    async fn names_itself(&self) -> Result<bool, RefusalReason>;

    /// Where to send the browser.
    async fn authorization_url(&self, attempt: &Attempt) -> Result<Url, RefusalReason>;

    /// Redeems the code and fetches who it is, every check included.
    async fn identify(&self, code: &str, attempt: &Attempt) -> Result<Identified, RefusalReason>;
}

/// A login that was begun: send the browser to `redirect` and set the cookie.
#[derive(Clone, PartialEq, Eq)]
pub struct Begun {
    /// The provider's authorization URL.
    pub redirect: Url,
    /// Value of the cookie [`crate::login_cookie_name`]: `HttpOnly`, `SameSite=Lax`, path `/`, 10 minutes.
    pub cookie: String,
}

impl fmt::Debug for Begun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Begun(…)")
    }
}

/// How a login ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoginOutcome {
    /// Logged in: set the session cookie and go to `return_to`.
    SignedIn {
        /// The session.
        session: NewSession,
        /// A local path.
        return_to: String,
        /// Whether the Tsuno ID was issued just now.
        first_time: bool,
    },
    /// Not a resident: no Tsuno ID was issued. Tell the person what to do.
    NotResident {
        /// The verdict and its evidence.
        residency: Residency,
    },
    /// Nobody can tell from the address, or it may be a resident who has an id: a person at the counter decides.
    Counter {
        /// What to say there.
        reference: String,
    },
    /// The provider did not make sure enough who it is for an id to be issued or found. Tell the person how to log in better.
    TooWeak,
    /// The person pressed cancel at the provider.
    Cancelled {
        /// A local path.
        return_to: String,
    },
    /// The login failed a check. Nothing was kept.
    Refused(RefusalReason),
}

/// The logins under way.
#[derive(Clone)]
pub struct Logins {
    services: Services,
    residents: Arc<Residents>,
    sessions: Sessions,
    providers: Vec<Arc<dyn LoginProvider>>,
    base: Url,
}

impl fmt::Debug for Logins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Logins(…)")
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pending {
    provider: String,
    attempt: Attempt,
    /// Digest of the cookie that the same browser must bring back.
    browser: String,
    return_to: String,
}

/// A path on this site and nothing else: no scheme, no host, nothing a browser turns into one.
fn local_path(return_to: &str) -> &str {
    let tricky = |c: char| c == '\\' || c.is_control() || c.is_whitespace();
    let local =
        return_to.starts_with('/') && !return_to.starts_with("//") && !return_to.contains(tricky);
    if local { return_to } else { "/" }
}

impl Logins {
    /// Logins through these providers. `base` is the platform's own base URL: a provider sends browsers back to
    /// `{base}/login/{provider}/callback`.
    pub fn new(
        services: Services,
        residents: Arc<Residents>,
        sessions: Sessions,
        providers: Vec<Arc<dyn LoginProvider>>,
        base: Url,
    ) -> Self {
        Self { services, residents, sessions, providers, base }
    }

    /// The providers: name in paths, and what residents call it.
    pub fn providers(&self) -> impl ExactSizeIterator<Item = (&str, &Text)> {
        self.providers.iter().map(|provider| (provider.name(), provider.label()))
    }

    fn provider(&self, name: &str) -> Result<&Arc<dyn LoginProvider>, Problem> {
        self.providers.iter().find(|p| p.name() == name).ok_or_else(Problem::not_found)
    }

    /// Begins a login. `return_to` is where the resident wanted to go; anything but a local path becomes `/`. With `anew` the provider is
    /// asked not to take an earlier authentication for this one.
    pub async fn begin(
        &self,
        tenant: &TenantId,
        provider: &str,
        return_to: &str,
        anew: bool,
    ) -> Result<Begun, Problem> {
        let adapter = self.provider(provider)?;
        let callback =
            format!("{}/login/{provider}/callback", self.base.as_str().trim_end_matches('/'));
        let attempt = Attempt::new(&*self.services.ids, callback, anew);
        let unavailable = |reason: RefusalReason| {
            tracing::warn!(%reason, provider, "a login could not be begun");
            Problem::new(
                tsunagu_domain::ProblemCode::BadGateway,
                "the identity provider does not answer; try again later",
            )
        };
        let redirect = adapter.authorization_url(&attempt).await.map_err(unavailable)?;
        let cookie = self.services.ids.secret();
        let key = sha256(attempt.state.as_bytes());
        let pending = Pending {
            provider: provider.to_owned(),
            attempt,
            browser: b64(sha256(cookie.as_bytes())),
            return_to: local_path(return_to).to_owned(),
        };
        let until = self.services.clock.micros() + seconds(LOGIN_SECONDS);
        let op = records::put(LOGINS, &key, Some(until), &pending, Expect::Absent)?;
        self.services.store.commit(WriteSet::new(tenant.clone()).with(op)).await?;
        Ok(Begun { redirect, cookie })
    }

    /// Finishes a login with what the browser brought back from the provider. Delete the login cookie whatever comes out.
    pub async fn callback(
        &self,
        tenant: &TenantId,
        provider: &str,
        query: &CallbackQuery,
        cookie: Option<&str>,
    ) -> Result<LoginOutcome, Problem> {
        let adapter = self.provider(provider)?;
        let refused = |reason: RefusalReason| {
            tracing::warn!(%reason, provider, "a login was refused");
            Ok(LoginOutcome::Refused(reason))
        };
        let Some(pending) = self.take(tenant, provider, query, cookie).await? else {
            return refused(RefusalReason::State);
        };
        match (query.iss.as_deref(), adapter.names_itself().await) {
            (Some(iss), _) if iss != adapter.issuer() => return refused(RefusalReason::Issuer),
            (None, Ok(true)) => return refused(RefusalReason::Issuer),
            (None, Err(reason)) => return refused(reason),
            _ => {}
        }
        let code = match (&query.code, query.error.as_deref()) {
            (_, Some("access_denied")) => {
                return Ok(LoginOutcome::Cancelled { return_to: pending.return_to });
            }
            (_, Some("server_error" | "temporarily_unavailable")) => {
                return refused(RefusalReason::ProviderUnavailable);
            }
            (_, Some(_)) => return refused(RefusalReason::ProviderError),
            (None, None) => return refused(RefusalReason::Code),
            (Some(code), None) => code,
        };
        let identified = match adapter.identify(code, &pending.attempt).await {
            Ok(identified) => identified,
            Err(reason) => return refused(reason),
        };
        let assurance = identified.assurance.clone();
        match self.residents.sign_in(tenant, provider, identified).await? {
            Signed::In { resident, first_time } => {
                let begin = self.sessions.begin(tenant, resident.tsuno_id, assurance);
                let session = begin.await?;
                Ok(LoginOutcome::SignedIn { session, return_to: pending.return_to, first_time })
            }
            Signed::NotResident { residency } => Ok(LoginOutcome::NotResident { residency }),
            Signed::Counter { reference } => Ok(LoginOutcome::Counter { reference }),
            Signed::TooWeak => Ok(LoginOutcome::TooWeak),
        }
    }

    /// Takes the login under way out of the store: whoever comes second finds nothing. A browser that did not begin it takes nothing,
    /// so that a stranger cannot spoil it.
    async fn take(
        &self,
        tenant: &TenantId,
        provider: &str,
        query: &CallbackQuery,
        cookie: Option<&str>,
    ) -> Result<Option<Pending>, Problem> {
        let (Some(state), Some(cookie)) = (query.state.as_deref(), cookie) else {
            return Ok(None);
        };
        let key = sha256(state.as_bytes());
        let store = &*self.services.store;
        let Some(kept) = records::read::<Pending>(store, tenant, LOGINS, &key).await? else {
            return Ok(None);
        };
        let ours = kept.data.provider == provider
            && kept.live(self.services.clock.micros())
            && same(&kept.data.browser, &b64(sha256(cookie.as_bytes())));
        if !ours {
            return Ok(None);
        }
        let set = WriteSet::new(tenant.clone()).with(records::delete(
            LOGINS,
            &key,
            Expect::Version(kept.version),
        ));
        Ok(records::try_commit(store, set).await?.then_some(kept.data))
    }
}

#[cfg(test)]
mod tests {
    use super::local_path;

    #[test]
    fn only_local_paths_are_returned_to() {
        assert_eq!(local_path("/me?tab=coins"), "/me?tab=coins");
        for open in [
            "",
            "me",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "/\t/evil.example",
            "/a\nb",
        ] {
            assert_eq!(local_path(open), "/", "{open:?}");
        }
    }
}
