//! The query languages.

use std::sync::LazyLock;

use tsunagu_ngsi_ld::parse::parse_entity;
use tsunagu_ngsi_ld::query::{Order, OrderText};
use tsunagu_ngsi_ld::{Context, EntityDoc, Everything, GeoQuery, Q, Query, ScopeQ, TypeSelection};

use super::{NOW, given, lines, same};
use crate::Held;

pub(super) const WORDS: &[&str] = &[
    "temperature",
    "temperature>20",
    "==",
    "!=",
    ">=",
    "<=",
    "~=",
    "!~=",
    "name==\"a\"",
    "a.b[c.d]",
    "1..2",
    "1,2",
    "2026-01-02T03:04:05Z",
    "2026-01-02",
    "03:04:05Z",
    "urn:e:1",
    "hasPart{T:size>1}",
    "(a|b);c",
    "createdAt",
    ";desc",
    ";dist-asc",
    "[131.5,32.2]",
    "de-u-co-phonebk",
    "/a/+/b",
    "/a/#",
    "Building|Home",
    "true",
];

pub(super) const GEO_WORDS: &[&str] = &[
    "near;maxDistance==100",
    "near;minDistance==0.5",
    "within",
    "contains",
    "intersects",
    "equals",
    "disjoint",
    "overlaps",
    "Point",
    "MultiPoint",
    "LineString",
    "MultiLineString",
    "Polygon",
    "MultiPolygon",
    "[131.5,32.2]",
    "[[0,0],[1,1]]",
    "[[[0,0],[1,0],[1,1],[0,0]]]",
    "180",
    "-180",
    "90",
    "-90",
    "1e-9",
    "location",
];

const ENTITIES: [&str; 2] = [
    r#"{"id":"urn:e:1","type":["T","Building"],"scope":["/a/b","/c"],"temperature":{"value":21.5,"accuracy":{"value":1}},
      "name":"a","open":true,"since":{"@type":"DateTime","@value":"2026-01-02T03:04:05Z"},"a":{"b":{"value":{"c":{"d":[1,2]}}},"value":"x"},
      "hasPart":{"object":"urn:e:2"},"title":{"languageMap":{"ja":"塔","en":"tower"}},
      "location":{"type":"Point","coordinates":[131.56,32.25]}}"#,
    r#"{"id":"urn:e:2","type":"Home","size":[1,2,3],"location":{"type":"Polygon","coordinates":[[[0,0],[2,0],[2,2],[0,2],[0,0]]]}}"#,
];

/// What is asked.
static DOCS: LazyLock<Vec<EntityDoc>> = LazyLock::new(|| {
    let read = |text: &&str| parse_entity(text, &Context::core(), NOW).ok();
    ENTITIES.iter().filter_map(read).map(|entity| EntityDoc::from(&entity)).collect()
});

/// What is printed reads the same, and selects the same.
pub(super) fn q(bytes: &[u8]) -> Held {
    let Ok(text) = std::str::from_utf8(bytes) else { return Ok(false) };
    let ctx = Context::core();
    let Ok(q) = Q::parse(text, &ctx) else { return Ok(false) };
    let printed = q.to_string();
    let again = Q::parse(&printed, &ctx)
        .map_err(|error| format!("what is printed is not read: {} in {printed}", error.detail))?;
    same(&format!("printed as {printed}"), &again, &q)?;
    let select = |q: Q| {
        let query = Query { q: Some(q), ..Query::default() };
        DOCS.iter().map(|doc| query.matches(doc, &Everything)).collect::<Vec<_>>()
    };
    same("what is selected", &select(again), &select(q))?;
    Ok(true)
}

/// Every selected set of types has one of the candidates. Second line: the types, by comma.
pub(super) fn types(bytes: &[u8]) -> Held {
    let Some([text, there]) = lines(bytes) else { return Ok(false) };
    let ctx = Context::core();
    let Ok(selection) = TypeSelection::parse(text, &ctx) else { return Ok(false) };
    let there: Vec<_> = there.split(',').map(|term| ctx.expand(term)).collect();
    let has = |iri: &str| there.iter().any(|one| one == iri);
    if selection.matches(&has) && !selection.candidates().iter().any(|iri| has(iri)) {
        return Err(format!("{there:?} are selected and no candidates"));
    }
    Ok(true)
}

