//! JSON-LD 1.1 @contexts, as far as NGSI-LD needs them (clause 4.4, 5.5.7): terms to IRIs and back.

mod core;
mod resolve;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher as _, Hash as _, Hasher as _, RandomState};
use std::sync::{Arc, LazyLock};

use serde_json::value::RawValue;

use crate::parse::is_plain_name;

pub use resolve::{ContextRef, Resolved, is_core, resolve};

/// The core @context of the version spoken here.
pub const CORE_CONTEXT_URL: &str =
    "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.9.jsonld";

/// Where terms that no @context knows end up (clause 4.4).
pub const DEFAULT_CONTEXT: &str = "https://uri.etsi.org/ngsi-ld/default-context/";

/// What the IRIs of the standard's own terms begin with.
pub(crate) const NGSI_LD: &str = "https://uri.etsi.org/ngsi-ld/";

/// How the value of a term is read (`@type` of a term definition).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Coercion {
    /// As it stands.
    None,
    /// As an identifier.
    Id,
    /// As a term, to be expanded itself.
    Vocab,
    /// As literal JSON.
    Json,
    /// As a `DateTime`.
    DateTime,
    /// As some other datatype.
    Other,
}

#[derive(Debug, Clone)]
struct Term {
    iri: Box<str>,
    coercion: Coercion,
    /// May stand before the colon when IRIs are compacted.
    prefix: bool,
}

/// The table of the core @context, built on first use.
static CORE: LazyLock<foldhash::HashMap<&'static str, Term>> = LazyLock::new(|| {
    let full = |compact: &str| -> Box<str> {
        match compact.split_once(':') {
            Some((prefix, suffix)) if !suffix.starts_with("//") => core::PREFIXES
                .iter()
                .find(|(name, _)| *name == prefix)
                .map_or_else(|| compact.into(), |(_, space)| format!("{space}{suffix}").into()),
            _ => compact.into(),
        }
    };
    let mut terms = foldhash::HashMap::default();
    for (name, space) in core::PREFIXES {
        let term = Term { iri: (*space).into(), coercion: Coercion::None, prefix: true };
        terms.insert(*name, term);
    }
    for (name, compact, coercion) in core::TERMS {
        terms.insert(*name, Term { iri: full(compact), coercion: *coercion, prefix: false });
    }
    terms
});

/// From the IRIs of [`CORE`] back to their best terms.
static CORE_INVERSE: LazyLock<foldhash::HashMap<&'static str, &'static str>> =
    LazyLock::new(|| {
        let mut inverse = foldhash::HashMap::default();
        for (name, term) in &*CORE {
            let best = inverse.entry(term.iri.as_ref()).or_insert(*name);
            if better(name, best) {
                *best = name;
            }
        }
        inverse
    });

static CORE_CONTEXT: LazyLock<Arc<Context>> =
    LazyLock::new(|| Arc::new(Context::assemble(BTreeMap::new(), None, &[], false)));

/// The order in which JSON-LD prefers terms for the same IRI: shorter first, then by character.
fn better(a: &str, b: &str) -> bool {
    (a.len(), a) < (b.len(), b)
}

/// One or more @contexts merged: immutable, and cheap to share in an [`Arc`].
#[derive(Debug)]
pub struct Context {
    terms: HashMap<Box<str>, Term>,
    inverse: HashMap<Box<str>, Box<str>>,
    /// Namespace and prefix, longest namespace first.
    prefixes: Vec<(Box<str>, Box<str>)>,
    vocab: Box<str>,
    key: String,
    json: Box<RawValue>,
    url: Option<String>,
}

impl Context {
    /// The core @context alone.
    #[must_use]
    pub fn core() -> Arc<Self> {
        Arc::clone(&CORE_CONTEXT)
    }

