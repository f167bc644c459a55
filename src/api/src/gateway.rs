//! What the handlers share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use actix_web::http::header::HeaderValue;
use tsunagu_audit::AuditLog;
use tsunagu_broker::{Broker, Sources, Subscriptions};
use tsunagu_connect::Connectors;
use tsunagu_consent::Ledger;
use tsunagu_domain::{Catalogue, Clock, IdGen, TenantId, Timestamp};
use tsunagu_identity::{AuthorizationServer, Clients, Residents, Sessions};
use tsunagu_imports::Imports;
use tsunagu_policy::Policies;
use tsunagu_rewards::Rewards;
use tsunagu_staff::{Cases, Office};
use tsunagu_store::Store;

use crate::{Proxies, Rates};

/// What one request may cost.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of a body.
    pub max_body_bytes: usize,
    /// Nesting of a JSON body.
    pub max_depth: usize,
    /// Entities of one page.
    pub max_page: usize,
    /// Entities of one batch.
    pub max_batch: usize,
    /// Instances of each attribute in one answer about the past.
    pub max_instances: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_body_bytes: 1 << 20,
            max_depth: 64,
            max_page: 1_000,
            max_batch: 1_000,
            max_instances: 1_000,
        }
    }
}

/// The services behind the JSON API, and its settings.
pub struct Gateway {
    /// NGSI-LD.
    pub broker: Arc<Broker>,
    /// Context sources.
    pub sources: Arc<Sources>,
    /// Subscriptions to it.
    pub subscriptions: Arc<Subscriptions>,
    /// Tokens.
    pub authorization: Arc<AuthorizationServer>,
    /// Registered clients.
    pub clients: Arc<Clients>,
    /// Sessions of residents.
    pub sessions: Arc<Sessions>,
    /// Residents, and who waits for a person at the counter.
    pub residents: Arc<Residents>,
    /// Members of staff.
    pub staff: Arc<Office>,
    /// Cases of staff.
    pub cases: Arc<Cases>,
    /// The transparency log of accesses.
    pub audit: Arc<AuditLog>,
    /// Consents.
    pub ledger: Arc<Ledger>,
    /// Coins.
    pub rewards: Arc<Rewards>,
    /// Loads of municipal records.
    pub imports: Arc<Imports>,
    /// Links to other systems.
    pub connectors: Arc<Connectors>,
    /// For readiness.
    pub store: Arc<dyn Store>,
    /// What is personal.
    pub catalogue: Arc<Catalogue>,
    /// What decides who may do what.
    pub policies: Policies,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// The municipalities served here; the first is the one meant when no tenant is named.
    pub tenants: Vec<TenantId>,
    /// The public base URL, without a slash at its end.
    pub base_url: String,
    /// Whether open data may be read without a token.
    pub open_data_for_all: bool,
    /// Caps.
    pub limits: Limits,
    /// The proxies in front.
    pub proxies: Proxies,
    /// How often one caller may ask; `None` for as often as it likes.
    pub rates: Option<Rates>,
    /// Ids of requests.
    pub request_ids: RequestIds,
    /// When the process began.
    pub started: Timestamp,
}

/// Ids of requests: a random prefix of this process and a number. They name requests, they protect nothing.
#[derive(Debug)]
pub struct RequestIds {
    prefix: String,
    next: AtomicU64,
}

impl RequestIds {
    /// A fresh sequence.
    pub fn new(ids: &dyn IdGen) -> Self {
        let prefix = ids.uuid().chars().take(8).collect();
        Self { prefix, next: AtomicU64::new(1) }
    }

    /// The next id as a header value.
    pub fn next(&self) -> HeaderValue {
        let n = self.next.fetch_add(1, Ordering::Relaxed);
        HeaderValue::try_from(format!("{}-{n:x}", self.prefix))
            .unwrap_or(HeaderValue::from_static("unnumbered"))
    }
}
