//! What every login through a provider has in common, whoever logs in and whatever follows from it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tsunagu_domain::{Problem, ProblemCode, TenantId, Text};
use tsunagu_store::{Expect, WriteSet};
use url::Url;

use super::{Attempt, Begun, CallbackQuery, LOGIN_SECONDS, LoginProvider, RefusalReason};
use crate::Services;
use crate::jose::{b64, same, sha256};
use crate::records::{self, LOGINS};
use crate::services::seconds;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pending {
    provider: String,
    attempt: Attempt,
    /// Digest of the cookie that the same browser must bring back.
    browser: String,
    return_to: String,
}

/// Providers to log in through, and the logins under way there.
#[derive(Clone)]
pub(crate) struct Ways {
    services: Services,
    providers: Vec<Arc<dyn LoginProvider>>,
    /// What the addresses of these logins begin with, e.g. `https://data.town.example/login`.
    at: String,
}

/// How a browser came back from its provider.
pub(crate) enum Arrival {
    /// With a code that is still to be redeemed.
    With {
        /// Redeems it.
        provider: Arc<dyn LoginProvider>,
        code: String,
        attempt: Attempt,
        return_to: String,
    },
    /// The person pressed cancel.
    Cancelled { return_to: String },
    /// With something wrong.
    Refused(RefusalReason),
}

impl Ways {
    /// Ways in below `path` of the platform's own base URL: a provider sends browsers back to `{base}{path}/{provider}/callback`.
    pub(crate) fn new(
        services: Services,
        providers: Vec<Arc<dyn LoginProvider>>,
        base: &Url,
        path: &str,
    ) -> Self {
        let at = format!("{}{path}", base.as_str().trim_end_matches('/'));
        Self { services, providers, at }
    }

    pub(crate) fn providers(&self) -> impl ExactSizeIterator<Item = (&str, &Text)> {
        self.providers.iter().map(|provider| (provider.name(), provider.label()))
    }

    fn provider(&self, name: &str) -> Result<&Arc<dyn LoginProvider>, Problem> {
        self.providers.iter().find(|p| p.name() == name).ok_or_else(Problem::not_found)
    }

    fn callback(&self, provider: &str) -> String {
        format!("{}/{provider}/callback", self.at)
    }

    /// Begins a login. `return_to` is where the person wanted to go; anything but a local path becomes `/`. With `anew` the
    /// provider is asked not to take an earlier authentication for this one.
    pub(crate) async fn begin(
        &self,
        tenant: &TenantId,
        provider: &str,
        return_to: &str,
        anew: bool,
    ) -> Result<Begun, Problem> {
        let adapter = self.provider(provider)?;
        let attempt = Attempt::new(&*self.services.ids, self.callback(provider), anew);
        let unavailable = |reason: RefusalReason| {
            tracing::warn!(%reason, provider, "a login could not be begun");
            Problem::new(
                ProblemCode::BadGateway,
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

    /// What the browser brought back from the provider, checked as far as it can be without asking there.
    pub(crate) async fn arrive(
        &self,
        tenant: &TenantId,
        provider: &str,
        query: &CallbackQuery,
        cookie: Option<&str>,
    ) -> Result<Arrival, Problem> {
        let adapter = self.provider(provider)?;
        let refused = |reason: RefusalReason| Ok(Arrival::Refused(reason));
        let Some(pending) = self.take(tenant, provider, query, cookie).await? else {
            return refused(RefusalReason::State);
        };
        match (query.iss.as_deref(), adapter.names_itself().await) {
            (Some(iss), _) if iss != adapter.issuer() => return refused(RefusalReason::Issuer),
            (None, Ok(true)) => return refused(RefusalReason::Issuer),
            (None, Err(reason)) => return refused(reason),
            _ => {}
        }
        match (&query.code, query.error.as_deref()) {
            (_, Some("access_denied")) => Ok(Arrival::Cancelled { return_to: pending.return_to }),
            (_, Some("server_error" | "temporarily_unavailable")) => {
                refused(RefusalReason::ProviderUnavailable)
            }
            (_, Some(_)) => refused(RefusalReason::ProviderError),
            (None, None) => refused(RefusalReason::Code),
            (Some(code), None) => Ok(Arrival::With {
                provider: Arc::clone(adapter),
                code: code.clone(),
                attempt: pending.attempt,
                return_to: pending.return_to,
            }),
        }
    }

    /// Takes the login under way out of the store: whoever comes second finds nothing. A browser that did not begin it takes nothing,
    /// so that a stranger cannot spoil it; nor does the answer to a login of residents finish one of staff, or the other way round.
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
            && kept.data.attempt.redirect_uri == self.callback(provider)
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

/// A path on this site and nothing else: no scheme, no host, nothing a browser turns into one.
fn local_path(return_to: &str) -> &str {
    let tricky = |c: char| c == '\\' || c.is_control() || c.is_whitespace();
    let local =
        return_to.starts_with('/') && !return_to.starts_with("//") && !return_to.contains(tricky);
    if local { return_to } else { "/" }
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
