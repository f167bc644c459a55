use std::collections::BTreeMap;
use std::time::Instant;

use serde_json::{Value as Json, json};

use super::*;
use crate::{Micros, TablesError};

fn compiled(source: &str) -> Expression {
    Expression::compile(source, &["record", "steps", "at"])
        .unwrap_or_else(|e| panic!("{source}: {e}"))
}

fn given(source: &str, record: &Json) -> Result<Value, EvaluationError> {
    let variables = Variables::new()
        .with("record", record)
        .with("steps", 8000)
        .with("at", Micros(1_775_000_000_000_000));
    compiled(source).evaluate(&variables)
}

fn json_of(source: &str, record: &Json) -> Json {
    given(source, record).unwrap_or_else(|e| panic!("{source}: {e}")).into_json()
}

fn refused(source: &str) -> String {
    Expression::compile(source, &["record", "steps"]).unwrap_err().to_string()
}

#[test]
fn values_come_out_as_they_are() {
    let record = json!({ "n": 3, "d": 2.5, "t": "都農", "no": null, "yes": true, "l": [1, 2.5, "x"], "m": { "b": 1, "a": [2] } });
    for (source, expected) in [
        ("record.n", json!(3)),
        ("record.n + 4", json!(7)),
        ("record.d * 2.0", json!(5.0)),
        ("double(record.n) * 0.5", json!(1.5)),
        ("record.t + '町'", json!("都農町")),
        ("record.no", Json::Null),
        ("record.yes && steps >= 5000", json!(true)),
        ("record.l[1]", json!(2.5)),
        ("record.l", json!([1, 2.5, "x"])),
        ("record.m", json!({ "a": [2], "b": 1 })),
        ("has(record.x) ? record.x : null", Json::Null),
        ("record.m.map(k, k)", json!(["a", "b"])),
        ("[3, 4].filter(x, x > record.n).map(x, x * 2)", json!([8])),
        ("[1, 2] == [1, 2] && record.l == [1, 2.5, 'x']", json!(true)),
        ("'x' in record.l", json!(true)),
        ("record.l.exists_one(x, x == 'x')", json!(true)),
        ("size(record.t) + record.l.size()", json!(5)),
        ("{'a': record.n, 'b': {'c': [record.d]}}", json!({ "a": 3, "b": { "c": [2.5] } })),
        ("9223372036854775807", json!(i64::MAX)),
        ("at", json!("2026-03-31T23:33:20Z")),
        ("at - timestamp('2026-03-31T00:00:00Z') > duration('23h')", json!(true)),
        ("at.getHours('Asia/Tokyo')", json!(8)),
        ("duration('90s')", json!(90)),
    ] {
        assert_eq!(json_of(source, &record), expected, "{source}");
    }
    assert_eq!(given("record.n", &record), Ok(Value::Int(3)));
    assert_eq!(given("record.d", &record), Ok(Value::Double(2.5)));
}

#[test]
fn the_functions_of_ours_work() {
    let record = json!({ "kg": 70, "unit": "[lb_av]", "at": 1_775_000_000_123_i64, "name": " Ab-Cd ", "odd": "furlong" });
    for (source, expected) in [
        ("convert(record.kg, 'kg', 'g')", json!(70_000.0)),
        ("convert(150.0, record.unit, 'kg')", json!(68.038_855_5)),
        ("unece('kcal')", json!("K53")),
        ("epoch_ms(record.at)", json!("2026-03-31T23:33:20.123Z")),
        ("epoch_s(0)", json!("1970-01-01T00:00:00Z")),
        ("rfc3339(timestamp('2026-04-01T09:00:00+09:00'))", json!("2026-04-01T00:00:00Z")),
        ("record.name.trim().lowerAscii()", json!("ab-cd")),
        ("record.name.trim().upperAscii().split('-')", json!(["AB", "CD"])),
        ("['a', 'b'].join('/')", json!("a/b")),
        ("'都農町役場'.substring(2)", json!("町役場")),
        ("'都農町役場'.substring(0, 3)", json!("都農町")),
    ] {
        assert_eq!(json_of(source, &record), expected, "{source}");
    }
    for source in [
        "convert(record.kg, record.odd, 'g')",
        "convert(record.kg, record.unit, 'm')",
        "convert(record.name, 'kg', 'g')",
        "epoch_ms(9223372036854775807)",
        "'abc'.substring(2, 1)",
        "'abc'.substring(-1)",
        "[1].join(',')",
    ] {
        assert!(
            matches!(given(source, &record), Err(EvaluationError::Function { .. })),
            "{source}"
        );
    }
}

