//! Registered clients: vendors' apps, municipal systems, connectors.

mod resources;

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use serde::{Deserialize, Serialize};
use tsunagu_domain::{
    ClientId, Clock, Problem, ProblemCode, SectorCipher, SectorKeys, TenantId, Text, Timestamp,
    TsunoId,
};
use tsunagu_ngsi_ld::Context;
use tsunagu_outbound::Outbound;
use tsunagu_policy as policy;
use tsunagu_store::{Expect, Op, StoreError, WriteSet};
use url::{Host, Url};

use crate::Services;
use crate::jose::{Algorithm, FAPI, Jwk, JwkSet, RemoteKeys};
use crate::records::{self, CLIENTS};
use crate::sectors::Sectors;

/// What operators may ask for.
const OPERATOR_SCOPES: [&str; 2] = ["staff", "audit"];

/// What a client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClientKind {
    /// Reads and writes data of residents inside their consent, e.g. a vendor's app.
    Consumer,
    /// Writes records of its own types, e.g. a municipal system.
    Publisher,
    /// Both.
    ConsumerAndPublisher,
    /// A tool of staff or of an auditor: what it may do is in its scopes.
    Operator,
    /// A server with a resource of its own that takes tokens of this platform and asks about them (RFC 7662).
    ResourceServer,
}

impl ClientKind {
    /// Whether residents can log in to it.
    pub fn consumes(self) -> bool {
        matches!(self, Self::Consumer | Self::ConsumerAndPublisher)
    }

    /// Whether it may act on its own behalf.
    pub fn publishes(self) -> bool {
        matches!(self, Self::Publisher | Self::ConsumerAndPublisher)
    }
}

/// Whether a client may do anything at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum ClientStatus {
    /// It may.
    #[default]
    Active,
    /// It may not: no tokens are given, and those it has do not work.
    Suspended,
}

/// A registered client, as configured and as stored.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a permission of its own, named in the configuration"
)]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// The `client_id`.
    pub id: ClientId,
    /// What residents read.
    pub name: Text,
    /// The sector of its pairwise ids (OpenID Connect Core 8.1), usually the host of its URIs.
    pub sector: String,
    /// What it is.
    pub kind: ClientKind,
    /// Where residents may be sent back to, compared exactly.
    #[serde(default)]
    pub redirect_uris: Vec<String>,
    /// Where residents may be sent after logging out, compared exactly (`OpenID` Connect RP-Initiated Logout 1.0).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub post_logout_redirect_uris: Vec<String>,
    /// Its public keys, given here.
    #[serde(default)]
    pub jwks: Option<JwkSet>,
    /// Its public keys, published by it. Exactly one of the two.
    #[serde(default)]
    pub jwks_uri: Option<Url>,
    /// Where it takes security events (RFC 8935), such as orders to delete what it received under a consent that ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events_uri: Option<Url>,
    /// Purposes it may ask consent for.
    #[serde(default)]
    pub purposes: Vec<String>,
    /// Data classes it may ask consent for.
    #[serde(default)]
    pub data_classes: Vec<String>,
    /// Entity types it publishes, as terms of the core context or IRIs.
    #[serde(default)]
    pub publishes: Vec<String>,
    /// Tenants beside its own that it may name in `NGSILD-Tenant`, on its own behalf only.
    #[serde(default)]
    pub tenants: Vec<TenantId>,
    /// Scopes beside `ngsi-ld` that it may ask for on its own behalf: `staff`, `audit`. Of a resource server those that tokens for its
    /// resource may have.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// The identifier of its resource (RFC 8707 section 2), of a resource server only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// Identifiers of the resources beside the NGSI-LD one that it may ask tokens for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<String>,
    /// May read entities about nobody.
    #[serde(default)]
    pub reads_open_data: bool,
    /// May write entities about nobody.
    #[serde(default)]
    pub writes_open_data: bool,
    /// May register context sources (other brokers) and subscribe to their registrations.
    #[serde(default)]
    pub manages_sources: bool,
    /// Sees Tsuno IDs instead of pairwise ids: municipal systems only.
    #[serde(default)]
    pub canonical_ids: bool,
    /// May use access tokens that are not bound to a key: for existing tools. They live shorter and open no sensitive data.
    #[serde(default)]
    pub bearer: bool,
    /// Its tokens are bound to the TLS certificate that it shows, in place of a key that signs DPoP proofs (RFC 8705 section 3.4).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tls_client_certificate_bound_access_tokens: bool,
    /// Whom residents and staff can ask.
    pub contact: String,
    /// Whether it may do anything.
    #[serde(default)]
    pub status: ClientStatus,
}

