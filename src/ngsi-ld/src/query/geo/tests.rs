use proptest::prelude::*;

use super::shape::METRES_A_DEGREE;
use super::{GeoQuery, Reference, Shape, distance, planar};
use crate::context::Context;
use crate::model::{Entity, EntityDoc};
use crate::parse::parse_entity;
use crate::projection::{Everything, Projection};

fn shape(text: &str) -> Shape {
    Shape::read(text).unwrap_or_else(|| unreachable!("{text}"))
}

fn point(x: f64, y: f64) -> Shape {
    shape(&format!(r#"{{"type":"Point","coordinates":[{x},{y}]}}"#))
}

fn area(rings: &str) -> Shape {
    shape(&format!(r#"{{"type":"Polygon","coordinates":{rings}}}"#))
}

fn line(positions: &str) -> Shape {
    shape(&format!(r#"{{"type":"LineString","coordinates":{positions}}}"#))
}

const SQUARE: &str = "[[[0,0],[4,0],[4,4],[0,4],[0,0]]]";

/// (intersects, first within second, second within first, equals, overlaps), the same whichever comes first.
fn relations(a: &Shape, b: &Shape) -> [bool; 5] {
    let overlaps = planar::overlaps(a, b);
    let equals = planar::equals(a, b);
    let intersects = planar::intersects(a, b);
    assert_eq!(overlaps, planar::overlaps(b, a));
    assert_eq!(equals, planar::equals(b, a));
    assert_eq!(intersects, planar::intersects(b, a));
    [intersects, planar::within(a, b), planar::within(b, a), equals, overlaps]
}

#[test]
fn areas_stand_to_each_other() {
    let square = area(SQUARE);
    for (other, expected) in [
        (SQUARE, [true, true, true, true, false]),
        // The same points in another order.
        ("[[[4,4],[4,0],[2,0],[0,0],[0,4],[4,4]]]", [true, true, true, true, false]),
        ("[[[1,1],[2,1],[2,2],[1,1]]]", [true, false, true, false, false]),
        // Along the edge, inside and outside.
        ("[[[0,0],[2,0],[2,2],[0,0]]]", [true, false, true, false, false]),
        ("[[[4,0],[6,0],[6,4],[4,4],[4,0]]]", [true, false, false, false, false]),
        ("[[[4,4],[5,4],[5,5],[4,4]]]", [true, false, false, false, false]),
        ("[[[2,2],[6,2],[6,6],[2,6],[2,2]]]", [true, false, false, false, true]),
        ("[[[1,-1],[3,-1],[3,5],[1,5],[1,-1]]]", [true, false, false, false, true]),
        ("[[[5,5],[6,5],[6,6],[5,5]]]", [false, false, false, false, false]),
        // Around it, with and without a hole that is just as large.
        ("[[[-1,-1],[5,-1],[5,5],[-1,5],[-1,-1]]]", [true, true, false, false, false]),
        (
            "[[[-1,-1],[5,-1],[5,5],[-1,5],[-1,-1]],[[0,0],[4,0],[4,4],[0,4],[0,0]]]",
            [true, false, false, false, false],
        ),
        // In a hole that is larger, and around one that is smaller.
        (
            "[[[-9,-9],[9,-9],[9,9],[-9,9],[-9,-9]],[[-1,-1],[5,-1],[5,5],[-1,5],[-1,-1]]]",
            [false, false, false, false, false],
        ),
        (
            "[[[-9,-9],[9,-9],[9,9],[-9,9],[-9,-9]],[[1,1],[2,1],[2,2],[1,1]]]",
            [true, false, false, false, true],
        ),
    ] {
        assert_eq!(relations(&square, &area(other)), expected, "{other}");
    }
    let two = shape(
        r#"{"type":"MultiPolygon","coordinates":[[[[0,0],[1,0],[1,1],[0,0]]],[[[7,7],[8,7],[8,8],[7,7]]]]}"#,
    );
    assert_eq!(relations(&square, &two), [true, false, false, false, true]);
    // A bow tie is the two triangles that it looks like.
    let bow = area("[[[0,0],[2,2],[2,0],[0,2],[0,0]]]");
    assert_eq!(relations(&square, &bow), [true, false, true, false, false]);
    assert!(!planar::intersects(&bow, &point(1.0, 0.5)));
    // No inside at all: a line there and back.
    let flat = area("[[[0,0],[1,1],[2,2],[0,0]]]");
    assert_eq!(relations(&flat, &square), [true, true, false, false, false]);
}

#[test]
fn points_and_lines_stand_to_others() {
    let square = area(SQUARE);
    let diagonal = line("[[0,0],[2,2],[4,4]]");
    for (one, other, expected) in [
        (point(2.0, 2.0), &square, [true, true, false, false, false]),
        (point(0.0, 2.0), &square, [true, false, false, false, false]),
        (point(5.0, 2.0), &square, [false, false, false, false, false]),
        (point(1.0, 1.0), &diagonal, [true, true, false, false, false]),
        (point(0.0, 0.0), &diagonal, [true, false, false, false, false]),
        (point(1.0, 1.5), &diagonal, [false, false, false, false, false]),
        (point(1.0, 1.0), &point(1.0, 1.0), [true, true, true, true, false]),
        (point(-0.0, 1.0), &point(0.0, 1.0), [true, true, true, true, false]),
        (point(1.0, 1.0), &point(1.0, 2.0), [false, false, false, false, false]),
        (line("[[0,0],[4,4]]"), &square, [true, true, false, false, false]),
        (line("[[0,0],[4,0]]"), &square, [true, false, false, false, false]),
        (line("[[2,2],[9,9]]"), &square, [true, false, false, false, false]),
        (line("[[-1,2],[5,2]]"), &square, [true, false, false, false, false]),
        (line("[[4,4],[0,0]]"), &diagonal, [true, true, true, true, false]),
        (line("[[1,1],[3,3]]"), &diagonal, [true, true, false, false, false]),
        (line("[[1,1],[9,9]]"), &diagonal, [true, false, false, false, true]),
        (line("[[0,4],[4,0]]"), &diagonal, [true, false, false, false, false]),
        (line("[[0,1],[3,4]]"), &diagonal, [false, false, false, false, false]),
    ] {
        assert_eq!(relations(&one, other), expected, "{one:?} {other:?}");
    }
    let points = |text: &str| shape(&format!(r#"{{"type":"MultiPoint","coordinates":{text}}}"#));
    let (some, more) = (points("[[1,1],[2,2]]"), points("[[2,2],[3,3]]"));
    assert_eq!(relations(&some, &more), [true, false, false, false, true]);
    assert_eq!(relations(&some, &diagonal), [true, true, false, false, false]);
    // A ring has no ends.
    let ring = line("[[0,0],[1,0],[1,1],[0,0]]");
    assert_eq!(relations(&point(0.0, 0.0), &ring), [true, true, false, false, false]);
}

#[test]
fn distances_are_those_on_the_earth() {
    let near = |got: f64, metres: f64| assert!((got - metres).abs() < metres * 0.003, "{got}");
    // Tsuno town hall to Miyazaki station; Berlin to New York.
    near(distance::between(&point(131.559, 32.256), &point(131.432, 31.916)), 39_660.0);
    near(distance::between(&point(13.405, 52.52), &point(-74.006, 40.7128)), 6_385_000.0);
    // Over the antimeridian.
    near(distance::between(&point(179.5, 0.0), &point(-179.5, 0.0)), METRES_A_DEGREE);
    // To the nearest point of a line, also far north, where degrees of longitude are short.
    near(distance::between(&point(5.0, 60.009), &line("[[0,60],[10,60]]")), 1_000.8);
    near(distance::between(&point(0.0, 85.0), &line("[[1,85],[0,85.6]]")), 9_579.0);
    near(distance::between(&point(179.9, 0.1), &line("[[-179.9,0],[-179.9,1]]")), 22_239.0);
    // A long line is not a great circle: it stays on its parallel.
    near(distance::between(&point(30.0, 61.0), &line("[[0,60],[60,60]]")), METRES_A_DEGREE);
    assert!(distance::between(&point(2.0, 2.0), &area(SQUARE)).abs() < f64::EPSILON);
    near(distance::between(&point(5.0, 2.0), &area(SQUARE)), 111_120.0);
    let far = area("[[[10,0],[11,0],[11,4],[10,4],[10,0]]]");
    near(distance::between(&far, &area(SQUARE)), 665_600.0);
}

fn parse(georel: &str, geometry: &str, coordinates: &str) -> Result<GeoQuery, crate::Error> {
    GeoQuery::parse(georel, geometry, coordinates, None, &Context::core())
}

#[test]
fn broken_queries_are_refused() {
    for (georel, geometry, coordinates, place) in [
        ("touches", "Point", "[1,2]", "georel"),
        ("within;x==1", "Point", "[1,2]", "georel"),
        ("near", "Point", "[1,2]", "georel"),
        ("near;maxDistance==0", "Point", "[1,2]", "georel"),
        ("near;maxDistance==-1", "Point", "[1,2]", "georel"),
        ("near;maxDistance==inf", "Point", "[1,2]", "georel"),
        ("near;maxDistance==1e400", "Point", "[1,2]", "georel"),
        ("near;maxDistance==5;minDistance==1", "Point", "[1,2]", "georel"),
        ("near;maxDistance=5", "Point", "[1,2]", "georel"),
        ("within", "Circle", "[1,2]", "geometry"),
        ("within", "Point", "1,2", "coordinates"),
        ("within", "Point", "[1,2", "coordinates"),
        ("within", "Point", "[1]", "coordinates"),
        ("within", "Point", "[1,\"2\"]", "coordinates"),
        ("within", "Point", "[32,131]", "coordinates"),
        ("within", "Polygon", "[[[0,0],[1,0],[1,1]]]", "coordinates"),
        ("within", "Polygon", "[[0,0],[1,0],[1,1],[0,0]]", "coordinates"),
    ] {
        let error = parse(georel, geometry, coordinates).unwrap_err();
        assert_eq!(error.pointer.as_deref(), Some(place), "{georel} {geometry} {coordinates}");
    }
    let many = format!("[{}]", vec!["[1,2]"; 1_001].join(","));
    assert!(parse("within", "MultiPoint", &many).is_err());
    assert!(Reference::parse("Point", "[1,2,3]", ["a", "b"]).is_ok());
}

fn doc(attributes: &str) -> EntityDoc {
    let body = format!(r#"{{"id":"urn:x:1","type":"T",{attributes}}}"#);
    let entity: Entity = parse_entity(&body, &Context::core(), 0).unwrap();
    EntityDoc::from(&entity)
}

struct Nowhere;

impl Projection for Nowhere {
    fn entity_type(&self, _: &str) -> bool {
        true
    }

    fn attribute(&self, name: &str, _: Option<&str>) -> bool {
        name != "https://uri.etsi.org/ngsi-ld/location"
    }
}

#[test]
fn entities_match_by_what_is_seen_of_them() {
    let here =
        doc(r#""location":{"type":"GeoProperty","value":{"type":"Point","coordinates":[8.01,40]}},
        "plain":{"type":"Property","value":{"type":"Point","coordinates":[1,1]}},"n":1"#);
    let holds =
        |georel: &str| parse(georel, "Point", "[8,40]").unwrap().matches(&here, &Everything);
    assert!(holds("near;maxDistance==1000") && !holds("near;maxDistance==500"));
    assert!(holds("near;minDistance==500") && !holds("near;minDistance==1000"));
    assert!(holds("disjoint") && !holds("equals"));
    let disjoint = parse("disjoint", "Point", "[8,40]").unwrap();
    assert!(!disjoint.matches(&here, &Nowhere), "hidden is nowhere");
    let of = |name: &str, coordinates: &str| {
        let query = GeoQuery::parse("equals", "Point", coordinates, Some(name), &Context::core());
        query.unwrap().matches(&here, &Everything)
    };
    assert!(of("plain", "[1,1]") && !of("n", "[1,1]") && !of("nope", "[1,1]"));
}

fn coordinates(kind: &'static str) -> impl Strategy<Value = (String, String)> {
    let position = || {
        (-30..30_i32, -20..20_i32)
            .prop_map(|(x, y)| format!("[{},{}]", f64::from(x) / 8.0, f64::from(y) / 8.0))
    };
    let ring = || {
        proptest::collection::vec(position(), 3..6).prop_map(|mut ring| {
            ring.push(ring[0].clone());
            format!("[{}]", ring.join(","))
        })
    };
    let list = |items: Vec<String>| format!("[{}]", items.join(","));
    let text = match kind {
        "Point" => position().boxed(),
        "MultiPoint" | "LineString" => {
            proptest::collection::vec(position(), 2..5).prop_map(list).boxed()
        }
        _ => proptest::collection::vec(ring(), 1..3).prop_map(list).boxed(),
    };
    text.prop_map(move |text| (kind.to_owned(), text))
}

fn geometries() -> impl Strategy<Value = (String, String)> {
    prop_oneof![
        coordinates("Point"),
        coordinates("MultiPoint"),
        coordinates("LineString"),
        coordinates("Polygon"),
        coordinates("MultiLineString"),
    ]
}

fn relation_texts() -> impl Strategy<Value = String> {
    prop_oneof![
        "near;(max|min)Distance==[1-9][0-9]{0,5}(\\.[0-9]{1,2})?",
        "within|contains|intersects|equals|disjoint|overlaps",
    ]
}

proptest! {
    #[test]
    fn printed_queries_read_the_same(
        georel in relation_texts(), (geometry, coordinates) in geometries(), name in "[a-z]{1,5}"
    ) {
        let ctx = Context::core();
        let query = GeoQuery::parse(&georel, &geometry, &coordinates, Some(&name), &ctx).unwrap();
        let printed = query.to_string();
        let part = |name: &str| {
            let start = printed.split_once(&format!("{name}=")).unwrap().1;
            start.split('&').next().unwrap().to_owned()
        };
        let again = GeoQuery::parse(
            &part("georel"), &part("geometry"), &part("coordinates"), Some(&part("geoproperty")), &ctx,
        );
        prop_assert_eq!(again.unwrap(), query);
    }

    #[test]
    fn relations_agree_with_each_other(a in geometries(), b in geometries()) {
        let (a, b) = (Shape::of(&a.0, &a.1).unwrap(), Shape::of(&b.0, &b.1).unwrap());
        let [meets, a_in_b, b_in_a, equals, overlaps] = relations(&a, &b);
        prop_assert!(meets || !(a_in_b || b_in_a || equals || overlaps));
        prop_assert_eq!(equals, a_in_b && b_in_a);
        prop_assert!(!overlaps || !(a_in_b || b_in_a));
        prop_assert!(planar::intersects(&a, &a));
        let apart = distance::between(&a, &b);
        prop_assert_eq!(meets, apart < 1e-6, "{}", apart);
        // Nothing that is near lies outside of the boxes that are searched.
        let query_box = b.bounds().around(apart);
        prop_assert!(query_box.iter().any(|bounds| bounds.meets(&a.bounds())));
    }

    #[test]
    fn areas_stand_as_their_points_do(a in coordinates("Polygon"), b in coordinates("Polygon")) {
        let (a, b) = (Shape::of(&a.0, &a.1).unwrap(), Shape::of(&b.0, &b.1).unwrap());
        // Off the grid of the corners, so that few points lie on an edge.
        let steps = (-20..20).flat_map(|x| (-15..15).map(move |y| (x, y)));
        let points = steps.map(|(x, y)| point(f64::from(x) / 5.0 + 0.03, f64::from(y) / 5.0 + 0.07));
        let (mut both, mut first, mut second) = (false, false, false);
        for point in points {
            let (in_a, in_b) = (planar::within(&point, &a), planar::within(&point, &b));
            let (off_a, off_b) = (!planar::intersects(&point, &a), !planar::intersects(&point, &b));
            both |= in_a && in_b;
            first |= in_a && off_b;
            second |= in_b && off_a;
        }
        let [meets, a_in_b, b_in_a, _, overlaps] = relations(&a, &b);
        prop_assert!(meets || !both);
        prop_assert!(!(a_in_b && first || b_in_a && second));
        prop_assert!(overlaps || !(both && first && second));
    }

    #[test]
    fn boxes_hold_what_is_near(
        x in -180.0..180.0_f64, y in -90.0..90.0_f64, dx in -180.0..180.0_f64, y2 in -90.0..90.0_f64
    ) {
        let x2 = if (x + dx).abs() > 180.0 { x + dx - dx.signum() * 360.0 } else { x + dx };
        let (one, other) = (point(x, y), point(x2, y2));
        let boxes = one.bounds().around(distance::between(&one, &other));
        prop_assert!(boxes.iter().any(|bounds| bounds.meets(&other.bounds())));
    }
}
