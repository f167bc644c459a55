//! From the `@context` a user sends to a [`Context`], without doing the fetching.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use serde_json::value::RawValue;

use super::{CORE_CONTEXT_URL, Coercion, Context, Term};
use crate::error::{Error, ErrorKind};
use crate::json::{elements, first_byte, members, quoted, string_of};

/// Contexts that refer to contexts: how far.
const MAX_DEPTH: usize = 8;
/// Parts and terms of one @context, everything it refers to included.
const MAX_PARTS: usize = 64;
const MAX_TERMS: usize = 20_000;
/// Bytes of one IRI. Short names stand for them any number of times, and terms build on terms.
const MAX_IRI: usize = 512;

/// A part of a local @context as the user gave it.
#[derive(Debug, Clone)]
pub enum ContextRef {
    /// A document to be fetched by the caller.
    Url(String),
    /// Term definitions, as a JSON object.
    Inline(Box<RawValue>),
    /// Several, later ones taking precedence.
    Many(Vec<ContextRef>),
}

impl ContextRef {
    /// Reads the value of an `@context` member. `null` is an empty list.
    pub fn parse(local: &RawValue) -> Result<Self, Error> {
        Self::read(local.get(), 0)
    }

    fn read(text: &str, depth: usize) -> Result<Self, Error> {
        if depth > MAX_DEPTH {
            return Err(bad("the @context is nested too deeply"));
        }
        match first_byte(text) {
            b'"' => {
                let url = string_of(text).ok_or_else(|| bad("the @context is not JSON"))?;
                if !(url.starts_with("http://") || url.starts_with("https://")) {
                    return Err(bad("a @context given as a string is not an http or https URL")
                        .remedy("give an absolute URL"));
                }
                Ok(Self::Url(url.into_owned()))
            }
            b'[' => {
                let parts = elements(text).map(|part| Self::read(part?, depth + 1));
                Ok(Self::Many(parts.collect::<Result<_, _>>()?))
            }
            b'n' => Ok(Self::Many(Vec::new())),
            b'{' => match RawValue::from_string(text.to_owned()) {
                Ok(raw) => Ok(Self::Inline(raw)),
                Err(_) => Err(bad("the @context is not JSON")),
            },
            _ => Err(bad("the @context is neither a URL nor an object nor an array of these")),
        }
    }
}

/// What came of [`resolve`].
#[derive(Debug)]
pub enum Resolved {
    /// The merged context.
    Ready(Arc<Context>),
    /// Documents the caller has to load before calling again, each once.
    Missing(Vec<String>),
}

/// Merges a local @context (URL, object, array of these, nested), taking remote documents from
/// `documents`. What is not there yet is listed, so that the caller, who does the I/O, can load it
/// and call again.
///
/// URLs of the core @context, whatever its version, stand for the one built in.
pub fn resolve(
    local: &RawValue,
    documents: &dyn Fn(&str) -> Option<Arc<str>>,
) -> Result<Resolved, Error> {
    let local = ContextRef::parse(local)?;
    let mut given = Vec::new();
    flatten(local.clone(), &mut given);
    if given.is_empty() {
        return Ok(Resolved::Ready(Context::core()));
    }
    let mut merge = Merge::new(documents);
    merge.part(&local, &mut Vec::new())?;
    if !merge.missing.is_empty() {
        return Ok(Resolved::Missing(merge.missing));
    }
    let terms = merge.terms.into_iter().filter_map(|(name, term)| Some((name, term?))).collect();
    Ok(Resolved::Ready(Arc::new(Context::assemble(terms, merge.vocab, &given, merge.has_core))))
}

/// The parts in order without nesting, the core @context left out.
fn flatten(part: ContextRef, into: &mut Vec<ContextRef>) {
    match part {
        ContextRef::Many(parts) => parts.into_iter().for_each(|p| flatten(p, into)),
        ContextRef::Url(url) if is_core(&url) => {}
        part => into.push(part),
    }
}

/// The `@context` value for answers: the user's parts, then the core @context where they do not refer to it themselves.
pub(super) fn embed(given: &[ContextRef], has_core: bool) -> Box<RawValue> {
    let mut parts: Vec<String> = given
        .iter()
        .map(|part| match part {
            ContextRef::Url(url) => quoted(url),
            ContextRef::Inline(raw) => raw.get().to_owned(),
            ContextRef::Many(_) => "[]".to_owned(),
        })
        .collect();
    if parts.is_empty() || !has_core {
        parts.push(quoted(CORE_CONTEXT_URL));
    }
    let text = if parts.len() == 1 { parts.concat() } else { format!("[{}]", parts.join(",")) };
    // Made of JSON texts, so it is one.
    RawValue::from_string(text).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

/// Whether a URL is one of the core @context, of whatever version.
#[must_use]
pub fn is_core(url: &str) -> bool {
    let path = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    path.and_then(|p| p.strip_prefix("uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context")).is_some_and(
        |rest| {
            rest == ".jsonld"
                || rest.strip_prefix("-v1.").is_some_and(|version| version.ends_with(".jsonld"))
        },
    )
}

struct Merge<'d> {
    documents: &'d dyn Fn(&str) -> Option<Arc<str>>,
    /// `None` for a term taken back by `null`.
    terms: BTreeMap<Box<str>, Option<Term>>,
    vocab: Option<Box<str>>,
    missing: Vec<String>,
    parts: usize,
    /// Whether a remote document refers to the core @context.
    has_core: bool,
}