#[test]
fn tables_are_looked_up() {
    let rows: BTreeMap<String, BTreeMap<String, Json>> =
        serde_json::from_value(json!({ "sex": { "1": "male", "2": "female", "9": null } }))
            .unwrap();
    let tables = Tables::new(&rows).unwrap();
    let record = json!({ "sex": 2, "code": "3" });
    let variables = Variables::new().with("record", &record);
    let value = |source: &str| {
        Expression::compile_with(source, &["record"], &tables).unwrap().evaluate(&variables)
    };
    assert_eq!(value("lookup('sex', record.sex)"), Ok(Value::Text("female".to_owned())));
    assert_eq!(value("lookup('sex', '9')"), Ok(Value::Null));
    assert_eq!(
        value("lookup('sex', record.code, 'unknown')"),
        Ok(Value::Text("unknown".to_owned()))
    );
    assert_eq!(
        value("lookup('sex', record.code)").unwrap_err().to_string(),
        "lookup: the table has no row for the code, and no third argument says what then"
    );
    assert_eq!(
        Expression::compile_with("lookup('age', 1)", &[], &tables).unwrap_err().to_string(),
        "there is no table \"age\" (line 1, column 1); declare it under tables; declared: sex"
    );
    assert!(Expression::compile_with("lookup(record, 1)", &["record"], &tables).is_err());
    let rows = serde_json::from_value(json!({ "t": { "x": [1] } })).unwrap();
    assert!(matches!(Tables::new(&rows), Err(TablesError::NotAScalar { .. })));
}

#[test]
fn a_source_that_cannot_work_is_refused_with_place_and_remedy() {
    assert_eq!(
        refused("steps >= 5000 &&\n  stepz < 3"),
        "there is no variable stepz (line 2, column 3); use one of record, steps"
    );
    assert!(
        refused("matches(record.a, 'x')")
            .starts_with("there is no function matches (line 1, column 1); use one of has, all")
    );
    assert!(refused("record.a.map(x)").starts_with("there is no function map (line 1, column 10)"));
    assert_eq!(
        refused("size()"),
        "the function size is not called like this (line 1, column 1); called alone with 1 arguments, or called on a value with 0 arguments"
    );
    assert!(
        refused("convert(1, 'kg', 'm')")
            .starts_with("the two units do not measure the same (line 1")
    );
    assert!(refused("unece('stone')").starts_with("the unit is not one that is known"));
    assert!(refused("steps >=").contains("(line 1, column "));
    assert!(refused(" ").starts_with("the expression is empty"));
    assert!(refused("Steps{a: 1}").starts_with("messages are not part"));
    assert!(refused("record.?a").contains("unsupported"), "{}", refused("record.?a"));
    assert!(refused("@fuel").len() > 1 && refused("@kept(1)").len() > 1);
    assert!(refused(&"a".repeat(4097)).starts_with("the expression is longer than 4096 bytes"));
    // Names of comprehensions end with them.
    assert!(refused("[1].exists(x, x > 0) && x > 0").starts_with("there is no variable x"));
}

#[test]
fn depth_size_and_nesting_are_bounded() {
    let deep = [
        format!("{}1{}", "[".repeat(60), "]".repeat(60)),
        vec!["steps"; 60].join(" + "),
        format!("{}1", "steps > 1 ? 2 : ".repeat(60)),
        format!("record{}", ".a".repeat(60)),
        format!("record{}", "[0]".repeat(60)),
        "(".repeat(4000),
        format!("{}1{}", "size(".repeat(700), ")".repeat(700)),
        vec!["1"; 2000].join(","),
        format!("[{}]", vec!["1"; 600].join(",")),
        "record.map(a, record.map(b, record.map(c, record.map(d, 1))))".to_owned(),
        vec!["a"; 1300].join("||"),
        "a.map(x,".repeat(400),
    ];
    for source in deep {
        let refused = refused(&source);
        assert!(refused.len() < 1000, "{refused}");
    }
    // What is just within runs on a small stack.
    let within = [
        format!("{}1{}", "[".repeat(30), "]".repeat(30)),
        vec!["record.t"; 30].join(" + "),
        format!("{}1", "steps < 1 ? 2 : ".repeat(29)),
        format!("[{}]", vec!["1"; 450].join(",")),
    ];
    for source in within {
        let run = move || given(&source, &json!({ "t": "x" })).map(drop);
        std::thread::Builder::new()
            .stack_size(1 << 19)
            .spawn(run)
            .unwrap()
            .join()
            .unwrap()
            .unwrap();
    }
}

