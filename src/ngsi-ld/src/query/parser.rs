//! Reading the `q` parameter (clause 4.9).

use super::q::{Linked, Name, Op, Operand, Path, Pattern, Q, Scalar};
use crate::context::Context;
use crate::error::{Error, ErrorKind};
use crate::parse::{check_name, is_plain_name};
use crate::time::{parse_date, parse_date_time, parse_time};

/// Parentheses: how deep.
const MAX_DEPTH: usize = 16;
/// Relationships in one condition.
const MAX_HOPS: usize = 10;
/// Conditions in one query.
const MAX_TERMS: usize = 128;

pub(super) fn parse(text: &str, ctx: &Context, expand: &[String]) -> Result<Q, Error> {
    let mut parser = Parser { whole: text, rest: text, ctx, expand, terms: 0 };
    let q = parser.any(0)?;
    if !parser.rest.is_empty() {
        return Err(parser.fault("an operator is expected"));
    }
    Ok(q)
}

/// A path alone.
pub(super) fn path(text: &str, ctx: &Context) -> Result<Path, Error> {
    let mut parser = Parser { whole: text, rest: text, ctx, expand: &[], terms: 0 };
    let path = parser.path()?;
    if parser.rest.is_empty() { Ok(path) } else { Err(parser.fault("the path should end")) }
}

#[derive(Clone, Copy)]
struct Parser<'a> {
    whole: &'a str,
    rest: &'a str,
    ctx: &'a Context,
    /// Attributes with whose values terms are compared after expanding them.
    expand: &'a [String],
    terms: usize,
}

impl<'a> Parser<'a> {
    /// `a|b`; `;` binds tighter.
    fn any(&mut self, depth: usize) -> Result<Q, Error> {
        if depth > MAX_DEPTH {
            return Err(self.complex("the query is nested too deeply"));
        }
        let mut parts = vec![self.all(depth)?];
        while self.take("|") {
            parts.push(self.all(depth)?);
        }
        Ok(one_or(parts, Q::Or))
    }

    fn all(&mut self, depth: usize) -> Result<Q, Error> {
        let mut parts = vec![self.term(depth)?];
        while self.take(";") {
            parts.push(self.term(depth)?);
        }
        Ok(one_or(parts, Q::And))
    }

    fn term(&mut self, depth: usize) -> Result<Q, Error> {
        if self.take("(") {
            let inner = self.any(depth + 1)?;
            if !self.take(")") {
                return Err(self.fault("a closing parenthesis is expected"));
            }
            return Ok(inner);
        }
        self.terms += 1;
        if self.terms > MAX_TERMS {
            return Err(self.complex("the query has too many conditions"));
        }
        let mut hops = Vec::new();
        let mut path = self.path()?;
        while self.take("{") {
            if !path.json.is_empty() {
                return Err(self.fault("members of a value lead to no entity"));
            }
            if hops.len() >= MAX_HOPS {
                return Err(self.complex("the query follows too many relationships"));
            }
            let of_type = self.type_hint()?;
            hops.push((std::mem::replace(&mut path, self.path()?), of_type));
        }
        if !hops.iter().all(|_| self.take("}")) {
            return Err(self.fault("a closing brace is expected"));
        }
        let condition = self.condition(path)?;
        Ok(hops.into_iter().rev().fold(condition, |condition, (path, of_type)| {
            Q::Linked(Linked { path, of_type, condition: Box::new(condition), found: None })
        }))
    }

    /// What follows a path.
    fn condition(&mut self, path: Path) -> Result<Q, Error> {
        for (symbol, negated) in [("!~=", true), ("~=", false)] {
            if self.take(symbol) {
                let pattern = self.pattern()?;
                return Ok(Q::Match { path, negated, pattern });
            }
        }
        let ops = [Op::Equal, Op::Unequal, Op::GreaterEqual, Op::LessEqual, Op::Greater, Op::Less];
        for op in ops {
            if self.take(op.symbol()) {
                let expands = path.names.first().is_some_and(|n| self.expand.contains(&n.iri));
                let operand = self.operand(op, expands)?;
                return Ok(Q::Compare { path, op, operand });
            }
        }
        Ok(Q::Exists(path))
    }

