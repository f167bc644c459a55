//! Random requests: by id, by every kind of condition, in every format, page by page.

use proptest::prelude::*;
use tsunagu_broker::Asked;
use tsunagu_ngsi_ld::query::{Order, OrderText, id_pattern};
use tsunagu_ngsi_ld::{Context, Format, GeoQuery, Q, Query, RenderOptions, ScopeQ, TypeSelection};

use super::iri;
use super::population::{PEOPLE, SECTOR};

/// One request.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a parameter of the request")]
pub(crate) struct Wanted {
    by_id: Option<usize>,
    types: Option<usize>,
    ids: Vec<usize>,
    pattern: Option<usize>,
    q: Option<usize>,
    place: Option<usize>,
    scope: Option<usize>,
    order: Option<usize>,
    feature: bool,
    limit: usize,
    offset: usize,
    count: bool,
    attrs: Vec<usize>,
    pick: Vec<usize>,
    omit: Vec<usize>,
    format: usize,
    sys_attrs: bool,
    dataset: bool,
}

pub(super) const TYPES: [&str; 7] = [
    "Person",
    "HealthActivity",
    "ResidentRecord",
    "Building",
    "Building,HealthActivity",
    "(Building;HealthActivity),Person",
    "ResidentRecord;HealthActivity",
];
pub(super) const PATTERNS: [&str; 5] =
    ["Health", "^urn:ngsi-ld:Person:[0-9A-H]", "[02468]$", "Person", "Building:[0-3]"];
const MEMBERS: [&str; 8] =
    ["name", "birthDate", "steps", "activityType", "address", "note", "owner", "person"];
/// `{0}` and so on are the people as the consumer knows them, `{=0}` as they are stored.
pub(super) const CONDITIONS: [&str; 27] = [
    "steps",
    "steps;name",
    "steps==5",
    "steps!=5",
    "steps>1",
    "steps<=1",
    "steps==1..5",
    "steps!=1..5",
    "steps==1,5",
    "steps!=1,\"a\"",
    "name==\"a\"",
    "name~=\"^a\"",
    "name!~=\"^a\"",
    "name;birthDate",
    "birthDate|note==\"a\"",
    "(steps>1|name==\"a\");note",
    "person",
    "person==\"{0}\"",
    "person!=\"{1}\"",
    "person==\"{=0}\"",
    "owner==\"{2}\"",
    "owner==\"{=2}\"",
    "address[who]==\"{1}\"",
    "address[who]==\"{=1}\"",
    "note.note==\"detail\"",
    "steps.note",
    "modifiedAt>2000-01-01T00:00:00Z",
];

const PLACES: [(&str, &str); 5] = [
    ("near;maxDistance==1000", "address"),
    ("near;minDistance==1000", "address"),
    ("disjoint", "name"),
    ("equals", "steps"),
    ("near;maxDistance==1000", "location"),
];
const SCOPES: [&str; 3] = ["/town", "/#", "/other"];
const ORDERS: [&[&str]; 8] = [
    &["steps"],
    &["steps;desc", "name"],
    &["id;desc"],
    &["person"],
    &["type", "address[who]"],
    &["modifiedAt;desc"],
    &["scope", "note.note", "name.modifiedAt"],
    &["address;dist-asc"],
];

fn list() -> impl Strategy<Value = Vec<usize>> {
    prop_oneof![3 => Just(Vec::new()), 1 => prop::collection::vec(0..MEMBERS.len(), 1..3)]
}

pub(super) fn wanted() -> impl Strategy<Value = Wanted> {
    let conditions = (
        prop::option::weighted(0.3, 0..IDS),
        prop::option::weighted(0.7, 0..TYPES.len()),
        prop_oneof![3 => Just(Vec::new()), 1 => prop::collection::vec(0..IDS, 1..4)],
        prop::option::weighted(0.2, 0..PATTERNS.len()),
        prop::option::weighted(0.5, 0..CONDITIONS.len()),
    );
    let more = (
        prop::option::weighted(0.2, 0..PLACES.len()),
        prop::option::weighted(0.1, 0..SCOPES.len()),
        prop::option::weighted(0.4, 0..ORDERS.len()),
        prop::bool::weighted(0.1),
    );
    let page = (0..4_usize, 0..4_usize, prop::bool::ANY);
    let shape = (list(), list(), list(), 0..3_usize, prop::bool::ANY, prop::bool::weighted(0.1));
    (conditions, more, page, shape).prop_map(|(conditions, more, page, shape)| {
        let (place, scope, order, feature) = more;
        let (by_id, types, ids, pattern, q) = conditions;
        let (limit, offset, count) = page;
        let (attrs, pick, omit, format, sys_attrs, dataset) = shape;
        // A page of nothing is asked for only to count.
        let limit = if count { limit } else { limit + 1 };
        Wanted {
            by_id,
            types,
            ids,
            pattern,
            q,
            place,
            scope,
            order,
            feature,
            limit,
            offset,
            count,
            attrs,
            pick,
            omit,
            format,
            sys_attrs,
            dataset,
        }
    })
}

