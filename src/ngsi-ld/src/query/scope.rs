//! The scope query language (clause 4.19).

use std::fmt;

use crate::error::Error;
use crate::parse::is_plain_name;

/// Parentheses in a scope query: how deep.
const MAX_DEPTH: usize = 16;
/// Scopes in one query.
const MAX_SCOPES: usize = 64;

/// A condition on the scopes of an entity: `/Madrid/Gardens`, `/Madrid/+/ParqueNorte`, `/CompanyA/#`, `(/a;/b)|/c`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScopeQ {
    /// One of the scopes fits.
    Scope(ScopePattern),
    /// `a|b` or `a,b`: one of these holds. Two or more.
    Any(Vec<ScopeQ>),
    /// `a;b`: each of these holds. Two or more.
    All(Vec<ScopeQ>),
}

/// What a scope may look like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopePattern {
    /// Level by level; `None` is `+`, which stands for any one level.
    pub levels: Vec<Option<String>>,
    /// `#`: this scope and everything below.
    pub below: bool,
}

impl ScopePattern {
    fn parse(text: &str) -> Result<Self, Error> {
        let wrong = || {
            Error::bad("a scope is not of the form /level/level").at("scopeQ").remedy(
                "use letters, digits and _ in each level, beginning with a letter, + for any one level, # at the end for everything below",
            )
        };
        let mut levels: Vec<&str> = text.strip_prefix('/').unwrap_or(text).split('/').collect();
        let below = levels.last() == Some(&"#");
        if below {
            levels.pop();
        }
        let level = |text: &&str| match *text {
            "+" => Ok(None),
            name if is_plain_name(name) => Ok(Some(name.to_owned())),
            _ => Err(wrong()),
        };
        let levels = levels.iter().map(level).collect::<Result<Vec<_>, _>>()?;
        if levels.is_empty() && !below { Err(wrong()) } else { Ok(Self { levels, below }) }
    }

    /// Whether a scope, as given, fits.
    pub fn fits(&self, scope: &str) -> bool {
        let mut levels = scope.strip_prefix('/').unwrap_or(scope).split('/');
        self.levels.iter().all(|wanted| {
            levels.next().is_some_and(|level| wanted.as_ref().is_none_or(|name| name == level))
        }) && (self.below || levels.next().is_none())
    }
}

impl ScopeQ {
    /// Reads the `scopeQ` parameter.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut parser = Parser { rest: text.trim(), scopes: 0 };
        let query = parser.any(0)?;
        if parser.rest.is_empty() {
            Ok(query)
        } else {
            Err(Error::bad("the parentheses of the scope query do not match").at("scopeQ"))
        }
    }

    /// Whether an entity with these scopes is selected.
    pub fn matches<'s>(&self, scopes: &(impl Iterator<Item = &'s str> + Clone)) -> bool {
        match self {
            Self::Scope(pattern) => scopes.clone().any(|scope| pattern.fits(scope)),
            Self::Any(parts) => parts.iter().any(|part| part.matches(scopes)),
            Self::All(parts) => parts.iter().all(|part| part.matches(scopes)),
        }
    }

    /// Patterns of which every selected entity has a scope that fits at least one: where to look for candidates.
    #[must_use]
    pub fn candidates(&self) -> Vec<&ScopePattern> {
        match self {
            Self::Scope(pattern) => vec![pattern],
            Self::Any(parts) => parts.iter().flat_map(Self::candidates).collect(),
            Self::All(parts) => {
                parts.iter().map(Self::candidates).min_by_key(Vec::len).unwrap_or_default()
            }
        }
    }
}

struct Parser<'a> {
    rest: &'a str,
    scopes: usize,
}

impl<'a> Parser<'a> {
    /// `|` and `,` bind loosest, then `;`, then parentheses.
    fn any(&mut self, depth: usize) -> Result<ScopeQ, Error> {
        if depth > MAX_DEPTH {
            return Err(Error::bad("the scope query is nested too deeply").at("scopeQ"));
        }
        let mut parts = vec![self.all(depth)?];
        while self.take(&['|', ',']) {
            parts.push(self.all(depth)?);
        }
        Ok(one_or(parts, ScopeQ::Any))
    }

    fn all(&mut self, depth: usize) -> Result<ScopeQ, Error> {
        let mut parts = vec![self.one(depth)?];
        while self.take(&[';']) {
            parts.push(self.one(depth)?);
        }
        Ok(one_or(parts, ScopeQ::All))
    }

    fn one(&mut self, depth: usize) -> Result<ScopeQ, Error> {
        if self.take(&['(']) {
            let inner = self.any(depth + 1)?;
            if !self.take(&[')']) {
                let detail = "the parentheses of the scope query do not match";
                return Err(Error::bad(detail).at("scopeQ"));
            }
            return Ok(inner);
        }
        self.scopes += 1;
        if self.scopes > MAX_SCOPES {
            return Err(Error::bad("the scope query has too many scopes").at("scopeQ"));
        }
        let end = self.rest.find(['|', ',', ';', '(', ')']).unwrap_or(self.rest.len());
        let (scope, rest): (&'a str, &'a str) =
            self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
        self.rest = rest;
        ScopePattern::parse(scope).map(ScopeQ::Scope)
    }

