//! User @contexts: pinned documents, fetched ones kept, resolved contexts cached.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use serde_json::value::RawValue;
use tsunagu_domain::{Problem, ProblemCode};
use tsunagu_ngsi_ld::Context;
use tsunagu_ngsi_ld::context::{Resolved, resolve};

use crate::ngsi_problem;

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

/// Resolves the @contexts of requests.
pub struct Contexts {
    pinned: HashMap<String, Arc<str>>,
    fetched: Cache<String, Arc<str>, Weight>,
    resolved: Cache<String, Arc<Context>>,
    loader: Arc<dyn DocumentLoader>,
}

impl Contexts {
    /// With documents by URL that are never fetched, and a loader for the others.
    pub fn new(pinned: HashMap<String, String>, loader: Arc<dyn DocumentLoader>) -> Self {
        let pinned = pinned.into_iter().map(|(url, text)| (url, text.into())).collect();
        Self {
            pinned,
            fetched: Cache::with_weighter(FETCHED, FETCHED_BYTES, Weight),
            resolved: Cache::new(RESOLVED),
            loader,
        }
    }

    /// The context that `local` (the value of an `@context` member, or a URL as a JSON string) stands for.
    pub async fn of(&self, local: &RawValue) -> Result<Arc<Context>, Problem> {
        if let Some(context) = self.resolved.get(local.get()) {
            return Ok(context);
        }
        // What this request had fetched stays until it is answered, whatever the cache lets go.
        let mut own: HashMap<String, Arc<str>> = HashMap::new();
        for _ in 0..MAX_ROUNDS {
            let known = |url: &str| {
                let kept = self.pinned.get(url).or_else(|| own.get(url)).cloned();
                kept.or_else(|| self.fetched.get(url))
            };
            let outcome =
                resolve(local, &known).map_err(|error| ngsi_problem(error.at("@context")))?;
            match outcome {
                Resolved::Ready(context) => {
                    if local.get().len() <= MAX_CACHED_KEY {
                        self.resolved.insert(local.get().to_owned(), Arc::clone(&context));
                    }
                    return Ok(context);
                }
                Resolved::Missing(urls) => {
                    for url in urls {
                        let text: Arc<str> = self.loader.load(&url).await?.into();
                        self.fetched.insert(url.clone(), Arc::clone(&text));
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

    /// The context at a URL, as a `Link` header names it.
    pub async fn at(&self, url: &str) -> Result<Arc<Context>, Problem> {
        let local = serde_json::value::to_raw_value(url).map_err(|_| {
            Problem::new(ProblemCode::InvalidRequest, "the @context URL is no text")
        })?;
        self.of(&local).await
    }
}
