//! The query language's abstract syntax (clause 4.9).

use std::collections::HashSet;
use std::sync::Arc;

use regex::Regex;

use crate::context::Context;
use crate::error::Error;

/// A condition on the attributes of an entity.
#[derive(Debug, Clone, PartialEq)]
pub enum Q {
    /// `a;b`: each holds. Two or more.
    And(Vec<Q>),
    /// `a|b`: one holds. Two or more.
    Or(Vec<Q>),
    /// `path`: there is such an attribute.
    Exists(Path),
    /// `path op operand`.
    Compare {
        /// What is compared.
        path: Path,
        /// How.
        op: Op,
        /// With what.
        operand: Operand,
    },
    /// `path~=pattern`, `path!~=pattern`.
    Match {
        /// What is searched.
        path: Path,
        /// Whether the pattern must not be found.
        negated: bool,
        /// What is searched for.
        pattern: Pattern,
    },
    /// `path{condition}`: a relationship leads to an entity that meets a condition.
    Linked(Linked),
}

/// A condition on linked entities. Looking at one entity cannot decide it: whoever asks must find first what meets it.
#[derive(Debug, Clone, PartialEq)]
pub struct Linked {
    /// The relationship.
    pub path: Path,
    /// `path{Type:…}`: only entities of this type count.
    pub of_type: Option<Name>,
    /// What they have to meet.
    pub condition: Box<Q>,
    /// The ids, as stored, of those that do. Until they are found, none does.
    pub found: Option<Arc<HashSet<String>>>,
}

impl Q {
    /// Reads a `q` parameter, expanding names of attributes.
    pub fn parse(text: &str, ctx: &Context) -> Result<Self, Error> {
        super::parser::parse(text, ctx, &[])
    }

    /// The same, where texts that are compared with `expand` (expanded names) stand for terms: `expandValues`.
    pub fn parse_expanding(text: &str, ctx: &Context, expand: &[String]) -> Result<Self, Error> {
        super::parser::parse(text, ctx, expand)
    }

    /// Conditions that hold for every selected entity and that an index on (attribute, scalar)
    /// can serve: comparisons of an attribute's value with one scalar. They narrow the search;
    /// [`Query::matches`](super::Query::matches) still decides.
    #[must_use]
    pub fn indexable(&self) -> Vec<Indexable<'_>> {
        match self {
            Self::And(parts) => parts.iter().flat_map(Self::indexable).collect(),
            Self::Compare { path, op, operand: Operand::One(value) } if *op != Op::Unequal => {
                match path.names.as_slice() {
                    [name] if path.json.is_empty() && !path.is_system() => {
                        vec![Indexable { attribute: &name.iri, op: *op, value }]
                    }
                    _ => Vec::new(),
                }
            }
            _ => Vec::new(),
        }
    }

    /// Whether the condition is about the entity's own times only, which every entity has (clause 5.7.2.4).
    #[must_use]
    pub fn is_system(&self) -> bool {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().all(Self::is_system),
            Self::Exists(path) | Self::Compare { path, .. } | Self::Match { path, .. } => {
                path.is_system()
            }
            Self::Linked(_) => false,
        }
    }

    /// How many relationships away the farthest entity is that a condition looks at.
    #[must_use]
    pub fn depth(&self) -> usize {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().map(Self::depth).max().unwrap_or(0),
            Self::Linked(linked) => 1 + linked.condition.depth(),
            Self::Exists(_) | Self::Compare { .. } | Self::Match { .. } => 0,
        }
    }

    /// The conditions on entities one relationship away.
    pub fn linked_mut(&mut self) -> Vec<&mut Linked> {
        match self {
            Self::And(parts) | Self::Or(parts) => {
                parts.iter_mut().flat_map(Self::linked_mut).collect()
            }
            Self::Linked(linked) => vec![linked],
            Self::Exists(_) | Self::Compare { .. } | Self::Match { .. } => Vec::new(),
        }
    }

    /// Every attribute the condition looks at, expanded.
    #[must_use]
    pub fn attributes(&self) -> Vec<&str> {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().flat_map(Self::attributes).collect(),
            Self::Exists(path) | Self::Compare { path, .. } | Self::Match { path, .. } => {
                path.names.first().map(|name| name.iri.as_str()).into_iter().collect()
            }
            Self::Linked(linked) => {
                let mut names = linked.condition.attributes();
                names.extend(linked.path.names.first().map(|name| name.iri.as_str()));
                names
            }
        }
    }
}

/// See [`Q::indexable`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Indexable<'q> {
    /// The expanded name.
    pub attribute: &'q str,
    /// Any but [`Op::Unequal`].
    pub op: Op,
    /// What the value, or an element of it, compares with.
    pub value: &'q Scalar,
}

/// Where a value is: `attribute.sub[member.member]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    /// The attribute, its attribute, and so on. At least one.
    pub names: Vec<Name>,
    /// Members inside the value; for a `LanguageProperty` a language tag or `*`.
    pub json: Vec<String>,
}

impl Path {
    /// Whether the entity's own times are meant.
    pub(super) fn is_system(&self) -> bool {
        self.names
            .first()
            .is_some_and(|n| matches!(n.term.as_str(), "createdAt" | "modifiedAt" | "expiresAt"))
    }
}

/// A name as it was written, and what it stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// A term or prefixed name.
    pub term: String,
    /// Its expansion.
    pub iri: String,
}

/// How to compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Op {
    /// `==`
    Equal,
    /// `!=`
    Unequal,
    /// `>`
    Greater,
    /// `>=`
    GreaterEqual,
    /// `<`
    Less,
    /// `<=`
    LessEqual,
}

impl Op {
    /// The operator as written.
    #[must_use]
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::Unequal => "!=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
            Self::Less => "<",
            Self::LessEqual => "<=",
        }
    }
}

/// What a value is compared with.
#[derive(Debug, Clone, PartialEq)]
pub enum Operand {
    /// One scalar.
    One(Scalar),
    /// `a..b`, both included. Only with `==` and `!=`.
    Range(Scalar, Scalar),
    /// `a,b`: one of these. Only with `==` and `!=`.
    List(Vec<Scalar>),
}

/// A literal.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar {
    /// A number, as written and as a value.
    Number {
        /// As written.
        text: String,
        /// What it means.
        value: f64,
    },
    /// A text in double quotes, or a term without.
    Text {
        /// Without the quotes.
        text: String,
        /// What it stands for if it is compared with a `VocabProperty`: the same, unless it is to be expanded.
        iri: String,
    },
    /// `true` or `false`.
    Bool(bool),
    /// A `DateTime`, as written and in µs since the epoch.
    DateTime(String, i64),
    /// A `Date`, as written and in µs since the epoch.
    Date(String, i64),
    /// A `Time`, as written and in µs since midnight.
    Time(String, i64),
    /// A URI.
    Uri(String),
}

/// A regular expression, equal to another if its text is.
#[derive(Debug, Clone)]
pub struct Pattern(pub(super) Regex);

impl Pattern {
    /// The expression as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}
