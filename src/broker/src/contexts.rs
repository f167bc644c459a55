//! User @contexts: pinned documents, fetched ones kept, resolved contexts cached.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
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
                "the @context {url} is not pinned here and fetching is switched off; pin it with --pin-context, or send its definitions inline"
            ),
        )
        .at("@context"))
    }
}

/// How many documents one request may make us load, nested ones included.
const MAX_ROUNDS: usize = 8;
/// How many fetched documents are kept.
const MAX_FETCHED: usize = 1_000;
/// How many resolved contexts are kept ready.
const RESOLVED: usize = 1_000;
/// Larger local contexts are resolved every time rather than kept.
const MAX_CACHED_KEY: usize = 32 * 1024;

/// Resolves the @contexts of requests.
pub struct Contexts {
    documents: RwLock<HashMap<String, Arc<str>>>,
    pinned: usize,
    resolved: Cache<String, Arc<Context>>,
    loader: Arc<dyn DocumentLoader>,
}

impl Contexts {
    /// With documents by URL that are never fetched, and a loader for the others.
    pub fn new(pinned: HashMap<String, String>, loader: Arc<dyn DocumentLoader>) -> Self {
        let documents: HashMap<String, Arc<str>> =
            pinned.into_iter().map(|(url, text)| (url, text.into())).collect();
        Self {
            pinned: documents.len(),
            documents: RwLock::new(documents),
            resolved: Cache::new(RESOLVED),
            loader,
        }
    }

    /// The context that `local` (the value of an `@context` member, or a URL as a JSON string) stands for.
    pub async fn of(&self, local: &RawValue) -> Result<Arc<Context>, Problem> {
        if let Some(context) = self.resolved.get(local.get()) {
            return Ok(context);
        }
        for _ in 0..MAX_ROUNDS {
            let known = |url: &str| {
                self.documents.read().unwrap_or_else(PoisonError::into_inner).get(url).cloned()
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
                        let text = self.loader.load(&url).await?;
                        self.keep(url, text);
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

    fn keep(&self, url: String, text: String) {
        let mut documents = self.documents.write().unwrap_or_else(PoisonError::into_inner);
        if documents.len() < self.pinned + MAX_FETCHED {
            documents.insert(url, text.into());
        }
    }
}