fn wrong(pointer: &str, detail: impl Into<String>) -> Problem {
    Problem::new(ProblemCode::BadRequestData, detail).at(pointer)
}

/// The sector of the issuer of the town's coin, by whose pairwise ids it knows residents.
pub const COIN_ISSUER_SECTOR: &str = "coin-issuer";

/// A redirect URI must be https, or http to a loopback address (for development), without fragment or user information.
fn check_redirect_uri(uri: &str) -> Result<(), Problem> {
    let refuse = |detail: &str| Err(wrong("/redirect_uris", detail));
    let Ok(url) = Url::parse(uri) else {
        return refuse("a redirect uri must be an absolute url");
    };
    let loopback = match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    if url.scheme() != "https" && !(url.scheme() == "http" && loopback) {
        return refuse("a redirect uri must be https (http only for loopback)");
    }
    if url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
        return refuse("a redirect uri has no fragment and no user information");
    }
    Ok(())
}

impl Client {
    /// Whether it may do anything at all.
    pub fn is_active(&self) -> bool {
        self.status == ClientStatus::Active
    }

    /// Checks that the registration makes sense by itself.
    pub fn check(&self) -> Result<(), Problem> {
        for uri in &self.redirect_uris {
            check_redirect_uri(uri)?;
        }
        for uri in &self.post_logout_redirect_uris {
            check_redirect_uri(uri).map_err(|problem| {
                wrong("/post_logout_redirect_uris", problem.detail.replace("redirect", "logout"))
            })?;
        }
        if let Some(uri) = &self.events_uri {
            check_redirect_uri(uri.as_str()).map_err(|problem| {
                wrong("/events_uri", problem.detail.replace("redirect", "events"))
            })?;
        }
        if self.kind.consumes() && self.redirect_uris.is_empty() {
            return Err(wrong("/redirect_uris", "a consumer needs a redirect uri"));
        }
        self.check_resource()?;
        let is_for_operators = |scope: &String| OPERATOR_SCOPES.contains(&scope.as_str());
        if self.kind != ClientKind::ResourceServer && !self.scopes.iter().all(is_for_operators) {
            return Err(wrong("/scopes", "the scopes of an operator are staff and audit"));
        }
        if self.kind.consumes() && !self.tenants.is_empty() {
            return Err(wrong("/tenants", "a consumer acts in its own tenant only"));
        }
        if self.kind.consumes() && !self.scopes.is_empty() {
            return Err(wrong("/scopes", "a consumer is no operator; register another client"));
        }
        if self.bearer && self.tls_client_certificate_bound_access_tokens {
            return Err(wrong(
                "/bearer",
                "tokens are bound to a certificate or to nothing, not both",
            ));
        }
        if self.sector.is_empty() {
            return Err(wrong("/sector", "the sector of pairwise ids is missing"));
        }
        match (&self.jwks, &self.jwks_uri) {
            (Some(keys), None) if keys.has_private_part() => Err(wrong(
                "/jwks",
                "the key set holds a private key: it is not secret any more, make a new one",
            )),
            (Some(keys), None)
                if !keys.keys.iter().any(|key| FAPI.iter().any(|alg| key.verifies(*alg))) =>
            {
                Err(wrong("/jwks", "the key set holds no key for PS256, ES256 or EdDSA"))
            }
            (Some(_), None) | (None, Some(_)) => Ok(()),
            _ => Err(wrong("/jwks", "give exactly one of jwks and jwks_uri")),
        }
    }
}

/// What the policy needs of a client, with the cipher of its sector.
fn to_policy(client: &Client, sector: Option<Arc<SectorCipher>>) -> policy::Client {
    let core = Context::core();
    policy::Client {
        id: client.id.clone(),
        sector,
        publishes: client.publishes.iter().map(|term| core.expand(term).into_owned()).collect(),
        reads_open_data: client.reads_open_data,
        writes_open_data: client.writes_open_data,
        manages_sources: client.manages_sources,
    }
}

/// A client with what is derived from its registration.
pub(crate) struct Known {
    pub(crate) client: Arc<Client>,
    pub(crate) policy: Arc<policy::Client>,
    remote: Option<RemoteKeys>,
    version: u64,
    /// When the store was last asked for it.
    asked: AtomicI64,
}

/// A lost race for a resource is tried again at most so often.
const TRIES: u32 = 3;

/// What another process changed of a client is noticed within this, microseconds.
const ASK_AGAIN: Timestamp = 500_000;

impl Known {
    pub(crate) fn active(&self) -> bool {
        self.client.is_active()
    }

