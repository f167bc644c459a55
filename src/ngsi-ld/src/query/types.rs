//! Entity type selection (clause 4.17).

use crate::context::Context;
use crate::error::Error;
use crate::parse::check_name;

/// Parentheses in a selection: how deep.
const MAX_DEPTH: usize = 16;

/// A choice of entity types: `Building`, `Building|Home`, `Building,Home`, `(Building;Home)|Shop`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TypeSelection {
    /// Entities of this expanded type.
    Type(String),
    /// Entities that one of these selects.
    Any(Vec<TypeSelection>),
    /// Entities that each of these selects.
    All(Vec<TypeSelection>),
}

impl TypeSelection {
    /// Reads the `type` parameter, expanding names. `*` is no selection and is refused here.
    pub fn parse(text: &str, ctx: &Context) -> Result<Self, Error> {
        Self::read(text.trim(), ctx, 0).map_err(|e| e.at("type"))
    }

    fn read(text: &str, ctx: &Context, depth: usize) -> Result<Self, Error> {
        if depth > MAX_DEPTH {
            return Err(Error::bad("the type selection is nested too deeply"));
        }
        // OR binds loosest, then AND, then parentheses.
        let any = split(text, &['|', ','])?;
        if any.len() > 1 {
            let parts = any.into_iter().map(|part| Self::read(part, ctx, depth + 1));
            return Ok(Self::Any(parts.collect::<Result<_, _>>()?));
        }
        let all = split(text, &[';'])?;
        if all.len() > 1 {
            let parts = all.into_iter().map(|part| Self::read(part, ctx, depth + 1));
            return Ok(Self::All(parts.collect::<Result<_, _>>()?));
        }
        if let Some(inner) = text.strip_prefix('(').and_then(|t| t.strip_suffix(')')) {
            return Self::read(inner, ctx, depth + 1);
        }
        check_name(text, ctx)?;
        Ok(Self::Type(ctx.expand(text).into_owned()))
    }

    /// Whether a set of types, given by what it contains, is selected.
    pub fn matches(&self, has: &dyn Fn(&str) -> bool) -> bool {
        match self {
            Self::Type(iri) => has(iri),
            Self::Any(parts) => parts.iter().any(|part| part.matches(has)),
            Self::All(parts) => parts.iter().all(|part| part.matches(has)),
        }
    }

    /// Types of which every selected entity has at least one: where to look for candidates.
    #[must_use]
    pub fn candidates(&self) -> Vec<&str> {
        match self {
            Self::Type(iri) => vec![iri],
            Self::Any(parts) => parts.iter().flat_map(Self::candidates).collect(),
            Self::All(parts) => {
                parts.iter().map(Self::candidates).min_by_key(Vec::len).unwrap_or_default()
            }
        }
    }
}

/// Splits at separators outside parentheses.
fn split<'a>(text: &'a str, separators: &[char]) -> Result<Vec<&'a str>, Error> {
    let unbalanced = || Error::bad("the parentheses of the type selection do not match");
    let mut depth = 0_usize;
    let mut parts = Vec::new();
    let mut start = 0;
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.checked_sub(1).ok_or_else(unbalanced)?,
            c if depth == 0 && separators.contains(&c) => {
                parts.extend(text.get(start..at));
                start = at + c.len_utf8();
            }
            _ => {}
        }
    }
    if depth != 0 {
        return Err(unbalanced());
    }
    parts.extend(text.get(start..));
    Ok(parts)
}
