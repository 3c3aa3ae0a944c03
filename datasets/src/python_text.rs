//! Plain values as Python prints them.

use harness::value::Value;

/// `str(value)` of a string, a number or a boolean; nothing for other kinds.
pub(crate) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::Str(text) => Some(text.clone()),
        Value::Int(_) | Value::Bool(_) | Value::Float(_) => Some(value.to_string()),
        _ => None,
    }
}
