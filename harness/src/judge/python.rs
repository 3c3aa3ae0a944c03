//! Python's own operations on [`Value`]s and text, where a grader needs them on the host.

use num_bigint::BigInt;
use num_traits::ToPrimitive;

use crate::value::Value;

/// `left == right` as CPython decides it for built-in types: `True == 1 == 1.0`, a list is
/// never a tuple, sets and dicts ignore order. Opaque values equal nothing.
///
/// Members of sets and keys of dicts are looked for both ways: a program can hold equal ones
/// in a set, by a subclass of `int` that denies it, and `{2, 2}` is not `{2, 3}`.
pub(crate) fn equal(left: &Value, right: &Value) -> bool {
    use Value::{Bool, Bytes, Complex, Dict, FrozenSet, List, None, Set, Str, SurrogateStr, Tuple};
    match (left, right) {
        (None, None) => true,
        (Str(a), Str(b)) => a == b,
        (SurrogateStr(a), SurrogateStr(b)) => a == b,
        (Bytes(a), Bytes(b)) => a == b,
        (List(a), List(b)) | (Tuple(a), Tuple(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b))
        }
        (Set(a) | FrozenSet(a), Set(b) | FrozenSet(b)) => {
            a.len() == b.len() && are_among(a, b) && are_among(b, a)
        }
        (Dict(a), Dict(b)) => a.len() == b.len() && pairs_are_among(a, b) && pairs_are_among(b, a),
        (Complex { re, im }, Complex { re: re2, im: im2 }) => re == re2 && im == im2,
        (Complex { re, im }, real) | (real, Complex { re, im }) => {
            *im == 0.0 && equal(&Value::Float(*re), real)
        }
        (Bool(a), Bool(b)) => a == b,
        (a, b) => match (Number::of(a), Number::of(b)) {
            (Some(a), Some(b)) => a.equals(&b),
            _ => false,
        },
    }
}

fn are_among(items: &[Value], all: &[Value]) -> bool {
    items
        .iter()
        .all(|item| all.iter().any(|other| equal(item, other)))
}

fn pairs_are_among(pairs: &[(Value, Value)], all: &[(Value, Value)]) -> bool {
    pairs.iter().all(|(key, item)| {
        all.iter()
            .any(|(other_key, other)| equal(key, other_key) && equal(item, other))
    })
}

/// A real number as Python compares it: exactly, whatever the types.
enum Number<'a> {
    Small(i64),
    Big(&'a BigInt),
    Float(f64),
}

impl<'a> Number<'a> {
    fn of(value: &'a Value) -> Option<Self> {
        match value {
            Value::Bool(b) => Some(Self::Small(i64::from(*b))),
            Value::Int(i) => Some(i.to_i64().map_or(Self::Big(i), Self::Small)),
            Value::Float(f) => Some(Self::Float(*f)),
            _ => None,
        }
    }

    fn equals(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Small(a), Self::Small(b)) => a == b,
            (Self::Big(a), Self::Big(b)) => a == b,
            (Self::Float(a), Self::Float(b)) => a == b,
            (Self::Small(i), Self::Float(f)) | (Self::Float(f), Self::Small(i)) => {
                is_exactly(*f, &BigInt::from(*i))
            }
            (Self::Big(i), Self::Float(f)) | (Self::Float(f), Self::Big(i)) => is_exactly(*f, i),
            (Self::Small(_), Self::Big(_)) | (Self::Big(_), Self::Small(_)) => false,
        }
    }
}

fn is_exactly(float: f64, integer: &BigInt) -> bool {
    use num_traits::FromPrimitive;
    float.is_finite()
        && float.fract() == 0.0
        && BigInt::from_f64(float).is_some_and(|float| float == *integer)
}

/// A number as `f64`, for comparisons with a tolerance. `bool` is no number here.
pub(crate) fn as_f64(value: &Value) -> Option<f64> {
    match value {
        Value::Int(i) => i.to_f64(),
        Value::Float(f) => Some(*f),
        _ => None,
    }
}

/// `str.splitlines()`: more separators than newline, none kept.
pub(crate) fn split_lines(text: &str) -> Vec<&str> {
    let mut lines = Vec::new();
    let mut start = 0;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if is_line_boundary(c) {
            lines.push(&text[start..at]);
            start = at + c.len_utf8();
            if c == '\r'
                && let Some(&(_, '\n')) = chars.peek()
            {
                chars.next();
                start += 1;
            }
        }
    }
    if start < text.len() {
        lines.push(&text[start..]);
    }
    lines
}

fn is_line_boundary(c: char) -> bool {
    matches!(
        c,
        '\n' | '\r'
            | '\x0b'
            | '\x0c'
            | '\x1c'
            | '\x1d'
            | '\x1e'
            | '\u{85}'
            | '\u{2028}'
            | '\u{2029}'
    )
}

/// White space in the sense of `str.strip()` and `str.split()`: Unicode's, and the four
/// ASCII separators.
pub(crate) fn is_space(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\x1c'..='\x1f')
}

/// `text.strip()`.
pub(crate) fn strip(text: &str) -> &str {
    text.trim_matches(is_space)
}

