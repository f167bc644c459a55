//! Finding entities by where they are, by their scopes, and in an order.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use tsunagu_domain::TenantId;
use tsunagu_ngsi_ld::query::{Order, OrderText};
use tsunagu_ngsi_ld::{
    Context, Entity, EntityDoc, GeoQuery, Instance, Kind, Q, ScopeQ, Selector, TypeSelection,
};
use tsunagu_policy::View;

use crate::conformance::Place;
use crate::conformance::samples::{
    LAMP, WALK, all, anonymous, doc, found, id, iri, person, platform, put, resident, town, typed,
};
use crate::{EntityQuery, Store};

/// A lamp, or the walk of a person, here and there, with scopes.
fn placed(
    n: usize,
    geometry: Option<&str>,
    scopes: &[&str],
    level: i8,
    of: Option<u8>,
) -> EntityDoc {
    let kind = if of.is_some() { WALK } else { LAMP };
    let mut entity = Entity::new(id(kind, n), iri(kind), 0);
    entity.scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
    entity.set(iri("level"), Instance::property(&level, 0).unwrap());
    if let Some(geometry) = geometry {
        let value = serde_json::from_str(geometry).unwrap();
        entity.set(iri("location"), Instance::new(Kind::GeoProperty, value, 0));
    }
    if let Some(n) = of {
        entity.subject = Some(person(n).to_string());
        entity.set(iri("person"), Instance::relationship(&person(n).urn(), 0).unwrap());
    }
    doc(&entity)
}