#[test]
fn errors_hold_names_and_never_a_value() {
    let record =
        json!({ "name": "都農花子", "n": 1, "l": ["都農花子"], "key": "花子の鍵", "m": {} });
    for source in [
        "record.name + 1",
        "record.name - record.n",
        "record.n + record.name",
        "int(record.name)",
        "double(record.name)",
        "timestamp(record.name)",
        "duration(record.name)",
        "record.m[record.key]",
        "record.l[5]",
        "record.name < 1",
        "record.missing",
        "record.name.missing",
        "record.n / 0",
        "record.l + record.name",
        "record.name[0]",
        "{record.l: 1}",
        "{record.key: 1, record.key: 2}",
        "!record.name",
        "-record.name",
        "record.name ? 1 : 2",
        "record.name && true",
        "record.name.map(x, x)",
        "record.n in record.name",
        "lookup2(record.name)",
        "bool(record.name)",
        "uint(record.name)",
        "at.getHours(record.name)",
        "record.l.map(x, int(x))",
        "convert(record.name, record.name, record.name)",
        "record.name.substring(9)",
        "bytes(record.name)",
        "type(record.name)",
        "9223372036854775807 + record.n",
        "record.l[0.5]",
    ] {
        let Ok(expression) = Expression::compile(source, &["record", "at"]) else { continue };
        let variables = Variables::new().with("record", &record).with("at", Micros(0));
        let error = expression.evaluate(&variables).expect_err(source);
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("花子") && error != EvaluationError::Fault, "{source}: {shown}");
    }
    assert_eq!(
        given("record.missing", &record).unwrap_err().to_string(),
        "a member is missing: missing; guard it with has(...)"
    );
    assert_eq!(
        given("record.name + 1", &record).unwrap_err().to_string(),
        "+ cannot be used on string, int; convert with int(...), double(...) or string(...)"
    );
    assert_eq!(
        compiled("steps > 1").evaluate(&Variables::new()),
        Err(EvaluationError::NoSuchVariable("steps".to_owned()))
    );
}

#[test]
fn a_condition_is_a_bool() {
    let holds = |source: &str| compiled(source).holds(&Variables::new().with("steps", 8000));
    assert_eq!(holds("steps >= 5000"), Ok(true));
    assert_eq!(holds("steps < 5000"), Ok(false));
    assert_eq!(holds("steps"), Err(EvaluationError::NotABool));
}

#[test]
fn the_size_of_an_input_is_bounded() {
    let text = Json::String("x".repeat(crate::MAX_INPUT));
    assert_eq!(given("1", &text), Err(EvaluationError::InputTooLarge));
    let list = Json::from(vec![0; crate::MAX_INPUT / 32]);
    assert_eq!(given("1", &list), Err(EvaluationError::InputTooLarge));
    let mut deep = json!(1);
    for _ in 0..100 {
        deep = json!([deep]);
    }
    assert_eq!(given("1", &deep), Err(EvaluationError::InputTooDeep));
    assert_eq!(given("1", &json!({ "fine": [1, 2, 3] })), Ok(Value::Int(1)));
}

#[test]
fn the_work_of_an_evaluation_is_bounded() {
    let list = json!({ "l": vec![7; 10_000], "s": "x".repeat(400_000) });
    let small = json!({ "l": vec![7; 10_000] });
    let begun = Instant::now();
    for source in [
        "record.l.map(a, record.l)",
        "record.l.map(a, record.l.map(b, a + b)).size()",
        "record.l.all(a, record.l.all(b, a == b))",
        "record.l.all(a, record.l.all(b, record.l.all(c, a == b)))",
        "record.l.exists(a, record.l == record.l && false)",
        "record.l.exists(a, record.l + 1 == 1)",
        "record.l.map(a, record.l + record.l)",
        "record.l.exists(a, record.l.exists(b, b > 7)) || true",
    ] {
        assert_eq!(given(source, &small), Err(EvaluationError::TooMuchWork), "{source}");
    }
    let twice = "record.s + record.s";
    for source in [
        vec![twice; 15].join(" + "),
        format!("[{}]", vec![twice; 20].join(", ")),
        format!("[{}]", vec!["record.s"; 40].join(", ")),
        format!(
            "{{{}}}",
            (0..40).map(|n| format!("'{n}': record.s")).collect::<Vec<_>>().join(", ")
        ),
        "[1, 2, 3, 4, 5, 6, 7, 8, 9].map(a, [1, 2, 3, 4, 5, 6, 7, 8, 9].map(b, record.s))"
            .to_owned(),
        "record.l.filter(a, record.s.contains('y'))".to_owned(),
        "[record.s].join('') == record.s && record.s.split('').join(record.s) != ''".to_owned(),
    ] {
        let error = given(&source, &list).unwrap_err();
        assert!(
            matches!(
                error,
                EvaluationError::TooMuchWork
                    | EvaluationError::InputTooLarge
                    | EvaluationError::Function { .. }
            ),
            "{source}: {error}"
        );
    }
    assert!(begun.elapsed().as_secs() < 60, "{:?}", begun.elapsed());
    // What a record needs is far within.
    assert_eq!(
        json_of("record.l.all(a, a == 7) && record.l.filter(a, a == 7).size() == 10000", &small),
        json!(true)
    );
}
