//! What the handlers share: the rooms' services and the settings of the pages.

use std::sync::Arc;

use actix_web::HttpRequest;
use tsunagu_audit::AuditLog;
use tsunagu_broker::Broker;
use tsunagu_consent::Ledger;
use tsunagu_domain::{Catalogue, Clock, Problem, TenantId, Text};
use tsunagu_identity::{
    AuthorizationServer, Clients, Logins, Residents, Session, Sessions, StaffLogins,
};
use tsunagu_imports::Imports;
use tsunagu_policy::{Asked, Policies, Principal, View};
use tsunagu_rewards::Rewards;
use tsunagu_staff::{Cases, Office};

use crate::render::{RenderError, Renderer};

/// How residents reach a person.
#[derive(Debug, Clone)]
pub struct HelpDesk {
    /// Telephone number as people write it, e.g. `0983-00-0000`.
    pub phone: String,
    /// When someone answers.
    pub hours: Text,
}

/// Settings of the pages.
#[derive(Debug, Clone)]
pub struct SiteConfig {
    /// Name of the town.
    pub town: Text,
    /// Its help desk.
    pub help_desk: HelpDesk,
    /// How browsers reach the site, without a slash at its end. `https` decides how cookies are protected.
    pub base_url: String,
    /// The id of a request, as the `X-Request-Id` header of its answer will say.
    pub request_id: fn(&HttpRequest) -> String,
}

/// What a site is made of.
pub struct SiteParts {
    /// Settings.
    pub config: SiteConfig,
    /// The municipality.
    pub tenant: TenantId,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// What is personal.
    pub catalogue: Arc<Catalogue>,
    /// What decides who may do what, and says why.
    pub policies: Policies,
    /// Logging in.
    pub logins: Logins,
    /// Residents, and why what is for them may have stopped.
    pub residents: Arc<Residents>,
    /// Who is logged in.
    pub sessions: Sessions,
    /// Logging in as staff.
    pub staff_logins: StaffLogins,
    /// Members of staff.
    pub staff: Arc<Office>,
    /// Cases of staff.
    pub cases: Arc<Cases>,
    /// Loads of municipal records.
    pub imports: Arc<Imports>,
    /// Registered services, for their names.
    pub clients: Arc<Clients>,
    /// The authorization endpoint behind the consent page.
    pub authorization: Arc<AuthorizationServer>,
    /// Consents.
    pub ledger: Arc<Ledger>,
    /// The record of access.
    pub audit: Arc<AuditLog>,
    /// Coins.
    pub rewards: Arc<Rewards>,
    /// Residents' own values.
    pub broker: Arc<Broker>,
}

/// The services behind the pages. The application holds a `web::Data<Site>`.
pub struct Site {
    pub(crate) parts: SiteParts,
    pub(crate) renderer: Renderer,
}

/// The templates or texts that are part of the program contradict themselves.
#[derive(Debug, thiserror::Error)]
#[error("the pages cannot be shown: {0}")]
pub struct SiteError(#[source] RenderError);

impl Site {
    /// A site of these parts.
    pub fn new(parts: SiteParts) -> Result<Self, SiteError> {
        Ok(Self { parts, renderer: Renderer::embedded().map_err(SiteError)? })
    }

    /// Whether browsers come over https.
    pub(crate) fn https(&self) -> bool {
        self.parts.config.base_url.starts_with("https://")
    }

    /// What a resident may see of their own data.
    pub(crate) fn own_view(&self, session: &Session) -> Result<View, Problem> {
        let asked = Asked {
            tenant: &self.parts.tenant,
            catalogue: &self.parts.catalogue,
            now: self.parts.clock.micros(),
            principal: Principal::Resident {
                subject: session.tsuno_id,
                assurance: &session.assurance,
            },
        };
        Ok(self.parts.policies.decide(&asked)?)
    }
}
