//! No individual number is kept, whatever an outside system sends.

use serde_json::Value;
use serde_json::value::RawValue;
use tsunagu_domain::individual_number;

/// Whether a record holds a member named for the individual number, or what can be one.
pub(crate) fn holds_individual_number(record: &RawValue) -> bool {
    // As it stands too: of members that are named twice the value has only the last.
    individual_number::is_in(record.get())
        || serde_json::from_str::<Value>(record.get()).is_ok_and(|value| is_in(&value))
}

fn is_in(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) => false,
        Value::Number(number) => {
            let text = number.to_string();
            individual_number::is_in(&text) || individual_number::is_in_power(&text)
        }
        Value::String(text) => {
            individual_number::is_in(text) || individual_number::is_in_power(text)
        }
        Value::Array(list) => list.iter().any(is_in) || is_spread(list),
        Value::Object(members) => {
            individual_number::is_spread_over(members.values().map(Value::as_str))
                || members.iter().any(|(name, value)| {
                    individual_number::is_field_name(name)
                        || individual_number::is_in(name)
                        || is_in(value)
                })
        }
    }
}

fn is_spread(list: &[Value]) -> bool {
    let texts: Vec<&str> = list.iter().filter_map(Value::as_str).collect();
    let numbers: Vec<String> =
        list.iter().filter(|one| one.is_number()).map(ToString::to_string).collect();
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
    individual_number::is_spread(&texts, &numbers)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use serde_json::value::to_raw_value;

    use super::*;

    #[test]
    fn individual_numbers_are_found_wherever_they_stand() {
        // An invented number with a right check digit.
        for (record, found) in [
            (json!({ "number": "123456789018" }), true),
            (json!({ "number": 123_456_789_018_u64 }), true),
            (json!({ "a": [{ "b": "1234 5678 9018" }] }), true),
            (json!({ "a": ["1234", "5678", "9018"] }), true),
            (json!({ "a": "1234", "b": "5678", "c": "9018" }), true),
            (json!({ "a": "1.23456789018e11" }), true),
            (json!({ "myNumber": "" }), true),
            (json!({ "個人番号": 1 }), true),
            (json!({ "123456789018": 1 }), true),
            (
                json!({ "number": "123456789017", "steps": 12_345, "at": "2026-11-30T00:00:00Z" }),
                false,
            ),
        ] {
            assert_eq!(holds_individual_number(&to_raw_value(&record).unwrap()), found, "{record}");
        }
        let twice = r#"{"note":"123456789018","note":"x"}"#.to_owned();
        assert!(holds_individual_number(&RawValue::from_string(twice).unwrap()));
    }
}
