//! The index entries that an entity needs, as bytes that sort: the same for every backend.
//!
//! An entry is `kind payload 0x00 id`. Names are IRIs and hold no zero byte; scalar payloads replace it. Kinds: `t` type, `s` subject,
//! `r` relationship (attribute, target), `v` scalar value of an attribute declared as
//! indexed, `m` more than one of them, so that one value may meet one bound and another the other, `g` place (attribute, cell of a grid),
//! `c` scope. An index only proposes candidates: the
//! evaluator of the query decides, so names, targets and texts are cut short: an entry stays under 2,100 bytes, which every backend takes.

mod place;

use std::borrow::Cow;

use serde_json::Value;
use tsunagu_ngsi_ld::model::AttrSlot;
use tsunagu_ngsi_ld::query::ScopePattern;
use tsunagu_ngsi_ld::query::geo::{BoundingBox, shape_of};
use tsunagu_ngsi_ld::{EntityDoc, Everything, Kind, Projection};

const NAME_MAX: usize = 512;
const TEXT_MAX: usize = 120;

/// Which attributes (expanded names) have their scalar values indexed.
#[derive(Debug, Clone, Default)]
pub struct Declared(pub Vec<String>);

/// Marks the layout of the entries; another than this program's is rebuilt.
const LAYOUT: &str = "#2";

impl Declared {
    /// What a backend keeps beside an index, to know when it has to be rebuilt.
    pub fn lines(&self) -> Vec<String> {
        let layout = std::iter::once(LAYOUT.to_owned());
        layout.chain(self.0.iter().cloned()).collect()
    }

    /// The attributes in such lines, of whatever layout.
    pub fn of_lines(lines: impl IntoIterator<Item = String>) -> Self {
        Self(lines.into_iter().filter(|line| !line.starts_with('#')).collect())
    }
}

/// A value that an index can hold.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar<'a> {
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(f64),
    /// A text, compared byte by byte.
    Text(Cow<'a, str>),
}

/// A half-open range of index entries, without their tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    /// First entry.
    pub from: Vec<u8>,
    /// First entry after the range.
    pub to: Vec<u8>,
}

impl Range {
    /// Whether an entity can stand in it only once, because all its entries differ in nothing but the id.
    pub fn holds_once(&self) -> bool {
        matches!(
            (self.from.split_last(), self.to.split_last()),
            (Some((0, from)), Some((1, to))) if from == to
        )
    }
}

/// Every index entry of an entity, sorted, each once.
pub fn entries(doc: &EntityDoc, declared: &Declared) -> Vec<Vec<u8>> {
    entries_seen(doc, declared, &Everything)
}

/// The entries that the entity would have if it were only what `p` shows of it.
pub fn entries_seen(doc: &EntityDoc, declared: &Declared, p: &dyn Projection) -> Vec<Vec<u8>> {
    let id = doc.id();
    let mut entries: Vec<Vec<u8>> = Vec::with_capacity(8);
    let mut valued: Vec<&str> = Vec::new();
    for entity_type in doc.types().filter(|iri| p.entity_type(iri)) {
        entries.push(entry(type_payload(entity_type), id));
    }
    if let Some(subject) = doc.subject() {
        entries.push(entry(subject_payload(subject), id));
    }
    for scope in doc.scopes() {
        entries.push(entry(scope_payload(&levels_of(scope)), id));
    }
    let seen = |slot: &AttrSlot<'_>| p.attribute(slot.name(), slot.publisher());
    for slot in doc.attributes().filter(seen) {
        let name = slot.name();
        if matches!(slot.kind(), Kind::Relationship | Kind::ListRelationship) {
            for target in targets(&slot) {
                entries.push(entry(relationship_payload(name, &target), id));
            }
        }
        if let Some(shape) = shape_of(&slot) {
            let cells = place::standing(&shape.bounds());
            entries.extend(cells.iter().map(|cell| entry(place_payload(name, cell), id)));
        }
        if declared.0.iter().any(|declared| declared == name) {
            for scalar in scalars(&slot) {
                if valued.contains(&name) {
                    entries.push(entry(many_payload(name), id));
                } else {
                    valued.push(name);
                }
                entries.push(entry(value_payload(name, &scalar), id));
            }
        }
    }
    entries.sort_unstable();
    entries.dedup();
    entries
}

/// The ids a relationship points at: one, or those of a list.
fn targets(slot: &AttrSlot<'_>) -> Vec<String> {
    let mut found = Vec::new();
    collect(&parsed(slot), &mut |leaf| {
        if let Value::String(target) = leaf {
            found.push(target.clone());
        }
    });
    found
}

/// The scalars by which a value can be equal to, or compared with, a literal of the query language: itself, or the elements of a list.
fn scalars(slot: &AttrSlot<'_>) -> Vec<Scalar<'static>> {
    let mut found = Vec::new();
    collect(&parsed(slot), &mut |leaf| match leaf {
        Value::Bool(value) => found.push(Scalar::Bool(*value)),
        Value::Number(number) => found.extend(number.as_f64().map(Scalar::Number)),
        Value::String(text) => found.push(Scalar::Text(Cow::Owned(text.clone()))),
        _ => {}
    });
    found
}

// Only relationships and declared attributes are parsed, once a write.
fn parsed(slot: &AttrSlot<'_>) -> Value {
    serde_json::from_str(slot.instance().value).unwrap_or(Value::Null)
}

fn collect(value: &Value, take: &mut dyn FnMut(&Value)) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, take)),
        Value::Object(members) => members.values().for_each(|item| collect(item, take)),
        leaf => take(leaf),
    }
}

/// What a change of an entity does to its entries.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Entries to remove.
    pub removed: Vec<Vec<u8>>,
    /// Entries to add.
    pub added: Vec<Vec<u8>>,
}

