//! The order of entities (clause 4.23).

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use icu_collator::options::{CollatorOptions, Strength};
use icu_collator::{Collator, CollatorBorrowed, CollatorPreferences};
use icu_locale_core::Locale;
use icu_locale_core::extensions::unicode::key;

use super::geo::Reference;
use super::q::Path;
use super::{eval, parser};
use crate::context::Context;
use crate::error::Error;
use crate::model::EntityDoc;
use crate::projection::Projection;

/// Members in one order.
const MAX_MEMBERS: usize = 16;

/// By what entities are ordered: by the first member, those that are equal in it by the second, and so on.
#[derive(Debug, Clone)]
pub struct Order {
    by: Vec<By>,
    from: Option<Reference>,
    collation: Option<Arc<Collation>>,
}

#[derive(Debug, Clone, PartialEq)]
struct By {
    member: Member,
    style: Style,
}

#[derive(Debug, Clone, PartialEq)]
enum Member {
    Id,
    Type,
    Scope,
    Path(Path),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    Ascending,
    Descending,
    Nearest,
    Farthest,
}

/// The parameters of an order, as they came.
#[derive(Debug, Clone, Copy, Default)]
pub struct OrderText<'a> {
    /// The members, each with or without `;asc`, `;desc`, `;dist-asc` or `;dist-desc`.
    pub order_by: &'a [&'a str],
    /// An ICU collation (RFC 6067), such as `de-u-co-phonebk`.
    pub collation: Option<&'a str>,
    /// The coordinates, JSON text, from which distances are measured.
    pub from: Option<&'a str>,
    /// The type of the geometry of these coordinates; a Point if not said.
    pub geometry: Option<&'a str>,
}

impl Order {
    /// Reads the parameters. Problems are at the names that they have in a query string.
    pub fn parse(text: &OrderText<'_>, ctx: &Context) -> Result<Self, Error> {
        if text.order_by.len() > MAX_MEMBERS {
            return Err(Error::bad("the order has too many members").at("orderBy"));
        }
        let by = text.order_by.iter().map(|item| By::parse(item, ctx));
        let by = by.collect::<Result<Vec<_>, _>>().map_err(|error| error.at("orderBy"))?;
        let geometry = text.geometry.unwrap_or("Point");
        let reference = |from| Reference::parse(geometry, from, ["orderGeometry", "orderFrom"]);
        let from = text.from.map(reference).transpose()?;
        if from.is_none() && by.iter().any(By::is_distance) {
            return Err(Error::bad("an order by distance does not say from where")
                .at("orderFrom")
                .remedy("give the coordinates that distances are measured from"));
        }
        let collation = text.collation.map(Collation::parse).transpose()?.map(Arc::new);
        Ok(Self { by, from, collation })
    }

    /// What places an entity among others, as far as `p` shows it.
    pub fn key(&self, doc: &EntityDoc, p: &dyn Projection) -> OrderKey {
        let value = |by: &By| match (&by.member, &self.from) {
            (Member::Id, _) => Value::Text(p.outward_id(doc.id()).into_owned()),
            (Member::Type, _) => {
                let seen = doc.types().find(|iri| p.entity_type(iri));
                seen.map_or(Value::Absent, |iri| Value::Text(iri.to_owned()))
            }
            (Member::Scope, _) => {
                doc.scopes().next().map_or(Value::Absent, |scope| Value::Text(scope.to_owned()))
            }
            (Member::Path(path), Some(from)) if by.is_distance() => {
                eval::distance(path, doc, p, from).map_or(Value::Absent, Value::Number)
            }
            (Member::Path(path), _) => eval::value(path, doc, p),
        };
        // What is equal in everything is in the order of the ids that are shown.
        OrderKey { values: self.by.iter().map(value).collect(), id: p.outward_id(doc.id()).into() }
    }

    /// Which of two entities comes first. What is absent comes last, whatever the direction.
    pub fn compare(&self, a: &OrderKey, b: &OrderKey) -> Ordering {
        let pairs = a.values.iter().zip(&b.values);
        let each = self.by.iter().zip(pairs).map(|(by, (a, b))| {
            let order = a.compare(b, self.collation.as_deref());
            let absent = matches!(a, Value::Absent) || matches!(b, Value::Absent);
            match by.style {
                Style::Descending | Style::Farthest if !absent => order.reverse(),
                _ => order,
            }
        });
        each.fold(Ordering::Equal, Ordering::then).then_with(|| a.id.cmp(&b.id))
    }

