//! The cascade of comparisons. Each rule is a function of the output and the expected text;
//! nothing is edited in place, so a rule can be named for every acceptance.

use std::collections::BTreeSet;

use crate::judge::python::{self, is_close_numpy, parse_float, split, split_lines, strip};
use crate::value::Value;

/// Which comparison accepted an output, in the order in which they are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OutputRule {
    /// The lines, joined and stripped, are the expected text, stripped.
    Text,
    /// The same after stripping each line.
    StrippedLines,
    /// The lines are the expected lines, the latter stripped and without empty ones.
    ExpectedLines,
    /// The same after dropping empty lines from the output. The grader of 2021 goes on to
    /// convert to floats here and fails with an error of its own where it cannot.
    BlankLines,
    /// All lines are single numbers, pairwise within 1e-5 relative.
    Floats,
    /// The same set of sets of tokens: order and repetition of lines and tokens ignored.
    TokenSets,
    /// The same with tokens as numbers rounded to three decimals.
    RoundedSets,
}

impl OutputRule {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::StrippedLines => "stripped-lines",
            Self::ExpectedLines => "expected-lines",
            Self::BlankLines => "blank-lines",
            Self::Floats => "floats",
            Self::TokenSets => "token-sets",
            Self::RoundedSets => "rounded-sets",
        }
    }
}

/// The first rule by which `output`, the captured text, is accepted.
pub(crate) fn output_rule(expected: &str, output: &str) -> Option<OutputRule> {
    let lines = split_lines(output);
    if strip(&lines.join("\n")) == strip(expected) {
        return Some(OutputRule::Text);
    }
    let stripped: Vec<&str> = lines.iter().map(|line| strip(line)).collect();
    if strip(&stripped.join("\n")) == strip(expected) {
        return Some(OutputRule::StrippedLines);
    }
    let expected: Vec<&str> = expected
        .split('\n')
        .filter(|line| !line.is_empty())
        .map(strip)
        .collect();
    if lines == expected {
        return Some(OutputRule::ExpectedLines);
    }
    let lines: Vec<&str> = lines.into_iter().filter(|line| !line.is_empty()).collect();
    let numbers = all_close(&lines, &expected);
    if lines == expected {
        return Some(if numbers.is_some() {
            OutputRule::Floats
        } else {
            OutputRule::BlankLines
        });
    }
    if numbers == Some(true) {
        return Some(OutputRule::Floats);
    }
    let lines: Vec<&str> = lines
        .into_iter()
        .filter(|line| split(line).next().is_some())
        .collect();
    if token_sets(&lines) == token_sets(&expected) {
        return Some(OutputRule::TokenSets);
    }
    match (rounded_sets(&lines), rounded_sets(&expected)) {
        (Some(lines), Some(expected)) if lines == expected => Some(OutputRule::RoundedSets),
        _ => None,
    }
}

/// `None` when a line is not a number.
fn all_close(lines: &[&str], expected: &[&str]) -> Option<bool> {
    let numbers = |lines: &[&str]| -> Option<Vec<f64>> {
        lines.iter().map(|line| parse_float(line)).collect()
    };
    let (lines, expected) = (numbers(lines)?, numbers(expected)?);
    Some(
        lines.len() == expected.len()
            && lines
                .iter()
                .zip(&expected)
                .all(|(a, b)| is_close_numpy(*a, *b)),
    )
}

fn token_sets<'a>(lines: &[&'a str]) -> BTreeSet<BTreeSet<&'a str>> {
    lines.iter().map(|line| split(line).collect()).collect()
}

/// `None` when a token is not a number.
fn rounded_sets(lines: &[&str]) -> Option<BTreeSet<BTreeSet<u64>>> {
    lines
        .iter()
        .map(|line| {
            split(line)
                .map(|token| parse_float(token).and_then(rounded))
                .collect()
        })
        .collect()
}

/// Bits of `round(number, 3)`, with one zero. `None` for NaN, which no set finds again.
fn rounded(number: f64) -> Option<u64> {
    if number.is_nan() {
        return None;
    }
    // Both Python and Rust round the exact binary value correctly.
    let rounded: f64 = format!("{number:.3}").parse().ok()?;
    Some((rounded + 0.0).to_bits())
}