impl<'d> Merge<'d> {
    fn new(documents: &'d dyn Fn(&str) -> Option<Arc<str>>) -> Self {
        Self {
            documents,
            terms: BTreeMap::new(),
            vocab: None,
            missing: Vec::new(),
            parts: 0,
            has_core: false,
        }
    }

    fn part(&mut self, part: &ContextRef, chain: &mut Vec<String>) -> Result<(), Error> {
        self.parts += 1;
        if self.parts > MAX_PARTS {
            return Err(bad("the @context refers to too many others")
                .remedy("name fewer, or put their definitions into one"));
        }
        match part {
            ContextRef::Many(parts) => parts.iter().try_for_each(|p| self.part(p, chain)),
            ContextRef::Inline(raw) => self.object(raw.get(), !chain.is_empty()),
            ContextRef::Url(url) if is_core(url) => {
                self.has_core |= !chain.is_empty();
                Ok(())
            }
            ContextRef::Url(url) => self.remote(url, chain),
        }
    }

    fn remote(&mut self, url: &str, chain: &mut Vec<String>) -> Result<(), Error> {
        if chain.iter().any(|seen| seen == url) {
            return Err(unavailable("a remote @context refers to itself")
                .remedy("flatten it, or send its definitions inline"));
        }
        if chain.len() >= MAX_DEPTH {
            return Err(unavailable("remote @contexts refer to one another too deeply")
                .remedy("flatten them, or send their definitions inline"));
        }
        let Some(document) = (self.documents)(url) else {
            if !self.missing.iter().any(|m| m == url) {
                self.missing.push(url.to_owned());
            }
            return Ok(());
        };
        let mut found = None;
        for member in members(&document) {
            let (name, value) =
                member.map_err(|_| bad("a remote @context is not a JSON object"))?;
            if name == "@context" {
                found = Some(value);
            }
        }
        let Some(text) = found else {
            return Err(bad("a remote document has no @context member"));
        };
        let part = ContextRef::read(text, 0)?;
        chain.push(url.to_owned());
        let done = self.part(&part, chain);
        chain.pop();
        done
    }

    /// Adds the term definitions of one object. They may refer to one another in any order.
    fn object(&mut self, text: &str, remote: bool) -> Result<(), Error> {
        let mut local = BTreeMap::new();
        for member in members(text) {
            let (name, value) = member.map_err(|_| bad("the @context is not JSON"))?;
            match name.as_ref() {
                "@vocab" => self.vocab(value)?,
                "@import" => return Err(bad("@import is not supported in a @context")),
                keyword if keyword.starts_with('@') => {}
                _ => {
                    let definition = Definition::read(value)?;
                    // In documents of others it has no bearing on names and is left alone.
                    if !remote && matches!(definition, Definition::Term { scoped: true, .. }) {
                        return Err(bad("the @context has a scoped context").remedy(
                            "define the terms beside one another, without @context inside a definition",
                        ));
                    }
                    local.insert(name.into_owned(), definition);
                }
            }
        }
        if self.terms.len() + local.len() > MAX_TERMS {
            return Err(bad(format!("the @context has more than {MAX_TERMS} terms")));
        }
        let mut known = BTreeMap::new();
        for name in local.keys() {
            self.define(name, &local, &mut known, &mut HashSet::new())?;
        }
        self.terms.extend(known);
        Ok(())
    }

    fn vocab(&mut self, value: &str) -> Result<(), Error> {
        self.vocab = match string_of(value) {
            Some(iri) if iri.is_empty() => None,
            Some(iri) if iri.contains(':') => {
                check_length(&iri)?;
                Some(iri.into())
            }
            None if first_byte(value) == b'n' => None,
            _ => return Err(bad("@vocab of the @context is not an absolute IRI")),
        };
        Ok(())
    }

