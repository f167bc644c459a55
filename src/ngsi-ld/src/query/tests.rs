use std::borrow::Cow;

use proptest::prelude::*;

use super::{Op, Q, Query, TypeSelection, id_pattern};
use crate::context::Context;
use crate::error::ErrorKind;
use crate::model::EntityDoc;
use crate::parse::parse_entity;
use crate::projection::{Everything, Projection};

const DEFAULT: &str = "https://uri.etsi.org/ngsi-ld/default-context/";

fn doc() -> EntityDoc {
    let body = r#"{"id":"urn:ngsi-ld:Person:7","type":["A","B"],
        "n":{"value":5,"unitCode":"CEL","observedAt":"2026-01-02T00:00:00Z","acc":{"value":0.5}},
        "s":"text","flag":true,"list":[1,"two",3],
        "when":{"value":{"@type":"DateTime","@value":"2026-03-01T00:00:00Z"}},"day":"2026-03-01","at":"09:30:00Z",
        "addr":{"value":{"city":"都農","geo":{"zip":8891201},"tags":[{"k":"v"}]}},
        "owner":{"object":["urn:ngsi-ld:Person:8","urn:x:2"]},
        "label":{"languageMap":{"ja":"町","en":"town"}},
        "use":{"vocab":["library","shelter"]},
        "multi":[{"value":1},{"value":10,"datasetId":"urn:d:1"}],
        "steps":{"objectList":["urn:x:3"]}}"#;
    EntityDoc::from(&parse_entity(body, &Context::core(), 1_000_000).unwrap())
}

fn q(text: &str) -> Q {
    Q::parse(text, &Context::core()).unwrap()
}

fn holds(text: &str, p: &dyn Projection) -> bool {
    Query { q: Some(q(text)), ..Query::default() }.matches(&doc(), p)
}

#[test]
fn conditions_that_hold() {
    for text in [
        "n",
        "n==5",
        "n==5.0",
        "n!=6",
        "n>4",
        "n>=5",
        "n<5.5",
        "n<=5",
        "n==1..5",
        "n!=6..9",
        "n==4,5",
        "n!=1,2",
        "n.acc",
        "n.acc==0.5",
        "n.unitCode==\"CEL\"",
        "n.observedAt>2026-01-01T00:00:00Z",
        "n.createdAt==1970-01-01T00:00:01Z",
        "s==\"text\"",
        "s!=\"other\"",
        "s>\"tex\"",
        "s~=\"^t.*t$\"",
        "s~=^te(x|y)t",
        "s!~=\"z\"",
        "s==\"a\"..\"z\"",
        "flag==true",
        "flag!=false",
        "list==1",
        "list==\"two\"",
        "list!=7",
        "list>2",
        "when==2026-03-01T00:00:00.0Z",
        "when>2026-02-01T00:00:00Z",
        "day==2026-03-01",
        "day<2026-03-02",
        "at>=09:30:00Z",
        "addr[city]==\"都農\"",
        "addr[geo.zip]==8891201",
        "addr[tags.k]==\"v\"",
        "addr[geo]",
        "owner==urn:x:2",
        "owner==\"urn:x:2\"",
        "owner==urn:ngsi-ld:Person:8",
        "steps==urn:x:3",
        "label[ja]==\"町\"",
        "label[*]==\"town\"",
        "label==\"town\"",
        "use==\"https://uri.etsi.org/ngsi-ld/default-context/library\"",
        "s==text",
        "use==https://uri.etsi.org/ngsi-ld/default-context/shelter",
        "multi>5",
        "createdAt<2000-01-01T00:00:00Z",
        "n!=\"text\"",
        "n;s",
        "nope|s",
        "(nope|n);s",
        "n==6;s|flag",
        "nope;nope|s==\"text\"",
        "ngsi-ld:x|n",
    ] {
        let text = text.replace("ngsi-ld:x", "geojson:x");
        assert!(holds(&text, &Everything), "{text}");
    }
}

#[test]
fn conditions_that_do_not() {
    for text in [
        "nope",
        "nope!=1",
        "n==6",
        "n!=5",
        "n>5",
        "n==\"5\"",
        "n==6..9",
        "n!=1..5",
        "n!=4,5",
        "s==5",
        "s<5",
        "s~=\"^x\"",
        "s!~=\"text\"",
        "flag==false",
        "flag==\"true\"",
        "list==7",
        "list!=1",
        "n.nope",
        "n.unitCode==\"FAR\"",
        "n.acc.x",
        "addr[nope]",
        "addr[city.x]",
        "n[x]",
        "owner==urn:x:9",
        "label[fr]",
        "use==\"other\"",
        "use==library",
        "n==five",
        "day==2026-03-01T00:00:00Z",
        "n;nope",
        "nope|other",
        "s;(nope|n==6)",
        "createdAt.x",
        "s~=\"\\\\d\"",
    ] {
        assert!(!holds(text, &Everything), "{text}");
    }
}