    /// Every attribute that the order looks at, expanded.
    #[must_use]
    pub fn attributes(&self) -> Vec<&str> {
        let paths = self.by.iter().filter_map(|by| match &by.member {
            Member::Path(path) => path.names.first(),
            Member::Id | Member::Type | Member::Scope => None,
        });
        paths.map(|name| name.iri.as_str()).collect()
    }
}

impl By {
    fn parse(text: &str, ctx: &Context) -> Result<Self, Error> {
        let (member, style) = text.split_once(';').unwrap_or((text, "asc"));
        let style = match style {
            "asc" => Style::Ascending,
            "desc" => Style::Descending,
            "dist-asc" => Style::Nearest,
            "dist-desc" => Style::Farthest,
            _ => {
                return Err(Error::bad("the style of an order is not known")
                    .remedy("use asc, desc, dist-asc or dist-desc"));
            }
        };
        let member = match member {
            "id" => Member::Id,
            "type" => Member::Type,
            "scope" => Member::Scope,
            path => Member::Path(parser::path(path, ctx)?),
        };
        let by = Self { member, style };
        let plain = match &by.member {
            Member::Path(path) => path.names.len() == 1 && path.json.is_empty(),
            _ => false,
        };
        if by.is_distance() && !plain {
            return Err(Error::bad("an order by distance is by one GeoProperty"));
        }
        Ok(by)
    }

    fn is_distance(&self) -> bool {
        matches!(self.style, Style::Nearest | Style::Farthest)
    }
}

/// What places an entity among others in one order.
#[derive(Debug, Clone)]
pub struct OrderKey {
    values: Vec<Value>,
    id: String,
}

/// A value, in the order of kinds that clause 4.23.2 gives.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Number(f64),
    Text(String),
    Object(String),
    Array(String),
    Bool(bool),
    /// µs since the epoch.
    Time(i64),
    Absent,
}

impl Value {
    fn rank(&self) -> u8 {
        match self {
            Self::Number(_) => 0,
            Self::Text(_) => 1,
            Self::Object(_) => 2,
            Self::Array(_) => 3,
            Self::Bool(_) => 4,
            Self::Time(_) => 5,
            Self::Absent => 6,
        }
    }

    fn compare(&self, other: &Self, collation: Option<&Collation>) -> Ordering {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => a.total_cmp(b),
            (Self::Text(a), Self::Text(b)) => match collation {
                Some(collation) => collation.collator.compare(a, b),
                None => a.cmp(b),
            },
            (Self::Object(a), Self::Object(b)) | (Self::Array(a), Self::Array(b)) => a.cmp(b),
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            (Self::Time(a), Self::Time(b)) => a.cmp(b),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

/// How texts are compared.
struct Collation {
    tag: String,
    collator: CollatorBorrowed<'static>,
}

impl Collation {
    fn parse(tag: &str) -> Result<Self, Error> {
        let wrong = || {
            Error::bad("the collation is not known")
                .at("collation")
                .remedy("give a language tag, such as ja, und or de-u-co-phonebk")
        };
        let locale: Locale = tag.parse().map_err(|_| wrong())?;
        let mut options = CollatorOptions::default();
        let strength = locale.extensions.unicode.keywords.get(&key!("ks"));
        options.strength = match strength.map(ToString::to_string).as_deref() {
            None => None,
            Some("level1") => Some(Strength::Primary),
            Some("level2") => Some(Strength::Secondary),
            Some("level3") => Some(Strength::Tertiary),
            Some("level4") => Some(Strength::Quaternary),
            Some("identic") => Some(Strength::Identical),
            Some(_) => return Err(wrong()),
        };
        let collator = Collator::try_new(CollatorPreferences::from(&locale), options);
        Ok(Self { tag: tag.to_owned(), collator: collator.map_err(|_| wrong())? })
    }
}

impl fmt::Debug for Collation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Collation").field(&self.tag).finish()
    }
}

/// As the value of `orderBy`.
impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, By { member, style }) in self.by.iter().enumerate() {
            f.write_str(if index > 0 { "," } else { "" })?;
            match member {
                Member::Id => f.write_str("id")?,
                Member::Type => f.write_str("type")?,
                Member::Scope => f.write_str("scope")?,
                Member::Path(path) => path.fmt(f)?,
            }
            f.write_str(match style {
                Style::Ascending => "",
                Style::Descending => ";desc",
                Style::Nearest => ";dist-asc",
                Style::Farthest => ";dist-desc",
            })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