    fn take(&mut self, symbols: &[char]) -> bool {
        let rest = self.rest.strip_prefix(|c| symbols.contains(&c));
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }
}

fn one_or(mut parts: Vec<ScopeQ>, several: fn(Vec<ScopeQ>) -> ScopeQ) -> ScopeQ {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        last => {
            parts.extend(last);
            several(parts)
        }
    }
}

impl fmt::Display for ScopeQ {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (parts, separator) = match self {
            Self::Scope(pattern) => return pattern.fmt(f),
            Self::Any(parts) => (parts, '|'),
            Self::All(parts) => (parts, ';'),
        };
        for (index, part) in parts.iter().enumerate() {
            if index > 0 {
                write!(f, "{separator}")?;
            }
            // AND binds tighter, so it needs no parentheses inside of OR.
            match (self, part) {
                (_, Self::Scope(_)) | (Self::Any(_), Self::All(_)) => write!(f, "{part}")?,
                _ => write!(f, "({part})")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for ScopePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for level in &self.levels {
            write!(f, "/{}", level.as_deref().unwrap_or("+"))?;
        }
        f.write_str(if self.below { "/#" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::ScopeQ;

    fn selects(query: &str, scopes: &[&str]) -> bool {
        ScopeQ::parse(query).unwrap().matches(&scopes.iter().copied())
    }

    #[test]
    fn scopes_are_selected() {
        let one: &[&str] = &["/Madrid/Gardens/ParqueNorte"];
        let two: &[&str] = &["Madrid/Gardens/ParqueNorte", "/CompanyA/UnitC"];
        for (query, in_one, in_two) in [
            ("/Madrid/Gardens/ParqueNorte", true, true),
            ("Madrid/Gardens/ParqueNorte", true, true),
            ("/Madrid/+/ParqueNorte", true, true),
            ("/+/+/+", true, true),
            ("/+/+", false, true),
            ("/Madrid", false, false),
            ("/Madrid/#", true, true),
            ("/Madrid/Gardens/ParqueNorte/#", true, true),
            ("/Madrid/Gardens/ParqueNorte/+", false, false),
            ("/CompanyA/#", false, true),
            ("/Company/#", false, false),
            ("/#", true, true),
            ("/Madrid/#;/CompanyA/#", false, true),
            ("(/Madrid/#;/CompanyA/#)", false, true),
            ("(/Madrid/#;/CompanyA/#)|/+/Gardens/#", true, true),
            ("/Nowhere,/CompanyA/UnitC", false, true),
            ("(/Nowhere|/Madrid/#);(/CompanyA/+)", false, true),
        ] {
            assert_eq!((selects(query, one), selects(query, two)), (in_one, in_two), "{query}");
        }
        assert!(!selects("/#", &[]));
    }

    #[test]
    fn broken_queries_are_refused() {
        for query in [
            "", "/", "/a//b", "/a/", "/#/a", "/a#", "/a/1b", "(/a", "/a)", "/a;", "|/a", "/a b",
            "/a(/b)",
        ] {
            let error = ScopeQ::parse(query).unwrap_err();
            assert_eq!(error.pointer.as_deref(), Some("scopeQ"), "{query}");
        }
        assert!(ScopeQ::parse(&"(".repeat(10_000)).is_err());
        assert!(ScopeQ::parse(&vec!["/a"; 1_000].join(",")).is_err());
    }

    fn queries() -> impl Strategy<Value = String> {
        let scope = "(/([a-c]|\\+)){1,3}(/#)?|/#";
        scope.prop_map(|scope| scope).prop_recursive(3, 12, 3, |inner| {
            let part = (inner, any::<bool>());
            proptest::collection::vec(part, 2..4).prop_flat_map(|parts| {
                prop_oneof![Just(";"), Just("|"), Just(",")].prop_map(move |separator| {
                    let enclosed: Vec<String> = parts
                        .iter()
                        .map(
                            |(part, plain)| if *plain { part.clone() } else { format!("({part})") },
                        )
                        .collect();
                    enclosed.join(separator)
                })
            })
        })
    }

    proptest! {
        #[test]
        fn printed_queries_read_the_same(
            text in queries(), scopes in proptest::collection::vec("(/[a-c]){1,4}", 0..4)
        ) {
            let query = ScopeQ::parse(&text).unwrap();
            let printed = query.to_string();
            prop_assert_eq!(&ScopeQ::parse(&printed).unwrap(), &query, "{} as {}", text, printed);
            // Whatever is selected has a scope that fits one of the candidates.
            let scopes = scopes.iter().map(String::as_str);
            if query.matches(&scopes) {
                let fits = |scope: &str| query.candidates().iter().any(|c| c.fits(scope));
                prop_assert!(scopes.clone().any(fits));
            }
        }
    }
}
