//! The `strict` grader's comparisons.
//!
//! Standard output: leading and trailing blank lines are dropped; the remaining lines must
//! agree one by one, in order, token by token (tokens are separated by white space). Tokens
//! agree when they are the same text, or when the *expected* one is written as a float
//! (with a point or an exponent) and the actual one is a decimal number within
//! `1e-6 + 1e-5·|expected|` of it. An expected integer is matched by that integer alone.
//!
//! Call results: Python's equality, except that tuples count as lists (JSON has no tuples),
//! `True` is not `1`, and floats get the same tolerance. An expected list of one element
//! also accepts its element, because APPS wraps many results that way.

use crate::judge::python;
use crate::value::Value;
use crate::verdict::Difference;

const ABSOLUTE_TOLERANCE: f64 = 1e-6;
const RELATIVE_TOLERANCE: f64 = 1e-5;

fn close(actual: f64, expected: f64) -> bool {
    actual == expected
        || (actual.is_finite()
            && expected.is_finite()
            && (actual - expected).abs()
                <= ABSOLUTE_TOLERANCE + RELATIVE_TOLERANCE * expected.abs())
}

/// Compares standard output with what a test expects.
///
/// # Errors
/// The first difference.
pub(crate) fn compare_output(expected: &str, actual: &[u8]) -> Result<(), Difference> {
    let actual = String::from_utf8_lossy(actual);
    let expected_lines = content_lines(expected);
    let actual_lines = content_lines(&actual);
    let matching = expected_lines
        .iter()
        .zip(&actual_lines)
        .take_while(|(expected, actual)| lines_agree(expected, actual))
        .count();
    if matching == expected_lines.len() && matching == actual_lines.len() {
        return Ok(());
    }
    Err(Difference {
        expected: head(&expected_lines[matching..]),
        actual: head(&actual_lines[matching..]),
        line: u32::try_from(matching + 1).ok(),
    })
}

/// Lines from the first to the last that hold something.
fn content_lines(text: &str) -> Vec<&str> {
    let is_blank = |line: &&str| python::strip(line).is_empty();
    let mut lines: Vec<&str> = text.lines().skip_while(is_blank).collect();
    while lines.last().is_some_and(is_blank) {
        lines.pop();
    }
    lines
}

fn lines_agree(expected: &str, actual: &str) -> bool {
    let mut actual = python::split(actual);
    python::split(expected).all(|token| {
        actual
            .next()
            .is_some_and(|other| tokens_agree(token, other))
    }) && actual.next().is_none()
}

fn tokens_agree(expected: &str, actual: &str) -> bool {
    expected == actual
        || (is_written_as_float(expected)
            && is_decimal(actual)
            && matches!((expected.parse(), actual.parse()), (Ok(e), Ok(a)) if close(a, e)))
}

fn is_written_as_float(token: &str) -> bool {
    is_decimal(token) && token.contains(['.', 'e', 'E'])
}

/// Digits with an optional sign, point and exponent; no `inf`, no `nan`, no underscores.
fn is_decimal(token: &str) -> bool {
    let unsigned = token.strip_prefix(['+', '-']).unwrap_or(token);
    unsigned.bytes().any(|b| b.is_ascii_digit())
        && unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && unsigned
            .bytes()
            .all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'))
}

/// Compares the result of a call with what a test expects.
///
/// # Errors
/// The difference, as Python would write the values.
pub(crate) fn compare_result(expected: &Value, actual: &Value) -> Result<(), Difference> {
    let accepted = |expected: &Value| {
        agrees(expected, actual)
            || with_integer_keys(expected).is_some_and(|expected| agrees(&expected, actual))
    };
    let unwrapped = match expected {
        Value::List(items) if items.len() == 1 => items.first(),
        _ => None,
    };
    if accepted(expected) || unwrapped.is_some_and(accepted) {
        return Ok(());
    }
    Err(Difference {
        expected: expected.shortened(HEAD_CHARS),
        actual: actual.shortened(HEAD_CHARS),
        line: None,
    })
}