    fn path(&mut self) -> Result<Path, Error> {
        let mut names = vec![self.attribute()?];
        while self.take(".") {
            names.push(self.attribute()?);
        }
        let mut json = Vec::new();
        if self.take("[") {
            let Some((inside, rest)) = self.rest.split_once(']') else {
                return Err(self.fault("a closing bracket is expected"));
            };
            json = inside.split('.').map(str::to_owned).collect();
            if json.iter().any(String::is_empty) || inside.contains('[') {
                return Err(self.fault("a member name is expected"));
            }
            self.rest = rest;
        }
        Ok(Path { names, json })
    }

    /// The type before the first colon in braces. A prefix of the @context belongs to the name that follows instead.
    fn type_hint(&mut self) -> Result<Option<Name>, Error> {
        let mut ahead = *self;
        let word = ahead.until(|c| !(c.is_alphanumeric() || c == '_' || c == ':'));
        let Some((term, _)) = word.split_once(':').filter(|(term, _)| !self.ctx.is_prefix(term))
        else {
            return Ok(None);
        };
        check_name(term, self.ctx).map_err(|e| e.at("q"))?;
        self.rest = self.rest.get(term.len() + 1..).unwrap_or_default();
        Ok(Some(Name { term: term.to_owned(), iri: self.ctx.expand(term).into_owned() }))
    }

    fn attribute(&mut self) -> Result<Name, Error> {
        let term = self.until(|c| !(c.is_alphanumeric() || c == '_' || c == ':'));
        if term.is_empty() {
            return Err(self.fault("the name of an attribute is expected"));
        }
        check_name(term, self.ctx).map_err(|e| e.at("q"))?;
        Ok(Name { term: term.to_owned(), iri: self.ctx.expand(term).into_owned() })
    }

    fn operand(&mut self, op: Op, expands: bool) -> Result<Operand, Error> {
        let first = self.scalar(expands)?;
        let equality = matches!(op, Op::Equal | Op::Unequal);
        if self.rest.starts_with("..") || self.rest.starts_with(',') {
            if !equality {
                return Err(self.fault("ranges and lists go with == and != only"));
            }
            if self.take("..") {
                let last = self.scalar(expands)?;
                if !same_order(&first, &last) {
                    return Err(self.fault("the ends of a range are of different types"));
                }
                return Ok(Operand::Range(first, last));
            }
            let mut values = vec![first];
            while self.take(",") {
                values.push(self.scalar(expands)?);
                if values.len() > MAX_TERMS {
                    return Err(self.complex("a list has too many values"));
                }
            }
            return Ok(Operand::List(values));
        }
        if !equality && matches!(first, Scalar::Bool(_)) {
            return Err(self.fault("true and false go with == and != only"));
        }
        Ok(Operand::One(first))
    }

