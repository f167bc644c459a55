//! Logging in as staff: who somebody is at a provider of the town hall, and nothing else about them.

use std::fmt;
use std::sync::Arc;

use tsunagu_domain::{Problem, TenantId, Text};
use url::Url;

use super::ways::{Arrival, Ways};
use super::{Authenticated, Begun, CallbackQuery, LoginProvider, RefusalReason};
use crate::Services;

/// How a login of staff came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StaffArrival {
    /// The provider vouches for an account. Whether it is one of staff is not known here.
    Authenticated {
        /// Which account, and how surely.
        who: Authenticated,
        /// A local path.
        return_to: String,
    },
    /// The person pressed cancel at the provider.
    Cancelled {
        /// A local path.
        return_to: String,
    },
    /// The login failed a check. Nothing was kept.
    Refused(RefusalReason),
}

/// The logins of staff under way: the same relying party as for residents, at addresses of its own.
#[derive(Clone)]
pub struct StaffLogins(Ways);

impl fmt::Debug for StaffLogins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StaffLogins(…)")
    }
}

impl StaffLogins {
    /// Logins through these providers, which send browsers back to `{base}/staff/login/{provider}/callback`.
    pub fn new(services: Services, providers: Vec<Arc<dyn LoginProvider>>, base: &Url) -> Self {
        Self(Ways::new(services, providers, base, "/staff/login"))
    }

    /// The providers: name in paths, and what staff call it.
    pub fn providers(&self) -> impl ExactSizeIterator<Item = (&str, &Text)> {
        self.0.providers()
    }

    /// Begins a login. `return_to` is where they wanted to go; anything but a local path becomes `/`.
    pub async fn begin(
        &self,
        tenant: &TenantId,
        provider: &str,
        return_to: &str,
    ) -> Result<Begun, Problem> {
        self.0.begin(tenant, provider, return_to, false).await
    }

    /// Finishes a login with what the browser brought back from the provider. Delete the login cookie whatever comes out.
    pub async fn callback(
        &self,
        tenant: &TenantId,
        provider: &str,
        query: &CallbackQuery,
        cookie: Option<&str>,
    ) -> Result<StaffArrival, Problem> {
        let refused = |reason: RefusalReason| {
            tracing::warn!(%reason, provider, "a login of staff was refused");
            Ok(StaffArrival::Refused(reason))
        };
        match self.0.arrive(tenant, provider, query, cookie).await? {
            Arrival::Refused(reason) => refused(reason),
            Arrival::Cancelled { return_to } => Ok(StaffArrival::Cancelled { return_to }),
            Arrival::With { provider: adapter, code, attempt, return_to } => {
                match adapter.authenticate(&code, &attempt).await {
                    Ok(who) => Ok(StaffArrival::Authenticated { who, return_to }),
                    Err(reason) => refused(reason),
                }
            }
        }
    }
}
