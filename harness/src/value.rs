//! Python data outside Python: arguments, results and expected values as plain trees.
//!
//! A value holds exactly what crosses the sandbox boundary. Objects that are not plain
//! built-in data arrive as [`Value::Opaque`]. `PartialEq` here is structural (`1` differs
//! from `1.0`, NaN from NaN); Python's `==` is the judge's business.

use std::collections::HashMap;

use jiter::JsonValue;
use num_bigint::BigInt;
use serde::{Deserialize, Serialize};

/// A value of a built-in Python type.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "value", rename_all = "kebab-case")]
pub enum Value {
    None,
    Bool(bool),
    /// Arbitrary precision; written as a decimal string.
    Int(#[serde(with = "text")] BigInt),
    /// Written as a string, so that `NaN` and `inf` survive JSON.
    Float(#[serde(with = "text")] f64),
    Complex {
        #[serde(with = "text")]
        re: f64,
        #[serde(with = "text")]
        im: f64,
    },
    Str(String),
    /// A `str` with lone surrogates, as code points.
    SurrogateStr(Vec<u32>),
    Bytes(Vec<u8>),
    List(Vec<Value>),
    Tuple(Vec<Value>),
    Set(Vec<Value>),
    FrozenSet(Vec<Value>),
    /// Pairs in insertion order.
    Dict(Vec<(Value, Value)>),
    /// Anything else: an instance, a function, a generator, data nested too deep.
    Opaque {
        type_name: String,
        repr: String,
    },
}

impl Value {
    /// Reads JSON as Python's `json.loads` does: integers of any size, `NaN` and `Infinity`
    /// allowed, the last of equal keys wins.
    ///
    /// # Errors
    /// What is wrong and where, when `json` is not JSON.
    pub fn from_json(json: &[u8]) -> Result<Self, String> {
        JsonValue::parse(json, true)
            .map(|value| Self::from_jiter(&value))
            .map_err(|error| error.description(json))
    }

    fn from_jiter(value: &JsonValue<'_>) -> Self {
        match value {
            JsonValue::Null => Self::None,
            JsonValue::Bool(b) => Self::Bool(*b),
            JsonValue::Int(i) => Self::Int((*i).into()),
            JsonValue::BigInt(i) => Self::Int(i.clone()),
            JsonValue::Float(f) => Self::Float(*f),
            JsonValue::Str(s) => Self::Str(s.clone().into_owned()),
            JsonValue::Array(items) => Self::List(items.iter().map(Self::from_jiter).collect()),
            JsonValue::Object(pairs) => {
                let mut dict: Vec<(Self, Self)> = Vec::with_capacity(pairs.len());
                let mut position = HashMap::with_capacity(pairs.len());
                for (key, item) in pairs.iter() {
                    let key: &str = key;
                    let item = Self::from_jiter(item);
                    if let Some(&at) = position.get(key) {
                        let (_, old): &mut (Self, Self) = &mut dict[at];
                        *old = item;
                    } else {
                        position.insert(key, dict.len());
                        dict.push((Self::from(key), item));
                    }
                }
                Self::Dict(dict)
            }
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Str(text.to_owned())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number.into())
    }
}

/// Numbers as strings.
mod text {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<T: Display, S: Serializer>(
        number: &T,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(number)
    }

    pub(super) fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
    where
        T: FromStr,
        T::Err: Display,
        D: Deserializer<'de>,
    {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_read_as_python_reads_it() {
        let check = |json: &str, expected: Value| {
            assert_eq!(
                Value::from_json(json.as_bytes()).unwrap(),
                expected,
                "{json}"
            );
        };
        check("null", Value::None);
        check("-3", Value::from(-3));
        check("1.0", Value::Float(1.0));
        check("Infinity", Value::Float(f64::INFINITY));
        check(
            "123456789012345678901234567890",
            Value::Int("123456789012345678901234567890".parse().unwrap()),
        );
        check(
            r#"{"a": 1, "b": 2, "a": 3}"#,
            Value::Dict(vec![
                ("a".into(), Value::from(3)),
                ("b".into(), Value::from(2)),
            ]),
        );
        assert!(Value::from_json(b"[1, 2").unwrap_err().contains("EOF"));
    }

    #[test]
    fn survives_a_round_trip_through_our_own_records() {
        let value = Value::List(vec![
            Value::Float(f64::NEG_INFINITY),
            Value::Float(0.1),
            Value::Complex { re: 1.0, im: -2.5 },
            Value::Tuple(vec![Value::None, Value::Bool(true)]),
            Value::Dict(vec![(Value::from(1), Value::Set(vec!["x".into()]))]),
            Value::SurrogateStr(vec![0xd800]),
        ]);
        let json = serde_json::to_string(&value).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), value);
    }
}
