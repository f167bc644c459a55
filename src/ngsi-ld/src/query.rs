//! Selecting entities: by id, type, attributes, the query language, place and scope (clauses 4.9, 4.10, 4.17, 4.19).

mod eval;
pub mod geo;
mod order;
mod parser;
mod print;
mod q;
mod scope;
mod types;

use regex::{Regex, RegexBuilder};

use crate::error::{Error, ErrorKind};
use crate::model::EntityDoc;
use crate::projection::Projection;

pub use geo::GeoQuery;
pub use order::{Order, OrderKey, OrderText};
pub use q::{Indexable, Linked, Name, Op, Operand, Path, Pattern, Q, Scalar};
pub use scope::{ScopePattern, ScopeQ};
pub use types::TypeSelection;

/// Bytes a compiled pattern may take: regular expressions come from outside.
const MAX_PATTERN: usize = 1 << 18;

/// What entities have to be like. An empty query matches every entity of a visible type.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// If not empty: one of these, as stored.
    pub ids: Vec<String>,
    /// Of these types.
    pub types: Option<TypeSelection>,
    /// An id, as shown to the caller, that fits. See [`id_pattern`].
    pub id_pattern: Option<Regex>,
    /// If not empty: with at least one of these attributes (expanded).
    pub attrs: Vec<String>,
    /// If not empty: what one of these selects.
    pub any_of: Vec<Selector>,
    /// A condition on attributes.
    pub q: Option<Q>,
    /// A condition on where the entity lies.
    pub geo: Option<GeoQuery>,
    /// A condition on its scopes.
    pub scope: Option<ScopeQ>,
}

/// One of several ways to be selected (clause 5.2.33).
#[derive(Debug, Clone, Default)]
pub struct Selector {
    /// If not empty: one of these, as stored. They take precedence over the pattern.
    pub ids: Vec<String>,
    /// An id, as shown to the caller, that fits. See [`id_pattern`].
    pub id_pattern: Option<Regex>,
    /// Of these types.
    pub types: Option<TypeSelection>,
}

impl Selector {
    /// Whether an entity is selected, as far as `p` shows it.
    pub fn matches(&self, doc: &EntityDoc, p: &dyn Projection) -> bool {
        let visible = |iri: &str| p.entity_type(iri);
        let typed = self.types.as_ref().is_none_or(|types| {
            types.matches(&|wanted| doc.types().any(|iri| iri == wanted && visible(iri)))
        });
        if !typed {
            return false;
        }
        if !self.ids.is_empty() {
            return self.ids.iter().any(|id| id == doc.id());
        }
        let fits = |pattern: &Regex| pattern.is_match(&p.outward_id(doc.id()));
        self.id_pattern.as_ref().is_none_or(fits)
    }
}

impl Query {
    /// Whether an entity is selected. What `p` hides is absent: types, attributes, and identifiers,
    /// which are compared as the caller sees them (only [`ids`](Self::ids) are compared as stored).
    pub fn matches(&self, doc: &EntityDoc, p: &dyn Projection) -> bool {
        if !self.ids.is_empty() && !self.ids.iter().any(|id| id == doc.id()) {
            return false;
        }
        let visible = |iri: &str| p.entity_type(iri);
        if !doc.types().any(visible) {
            return false;
        }
        if let Some(types) = &self.types
            && !types.matches(&|wanted| doc.types().any(|iri| iri == wanted && visible(iri)))
        {
            return false;
        }
        if let Some(pattern) = &self.id_pattern
            && !pattern.is_match(&p.outward_id(doc.id()))
        {
            return false;
        }
        let has = |name: &String| {
            doc.attributes()
                .any(|slot| slot.name() == name && p.attribute(slot.name(), slot.publisher()))
        };
        if !self.attrs.is_empty() && !self.attrs.iter().any(has) {
            return false;
        }
        if !self.any_of.is_empty() && !self.any_of.iter().any(|one| one.matches(doc, p)) {
            return false;
        }
        // Scopes are shown with every entity that is seen at all.
        self.scope.as_ref().is_none_or(|scope| scope.matches(&doc.scopes()))
            && self.q.as_ref().is_none_or(|q| eval::matches(q, doc, p))
            && self.geo.as_ref().is_none_or(|geo| geo.matches(doc, p))
    }
}

/// Compiles the `idPattern` parameter.
pub fn id_pattern(text: &str) -> Result<Regex, Error> {
    if repeats_twice(text) {
        return Err(Error::bad("a regular expression repeats a repetition")
            .at("idPattern")
            .remedy("write one *, + or ? only"));
    }
    regex(text).map_err(|e| e.at("idPattern"))
}

/// Whether a repetition is repeated (`a**`), which POSIX, whose syntax clause 4.9 names, leaves without a meaning. `*?`, `+?`
/// and `??` are only lazy.
fn repeats_twice(text: &str) -> bool {
    let (mut escaped, mut class, mut before) = (false, false, false);
    for c in text.chars() {
        let repeats = !escaped && !class && matches!(c, '*' | '+');
        if repeats && before {
            return true;
        }
        if !escaped && c == '[' {
            class = true;
        } else if !escaped && c == ']' {
            class = false;
        }
        before = repeats;
        escaped = !escaped && c == '\\';
    }
    false
}

fn regex(text: &str) -> Result<Regex, Error> {
    RegexBuilder::new(text).size_limit(MAX_PATTERN).build().map_err(|e| match e {
        regex::Error::CompiledTooBig(_) => {
            Error::new(ErrorKind::TooLarge, "a regular expression is too large")
                .remedy("write a simpler one")
        }
        _ => Error::bad("a regular expression cannot be read")
            .remedy("look-around and back references are not available"),
    })
}

#[cfg(test)]
mod tests;
