//! Whatever the source and whatever the input, there is an answer or an error, and no error shows what was looked at.

use proptest::prelude::*;
use serde_json::{Map, Value as Json, json};
use tsunagu_mapping::{EvaluationError, Expression, Mapping, MappingConfig, Secrets, Variables};

/// Stands in every text of every input.
const SECRET: &str = "秘密の値";

fn word() -> impl Strategy<Value = String> {
    prop::sample::select(
        [
            "record",
            "record.a",
            "record.b.c",
            "record.l",
            "x",
            "y",
            "1",
            "0",
            "-9223372036854775808",
            "9223372036854775807",
            "2.5",
            "1e308",
            "18446744073709551615u",
            "'t'",
            "\"\"",
            "b'b'",
            "null",
            "true",
            "false",
            "[",
            "]",
            "(",
            ")",
            "{",
            "}",
            ",",
            ":",
            "?",
            ".",
            "+",
            "-",
            "*",
            "/",
            "%",
            "==",
            "!=",
            "<",
            ">=",
            "&&",
            "||",
            "!",
            " in ",
            ".map(x, ",
            ".filter(x, ",
            ".all(x, ",
            ".exists(y, ",
            ".exists_one(x, ",
            "has(record.a)",
            "size(",
            "int(",
            "uint(",
            "double(",
            "string(",
            "bytes(",
            "timestamp(",
            "duration(",
            "'2026-04-01T00:00:00Z'",
            "'9999-12-31T23:59:59Z'",
            "'1h'",
            "'-9223372036s'",
            ".getHours('Asia/Tokyo')",
            ".getFullYear()",
            "type(",
            "dyn(",
            "convert(",
            "'kg'",
            "'g'",
            "lookup('t', ",
            "epoch_ms(",
            "epoch_s(",
            "rfc3339(",
            ".split('')",
            ".join(',')",
            ".substring(1)",
            ".trim()",
            ".startsWith(",
            ".contains(",
            "[0]",
            "[-1]",
            "['a']",
            "\\",
            "'",
            "`",
            "//",
            "\n",
            "都",
            "\u{0}",
        ]
        .as_slice(),
    )
    .prop_map(str::to_owned)
}

fn source() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::collection::vec(word(), 0..24).prop_map(|words| words.concat()),
        1 => any::<String>(),
        1 => (word(), 1_usize..3000).prop_map(|(word, times)| word.repeat(times)),
        2 => expression(),
    ]
}

/// Sources that mostly compile.
fn expression() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(
        [
            "record",
            "record.a",
            "record.b",
            "record.l",
            "record.t",
            "record.n",
            "1",
            "2.5",
            "'t'",
            "null",
            "true",
            "[]",
            "{}",
            "duration('1h')",
            "timestamp('2026-04-01T00:00:00Z')",
            "9223372036854775807",
        ]
        .as_slice(),
    )
    .prop_map(str::to_owned);
    leaf.prop_recursive(5, 60, 4, |inner| {
        let operator = prop::sample::select(
            ["+", "-", "*", "/", "%", "==", "!=", "<", "<=", "&&", "||", "in"].as_slice(),
        );
        let function = prop::sample::select(
            [
                "size",
                "int",
                "double",
                "string",
                "bytes",
                "timestamp",
                "duration",
                "type",
                "epoch_ms",
                "bool",
                "uint",
            ]
            .as_slice(),
        );
        let macro_ =
            prop::sample::select(["map", "filter", "all", "exists", "exists_one"].as_slice());
        prop_oneof![
            (inner.clone(), operator, inner.clone()).prop_map(|(a, o, b)| format!("({a} {o} {b})")),
            (function, inner.clone()).prop_map(|(f, a)| format!("{f}({a})")),
            (inner.clone(), macro_, inner.clone())
                .prop_map(|(a, m, b)| format!("({a}).{m}(x, x == {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}).map(x, [x, {b}])")),
            (inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(a, b, c)| format!("({a} ? {b} : {c})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("[{a}, {b}][0]")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{{'k': {a}, 'j': {b}}}.k")),
            inner.prop_map(|a| format!("({a}).split('').join('-')")),
        ]
    })
}

fn json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<u64>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        ".{0,8}".prop_map(|text| Json::from(format!("{text}{SECRET}"))),
    ];
    leaf.prop_recursive(4, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Json::from),
            prop::collection::btree_map("[a-dlnt]", inner, 0..8)
                .prop_map(|all| Json::Object(all.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_expression_gives_a_value_or_an_error_without_one(source in source(), record in json()) {
        let Ok(expression) = Expression::compile(&source, &["record"]) else { return Ok(()) };
        let variables = Variables::new().with("record", &record);
        let one = expression.evaluate(&variables);
        // NaN is no value, so the same gives the same.
        prop_assert_eq!(&one, &expression.evaluate(&variables));
        if let Err(error) = one {
            prop_assert!(error != EvaluationError::Fault, "{source}");
            prop_assert!(!format!("{error} {error:?}").contains(SECRET), "{source}: {error}");
        }
    }

    #[test]
    fn a_source_that_is_refused_says_why(source in source()) {
        if let Err(error) = Expression::compile(&source, &[]) {
            prop_assert!(!error.detail.is_empty() && error.detail.len() < 1000);
        }
    }

    #[test]
    fn a_mapping_gives_entities_or_refusals_without_a_value(
        expressions in prop::collection::vec(expression(), 4),
        record in json(),
    ) {
        let [id, value, at, each] = expressions.as_slice() else { return Ok(()) };
        let config = json!({
            "name": "m", "type": "T", "id": format!("has(record.sample) ? 'urn:a:1' : 'urn:a:' + string({id})"),
            "for_each": format!("has(record.sample) ? [1] : {each}"),
            "attributes": { "a": { "value": format!("has(record.sample) ? 1 : {value}"), "observed_at": format!("has(record.sample) ? null : {at}") } },
            "samples": [{ "name": "s", "input": { "sample": 1 }, "expect": [{ "id": "urn:a:1", "type": "T", "a": 1 }] }]
        });
        let config: MappingConfig = serde_json::from_value(config).unwrap();
        let Ok(mapping) = Mapping::compile(config, &Secrets::new()) else { return Ok(()) };
        let mapped = mapping.apply(&record, &Map::new(), 0);
        for refusal in &mapped.refusals {
            prop_assert!(!format!("{refusal} {refusal:?}").contains(SECRET), "{refusal}");
        }
    }
}
