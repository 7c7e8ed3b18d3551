//! Does a value conform to a schema? As much of JSON Schema as the documents use.

use chrono::DateTime;
use serde_json::Value;

/// What a reference refers to; anything else is itself.
pub(crate) fn resolved<'a>(document: &'a Value, part: &'a Value) -> &'a Value {
    let Some(reference) = part["$ref"].as_str() else { return part };
    document.pointer(reference.trim_start_matches('#')).unwrap_or_else(|| panic!("{reference} leads nowhere"))
}

/// Panics where it does not. Members that a schema does not name are refused, and a time has to be declared as one.
pub(crate) fn conform(document: &Value, schema: &Value, value: &Value, context: &str) {
    let schema = resolved(document, schema);
    let types = match &schema["type"] {
        Value::String(one) => vec![one.as_str()],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => panic!("{context}: {schema} has no type"),
    };
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    assert!(types.contains(&kind), "{context}: {value} is none of {types:?}");
    match value {
        Value::Object(members) => {
            for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                assert!(members.contains_key(name), "{context}: {name} is missing");
            }
            for (name, member) in members {
                let property = schema["properties"].get(name).unwrap_or_else(|| panic!("{context}: {name} is not declared"));
                conform(document, property, member, &format!("{context}: {name}"));
            }
        }
        Value::Array(items) => items.iter().for_each(|item| conform(document, &schema["items"], item, context)),
        Value::String(text) => {
            assert!(schema["enum"].as_array().is_none_or(|values| values.contains(value)), "{context}: {text}");
            let is_time = DateTime::parse_from_rfc3339(text).is_ok();
            assert_eq!(schema["format"] == "date-time", is_time, "{context}: {text} and its format");
        }
        _ => {}
    }
}