#[test]
fn broken_queries_are_refused() {
    for text in [
        "",
        ";",
        "n;",
        "n==",
        "n=5",
        "n==5;",
        "(n",
        "n)",
        "n==\"open",
        "n>1..5",
        "n>1,2",
        "n==1..\"a\"",
        "n>true",
        "n~=\"(\"",
        "n~=",
        "a-b",
        "1a",
        "n[",
        "n[]",
        "n[a..b]",
        "n.",
        ".n",
        "n==5 6",
        "n==01",
        "n===5",
        "n==1e999",
        "n==2026-13-01",
    ] {
        let error = Q::parse(text, &Context::core()).unwrap_err();
        assert_eq!(error.kind, ErrorKind::BadRequestData, "{text}");
        assert_eq!(error.pointer.as_deref(), Some("q"), "{text}");
    }
    for text in ["(".repeat(10_000), vec!["n"; 1000].join(";"), "n~=(a{1000}){1000}".to_owned()] {
        assert_eq!(Q::parse(&text, &Context::core()).unwrap_err().kind, ErrorKind::TooLarge);
    }
}

#[test]
fn terms_are_expanded_where_asked() {
    let holds = |text: &str, expand: &str| {
        let expand = [format!("{DEFAULT}{expand}")];
        let q = Q::parse_expanding(text, &Context::core(), &expand).unwrap();
        assert_eq!(Q::parse_expanding(&q.to_string(), &Context::core(), &expand).unwrap(), q);
        Query { q: Some(q), ..Query::default() }.matches(&doc(), &Everything)
    };
    assert!(holds("use==library", "use") && holds("use==\"library\"", "use"));
    assert!(holds("use==other,shelter", "use"));
    assert!(!holds("use==library", "label") && !holds("use==other", "use"));
    assert!(holds("s==text", "s"), "a text is a text");
}

#[test]
fn comparisons_can_be_indexed() {
    let query = q("n>5;s==\"x\";(a|b);m!=1;c==1..2;d.e==1;f[g]==1;createdAt>2026-01-01T00:00:00Z");
    let found = query.indexable();
    let names: Vec<_> =
        found.iter().map(|i| (i.attribute.strip_prefix(DEFAULT).unwrap(), i.op)).collect();
    assert_eq!(names, [("n", Op::Greater), ("s", Op::Equal)]);
    assert_eq!(found[0].value.to_string(), "5");
    assert!(q("n==1|s==2").indexable().is_empty());
}

#[test]
fn types_are_selected() {
    let selects = |text: &str| {
        let types = TypeSelection::parse(text, &Context::core()).unwrap();
        Query { types: Some(types), ..Query::default() }.matches(&doc(), &Everything)
    };
    for text in [
        "A",
        "A|C",
        "C,B",
        "A;B",
        "(A;B)|C",
        "C|(B;A)",
        "((A))",
        "https://uri.etsi.org/ngsi-ld/default-context/A",
    ] {
        assert!(selects(text), "{text}");
    }
    for text in ["C", "A;C", "(A;C)|D", "(A|C);D"] {
        assert!(!selects(text), "{text}");
    }
    for text in ["", "A|", "|A", "(A", "A)", "()", "A B", "a-b", "A;"] {
        assert!(TypeSelection::parse(text, &Context::core()).is_err(), "{text}");
    }
    let types = TypeSelection::parse("(A|B);C", &Context::core()).unwrap();
    assert_eq!(types.candidates(), [format!("{DEFAULT}C")]);
}

struct Cut;

impl Projection for Cut {
    fn entity_type(&self, iri: &str) -> bool {
        iri != format!("{DEFAULT}B")
    }

    fn attribute(&self, name: &str, _: Option<&str>) -> bool {
        name != format!("{DEFAULT}s")
    }

    fn outward_id<'a>(&self, id: &'a str) -> Cow<'a, str> {
        Cow::Owned(id.replace("urn:ngsi-ld:Person:", "urn:ngsi-ld:Person:pw"))
    }

    fn id_marker(&self) -> Option<&str> {
        Some("urn:ngsi-ld:Person:")
    }
}