    fn scalar(&mut self, expands: bool) -> Result<Scalar, Error> {
        let ctx = self.ctx;
        let as_text = |text: String| {
            let iri = if expands { ctx.expand(&text).into_owned() } else { text.clone() };
            Scalar::Text { text, iri }
        };
        if self.rest.starts_with('"') {
            return self.quoted().map(as_text);
        }
        let start = *self;
        let mut word = self.until(|c| matches!(c, ';' | '|' | '(' | ')' | ',' | '"'));
        if let Some((before, _)) = word.split_once("..") {
            word = before;
            self.rest = start.rest.get(word.len()..).unwrap_or_default();
        }
        let text = || word.to_owned();
        let scalar = match word {
            "true" => Some(Scalar::Bool(true)),
            "false" => Some(Scalar::Bool(false)),
            // A term, as the example for expandValues has it.
            _ if is_plain_name(word) => Some(as_text(text())),
            _ if is_number(word) => {
                let value = word.parse().ok().filter(|n: &f64| n.is_finite());
                value.map(|value| Scalar::Number { text: text(), value })
            }
            _ => parse_date_time(word)
                .map(|at| Scalar::DateTime(text(), at))
                .or_else(|| parse_date(word).map(|at| Scalar::Date(text(), at)))
                .or_else(|| parse_time(word).map(|at| Scalar::Time(text(), at)))
                .or_else(|| crate::parse::check_uri(word).is_ok().then(|| Scalar::Uri(text()))),
        };
        scalar.ok_or_else(|| {
            start.fault("a value is expected").remedy(
                "put texts in double quotes; numbers, true, false, dates and URIs stand as they are",
            )
        })
    }

    /// A text in double quotes, where `\"` and `\\` stand for `"` and `\`.
    fn quoted(&mut self) -> Result<String, Error> {
        let start = *self;
        let mut text = String::new();
        let mut chars = self.rest.char_indices().skip(1).peekable();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.rest = self.rest.get(at + 1..).unwrap_or_default();
                    return Ok(text);
                }
                '\\' => match chars.next_if(|(_, next)| matches!(next, '"' | '\\')) {
                    Some((_, escaped)) => text.push(escaped),
                    None => text.push('\\'),
                },
                c => text.push(c),
            }
        }
        Err(start.fault("the closing double quote is missing"))
    }

    /// A regular expression: quoted, or bare up to an operator outside its own parentheses.
    fn pattern(&mut self) -> Result<Pattern, Error> {
        let start = *self;
        let text = if self.rest.starts_with('"') {
            self.quoted()?
        } else {
            let mut depth = 0_usize;
            self.until(|c| {
                match c {
                    '(' | '[' => depth += 1,
                    ')' | ']' if depth > 0 => {
                        depth -= 1;
                        return false;
                    }
                    _ => {}
                }
                c == ';' || (depth == 0 && matches!(c, '|' | ')'))
            })
            .to_owned()
        };
        if text.is_empty() {
            return Err(start.fault("a regular expression is expected"));
        }
        super::regex(&text).map(Pattern).map_err(|e| e.at("q"))
    }

    fn take(&mut self, symbol: &str) -> bool {
        match self.rest.strip_prefix(symbol) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Steps over everything before the first character that `stop` wants.
    fn until(&mut self, stop: impl FnMut(char) -> bool) -> &'a str {
        let end = self.rest.find(stop).unwrap_or(self.rest.len());
        let (before, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
        self.rest = rest;
        before
    }

    fn fault(&self, what: &str) -> Error {
        let before = self.whole.len() - self.rest.len();
        let place = self.whole.get(..before).map_or(0, |text| text.chars().count()) + 1;
        Error::bad(format!("{what} at character {place}")).at("q")
    }

    fn complex(&self, what: &str) -> Error {
        let mut error = self.fault(what);
        error.kind = ErrorKind::TooLarge;
        error.remedy("split it into several queries")
    }
}

fn one_or(mut parts: Vec<Q>, several: fn(Vec<Q>) -> Q) -> Q {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        last => {
            parts.extend(last);
            several(parts)
        }
    }
}

/// As JSON writes numbers.
fn is_number(word: &str) -> bool {
    word.starts_with(|c: char| c == '-' || c.is_ascii_digit())
        && serde_json::from_str::<serde_json::Number>(word).is_ok()
}

fn same_order(a: &Scalar, b: &Scalar) -> bool {
    use Scalar::{Date, DateTime, Number, Text, Time};
    matches!(
        (a, b),
        (Number { .. }, Number { .. })
            | (Text { .. }, Text { .. })
            | (DateTime(..), DateTime(..))
            | (Date(..), Date(..))
            | (Time(..), Time(..))
    )
}