/// What is printed reads the same, and every selected entity has a scope that fits a candidate. Second line: the scopes, by comma.
pub(super) fn scope(bytes: &[u8]) -> Held {
    let Some([text, there]) = lines(bytes) else { return Ok(false) };
    let Ok(query) = ScopeQ::parse(text) else { return Ok(false) };
    let printed = query.to_string();
    let again = ScopeQ::parse(&printed)
        .map_err(|error| format!("what is printed is not read: {} in {printed}", error.detail))?;
    same(&format!("printed as {printed}"), &again, &query)?;
    let scopes = there.split(',');
    let fits = |scope: &str| query.candidates().iter().any(|pattern| pattern.fits(scope));
    if query.matches(&scopes) && !scopes.clone().any(fits) {
        return Err(format!("{there} is selected and no candidate"));
    }
    Ok(true)
}

/// Lines: `georel`, `geometry`, `coordinates`, `geoproperty`. What is printed reads the same; a geometry is where it is.
pub(super) fn geo(bytes: &[u8]) -> Held {
    let Some([georel, geometry, coordinates, property]) = lines(bytes) else { return Ok(false) };
    let ctx = Context::core();
    let read = |georel: &str, geometry: &str, coordinates: &str, property: &str| {
        GeoQuery::parse(georel, geometry, coordinates, given(property), &ctx)
    };
    let Ok(query) = read(georel, geometry, coordinates, property) else { return Ok(false) };
    let printed = query.to_string();
    let parts = ["georel=", "&geometry=", "&coordinates=", "&geoproperty="];
    let mut rest = printed.as_str();
    let mut printed_parts = Vec::new();
    for name in parts {
        let (before, after) = rest.split_once(name).ok_or("a parameter is not printed")?;
        printed_parts.push(before);
        rest = after;
    }
    let [_, georel, geometry, coordinates] = printed_parts[..] else {
        return Err("a parameter is not printed".to_owned());
    };
    let again = read(georel, geometry, coordinates, rest)
        .map_err(|error| format!("what is printed is not read: {} in {printed}", error.detail))?;
    same(&format!("printed as {printed}"), &again, &query)?;
    let reference = query.reference();
    let itself = format!(
        "{{\"type\":\"{}\",\"coordinates\":{}}}",
        reference.geometry(),
        reference.coordinates()
    );
    match reference.distance(&itself) {
        Some(distance) if distance.abs() > 1e-3 => {
            return Err(format!("it is {distance} m from itself"));
        }
        Some(_) => {}
        None => return Err("it is no geometry to itself".to_owned()),
    }
    for doc in DOCS.iter() {
        query.matches(doc, &Everything);
    }
    Ok(true)
}

/// Lines: members by comma, collation, coordinates, geometry. What is printed reads the same, and orders the same.
pub(super) fn order(bytes: &[u8]) -> Held {
    let Some([members, collation, from, geometry]) = lines(bytes) else { return Ok(false) };
    let ctx = Context::core();
    let read = |members: &str| {
        let members: Vec<&str> = members.split(',').collect();
        let text = OrderText {
            order_by: &members,
            collation: given(collation),
            from: given(from),
            geometry: given(geometry),
        };
        Order::parse(&text, &ctx)
    };
    let Ok(order) = read(members) else { return Ok(false) };
    let printed = order.to_string();
    let again = read(&printed)
        .map_err(|error| format!("what is printed is not read: {} in {printed}", error.detail))?;
    same("printed again", &again.to_string(), &printed)?;
    let keys =
        |order: &Order| DOCS.iter().map(|doc| order.key(doc, &Everything)).collect::<Vec<_>>();
    if let ([a, b], [c, d]) = (keys(&order).as_slice(), keys(&again).as_slice()) {
        same("the order", &again.compare(c, d), &order.compare(a, b))?;
        same("the other way", &order.compare(b, a), &order.compare(a, b).reverse())?;
    }
    Ok(true)
}
