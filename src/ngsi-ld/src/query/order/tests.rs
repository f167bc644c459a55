use std::borrow::Cow;

use proptest::prelude::*;

use super::{Order, OrderText};
use crate::context::Context;
use crate::model::EntityDoc;
use crate::parse::parse_entity;
use crate::projection::{Everything, Projection};

fn doc(id: usize, attributes: &str) -> EntityDoc {
    let comma = if attributes.is_empty() { "" } else { "," };
    let body = format!(r#"{{"id":"urn:x:{id}","type":"T"{comma}{attributes}}}"#);
    EntityDoc::from(&parse_entity(&body, &Context::core(), 0).unwrap())
}

fn read(order_by: &str, more: OrderText<'_>) -> Result<Order, crate::Error> {
    let order_by: Vec<&str> = order_by.split(',').collect();
    Order::parse(&OrderText { order_by: &order_by, ..more }, &Context::core())
}

fn sorted(order: &Order, docs: &[EntityDoc], p: &dyn Projection) -> String {
    let mut keys: Vec<_> = docs.iter().map(|doc| (order.key(doc, p), doc)).collect();
    keys.sort_by(|a, b| order.compare(&a.0, &b.0));
    keys.iter().map(|(_, doc)| doc.id().rsplit(':').next().unwrap()).collect()
}

fn by(order_by: &str, docs: &[&str]) -> String {
    let docs: Vec<EntityDoc> = docs.iter().enumerate().map(|(id, text)| doc(id, text)).collect();
    sorted(&read(order_by, OrderText::default()).unwrap(), &docs, &Everything)
}

#[test]
fn kinds_have_an_order_and_what_is_absent_is_last() {
    let docs = [
        "",
        r#""v":true"#,
        r#""v":{"type":"Property","value":{"k":1}}"#,
        r#""v":"b""#,
        r#""v":[1]"#,
        r#""v":10"#,
        r#""v":"B""#,
        r#""v":9.5"#,
    ];
    assert_eq!(by("v", &docs), "75632410");
    assert_eq!(by("v;desc", &docs), "14236570");
    assert_eq!(by("id;desc", &docs), "76543210");
    assert_eq!(by("nope", &docs), "01234567");
    assert_eq!(by("type,id", &docs), "01234567");
}

#[test]
fn members_are_looked_into_and_ties_go_on() {
    let docs = [
        r#""a":{"type":"Property","value":{"city":"Z"},"s":{"value":1}},"b":1"#,
        r#""a":{"type":"Property","value":{"city":"A"},"s":{"value":1}},"b":2"#,
        r#""a":{"type":"Property","value":{"city":"M"},"s":{"value":0}},"b":1"#,
    ];
    assert_eq!(by("a[city]", &docs), "120");
    assert_eq!(by("a.s", &docs), "201");
    assert_eq!(by("a.s;desc,a[city]", &docs), "102");
    assert_eq!(by("b,a[city];desc", &docs), "021");
}

#[test]
fn distances_are_measured_from_the_reference() {
    let at = |x: f64| {
        format!(
            r#""location":{{"type":"GeoProperty","value":{{"type":"Point","coordinates":[{x},40]}}}}"#
        )
    };
    let docs = [doc(0, &at(9.0)), doc(1, &at(8.0)), doc(2, ""), doc(3, &at(-60.0))];
    let from = OrderText { from: Some("[8,40]"), ..OrderText::default() };
    let nearest = read("location;dist-asc", from).unwrap();
    let farthest = read("location;dist-desc", from).unwrap();
    assert_eq!(sorted(&nearest, &docs, &Everything), "1032");
    assert_eq!(sorted(&farthest, &docs, &Everything), "3012");
    let line = OrderText { from: Some("[[9,0],[9,60]]"), geometry: Some("LineString"), ..from };
    assert_eq!(sorted(&read("location;dist-asc", line).unwrap(), &docs, &Everything), "0132");
}

#[test]
fn texts_follow_the_collation() {
    let docs =
        [doc(0, r#""n":"b""#), doc(1, r#""n":"á""#), doc(2, r#""n":"A""#), doc(3, r#""n":"い""#)];
    let with = |collation| {
        let order = read("n", OrderText { collation, ..OrderText::default() }).unwrap();
        sorted(&order, &docs, &Everything)
    };
    assert_eq!(with(None), "2013");
    assert_eq!(with(Some("und")), "2103");
    assert_eq!(with(Some("de-u-co-phonebk")), "2103");
    // Accents and case do not count, so these are equal and in the order of their ids.
    assert_eq!(with(Some("und-u-ks-level1")), "1203");
}

#[test]
fn broken_orders_are_refused() {
    let place = |order_by: &str, text| {
        let error = read(order_by, text).unwrap_err();
        error.pointer.unwrap_or_default()
    };
    for order_by in
        ["", "a,", "a;up", "a;asc;desc", "a b", "a[", "a.", "a.b;dist-asc", "id;dist-asc"]
    {
        assert_eq!(place(order_by, OrderText::default()), "orderBy", "{order_by}");
    }
    assert_eq!(place(&vec!["a"; 20].join(","), OrderText::default()), "orderBy");
    assert_eq!(place("location;dist-asc", OrderText::default()), "orderFrom");
    let text = OrderText::default();
    assert_eq!(place("a", OrderText { from: Some("8,40"), ..text }), "orderFrom");
    let wrong = OrderText { from: Some("[8,40]"), geometry: Some("Circle"), ..text };
    assert_eq!(place("a", wrong), "orderGeometry");
    for collation in ["!!nope", "not a tag", "", "und-u-ks-level9"] {
        assert_eq!(place("a", OrderText { collation: Some(collation), ..text }), "collation");
    }
}

struct Cut;

impl Projection for Cut {
    fn entity_type(&self, _: &str) -> bool {
        true
    }

    fn attribute(&self, name: &str, _: Option<&str>) -> bool {
        !name.ends_with("/secret")
    }

    fn outward_id<'a>(&self, id: &'a str) -> Cow<'a, str> {
        // Turns the order round.
        let (start, number) = id.rsplit_once(':').unwrap_or_default();
        Cow::Owned(format!("{start}:{}", 9 - number.parse::<usize>().unwrap_or(9)))
    }

    fn id_marker(&self) -> Option<&str> {
        Some("urn:x:")
    }
}

#[test]
fn what_is_hidden_orders_nothing() {
    let docs = [
        doc(0, r#""secret":3,"to":{"object":"urn:x:1"}"#),
        doc(1, r#""secret":1,"to":{"object":"urn:x:2"}"#),
        doc(2, r#""secret":2,"to":{"object":"urn:x:3"}"#),
    ];
    for (order_by, all, cut) in [
        ("secret", "120", "210"),
        ("id", "012", "210"),
        ("to", "012", "210"),
        ("createdAt", "012", "210"),
    ] {
        let order = read(order_by, OrderText::default()).unwrap();
        assert_eq!(sorted(&order, &docs, &Everything), all, "{order_by}");
        assert_eq!(sorted(&order, &docs, &Cut), cut, "{order_by}");
    }
}

proptest! {
    #[test]
    fn printed_orders_read_the_same(
        text in "([a-z]{1,4}(\\.[a-z]{1,3})?(\\[[a-z](\\.[a-z])?\\])?(;asc|;desc)?,){0,4}(id|type;desc|g[a-z]{1,4};dist-asc)"
    ) {
        let from = OrderText { from: Some("[8,40]"), ..OrderText::default() };
        let order = read(&text, from).unwrap();
        let again = read(&order.to_string(), from).unwrap();
        prop_assert_eq!(&again.by, &order.by, "{} as {}", text, order);
        prop_assert_eq!(again.to_string(), order.to_string());
    }
}
