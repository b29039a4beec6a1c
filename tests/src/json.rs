//! Reads JSON values in stories; a value of another kind panics at the line of the story.

use serde_json::Value;

/// The items of a list.
#[track_caller]
pub fn items(value: &Value) -> &Vec<Value> {
    match value {
        Value::Array(items) => items,
        other => panic!("not a list: {other}"),
    }
}

/// A text.
#[track_caller]
pub fn text(value: &Value) -> &str {
    match value {
        Value::String(text) => text,
        other => panic!("not a text: {other}"),
    }
}

/// A whole number from zero on.
#[track_caller]
pub fn number(value: &Value) -> u64 {
    match value.as_u64() {
        Some(number) => number,
        None => panic!("not a whole number: {value}"),
    }
}

/// The value at a path of field names with dots between them; null where there is nothing.
pub fn at<'a>(value: &'a Value, path: &str) -> &'a Value {
    path.split('.').fold(value, |value, field| &value[field])
}