#[test]
fn what_is_hidden_cannot_be_asked_about() {
    for text in ["s", "s!=\"other\"", "s~=\".\"", "owner==urn:ngsi-ld:Person:8"] {
        assert!(holds(text, &Everything), "{text}");
        assert!(!holds(text, &Cut), "{text}");
    }
    assert!(holds("owner==urn:ngsi-ld:Person:pw8", &Cut));
    // A link is equal or not, and nothing else (clause 4.9).
    for text in ["owner~=\"Person\"", "owner!~=\"other\"", "owner>\"urn:a\""] {
        assert!(!holds(text, &Everything), "{text}");
    }
    let query = |f: &dyn Fn(&mut Query)| {
        let mut query = Query::default();
        f(&mut query);
        query.matches(&doc(), &Cut)
    };
    let typed = |name: &str| TypeSelection::Type(format!("{DEFAULT}{name}"));
    assert!(query(&|q| q.types = Some(typed("A"))) && !query(&|q| q.types = Some(typed("B"))));
    assert!(query(&|q| q.attrs = vec![format!("{DEFAULT}n")]));
    assert!(!query(&|q| q.attrs = vec![format!("{DEFAULT}s")]));
    assert!(query(&|q| q.id_pattern = Some(id_pattern("pw7$").unwrap())));
    assert!(!query(&|q| q.id_pattern = Some(id_pattern("Person:7").unwrap())));
    assert!(query(&|q| q.ids = vec!["urn:ngsi-ld:Person:7".to_owned()]));
    assert!(!query(&|q| q.ids = vec!["urn:ngsi-ld:Person:8".to_owned()]));
    assert_eq!(id_pattern("(").unwrap_err().pointer.as_deref(), Some("idPattern"));
}

fn scalar() -> impl Strategy<Value = String> {
    prop_oneof![
        "-?[1-9][0-9]{0,3}(\\.[0-9]{1,2})?",
        "\"[a-z;|()\\[\\]., 都]{0,6}\"",
        Just("\"a\\\"b\\\\c\"".to_owned()),
        Just("2026-01-02T03:04:05Z".to_owned()),
        Just("2026-01-02".to_owned()),
        Just("urn:x:1".to_owned()),
    ]
}

fn term() -> impl Strategy<Value = String> {
    let path = "[a-z]{1,3}(:[a-z]{1,2})?(\\.[a-z]{1,2})?(\\[[a-z]{1,2}(\\.[a-z])?\\])?";
    prop_oneof![
        path.prop_map(|p| p),
        (path, "==|!=|>=|<=|>|<", scalar()).prop_map(|(p, op, v)| format!("{p}{op}{v}")),
        (path, "==|!=", 1..5_u8, 5..9_u8).prop_map(|(p, op, a, b)| format!("{p}{op}{a}..{b}")),
        (path, "==|!=", scalar(), scalar()).prop_map(|(p, op, a, b)| format!("{p}{op}{a},{b}")),
        (path, "~=|!~=", "\"[a-z.|]{1,4}\"").prop_map(|(p, op, r)| format!("{p}{op}{r}")),
    ]
}

fn queries() -> impl Strategy<Value = String> {
    term().prop_recursive(3, 12, 3, |inner| {
        proptest::collection::vec((inner, any::<bool>()), 2..4).prop_flat_map(|parts| {
            prop_oneof![Just(";"), Just("|")].prop_map(move |separator| {
                let enclosed: Vec<String> = parts
                    .iter()
                    .map(|(part, plain)| if *plain { part.clone() } else { format!("({part})") })
                    .collect();
                enclosed.join(separator)
            })
        })
    })
}

proptest! {
    #[test]
    fn printed_queries_read_the_same(text in queries()) {
        let query = q(&text);
        let printed = query.to_string();
        prop_assert_eq!(&q(&printed), &query, "{} as {}", text, printed);
        prop_assert_eq!(q(&printed).to_string(), printed);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[a-z0-9;|()=<>!~\"\\\\.,:\\[\\] 都]{0,20}") {
        if let Ok(query) = Q::parse(&text, &Context::core()) {
            holds(&query.to_string(), &Everything);
        }
    }
}

#[test]
fn patterns_repeat_once() {
    for good in ["urn:.*", "a*?", "[*+]+", r"\*\*", "a+b*"] {
        assert!(id_pattern(good).is_ok(), "{good}");
    }
    for bad in ["a**", "a+*", "b*+"] {
        assert!(id_pattern(bad).is_err(), "{bad}");
    }
}

#[test]
fn times_of_the_system_narrow_nothing() {
    let system = |text| Q::parse(text, &Context::core()).unwrap().is_system();
    assert!(system("createdAt>2020-01-01T00:00:00Z;modifiedAt"));
    assert!(!system("createdAt>2020-01-01T00:00:00Z;a"));
}