    /// The id of a resident as this client sees it.
    pub(crate) fn outward(&self, id: TsunoId) -> TsunoId {
        self.cipher().map_or(id, |cipher| cipher.outward(id))
    }

    /// The resident behind an id that this client was given.
    pub(crate) fn inward(&self, id: TsunoId) -> TsunoId {
        self.cipher().map_or(id, |cipher| cipher.inward(id))
    }

    /// The id of a resident as this client saw it before the key of its sector was changed, as long as that is understood.
    pub(crate) fn earlier(&self, id: TsunoId) -> Option<TsunoId> {
        self.cipher().and_then(|cipher| cipher.earlier(id))
    }

    /// Whether this is the cipher that it has.
    fn has(&self, cipher: Option<&Arc<SectorCipher>>) -> bool {
        match (&self.policy.sector, cipher) {
            (Some(own), Some(cipher)) => Arc::ptr_eq(own, cipher),
            (None, None) => true,
            _ => false,
        }
    }

    fn cipher(&self) -> Option<&SectorCipher> {
        self.policy.sector.as_deref()
    }

    /// The key with which this client signed.
    pub(crate) async fn key(
        &self,
        kid: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<Option<Jwk>, Problem> {
        match (&self.client.jwks, &self.remote) {
            (Some(keys), _) => Ok(keys.find(kid, algorithm).cloned()),
            (None, Some(remote)) => Ok(remote.find(kid, algorithm).await?),
            (None, None) => Ok(None),
        }
    }
}

type Cache = HashMap<(TenantId, ClientId), Arc<Known>>;

/// The register of clients. A change is seen by the next request to this process, and within half a second by any other; a changed key of
/// a sector within a second.
pub struct Clients {
    services: Services,
    sectors: Sectors,
    outbound: Arc<Outbound>,
    cache: RwLock<Cache>,
}

impl fmt::Debug for Clients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clients(…)")
    }
}

impl Clients {
    /// A register over the store.
    pub fn new(services: Services, sectors: Arc<SectorKeys>, outbound: Arc<Outbound>) -> Self {
        let sectors = Sectors::new(services.clone(), sectors);
        Self { services, sectors, outbound, cache: RwLock::default() }
    }

    /// The keys of their sectors.
    pub fn sectors(&self) -> &Sectors {
        &self.sectors
    }

    /// The registration of a client, suspended or not.
    pub async fn get(
        &self,
        tenant: &TenantId,
        id: &ClientId,
    ) -> Result<Option<Arc<Client>>, Problem> {
        Ok(self.known(tenant, id).await?.map(|known| Arc::clone(&known.client)))
    }

    /// An active client as the policy sees it.
    pub async fn policy(
        &self,
        tenant: &TenantId,
        id: &ClientId,
    ) -> Result<Option<Arc<policy::Client>>, Problem> {
        let known = self.known(tenant, id).await?.filter(|known| known.active());
        Ok(known.map(|known| Arc::clone(&known.policy)))
    }

    /// The id of a resident as this client knows it, suspended or not; `None` when it was never registered.
    pub async fn outward(
        &self,
        tenant: &TenantId,
        id: &ClientId,
        subject: TsunoId,
    ) -> Result<Option<TsunoId>, Problem> {
        Ok(self.known(tenant, id).await?.map(|known| known.outward(subject)))
    }

    /// Registers or changes a client.
    pub async fn put(&self, tenant: &TenantId, client: &Client) -> Result<(), Problem> {
        let version = self.write(tenant, client).await?;
        let cipher = self.cipher(tenant, client).await?;
        self.keep(tenant, self.know(client.clone(), version, cipher));
        Ok(())
    }

    /// The registration as it is in the store at this moment, with its version.
    pub async fn stored(
        &self,
        tenant: &TenantId,
        id: &ClientId,
    ) -> Result<Option<(u64, Client)>, Problem> {
        let store = &*self.services.store;
        let kept = records::read::<Client>(store, tenant, CLIENTS, id.as_str().as_bytes()).await?;
        Ok(kept.map(|kept| (kept.version, kept.data)))
    }

    /// The operations that register or change a client, for putting them in a transaction with its reason. This process sees it once
    /// [`Self::renew`] was called, any other within half a second.
    pub async fn registering(
        &self,
        tenant: &TenantId,
        client: &Client,
        expect: Expect,
    ) -> Result<Vec<Op>, Problem> {
        self.check(client)?;
        let op = records::put(CLIENTS, client.id.as_str().as_bytes(), None, client, expect)?;
        Ok([op].into_iter().chain(self.claim(tenant, client).await?).collect())
    }