fn point(x: f64, y: f64) -> String {
    format!(r#"{{"type":"Point","coordinates":[{x},{y}]}}"#)
}

fn geo(georel: &str, geometry: &str, coordinates: &str) -> EntityQuery {
    let mut query = all();
    let geo = GeoQuery::parse(georel, geometry, coordinates, None, &Context::core());
    query.filter.geo = Some(geo.unwrap());
    query
}

fn order(order_by: &[&str], from: Option<&str>) -> Order {
    let text = OrderText { order_by, from, ..OrderText::default() };
    Order::parse(&text, &Context::core()).unwrap()
}

/// Near and far, inside and around, over the antimeridian and at a pole; what moves is found where it is.
pub async fn entities_are_found_where_they_are(place: &dyn Place) {
    let store = place.open().await;
    let view = platform(&town());
    let park = r#"{"type":"Polygon","coordinates":[[[131.5,32.2],[131.6,32.2],[131.6,32.3],[131.5,32.3],[131.5,32.2]]]}"#;
    let docs = vec![
        placed(1, Some(&point(131.559, 32.256)), &[], 0, None),
        placed(2, Some(&point(131.56, 32.257)), &[], 0, None),
        placed(3, Some(&point(131.9, 32.9)), &[], 0, None),
        placed(4, Some(park), &[], 0, None),
        placed(5, Some(&point(179.999, 0.0)), &[], 0, None),
        placed(6, Some(&point(-179.999, 0.0)), &[], 0, None),
        placed(7, Some(&point(10.0, 89.999)), &[], 0, None),
        placed(8, None, &[], 0, None),
    ];
    put(&*store, &town(), docs).await;
    let near = |metres: u32, at: &str| geo(&format!("near;maxDistance=={metres}"), "Point", at);
    for (query, expected) in [
        (near(1_000, "[131.559,32.256]"), &[1, 2, 4][..]),
        (near(50, "[131.559,32.256]"), &[1, 4]),
        (near(1_000, "[180,0]"), &[5, 6]),
        (near(1_000, "[-180,0]"), &[5, 6]),
        (near(1_000, "[-170,90]"), &[7]),
        (near(21_000_000, "[0,0]"), &[1, 2, 3, 4, 5, 6, 7]),
        (geo("near;minDistance==1000000", "Point", "[131.559,32.256]"), &[5, 6, 7]),
        (
            geo(
                "within",
                "Polygon",
                "[[[131.5,32.2],[131.6,32.2],[131.6,32.3],[131.5,32.3],[131.5,32.2]]]",
            ),
            &[1, 2, 4],
        ),
        (geo("contains", "Point", "[131.55,32.21]"), &[4]),
        (geo("equals", "Point", "[131.9,32.9]"), &[3]),
        (geo("intersects", "LineString", "[[131,32.25],[132,32.25]]"), &[4]),
        (
            geo("disjoint", "Polygon", "[[[131,32],[132,32],[132,33],[131,33],[131,32]]]"),
            &[5, 6, 7],
        ),
    ] {
        let mut ids = found(&*store, &view, &query).await;
        ids.sort();
        let expected: Vec<String> = expected.iter().map(|n| id(LAMP, *n)).collect();
        assert_eq!(ids, expected, "{}", query.filter.geo.unwrap());
    }
    put(&*store, &town(), vec![placed(1, Some(&point(0.0, 0.0)), &[], 0, None)]).await;
    assert_eq!(found(&*store, &view, &near(50, "[131.559,32.256]")).await, [id(LAMP, 4)]);
    assert_eq!(found(&*store, &view, &near(50, "[0,0]")).await, [id(LAMP, 1)]);
    assert_eq!(store.verify().await.unwrap(), Vec::<String>::new());
    store.close().await;
}

const GEOMETRIES: [&str; 5] = [
    r#"{"type":"Point","coordinates":[0.3,0.4]}"#,
    r#"{"type":"Point","coordinates":[-179.9,0.4]}"#,
    r#"{"type":"LineString","coordinates":[[0,0],[2,2]]}"#,
    r#"{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[0,1],[0,0]]]}"#,
    r#"{"type":"MultiPoint","coordinates":[[0.3,0.4],[80,-40]]}"#,
];
const SCOPES: [&[&str]; 5] = [&[], &["/a"], &["/a/b", "/c"], &["a/b/d"], &["/ab", "/c/b"]];
const GEO_QUERIES: [(&str, &str, &str); 9] = [
    ("near;maxDistance==20000", "Point", "[0.3,0.4]"),
    ("near;maxDistance==200000", "Point", "[179.9,0.4]"),
    ("near;minDistance==100000", "Point", "[0.3,0.4]"),
    ("within", "Polygon", "[[[-1,-1],[3,-1],[3,3],[-1,3],[-1,-1]]]"),
    ("intersects", "Polygon", "[[[0.9,0.9],[60,0.9],[60,3],[0.9,0.9]]]"),
    ("contains", "Point", "[0.5,0.5]"),
    ("equals", "LineString", "[[2,2],[0,0]]"),
    ("overlaps", "Polygon", "[[[0.5,0],[3,0],[3,1],[0.5,0]]]"),
    ("disjoint", "Point", "[0.3,0.4]"),
];
const SCOPE_QUERIES: [&str; 7] = ["/a", "/a/#", "/+/b", "/#", "/a/b/+", "/a/#;/c", "(/ab;/c/#)|/a"];
const CONDITIONS: [&str; 3] = ["level>0", "level==1", "level!=2"];
const ORDERS: [&[&str]; 5] = [
    &["level"],
    &["level;desc", "id;desc"],
    &["location;dist-asc"],
    &["scope", "level"],
    &["nope"],
];

#[derive(Debug, Clone)]
struct Thing {
    geometry: Option<usize>,
    scopes: usize,
    level: i8,
    of: Option<u8>,
}

#[derive(Debug, Clone)]
struct Wanted {
    geo: Option<usize>,
    scope: Option<usize>,
    condition: Option<usize>,
    order: Option<usize>,
    types: Option<usize>,
    selectors: Vec<(bool, Option<usize>)>,
    limit: usize,
    offset: usize,
    eyes: usize,
}

fn things() -> impl Strategy<Value = Vec<Thing>> {
    let thing = (
        prop::option::weighted(0.8, 0..GEOMETRIES.len()),
        0..SCOPES.len(),
        -1..3_i8,
        prop::option::of(1..3_u8),
    );
    let thing =
        thing.prop_map(|(geometry, scopes, level, of)| Thing { geometry, scopes, level, of });
    prop::collection::vec(thing, 0..12)
}

fn wanted() -> impl Strategy<Value = Wanted> {
    let which = (
        prop::option::weighted(0.6, 0..GEO_QUERIES.len()),
        prop::option::weighted(0.4, 0..SCOPE_QUERIES.len()),
        prop::option::weighted(0.2, 0..CONDITIONS.len()),
        prop::option::of(0..ORDERS.len()),
        prop::option::weighted(0.4, 0..3_usize),
        prop::collection::vec((any::<bool>(), prop::option::of(0..12_usize)), 0..3),
    );
    (which, 0..8_usize, 0..4_usize, 0..4_usize).prop_map(
        |((geo, scope, condition, order, types, selectors), limit, offset, eyes)| Wanted {
            geo,
            scope,
            condition,
            order,
            types,
            selectors,
            limit,
            offset,
            eyes,
        },
    )
}

fn query(wanted: &Wanted) -> EntityQuery {
    let mut query = match wanted.types {
        None => all(),
        Some(nth) => typed([LAMP, WALK, "Lamp|HealthActivity"][nth]),
    };
    query.filter.geo = wanted.geo.and_then(|nth| {
        let (georel, geometry, coordinates) = GEO_QUERIES[nth];
        geo(georel, geometry, coordinates).filter.geo
    });
    query.filter.scope = wanted.scope.map(|nth| ScopeQ::parse(SCOPE_QUERIES[nth]).unwrap());
    query.filter.q =
        wanted.condition.map(|nth| Q::parse(CONDITIONS[nth], &Context::core()).unwrap());
    let selector = |(walk, n): &(bool, Option<usize>)| {
        let kind = if *walk { WALK } else { LAMP };
        Selector {
            ids: n.iter().map(|n| id(kind, *n)).collect(),
            id_pattern: None,
            types: Some(TypeSelection::parse(kind, &Context::core()).unwrap()),
        }
    };
    query.filter.any_of = wanted.selectors.iter().map(selector).collect();
    query.order = wanted.order.map(|nth| order(ORDERS[nth], Some("[0,0]")));
    (query.limit, query.offset, query.count) = (wanted.limit, wanted.offset, true);
    query
}

fn eyes(nth: usize, tenant: &TenantId) -> View {
    match nth {
        0 => platform(tenant),
        1 => anonymous(tenant),
        n => resident(tenant, person(u8::try_from(n).unwrap() - 1)),
    }
}

/// Whatever is asked of random data, of places, scopes, values, types and selectors, in an order or none: the answer is that of evaluating
/// the query on every entity.
pub async fn answers_are_those_of_evaluation(place: &dyn Place) {
    let store = place.open().await;
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner =
        TestRunner::new_with_rng(Config { failure_persistence: None, ..Config::default() }, rng);
    let strategy = (things(), prop::collection::vec(wanted(), 20));
    for round in 0..6 {
        let (things, queries) = strategy.new_tree(&mut runner).unwrap().current();
        let docs: Vec<EntityDoc> = things
            .iter()
            .enumerate()
            .map(|(n, thing)| {
                let geometry = thing.geometry.map(|nth| GEOMETRIES[nth]);
                placed(n, geometry, SCOPES[thing.scopes], thing.level, thing.of)
            })
            .collect();
        let tenant: TenantId = format!("round-{round}").parse().unwrap();
        if !docs.is_empty() {
            put(&*store, &tenant, docs.clone()).await;
        }
        for wanted in &queries {
            compare(&*store, &eyes(wanted.eyes, &tenant), &docs, wanted).await;
        }
    }
    assert_eq!(store.verify().await.unwrap(), Vec::<String>::new());
    store.close().await;
}

async fn compare(store: &dyn Store, view: &View, docs: &[EntityDoc], wanted: &Wanted) {
    let query = query(wanted);
    let page = store.query(view, &query).await.unwrap();
    let got: Vec<&str> = page.entities.iter().map(|found| found.doc.id()).collect();
    let matching = docs.iter().filter_map(|doc| {
        let cut = view.cut(doc)?;
        query
            .filter
            .matches(doc, &cut)
            .then(|| (doc.id(), query.order.as_ref().map(|o| o.key(doc, &cut))))
    });
    let mut matching: Vec<_> = matching.collect();
    assert_eq!(page.count, Some(matching.len() as u64), "{wanted:?}");
    if let Some(order) = &query.order {
        matching.sort_by(|a, b| order.compare(a.1.as_ref().unwrap(), b.1.as_ref().unwrap()));
        let expected = matching.iter().map(|(id, _)| *id).skip(query.offset).take(query.limit);
        assert!(got.iter().copied().eq(expected), "{wanted:?}");
        return;
    }
    assert_eq!(
        got.len(),
        matching.len().saturating_sub(query.offset).min(query.limit),
        "{wanted:?}"
    );
    let mut unique = got.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), got.len(), "{wanted:?}");
    assert!(got.iter().all(|id| matching.iter().any(|(other, _)| other == id)), "{wanted:?}");
}

/// Pages of an order follow one another without gaps, more than a store looks at in one go.
pub async fn orders_are_paged_through(place: &dyn Place) {
    const LAMPS: usize = 300;
    let store = place.open().await;
    let docs: Vec<EntityDoc> =
        (0..LAMPS).map(|n| placed(n, None, &[], i8::try_from(n * 7 % 50).unwrap(), None)).collect();
    for part in docs.chunks(100) {
        put(&*store, &town(), part.to_vec()).await;
    }
    let mut expected: Vec<usize> = (0..LAMPS).collect();
    expected.sort_by_key(|n| (std::cmp::Reverse(n * 7 % 50), *n));
    let mut query = typed(LAMP);
    query.order = Some(order(&["level;desc"], None));
    query.limit = 70;
    let mut got = Vec::new();
    for offset in [0, 70, 140, 210, 280, 350] {
        query.offset = offset;
        got.extend(found(&*store, &platform(&town()), &query).await);
    }
    let expected: Vec<String> = expected.into_iter().map(|n| id(LAMP, n)).collect();
    assert_eq!(got, expected);
    store.close().await;
}
