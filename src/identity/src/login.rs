//! Logging in through an OpenID provider: the adapters and what is the same for all of them.

mod attempt;
mod client_auth;
mod id_token;
mod openid;
mod policy;
mod staff;
mod verified;
mod ways;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tsunagu_domain::{Assurance, Problem, TenantId, Text};
use url::Url;

use crate::residents::{Residents, Signed};
use crate::sessions::{NewSession, Sessions};
use crate::{Residency, Services};
use ways::{Arrival, Ways};

pub use attempt::{Attempt, CallbackQuery};
pub use id_token::IdTokenError;
pub use openid::{OpenIdProvider, ProviderError};
pub use policy::{
    AcrLevels, AddressForm, AssertionAudience, BirthDateForm, ClientAuth, Endpoints, GenderForm,
    IdTokenAlgorithm, ProviderPolicy, VerifiedData,
};
pub use staff::{StaffArrival, StaffLogins};

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
        match tsunagu_japanese::keys::width(text).to_lowercase().as_str() {
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

/// An account that a provider vouches for.
#[derive(Clone, PartialEq, Eq)]
pub struct Authenticated {
    /// The provider's issuer identifier.
    pub issuer: String,
    /// The account's identifier at that issuer.
    pub subject: String,
    /// How surely.
    pub assurance: Assurance,
}

impl fmt::Debug for Authenticated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authenticated(…)")
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

    /// Redeems the code and says which account it is, every check of the ID token included. Nothing further about the person is asked for.
    async fn authenticate(
        &self,
        code: &str,
        attempt: &Attempt,
    ) -> Result<Authenticated, RefusalReason> {
        let Identified { issuer, subject, assurance, .. } = self.identify(code, attempt).await?;
        Ok(Authenticated { issuer, subject, assurance })
    }
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
    ways: Ways,
    residents: Arc<Residents>,
    sessions: Sessions,
}

impl fmt::Debug for Logins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Logins(…)")
    }
}

impl Logins {
    /// Logins through these providers. `base` is the platform's own base URL: a provider sends browsers back to
    /// `{base}/login/{provider}/callback`.
    #[expect(clippy::needless_pass_by_value, reason = "the wiring hands over what it made")]
    pub fn new(
        services: Services,
        residents: Arc<Residents>,
        sessions: Sessions,
        providers: Vec<Arc<dyn LoginProvider>>,
        base: Url,
    ) -> Self {
        Self { ways: Ways::new(services, providers, &base, "/login"), residents, sessions }
    }

    /// The providers: name in paths, and what residents call it.
    pub fn providers(&self) -> impl ExactSizeIterator<Item = (&str, &Text)> {
        self.ways.providers()
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
        self.ways.begin(tenant, provider, return_to, anew).await
    }

    /// Finishes a login with what the browser brought back from the provider. Delete the login cookie whatever comes out.
    pub async fn callback(
        &self,
        tenant: &TenantId,
        provider: &str,
        query: &CallbackQuery,
        cookie: Option<&str>,
    ) -> Result<LoginOutcome, Problem> {
        let refused = |reason: RefusalReason| {
            tracing::warn!(%reason, provider, "a login was refused");
            Ok(LoginOutcome::Refused(reason))
        };
        let (adapter, code, attempt, return_to) =
            match self.ways.arrive(tenant, provider, query, cookie).await? {
                Arrival::Refused(reason) => return refused(reason),
                Arrival::Cancelled { return_to } => {
                    return Ok(LoginOutcome::Cancelled { return_to });
                }
                Arrival::With { provider, code, attempt, return_to } => {
                    (provider, code, attempt, return_to)
                }
            };
        let identified = match adapter.identify(&code, &attempt).await {
            Ok(identified) => identified,
            Err(reason) => return refused(reason),
        };
        let assurance = identified.assurance.clone();
        match self.residents.sign_in(tenant, provider, identified).await? {
            Signed::In { resident, first_time } => {
                let begin = self.sessions.begin(tenant, resident.tsuno_id, assurance);
                let session = begin.await?;
                Ok(LoginOutcome::SignedIn { session, return_to, first_time })
            }
            Signed::NotResident { residency } => Ok(LoginOutcome::NotResident { residency }),
            Signed::Counter { reference } => Ok(LoginOutcome::Counter { reference }),
            Signed::TooWeak => Ok(LoginOutcome::TooWeak),
        }
    }
}