    /// Takes over what the store has of this client, after a commit with [`Self::registering`].
    pub async fn renew(&self, tenant: &TenantId, id: &ClientId) -> Result<(), Problem> {
        if let Some((version, client)) = self.stored(tenant, id).await? {
            let cipher = self.cipher(tenant, &client).await?;
            self.keep(tenant, self.know(client, version, cipher));
        }
        Ok(())
    }

    /// Checks that the registration makes sense by itself and names what the catalogue has.
    pub fn check(&self, client: &Client) -> Result<(), Problem> {
        client.check()?;
        for purpose in &client.purposes {
            if self.services.catalogue.purpose(purpose).is_none() {
                return Err(wrong(
                    "/purposes",
                    format!("the catalogue has no purpose '{purpose}'"),
                ));
            }
        }
        for class in &client.data_classes {
            if self.services.catalogue.data_class(class).is_none() {
                return Err(wrong(
                    "/data_classes",
                    format!("the catalogue has no data class '{class}'"),
                ));
            }
        }
        Ok(())
    }

    /// Stores a registration and gives its version. Gateways that start together write the same at once.
    async fn write(&self, tenant: &TenantId, client: &Client) -> Result<u64, Problem> {
        let mut tries = 0;
        loop {
            let ops = self.registering(tenant, client, Expect::Any).await?;
            tries += 1;
            match self.services.store.commit(WriteSet { tenant: tenant.clone(), ops }).await {
                Ok(receipt) => return Ok(receipt.version),
                Err(StoreError::Conflict { .. }) if tries < TRIES => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Every client, by id.
    pub async fn list(&self, tenant: &TenantId) -> Result<Vec<Client>, Problem> {
        let all = records::all::<Client>(&*self.services.store, tenant, CLIENTS).await?;
        Ok(all.into_iter().map(|(_, kept)| kept.data).collect())
    }

    pub(crate) async fn known(
        &self,
        tenant: &TenantId,
        id: &ClientId,
    ) -> Result<Option<Arc<Known>>, Problem> {
        let key = (tenant.clone(), id.clone());
        let now = self.clock().micros();
        let cached =
            self.cache.read().unwrap_or_else(PoisonError::into_inner).get(&key).map(Arc::clone);
        if let Some(known) = &cached {
            let asked = known.asked.load(Ordering::Relaxed);
            if (asked..asked.saturating_add(ASK_AGAIN)).contains(&now) {
                return Ok(cached);
            }
        }
        let read =
            records::read::<Client>(&*self.services.store, tenant, CLIENTS, id.as_str().as_bytes());
        let Some(kept) = read.await? else {
            self.cache.write().unwrap_or_else(PoisonError::into_inner).remove(&key);
            return Ok(None);
        };
        let cipher = self.cipher(tenant, &kept.data).await?;
        let same = |known: &Arc<Known>| known.version == kept.version && known.has(cipher.as_ref());
        if let Some(known) = cached.filter(same) {
            known.asked.store(now, Ordering::Relaxed);
            return Ok(Some(known));
        }
        Ok(Some(self.keep(tenant, self.know(kept.data, kept.version, cipher))))
    }

    async fn cipher(
        &self,
        tenant: &TenantId,
        client: &Client,
    ) -> Result<Option<Arc<SectorCipher>>, Problem> {
        if client.canonical_ids {
            return Ok(None);
        }
        self.sectors.cipher(tenant, &client.sector).await.map(Some)
    }

    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.services.clock
    }

    fn know(&self, client: Client, version: u64, cipher: Option<Arc<SectorCipher>>) -> Known {
        let policy = Arc::new(to_policy(&client, cipher));
        let remote = client
            .jwks_uri
            .clone()
            .map(|url| RemoteKeys::new(url, Arc::clone(&self.outbound), Arc::clone(self.clock())));
        let asked = AtomicI64::new(self.clock().micros());
        Known { client: Arc::new(client), policy, remote, version, asked }
    }

    /// Keeps the newest of what is known: a slow reader must not put an old registration over a new one.
    fn keep(&self, tenant: &TenantId, known: Known) -> Arc<Known> {
        let mut cache = self.cache.write().unwrap_or_else(PoisonError::into_inner);
        let key = (tenant.clone(), known.client.id.clone());
        match cache.get(&key) {
            Some(kept) if kept.version > known.version => Arc::clone(kept),
            _ => {
                let known = Arc::new(known);
                cache.insert(key, Arc::clone(&known));
                known
            }
        }
    }
}