fn agrees(expected: &Value, actual: &Value) -> bool {
    use Value::{Bool, Dict, Float, Int, List, Tuple};
    match (expected, actual) {
        (List(e) | Tuple(e), List(a) | Tuple(a)) => {
            e.len() == a.len() && e.iter().zip(a).all(|(e, a)| agrees(e, a))
        }
        (Dict(e), Dict(a)) => {
            e.len() == a.len()
                && e.iter().all(|(key, e)| {
                    a.iter()
                        .any(|(other, a)| python::equal(key, other) && agrees(e, a))
                })
        }
        (Bool(e), Bool(a)) => e == a,
        (Bool(_), _) | (_, Bool(_)) => false,
        (Float(e), Int(_) | Float(_)) => {
            python::equal(expected, actual) || python::as_f64(actual).is_some_and(|a| close(a, *e))
        }
        _ => python::equal(expected, actual),
    }
}

/// JSON turns integer keys into strings; this turns them back where all of them are integers.
pub(crate) fn with_integer_keys(value: &Value) -> Option<Value> {
    let Value::Dict(pairs) = value else {
        return None;
    };
    pairs
        .iter()
        .map(|(key, item)| match key {
            Value::Str(text) => Some((Value::Int(python::parse_int(text)?), item.clone())),
            _ => None,
        })
        .collect::<Option<_>>()
        .map(Value::Dict)
}

/// Length of the texts in a difference.
pub(crate) const HEAD_CHARS: usize = 400;

fn head(lines: &[&str]) -> String {
    let mut text = String::new();
    for line in lines {
        text.push_str(line);
        text.push('\n');
        if text.len() > 4 * HEAD_CHARS {
            break;
        }
    }
    shortened(&text)
}

/// The first [`HEAD_CHARS`] characters, with an ellipsis where something was cut.
pub(crate) fn shortened(text: &str) -> String {
    match text.char_indices().nth(HEAD_CHARS) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_is_compared_line_by_line() {
        let check = |expected: &str, actual: &str, accepted: bool| {
            assert_eq!(
                compare_output(expected, actual.as_bytes()).is_ok(),
                accepted,
                "expected {expected:?}, actual {actual:?}"
            );
        };
        check("1\n2\n", "1\n2", true);
        check("1\n2", "\n\n1 \r\n 2\n\n", true);
        check("1 2", "1\t2", true);
        check("", "\n", true);
        check("", "x", false);
        check("1\n2", "2\n1", false);
        check("1 2", "2 1", false);
        check("1 2", "1\n2", false);
        check("1", "1 1", false);
        check("1 1", "1", false);
        check("1\n\n2", "1\n2", false);
        check("YES", "yes", false);
        // Floats have a tolerance, integers have none.
        check("1.0", "1", true);
        check("0.333333", "0.33333333333", true);
        check("0.333", "0.334", false);
        check("1e-3", "0.001", true);
        check("100000", "100001", false);
        check("100000", "100000.0", false);
        check("1.5", "nan", false);
        check("1.5", "1_5", false);
        check("3.10", "3.1", true);
        check("1.2.3", "1.2.3", true);
        check("1.2.3", "1.2.4", false);
    }

    #[test]
    fn the_first_difference_is_shown() {
        let difference = compare_output("\na\nb\nc\n", b"a\nx\nc\n").unwrap_err();
        assert_eq!(difference.line, Some(2));
        assert_eq!(difference.expected, "b\nc\n");
        assert_eq!(difference.actual, "x\nc\n");
    }

    #[test]
    fn results_are_compared_as_values() {
        let value = |json: &str| Value::from_json(json.as_bytes()).unwrap();
        let check = |expected: &str, actual: Value, accepted: bool| {
            assert_eq!(
                compare_result(&value(expected), &actual).is_ok(),
                accepted,
                "expected {expected}, actual {actual:?}"
            );
        };
        check("[1, 2]", Value::Tuple(vec![1.into(), 2.into()]), true);
        check("[[1, 2]]", Value::Tuple(vec![1.into(), 2.into()]), true);
        check("[5]", 5.into(), true);
        check("[5]", value("[5]"), true);
        check("[5, 6]", 5.into(), false);
        check("5", value("[5]"), false);
        check("1", value("true"), false);
        check("true", value("true"), true);
        check("2", value("2.0"), true);
        check("0.1", value("0.1000001"), true);
        check("0.1", value("0.11"), false);
        check("null", value("null"), true);
        check(
            r#"{"1": "a"}"#,
            Value::Dict(vec![(1.into(), "a".into())]),
            true,
        );
        check(r#"{"1": "a"}"#, value(r#"{"1": "a"}"#), true);
        check("[1, 2]", Value::Set(vec![1.into(), 2.into()]), false);
        check(
            "\"x\"",
            Value::Opaque {
                type_name: "Liar".into(),
                repr: "'x'".into(),
            },
            false,
        );
    }
}