    /// Puts a context together. `given` are the parts as the user named them, core excluded; `has_core` tells that
    /// one of them refers to the core @context itself.
    fn assemble(
        user: BTreeMap<Box<str>, Term>,
        vocab: Option<Box<str>>,
        given: &[ContextRef],
        has_core: bool,
    ) -> Self {
        // The core context is processed last: what it defines, nobody else does.
        let terms: HashMap<Box<str>, Term> =
            user.into_iter().filter(|(name, _)| !Self::is_core_term(name)).collect();
        let mut inverse: HashMap<Box<str>, Box<str>> = HashMap::new();
        let mut prefixes: Vec<(Box<str>, Box<str>)> =
            core::PREFIXES.iter().map(|(name, space)| ((*space).into(), (*name).into())).collect();
        for (name, term) in &terms {
            match inverse.get_mut(&term.iri) {
                Some(best) if better(name, best) => best.clone_from(name),
                Some(_) => {}
                None => {
                    inverse.insert(term.iri.clone(), name.clone());
                }
            }
            if term.prefix {
                prefixes.push((term.iri.clone(), name.clone()));
            }
        }
        prefixes.sort_by(|a, b| (b.0.len(), &a.1).cmp(&(a.0.len(), &b.1)));
        let vocab = vocab.unwrap_or_else(|| DEFAULT_CONTEXT.into());
        let key = identity(&terms, &vocab, given, has_core);
        let url = match given {
            [] => Some(CORE_CONTEXT_URL.to_owned()),
            [ContextRef::Url(url)] => Some(url.clone()),
            _ => None,
        };
        Self { terms, inverse, prefixes, vocab, key, json: resolve::embed(given, has_core), url }
    }

    /// The IRI of a term, a compact IRI or an absolute IRI. `id` and `type` give `@id` and `@type`.
    ///
    /// A term that nothing defines falls under the user's `@vocab`, else under [`DEFAULT_CONTEXT`].
    pub fn expand<'a>(&'a self, term: &'a str) -> Cow<'a, str> {
        if term.starts_with('@') {
            return Cow::Borrowed(term);
        }
        if let Some(found) = self.term(term) {
            return Cow::Borrowed(&found.iri);
        }
        match term {
            "id" => return Cow::Borrowed("@id"),
            "type" => return Cow::Borrowed("@type"),
            _ => {}
        }
        match term.split_once(':') {
            Some((_, suffix)) if suffix.starts_with("//") => Cow::Borrowed(term),
            Some((prefix, suffix)) => match self.term(prefix) {
                Some(space) => Cow::Owned([&space.iri, suffix].concat()),
                None => Cow::Borrowed(term),
            },
            None => Cow::Owned([&self.vocab, term].concat()),
        }
    }

    /// The shortest name for the IRI of a type or an attribute: the best term, else relative to the vocabulary if that can be a name
    /// (clause 4.6.2), else with a prefix, else the IRI itself. What comes out always expands to `iri` again.
    pub fn compact<'a>(&'a self, iri: &'a str) -> Cow<'a, str> {
        self.shortest(iri, is_plain_name)
    }

    /// The same for what stands as a value, which may have any character relative to the vocabulary.
    pub fn compact_value<'a>(&'a self, iri: &'a str) -> Cow<'a, str> {
        self.shortest(iri, |_| true)
    }

    fn shortest<'a>(&'a self, iri: &'a str, fits: fn(&str) -> bool) -> Cow<'a, str> {
        match iri {
            "@id" => return Cow::Borrowed("id"),
            "@type" => return Cow::Borrowed("type"),
            _ => {}
        }
        let user = self.inverse.get(iri).map(AsRef::as_ref);
        match (user, CORE_INVERSE.get(iri).copied()) {
            (Some(a), Some(b)) => return Cow::Borrowed(if better(a, b) { a } else { b }),
            (Some(term), None) | (None, Some(term)) => return Cow::Borrowed(term),
            (None, None) => {}
        }
        if let Some(rest) = iri.strip_prefix(self.vocab.as_ref())
            && fits(rest)
            && (self.falls_under_vocab(rest) || self.means(rest, iri))
        {
            return Cow::Borrowed(rest);
        }
        for (space, prefix) in &self.prefixes {
            if let Some(rest) = iri.strip_prefix(space.as_ref())
                && !rest.is_empty()
                && !rest.starts_with("//")
            {
                let compact = format!("{prefix}:{rest}");
                if self.means(&compact, iri) {
                    return Cow::Owned(compact);
                }
            }
        }
        Cow::Borrowed(iri)
    }