    fn define(
        &self,
        name: &str,
        local: &BTreeMap<String, Definition>,
        known: &mut BTreeMap<Box<str>, Option<Term>>,
        busy: &mut HashSet<String>,
    ) -> Result<(), Error> {
        if known.contains_key(name) {
            return Ok(());
        }
        let Some(definition) = local.get(name) else {
            return Ok(());
        };
        if !busy.insert(name.to_owned()) || busy.len() > MAX_PARTS {
            return Err(bad("terms of the @context are defined by one another"));
        }
        let id = match definition {
            Definition::Null => {
                known.insert(name.into(), None);
                return Ok(());
            }
            Definition::Term { id, .. } => id.as_deref().unwrap_or(name),
        };
        let Definition::Term { coercion, prefix, simple, .. } = definition else {
            return Ok(());
        };
        // An alias of a keyword gives the term no IRI; only `id` and `type` are aliases here.
        if !id.starts_with('@') {
            let iri = self.iri(name, id, local, known, busy)?;
            check_length(&iri)?;
            let ends_open = iri.ends_with([':', '/', '?', '#', '[', ']', '@']);
            let prefix = prefix.unwrap_or(*simple && ends_open) && !name.contains([':', '/']);
            let term = Term { iri: iri.into(), coercion: *coercion, prefix };
            known.insert(name.into(), Some(term));
        }
        busy.remove(name);
        Ok(())
    }

    /// Expands the `@id` of a definition.
    fn iri(
        &self,
        name: &str,
        id: &str,
        local: &BTreeMap<String, Definition>,
        known: &mut BTreeMap<Box<str>, Option<Term>>,
        busy: &mut HashSet<String>,
    ) -> Result<String, Error> {
        let mut lookup = |term: &str| -> Result<Option<String>, Error> {
            if let Some(core) = super::CORE.get(term) {
                return Ok(Some(core.iri.to_string()));
            }
            if term != name {
                self.define(term, local, known, busy)?;
            }
            let found = known.get(term).or_else(|| self.terms.get(term));
            Ok(found.and_then(Option::as_ref).map(|t| t.iri.to_string()))
        };
        if id != name
            && let Some(iri) = lookup(id)?
        {
            return Ok(iri);
        }
        match id.split_once(':') {
            Some((_, suffix)) if suffix.starts_with("//") => Ok(id.to_owned()),
            Some((prefix, suffix)) => {
                Ok(lookup(prefix)?
                    .map_or_else(|| id.to_owned(), |space| format!("{space}{suffix}")))
            }
            None => {
                let vocab = self.vocab.as_deref().unwrap_or(super::DEFAULT_CONTEXT);
                Ok(format!("{vocab}{id}"))
            }
        }
    }
}

fn check_length(iri: &str) -> Result<(), Error> {
    if iri.len() > MAX_IRI {
        return Err(bad(format!("an IRI of the @context has more than {MAX_IRI} bytes")));
    }
    Ok(())
}

enum Definition {
    Null,
    Term {
        id: Option<String>,
        coercion: Coercion,
        prefix: Option<bool>,
        simple: bool,
        /// Whether it brings a @context of its own (clause 5.5.7 forbids it).
        scoped: bool,
    },
}

impl Definition {
    fn read(value: &str) -> Result<Self, Error> {
        match first_byte(value) {
            b'n' => return Ok(Self::Null),
            b'"' => {
                let id = string_of(value).map(std::borrow::Cow::into_owned);
                return Ok(Self::Term {
                    id,
                    coercion: Coercion::None,
                    prefix: None,
                    simple: true,
                    scoped: false,
                });
            }
            b'{' => {}
            _ => {
                return Err(bad("a term of the @context is neither a string nor an object"));
            }
        }
        let (mut id, mut coercion, mut prefix, mut scoped) = (None, Coercion::None, None, false);
        for member in members(value) {
            let (name, value) = member.map_err(|_| bad("the @context is not JSON"))?;
            match name.as_ref() {
                "@id" if first_byte(value) == b'n' => return Ok(Self::Null),
                "@id" => {
                    let text = string_of(value)
                        .ok_or_else(|| bad("@id of a term of the @context is not a string"))?;
                    id = Some(text.into_owned());
                }
                "@type" => {
                    coercion = match string_of(value).as_deref() {
                        Some("@id") => Coercion::Id,
                        Some("@vocab") => Coercion::Vocab,
                        Some("@json") => Coercion::Json,
                        Some("@none") => Coercion::None,
                        Some(iri) if iri.ends_with("dateTime") || iri == "DateTime" => {
                            Coercion::DateTime
                        }
                        Some(_) => Coercion::Other,
                        None => {
                            return Err(bad("@type of a term of the @context is not a string"));
                        }
                    };
                }
                "@prefix" => prefix = Some(value == "true"),
                "@reverse" => return Err(bad("@reverse is not supported in a @context")),
                "@context" => scoped = true,
                // @container, @protected, @language, @index: no bearing on names.
                _ => {}
            }
        }
        Ok(Self::Term { id, coercion, prefix, simple: false, scoped })
    }
}

fn bad(detail: impl Into<String>) -> Error {
    Error::bad(detail).at("/@context")
}

fn unavailable(detail: impl Into<String>) -> Error {
    Error::new(ErrorKind::LdContextNotAvailable, detail).at("/@context")
}
