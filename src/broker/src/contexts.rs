//! User @contexts: pinned documents, fetched ones kept, hosted ones from the store, resolved contexts cached.

mod hosting;
mod manage;
mod usage;

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use quick_cache::sync::Cache;
use quick_cache::{Equivalent, Weighter};
use serde_json::value::RawValue;
use tsunagu_domain::{Problem, ProblemCode, TenantId, Timestamp};
use tsunagu_ngsi_ld::Context;
use tsunagu_ngsi_ld::context::{Resolved, resolve};

use crate::ngsi_problem;
pub use hosting::{Belongs, ContextKind, Hosting};
pub use manage::ContextDetails;
use usage::{Usage, Usages};

/// Gets a remote @context document. The only way to the outside that the broker has.
#[async_trait]
pub trait DocumentLoader: Send + Sync + 'static {
    /// The text of the document at `url`.
    async fn load(&self, url: &str) -> Result<String, Problem>;
}

/// Loads nothing: for closed networks, which work with pinned contexts alone.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoLoader;

#[async_trait]
impl DocumentLoader for NoLoader {
    async fn load(&self, url: &str) -> Result<String, Problem> {
        Err(Problem::new(
            ProblemCode::LdContextNotAvailable,
            format!(
                "the @context {url} is not pinned here and fetching is switched off; pin it under [contexts] in the configuration, or send its definitions inline"
            ),
        )
        .at("@context"))
    }
}

/// How many documents one request may make us load, nested ones included.
const MAX_ROUNDS: usize = 8;
/// How many fetched documents are kept, roughly, and how many bytes of them: strangers choose what is fetched.
const FETCHED: usize = 1_000;
const FETCHED_BYTES: u64 = 64 << 20;
/// How many resolved contexts are kept ready.
const RESOLVED: usize = 1_000;
/// Larger local contexts are resolved every time rather than kept.
const MAX_CACHED_KEY: usize = 32 * 1024;

#[derive(Clone)]
struct Weight;

impl Weighter<String, Arc<str>> for Weight {
    fn weight(&self, url: &String, text: &Arc<str>) -> u64 {
        (url.len() + text.len()) as u64
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Key {
    tenant: TenantId,
    local: Box<str>,
}

struct Asked<'a> {
    tenant: &'a TenantId,
    local: &'a str,
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.tenant, self.local.as_ref()).hash(state);
    }
}

impl Hash for Asked<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.tenant, self.local).hash(state);
    }
}

impl Equivalent<Key> for Asked<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        *self.local == *key.local && *self.tenant == key.tenant
    }
}

/// A resolved context, and the counts of the documents it was made of.
#[derive(Clone)]
struct Known {
    context: Arc<Context>,
    used: Arc<[Arc<Usage>]>,
}

/// Resolves the @contexts of requests, and keeps those that clients put here.
pub struct Contexts {
    pinned: HashMap<String, Arc<str>>,
    fetched: Cache<String, Arc<str>, Weight>,
    /// By tenant, for what one tenant hosts is not another's.
    resolved: Cache<Key, Known>,
    /// Grows whenever resolved contexts are forgotten, so that one that was under way then is not kept.
    generation: AtomicU64,
    loader: Arc<dyn DocumentLoader>,
    hosting: Option<Hosting>,
    usages: Usages,
    since: Timestamp,
}

impl Contexts {
    /// With documents by URL that are never fetched, and a loader for the others. Hosts none.
    pub fn new(pinned: HashMap<String, String>, loader: Arc<dyn DocumentLoader>) -> Self {
        let pinned = pinned.into_iter().map(|(url, text)| (url, text.into())).collect();
        Self {
            pinned,
            fetched: Cache::with_weighter(FETCHED, FETCHED_BYTES, Weight),
            resolved: Cache::new(RESOLVED),
            generation: AtomicU64::new(0),
            loader,
            hosting: None,
            usages: Usages::default(),
            since: 0,
        }
    }

    /// Hosts @contexts as well.
    #[must_use]
    pub fn hosting(self, hosting: Hosting) -> Self {
        Self { since: hosting.clock.micros(), hosting: Some(hosting), ..self }
    }