    /// The term that the core @context has for an IRI of NGSI-LD itself, however the IRI was written.
    pub(crate) fn core_term(iri: &str) -> Option<&'static str> {
        // Hardly any is one, and every attribute is asked.
        let own = iri.starts_with(NGSI_LD) && !iri.starts_with(DEFAULT_CONTEXT);
        if own { CORE_INVERSE.get(iri).copied() } else { None }
    }

    /// Whether a name expands to the vocabulary followed by it, for certain: the quick way for nearly every attribute.
    fn falls_under_vocab(&self, name: &str) -> bool {
        let plain = !name.is_empty() && !name.starts_with('@') && !name.contains(':');
        plain && !matches!(name, "id" | "type") && self.term(name).is_none()
    }

    fn means(&self, name: &str, iri: &str) -> bool {
        !name.is_empty() && self.expand(name) == iri
    }

    fn term(&self, name: &str) -> Option<&Term> {
        CORE.get(name).or_else(|| self.terms.get(name))
    }

    /// Whether a name stands before the colon of compact IRIs.
    #[must_use]
    pub fn is_prefix(&self, name: &str) -> bool {
        self.term(name).is_some_and(|term| term.prefix)
    }

    /// How the value of a term is read; [`Coercion::None`] if nothing is said.
    #[must_use]
    pub fn coercion(&self, term: &str) -> Coercion {
        self.term(term).map_or(Coercion::None, |t| t.coercion)
    }

    /// An identity for caches: two contexts with the same key give the same answers, embedded
    /// `@context` included. Valid within this process only, never to be stored or shown.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The `@context` value to embed in `application/ld+json` answers (clause 5.2.3): the user's, and the core @context
    /// unless the user's refers to it already.
    #[must_use]
    pub fn json(&self) -> &RawValue {
        &self.json
    }

    /// The URL for a `Link` header, if the context is just one URL (the core one, if nothing else).
    #[must_use]
    pub fn url(&self) -> Option<&str> {
        self.url.as_deref()
    }

    /// Whether the core @context owns this term, so that no other context can give it a meaning.
    #[must_use]
    pub fn is_core_term(term: &str) -> bool {
        matches!(term, "id" | "type") || CORE.contains_key(term)
    }
}

/// A hash of everything the context says. Keyed with a secret of this process, so that nobody can
/// make two contexts meet in a cache.
fn identity(
    terms: &HashMap<Box<str>, Term>,
    vocab: &str,
    given: &[ContextRef],
    has_core: bool,
) -> String {
    static SECRETS: LazyLock<[RandomState; 2]> =
        LazyLock::new(|| [RandomState::new(), RandomState::new()]);
    if terms.is_empty() && vocab == DEFAULT_CONTEXT && given.is_empty() {
        return "core".to_owned();
    }
    let mut sorted: Vec<_> = terms.iter().collect();
    sorted.sort_by(|a, b| a.0.cmp(b.0));
    let hash = |secret: &RandomState| {
        let mut hasher = secret.build_hasher();
        for (name, term) in &sorted {
            (name, &term.iri, term.coercion, term.prefix).hash(&mut hasher);
        }
        vocab.hash(&mut hasher);
        resolve::embed(given, has_core).get().hash(&mut hasher);
        hasher.finish()
    };
    let [a, b] = &*SECRETS;
    format!("{:016x}{:016x}", hash(a), hash(b))
}

#[cfg(test)]
mod tests;