/// Whether the result of a call is accepted.
pub(crate) fn call_result_accepted(expected: &Value, result: &Value) -> bool {
    // Only the outermost tuple becomes a list.
    let result = match result {
        Value::Tuple(items) => &Value::List(items.clone()),
        other => other,
    };
    let first = match expected {
        Value::List(items) => items.first(),
        _ => None,
    };
    python::equal(result, expected)
        || first.is_some_and(|first| {
            python::equal(result, first)
                || rows_as_lists(result).is_some_and(|rows| python::equal(&rows, first))
        })
}

/// `[list(row) for row in result]` where the first row is a tuple.
fn rows_as_lists(result: &Value) -> Option<Value> {
    let Value::List(rows) = result else {
        return None;
    };
    let Some(Value::Tuple(_)) = rows.first() else {
        return None;
    };
    rows.iter()
        .map(|row| match row {
            Value::List(items) | Value::Tuple(items) => Some(Value::List(items.clone())),
            Value::Str(text) => Some(Value::List(
                text.chars().map(|c| Value::Str(c.to_string())).collect(),
            )),
            Value::Dict(pairs) => Some(Value::List(
                pairs.iter().map(|(key, _)| key.clone()).collect(),
            )),
            _ => None,
        })
        .collect::<Option<_>>()
        .map(Value::List)
}

/// Undoes JSON's string keys the way the original does: a dict, or a list that starts with
/// one, becomes a list of that one dict with integer keys. `None` where it leaves the value.
pub(crate) fn dict_quirks(items: &Value) -> Option<Value> {
    let dict = match items {
        Value::Dict(_) => items,
        Value::List(items) => items.first()?,
        _ => return None,
    };
    crate::judge::strict::with_integer_keys(dict).map(|dict| Value::List(vec![dict]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_accepted_by_the_first_rule_that_does() {
        use OutputRule::*;
        let check = |expected: &str, output: &str, rule: Option<OutputRule>| {
            assert_eq!(
                output_rule(expected, output),
                rule,
                "expected {expected:?}, output {output:?}"
            );
        };
        check("1\n2\n", "1\n2\n", Some(Text));
        check("1\n2", "1 \n2 \n", Some(StrippedLines));
        check("1\n\n2", "1\n2\n", Some(ExpectedLines));
        check("a\nb", "a\n\nb\n", Some(BlankLines));
        check("1\n2", "1\n\n2\n", Some(Floats));
        check("1.0", "1.00001", Some(Floats));
        check("100001", "100000", Some(Floats));
        check("100003", "100000", None);
        check("1.0", "1.0001", Some(RoundedSets));
        check("a\nb", "b\na", Some(TokenSets));
        check("a b", "b a", Some(TokenSets));
        check("YES NO YES", "NO YES YES", Some(TokenSets));
        check("1", "1 1 1", Some(TokenSets));
        check("Christmas Eve Eve Eve", "Christmas Eve", Some(TokenSets));
        check("1.0 2.0", "2.0001 1", Some(RoundedSets));
        check("YES", "yes", None);
        check("1 2", "1\n2", None);
        check("", "", Some(Text));
        check("", "x", None);
    }

    #[test]
    fn results_are_accepted_wrapped_or_not() {
        let value = |json: &str| Value::from_json(json.as_bytes()).unwrap();
        let check = |expected: &str, result: Value, accepted: bool| {
            assert_eq!(
                call_result_accepted(&value(expected), &result),
                accepted,
                "expected {expected}, result {result:?}"
            );
        };
        let pair = || Value::Tuple(vec![1.into(), 2.into()]);
        check("[3]", 3.into(), true);
        check("[1, 2]", pair(), true);
        check("[1, 2]", 1.into(), true);
        check("[[1, 2]]", pair(), true);
        check("[[[1, 2]]]", Value::List(vec![pair()]), true);
        check("[[1, 2]]", Value::List(vec![pair()]), false);
        check("1", Value::Bool(true), true);
        check("0.3", Value::Float(0.1 + 0.2), false);
        check("[]", Value::None, false);
    }

    #[test]
    fn string_keys_become_integers_in_the_first_dict() {
        let value = |json: &str| Value::from_json(json.as_bytes()).unwrap();
        let one = Value::List(vec![Value::Dict(vec![(1.into(), 2.into())])]);
        assert_eq!(dict_quirks(&value(r#"{"1": 2}"#)), Some(one.clone()));
        assert_eq!(dict_quirks(&value(r#"[{"1": 2}, 5]"#)), Some(one));
        assert_eq!(dict_quirks(&value(r#"[{"a": 2}]"#)), None);
        assert_eq!(dict_quirks(&value("[5]")), None);
    }
}