/// Any requests.
pub(crate) fn any() -> impl Strategy<Value = Vec<Wanted>> {
    prop::collection::vec(wanted(), 1..10)
}

/// How many ids are asked for.
pub(super) const IDS: usize = 20;

/// The people as stored, as the consumer knows them, then everything else.
pub(super) fn id(number: usize) -> String {
    match number {
        0..3 => PEOPLE[number].urn(),
        3..6 => SECTOR.outward(PEOPLE[number - 3]).urn(),
        6 => "urn:ngsi-ld:Person:nobody".to_owned(),
        number => {
            let kind = ["HealthActivity", "ResidentRecord", "Building"][number % 3];
            format!("urn:ngsi-ld:{kind}:{}", (number - 7) / 2)
        }
    }
}

impl Wanted {
    /// All entities of a type, whole.
    pub(crate) fn everything(kind: &str) -> Self {
        Self {
            by_id: None,
            types: TYPES.iter().position(|types| *types == kind),
            ids: Vec::new(),
            pattern: None,
            q: None,
            place: None,
            scope: None,
            order: None,
            feature: false,
            limit: 100,
            offset: 0,
            count: true,
            attrs: Vec::new(),
            pick: Vec::new(),
            omit: Vec::new(),
            format: 0,
            sys_attrs: true,
            dataset: false,
        }
    }

    /// One entity, whole.
    pub(crate) fn one(number: usize) -> Self {
        Self { by_id: Some(number), ..Self::everything(TYPES[0]) }
    }

    /// The id of a request for one entity.
    pub(crate) fn id(&self) -> String {
        id(self.by_id.unwrap_or_default())
    }

    /// The query of any other request.
    pub(crate) fn query(&self) -> Option<Asked> {
        if self.by_id.is_some() {
            return None;
        }
        let context = Context::core();
        let filter = Query {
            ids: self.ids.iter().map(|number| id(*number)).collect(),
            types: self.types.map(|nth| TypeSelection::parse(TYPES[nth], &context).unwrap()),
            id_pattern: self.pattern.map(|nth| id_pattern(PATTERNS[nth]).unwrap()),
            attrs: expanded(&self.attrs),
            q: self.q.map(|nth| Q::parse(&filled(CONDITIONS[nth]), &context).unwrap()),
            geo: self.place.map(|nth| {
                let (georel, name) = PLACES[nth];
                let geo = GeoQuery::parse(georel, "Point", "[131.56,32.25]", Some(name), &context);
                geo.unwrap()
            }),
            scope: self.scope.map(|nth| ScopeQ::parse(SCOPES[nth]).unwrap()),
            ..Query::default()
        };
        let text = |nth: usize| OrderText {
            order_by: ORDERS[nth],
            from: Some("[131.56,32.25]"),
            ..OrderText::default()
        };
        let order = self.order.map(|nth| Order::parse(&text(nth), &context).unwrap());
        let (limit, offset, count) = (self.limit, self.offset, self.count);
        Some(Asked { filter, limit, offset, count, order })
    }

    /// How it is to be shown.
    pub(crate) fn options(&self) -> RenderOptions {
        RenderOptions {
            format: [Format::Normalized, Format::Concise, Format::Simplified][self.format],
            sys_attrs: self.sys_attrs,
            pick: expanded(&self.pick),
            omit: expanded(&self.omit),
            attrs: expanded(&self.attrs),
            dataset_ids: if self.dataset { vec!["urn:d:1".to_owned()] } else { Vec::new() },
            feature: self.feature.then(|| iri("address")),
            ..RenderOptions::default()
        }
    }
}

pub(super) fn filled(condition: &str) -> String {
    (0..3).fold(condition.to_owned(), |text, nth| {
        text.replace(&format!("{{{nth}}}"), &SECTOR.outward(PEOPLE[nth]).urn())
            .replace(&format!("{{={nth}}}"), &PEOPLE[nth].urn())
    })
}

fn expanded(members: &[usize]) -> Vec<String> {
    members.iter().map(|nth| iri(MEMBERS[*nth])).collect()
}