/// `text.split()`.
pub(crate) fn split(text: &str) -> impl Iterator<Item = &str> {
    text.split(is_space).filter(|token| !token.is_empty())
}

/// `float(text)`: decimal notation with underscores between digits, `inf`, `infinity`, `nan`.
pub(crate) fn parse_float(text: &str) -> Option<f64> {
    let text = strip(text);
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let decimal = unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    if !decimal {
        return match unsigned.to_ascii_lowercase().as_str() {
            "inf" | "infinity" | "nan" => text.to_ascii_lowercase().parse().ok(),
            _ => None,
        };
    }
    if !text.contains('_') {
        return text.parse().ok();
    }
    let bytes = text.as_bytes();
    let between_digits = |at: usize| {
        let digit = |at: Option<usize>| {
            at.and_then(|at| bytes.get(at))
                .is_some_and(u8::is_ascii_digit)
        };
        digit(at.checked_sub(1)) && digit(Some(at + 1))
    };
    (0..bytes.len())
        .all(|at| bytes[at] != b'_' || between_digits(at))
        .then(|| text.replace('_', "").parse().ok())
        .flatten()
}

/// `int(text)` for keys of JSON objects.
pub(crate) fn parse_int(text: &str) -> Option<BigInt> {
    let text = strip(text);
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    (!digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
        .then(|| text.strip_prefix('+').unwrap_or(text).parse().ok())
        .flatten()
}

/// `numpy.allclose` for one pair, with its defaults: `|a - b| <= 1e-8 + 1e-5 |b|`.
pub(crate) fn is_close_numpy(actual: f64, expected: f64) -> bool {
    actual == expected
        || (actual.is_finite()
            && expected.is_finite()
            && (actual - expected).abs() <= 1e-8 + 1e-5 * expected.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(json: &str) -> Value {
        Value::from_json(json.as_bytes()).unwrap()
    }

    #[test]
    fn equality_is_python_equality() {
        let check = |left: Value, right: Value, expected: bool| {
            assert_eq!(equal(&left, &right), expected, "{left:?} == {right:?}");
            assert_eq!(equal(&right, &left), expected, "{right:?} == {left:?}");
        };
        check(value("1"), value("true"), true);
        check(value("1"), value("1.0"), true);
        check(
            value("9007199254740993"),
            value("9007199254740992.0"),
            false,
        );
        check(value("100000000000000000000"), value("1e20"), true);
        check(value("0.1"), value("0.10000000000000002"), false);
        check(value("NaN"), value("NaN"), false);
        check(
            value("[1, 2]"),
            Value::Tuple(vec![1.into(), 2.into()]),
            false,
        );
        check(value("[]"), value("null"), false);
        check(
            Value::Set(vec![1.into(), 2.into()]),
            Value::FrozenSet(vec![2.into(), 1.into()]),
            true,
        );
        let repeated = || Value::Set(vec![2.into(), 2.into()]);
        check(repeated(), Value::Set(vec![2.into(), 3.into()]), false);
        check(
            Value::Dict(vec![(2.into(), 1.into()), (2.into(), 1.into())]),
            Value::Dict(vec![(2.into(), 1.into()), (3.into(), 1.into())]),
            false,
        );
        check(
            value(r#"{"a": 1, "b": 2}"#),
            value(r#"{"b": 2.0, "a": 1}"#),
            true,
        );
        check(value(r#"{"a": 1}"#), value(r#"{"a": 1, "b": 2}"#), false);
        check(Value::Complex { re: 2.0, im: 0.0 }, value("2"), true);
        let opaque = Value::Opaque {
            type_name: "X".into(),
            repr: "x".into(),
        };
        check(opaque.clone(), opaque, false);
    }

    #[test]
    fn text_is_split_as_python_splits_it() {
        let check = |text: &str, expected: &[&str]| assert_eq!(split_lines(text), expected);
        check("", &[]);
        check("a\n", &["a"]);
        check("a\r\nb\rc", &["a", "b", "c"]);
        check("\n\n", &["", ""]);
        check("a\u{2028}b\x0cc", &["a", "b", "c"]);
        assert_eq!(split(" a\tb\x1fc\n").collect::<Vec<_>>(), ["a", "b", "c"]);
    }

    #[test]
    fn numbers_are_read_as_python_reads_them() {
        let check =
            |text: &str, expected: Option<f64>| assert_eq!(parse_float(text), expected, "{text}");
        check("1", Some(1.0));
        check(" -1.5e3 ", Some(-1500.0));
        check(".5", Some(0.5));
        check("5.", Some(5.0));
        check("1_000", Some(1000.0));
        check("1__0", None);
        check("_1", None);
        check("INF", Some(f64::INFINITY));
        check("-infinity", Some(f64::NEG_INFINITY));
        check("0x10", None);
        check("", None);
        check("infin", None);
        assert!(parse_float("nan").unwrap().is_nan());
        assert_eq!(parse_int("-12"), Some((-12).into()));
        assert_eq!(parse_int("1.0"), None);
    }
}