    /// The context that `local` (the value of an `@context` member, or a URL as a JSON string) stands for in this tenant.
    pub async fn of(&self, tenant: &TenantId, local: &RawValue) -> Result<Arc<Context>, Problem> {
        let now = self.hosting.as_ref().map(|hosting| hosting.clock.micros());
        if let Some(known) = self.resolved.get(&Asked { tenant, local: local.get() }) {
            known.used.iter().for_each(|usage| usage.hit(now.unwrap_or_default()));
            return Ok(known.context);
        }
        let generation = self.generation.load(Ordering::Acquire);
        // What this request had fetched stays until it is answered, whatever the cache lets go.
        let mut own: HashMap<String, Arc<str>> = HashMap::new();
        for _ in 0..MAX_ROUNDS {
            match self.resolve(local, &own)? {
                (Resolved::Ready(context), urls) => {
                    let count = |now| urls.iter().map(move |url| self.usages.of(tenant, url, now));
                    let used: Arc<[_]> = now.into_iter().flat_map(count).collect();
                    used.iter().for_each(|usage| usage.hit(now.unwrap_or_default()));
                    let current = generation == self.generation.load(Ordering::Acquire);
                    if current && local.get().len() <= MAX_CACHED_KEY {
                        let key = Key { tenant: tenant.clone(), local: local.get().into() };
                        self.resolved.insert(key, Known { context: Arc::clone(&context), used });
                    }
                    return Ok(context);
                }
                (Resolved::Missing(urls), _) => {
                    for url in urls {
                        let text = self.document(tenant, &url).await?;
                        own.insert(url, text);
                    }
                }
            }
        }
        Err(Problem::new(
            ProblemCode::LdContextNotAvailable,
            "the @context refers to too many other contexts; flatten it",
        )
        .at("@context"))
    }

    /// Resolves with the documents at hand, and tells the URLs that were asked for.
    fn resolve(
        &self,
        local: &RawValue,
        own: &HashMap<String, Arc<str>>,
    ) -> Result<(Resolved, BTreeSet<String>), Problem> {
        let urls = RefCell::new(BTreeSet::new());
        let known = |url: &str| {
            urls.borrow_mut().insert(url.to_owned());
            let kept = own.get(url).or_else(|| self.pinned.get(url)).cloned();
            kept.or_else(|| self.fetched.get(url))
        };
        let outcome = resolve(local, &known).map_err(|error| ngsi_problem(error.at("@context")))?;
        Ok((outcome, urls.into_inner()))
    }

    /// The document at a URL: one that is hosted here, or the loader's.
    async fn document(&self, tenant: &TenantId, url: &str) -> Result<Arc<str>, Problem> {
        if let Some((hosting, id)) = self.ours(url) {
            let kept = hosting.find(tenant, id).await?.ok_or_else(|| {
                Problem::new(
                    ProblemCode::LdContextNotAvailable,
                    "no @context of that id is hosted here; add it at /ngsi-ld/v1/jsonldContexts",
                )
                .at("@context")
            })?;
            return Ok(kept.document().into());
        }
        let text: Arc<str> = self.loader.load(url).await?.into();
        self.fetched.insert(url.to_owned(), Arc::clone(&text));
        Ok(text)
    }

    /// The context at a URL, as a `Link` header names it.
    pub async fn at(&self, tenant: &TenantId, url: &str) -> Result<Arc<Context>, Problem> {
        let local = serde_json::value::to_raw_value(url).map_err(|_| {
            Problem::new(ProblemCode::InvalidRequest, "the @context URL is no text")
        })?;
        self.of(tenant, &local).await
    }

    /// The local id in a URL of an @context that is, or would be, hosted here.
    fn ours<'u>(&self, url: &'u str) -> Option<(&Hosting, &'u str)> {
        let hosting = self.hosting.as_ref()?;
        Some((hosting, hosting.local_id(url)?))
    }

    fn hosting_here(&self) -> Result<&Hosting, Problem> {
        self.hosting.as_ref().ok_or_else(|| {
            Problem::new(ProblemCode::OperationNotSupported, "no @contexts are hosted here")
        })
    }

    fn forget_resolved(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
        self.resolved.clear();
    }
}

fn wrong(detail: &str) -> Problem {
    Problem::new(ProblemCode::BadRequestData, detail)
}
