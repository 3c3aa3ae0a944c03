//! Values as Python's `json.dumps` writes them.

use std::fmt::Write;

use harness::value::Value;

/// Compact JSON. Tuples and sets become arrays, keys of dicts become text, floats that JSON
/// lacks are written `NaN` and `Infinity` as Python does, and what has no JSON at all is
/// its `repr`.
pub(crate) fn to_json(value: &Value) -> String {
    let mut out = String::new();
    write_value(&mut out, value);
    out
}

pub(crate) fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("strings are JSON")
}

fn write_value(out: &mut String, value: &Value) {
    match value {
        Value::None => out.push_str("null"),
        Value::Bool(bool) => out.push_str(if *bool { "true" } else { "false" }),
        Value::Int(number) => write!(out, "{number}").expect("a string grows"),
        Value::Float(number) if number.is_nan() => out.push_str("NaN"),
        Value::Float(number) if number.is_infinite() => {
            out.push_str(if *number > 0.0 {
                "Infinity"
            } else {
                "-Infinity"
            });
        }
        Value::Float(number) => write!(out, "{number:?}").expect("a string grows"),
        Value::Str(text) => out.push_str(&quoted(text)),
        Value::List(items) | Value::Tuple(items) | Value::Set(items) | Value::FrozenSet(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index > 0 { ", " } else { "" });
                write_value(out, item);
            }
            out.push(']');
        }
        Value::Dict(pairs) => {
            out.push('{');
            for (index, (key, item)) in pairs.iter().enumerate() {
                out.push_str(if index > 0 { ", " } else { "" });
                match key {
                    Value::Str(text) => out.push_str(&quoted(text)),
                    other => out.push_str(&quoted(&other.to_string())),
                }
                out.push_str(": ");
                write_value(out, item);
            }
            out.push('}');
        }
        Value::Complex { .. } | Value::SurrogateStr(_) | Value::Bytes(_) | Value::Opaque { .. } => {
            out.push_str(&quoted(&value.to_string()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_comes_back_as_it_was() {
        for json in [
            "null",
            "[1, -2.5, 1e300, NaN, -Infinity, \"a\\n\\\"é\"]",
            "{\"a\": [], \"b\": {\"c\": true}}",
            "[123456789012345678901234567890]",
        ] {
            let value = Value::from_json(json.as_bytes()).unwrap();
            assert_eq!(to_json(&value), json);
        }
        let tuple = Value::Tuple(vec![Value::Float(2.0), Value::Bytes(b"x".to_vec())]);
        assert_eq!(to_json(&tuple), "[2.0, \"b'x'\"]");
        let dict = Value::Dict(vec![(Value::from(1), Value::None)]);
        assert_eq!(to_json(&dict), "{\"1\": null}");
    }
}