/// From the entries of the entity as it was to those of the entity as it is.
pub fn difference(
    before: Option<&EntityDoc>,
    after: Option<&EntityDoc>,
    declared: &Declared,
) -> Difference {
    let of = |doc: Option<&EntityDoc>| doc.map(|doc| entries(doc, declared)).unwrap_or_default();
    let (mut removed, mut added) = (of(before), of(after));
    if !removed.is_empty() && !added.is_empty() {
        let old = std::mem::take(&mut removed);
        removed = old.iter().filter(|entry| added.binary_search(entry).is_err()).cloned().collect();
        added.retain(|entry| old.binary_search(entry).is_err());
    }
    Difference { removed, added }
}

/// The id at the end of an entry.
pub fn id_of(entry: &[u8]) -> Option<&str> {
    let at = entry.iter().rposition(|b| *b == 0)?;
    std::str::from_utf8(entry.get(at + 1..)?).ok()
}

/// All entities of a type.
pub fn of_type(entity_type: &str) -> Range {
    exactly(type_payload(entity_type))
}

/// All entities about a subject.
pub fn about(subject: &str) -> Range {
    exactly(subject_payload(subject))
}

/// All entities with a relationship to a target.
pub fn related(attribute: &str, target: &str) -> Range {
    exactly(relationship_payload(attribute, target))
}

/// All entities whose declared attribute is equal to a scalar.
pub fn equal(attribute: &str, scalar: &Scalar<'_>) -> Range {
    exactly(value_payload(attribute, scalar))
}

/// All entities whose declared attribute lies between two scalars of one kind, both included.
pub fn between(attribute: &str, low: &Scalar<'_>, high: &Scalar<'_>) -> Range {
    let from = value_payload(attribute, low);
    let to = exactly(value_payload(attribute, high)).to;
    Range { from, to }
}

/// All entities whose declared attribute has more than one value.
pub fn many(attribute: &str) -> Range {
    exactly(many_payload(attribute))
}

/// All entities of which this attribute, as a geometry, has a point in one of the boxes.
pub fn placed(attribute: &str, boxes: &[BoundingBox]) -> Vec<Range> {
    let look = |look: place::Look| match look {
        place::Look::In(cell) => exactly(place_payload(attribute, &cell)),
        place::Look::Through(first, last) => {
            let mut to = place_payload(attribute, &last);
            // Behind the digits of the cells inside.
            to.push(b'4');
            Range { from: place_payload(attribute, &first), to }
        }
    };
    place::covering(boxes).into_iter().map(look).collect()
}

/// All entities with a scope that fits.
pub fn scoped(pattern: &ScopePattern) -> Vec<Range> {
    let known = pattern.levels.iter().map_while(Option::as_deref);
    let (start, length) =
        known.fold((String::new(), 0), |(start, length), level| (start + "/" + level, length + 1));
    let here = || exactly(scope_payload(&start));
    if start.len() >= NAME_MAX || (length == pattern.levels.len() && !pattern.below) {
        return vec![here()];
    }
    let from = scope_payload(&format!("{start}/"));
    // The character after the slash.
    let below = Range { from, to: scope_payload(&format!("{start}0")) };
    if length == pattern.levels.len() && length > 0 { vec![here(), below] } else { vec![below] }
}

fn levels_of(scope: &str) -> String {
    format!("/{}", scope.strip_prefix('/').unwrap_or(scope))
}

fn entry(mut payload: Vec<u8>, id: &str) -> Vec<u8> {
    payload.reserve_exact(1 + id.len());
    payload.push(0);
    payload.extend_from_slice(id.as_bytes());
    payload
}

fn exactly(payload: Vec<u8>) -> Range {
    let mut from = payload;
    let mut to = from.clone();
    from.push(0);
    to.push(1);
    Range { from, to }
}

fn type_payload(entity_type: &str) -> Vec<u8> {
    [b"t", short(entity_type)].concat()
}

fn subject_payload(subject: &str) -> Vec<u8> {
    [b"s", short(subject)].concat()
}

fn relationship_payload(attribute: &str, target: &str) -> Vec<u8> {
    [b"r", short(attribute), b"\x01", short(target)].concat()
}

fn short(name: &str) -> &[u8] {
    let bytes = name.as_bytes();
    bytes.get(..NAME_MAX).unwrap_or(bytes)
}

fn many_payload(attribute: &str) -> Vec<u8> {
    [b"m", short(attribute)].concat()
}

fn place_payload(attribute: &str, cell: &str) -> Vec<u8> {
    [b"g", short(attribute), b"\x01", cell.as_bytes()].concat()
}

fn scope_payload(levels: &str) -> Vec<u8> {
    [b"c", short(levels)].concat()
}

fn value_payload(attribute: &str, scalar: &Scalar<'_>) -> Vec<u8> {
    let mut payload = [b"v", short(attribute), b"\x01"].concat();
    match scalar {
        Scalar::Bool(value) => payload.extend_from_slice(if *value { b"b1" } else { b"b0" }),
        Scalar::Number(number) => {
            // Order-preserving bits of the double in hexadecimal: sorts as numbers do and holds no zero byte. -0 is 0.
            let number = if *number == 0.0 { 0.0 } else { *number };
            let bits = number.to_bits();
            let sorted = if bits >> 63 == 1 { !bits } else { bits | 1 << 63 };
            payload.push(b'n');
            payload.extend_from_slice(format!("{sorted:016x}").as_bytes());
        }
        Scalar::Text(text) => {
            payload.push(b's');
            payload.extend(text.bytes().take(TEXT_MAX).map(|b| b.max(1)));
        }
    }
    payload
}
