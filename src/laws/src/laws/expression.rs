//! The expression language, and mappings written in it.

use serde_json::{Map, Value as Json, json};
use tsunagu_mapping::{
    EvaluationError, Expression, Mapping, MappingConfig, Micros, Secrets, Variables,
};
use tsunagu_ngsi_ld::EntityDoc;

use super::{NOW, document};
use crate::Held;

pub(super) const WORDS: &[&str] = &[
    "record.n",
    "record.t",
    "record.l",
    "record['k']",
    "has(record.x)",
    "steps >= 5000",
    "at - duration('24h')",
    "timestamp('2026-04-01T09:00:00+09:00')",
    ".getHours('Asia/Tokyo')",
    ".map(x, x)",
    ".filter(x, x > 1)",
    ".all(x, ",
    ".exists_one(x, ",
    "size(",
    "int(",
    "double(",
    "string(",
    "bytes(",
    "convert(record.n, 'kg', 'g')",
    "lookup('t', 1)",
    "epoch_ms(",
    "rfc3339(",
    ".split('')",
    ".join('')",
    ".substring(1)",
    " in ",
    " ? 1 : ",
    " && ",
    "{'a': 1}",
    "[1, 2.5]",
    "9223372036854775807",
    "1u",
];

pub(super) const MAPPING_WORDS: &[&str] = &[
    "\"value\":\"record.n\"",
    "\"required\":true",
    "\"kind\":\"relationship\"",
    "\"kind\":\"geo\"",
    "\"kind\":\"language\"",
    "\"observed_at\":\"at\"",
    "\"unit_code\":\"'KGM'\"",
    "\"dataset_id\":\"'urn:d:1'\"",
    "\"for_each\":\"record.l\"",
    "\"when\":\"true\"",
    "\"let\":{\"x\":\"record.n\"}",
    "\"given\":[\"subject\"]",
    "\"tables\":{\"t\":{\"a\":1}}",
    "item",
    "index",
    "urn:ngsi-ld:null",
    "location",
    "observedAt",
];

/// In every text that is looked at: no error shows it.
const MARK: &str = "秘密の値";

/// An expression that is compiled has a value or an error, the same each time, without a fault and without what it looked at.
pub(super) fn expression(bytes: &[u8]) -> Held {
    let Ok(source) = std::str::from_utf8(bytes) else { return Ok(false) };
    let Ok(expression) = Expression::compile(source, &["record", "steps", "at"]) else {
        return Ok(false);
    };
    let record = json!({
        "n": 7, "d": 2.5, "t": MARK, "yes": true, "no": null, "l": [1, 2.5, MARK, [MARK]],
        "m": { "a": { "b": MARK } }, "k": MARK
    });
    let variables =
        Variables::new().with("record", &record).with("steps", 8000).with("at", Micros(NOW));
    let one = expression.evaluate(&variables);
    if one != expression.evaluate(&variables) {
        return Err("two evaluations differ".to_owned());
    }
    match one {
        Err(EvaluationError::Fault) => Err("the evaluator fails".to_owned()),
        Err(error) if format!("{error} {error:?}").contains(MARK) => {
            Err(format!("the error shows the input: {error}"))
        }
        _ => Ok(true),
    }
}

/// What a mapping makes can be stored, and what it refuses it refuses without a value. The first line is the mapping, the others are a record.
pub(super) fn mapping(bytes: &[u8]) -> Held {
    let Ok(text) = std::str::from_utf8(bytes) else { return Ok(false) };
    let (config, record) = text.split_once('\n').unwrap_or((text, "null"));
    if document(config.as_bytes()).is_none() {
        return Ok(false);
    }
    let (Ok(config), Ok(record)) =
        (serde_json::from_str::<MappingConfig>(config), serde_json::from_str::<Json>(record))
    else {
        return Ok(false);
    };
    let Ok(mapping) = Mapping::compile(config, &Secrets::new()) else { return Ok(false) };
    let mapped = mapping.apply(&record, &Map::new(), NOW);
    for entity in &mapped.entities {
        let stored = bytes::Bytes::from(entity.encode());
        let read = EntityDoc::from_bytes(stored).map_err(|error| error.to_string())?;
        if read.id() != entity.id {
            return Err("the entity is stored with another id".to_owned());
        }
    }
    let shown = format!("{:?}", mapped.refusals);
    if shown.contains(MARK) {
        return Err(format!("a refusal shows the input: {shown}"));
    }
    Ok(true)
}
