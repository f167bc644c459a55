//! Whether a condition holds for a stored entity.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::geo::Reference;
use super::order::Value;
use super::q::{Name, Op, Operand, Path, Q, Scalar};
use crate::json::{elements, first_byte, members, rewrite_into, string_of};
use crate::model::{AttrSlot, EntityDoc, Kind};
use crate::projection::Projection;
use crate::render::{targets, visible_times};
use crate::time::{parse_date, parse_date_time, parse_time};

/// How many arrays and typed values inside one another are looked into.
const MAX_DEPTH: usize = 8;

/// What a path can lead to.
#[derive(Clone, Copy)]
enum Target<'a> {
    /// JSON text of a value, and the kind of the attribute it belongs to.
    Json(&'a str, Kind),
    /// A text that is not kept as JSON.
    Text(&'a str),
    /// An expanded name.
    Iri(&'a str),
    /// µs since the epoch.
    Micros(i64),
}

pub(super) fn matches(q: &Q, doc: &EntityDoc, p: &dyn Projection) -> bool {
    match q {
        Q::And(parts) => parts.iter().all(|part| matches(part, doc, p)),
        Q::Or(parts) => parts.iter().any(|part| matches(part, doc, p)),
        Q::Exists(path) => follow(path, doc, p, &mut |_| true),
        // Unequal to the texts in all languages, not in one of them (clause 4.9).
        Q::Compare { path, op: Op::Unequal, operand }
            if path.json.last().is_some_and(|member| member == "*") =>
        {
            follow(path, doc, p, &mut |_| true)
                && !follow(path, doc, p, &mut |target| compare(target, Op::Equal, operand, p))
        }
        Q::Compare { path, op, operand } => {
            follow(path, doc, p, &mut |target| compare(target, *op, operand, p))
        }
        Q::Match { path, negated, pattern } => follow(path, doc, p, &mut |target| {
            if is_link(target) {
                return false;
            }
            let found = any_leaf(target, p, &mut |leaf| match leaf {
                Leaf::Text(text) | Leaf::Iri(text) => pattern.0.is_match(text),
                _ => false,
            });
            found != *negated
        }),
        Q::Linked(linked) => follow(&linked.path, doc, p, &mut |target| match target {
            Target::Json(value, kind) => linked.found.as_ref().is_some_and(|found| {
                targets(kind, value).iter().any(|id| found.contains(id.as_ref()))
            }),
            _ => false,
        }),
    }
}

/// What an entity is ordered by: the first that the path leads to.
pub(super) fn value(path: &Path, doc: &EntityDoc, p: &dyn Projection) -> Value {
    let mut found = Value::Absent;
    follow(path, doc, p, &mut |target| {
        any_leaf(target, p, &mut |leaf| {
            found = match leaf {
                Leaf::Text(text) | Leaf::Iri(text) => Value::Text((*text).to_owned()),
                Leaf::Number(number) => Value::Number(*number),
                Leaf::Bool(value) => Value::Bool(*value),
                Leaf::Micros(at) => Value::Time(*at),
            };
            true
        });
        if let Target::Json(json, _) = target {
            match (first_byte(json), &found) {
                (b'[', _) => found = Value::Array(shown(json, p)),
                (b'{', Value::Absent) => found = Value::Object(shown(json, p)),
                _ => {}
            }
        }
        true
    });
    found
}

/// The least distance of the geometries that the path leads to, metres.
pub(super) fn distance(
    path: &Path,
    doc: &EntityDoc,
    p: &dyn Projection,
    from: &Reference,
) -> Option<f64> {
    let mut least: Option<f64> = None;
    follow(path, doc, p, &mut |target| {
        if let Target::Json(json, Kind::GeoProperty | Kind::Property) = target
            && let Some(metres) = from.distance(json)
        {
            least = Some(least.map_or(metres, |other| other.min(metres)));
        }
        false
    });
    least
}

/// Calls `test` on everything the path leads to, until it holds.
fn follow(
    path: &Path,
    doc: &EntityDoc,
    p: &dyn Projection,
    test: &mut dyn FnMut(Target<'_>) -> bool,
) -> bool {
    let Some((first, rest)) = path.names.split_first() else {
        return false;
    };
    if path.is_system() {
        if !rest.is_empty() || !path.json.is_empty() {
            return false;
        }
        return match first.term.as_str() {
            "expiresAt" => doc.expires_at().is_some_and(|at| test(Target::Text(at))),
            term => visible_times(doc, p).is_some_and(|(created, modified)| {
                test(Target::Micros(if term == "createdAt" { created } else { modified }))
            }),
        };
    }
    doc.attributes()
        .filter(|slot| slot.name() == first.iri && p.attribute(slot.name(), slot.publisher()))
        .any(|slot| descend(slot, rest, &path.json, test))
}

fn descend(
    slot: AttrSlot<'_>,
    names: &[Name],
    json: &[String],
    test: &mut dyn FnMut(Target<'_>) -> bool,
) -> bool {
    let instance = slot.instance();
    let Some((next, rest)) = names.split_first() else {
        return inside(instance.value, slot.kind(), json, 0, test);
    };
    let mut inner = instance.sub.clone();
    if inner.any(|sub| sub.name() == next.iri && descend(sub, rest, json, test)) {
        return true;
    }
    if !rest.is_empty() || !json.is_empty() {
        return false;
    }
    let plain = match next.term.as_str() {
        "observedAt" => instance.observed_at,
        "unitCode" => instance.unit_code,
        "datasetId" => slot.dataset_id(),
        "expiresAt" => instance.expires_at,
        "createdAt" => return test(Target::Micros(slot.created_at())),
        "modifiedAt" => return test(Target::Micros(slot.modified_at())),
        "valueType" => {
            return instance.value_type.is_some_and(|iri| test(Target::Iri(iri)));
        }
        "objectType" => {
            let mut types = instance.object_type;
            return types.any(|iri| test(Target::Iri(iri)));
        }
        _ => None,
    };
    plain.is_some_and(|text| test(Target::Text(text)))
}

/// Follows member names into a value; arrays on the way are looked at element by element.
fn inside(
    value: &str,
    kind: Kind,
    json: &[String],
    depth: usize,
    test: &mut dyn FnMut(Target<'_>) -> bool,
) -> bool {
    let Some((next, rest)) = json.split_first() else {
        return test(Target::Json(value, kind));
    };
    match first_byte(value) {
        b'{' => {
            let any_language = next == "*" && kind == Kind::LanguageProperty;
            members(value)
                .filter_map(Result::ok)
                .filter(|(name, _)| any_language || name == next)
                .any(|(_, value)| inside(value, kind, rest, 0, test))
        }
        b'[' if depth < MAX_DEPTH => {
            elements(value).filter_map(Result::ok).any(|v| inside(v, kind, json, depth + 1, test))
        }
        _ => false,
    }
}

/// A scalar in the data.
enum Leaf<'a> {
    Text(&'a str),
    Iri(&'a str),
    Number(f64),
    Bool(bool),
    Micros(i64),
}

/// Calls `test` on a target's scalar, or on each of several, until it holds.
fn any_leaf(
    target: Target<'_>,
    p: &dyn Projection,
    test: &mut dyn FnMut(&Leaf<'_>) -> bool,
) -> bool {
    match target {
        Target::Micros(at) => test(&Leaf::Micros(at)),
        Target::Iri(iri) => test(&Leaf::Iri(iri)),
        Target::Text(plain) => test(&Leaf::Text(&outward(plain, p))),
        Target::Json(value, kind) => any_in_json(value, kind, p, 0, test),
    }
}

fn any_in_json(
    value: &str,
    kind: Kind,
    p: &dyn Projection,
    depth: usize,
    test: &mut dyn FnMut(&Leaf<'_>) -> bool,
) -> bool {
    match first_byte(value) {
        b'"' => string_of(value).is_some_and(|text| match kind {
            Kind::VocabProperty => test(&Leaf::Iri(&outward(&text, p))),
            _ => test(&Leaf::Text(&outward(&text, p))),
        }),
        b'[' | b'{' if depth >= MAX_DEPTH => false,
        b'[' => elements(value)
            .filter_map(Result::ok)
            .any(|element| any_in_json(element, kind, p, depth + 1, test)),
        b'{' => {
            // A typed value, an element of an objectList, or the texts of a language map.
            members(value).filter_map(Result::ok).any(|(name, inner)| {
                let counts = match kind {
                    Kind::LanguageProperty => true,
                    Kind::ListRelationship => name == "object",
                    _ => name == "@value",
                };
                counts && first_byte(inner) != b'{' && any_in_json(inner, kind, p, depth + 1, test)
            })
        }
        b't' => test(&Leaf::Bool(true)),
        b'f' => test(&Leaf::Bool(false)),
        b'n' => false,
        _ => value.trim().parse().is_ok_and(|number| test(&Leaf::Number(number))),
    }
}

/// JSON text with the identifiers that are shown.
fn shown(json: &str, p: &dyn Projection) -> String {
    let Some(marker) = p.id_marker() else {
        return json.to_owned();
    };
    let mut out = Vec::with_capacity(json.len());
    rewrite_into(json, marker, &|id| Some(p.outward_id(id)), &mut out);
    String::from_utf8(out).unwrap_or_default()
}

fn outward<'a>(text: &'a str, p: &dyn Projection) -> Cow<'a, str> {
    match p.id_marker() {
        Some(marker) if text.contains(marker) => p.outward_id(text),
        _ => Cow::Borrowed(text),
    }
}

/// A literal of the query, with identifiers as they are shown.
fn literal<'a>(text: &'a str, p: &dyn Projection) -> Cow<'a, str> {
    match p.id_marker() {
        Some(marker) if text.contains(marker) => p.current_id(text),
        _ => Cow::Borrowed(text),
    }
}

/// Whether the target says where another entity is: such can only be equal or unequal (clause 4.9).
fn is_link(target: Target<'_>) -> bool {
    matches!(target, Target::Json(_, Kind::Relationship | Kind::ListRelationship))
}

fn compare(target: Target<'_>, op: Op, operand: &Operand, p: &dyn Projection) -> bool {
    if is_link(target) && !matches!(op, Op::Equal | Op::Unequal) {
        return false;
    }
    let equal = |leaf: &Leaf<'_>| match operand {
        Operand::One(value) => same(leaf, value, p),
        Operand::List(values) => values.iter().any(|value| same(leaf, value, p)),
        Operand::Range(from, to) => {
            order(leaf, from, p).is_some_and(Ordering::is_ge)
                && order(leaf, to, p).is_some_and(Ordering::is_le)
        }
    };
    let Operand::One(value) = operand else {
        return any_leaf(target, p, &mut |leaf| equal(leaf)) == (op == Op::Equal);
    };
    match op {
        Op::Equal => any_leaf(target, p, &mut |leaf| equal(leaf)),
        Op::Unequal => !any_leaf(target, p, &mut |leaf| equal(leaf)),
        Op::Greater => {
            any_leaf(target, p, &mut |leaf| order(leaf, value, p).is_some_and(Ordering::is_gt))
        }
        Op::GreaterEqual => {
            any_leaf(target, p, &mut |leaf| order(leaf, value, p).is_some_and(Ordering::is_ge))
        }
        Op::Less => {
            any_leaf(target, p, &mut |leaf| order(leaf, value, p).is_some_and(Ordering::is_lt))
        }
        Op::LessEqual => {
            any_leaf(target, p, &mut |leaf| order(leaf, value, p).is_some_and(Ordering::is_le))
        }
    }
}

fn same(leaf: &Leaf<'_>, value: &Scalar, p: &dyn Projection) -> bool {
    match (leaf, value) {
        (Leaf::Bool(a), Scalar::Bool(b)) => a == b,
        (Leaf::Text(a) | Leaf::Iri(a), Scalar::Uri(b)) => *a == literal(b, p),
        (Leaf::Iri(a), Scalar::Text { text, iri }) => {
            *a == literal(iri, p) || *a == literal(text, p)
        }
        _ => order(leaf, value, p) == Some(Ordering::Equal),
    }
}

/// How data stand to a literal; `None` if they cannot be compared.
fn order(leaf: &Leaf<'_>, value: &Scalar, p: &dyn Projection) -> Option<Ordering> {
    match (leaf, value) {
        (Leaf::Number(a), Scalar::Number { value, .. }) => a.partial_cmp(value),
        (Leaf::Text(a), Scalar::Text { text, .. }) => Some((*a).cmp(literal(text, p).as_ref())),
        (Leaf::Text(a), Scalar::DateTime(_, at)) => Some(parse_date_time(a)?.cmp(at)),
        (Leaf::Text(a), Scalar::Date(_, at)) => Some(parse_date(a)?.cmp(at)),
        (Leaf::Text(a), Scalar::Time(_, at)) => Some(parse_time(a)?.cmp(at)),
        (Leaf::Micros(a), Scalar::DateTime(_, at)) => Some(a.cmp(at)),
        _ => None,
    }
}
